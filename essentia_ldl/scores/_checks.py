"""Checks of the arrays that scores are made of. In: what a caller gave; out: arrays of one kind, or a `DataError`."""

from __future__ import annotations

import numpy as np

from essentia_ldl.errors import DataError, explain


def check_targets(targets: np.ndarray, n_tracks: int, n_classes: int) -> np.ndarray:
    """Return class indices (n_tracks,) int64 of indices or one-hot rows; `DataError` for anything else."""
    targets = np.asarray(targets)
    if targets.ndim == 2 and targets.shape == (n_tracks, n_classes):
        is_one_hot = ((targets == 0) | (targets == 1)).all(axis=1) & ((targets == 1).sum(axis=1) == 1)
        if not is_one_hot.all():
            row = int(np.argmin(is_one_hot))
            raise DataError(
                explain(
                    "targets",
                    "one-hot rows",
                    targets[row].tolist(),
                    f"row {row}",
                    "Score against the true classes, not smoothed labels.",
                )
            )
        return targets.argmax(axis=1)
    if targets.shape != (n_tracks,):
        rule = f"shape ({n_tracks},) or ({n_tracks}, {n_classes}), as the probabilities have"
        raise DataError(explain("targets", rule, targets.shape, "metrics", "Give one target per track."))
    if targets.dtype.kind not in "iu":
        raise DataError(explain("targets", "integers", str(targets.dtype), "metrics", "Give class indices."))
    outside = (targets < 0) | (targets >= n_classes)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            explain("targets", f"0 to {n_classes - 1}", int(targets[row]), f"row {row}", "Give class indices.")
        )
    return targets.astype(np.int64)


def check_probabilities(probabilities: np.ndarray, what: str) -> np.ndarray:
    """Return finite numbers from 0 to 1, (n_tracks, n_classes) float64; `DataError` for anything else."""
    rows = np.asarray(probabilities)
    if rows.dtype.kind not in "fiu" or rows.ndim != 2 or rows.shape[0] < 1 or rows.shape[1] < 2:
        rule = "numbers of shape (n_tracks, n_classes) with a track and two classes at least"
        raise DataError(explain(what, rule, (rows.shape, str(rows.dtype)), "metrics", "Give one row per track."))
    rows = rows.astype(np.float64)
    # 1e-6 over 1 is float32 rounding; NaN fails both comparisons.
    fits = ((rows >= 0) & (rows <= 1 + 1e-6)).all(axis=1)
    if not fits.all():
        row = int(np.argmin(fits))
        raise DataError(
            explain(
                what, "finite numbers from 0 to 1", rows[row].tolist(), f"row {row}", "Give probabilities, not logits."
            )
        )
    return rows


def check_distributions(distributions: np.ndarray, what: str) -> np.ndarray:
    """Return rows that sum to 1, (n_tracks, n_classes) float64; `DataError` for anything else."""
    rows = check_probabilities(distributions, what)
    sums = rows.sum(axis=1)
    if np.any(np.abs(sums - 1) > 1e-3):
        row = int(np.argmax(np.abs(sums - 1)))
        raise DataError(
            explain(what, "rows that sum to 1", float(sums[row]), f"row {row}", "Divide each row by its sum.")
        )
    return rows
