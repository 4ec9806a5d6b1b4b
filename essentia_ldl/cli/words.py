"""The command that learns a space of words and audio. Its body imports inside, so that help is quick."""

from __future__ import annotations

from typing import Any

import click

from essentia_ldl.choices import WORD_LOSSES
from essentia_ldl.cli.group import fail, show
from essentia_ldl.cli.options import JOBS, layout, read_names
from essentia_ldl.files import Home
from essentia_ldl.runs.names import FAILURES


@click.command("words")
@click.argument("data", required=False)
@click.option("--vectors", metavar="FILE", required=True, help="Word vectors of GloVe, word2vec, fastText, or a table.")
@click.option("--way", type=click.Choice(WORD_LOSSES), default="words", show_default=True, help="devise: pretrained.")
@click.option("--by", default="label", show_default=True, metavar="COLUMN", help="Of words, parted by ;.")
@click.option("--on", multiple=True, callback=read_names, metavar="NAMES", help="Default: msd-musicnn.")
@click.option("--layers", default="embedding", show_default=True, help="Of them: embedding, deep, all, 12345.")
@click.option("--network", default="", metavar="NAME", help="Instead: train a network from scratch.")
@click.option("--size", type=click.IntRange(1), metavar="N", help="Numbers of the space (default: 100).")
@click.option("--epochs", type=click.IntRange(0), metavar="N", help="At most (default: 200).")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Learning rate.")
@click.option("--seed", type=int, metavar="N", help="Of everything random, which words are unseen too (default: 0).")
@click.option("--name", default="", metavar="NAME", help="Of the model (default: that of DATA).")
@layout
@JOBS
def words_command(
    data: str | None, vectors: str, way: str, layout: str | None, options: dict[str, str], **asked: Any
) -> None:
    """Learn a space of words and audio from the tags of DATA, and put it into graphs/: for index, search and describe.

    A fifth of the words is never seen in training, and measured apart. Without DATA on a synthesised demo.
    """
    from essentia_ldl.cli.text.words import describe_words
    from essentia_ldl.collection.read import Source
    from essentia_ldl.spaces.artists import make_asked
    from essentia_ldl.spaces.words import learn_words

    jobs = asked.pop("jobs")
    wanted, source = make_asked(way, **asked), Source(data, layout, options)
    done = learn_words(wanted, vectors, source, Home.from_environment(), jobs, click.echo)
    show(describe_words(done))
    if done.failures:
        fail(f"{len(done.failures)} files were left out: see {done.run}/{FAILURES}.")
