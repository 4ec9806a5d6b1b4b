"""Cross-validation: several label sources and the baselines on the same folds, everything fitted inside each fold.

In: a collection and a recipe; out: ``scores.json`` in a run folder, the only source of every number that is shown.
Targets are smoothed on the training tracks of a fold alone; validation and test targets stay one-hot; a track's
prediction is the mean of its patches' probabilities.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import __version__, frontends
from essentia_ldl.cli.tables import describe_scores
from essentia_ldl.collection.read import Collection, extract
from essentia_ldl.errors import RecipeError, explain
from essentia_ldl.features import descriptors, embeddings
from essentia_ldl.features.extractors import identify_weights
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home, write_json
from essentia_ldl.measure import baselines, refit
from essentia_ldl.measure import rows as gathering
from essentia_ldl.measure.folds import describe_folds, draw_folds
from essentia_ldl.measure.rows import Truth, read_truth
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Split, Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.folder import Fold
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.train import train as steps
from essentia_ldl.train.batch import check_hop, list_trainings, train_cells
from essentia_ldl.train.compose import Wanted, identify_tracks
from essentia_ldl.train.train import Say

REFUSED = "descriptors-failures.csv"


def cross_validate(
    recipe: Recipe,
    data: str | None,
    sources: Sequence[str],
    n_folds: int,
    n_repeats: int,
    n_jobs: int | None,
    say: Say,
    leave_out: str | None = None,
    *,
    home: Home,
    patch_hop: int | None = None,
    truth_column: str | None = None,
    truth_class: str | None = None,
    refit_best: bool = False,
    corrections: str | None = None,
    layout: str | None = None,
    options: Mapping[str, object] | None = None,
) -> Generator[str, None, int]:
    """Train and test every label source on every fold; what is there from a killed run is not done again.

    Parameters
    ----------
    recipe : Recipe
        The task; its own label source is not looked at.
    data : str or None
        Folder or table; None is the demo.
    sources : sequence of str
        Label sources to compare, on the same folds.
    n_folds, n_repeats : int
        Folds, and how often they are drawn (by seed, seed + 1, …).
    n_jobs : int or None
        Worker processes of the feature extraction and of the training of heads; the numbers do not depend on it.
    say : callable
        Gets lines while the work goes on.
    leave_out : str or None
        A column of the collection: one fold a value, tested on its tracks and trained on the others. `n_folds` is not
        looked at then, and repetitions draw other validation sides only.
    home : Home
        Where run and features go, and the model of `refit_best`.
    patch_hop : int or None
        Frames between the patches that networks are scored on; None is the front-end's, which is that of production.
        Neither training nor baselines look at it.
    truth_column : str or None
        Column with the share of listeners who chose a class, from 0 to 1: predictions are compared with it.
    truth_class : str or None
        The class of that share; None takes the one that is not called non_ or not_.
    refit_best : bool
        Train the final model on all tracks with what the folds chose, and put it into graphs/; see `refit`.
    corrections : str or None
        File of corrected labels, see `essentia_ldl.collection.corrections`.
    layout, options
        As in `datasets.read_tracks`.

    Yields
    ------
    str
        Lines of the result.

    Returns
    -------
    int
        Files that were left out.

    Raises
    ------
    DataError
        When folds cannot be made, or the truth column does not fit.
    RecipeError
        When the hop of the network cannot be chosen.
    """
    sources = list(dict.fromkeys(sources))
    own_hop = frontends.of_network(recipe.network.backbone).patch_hop_frames
    if patch_hop == own_hop and not recipe.network.extractor:
        patch_hop = None
    check_hop(recipe, patch_hop, refit_best)

    def draw(tracks: Sequence[Track]) -> list[Split]:
        read_truth(tracks, recipe.classes, truth_column, truth_class, data)  # told before the long work
        return [fold.split for fold in draw_folds(tracks, recipe, n_folds, 1, leave_out)]

    reading = {"corrections": corrections, "layout": layout, "options": options}
    collection, is_demo = steps.prepare(recipe, data, sources, n_jobs, say, home=home, draw=draw, **reading)
    tracks = list(collection.tracks)
    truth = read_truth(tracks, recipe.classes, truth_column, truth_class, data)
    listing = identify_tracks(recipe, collection)
    values = {key: value for key, value in recipe.as_dict().items() if key != "labels"}
    kind = n_folds if leave_out is None else [leave_out, [track.columns[leave_out] for track in tracks]]
    weights = identify_weights(recipe.network, home.graphs)
    digest = runs.fingerprint(__version__, values, listing, kind, patch_hop, *weights)
    run = runs.resume_run(home.runs, f"{recipe.task}-crossval", digest)
    with runs.locked(run):
        steps.open_folder(run, recipe, collection)
        folds = draw_folds(tracks, recipe, n_folds, n_repeats, leave_out)
        wanted = Wanted(is_demo=is_demo, export=False, patch_hop=patch_hop)
        train_cells(list_trainings(run, recipe, folds, sources), collection, wanted, n_jobs, say)
        problems = _test_baselines(run, recipe, collection, folds, n_jobs, say)
        scores = describe_folds(recipe, tracks, folds, n_repeats, leave_out)
        scores["patch_hop_frames"] = read_plan(folds[0].cell(run, sources[0])).patch_hop_frames
        _gather(run, recipe, sources, folds, tracks, truth, problems, scores)
        write_json(run / "scores.json", scores)
    yield from describe_scores(scores)
    if collection.failures:
        yield f"{len(collection.failures)} files were left out: see {run / 'failures.csv'}"
    if (run / REFUSED).is_file():
        yield f"files that MusicExtractor refused count as average there: see {run / REFUSED}"
    yield str(run / "scores.json")
    if refit_best:
        yield from refit.refit(run, digest, recipe, collection, folds, scores, is_demo, say)
    return len(collection.failures)


def _gather(
    run: Path,
    recipe: Recipe,
    sources: Sequence[str],
    folds: Sequence[Fold],
    tracks: Sequence[Track],
    truth: Truth | None,
    problems: Mapping[str, str],
    scores: dict[str, Any],
) -> None:
    """Add to the scores every row of the table, the tests between them, and what is to be pointed out."""
    tested = [name for name in baselines.GRIDS if name not in problems]
    for part, names in (("sources", sources), ("baselines", tested)):
        scores[part] = {name: gathering.gather_row(run, recipe.classes, name, folds, tracks, truth) for name in names}
    scores["baselines_left_out"] = dict(problems)
    known = truth is not None
    scores["listeners"] = {"column": truth.column, "class": recipe.classes[truth.positive]} if known else None
    scores["comparisons"] = gathering.compare_rows(scores)
    scores["findings"] = gathering.find_findings(scores)


def _test_baselines(
    run: Path, recipe: Recipe, collection: Collection, folds: list[Fold], n_jobs: int | None, say: Say
) -> dict[str, str]:
    """Run the baselines on every fold; return why one of them was left out, by its name."""
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
            steps.require_network(network, collection.home.graphs)
        embeddings.make_embeddings(collection, network)
        return baselines.average(embeddings.read_embeddings(collection, network))

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

    readers = {"logreg": read_embeddings, "descriptors-svm": read_descriptors, "mfcc-svm": read_mfcc}
    places = [(lambda name, fold=fold: fold.cell(run, name), fold.split, fold.seed) for fold in folds]
    return baselines.run_baselines(readers, places, collection.tracks, recipe.classes, say)
