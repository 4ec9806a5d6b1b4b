"""The commands of the papers' experiments. Bodies import inside, so that help is quick."""

from __future__ import annotations

from typing import Any

import click

from essentia_ldl.cli.group import fail, show
from essentia_ldl.cli.options import JOBS, SET, layout, read_names
from essentia_ldl.files import Home
from essentia_ldl.runs.names import FAILURES


@click.command("table2")
@click.argument("data")
@click.option("--networks", multiple=True, callback=read_names, metavar="NAMES", help="musicnn,vgg (default: both).")
@click.option("--starts", multiple=True, callback=read_names, metavar="NAMES", help="scratch,pretrained.")
@click.option("--labels", multiple=True, callback=read_names, metavar="NAMES", help="none,sa,sb (default: all).")
@click.option("--tasks", multiple=True, callback=read_names, metavar="NAMES", help="Default: the ten of the paper.")
@click.option("--fine-tune", type=click.Choice(["all", "head"]), default="all", show_default=True, help="With weights.")
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Default: 150 pretrained, 600 from scratch.")
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--patch-hop", type=click.IntRange(1, 187), default=187, show_default=True, help="Frames when scoring.")
@click.option("--seed", type=int, metavar="N", help="Seed of folds, labels and training.")
@click.option("--external/--no-external", default=True, help="Whether to score on DATA/mtg-jamendo, when it is there.")
@click.option("--dry-run", is_flag=True, help="Stop after the estimated time.")
@JOBS
def table2_command(data: str, jobs: int | None, dry_run: bool, **options: Any) -> None:
    """Measure table 2 of the paper on DATA, a folder with one entry per task (mood-sad/, genre-dortmund/, ...)."""
    from essentia_ldl.cli.text.studies import describe_table2
    from essentia_ldl.studies.table2.command import Grid, build_table

    renamed = {"labels": "sources", "folds": "n_folds"}
    grid = Grid(**{renamed.get(name, name): value for name, value in options.items() if value not in ((), None)})
    done = build_table(data, grid, Home.from_environment(), jobs, dry_run, click.echo)
    show(describe_table2(done))
    if done.problems:
        fail("\n".join([f"{len(done.problems)} not measured:", *done.problems]))


@click.command("agf")
@click.argument("data", required=False)
@click.option("--task", metavar="TASK", help="Recipe (default: genre-fma, without DATA genre-agf-demo).")
@click.option("--targets", multiple=True, callback=read_names, metavar="LETTERS", help="g,gm,... (default: all 31).")
@click.option("--networks", multiple=True, callback=read_names, metavar="NAMES", help="separate,shared,wide.")
@click.option("--splits", multiple=True, callback=read_names, metavar="NAMES", help="stratified,artist.")
@click.option("--seeds", type=click.IntRange(1), metavar="N", help="Seeds 0 to N - 1 (default: 1).")
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Epochs of a network (default: recipe).")
@click.option("--dry-run", is_flag=True, help="Stop after the estimated time.")
@SET
@layout
@JOBS
def agf_command(data: str | None, layout: str | None, options: dict[str, str], jobs: int | None, **asked: Any) -> None:
    """Measure what artist groups add to genre on DATA: the tables of Kim et al. (2018), ours beside theirs."""
    from essentia_ldl.cli.text.studies import describe_artist_groups
    from essentia_ldl.collection.read import Source
    from essentia_ldl.studies.artist_groups.command import Selection, measure

    source = Source(data, layout, options)
    done = measure(source, Selection(**asked), Home.from_environment(), jobs, click.echo)
    show(describe_artist_groups(done))
    if done.failures:
        fail(f"{len(done.failures)} files were left out: see {done.folder}/{FAILURES}.")


@click.command("benchmark")
@click.argument("data", required=False)
@click.option("--task", metavar="TASK", help="Recipe of tags (default: the tags of DATA).")
@click.option("--scale", metavar="NAME", help="full, demo or smallest (default: full; without DATA demo).")
@click.option("--networks", multiple=True, callback=read_names, metavar="NAMES", help="fcn,crnn,... (default: nine).")
@click.option("--folds", type=click.IntRange(1), metavar="N", help="Where DATA has no split (default: 5).")
@click.option("--against", metavar="JSON", help="benchmark.json of another run, or its folder, to compare with.")
@click.option("--again", is_flag=True, help="Begin a new one, whatever was interrupted or has ended.")
@click.option("--dry-run", is_flag=True, help="Stop after the estimated time.")
@SET
@layout
@JOBS
def benchmark_command(
    data: str | None, layout: str | None, options: dict[str, str], jobs: int | None, **asked: Any
) -> None:
    """Compare networks that tag music on DATA: accuracy, cost and what they bear, as Won et al. (2020) do."""
    from essentia_ldl.cli.text.studies import describe_benchmark
    from essentia_ldl.collection.read import Source
    from essentia_ldl.studies.tagging.command import Terms, measure

    source = Source(data, layout, options)
    done = measure(source, Terms(**asked), Home.from_environment(), jobs, click.echo)
    show(describe_benchmark(done))
    if done.failures:
        fail(f"{len(done.failures)} files were left out: see {done.folder}/{FAILURES}.")


@click.command("covers")
@click.argument("data", required=False)
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Of whole artists.")
@click.option(
    "--image-weights", metavar="FILE", default="", help="A ResNet of keras.applications: .keras, .weights.h5."
)
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Of the networks, at most (default: 100).")
@click.option("--size", type=click.IntRange(1), metavar="N", help="Numbers of the common space (default: 128).")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Of folds and training (default: 0).")
@click.option("--name", metavar="NAME", default="", help="Of the exported extractor (default: of DATA).")
@click.option("--export/--no-export", default=True, help="Whether to train on all tracks and export the audio side.")
@click.option("--again", is_flag=True, help="Begin a new run, whatever has ended.")
@layout
@JOBS
def covers_command(
    data: str | None, layout: str | None, options: dict[str, str], jobs: int | None, **asked: Any
) -> None:
    """Measure what pictures, such as album covers, add to music on DATA, and export what the audio learned from them.

    Pictures are those of a column cover of the table, of the tags of the files, or cover.jpg beside them.
    """
    from essentia_ldl.cli.text.covers import describe_covers
    from essentia_ldl.collection.read import Source
    from essentia_ldl.runs.covers import CoversSettings
    from essentia_ldl.studies.covers.command import CoversTerms, measure

    given = {name: asked.pop(name) for name in ("epochs", "size", "seed")}
    settings = CoversSettings(**{name: value for name, value in given.items() if value is not None})
    source = Source(data, layout, options)
    done = measure(source, CoversTerms(settings=settings, **asked), Home.from_environment(), jobs, click.echo)
    show(describe_covers(done))
    if done.failures:
        fail(f"{len(done.failures)} files or pictures were left out: see {done.folder}/{FAILURES}.")
