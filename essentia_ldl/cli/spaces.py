"""The commands of embedding spaces. Bodies import inside, so that help is quick."""

from __future__ import annotations

from typing import Any

import click

from essentia_ldl.choices import DISTANCES, NEGATIVES, SPACE_LOSSES
from essentia_ldl.cli.group import fail, show
from essentia_ldl.cli.options import JOBS, PROCESSES, layout, read_names
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
            click.option("--n-negatives", type=click.IntRange(1, 100), metavar="N", help="Default: 4 (siamese) or 1."),
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


@space_group.command("compare")
@click.argument("data", required=False)
@click.option("--losses", multiple=True, callback=read_names, metavar="NAMES", help="Default: all five.")
@click.option("--folds", "n_folds", type=click.IntRange(2), default=5, show_default=True, help="Of artists.")
@click.option(
    "--columns", multiple=True, callback=read_names, metavar="NAMES", help="Measured (default: artist,label)."
)
@options_of_space
@layout
@JOBS
def compare_command(
    data: str | None, losses: tuple[str, ...], n_folds: int, columns: tuple[str, ...], jobs: int | None, **asked: Any
) -> None:
    """Compare losses on artists of DATA who did not train, beside what needs no training."""
    from essentia_ldl.choices import SPACE_LOSSES
    from essentia_ldl.cli.text.spaces import describe_embeddings
    from essentia_ldl.collection.read import Source
    from essentia_ldl.spaces.artists import make_asked
    from essentia_ldl.spaces.compare import Contest, compare_spaces
    from essentia_ldl.spaces.measure import MeasureTerms

    contest = Contest(losses or SPACE_LOSSES, n_folds, MeasureTerms(columns))
    source, home = Source(data, asked.pop("layout"), asked.pop("options")), Home.from_environment()
    show(describe_embeddings(compare_spaces(make_asked(**asked), contest, source, home, jobs, click.echo)))


@click.command("evaluate-embeddings")
@click.argument("arguments", metavar="MODEL... DATA", nargs=-1, required=True)
@click.option("--by", multiple=True, callback=read_names, metavar="COLUMNS", help="Default: artist,label.")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="Length of the list of the precision.")
@click.option("--nearest", "n_nearest", type=click.IntRange(1), default=20, show_default=True, help="Of the k-NN.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the folds.")
@click.option("--pictures", metavar="FOLDER", help="Write t-SNE pictures there, one per model and column.")
@click.option("--paper", is_flag=True, help="Also show tables 1 to 3 of Park et al. (2018).")
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write there instead of on the terminal.")
@layout
@PROCESSES
def evaluate_embeddings_command(
    arguments: tuple[str, ...], paper: bool, form: str, output: str | None, jobs: int | None, **asked: Any
) -> None:
    """Measure the embeddings of MODELs on DATA: is the same artist near, or the same label?

    A MODEL is a name of graphs/ or a .pb file with embeddings; NAME:NODE names another output.
    """
    from pathlib import Path

    from essentia_ldl.cli.text.spaces import describe_embeddings
    from essentia_ldl.collection.read import Source
    from essentia_ldl.errors import DataError, explain
    from essentia_ldl.predict.many import Workers
    from essentia_ldl.predict.overwrite import refuse_overwriting
    from essentia_ldl.predict.write import Output
    from essentia_ldl.spaces.evaluate import evaluate_embeddings
    from essentia_ldl.spaces.measure import MeasureTerms

    *models, data = arguments
    if not models:
        remedy = "Name both: evaluate-embeddings MODEL... DATA."
        raise DataError(explain("arguments", "a model and a collection", data, "evaluate-embeddings", remedy))
    document, source = Output("text", output), Source(data, asked.pop("layout"), asked.pop("options"))
    if document.is_file:
        refuse_overwriting(output, [], [data])
    folder = asked.pop("pictures")
    terms = MeasureTerms(**asked, pictures=None if folder is None else Path(folder))
    done = evaluate_embeddings(models, source, terms, Home.from_environment(), _warn, Workers(jobs))
    with document.open() as stream:
        stream.write("\n".join(describe_embeddings(done, form, paper)) + "\n")
    if done.failures:
        fail(f"{len(done.failures)} files could not be used; first: {done.failures[0].reason}")


def _warn(sentence: str) -> None:
    click.echo(sentence, err=True)
