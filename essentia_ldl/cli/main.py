"""The command line: commands in the order of the data flow. Bodies import inside, so that help is quick."""

from __future__ import annotations

import os
from typing import Any

import click

from essentia_ldl import __version__
from essentia_ldl.choices import BASELINES, KINDS, LAYER_BASELINES
from essentia_ldl.cli.annotate import annotate_command
from essentia_ldl.cli.group import Group, fail, show
from essentia_ldl.cli.install import export_command, install_command
from essentia_ldl.cli.options import (
    ADAPT,
    DATA,
    JOBS,
    LABELS,
    LEFT_OUT,
    SourceOption,
    layout,
    options_of_looks,
    options_of_training,
    read_pairs,
    resolve_home,
    resolve_looks,
    resolve_recipe,
    resolve_source,
    resolve_truth,
)
from essentia_ldl.cli.predict import predict_command
from essentia_ldl.cli.search import describe_command, index_command, search_command, similar_command
from essentia_ldl.cli.spaces import evaluate_embeddings_command, space_group
from essentia_ldl.cli.studies import agf_command, benchmark_command, covers_command, table2_command
from essentia_ldl.cli.words import words_command
from essentia_ldl.files import Home
from essentia_ldl.runs.names import FAILURES


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="essentia-ldl")
@click.option("-v", "--verbose", is_flag=True, help="Show what TensorFlow and Essentia log.")
def main(verbose: bool) -> None:
    """Train Essentia classifiers from a few hundred labelled tracks, and run them.

    Runs, features and models live in ./runs, ./store and ./graphs, or below ESSENTIA_LDL_HOME.
    """
    if verbose:
        os.environ["ESSENTIA_LDL_VERBOSE"] = "1"
        os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)


main.add_command(annotate_command)


@main.command("new")
@click.argument("task")
@click.option("--data", metavar="FOLDER", required=True, help="Folder or table whose labels become the classes.")
@click.option("--kind", type=click.Choice(KINDS), default=KINDS[0], show_default=True, help="One class, tags, numbers.")
@layout
def new_command(task: str, data: str, layout: str | None, options: dict[str, str], kind: str) -> None:
    """Write recipes/TASK.toml for your own classes, with the keys that people change."""
    from essentia_ldl.cli.text.new import describe_created
    from essentia_ldl.recipe.new import write_new_recipe

    show(describe_created(write_new_recipe(task, data, Home.from_environment(), layout, options, kind), data))


@main.command("recipe")
@click.argument("task")
@click.option("--all", "everything", is_flag=True, help="Every key, also those that have their defaults.")
def recipe_command(task: str, everything: bool) -> None:
    """Print the recipe of TASK (a name or a file), its keys explained."""
    from essentia_ldl.cli.text.recipe import describe_recipe
    from essentia_ldl.recipe.toml import read_recipe

    show(describe_recipe(read_recipe(task, Home.from_environment().recipes), everything))


@main.command("data")
@click.argument("data")
@layout
@JOBS
def data_command(data: str, layout: str | None, options: dict[str, str], jobs: int | None) -> None:
    """Report classes, artists, durations, copies and unusable files of a collection."""
    from essentia_ldl.cli.text.data import describe_survey
    from essentia_ldl.collection.read import Source
    from essentia_ldl.features.survey import survey

    done = survey(Source(data, layout, options), Home.from_environment(), jobs)
    show(describe_survey(done))
    if done.has_problems:
        raise SystemExit(1)


@main.command("demo")
@click.argument("task")
@click.argument("folder")
@click.option("--tracks", type=click.IntRange(1), metavar="N", help="Tracks per class.")
@click.option("--artists", type=click.IntRange(1), metavar="N", help="Artists per class.")
@click.option("--covers", is_flag=True, help="Draw a picture for every track.")
@click.option("--seed", type=int, default=0, show_default=True)
def demo_command(task: str, folder: str, tracks: int | None, artists: int | None, covers: bool, seed: int) -> None:
    """Synthesise the demo collection of a task into FOLDER."""
    from pathlib import Path

    from essentia_ldl.cli.text.data import describe_demo
    from essentia_ldl.datasets.demo import DemoSize
    from essentia_ldl.recipe.toml import read_recipe
    from essentia_ldl.train.prepare import make_demo

    size = DemoSize(n_tracks=tracks, n_artists=artists, covers=covers)
    recipe = read_recipe(task, Home.from_environment().recipes)
    show(describe_demo(make_demo(Path(folder), recipe, size=size, seed=seed, replace=False)))


@main.command("labels")
@click.argument("task")
@DATA
@click.option(
    "--labels",
    "sources",
    multiple=True,
    metavar="SOURCE",
    cls=SourceOption,
    help="; may repeat (default: sa and sb).",
)
@click.option("-o", "--output", metavar="FOLDER", help="Where to write (default: runs/TASK-labels).")
@JOBS
def labels_command(task: str, data: str | None, sources: tuple[str, ...], output: str | None, jobs: int | None) -> None:
    """Write the label distributions of a collection as tables and a histogram."""
    from pathlib import Path

    from essentia_ldl.cli.text.labels import describe_picture, describe_source
    from essentia_ldl.collection.read import Source
    from essentia_ldl.recipe.toml import read_recipe
    from essentia_ldl.train.show_labels import Asked, show_labels

    home = Home.from_environment()
    asked = Asked(sources, Path(output) if output else None, jobs)
    recipe = read_recipe(task, home.recipes)
    done = show_labels(recipe, Source(data), asked, home, click.echo, lambda one: show(describe_source(one)))
    show(describe_picture(done))


@main.command("train")
@click.argument("task")
@options_of_training
@LABELS
@LEFT_OUT
@ADAPT
@click.option("--max-hours", type=click.FloatRange(0, min_open=True), metavar="H", help="Stop training after H hours.")
@click.option("--members", type=click.IntRange(2), metavar="N", help="Train N seeds: one model, an ensemble.")
@click.option("--again", is_flag=True, help="Train even when the same run ended before.")
def train_command(task: str, again: bool, max_hours: float | None, members: int | None, **options: Any) -> None:
    """Train TASK (a recipe's name or file), export it, verify it in Essentia, and put it into graphs/."""
    from essentia_ldl.cli.text.train import describe_training
    from essentia_ldl.train import ensemble, train

    home = resolve_home(options)
    recipe = resolve_recipe(task, {**options, "members": members}, home.recipes)
    source = resolve_source(options)
    effort = train.Effort(options["jobs"], max_hours, again)
    if members is None:
        done = train.train(recipe, source, home, effort, click.echo)
    else:
        done = ensemble.train_members(recipe, source, members, home, effort, click.echo)
    show(describe_training(done, recipe, home.graphs))
    if done.failures:
        fail(f"{len(done.failures)} files were left out: see {done.run}/{FAILURES}.")


@main.command("calibrate")
@click.argument("run", required=False)
@click.option("--method", type=click.Choice(["temperature", "vector", "none"]), help="Default: as the run was made.")
def calibrate_command(run: str | None, method: str | None) -> None:
    """Calibrate the model of RUN again without training, export it, verify it, and put it into graphs/.

    RUN is a run of train or of crossval --refit, by name or folder (default: the one that ended last).
    """
    from essentia_ldl.cli.text.train import describe_models_made
    from essentia_ldl.train.train import calibrate

    home = Home.from_environment()
    show(describe_models_made(calibrate(run, home, method, click.echo), home.graphs))


@main.command("ensemble")
@click.argument("name")
@click.argument("runs", nargs=-1, required=True)
@click.option("--method", type=click.Choice(["temperature", "vector", "none"]), help="Calibration (default: theirs).")
@click.option("--again", is_flag=True, help="Make it even when the same ensemble was made before.")
def ensemble_command(name: str, runs: tuple[str, ...], method: str | None, again: bool) -> None:
    """Make one model NAME of the networks of RUNS: the mean of their probabilities, and what they disagree about.

    RUNS are runs of train, by name or folder, or one cross-validation, whose folds are the members.
    """
    from essentia_ldl.cli.text.train import describe_models_made, describe_scores_of
    from essentia_ldl.train.ensemble import make_ensemble

    home = Home.from_environment()
    done = make_ensemble(name, runs, home, method, again, click.echo)
    show([*describe_scores_of(done.scores), *describe_models_made(done, home.graphs)])


@main.command("crossval")
@click.argument("task")
@options_of_training
@click.option("--labels", "sources", multiple=True, metavar="SOURCE", cls=SourceOption, help="; repeat to compare.")
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=1, show_default=True, help="Times to draw new folds.")
@click.option("--leave-out", metavar="COLUMN", help="Instead: train on all values of a column but one, test on it.")
@click.option("--patch-hop", type=click.IntRange(1), metavar="FRAMES", help="Distance between the patches scored.")
@click.option("--truth-column", metavar="NAME", help="Share of listeners who chose a class, 0 to 1: compare with it.")
@click.option("--truth-class", metavar="NAME", help="The class of that share (default: the positive one).")
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    type=click.Choice((*BASELINES, *LAYER_BASELINES)),
    help="Instead of the usual ones; may repeat.",
)
@click.option(
    "--refit", "to_refit", is_flag=True, help="Then train on all tracks as the folds chose, export, verify, promote."
)
def crossval_command(task: str, sources: tuple[str, ...], to_refit: bool, **options: Any) -> None:
    """Measure a task by cross-validation, folds grouped by artist."""
    from essentia_ldl.cli.text.crossval import describe_final, describe_measured
    from essentia_ldl.measure import crossval
    from essentia_ldl.measure.refit import refit

    home = resolve_home(options)
    recipe = resolve_recipe(task, {**options, "sources": sources}, home.recipes)
    source = resolve_source(options)
    folds = crossval.Folds(options["folds"], options["repeats"], options["leave_out"])
    truth = resolve_truth(options)
    beside = options["baselines"] or BASELINES
    comparison = crossval.Comparison(sources or (recipe.labels,), folds, options["patch_hop"], truth, to_refit, beside)
    done = crossval.cross_validate(recipe, source, comparison, home, options["jobs"], click.echo)
    show(describe_measured(done))
    if to_refit:
        show(describe_final(refit(done, recipe, click.echo), home.graphs))
    if done.collection.failures:
        fail(f"{len(done.collection.failures)} files were left out.")


main.add_command(table2_command)
main.add_command(agf_command)
main.add_command(benchmark_command)
main.add_command(covers_command)


@main.command("evaluate")
@click.argument("model")
@click.argument("data")
@layout
@click.option("--map", "mapping", multiple=True, callback=read_pairs, metavar="LABEL=CLASS", help="Or LABEL=ignore.")
@click.option("--truth-column", metavar="NAME", help="Share of listeners who chose a class, 0 to 1.")
@click.option("--truth-class", metavar="NAME", help="The class of that share (default: the positive one).")
@click.option("-o", "--output", metavar="FOLDER", help="Where to write (default: runs/evaluate-...).")
def evaluate_command(model: str, data: str, mapping: dict[str, str], output: str | None, **options: Any) -> None:
    """Score an exported MODEL on another collection, through Essentia."""
    from essentia_ldl.cli.text.evaluate import describe_evaluation
    from essentia_ldl.collection.read import Source
    from essentia_ldl.measure.evaluate import evaluate

    truth = resolve_truth(options)
    source = Source(data, options["layout"], options["options"])
    done = evaluate(model, source, Home.from_environment(), mapping, truth, output)
    show(describe_evaluation(done))
    if done.failures:
        fail(f"{len(done.failures)} files could not be used: see {done.folder}/{FAILURES}.")


@main.command("report")
@click.argument("run", required=False)
@click.option("--excerpts", "excerpt_s", type=click.FloatRange(1, 60), metavar="S", help="Embed S seconds per track.")
@click.option("--tracks", "n_listed", type=click.IntRange(0), default=40, show_default=True, help="Shown in the audit.")
@options_of_looks
def report_command(run: str | None, excerpt_s: float | None, n_listed: int, **asked: tuple[str, ...]) -> None:
    """Write RUN's report.html and audit.csv: scores, pictures, and the labels to listen to again.

    RUN is a run of train or crossval, by name or folder (default: the one that ended last).
    """
    from essentia_ldl.cli.text.report import describe_report
    from essentia_ldl.report.command import write_report

    looks = resolve_looks(**asked)
    show(describe_report(write_report(run, Home.from_environment(), excerpt_s, n_listed, looks)))


@main.group("graphs")
def graphs_group() -> None:
    """The pretrained networks."""


@graphs_group.command("build")
@click.option("--wheel", metavar="FILE", help="musicnn-0.1.0-py3-none-any.whl, when there is no network.")
def graphs_build(wheel: str | None) -> None:
    """Build the MSD- and MTT-trained MusiCNN and VGG from the weights of the musicnn package."""
    from essentia_ldl.cli.text.graphs import describe_built
    from essentia_ldl.train.prepare import build_base_graphs

    show(describe_built(build_base_graphs(Home.from_environment().graphs, wheel)))


@main.command("models")
def models_command() -> None:
    """List the models in graphs/ with their scores."""
    from essentia_ldl.cli.text.models import describe_models, describe_problems
    from essentia_ldl.models.folder import list_models

    graphs = Home.from_environment().graphs
    found, problems = list_models(graphs)
    show(describe_models(found, graphs))
    show(describe_problems(problems), err=True)
    if problems:
        raise SystemExit(1)


main.add_command(install_command)
main.add_command(export_command)
main.add_command(predict_command)
main.add_command(index_command)
main.add_command(similar_command)
main.add_command(search_command)
main.add_command(describe_command)
space_group.add_command(words_command)
main.add_command(space_group)
main.add_command(evaluate_embeddings_command)


@main.command("doctor")
def doctor_command() -> None:
    """Check the installation: versions, graphs, and a one-second run."""
    from essentia_ldl.cli.text.doctor import describe_installation
    from essentia_ldl.doctor import examine

    done = examine(Home.from_environment())
    show(describe_installation(done))
    if done.problems:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
