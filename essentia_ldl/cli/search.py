"""The commands that find music by its sound. Bodies import inside, so that help is quick."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from essentia_ldl.cli.group import fail, show
from essentia_ldl.cli.options import CLUSTER, ENGINE, PRECISION, PROCESSES
from essentia_ldl.files import Home


@click.command("index")
@click.argument("music", nargs=-1, required=True)
@click.option("-o", "--output", metavar="FILE", required=True, help="The index; what it has already is kept.")
@click.option("-m", "--model", metavar="NAME|FILE", help="Any with embeddings (default: of the index, msd-musicnn-1).")
@click.option("--extractor-output", "node", metavar="NODE", default="", help="Its output (default: its embeddings).")
@click.option(
    "--vectors", "n_vectors", type=click.IntRange(1, 100), default=1, metavar="N", help="Per track (default: 1)."
)
@ENGINE
@PRECISION
@click.option("--again", is_flag=True, help="Begin anew: keep nothing of the index, or of a call that was stopped.")
@PROCESSES
@CLUSTER
def index_command(
    music: tuple[str, ...], output: str, again: bool, jobs: int | None, cluster: str | None, **embedding: Any
) -> None:
    """Make an index of MUSIC by its sound, or bring one up to date.

    MUSIC are files, folders, patterns and tables (.csv, .tsv), whose columns artist and label, and all others, are
    kept. The same command again adds what is new or has changed, and drops what is gone.
    """
    from essentia_ldl.cli.text.search import describe_indexed
    from essentia_ldl.predict.many import Workers
    from essentia_ldl.predict.write import Output
    from essentia_ldl.search.index import Embedding, index

    document, graphs = Output("text", output, again), Home.from_environment().graphs
    workers = Workers(jobs, cluster)
    done = index(music, Embedding(**embedding), document, graphs, lambda line: click.echo(line, err=True), workers)
    show(describe_indexed(done))
    if done.n_failures:
        fail(f"{done.n_failures} files could not be used: see {document.failures}." if done.n_failures > 1 else "")


@click.command("similar")
@click.argument("query", metavar="TRACK|ARTIST")
@click.option("--index", metavar="FILE", required=True, help="Of the command index.")
@click.option("-n", type=click.IntRange(1), default=10, metavar="N", help="How many tracks (default: 10).")
@click.option("--not-same-artist", is_flag=True, help="Leave out the artist of the track, or who is asked for.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "m3u8"]),
    default="text",
    show_default=True,
    help="m3u8: a playlist.",
)
@click.option("-o", "--output", metavar="FILE", help="Write there instead of on the terminal.")
@click.option("--page", metavar="FILE", help="Also write a page with a map to click and hear.")
@ENGINE
def similar_command(query: str, index: str, form: str, output: str | None, page: str | None, **limits: Any) -> None:
    """Find the tracks of an index that sound like a track, or like what an artist plays.

    The track need not be in the index: the model of the index embeds it then.
    """
    from essentia_ldl.cli.text.search import describe_similar
    from essentia_ldl.predict.overwrite import refuse_overwriting
    from essentia_ldl.predict.write import Output
    from essentia_ldl.search.lists import write_json, write_playlist
    from essentia_ldl.search.page import MOST_TRACKS, write_page
    from essentia_ldl.search.similar import Limits, similar

    document = Output("text", output)
    for path in (output, page):
        if path is not None and Output("text", path).is_file:
            refuse_overwriting(path, [], [query, index])
    n = limits.pop("n")
    n_asked = n if page is None else max(n, MOST_TRACKS)
    found = similar(query, index, Limits(n_asked, **limits), Home.from_environment().graphs, _warn)
    if page is not None:
        write_page(page, found, n, index)
    found = dataclasses.replace(found, neighbours=found.neighbours[:n])
    texts = {"json": write_json, "m3u8": write_playlist}
    with document.open() as stream:
        stream.write(texts[form](found) if form in texts else "\n".join(describe_similar(found)) + "\n")
    show((f"note: {note}" for note in found.notes), err=True)


def _warn(sentence: str) -> None:
    click.echo(f"warning: {sentence}", err=True)
