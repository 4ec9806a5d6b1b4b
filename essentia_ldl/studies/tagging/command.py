"""The benchmark command: networks that tag music on the user's collection, or on a synthesised one, compared.

In: a collection with tags; out: a run folder with benchmark.json and benchmark.html, written anew with every network.
What was measured is not measured again; a killed benchmark goes on where it was.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import __version__, datasets, frontends
from essentia_ldl.choices import MULTI_LABEL
from essentia_ldl.collection import splits
from essentia_ldl.collection.read import Collection, Source, read_labelled
from essentia_ldl.errors import DataError, explain
from essentia_ldl.features.extract import extract
from essentia_ldl.features.room import count_lacking, tell_room
from essentia_ldl.features.store import Store
from essentia_ldl.features.variants import AGAIN, deform, require_ffmpeg
from essentia_ldl.files import Home, read_object, write_json
from essentia_ldl.recipe.new import list_classes
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import read_recipe, render_recipe
from essentia_ldl.records import Failure, Split, Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.studies import estimates
from essentia_ldl.studies.tagging import results
from essentia_ldl.studies.tagging.cells import Entry, draw_cell, measure_cell, read_cells
from essentia_ldl.studies.tagging.folder import take_folder
from essentia_ldl.studies.tagging.grid import (
    DEMO,
    FULL,
    TEST_SHARE,
    Scale,
    adapt_recipe,
    check_tags,
    choose_networks,
    get_scale,
    list_recipes,
)
from essentia_ldl.studies.tagging.page import write_page
from essentia_ldl.train.prepare import Say, find_data

DEMO_TASK, DEMO_NAME = "tags-demo", "benchmark-demo"
AROUND_S = 40.0  # of a cell, beside its epochs: two processes, the trace of a graph, its proof


@dataclasses.dataclass(frozen=True)
class Terms:
    """What the command is asked for.

    Parameters
    ----------
    task : str or None
        A recipe's name or file, whose tags are meant; None are those of the collection.
    scale : str or None
        A name of `grid.SCALES`; None is full with data, and demo without.
    networks : tuple[str, ...]
        Of `grid.NETWORKS`; empty for the scale's.
    folds : int or None
        Where the collection has no split; None is the scale's.
    changes : Mapping[str, str]
        Keys of the recipe that differ, as in `recipe.toml.change_recipe`.
    against : str or None
        The benchmark.json of another run, or its folder.
    again : bool
        Begin a new one, whatever there is.
    dry_run : bool
        Stop after the estimated time.
    """

    task: str | None = None
    scale: str | None = None
    networks: tuple[str, ...] = ()
    folds: int | None = None
    changes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    against: str | None = None
    again: bool = False
    dry_run: bool = False


@dataclasses.dataclass(frozen=True)
class Benchmarked:
    """What `measure` leaves.

    Parameters
    ----------
    folder : Path
        The run, or after a dry run the folder of runs.
    found : Mapping[str, Any]
        What benchmark.json holds; empty after a dry run.
    differences : Mapping[str, Any]
        From `results.compare`; empty where nothing is compared.
    failures : tuple[Failure, ...]
        Files left out.
    """

    folder: Path
    found: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    differences: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    failures: tuple[Failure, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Work:
    """What is measured: the tracks, the recipes of the networks, and how the tracks are split and changed."""

    tracks: Sequence[Track]
    recipes: Mapping[str, Recipe]
    scale: Scale
    home: Home
    left_out: Mapping[str, str]
    is_demo: bool

    @property
    def recipe(self) -> Recipe:
        return next(iter(self.recipes.values()))

    @property
    def has_split(self) -> bool:
        return any(track.split == "test" for track in self.tracks)

    @property
    def n_folds(self) -> int:
        return 1 if self.has_split else self.scale.n_folds

    @property
    def cells(self) -> list[Entry]:
        return [Entry(name, fold) for name in self.recipes for fold in range(self.n_folds)]

    def draw(self, tracks: Sequence[Track]) -> list[Split]:
        """Draw the sides of every fold: the collection's own, or by artist."""
        share, seed = self.recipe.split.valid_share, self.recipe.split.seed
        if self.n_folds == 1:
            return [splits.split_tracks(tracks, share, 0.0 if self.has_split else TEST_SHARE, seed)]
        return splits.fold_tracks(tracks, self.n_folds, share, seed)


def measure(source: Source, asked: Terms, home: Home, n_jobs: int | None = None, say: Say = print) -> Benchmarked:
    """Run a benchmark, or go on with one.

    Parameters
    ----------
    source : Source
        Folder or table with tags; without data, a collection is synthesised.
    asked : Terms
        Which networks, how large.
    home : Home
        Whose runs, store and recipes are meant.
    n_jobs : int or None
        Worker processes of the extraction; None is one per core.
    say : callable
        Gets lines while the work goes on.

    Returns
    -------
    Benchmarked

    Raises
    ------
    UnknownNameError
        When there is no such scale, network or task.
    DataError
        When there are fewer than two tags, or an interrupted benchmark of the collection had other settings.
    EssentiaLdlError
        Whatever else goes wrong; what was measured stays.
    """
    other = None if asked.against is None else results.read_benchmark(asked.against)  # told before the long work
    scale = get_scale(asked.scale or (DEMO if source.data is None else FULL))
    scale = dataclasses.replace(scale, n_folds=asked.folds or scale.n_folds)
    networks = choose_networks(asked.networks, scale)
    recipe = adapt_recipe(_find_recipe(source, asked.task, home, say), scale, asked.changes)
    source, is_demo = find_data(recipe, source, home, say)
    tracks = read_labelled(source, recipe)
    recipes, left_out = _leave_out(list_recipes(recipe, networks), tracks, home, n_jobs)
    for name, why in left_out.items():
        say(f"{name} is left out: {why}")
    work = _Work(tracks, recipes, scale, home, left_out, is_demo)
    if asked.folds and work.has_split:
        say("the collection has a split of its own, so that there are no folds")
    work.draw(tracks)  # what cannot be drawn is told before the long work, too
    require_ffmpeg(scale.variants, AGAIN)
    settings = _describe(source, work)
    run, done = (None, False) if asked.dry_run else take_folder(home.runs, settings, asked.again)
    cells = [cell for cell in work.cells if run is None or not cell.is_done(run)]
    cells = _say_estimate(work, cells, n_jobs, say)
    if run is None:
        return Benchmarked(home.runs)
    failures: tuple[Failure, ...] = ()
    with runs.locked(run):
        if cells or not done:
            failures = _measure_cells(run, work, cells, settings, n_jobs, say)
            runs.finish_run(run)
        found = _gather(run, work, settings)
        differences = {} if other is None else results.compare(found, other)
        write_page(run, found, differences)
    return Benchmarked(run, found, differences, failures)


def _find_recipe(source: Source, task: str | None, home: Home, say: Say) -> Recipe:
    """Return the recipe of a task, or one of the tags of a collection."""
    if task is not None:
        return read_recipe(task, home.recipes)
    if source.data is None:
        return dataclasses.replace(read_recipe(DEMO_TASK, home.recipes), task=DEMO_NAME)
    notes: list[str] = []
    data = Path(source.data)
    tracks = datasets.read_tracks(data, source.layout, source.options, say=notes.append, kind=MULTI_LABEL)
    tags = list_classes(tracks, MULTI_LABEL, data, notes)
    for note in notes:
        say(note)
    check_tags(tags, data)
    return Recipe("benchmark", tags, kind=MULTI_LABEL, labels="none")


def _leave_out(
    recipes: Mapping[str, Recipe], tracks: Sequence[Track], home: Home, n_jobs: int | None
) -> tuple[dict[str, Recipe], dict[str, str]]:
    """Leave out networks whose patches are longer than most of the tracks; raise `DataError` when none is left."""
    typical_s = float(np.median(estimates.find_durations(tracks, Store(home.store), n_jobs)))
    kept, left_out = {}, {}
    for name, recipe in recipes.items():
        front_end = frontends.of_network(name)
        patch_s = front_end.patch_samples / front_end.sample_rate_hz
        if patch_s > typical_s + 0.05:  # headers round
            left_out[name] = f"it hears {patch_s:.1f} s at once, and the tracks have {typical_s:.1f} s"
        else:
            kept[name] = recipe
    if not kept:
        rule, found = "tracks that fill a patch of one network at least", f"{typical_s:.1f} s"
        raise DataError(explain("benchmark", rule, found, ", ".join(left_out), "Take longer excerpts."))
    return kept, left_out


def _describe(source: Source, work: _Work) -> dict[str, Any]:
    """Return the settings: everything that decides the numbers."""
    identity = work.recipe.as_identity()
    del identity["network"]["backbone"]
    listing = [[t.id, sorted(t.names), t.artist, t.split, _count_bytes(t.path)] for t in work.tracks]
    return {
        "version": __version__,
        "data": os.path.abspath(source.place),
        "networks": list(work.recipes),
        "folds": work.n_folds,
        "variants": list(work.scale.variants),
        "recipe": identity,
        "tracks": hashlib.sha256(json.dumps(listing).encode()).hexdigest()[:16],
    }


def _count_bytes(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _say_estimate(work: _Work, cells: Sequence[Entry], n_jobs: int | None, say: Say) -> list[Entry]:
    """Say how long what is not measured takes here, from a measured training step; return it, the quickest first."""
    n_cells = len(work.cells)
    say(f"{n_cells} trainings, {n_cells - len(cells)} done before, {len(cells)} to do")
    if not cells:
        return []
    store, size, width = Store(work.home.store), work.recipe.training.batch_size, work.recipe.network.width
    names = {name: f"{name}:none{'' if width == 1 else f':{width:g}'}" for name in {cell.network for cell in cells}}
    say("measuring a training step of each network")
    store.root.mkdir(parents=True, exist_ok=True)
    costs = estimates.measure_costs(store.root / "costs.json", sorted(names.values()), size)
    durations = estimates.find_durations(work.tracks, store, n_jobs)
    seconds: dict[str, float] = {}
    for name, recipe in work.recipes.items():
        if name in names:
            n_folds = work.n_folds if work.n_folds > 1 else None
            whole = estimates.estimate_training(costs[names[name]], recipe, len(work.tracks), durations, n_folds)
            n_tested = len(work.tracks) * (TEST_SHARE if n_folds is None else 1 / n_folds)
            asked = n_tested * len(work.scale.variants) * estimates.count_patches(recipe, durations)
            seconds[name] = whole / (n_folds or 1) + asked * costs[names[name]].patch_s + AROUND_S
            length = estimates.describe_length(seconds[name])
            say(f"{name:<16} {recipe.n_epochs:>4} epochs  {length:>11} a training")
    total = estimates.describe_length(sum(seconds[cell.network] for cell in cells))
    say(f"together about {total} here, without features; a stopped one goes on where it was")
    return sorted(cells, key=lambda cell: seconds[cell.network])


def _measure_cells(
    run: Path, work: _Work, cells: Sequence[Entry], settings: Mapping[str, Any], n_jobs: int | None, say: Say
) -> tuple[Failure, ...]:
    """Make features and variants, and measure what is not measured; return the files left out."""
    collection, drawn = _prepare(work, n_jobs, say)
    runs.open_run(run, render_recipe(work.recipe), collection.failures, collection.corrections)
    for number, cell in enumerate(cells, 1):
        fold = "" if work.n_folds == 1 else f", fold {cell.fold + 1} of {work.n_folds}"
        say(f"[{number}/{len(cells)}] {cell.network}{fold}")
        split = drawn[cell.fold]
        scores = measure_cell(cell.folder(run), work.recipes[cell.network], collection, split, work.scale.variants)
        say(f"{cell.network}: ROC-AUC {scores['roc_auc']:.3f}, PR-AUC {scores['pr_auc']:.3f}")
        write_page(run, _gather(run, work, settings), {})
    return collection.failures


def _prepare(work: _Work, n_jobs: int | None, say: Say) -> tuple[Collection, list[Split]]:
    """Compute the features of all tracks for all networks, and of the variants of those that test."""
    named = {frontends.of_network(name).name: frontends.of_network(name) for name in work.recipes}
    wanted = list(named.values())
    lacking = count_lacking(work.tracks, [(front_end, "") for front_end in wanted], Store(work.home.store))
    tell_room(lacking, work.home, n_jobs, say)
    collection = extract(work.tracks, work.home, wanted, n_jobs, say=say)
    collection = dataclasses.replace(collection, is_demo=work.is_demo)
    present = {tag for track in collection.tracks for tag in track.names}
    missing = [tag for tag in work.recipe.classes if tag not in present]
    if missing:
        first = collection.failures[0].reason if collection.failures else "no files"
        raise DataError(explain("tag", "at least one usable track", 0, missing[0], f"First: {first}"))
    drawn = work.draw(collection.tracks)
    tested = {track_id for split in drawn for track_id in split.test}
    deform(collection, tested, wanted, work.scale.variants, n_jobs, say)
    return collection, drawn


def _gather(run: Path, work: _Work, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Write benchmark.json of what is measured, and return it."""
    counts = {tag: sum(tag in track.names for track in work.tracks) for tag in work.recipe.classes}
    artists = {track.id: track.artist for track in work.tracks if track.artist is not None}
    measured = read_cells(run, work.cells)
    found = {
        "settings": dict(settings),
        "collection": {
            "n_tracks": len(work.tracks),
            "n_artists": len(set(artists.values())),
            "tags": counts,
            "split": "its own" if work.has_split else "by artist",
            "n_test": [row["n_test"] for cell, row in measured.items() if cell.network == next(iter(work.recipes))],
        },
        "left_out": dict(work.left_out),
        "networks": results.gather(measured, {cell: draw_cell(cell, run, artists) for cell in measured}),
    }
    write_json(run / results.FILE, found)
    return read_object(run / results.FILE)  # as who compares it will read it
