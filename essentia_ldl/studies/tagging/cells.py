"""The cells of a benchmark. A cell is one network on one fold: planned, trained, verified, asked of variants, scored.

In: a recipe, a collection whose features and variants are in the store, and a split. Out: ``<network>-<fold>/`` below
the run, with everything that `train` leaves there, and `scores.json`, whose presence says that it is done.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.arrays import opened_arrays, read_arrays
from essentia_ldl.collection.read import Collection, keep_split
from essentia_ldl.errors import DataError, StoreError, explain
from essentia_ldl.files import read_object, replacing
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Split
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.names import CHECKPOINT, DRAWS, ORIGINAL, SCORES, SPEED, VARIANTS, WEIGHTS
from essentia_ldl.runs.outcome import write_scores
from essentia_ldl.runs.predictions import read_predictions
from essentia_ldl.scores.bootstrap import group_ids
from essentia_ldl.scores.multi_label import draw_scores, score_average_precision, score_roc_auc
from essentia_ldl.scores.retrieval import draw_retrieval, score_retrieval
from essentia_ldl.studies.parameters import count_parameters
from essentia_ldl.train.compose import Wanted, plan_run
from essentia_ldl.zones import run_zone

GROUPS = "n_groups"
TOLERANCE = 1e-3  # between the mean probabilities of Keras and of the graph in Essentia


@dataclasses.dataclass(frozen=True)
class Entry:
    """One network on one fold."""

    network: str
    fold: int

    def folder(self, run: Path) -> Path:
        """Return its folder."""
        return run / f"{self.network}-{self.fold}"

    def is_done(self, run: Path) -> bool:
        """Tell whether its scores are there."""
        return (self.folder(run) / SCORES).is_file()


def measure_cell(
    folder: Path, recipe: Recipe, collection: Collection, split: Split, variants: Sequence[str]
) -> dict[str, Any]:
    """Train, verify, ask and score one network, or go on where that was stopped.

    Parameters
    ----------
    folder : Path
        Of the cell.
    recipe : Recipe
        Of the network.
    collection, split
        What it trains and is tested on.
    variants : sequence of str
        Of the test tracks, in the store.

    Returns
    -------
    dict[str, Any]
        What scores.json holds, see `score_cell`.
    """
    if not runs.is_planned(folder):
        plan_run(folder, recipe, keep_split(collection, split), split, Wanted(), lambda line: None)
    run_zone("essentia_ldl.nets", str(folder))
    run_zone("essentia_ldl.sound.robustness", str(folder), *variants)
    scores = score_cell(folder, variants)
    write_scores(folder, scores)
    (folder / CHECKPOINT).unlink(missing_ok=True)  # hundreds of megabytes, which nothing needs any more
    return scores


def score_cell(folder: Path, variants: Sequence[str]) -> dict[str, Any]:
    """Score what a trained network said of its test tracks.

    Parameters
    ----------
    folder : Path
        With predictions.npz, weights.npz, variants.npz, speed.json and the checkpoint.
    variants : sequence of str
        That were asked.

    Returns
    -------
    dict[str, Any]
        roc_auc and pr_auc, means over tags; those of `scores.retrieval.score_retrieval`; by_tag, {tag: {roc_auc,
        pr_auc}}, None where undefined; variants, {name: {roc_auc, pr_auc}}; parameters, n_train, n_test; training_s,
        seconds of training over all processes; ms_per_s, milliseconds of the graph in Essentia for a second of audio.

    Raises
    ------
    StoreError
        When the graph in Essentia and the trained network disagree on a track, or a file is damaged.
    DataError
        When no tag has test tracks of both kinds.
    """
    predictions = read_predictions(folder)
    tested = predictions.select("test")
    truth, answers = tested.targets, read_arrays(folder / VARIANTS, "variants")
    place = {str(name): row for row, name in enumerate(answers["ids"])}
    rows = [place[str(name)] for name in tested.ids]
    difference = float(np.abs(answers[ORIGINAL][rows] - tested.probabilities).max())
    if not difference <= TOLERANCE:
        rule, remedy = f"those of the trained network within {TOLERANCE:g}", "Delete the folder and run again."
        raise StoreError(explain("answers in Essentia", rule, f"{difference:.2g} apart", folder, remedy))
    if not np.any((truth.min(axis=0) == 0) & (truth.max(axis=0) == 1)):
        rule, remedy = "a tag that some of them have and others have not", "Add tracks, or take fewer folds."
        raise DataError(explain("test tracks", rule, f"none of {truth.shape[1]} tags", folder, remedy))
    roc_auc, pr_auc = score_roc_auc(truth, tested.probabilities), score_average_precision(truth, tested.probabilities)
    return {
        **score_means(truth, tested.probabilities),
        **score_retrieval(truth, tested.probabilities),
        "by_tag": {
            str(tag): {"roc_auc": _plain(one), "pr_auc": _plain(other)}
            for tag, one, other in zip(predictions.classes, roc_auc, pr_auc, strict=True)
        },
        "variants": {name: score_means(truth, answers[name][rows]) for name in variants},
        "parameters": count_parameters(folder / WEIGHTS),
        "n_train": int(np.sum(predictions.roles == "train")),
        "n_test": len(truth),
        "training_s": read_training_time(folder),
        "ms_per_s": read_object(folder / SPEED)["ms_per_s"],
    }


def score_means(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Return the means of ROC-AUC and PR-AUC over the tags that have both kinds of tracks."""
    scores = {"roc_auc": score_roc_auc, "pr_auc": score_average_precision}
    return {name: float(np.nanmean(score(truth, probabilities))) for name, score in scores.items()}


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def read_training_time(folder: Path) -> float:
    """Return the seconds that a training took, over all processes, from its checkpoint."""
    with opened_arrays(folder / CHECKPOINT, "checkpoint") as arrays:
        return float(arrays["elapsed_s"])


def draw_cell(cell: Entry, run: Path, artists: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Score what a network said on draws of the artists that tested it, once: they are kept in its folder.

    Parameters
    ----------
    cell : Entry
        Which is done. All networks of a fold have the same draws, those of two folds are drawn each by itself.
    run : Path
        Of the benchmark.
    artists : Mapping[str, str]
        Artist by track id, of those that are known; a track of an unknown one is drawn by itself.

    Returns
    -------
    dict[str, np.ndarray [shape=(n_draws,), float64]]
        By name of the score; no draws of fewer than two artists. And `GROUPS`, how many there are, an array (1,).
    """
    path = cell.folder(run) / DRAWS
    if not path.is_file():
        tested = read_predictions(cell.folder(run)).select("test")
        groups = group_ids([str(name) for name in tested.ids], artists)
        given = (tested.targets, tested.probabilities, groups, cell.fold)
        with replacing(path) as file:
            np.savez(file, **draw_scores(*given), **draw_retrieval(*given), **{GROUPS: [groups.max() + 1]})
    return read_arrays(path, "draws")


def read_cells(run: Path, cells: Sequence[Entry]) -> Mapping[Entry, dict[str, Any]]:
    """Return the scores of the cells that are done."""
    return {cell: read_object(cell.folder(run) / SCORES) for cell in cells if cell.is_done(run)}
