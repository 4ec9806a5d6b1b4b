"""Cross-validation: several label sources and the baselines on the same folds, everything fitted inside each fold.

In: a collection and a recipe; out: ``scores.json`` in a run folder, the only source of every number that is shown.
Targets are smoothed on the training tracks of a fold alone; validation and test targets stay one-hot; a track's
prediction is the mean of its patches' probabilities.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import __version__, frontends
from essentia_ldl.choices import BASELINES, CHOSEN, LAYER_BASELINES, LAYERS_MFCC_SVM, LAYERS_SVM, SINGLE_LABEL, SVM
from essentia_ldl.collection.read import Collection, Source
from essentia_ldl.discover import unknown
from essentia_ldl.errors import DataError, RecipeError, explain
from essentia_ldl.features import descriptors, embeddings
from essentia_ldl.features.extract import extract
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.measure import baselines, machine_baselines
from essentia_ldl.measure.folds import describe_folds, draw_folds
from essentia_ldl.measure.kinds import NO_BASELINE, compare_kind_rows, gather_kind_row
from essentia_ldl.measure.rows import TruthColumn, compare_rows, find_findings, gather_row, read_truth
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Split, Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.folder import Fold
from essentia_ldl.runs.outcome import write_scores
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.train.batch import check_hop, list_trainings, train_cells
from essentia_ldl.train.choice import list_feature_sets
from essentia_ldl.train.compose import Wanted, identify_graphs, identify_tracks
from essentia_ldl.train.prepare import Needs, Say, prepare, require_network
from essentia_ldl.train.solved import gather_tracks
from essentia_ldl.train.train import open_folder

REFUSED = "descriptors-failures.csv"


@dataclasses.dataclass(frozen=True)
class Folds:
    """How a cross-validation divides a collection.

    Parameters
    ----------
    n_folds, n_repeats : int
        Folds, and how often they are drawn (by seed, seed + 1, …).
    leave_out : str or None
        A column of the collection: one fold per value, tested on its tracks and trained on the others. `n_folds` is
        not looked at then, and repetitions draw other validation sides only.
    """

    n_folds: int = 5
    n_repeats: int = 1
    leave_out: str | None = None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What a cross-validation compares.

    Parameters
    ----------
    labels : tuple[str, ...]
        Label sources, on the same folds.
    folds : Folds
        How often, and on what.
    patch_hop : int or None
        Frames between the patches that networks are scored on; None is the front-end's, which is that of production.
        Neither training nor baselines look at it.
    truth : TruthColumn or None
        Shares of listeners that predictions are compared with.
    to_refit : bool
        Whether `refit` will make a final model of it, which some hops do not allow.
    baselines : tuple[str, ...]
        Names of `choices.BASELINES` and `choices.LAYER_BASELINES` that run on the same folds.
    """

    labels: tuple[str, ...]
    folds: Folds = Folds()
    patch_hop: int | None = None
    truth: TruthColumn | None = None
    to_refit: bool = False
    baselines: tuple[str, ...] = BASELINES

    def __post_init__(self) -> None:
        for name in self.baselines:
            if name not in (*BASELINES, *LAYER_BASELINES):
                raise unknown("baseline", name, (*BASELINES, *LAYER_BASELINES))


@dataclasses.dataclass(frozen=True)
class Measured:
    """What `cross_validate` leaves.

    Parameters
    ----------
    run : Path
        Folder of the cross-validation.
    scores : Mapping[str, Any]
        What scores.json holds.
    collection : Collection
        All tracks, and the files that were left out.
    folds : tuple[Fold, ...]
        Of all repetitions.
    fingerprint : str
        Of everything that decides its numbers.
    refused : Path or None
        Table of the files that MusicExtractor refused, where it refused any.
    """

    run: Path
    scores: Mapping[str, Any]
    collection: Collection
    folds: tuple[Fold, ...]
    fingerprint: str
    refused: Path | None = None


def cross_validate(
    recipe: Recipe, source: Source, comparison: Comparison, home: Home, n_jobs: int | None = None, say: Say = print
) -> Measured:
    """Train and test every label source on every fold; what is there from a killed run is not done again.

    Parameters
    ----------
    recipe : Recipe
        The task; its own label source is not looked at.
    source : Source
        Where the collection is; without data, the demo.
    comparison : Comparison
        Label sources, folds, and what they are measured by.
    home : Home
        Where run and features go.
    n_jobs : int or None
        Worker processes of the feature extraction and of the training of heads; the numbers do not depend on it.
    say : callable
        Gets lines while the work goes on.

    Returns
    -------
    Measured

    Raises
    ------
    DataError
        When folds cannot be made, or the truth column does not fit.
    RecipeError
        When the hop of the network cannot be chosen, or the source names music to adapt to.
    """
    if source.adapt is not None:
        remedy = "Leave it to train, and measure its model with evaluate."
        raise RecipeError(explain("adapt", "none in a cross-validation", source.adapt, recipe.task, remedy))
    sources, drawn, patch_hop = tuple(dict.fromkeys(comparison.labels)), comparison.folds, comparison.patch_hop
    own_hop = frontends.of_network(recipe.network.backbone).patch_hop_frames
    if patch_hop == own_hop and not recipe.network.extractor:
        patch_hop = None
    check_hop(recipe, patch_hop, comparison.to_refit)
    for name in sources:
        recipe.override(labels=name)  # which refuses what the kind of the task does not allow
    if recipe.kind != SINGLE_LABEL and (comparison.truth or drawn.leave_out):
        rule, found = f"none where the kind is {recipe.kind}", "truth-column" if comparison.truth else "leave-out"
        raise RecipeError(explain("cross-validation", rule, found, recipe.task, "Leave it out."))

    def draw(tracks: Sequence[Track]) -> list[Split]:
        read_truth(tracks, recipe.classes, comparison.truth, source.data)  # told before the long work
        return [fold.split for fold in draw_folds(tracks, recipe, drawn.n_folds, 1, drawn.leave_out)]

    collection = prepare(recipe, source, Needs(sources, draw), home, n_jobs, say)
    tracks = list(collection.tracks)
    truth = read_truth(tracks, recipe.classes, comparison.truth, source.data)
    listing = identify_tracks(recipe, collection)
    values = {key: value for key, value in recipe.as_identity().items() if key != "labels"}
    column = drawn.leave_out
    kind = drawn.n_folds if column is None else [column, [track.columns[column] for track in tracks]]
    weights = identify_graphs(recipe, home.graphs)
    digest = runs.fingerprint(__version__, values, listing, kind, patch_hop, *weights)
    run = runs.resume_run(home.runs, f"{recipe.task}-crossval", digest)
    with runs.locked(run):
        open_folder(run, recipe, collection)
        folds = draw_folds(tracks, recipe, drawn.n_folds, drawn.n_repeats, column)
        wanted = Wanted(export=False, patch_hop=patch_hop)
        train_cells(list_trainings(run, recipe, folds, sources), collection, wanted, n_jobs, say)
        readers = _list_readers(run, recipe, sources, collection, n_jobs, say)
        is_kind = recipe.kind != SINGLE_LABEL
        machines = machine_baselines.NAMES if is_kind else LAYER_BASELINES
        named = tuple(dict.fromkeys(comparison.baselines))
        able = {name: readers[name] for name in named if name in machines or not is_kind}

        def fit(name: str, features: Mapping[str, np.ndarray], cell: Path, fold: Fold) -> None:
            run_one = machine_baselines.run_machine if name in machines else baselines.run_baseline
            run_one(name, features, cell, fold, tracks, recipe.classes)

        problems = {name: NO_BASELINE for name in named if name not in able}
        problems |= baselines.run_baselines(able, run, folds, fit, say)
        scores = describe_folds(recipe, tracks, folds, drawn.n_repeats, column)
        scores["patch_hop_frames"] = read_plan(folds[0].cell(run, sources[0])).patch_hop_frames

        def gather(names: Iterable[str]) -> dict[str, Any]:
            if is_kind:
                artists = {track.id: track.artist for track in tracks if track.artist}
                return {name: gather_kind_row(run, recipe.kind, recipe.classes, name, folds, artists) for name in names}
            return {name: gather_row(run, recipe.classes, name, folds, tracks, truth) for name in names}

        scores["sources"] = gather(sources)
        scores["baselines"] = gather(name for name in named if name not in problems)
        scores["baselines_left_out"] = dict(problems)
        known = truth is not None
        scores["listeners"] = {"column": truth.column, "class": recipe.classes[truth.positive]} if known else None
        if is_kind:
            scores["kind"] = recipe.kind
            scores["comparisons"] = compare_kind_rows(recipe.kind, scores)
        else:
            scores["comparisons"] = compare_rows(scores)
        scores["findings"] = [] if is_kind else find_findings(scores)
        write_scores(run, scores)
    refused = run / REFUSED if (run / REFUSED).is_file() else None
    return Measured(run, scores, collection, tuple(folds), digest, refused)


def _list_readers(
    run: Path, recipe: Recipe, sources: Sequence[str], collection: Collection, n_jobs: int | None, say: Say
) -> dict[str, Callable[[], Mapping[str, np.ndarray]]]:
    """Return what reads the features of each baseline, by its name; of networks those that a source has."""
    recipe = recipe.override(labels=next((name for name in sources if name in CHOSEN), "none"))
    store = Store(collection.home.store)

    def read_embeddings() -> Mapping[str, np.ndarray]:
        network = recipe.network
        if network.fine_tune == "none":  # a network from scratch has to beat the pretrained one too
            known = frontends.get_network(network.backbone).pretrained
            if not known:
                rule, remedy = "a pretrained network of this kind to take embeddings of", "The other baselines stand."
                raise RecipeError(explain("baseline", rule, "none", f"network {network.backbone}", remedy))
            dataset = network.pretrained if network.pretrained in known else known[0]
            network = dataclasses.replace(network, fine_tune="head", pretrained=dataset)
            require_network(network, collection.home.graphs)
        embeddings.make_embeddings(collection, network)
        return baselines.average(embeddings.read_embeddings(collection, network))

    def read_joint() -> Mapping[str, np.ndarray]:
        if not recipe.is_solved:
            remedy = "Name --labels auto, joint or joint-one-hot too."
            raise DataError(explain("baseline", "features of several networks", "none", "these labels", remedy))
        return read_means(recipe)

    def read_layers() -> Mapping[str, np.ndarray]:
        if SVM not in sources:
            remedy = f"Name --labels {SVM} too, which computes them."
            raise DataError(explain("baseline", "layers of networks", "none", "these labels", remedy))
        return read_means(recipe.override(labels=SVM))

    def read_means(recipe: Recipe) -> Mapping[str, np.ndarray]:
        features = list_feature_sets(recipe)[-1]
        found = gather_tracks(collection, [features], recipe.classes).blocks
        rows = np.concatenate([found[name].values[0] for name in features.blocks], axis=1)
        return {track.id: row for track, row in zip(collection.tracks, rows, strict=True)}

    def read_both() -> Mapping[str, np.ndarray]:
        layers, mfcc = read_layers(), read_mfcc()
        return {track_id: np.concatenate([row, mfcc[track_id]]) for track_id, row in layers.items()}

    def read_descriptors() -> Mapping[str, np.ndarray]:
        lacking = descriptors.list_missing(collection)
        if lacking:
            say(f"MusicExtractor on {len(lacking)} tracks, for a baseline")
        failures = descriptors.make_descriptors(collection, n_jobs)
        if failures:  # kept beside failures.csv, which is written again whenever the command is given again
            runs.write_failures(run / REFUSED, failures)
        return descriptors.read_descriptors(collection, failures)[0]

    def read_mfcc() -> Mapping[str, np.ndarray]:
        lacking = [t for t in collection.tracks if not store.has(collection.contents[t.id], frontends.MFCC)]
        if lacking:
            say(f"MFCC of {len(lacking)} tracks, for a baseline")
            extract(lacking, collection.home, [frontends.MFCC], n_jobs)
        return baselines.read_mfcc(collection, store)

    readers = {"logreg": read_embeddings, "joint-logreg": read_joint}
    readers |= {LAYERS_SVM: read_layers, LAYERS_MFCC_SVM: read_both}
    return readers | {"descriptors-svm": read_descriptors, "mfcc-svm": read_mfcc}
