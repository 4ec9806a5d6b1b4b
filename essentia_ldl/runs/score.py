"""Scores of predictions, ready for json.

In: ``predictions.npz`` of a run folder, or arrays; out: what ``scores.json`` holds of one side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.errors import DataError, explain
from essentia_ldl.runs.calibrate import describe_for_card, read_run
from essentia_ldl.runs.kind_scores import name_main, score_kind_run
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.runs.predictions import read_predictions
from essentia_ldl.scores import bootstrap, metrics, reliability
from essentia_ldl.scores.calibration import Calibration, apply, count_changed, identity
from essentia_ldl.scores.logits import PatchLogits


def score_run(run: Path) -> dict[str, Any]:
    """Score a run's predictions on its validation and test tracks.

    Returns
    -------
    dict
        By side: n_tracks, balanced_accuracy, accuracy, recall by class and the confusion matrix (rows are truth), all
        of the calibrated probabilities, and chose_epoch, false, where validation tracks had no say in the number of
        epochs; and calibration, when the run has one: what it is, and by side the scores of
        `compare_calibrations`.
    """
    plan, predictions = read_plan(run), read_predictions(run)
    if plan.kind != SINGLE_LABEL:
        return score_kind_run(plan)
    classes = list(plan.classes)
    scores: dict[str, Any] = {"classes": classes}
    for side in ("valid", "test"):
        found = predictions.select(side)
        if len(found.ids):
            scores[side] = score_predictions(found.targets, found.probabilities, classes)
    if "valid" in scores and plan.training.halvings is not None:
        scores["valid"]["chose_epoch"] = False  # the schedule was fixed before
    calibration = read_run(run)
    if calibration is not None:
        scores["calibration"] = {**describe_for_card(calibration), "text": calibration.describe()}
        for side in ("valid", "test"):
            if side in scores:
                sample = predictions.select_logits(side)
                groups = bootstrap.group_ids(sample.ids, plan.places.artists)
                scores["calibration"][side] = compare_calibrations([(sample, calibration)], groups)
    return scores


def choose_best(scores: Mapping[str, Any]) -> str:
    """Return the label source of a cross-validation with the best mean score, the first of equals.

    That is the balanced accuracy, or the ROC-AUC of tags and the R2 of numbers.

    Raises
    ------
    DataError
        When there is none.
    """
    if not scores["sources"]:
        remedy = "Run crossval again."
        raise DataError(explain("sources", "one label source at least", 0, "scores of a cross-validation", remedy))
    kind = scores.get("kind", SINGLE_LABEL)
    key = "balanced_accuracy_mean" if kind == SINGLE_LABEL else f"{name_main(kind)}_mean"
    return max(scores["sources"], key=lambda name: scores["sources"][name][key])


def compare_calibrations(parts: Sequence[tuple[PatchLogits, Calibration]], groups: np.ndarray) -> dict[str, Any]:
    """Score probabilities before and after calibration, pooled over networks.

    Parameters
    ----------
    parts : sequence of (PatchLogits, Calibration)
        Tracks and what calibrates the network that answered for them.
    groups : np.ndarray [shape=(n_tracks,), int]
        Artists of all tracks, in the order of the parts.

    Returns
    -------
    dict
        before and after: what `reliability.score_calibration` says; n_changed: tracks with another most probable class.
    """
    classes = parts[0][0].classes
    targets = np.concatenate([sample.targets for sample, _ in parts])
    n_changed = sum(count_changed(found, sample.patch_logits, sample.n_patches) for sample, found in parts)
    scores: dict[str, Any] = {"n_changed": n_changed}
    for name, chosen in (("before", lambda found: identity(classes)), ("after", lambda found: found)):
        rows = [apply(chosen(found), sample.patch_logits, sample.n_patches) for sample, found in parts]
        scores[name] = reliability.score_calibration(targets, np.concatenate(rows), classes, groups)
    return scores


def score_predictions(targets: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Score probabilities (n_tracks, n_classes) against class indices (n_tracks,), ready for json."""
    recall = metrics.score_recall(targets, probabilities)
    return {
        "n_tracks": len(targets),
        "balanced_accuracy": float(metrics.score_balanced_accuracy(targets, probabilities)),
        "accuracy": float(metrics.score_accuracy(targets, probabilities)),
        "recall": {
            name: None if np.isnan(value) else float(value) for name, value in zip(classes, recall, strict=True)
        },
        "confusion": np.asarray(metrics.confusion_matrix(targets, probabilities)).tolist(),
    }
