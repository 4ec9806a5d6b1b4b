"""The command that labels music. Its body imports inside, so that help is quick."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from essentia_ldl.cli.group import fail, show
from essentia_ldl.cli.options import read_names
from essentia_ldl.files import Home


@click.command("annotate")
@click.argument("music", nargs=-1)
@click.option("--classes", multiple=True, callback=read_names, metavar="NAMES", help="With commas; keys 1 to 9.")
@click.option("-o", "--output", metavar="TABLE", default="labels.csv", show_default=True, help="The table of labels.")
@click.option(
    "--votes", "n_votes", type=click.IntRange(1), default=1, metavar="N", help="Votes per track (default: 1)."
)
@click.option("--index", metavar="FILE", help="An index of MUSIC that you have (default: made beside TABLE).")
@click.option("--no-model", is_flag=True, help="Random order only; no model learns from the answers.")
@click.option("--seed", type=click.IntRange(0), default=0, metavar="N", help="Of the random order.")
@click.option("--audit", "run", metavar="RUN", help="Instead: hear the doubtful labels of a run with a report.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Default: 8477, or any that is free.")
@click.option("--no-browser", is_flag=True, help="Print the address and open nothing.")
@click.pass_context
def annotate_command(
    context: click.Context,
    music: tuple[str, ...],
    classes: tuple[str, ...],
    run: str | None,
    no_model: bool,
    **asked: Any,
) -> None:
    """Label MUSIC on a page in the browser, and write a table that `train` reads.

    MUSIC are files, folders, patterns and tables (.csv, .tsv), whose columns artist, title and others are kept. The
    same command again goes on where the last one was.
    """
    from essentia_ldl.annotate.command import Labelling, annotate, review
    from essentia_ldl.annotate.server import Serving
    from essentia_ldl.cli.text.annotate import describe_annotated, describe_reviewed

    serving, home = Serving(asked.pop("port"), not asked.pop("no_browser")), Home.from_environment()
    if run is not None:
        given = [name for name in context.params if name not in ("run", "port", "no_browser")]
        given = [name for name in given if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
        if given:
            raise click.UsageError("--audit takes no MUSIC and no option of a labelling.", context)
        done = review(run, serving, home, click.echo)
        show(describe_reviewed(done))
    else:
        for name, value in (("MUSIC", music), ("--classes", classes)):
            if not value:
                raise click.UsageError(f"{name} is missing, or --audit RUN.", context)
        labelling = Labelling(classes, has_model=not no_model, **asked)
        done = annotate(music, labelling, serving, home, click.echo)
        show(describe_annotated(done))
    if done.silent:
        fail(f"{len(done.silent)} files could not be played.")
