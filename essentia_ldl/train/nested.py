"""What a solved training says of tracks that no fit, no choice and no temperature has seen: kept, and scored.

In: a `Chosen` whose choice was made again without each part. Out: a folder per part, ``nested/part-<n>``, with
predictions and the calibration that they get, as the cell of a cross-validation has them, and their scores. The
calibration of a part is fitted on what was said out of fold of the other parts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.choices import MULTI_LABEL, SINGLE_LABEL
from essentia_ldl.collection.read import Collection
from essentia_ldl.labels.one_hot import make_rows
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.runs.calibrate import name_nested
from essentia_ldl.runs.kind_scores import answer_patches, fit_kind, leave_kind, name_main, score_answers
from essentia_ldl.runs.predictions import Predictions, write_predictions
from essentia_ldl.runs.score import compare_calibrations, score_predictions
from essentia_ldl.scores import metrics
from essentia_ldl.scores.bootstrap import group_ids
from essentia_ldl.scores.calibration import (
    FILE,
    NONE,
    NOT_ASKED,
    Calibration,
    apply,
    fit,
    identity,
)
from essentia_ldl.scores.calibration_file import write_calibration
from essentia_ldl.scores.kind_calibration import write_kind_calibration
from essentia_ldl.train.choice import Chosen
from essentia_ldl.train.solved import PatchAnswers


def make_predictions(
    collection: Collection, recipe: Recipe, answers: PatchAnswers, rows: np.ndarray | None = None
) -> Predictions:
    """Make predictions of answers to the tracks of a collection, of some rows where they are given."""
    chosen = range(len(collection.tracks)) if rows is None else rows.tolist()
    pieces = answers.split()
    picked = PatchAnswers.join([pieces[row] for row in chosen])
    tracks = [collection.tracks[row] for row in chosen]
    return Predictions(
        ids=np.array([track.id for track in tracks]),
        roles=np.array(["test"] * len(tracks)),
        labels=np.array([track.label for track in tracks]),
        classes=np.array(recipe.classes),
        patch_logits=picked.logits.astype(np.float32),
        n_patches=picked.n_patches,
        truth=None if recipe.kind == SINGLE_LABEL else make_rows(tracks, recipe.classes)[0].astype(np.float32),
    )


def write_nested(folder: Path, collection: Collection, recipe: Recipe, chosen: Chosen) -> dict[str, Any]:
    """Write what was said of each part, with its calibration, and return the scores of all.

    Parameters
    ----------
    folder : Path
        Run folder.
    collection : Collection
        The tracks that trained, in the order of the answers.
    recipe : Recipe
        Classes, and the kind of calibration.
    chosen : Chosen
        With nested answers.

    Returns
    -------
    dict[str, Any]
        Balanced accuracy (mean, deviation, pooled, error, by fold), recall and confusion of tracks that no choice has
        seen; and calibration, before and after.
    """
    if recipe.kind != SINGLE_LABEL:
        return _write_kind_nested(folder, collection, recipe, chosen)
    pairs = []
    for part in sorted(set(chosen.parts.tolist())):
        here = np.flatnonzero(chosen.parts == part)
        others = np.flatnonzero(chosen.parts != part)
        found = _calibrate(make_predictions(collection, recipe, chosen.own, others), recipe)
        told = make_predictions(collection, recipe, chosen.nested, here)
        cell = name_nested(folder, part)
        rows = apply(found, told.patch_logits, told.n_patches)
        write_predictions(cell, dataclasses.replace(told, probabilities=rows.astype(np.float32)))
        write_calibration(cell / FILE, found)
        pairs.append((told.select_logits("test"), found))
    artists = {track.id: track.artist for track in collection.tracks if track.artist}
    groups = group_ids([track_id for sample, _ in pairs for track_id in sample.ids], artists)
    return {**score_nested(collection, recipe, chosen), "calibration": compare_calibrations(pairs, groups)}


def _write_kind_nested(folder: Path, collection: Collection, recipe: Recipe, chosen: Chosen) -> dict[str, Any]:
    """Do what `write_nested` does for tags and numbers: their scores pooled, and the main one by part."""
    told, limits, by_part = [], [], []
    main = name_main(recipe.kind)
    for part in sorted(set(chosen.parts.tolist())):
        here, others = np.flatnonzero(chosen.parts == part), np.flatnonzero(chosen.parts != part)
        found = (
            leave_kind(recipe.kind, recipe.classes, NOT_ASKED)
            if recipe.calibration.method == NONE
            else fit_kind(recipe.kind, make_predictions(collection, recipe, chosen.own, others))
        )
        one = make_predictions(collection, recipe, chosen.nested, here)
        one = dataclasses.replace(one, probabilities=answer_patches(recipe.kind, one, found).astype(np.float32))
        cell = name_nested(folder, part)
        write_predictions(cell, one)
        write_kind_calibration(cell / FILE, found)
        told.append(one)
        limits.append(np.tile(found.limits, (len(here), 1)))
        groups = group_ids([str(name) for name in one.ids], {})
        by_part.append(score_answers(recipe.kind, one.truth, one.probabilities, recipe.classes, groups)[main])
    artists = {track.id: track.artist for track in collection.tracks if track.artist}
    groups = group_ids([str(name) for one in told for name in one.ids], artists)
    arrays = (np.concatenate([getattr(one, name) for one in told]) for name in ("truth", "probabilities"))
    pooled = score_answers(recipe.kind, *arrays, recipe.classes, groups, np.concatenate(limits))
    known = [value for value in by_part if value is not None]
    spread = {f"{main}_mean": float(np.mean(known)), f"{main}_std": float(np.std(known, ddof=1))} if known[1:] else {}
    return {**pooled, **spread, "kind": recipe.kind, "folds": by_part}


def find_kind_findings(kind: str, score: Mapping[str, Any]) -> list[str]:
    """Say which tags or dimensions are told no better than by chance: an interval over whole artists reaches it."""
    limits, main = score["intervals"][name_main(kind)], score[name_main(kind)]
    chance = 0.5 if kind == MULTI_LABEL else 0.0
    if main is None or limits is None or limits[0] > chance:
        return []
    word = "ROC-AUC" if kind == MULTI_LABEL else "R2"
    return [f"nothing beats chance: {word} {main:.2f}, 95 % {limits[0]:.2f} to {limits[1]:.2f}, where it is {chance:g}"]


def _calibrate(others: Predictions, recipe: Recipe) -> Calibration:
    sample, method = others.select_logits("test"), recipe.calibration.method
    if method == NONE:
        return identity(recipe.classes, NOT_ASKED)
    return fit(sample, method, fitted_on="out-of-fold tracks of the other parts")


def score_nested(collection: Collection, recipe: Recipe, chosen: Chosen) -> dict[str, Any]:
    """Score what was said of tracks that no choice has seen: per part, pooled, and per class."""
    index = {name: number for number, name in enumerate(recipe.classes)}
    targets = np.array([index[track.label] for track in collection.tracks])
    probabilities = chosen.nested.average()
    numbers = sorted(set(chosen.parts.tolist()))
    by_part = [
        float(metrics.score_balanced_accuracy(targets[chosen.parts == part], probabilities[chosen.parts == part]))
        for part in numbers
    ]
    pooled = score_predictions(targets, probabilities, recipe.classes)
    return {
        "balanced_accuracy_mean": float(np.mean(by_part)),
        "balanced_accuracy_std": float(np.std(by_part, ddof=1)),
        "balanced_accuracy_pooled": pooled["balanced_accuracy"],
        "balanced_accuracy_error": _measure_error(targets, probabilities),
        "recall": pooled["recall"],
        "confusion": pooled["confusion"],
        "folds": by_part,
    }


def _measure_error(targets: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the standard error of the mean recall of classes over tracks."""
    right = probabilities.argmax(axis=1) == targets
    variances = [right[targets == k].var() / np.sum(targets == k) for k in np.unique(targets)]
    return float(np.sqrt(np.sum(variances)) / len(variances))
