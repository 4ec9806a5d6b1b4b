"""The command line: commands in the order of the data flow. Bodies import inside, so that help is quick."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Generator
from typing import Any

import click

from essentia_ldl import __version__
from essentia_ldl.cli.options import (
    DATA,
    JOBS,
    LABELS,
    SET,
    SourceOption,
    layout,
    options_of_training,
    read_names,
    read_pairs,
)
from essentia_ldl.cli.options import resolve as _resolve
from essentia_ldl.errors import EssentiaLdlError


class _Group(click.Group):
    """A group in which every error is one sentence and exit status 1, and Ctrl-C is not a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands as they are defined, which is the order of the data flow."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        from essentia_ldl.zones import StepFailed

        try:
            return super().invoke(ctx)
        except StepFailed as failed:
            _fail(str(failed), failed.status)
        except EssentiaLdlError as error:
            _fail(str(error))
        except KeyboardInterrupt:
            _fail("stopped. Run the same command again: it goes on where it was.", 130)
        except BrokenPipeError:
            sys.stderr.close()
            os._exit(1)
        except MemoryError:
            _fail("memory: expected more of it. Close other programs, or use fewer --jobs.")
        except OSError as error:
            where = error.filename or "standard output"
            if error.errno == errno.ENOSPC:
                _fail(f"disk: expected space to write; it is full ({where}). Free space and run again.")
            _fail(f"file: expected one that can be used; {error.strerror or error} ({where}). Check disk and path.")


def _fail(message: str, status: int = 1) -> None:
    if message:
        click.echo(f"error: {message}", err=True)
    raise SystemExit(status)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="essentia-ldl")
@click.option("-v", "--verbose", is_flag=True, help="Show what TensorFlow and Essentia log.")
def main(verbose: bool) -> None:
    """Train Essentia classifiers from a few hundred labelled tracks, and run them.

    Runs, features and models live in ./runs, ./store and ./graphs, or below ESSENTIA_LDL_HOME.
    """
    if verbose:
        os.environ["ESSENTIA_LDL_VERBOSE"] = "1"
        os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)


@main.command("new")
@click.argument("task")
@click.option("--data", metavar="FOLDER", required=True, help="Folder or table whose labels become the classes.")
@layout
def new(task: str, data: str, **reading: Any) -> None:
    """Write recipes/TASK.toml for your own classes, every key explained."""
    from essentia_ldl.recipe.new import write_new_recipe

    path, recipe = write_new_recipe(task, data, **reading)
    click.echo(f"{path}: {len(recipe.classes)} classes ({', '.join(recipe.classes)})")
    click.echo(f"next: make train TASK={task} DATA={data}")


@main.command("data")
@click.argument("data")
@layout
@JOBS
def data_command(data: str, jobs: int | None, **reading: Any) -> None:
    """Report classes, artists, durations, copies and unusable files of a collection."""
    from essentia_ldl import datasets
    from essentia_ldl.collection import read as collection
    from essentia_ldl.features.store import open_store

    report = collection.audit(datasets.read_tracks(data, **reading), open_store(), jobs)
    click.echo("\n".join(collection.describe_audit(report)))
    if report.failures or report.too_short or report.conflicts:
        raise SystemExit(1)


@main.command("demo")
@click.argument("task")
@click.argument("folder")
@click.option("--tracks", type=click.IntRange(1), metavar="N", help="Tracks a class.")
@click.option("--artists", type=click.IntRange(1), metavar="N", help="Artists a class.")
@click.option("--seed", type=int, default=0, show_default=True)
def demo_command(task: str, folder: str, tracks: int | None, artists: int | None, seed: int) -> None:
    """Synthesise the demo collection of a task into FOLDER."""
    from pathlib import Path

    from essentia_ldl.recipe.recipe import read_recipe
    from essentia_ldl.train.train import make_demo

    sizes = {"n_tracks": tracks, "n_artists": artists, "seed": seed}
    click.echo(make_demo(Path(folder), read_recipe(task), **sizes, replace=False))


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
    from essentia_ldl.train.show_labels import describe_labels

    for line in describe_labels(task, data, sources, output, jobs):
        click.echo(line)


@main.command("train")
@click.argument("task")
@options_of_training
@LABELS
@click.option("--max-hours", type=click.FloatRange(0, min_open=True), metavar="H", help="Stop training after H hours.")
@click.option("--members", type=click.IntRange(2), metavar="N", help="Train N seeds: one model, an ensemble.")
@click.option("--again", is_flag=True, help="Train even when the same run ended before.")
def train_command(task: str, again: bool, max_hours: float | None, members: int | None, **options: Any) -> None:
    """Train TASK (a recipe's name or file), export it, verify it in Essentia, and put it into graphs/."""
    from essentia_ldl.cli import summary
    from essentia_ldl.train import train as steps

    recipe, data, jobs = _resolve(task, options)
    more = {name: options[name] for name in ("corrections", "layout", "options")}
    more |= {"n_jobs": jobs, "max_hours": max_hours, "again": again, "say": click.echo}
    if members is None:
        done = steps.train(recipe, data, **more)
    else:
        from essentia_ldl.train import ensemble as ensembles

        done = ensembles.train_members(recipe, data, members, **more)
    for line in summary.describe_training(done, recipe):
        click.echo(line)
    if done.failures:
        _fail(f"{len(done.failures)} files were left out: see {done.run}/failures.csv.")


@main.command("calibrate")
@click.argument("run", required=False)
@click.option("--method", type=click.Choice(["temperature", "vector", "none"]), help="Default: as the run was made.")
def calibrate_command(run: str | None, method: str | None) -> None:
    """Calibrate the model of RUN again without training, export it, verify it, and put it into graphs/.

    RUN is a run of train or of crossval --refit, by name or folder (default: the one that ended last).
    """
    from essentia_ldl.cli import summary
    from essentia_ldl.train import train as steps

    for line in summary.describe_models_made(steps.calibrate(run, method, click.echo)):
        click.echo(line)


@main.command("ensemble")
@click.argument("name")
@click.argument("runs", nargs=-1, required=True)
@click.option("--method", type=click.Choice(["temperature", "vector", "none"]), help="Calibration (default: theirs).")
@click.option("--again", is_flag=True, help="Make it even when the same ensemble was made before.")
def ensemble_command(name: str, runs: tuple[str, ...], method: str | None, again: bool) -> None:
    """Make one model NAME of the networks of RUNS: the mean of their probabilities, and what they disagree about.

    RUNS are runs of train, by name or folder, or one cross-validation, whose folds are the members.
    """
    from essentia_ldl.cli import summary
    from essentia_ldl.train import ensemble as ensembles

    done = ensembles.make_ensemble(name, runs, method, again, click.echo)
    for line in [*summary.describe_scores_of(done.scores), *summary.describe_models_made(done)]:
        click.echo(line)


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
@click.option("--refit", is_flag=True, help="Then train on all tracks as the folds chose, export, verify, promote.")
def crossval_command(
    task: str, sources: tuple[str, ...], folds: int, repeats: int, leave_out: str | None, refit: bool, **options: Any
) -> None:
    """Measure a task by cross-validation, folds grouped by artist."""
    from essentia_ldl.measure.crossval import cross_validate

    recipe, data, jobs = _resolve(task, options)
    chosen = sources or (recipe.labels,)
    names = ("patch_hop", "truth_column", "truth_class", "corrections", "layout", "options")
    more = {name: options[name] for name in names}
    lines = cross_validate(recipe, data, chosen, folds, repeats, jobs, click.echo, leave_out, refit_best=refit, **more)
    n_failed = _echo(lines)
    if n_failed:
        _fail(f"{n_failed} files were left out.")


def _echo(lines: Generator[str, None, int]) -> int:
    """Show lines as they come, and return what the generator returns at its end."""
    while True:
        try:
            click.echo(next(lines))
        except StopIteration as end:
            return end.value or 0


@main.command("table2")
@click.argument("data")
@click.option("--networks", multiple=True, callback=read_names, metavar="NAMES", help="musicnn,vgg (default: both).")
@click.option("--starts", multiple=True, callback=read_names, metavar="NAMES", help="scratch,pretrained.")
@click.option("--labels", multiple=True, callback=read_names, metavar="NAMES", help="none,sa,sb (default: all).")
@click.option("--tasks", multiple=True, callback=read_names, metavar="NAMES", help="Default: the ten of the paper.")
@click.option("--fine-tune", type=click.Choice(["all", "head"]), default="all", show_default=True, help="Pretrained.")
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Default: 150 pretrained, 600 from scratch.")
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--patch-hop", type=click.IntRange(1, 187), default=187, show_default=True, help="Frames, when scoring.")
@click.option("--seed", type=int, metavar="N", help="Seed of folds, labels and training.")
@click.option("--external/--no-external", default=True, help="Whether to score on DATA/mtg-jamendo, when it is there.")
@click.option("--dry-run", is_flag=True, help="Stop after the estimated time.")
@JOBS
def table2_command(data: str, jobs: int | None, dry_run: bool, **options: Any) -> None:
    """Measure table 2 of the paper on DATA, a folder with one entry a task (mood-sad/, genre-dortmund/, ...)."""
    from essentia_ldl.studies.table2.command import Grid, build_table

    renamed = {"labels": "sources", "folds": "n_folds"}
    grid = Grid(**{renamed.get(name, name): value for name, value in options.items() if value not in ((), None)})
    table = build_table(data, grid, click.echo, n_jobs=jobs, dry_run=dry_run)
    click.echo("\n".join(table.lines))
    if table.problems:
        _fail("\n".join([f"{len(table.problems)} not measured:", *table.problems]))


@main.command("agf")
@click.argument("data", required=False)
@click.option("--task", metavar="TASK", help="Recipe (default: genre-fma, without DATA genre-agf-demo).")
@click.option("--targets", multiple=True, callback=read_names, metavar="LETTERS", help="g,gm,... (default: all 31).")
@click.option("--networks", multiple=True, callback=read_names, metavar="NAMES", help="separate,shared,wide.")
@click.option("--splits", multiple=True, callback=read_names, metavar="NAMES", help="stratified,artist.")
@click.option("--seeds", type=click.IntRange(1), metavar="N", help="Seeds 0 to N - 1 (default: 1).")
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Of one network (default: as the recipe says).")
@click.option("--dry-run", is_flag=True, help="Stop after the estimated time.")
@SET
@layout
@JOBS
def agf_command(data: str | None, **options: Any) -> None:
    """Measure what artist groups add to genre on DATA: the tables of Kim et al. (2018), ours beside theirs."""
    from essentia_ldl.studies.artist_groups.command import measure

    done = measure(data, click.echo, **options)
    for line in done.lines:
        click.echo(line)
    if done.n_failures:
        _fail(f"{done.n_failures} files were left out: see {done.folder}/failures.csv.")


@main.command("evaluate")
@click.argument("model")
@click.argument("data")
@layout
@click.option("--map", "mapping", multiple=True, callback=read_pairs, metavar="LABEL=CLASS", help="Or LABEL=ignore.")
@click.option("--truth-column", metavar="NAME", help="Share of listeners who chose a class, 0 to 1.")
@click.option("--truth-class", metavar="NAME", help="The class of that share (default: the positive one).")
@click.option("-o", "--output", metavar="FOLDER", help="Where to write (default: runs/evaluate-...).")
def evaluate_command(model: str, data: str, **options: Any) -> None:
    """Score an exported MODEL on another collection, through Essentia."""
    from essentia_ldl.measure.evaluate import describe_evaluation, evaluate

    done = evaluate(model, data, **options)
    for line in describe_evaluation(done):
        click.echo(line)
    if done.failures:
        _fail(f"{len(done.failures)} files could not be used: see {done.folder}/failures.csv.")


@main.command("report")
@click.argument("run", required=False)
@click.option("--excerpts", "excerpt_s", type=click.FloatRange(1, 60), metavar="S", help="Embed S seconds a track.")
@click.option("--tracks", "n_listed", type=click.IntRange(0), default=40, show_default=True, help="Shown in the audit.")
def report_command(run: str | None, excerpt_s: float | None, n_listed: int) -> None:
    """Write RUN's report.html and audit.csv: scores, pictures, and the labels to listen to again.

    RUN is a run of train or crossval, by name or folder (default: the one that ended last).
    """
    from essentia_ldl.report.command import write_report

    for line in write_report(run, excerpt_s, n_listed):
        click.echo(line)


@main.group("graphs")
def graphs_group() -> None:
    """The pretrained networks."""


@graphs_group.command("build")
@click.option("--wheel", metavar="FILE", help="musicnn-0.1.0-py3-none-any.whl, when there is no network.")
def graphs_build(wheel: str | None) -> None:
    """Build the MSD- and MTT-trained MusiCNN and VGG from the weights of the musicnn package."""
    from essentia_ldl.files import graphs_folder
    from essentia_ldl.train.train import build_base_graphs

    build_base_graphs(wheel)
    click.echo(f"the pretrained networks are in {graphs_folder()}")


@main.command("models")
def models_command() -> None:
    """List the models in graphs/ with their scores."""
    from essentia_ldl.cli import summary
    from essentia_ldl.files import graphs_folder
    from essentia_ldl.models import folder as models

    found, problems = models.list_models(graphs_folder())
    for line in summary.describe_models(found, graphs_folder()):
        click.echo(line)
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    if problems:
        raise SystemExit(1)


@main.command("predict")
@click.argument("audio", nargs=-1, required=True)
@click.option("-m", "--model", "names", multiple=True, metavar="NAME|FILE", help="A model in graphs/ or a .pb file.")
@click.option("--format", "form", type=click.Choice(["text", "json", "csv"]), default="text", show_default=True)
@click.option("--segments", is_flag=True, help="Also show every patch (3 s, every 1.5 s).")
@click.option("--patch-hop", type=click.IntRange(1, 187), metavar="FRAMES", help="Distance between patches.")
@click.option("--uncertainty", is_flag=True, help="Also show entropies in nats, and what samples or members say.")
@click.option("--min-confidence", type=click.FloatRange(0, 1), metavar="P", help='Say "uncertain" below P.')
@click.option("-o", "--output", metavar="FILE", help="Write there instead of on the terminal.")
def predict_command(
    audio: tuple[str, ...],
    names: tuple[str, ...],
    form: str,
    segments: bool,
    patch_hop: int | None,
    output: str | None,
    **answers: Any,
) -> None:
    """Run models on files, folders and patterns.

    Without --model: every model in graphs/, or the 50 MSD tags when none was trained yet.
    """
    from essentia_ldl.predict.worker import start_worker

    started = start_worker()  # loads Essentia while this process loads the rest
    try:
        from essentia_ldl.files import graphs_folder
        from essentia_ldl.predict.ask import Question
        from essentia_ldl.predict.command import predict
        from essentia_ldl.predict.write import Output

        question = Question(names, patch_hop, segments, **answers)
        done = predict(
            audio, question, Output(form, output), graphs_folder(), lambda line: click.echo(line, err=True), started
        )
    finally:
        started.kill()
        started.wait()
    if done.n_failures:
        _fail(f"{done.n_failures} files could not be used." if done.n_failures > 1 else "")


@main.command("doctor")
def doctor_command() -> None:
    """Check the installation: versions, graphs, and a one-second run."""
    from essentia_ldl.doctor import examine

    lines, healthy = examine()
    for line in lines:
        click.echo(line)
    if not healthy:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
