"""The steps of `train`, in order, each in its zone: collection, labels, network, export, verify, promote.

In: a recipe and the user's data; out: a run folder with every artefact, and a verified model in graphs/. A killed run
goes on where it was: features and embeddings are in the store, training in its checkpoint.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import __version__
from essentia_ldl.choices import SVM
from essentia_ldl.collection import splits
from essentia_ldl.collection.read import Collection, Source
from essentia_ldl.errors import StoreError, explain
from essentia_ldl.files import Home
from essentia_ldl.models.promotion import promote
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.sections import ChoiceSettings
from essentia_ldl.recipe.toml import render_recipe
from essentia_ldl.records import Failure, Split, Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.calibrate import calibrate_run
from essentia_ldl.runs.outcome import read_scores, write_scores
from essentia_ldl.runs.plan import FILE as PLAN
from essentia_ldl.runs.plan import Plan, read_plan, write_plan
from essentia_ldl.runs.score import score_run
from essentia_ldl.runs.targets import read_report
from essentia_ldl.scores.calibration import NONE, TEMPERATURE
from essentia_ldl.taps import EMBEDDING, NETWORKS
from essentia_ldl.train.auto import summarize_again, summarize_choice
from essentia_ldl.train.choice import BASE
from essentia_ldl.train.compose import (
    Wanted,
    identify_graphs,
    identify_tracks,
    plan_run,
    update_places,
)
from essentia_ldl.train.multi_target import describe_left_out
from essentia_ldl.train.prepare import Needs, Say, prepare, require_network
from essentia_ldl.zones import run_zone

DROP_IN = "drop-in"


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much a training may take.

    Parameters
    ----------
    n_jobs : int or None
        Worker processes of the feature extraction; None is one per core.
    max_hours : float or None
        Stop training after that long and export the best so far.
    again : bool
        Train even when the same run ended before.
    """

    n_jobs: int | None = None
    max_hours: float | None = None
    again: bool = False


DEFAULT_EFFORT = Effort()


@dataclasses.dataclass(frozen=True)
class Trained:
    """What `train` leaves: the run, the models it put into graphs/, its scores and the files it left out."""

    run: Path
    models: tuple[str, ...]
    scores: Mapping[str, Any]
    failures: tuple[Failure, ...]
    repeated: bool = False


def train(recipe: Recipe, source: Source, home: Home, effort: Effort = DEFAULT_EFFORT, say: Say = print) -> Trained:
    """Train a task from audio to a verified model in graphs/.

    Parameters
    ----------
    recipe : Recipe
        The task.
    source : Source
        Where the collection is; without data, the built-in demo.
    home : Home
        Where run, features and models go.
    effort : Effort
        Worker processes, hours, and whether what was made before is made again.
    say : callable
        Gets lines for the user.

    Returns
    -------
    Trained

    Raises
    ------
    EssentiaLdlError
        Whatever went wrong; nothing half-written is left in graphs/.
    """
    is_open = recipe.is_solved and not recipe.network.backbones and recipe.choice == ChoiceSettings()
    if source.data is None and is_open:
        recipe = recipe.override(choice__speed="fast")
        say(f"the demo is quick: it tries {BASE} alone, and --speed best all networks, as your own music does")
    needs = Needs((recipe.labels,), lambda tracks: [draw_split(recipe, tracks)])
    collection = prepare(recipe, source, needs, home, effort.n_jobs, say)
    unknown = sum(track.artist is None for track in collection.tracks)
    if unknown and not collection.is_demo:
        say(f"artist not known for {unknown} of {len(collection.tracks)} tracks: one may train and validate")
    listing = identify_tracks(recipe, collection)
    sides = [track.split for track in collection.tracks]
    asked = [listing, sides, collection.is_demo, effort.max_hours]
    if collection.target is not None:
        asked.append(["adapt", sorted(collection.target.contents[track.id] for track in collection.target.tracks)])
    weights = identify_graphs(recipe, home.graphs)
    digest = runs.fingerprint(__version__, recipe.as_identity(), *asked, *weights)
    run, before = take_training(recipe.task, digest, home, effort.again, say)
    if before is not None:
        return dataclasses.replace(before, failures=collection.failures)
    with runs.locked(run):
        split = draw_split(recipe, list(collection.tracks))
        open_folder(run, recipe, collection)
        if not runs.is_planned(run):
            say(f"labels: {recipe.labels}")
            plan_run(run, recipe, collection, split, Wanted(max_hours=effort.max_hours), say)
            for line in describe_left_out(read_report(run).get("targets", {})):
                say(line)
        measured = summarize_choice(run, recipe, collection) if recipe.is_solved else {}
        beside = plan_drop_in(run, recipe, collection, split) if recipe.is_solved else ()
        names, scores = finish(run, collection, {"crossval": measured} if measured else {}, beside)
    return Trained(run, names, scores, collection.failures)


def take_training(task: str, digest: str, home: Home, again: bool, say: Say) -> tuple[Path, Trained | None]:
    """Return the folder of a run that makes models, and what it left where it has ended.

    Parameters
    ----------
    task, digest : str
        Name and fingerprint.
    home : Home
        Whose runs and graphs are meant.
    again : bool
        Make a new one even when the same run has ended and its models are there.
    say : callable
        Gets a line when there is a run already.

    Returns
    -------
    run : Path
        One that was started before, or a new one.
    before : Trained or None
        What it left, without the files that this command leaves out; None when there is something to do.

    Raises
    ------
    StoreError
        When it has ended, and its run.json or its scores are damaged.
    """
    run, finished = runs.take_run(task, digest, home, again, say)
    return run, Trained(run, runs.read_models(run), read_scores(run), (), repeated=True) if finished else None


def open_folder(run: Path, recipe: Recipe, collection: Collection) -> None:
    """Write the recipe and the files left out into a run folder, and build the pretrained network it starts from."""
    runs.open_run(run, render_recipe(recipe), collection.failures, collection.corrections)
    require_network(recipe.network, collection.home.graphs)


def plan_drop_in(run: Path, recipe: Recipe, collection: Collection, split: Split) -> tuple[Path, ...]:
    """Plan the model that pipelines made for Essentia's own classifiers read, beside one on other features.

    Parameters
    ----------
    run : Path
        Folder of a solved run whose plan is written.
    recipe, collection, split
        What it is of.

    Returns
    -------
    tuple[Path, ...]
        The folder ``drop-in`` of a classifier on the embeddings of msd-musicnn alone, its settings chosen in the same
        way; empty where the run is that already, must not choose that network, or has machines on other layers.
    """
    allowed = recipe.choice.networks or tuple(NETWORKS)
    is_free = not recipe.network.backbones and BASE in allowed and recipe.labels != SVM
    if not is_free or not read_plan(run).network.backbones:
        return ()
    folder = run / DROP_IN
    if not runs.is_planned(folder):
        dataset, backbone = BASE.split("-")
        alone = recipe.override(network__backbone=backbone, network__pretrained=dataset, choice__layers=EMBEDDING)
        alone = alone.override(choice__networks=(BASE,))
        plan_run(folder, alone, collection, split, Wanted(), lambda line: None)
    return (folder,)


def finish(
    run: Path, collection: Collection, measured: Mapping[str, Any] | None = None, beside: Sequence[Path] = ()
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Train, export, verify, score and promote a run whose plan is written.

    Parameters
    ----------
    run : Path
        Run folder.
    collection : Collection
        What the plan was made of; its places are written into the plan again, because they may have moved.
    measured : Mapping[str, Any] or None
        Scores from elsewhere, which stand beside those of the run.
    beside : sequence of Path
        Folders inside the run with plans of their own, whose models go to graphs/ too.

    Returns
    -------
    names : tuple[str, ...]
        Of the models in graphs/, those of the run first.
    scores : dict[str, Any]
        What scores.json holds.
    """
    for folder in (run, *beside):
        update_places(folder, collection)
    run_zone("essentia_ldl.nets", str(run), *map(str, beside))
    return deliver(run, measured or {}, collection.home.graphs, beside)


def deliver(
    run: Path, measured: Mapping[str, Any], graphs: Path, beside: Sequence[Path] = ()
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Verify, score and promote what a run exported into `graphs`; the rest as in `finish`."""
    run_zone("essentia_ldl.sound", str(run), *map(str, beside))
    names: list[str] = []
    for folder in (*beside, run):  # the scores of the run come last: they say that all is done
        own = measured if folder == run else summarize_again(folder, measured)
        scores = {**score_run(folder), **own}
        write_scores(folder, scores)
        stems = [stem for stem in read_plan(folder).stems.values() if stem]
        promoted = promote(folder / "export", stems, graphs, {"run": run.name, "scores": scores})
        names = [*(model.name for model in promoted), *names]
    runs.finish_run(run, names)
    return tuple(names), scores


def find_beside(run: Path) -> tuple[Path, ...]:
    """Return the folders inside a run whose models went to graphs/ beside its own."""
    return (run / DROP_IN,) if (run / DROP_IN / PLAN).is_file() else ()


def calibrate(name: str | None, home: Home, method: str | None = None, say: Say = print) -> Trained:
    """Fit the calibration of a finished run again, without training, and put the models that follow into graphs/.

    Parameters
    ----------
    name : str or None
        A run of `train` or `crossval --refit`, by name or folder; None is the one that ended last.
    home : Home
        Whose runs and graphs are meant.
    method : str or None
        One of `calibration.METHODS`; None is what the run's plan says, or a temperature where that says none.
    say : callable
        Gets lines for the user.

    Returns
    -------
    Trained

    Raises
    ------
    StoreError
        When the run is not one with a model, has not ended or is damaged.
    DataError
        When there are no tracks to calibrate on, none of a class, or a logit is not finite; the run is as before then.
    """
    run = runs.find_finished(name, home.runs)
    if not (run / PLAN).is_file():
        remedy = "Name the run of a model; the folds of a cross-validation are calibrated by crossval."
        raise StoreError(explain("run", "one that trained a model", "a cross-validation", run, remedy))
    with runs.locked(run):
        plan, before = read_plan(run), read_scores(run)
        method = method or (TEMPERATURE if plan.calibration == NONE else plan.calibration)
        found = calibrate_run(run, method, strict=True)
        say(f"calibration: {found.describe()}")
        write_plan(_plan_again(plan, method, home))
        beside = find_beside(run)
        for folder in beside:
            calibrate_run(folder, method, strict=True)
            write_plan(_plan_again(read_plan(folder), method, home))
        run_zone("essentia_ldl.nets", "--export-only", str(run), *map(str, beside))
        kept = {key: before[key] for key in ("crossval",) if key in before}
        names, scores = deliver(run, kept, home.graphs, beside)
    return Trained(run, names, scores, ())


def _plan_again(plan: Plan, method: str, home: Home) -> Plan:
    """Plan another calibration of a run, with the store and the graphs of this home, whatever its file names."""
    places = dataclasses.replace(plan.places, store=home.store, graphs=home.graphs)
    return dataclasses.replace(plan, calibration=method, places=places)


def draw_split(recipe: Recipe, tracks: list[Track]) -> Split:
    """Split tracks as a training of the recipe does; one that is solved needs no validation side."""
    share = 0.0 if recipe.is_solved else recipe.split.valid_share
    return splits.split_tracks(tracks, share, seed=recipe.split.seed)
