"""The commands of embedding spaces. Bodies import inside, so that help is quick."""

from __future__ import annotations

from typing import Any

import click

from essentia_ldl.choices import DISTANCES, NEGATIVES, SPACE_LOSSES
from essentia_ldl.cli.group import fail, show
from essentia_ldl.cli.options import JOBS, layout, read_names
from essentia_ldl.files import Home
from essentia_ldl.runs.names import FAILURES


@click.group("space")
def space_group() -> None:
    """Embedding spaces in which near means alike."""


def options_of_space(command: Any) -> Any:
    """Add the options of what is learned, and on what."""
    for option in reversed(
        [
            click.option("--on", multiple=True, callback=read_names, metavar="NAMES", help="Default: msd-musicnn."),
            click.option(
                "--layers", default="embedding", show_default=True, help="Of them: embedding, deep, all, 12345."
            ),
            click.option(
                "--network", default="", metavar="NAME", help="Instead: train a network from scratch, artists."
            ),
            click.option(
                "--by", default="artist", show_default=True, metavar="COLUMN", help="What tracks are alike in."
            ),
            click.option("--distance", type=click.Choice(DISTANCES), help="Default: cosine."),
            click.option("--negatives", type=click.Choice(NEGATIVES), help="Default: random."),
            click.option("--n-negatives", type=click.IntRange(1), metavar="N", help="Default: 4 (siamese) or 1."),
            click.option("--margin", type=click.FloatRange(0, min_open=True), help="Default: 0.4, contrastive 1."),
            click.option(
                "--size", type=click.IntRange(0), metavar="N", help="Numbers (default: as many as there are)."
            ),
            click.option("--epochs", type=click.IntRange(0), metavar="N", help="Default: 10, of a whole network 200."),
            click.option("--rate", type=click.FloatRange(0, min_open=True), help="Learning rate."),
            click.option("--seed", type=int, metavar="N", help="Of everything random (default: 0)."),
        ]
    ):
        command = option(command)
    return command


@space_group.command("artists")
@click.argument("data", required=False)
@click.option(
    "--loss", type=click.Choice(SPACE_LOSSES), default="siamese", show_default=True, help="What it learns by."
)
@options_of_space
@click.option("--name", default="", metavar="NAME", help="Of the model (default: that of DATA).")
@click.option("--again", is_flag=True, help="Train even when the same run ended before.")
@layout
@JOBS
def artists_command(
    data: str | None, again: bool, layout: str | None, options: dict[str, str], jobs: int | None, **asked: Any
) -> None:
    """Learn embeddings from the artists of DATA, and put them into graphs/ as an extractor.

    The model knows no artist: music of new ones needs no new training. Without DATA on a synthesised demo.
    """
    from essentia_ldl.cli.text.spaces import describe_learned
    from essentia_ldl.collection.read import Source
    from essentia_ldl.spaces.artists import learn_space, make_asked

    wanted = make_asked(**asked)
    done = learn_space(wanted, Source(data, layout, options), Home.from_environment(), jobs, again, click.echo)
    show(describe_learned(done))
    if done.failures:
        fail(f"{len(done.failures)} files were left out: see {done.run}/{FAILURES}.")
