"""The command that labels music. Its body imports inside, so that help is quick."""

from __future__ import annotations

from typing import Any

import click

from essentia_ldl.cli.group import fail, show
from essentia_ldl.cli.options import read_names
from essentia_ldl.files import Home


@click.command("annotate")
@click.argument("music", nargs=-1, required=True)
@click.option(
    "--classes", multiple=True, required=True, callback=read_names, metavar="NAMES", help="With commas; keys 1 to 9."
)
@click.option("-o", "--output", metavar="TABLE", default="labels.csv", show_default=True, help="The table of labels.")
@click.option("--votes", "n_votes", type=click.IntRange(1), default=1, metavar="N", help="Per track (default: 1).")
@click.option("--index", metavar="FILE", help="An index of MUSIC that is there (default: made beside TABLE).")
@click.option("--no-model", is_flag=True, help="Random order only; no model learns along.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Default: 8477, or any that is free.")
@click.option("--no-browser", is_flag=True, help="Print the address and open nothing.")
@click.option("--seed", type=int, default=0, metavar="N", help="Of the random order.")
def annotate_command(
    music: tuple[str, ...],
    port: int | None,
    no_browser: bool,
    no_model: bool,
    classes: tuple[str, ...],
    **asked: Any,
) -> None:
    """Label MUSIC on a page in the browser, and write a table that `train` reads.

    MUSIC are files, folders, patterns and tables (.csv, .tsv), whose columns artist, title and others are kept. The
    same command again goes on where the last one was.
    """
    from essentia_ldl.annotate.command import Labelling, Serving, annotate
    from essentia_ldl.cli.text.annotate import describe_annotated

    labelling = Labelling(tuple(classes), has_model=not no_model, **asked)
    done = annotate(music, labelling, Serving(port, not no_browser), Home.from_environment(), click.echo)
    show(describe_annotated(done))
    if done.silent:
        fail(f"{len(done.silent)} files could not be played.")
