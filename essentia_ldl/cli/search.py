"""The commands that find music by its sound. Bodies import inside, so that help is quick."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from essentia_ldl.cli.group import fail, show
from essentia_ldl.cli.options import CLUSTER, ENGINE, PRECISION, PROCESSES
from essentia_ldl.files import Home

if TYPE_CHECKING:
    from essentia_ldl.search.similar import Similar
    from essentia_ldl.search.words import VectorFile


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


def answers(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of how many tracks it finds, and as what they are written."""
    forms = click.Choice(["text", "json", "m3u8"])
    options = (
        click.option("--index", metavar="FILE", required=True, help="Of the command index."),
        click.option("-n", type=click.IntRange(1), default=10, metavar="N", help="How many tracks (default: 10)."),
        click.option("--format", "form", type=forms, default="text", show_default=True, help="m3u8: a playlist."),
        click.option("-o", "--output", metavar="FILE", help="Write there instead of on the terminal."),
    )
    for option in reversed(options):
        command = option(command)
    return command


WORD_VECTORS = click.option(
    "--words", "path", metavar="FILE", help="Word vectors of GloVe, word2vec or fastText, for words that are no tags."
)


@click.command("similar")
@click.argument("query", metavar="TRACK|ARTIST")
@answers
@click.option("--not-same-artist", is_flag=True, help="Leave out the artist of the track, or who is asked for.")
@click.option("--page", metavar="FILE", help="Also write a page with a map to click and hear.")
@ENGINE
def similar_command(query: str, index: str, form: str, output: str | None, page: str | None, **limits: Any) -> None:
    """Find the tracks of an index that sound like a track, or like what an artist plays.

    The track need not be in the index: the model of the index embeds it then.
    """
    from essentia_ldl.search.page import MOST_TRACKS, write_page
    from essentia_ldl.search.similar import Limits, similar

    refuse_inputs((output, page), (query, index))
    refuse_inputs((output,), (page,) if page else ())
    n = limits.pop("n")
    n_asked = n if page is None else max(n, MOST_TRACKS)
    found = similar(query, index, Limits(n_asked, **limits), Home.from_environment().graphs, _warn)
    if page is not None:
        write_page(page, found, n, index)
    _write_found(dataclasses.replace(found, neighbours=found.neighbours[:n]), form, output)


@click.command("search")
@click.argument("query", metavar="WORDS")
@answers
@WORD_VECTORS
def search_command(query: str, index: str, n: int, form: str, output: str | None, path: str | None) -> None:
    """Find the tracks of an index that words fit best, such as "melancholic piano".

    Words that are tags of the model that made the index need nothing more; any other word needs --words.
    """
    from essentia_ldl.search.similar import Limits
    from essentia_ldl.search.words import search

    refuse_inputs((output,), (index, *([path] if path else [])))
    found = search(query, index, Limits(n), Home.from_environment().graphs, _find_vectors(path))
    _write_found(found, form, output)


@click.command("describe")
@click.argument("audio", nargs=-1, required=True)
@click.option("--words-list", "listed", metavar="FILE", help="One word or phrase per line (default: the model's tags).")
@WORD_VECTORS
@click.option("-m", "--model", metavar="NAME|FILE", help="One with tags (default: msd-musicnn-1).")
@click.option("-n", type=click.IntRange(1), default=10, metavar="N", help="How many words (default: 10).")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write there instead of on the terminal.")
@ENGINE
def describe_command(
    audio: tuple[str, ...], listed: str | None, path: str | None, form: str, output: str | None, **settings: Any
) -> None:
    """Find the words of a list that fit AUDIO best: files, folders and patterns."""
    from essentia_ldl.cli.text.search import describe_words
    from essentia_ldl.predict.write import Output
    from essentia_ldl.search.describe import Describing, describe, read_words
    from essentia_ldl.search.lists import write_described

    refuse_inputs((output,), (*audio, *(name for name in (listed, path) if name)))
    words = [] if listed is None else read_words(listed)
    asked = Describing(vectors=_find_vectors(path), **settings)
    done = describe(audio, words, asked, Home.from_environment().graphs, _warn)
    with Output("text", output).open() as stream:
        stream.write(write_described(done) if form == "json" else "".join(f"{x}\n" for x in describe_words(done)))
    show((f"note: {note}" for note in done.notes), err=True)
    show((f"error: {failure.reason}" for failure in done.failures), err=True)
    if done.failures:
        fail("")


def refuse_inputs(outputs: Iterable[str | None], inputs: Iterable[str]) -> None:
    """Refuse to write over what is read."""
    from essentia_ldl.predict.overwrite import refuse_overwriting
    from essentia_ldl.predict.write import Output

    for path in outputs:
        if path is not None and Output("text", path).is_file:
            refuse_overwriting(path, [], list(inputs))


def _find_vectors(path: str | None) -> VectorFile:
    from essentia_ldl.search.words import VectorFile

    return VectorFile(path, Home.from_environment().store / "words")


def _write_found(found: Similar, form: str, output: str | None) -> None:
    """Write tracks in a form, and their notes on the standard error."""
    from essentia_ldl.cli.text.search import describe_similar
    from essentia_ldl.predict.write import Output
    from essentia_ldl.search.lists import write_json, write_playlist

    texts = {"json": write_json, "m3u8": write_playlist}
    with Output("text", output).open() as stream:
        stream.write(texts[form](found) if form in texts else "\n".join(describe_similar(found)) + "\n")
    show((f"note: {note}" for note in found.notes), err=True)


def _warn(sentence: str) -> None:
    click.echo(f"warning: {sentence}", err=True)
