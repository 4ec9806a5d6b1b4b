"""Scores of numbers: pure functions on numpy arrays, truth first.

In: `targets` and `estimates`, both (n_tracks, n_dimensions). Out: one number per dimension, NaN where the truth of a
dimension never changes (and, for the correlation, where its estimate does not).

References
----------
L. Lin, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45, 1989: CCC.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.scores import bootstrap

NAMES = ("r2", "pearson", "ccc", "mae", "rmse")


def check_numbers(targets: np.ndarray, estimates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and estimates (n_tracks, n_dimensions) float64; `DataError` when they do not fit.

    Examples
    --------
    >>> check_numbers([[1, 2]], [[1.5, 2.5]])[0].shape
    (1, 2)
    """
    truth, found = np.asarray(targets, dtype=np.float64), np.asarray(estimates, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != found.shape or 0 in truth.shape:
        rule = "two arrays of one shape (n_tracks, n_dimensions)"
        raise DataError(explain("numbers", rule, (truth.shape, found.shape), "scores", "Give one row per track."))
    if not (np.isfinite(truth).all() and np.isfinite(found).all()):
        raise DataError(explain("numbers", "finite ones", "NaN", "scores", "Leave these tracks out."))
    return truth, found


def score_numbers(targets: np.ndarray, estimates: np.ndarray) -> dict[str, np.ndarray]:
    """Return R2, Pearson's correlation, the concordance (CCC), the mean absolute and the root mean squared error.

    Parameters
    ----------
    targets, estimates : np.ndarray [shape=(n_tracks, n_dimensions)]
        What is true, and what a model says.

    Returns
    -------
    dict[str, np.ndarray [shape=(n_dimensions,), float64]]
        By `NAMES`; errors in the unit of the numbers. R2 is 0 for the mean of the truth, and negative for worse.

    Examples
    --------
    >>> found = score_numbers([[1.0], [2.0], [3.0]], [[1.5], [2.0], [2.5]])
    >>> {name: round(float(value[0]), 3) for name, value in found.items()}
    {'r2': 0.75, 'pearson': 1.0, 'ccc': 0.8, 'mae': 0.333, 'rmse': 0.408}
    """
    truth, found = check_numbers(targets, estimates)
    scores = _score_sums(_list_moments(truth, found).sum(axis=0)[None])
    return {name: values[0] for name, values in scores.items()}


def score_intervals(targets: np.ndarray, estimates: np.ndarray, groups: np.ndarray) -> dict[str, list[float] | None]:
    """Return intervals of the mean over dimensions of each score, whole artists drawn.

    Parameters
    ----------
    targets, estimates : np.ndarray [shape=(n_tracks, n_dimensions)]
        What is true, and what a model says.
    groups : np.ndarray [shape=(n_tracks,), int]
        From `bootstrap.group_tracks`.

    Returns
    -------
    dict[str, list[float] or None]
        By `NAMES`, lower and upper limit; None with fewer than two groups.

    Examples
    --------
    >>> score_intervals(np.zeros((2, 1)), np.zeros((2, 1)), np.array([0, 0]))["r2"] is None
    True
    """
    truth, found = check_numbers(targets, estimates)
    sums = bootstrap.resample_sums(_list_moments(truth, found), np.asarray(groups))
    if sums is None:
        return dict.fromkeys(NAMES)
    limits: dict[str, list[float] | None] = {}
    for name, values in _score_sums(sums).items():
        whole = values[np.isfinite(values).all(axis=1)].mean(axis=1)
        limits[name] = bootstrap.find_interval(whole) if len(whole) else None
    return limits


def _list_moments(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return what scores are made of by summing, (n_tracks, n_dimensions, 8), around the mean of the truth."""
    y, x = truth - truth.mean(axis=0), found - truth.mean(axis=0)
    error = x - y
    return np.stack([np.ones_like(y), y, x, y * y, x * x, x * y, np.abs(error), error**2], axis=-1)


def _score_sums(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Return the scores of sums of moments (n_draws, n_dimensions, 8), each (n_draws, n_dimensions)."""
    n = sums[..., 0]
    y, x, yy, xx, xy, absolute, squared = (sums[..., number] / n for number in range(1, 8))
    variance_y, variance_x, covariance = yy - y * y, xx - x * x, xy - x * y
    floor = 1e-12 * np.maximum(np.abs(yy), 1e-300)
    changes_y, changes_x = variance_y > floor, variance_x > 1e-12 * np.maximum(np.abs(xx), 1e-300)
    both = np.sqrt(np.maximum(variance_x * variance_y, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "r2": np.where(changes_y, 1 - squared / variance_y, np.nan),
            "pearson": np.where(changes_x & changes_y, covariance / both, np.nan),
            "ccc": np.where(changes_y, 2 * covariance / (variance_x + variance_y + (x - y) ** 2), np.nan),
            "mae": absolute,
            "rmse": np.sqrt(squared),
        }
