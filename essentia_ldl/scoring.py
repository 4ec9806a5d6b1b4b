"""Scores of predictions, ready for json.

In: ``predictions.npz`` of a run folder, or arrays; out: what ``scores.json`` holds of one side.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import metrics
from essentia_ldl.store import read_json


def score_run(run: Path) -> dict[str, Any]:
    """Score a run's predictions on its validation and test tracks.

    Returns
    -------
    dict
        By side: n_tracks, balanced_accuracy, accuracy, recall by class and the confusion matrix (rows are truth).
    """
    plan = read_json(run / "plan.json")
    classes = plan["classes"]
    with np.load(run / "predictions.npz", allow_pickle=False) as arrays:
        roles, labels, probabilities = arrays["roles"], arrays["labels"], arrays["probabilities"]
    targets = np.array([classes.index(str(label)) for label in labels])
    scores: dict[str, Any] = {"classes": classes}
    for side in ("valid", "test"):
        rows = roles == side
        if rows.any():
            scores[side] = score_predictions(targets[rows], probabilities[rows], classes)
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
