"""The steps of `train`, in order, each in its zone: collection, labels, network, export, verify, promote.

In: a recipe and the user's data; out: a run folder with every artefact, and a verified model in graphs/. A killed run
goes on where it was: features and embeddings are in the store, training in its checkpoint.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import __version__, frontends
from essentia_ldl import labels as label_sources
from essentia_ldl.collection import splits
from essentia_ldl.collection.corrections import describe_corrections
from essentia_ldl.collection.read import Collection, extract, read_corrected
from essentia_ldl.datasets import demo
from essentia_ldl.errors import DataError, StoreError, explain
from essentia_ldl.features import descriptors, embeddings
from essentia_ldl.features.extractors import identify_weights, read_extractor
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home, read_json, read_object, write_json
from essentia_ldl.models import folder as models
from essentia_ldl.recipe.recipe import NetworkSettings, Recipe
from essentia_ldl.recipe.toml import render_recipe
from essentia_ldl.records import Failure, Split, Track
from essentia_ldl.runs import calibrate as calibrating
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.plan import FILE as PLAN
from essentia_ldl.runs.plan import read_plan, write_plan
from essentia_ldl.runs.score import score_run
from essentia_ldl.runs.targets import read_report
from essentia_ldl.scores.calibration import NONE, TEMPERATURE
from essentia_ldl.train.compose import (
    Wanted,
    build_source,
    check_sampling,
    identify_tracks,
    label_front_ends,
    list_sources,
    plan_run,
    update_places,
)
from essentia_ldl.train.multi_target import describe_left_out
from essentia_ldl.zones import run_zone

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Trained:
    """What `train` leaves: the run, the models it put into graphs/, its scores and the files it left out."""

    run: Path
    models: tuple[str, ...]
    scores: Mapping[str, Any]
    failures: tuple[Failure, ...]
    repeated: bool = False


def build_base_graphs(graphs: Path, wheel: str | None = None) -> None:
    """Build the pretrained networks that the folder of models lacks."""
    arguments = [str(graphs), *(["--wheel", wheel] if wheel else [])]
    run_zone("essentia_ldl.nets.base_graphs", *arguments)


def require_network(network: NetworkSettings, graphs: Path) -> None:
    """Build what a recipe's network starts from, or say what is missing and where it is had."""
    if network.extractor:
        read_extractor(network, graphs)
    elif network.fine_tune != "none":
        if models.base_name(network.backbone, network.pretrained) in models.BASE_MODELS:
            build_base_graphs(graphs)
        else:
            models.require_weights(graphs, network.backbone, network.pretrained)


def find_data(recipe: Recipe, data: str | None, home: Home, say: Say) -> tuple[str, bool]:
    """Return the path of the collection, and whether it is the built-in demo, which is made when there is no data."""
    if data is not None:
        return data, any((folder / "demo.json").is_file() for folder in (Path(data), Path(data).parent))
    root = home.demos / recipe.task
    say(f"no DATA given: using the built-in demo collection in {root}")
    return str(make_demo(root, recipe)), True


def make_demo(
    root: Path,
    recipe: Recipe,
    *,
    n_tracks: int | None = None,
    n_artists: int | None = None,
    seed: int | None = None,
    replace: bool = True,
) -> Path:
    """Synthesise the demo of a recipe, of the sizes in its section [demo] unless others are given.

    Parameters
    ----------
    root : Path
        Folder to make.
    recipe : Recipe
        Its classes, seed and section demo are meant.
    n_tracks, n_artists, seed, replace
        As in `datasets.demo.build_demo`; None is the recipe's.

    Returns
    -------
    Path
        The folder.
    """
    wanted = recipe.demo
    size = demo.DemoSize(
        n_tracks=n_tracks or wanted.tracks or None,
        n_artists=n_artists or wanted.artists or None,
        n_substyles=wanted.substyles,
        duration_s=wanted.seconds,
    )
    seed = recipe.split.seed if seed is None else seed
    return demo.build_demo(root, recipe.classes, size, seed=seed, replace=replace)


def prepare(
    recipe: Recipe,
    data: str | None,
    sources: Sequence[str],
    n_jobs: int | None,
    say: Say,
    *,
    home: Home,
    bands: bool = True,
    draw: Callable[[list[Track]], Sequence[Split]] | None = None,
    corrections: str | None = None,
    layout: str | None = None,
    options: Mapping[str, object] | None = None,
) -> tuple[Collection, bool]:
    """Read, check and extract a collection.

    Parameters
    ----------
    recipe : Recipe
        The task.
    data : str or None
        Folder or table; None is the demo.
    sources : sequence of str
        Label sources that will be fitted.
    n_jobs : int or None
        Worker processes.
    say : callable
        Gets lines for the user.
    home : Home
        Whose store is filled.
    bands : bool
        Also compute what the network reads.
    draw : callable or None
        Splits the tracks as the training will, so that too few of them are told before the long work.
    corrections : str or None
        File of corrected labels, see `essentia_ldl.collection.corrections`.
    layout, options
        As in `datasets.read_tracks`.

    Returns
    -------
    collection : Collection
    is_demo : bool
    """
    check_sampling(recipe)
    path, is_demo = find_data(recipe, data, home, say)
    tracks, corrected = read_corrected(path, recipe, corrections, layout, options)
    if corrected:
        say(describe_corrections(corrected))
    network = recipe.network
    bands_of = frontends.of_network(recipe.network.backbone).name
    read = label_front_ends(recipe, sources)
    wanted = [name for name in read if name not in (embeddings.NAME, label_sources.DESCRIPTORS)]
    extractor: dict[str, Any] = {}
    if bands or not wanted or embeddings.NAME in read:
        if network.extractor:
            found = read_extractor(network, home.graphs)
            extractor = {"extractor": found.as_job(Store(home.store))}
        elif (network.backbone, network.pretrained) in models.USERS_GRAPHS and network.fine_tune != "none":
            models.require_weights(home.graphs, network.backbone, network.pretrained)  # before the long work
    if not extractor and (bands or not wanted or embeddings.NAME in read):
        wanted = list(dict.fromkeys([bands_of, *wanted]))
    for split in draw(tracks) if draw else ():
        chosen = set(split.train)
        train = [track for track in tracks if track.id in chosen]
        for source in list_sources(recipe, sources):
            build_source(recipe, source).check(train)
    collection = extract(tracks, home, [frontends.get(name) for name in wanted], n_jobs, **extractor)
    present = {track.label for track in collection.tracks}
    for name in recipe.classes:
        if name not in present:
            first = collection.failures[0].reason if collection.failures else "no files"
            raise DataError(explain("class", "at least one usable track", 0, f"{name} in {path}", f"First: {first}"))
    counts = ", ".join(f"{sum(t.label == name for t in collection.tracks)} {name}" for name in recipe.classes)
    left_out = f", {len(collection.failures)} left out" if collection.failures else ""
    say(f"{len(collection.tracks)} tracks ({counts}){left_out}")
    collection = dataclasses.replace(collection, corrections=corrected)
    if label_sources.DESCRIPTORS in read:
        _describe(collection, n_jobs, say)
    if embeddings.NAME in read:
        require_network(recipe.network, home.graphs)
        embeddings.make_embeddings(collection, recipe.network)
    return collection, is_demo


def _describe(collection: Collection, n_jobs: int | None, say: Say) -> None:
    """Compute the descriptors that artist groups read; a file that has none counts for its artist no words there."""
    lacking = descriptors.list_missing(collection, "all")
    if lacking:
        say(f"MusicExtractor on {len(lacking)} tracks, for artist groups")
    refused = descriptors.make_descriptors(collection, n_jobs, "all")
    if refused:
        say(f"MusicExtractor refused {len(refused)} of {len(collection.tracks)} files; first: {refused[0].reason}")


def train(
    recipe: Recipe,
    data: str | None = None,
    *,
    home: Home,
    n_jobs: int | None = None,
    max_hours: float | None = None,
    again: bool = False,
    say: Say = print,
    corrections: str | None = None,
    layout: str | None = None,
    options: Mapping[str, object] | None = None,
) -> Trained:
    """Train a task from audio to a verified model in graphs/.

    Parameters
    ----------
    recipe : Recipe
        The task.
    data : str or None
        Folder or table; None is the built-in demo.
    home : Home
        Where run, features and models go.
    n_jobs : int or None
        Worker processes of the feature extraction.
    max_hours : float or None
        Stop training after that long and export the best so far.
    again : bool
        Train even when the same run ended before.
    say : callable
        Gets lines for the user.
    corrections : str or None
        File of corrected labels, see `essentia_ldl.collection.corrections`.
    layout, options
        As in `datasets.read_tracks`.

    Returns
    -------
    Trained

    Raises
    ------
    EssentiaLdlError
        Whatever went wrong; nothing half-written is left in graphs/.
    """
    collection, is_demo = prepare(
        recipe,
        data,
        [recipe.labels],
        n_jobs,
        say,
        home=home,
        draw=lambda t: [_draw_split(recipe, t)],
        corrections=corrections,
        layout=layout,
        options=options,
    )
    unknown = sum(track.artist is None for track in collection.tracks)
    if unknown and not is_demo:
        say(f"artist not known for {unknown} of {len(collection.tracks)} tracks: one may train and validate")
    listing = identify_tracks(recipe, collection)
    sides = [track.split for track in collection.tracks]
    weights = identify_weights(recipe.network, home.graphs)
    digest = runs.fingerprint(__version__, recipe.as_dict(), listing, sides, is_demo, max_hours, *weights)
    run, finished = take_run(recipe.task, digest, home, again, say)
    if finished:
        names = runs.read_models(run)
        return Trained(run, names, read_json(run / "scores.json"), collection.failures, repeated=True)
    with runs.locked(run):
        split = _draw_split(recipe, list(collection.tracks))
        open_folder(run, recipe, collection)
        if not runs.is_planned(run):
            say(f"labels: {recipe.labels}")
            plan_run(run, recipe, collection, split, Wanted(is_demo=is_demo, max_hours=max_hours))
            for line in describe_left_out(read_report(run).get("targets", {})):
                say(line)
        names, scores = finish(run, collection)
    return Trained(run, names, scores, collection.failures)


def take_run(task: str, digest: str, home: Home, again: bool, say: Say) -> tuple[Path, bool]:
    """Return the folder of a run that was started before or is new, and whether its models are there already."""
    run, done = runs.find_run(home.runs, task, digest)
    if run is not None and done and not again:
        names = runs.read_models(run)
        if all((home.graphs / f"{name}.pb").is_file() for name in names):
            say(f"trained before with the same recipe and data: {run}")
            return run, True
    if run is None or done:
        return runs.make_run(home.runs, task, digest), False
    say(f"going on with {run}")
    return run, False


def open_folder(run: Path, recipe: Recipe, collection: Collection) -> None:
    """Write the recipe and the files left out into a run folder, and build the pretrained network it starts from."""
    runs.open_run(run, render_recipe(recipe), collection.failures, collection.corrections)
    require_network(recipe.network, collection.home.graphs)


def finish(
    run: Path, collection: Collection, measured: Mapping[str, Any] | None = None
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

    Returns
    -------
    names : tuple[str, ...]
        Of the models in graphs/.
    scores : dict[str, Any]
        What scores.json holds.
    """
    update_places(run, collection)
    run_zone("essentia_ldl.nets", str(run))
    return deliver(run, measured or {}, collection.home.graphs)


def deliver(run: Path, measured: Mapping[str, Any], graphs: Path) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Verify, score and promote what a run exported into `graphs`; the rest as in `finish`."""
    run_zone("essentia_ldl.sound", str(run))
    scores = {**score_run(run), **measured}
    write_json(run / "scores.json", scores)
    stems = [stem for stem in read_plan(run).stems.values() if stem]
    promoted = models.promote(run / "export", stems, graphs, {"run": run.name, "scores": scores})
    names = tuple(model.name for model in promoted)
    runs.finish_run(run, names)
    return names, scores


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
        plan, before = read_plan(run), read_object(run / runs.SCORES)
        method = method or (TEMPERATURE if plan.calibration == NONE else plan.calibration)
        found = calibrating.calibrate_run(run, method, strict=True)
        say(f"calibration: {found.describe()}")
        write_plan(dataclasses.replace(plan, calibration=method))
        run_zone("essentia_ldl.nets", "--export-only", str(run))
        names, scores = deliver(run, {key: before[key] for key in ("crossval",) if key in before}, home.graphs)
    return Trained(run, names, scores, ())


def _draw_split(recipe: Recipe, tracks: list[Track]) -> Split:
    return splits.split_tracks(tracks, recipe.split.valid_share, seed=recipe.split.seed)
