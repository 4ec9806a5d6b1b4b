"""Scores of class probabilities: pure functions on numpy arrays, truth first.

In: `targets`, either class indices of shape (n_tracks,), integer, or one-hot rows of shape (n_tracks, n_classes), and
`probabilities` of shape (n_tracks, n_classes) from 0 to 1, one row per track. Out: floats and arrays, not rounded.

Conventions: every function checks its arrays first and raises `DataError`. The predicted class is the most probable
one, the first of equals. A class without an example in `targets` has recall NaN and is left out of the balanced
accuracy, so that a small fold has a score; a row of `confusion_matrix` for it is 0. Targets that are not one-hot are
refused: labels are smoothed for training only. Logarithms are natural, so entropies are in nats. Confidence is cut into
bins of one width; a bin holds its upper edge and not its lower one, but for the first, which holds 0 as well.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.scores._checks import check_distributions, check_probabilities, check_targets

SMALLEST = 1e-12


def score_accuracy(targets: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the share of tracks whose most probable class is the true one.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks,), int] or [shape=(n_tracks, n_classes)]
        True classes, as indices or one-hot.
    probabilities : np.ndarray [shape=(n_tracks, n_classes), float]
        Class probabilities.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    DataError
        When shapes do not fit, a target is no class or not one-hot, or a probability is not from 0 to 1.

    Examples
    --------
    >>> round(score_accuracy(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])), 3)
    0.667
    """
    matrix = confusion_matrix(targets, probabilities)
    return float(np.trace(matrix) / matrix.sum())


def score_recall(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the share of each class's tracks that is recognised.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks,), int] or [shape=(n_tracks, n_classes)]
        True classes, as indices or one-hot.
    probabilities : np.ndarray [shape=(n_tracks, n_classes), float]
        Class probabilities.

    Returns
    -------
    np.ndarray [shape=(n_classes,), float64]
        From 0 to 1; NaN for a class without an example.

    Raises
    ------
    DataError
        When shapes do not fit, a target is no class or not one-hot, or a probability is not from 0 to 1.

    Examples
    --------
    >>> score_recall(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    array([1. , 0.5])
    """
    matrix = confusion_matrix(targets, probabilities)
    counts = matrix.sum(axis=1)
    return np.where(counts > 0, np.diagonal(matrix) / np.maximum(counts, 1), np.nan)


def score_balanced_accuracy(targets: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean recall of the classes that have an example: accuracy with every class weighing the same.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks,), int] or [shape=(n_tracks, n_classes)]
        True classes, as indices or one-hot.
    probabilities : np.ndarray [shape=(n_tracks, n_classes), float]
        Class probabilities.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    DataError
        When shapes do not fit, a target is no class or not one-hot, or a probability is not from 0 to 1.

    References
    ----------
    The "class-weighted accuracies" of Buisson et al. (ICASSP 2022), table 2.

    Examples
    --------
    >>> score_balanced_accuracy(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    0.75
    """
    return float(np.nanmean(score_recall(targets, probabilities)))


def confusion_matrix(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Count the tracks of each true class (row) by their most probable class (column).

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks,), int] or [shape=(n_tracks, n_classes)]
        True classes, as indices or one-hot.
    probabilities : np.ndarray [shape=(n_tracks, n_classes), float]
        Class probabilities.

    Returns
    -------
    np.ndarray [shape=(n_classes, n_classes), int64]
        Counts, whose sum is n_tracks.

    Raises
    ------
    DataError
        When shapes do not fit, a target is no class or not one-hot, or a probability is not from 0 to 1.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    array([[1, 0],
           [1, 1]])
    """
    probabilities = check_probabilities(probabilities, "probabilities")
    n_classes = probabilities.shape[1]
    truth = check_targets(targets, *probabilities.shape)
    cells = truth * n_classes + probabilities.argmax(axis=1)
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes).astype(np.int64)


def score_entropy(distributions: np.ndarray) -> np.ndarray:
    """Return the entropy of each row: 0 for a one-hot label, log(n_classes) when every class is as likely.

    Parameters
    ----------
    distributions : np.ndarray [shape=(n_tracks, n_classes), float]
        Rows that sum to 1.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), float64]
        Nats.

    Raises
    ------
    DataError
        When a row is not a distribution.

    Examples
    --------
    >>> score_entropy(np.array([[1.0, 0.0], [0.5, 0.5]])).round(3)
    array([0.   , 0.693])
    """
    rows = check_distributions(distributions, "distributions")
    return -_plogq(rows, rows).sum(axis=1) + 0.0  # no minus zero


def score_divergence(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon divergence between two distributions, row by row.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks,), int] or [shape=(n_tracks, n_classes)]
        True classes as indices, or label distributions: smoothed ones are welcome here.
    probabilities : np.ndarray [shape=(n_tracks, n_classes), float]
        Rows that sum to 1.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), float64]
        Nats: 0 when the rows are equal, log(2) when they share no class.

    Raises
    ------
    DataError
        When the shapes differ or a row is not a distribution.

    References
    ----------
    J. Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Information Theory 37(1), 1991, eq. 4.1.

    Examples
    --------
    >>> score_divergence(np.array([0, 1]), np.array([[1.0, 0.0], [0.5, 0.5]])).round(3)
    array([0.   , 0.216])
    """
    right = check_distributions(probabilities, "probabilities")
    if np.ndim(targets) == 1:
        left = np.eye(right.shape[1])[check_targets(targets, *right.shape)]
    else:
        left = check_distributions(targets, "targets")
    if left.shape != right.shape:
        raise DataError(explain("targets", f"shape {right.shape}", left.shape, "metrics", "Give one row per track."))
    middle = (left + right) / 2
    terms = _plogq(left, left) + _plogq(right, right) - _plogq(left, middle) - _plogq(right, middle)
    return np.maximum(0, terms.sum(axis=1) / 2)


def score_nll(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the negative log-likelihood of each track's true class; its mean is the log loss.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks,), int] or [shape=(n_tracks, n_classes)]
        True classes, as indices or one-hot.
    probabilities : np.ndarray [shape=(n_tracks, n_classes), float]
        Rows that sum to 1.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), float64]
        Nats, at most 27.6: a probability below `SMALLEST` counts as `SMALLEST`, so that one rounded zero does not
        decide a mean.

    References
    ----------
    Guo et al., "On calibration of modern neural networks", ICML 2017, section 2.

    Examples
    --------
    >>> score_nll(np.array([0, 1]), np.array([[1.0, 0.0], [0.5, 0.5]])).round(3)
    array([0.   , 0.693])
    """
    rows = check_distributions(probabilities, "probabilities")
    truth = check_targets(targets, *rows.shape)
    return -np.log(np.clip(rows[np.arange(len(rows)), truth], SMALLEST, 1)) + 0.0  # no minus zero


def score_brier(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the squared distance of each row from the true class; its mean is the Brier score.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks,), int] or [shape=(n_tracks, n_classes)]
        True classes, as indices or one-hot.
    probabilities : np.ndarray [shape=(n_tracks, n_classes), float]
        Rows that sum to 1.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), float64]
        From 0 to 2: Brier's own sum over all classes, for two classes twice what is called the Brier score of one.

    References
    ----------
    G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78(1), 1950,
    equation 2.

    Examples
    --------
    >>> score_brier(np.array([0, 1]), np.array([[1.0, 0.0], [0.5, 0.5]]))
    array([0. , 0.5])
    """
    rows = check_distributions(probabilities, "probabilities")
    truth = check_targets(targets, *rows.shape)
    return ((rows - np.eye(rows.shape[1])[truth]) ** 2).sum(axis=1)


def bin_tracks(targets: np.ndarray, probabilities: np.ndarray, n_bins: int = 10) -> np.ndarray:
    """Put each track into the bin of its confidence, which is the probability of its most probable class.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks,), int] or [shape=(n_tracks, n_classes)]
        True classes, as indices or one-hot.
    probabilities : np.ndarray [shape=(n_tracks, n_classes), float]
        Class probabilities.
    n_bins : int
        Bins of one width from 0 to 1.

    Returns
    -------
    np.ndarray [shape=(n_tracks, n_bins, 3), float64]
        Of the one bin that a track is in: 1, its confidence, and 1 where the class is the true one; 0 elsewhere. Sums
        over tracks are what a reliability diagram shows; they can be resampled.

    Examples
    --------
    >>> bin_tracks(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]), n_bins=2).sum(axis=0)
    array([[0. , 0. , 0. ],
           [2. , 1.5, 1. ]])
    """
    rows = check_probabilities(probabilities, "probabilities")
    truth, confidence = check_targets(targets, *rows.shape), rows.max(axis=1)
    return _put_into_bins(confidence, rows.argmax(axis=1) == truth, n_bins)


def bin_classes(targets: np.ndarray, probabilities: np.ndarray, n_bins: int = 10) -> np.ndarray:
    """Put each track into the bin of its probability of each class, whether that class is predicted or not.

    Parameters
    ----------
    targets, probabilities : np.ndarray
        True classes (n_tracks,), or one-hot rows; class probabilities (n_tracks, n_classes).
    n_bins : int
        Bins of one width from 0 to 1.

    Returns
    -------
    np.ndarray [shape=(n_tracks, n_classes, n_bins, 3), float64]
        Of the bin that a track's probability of a class is in: 1, the probability, and 1 where the class is the true
        one; 0 elsewhere.

    Examples
    --------
    >>> bin_classes(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]), n_bins=2).shape
    (2, 2, 2, 3)
    """
    rows = check_probabilities(probabilities, "probabilities")
    hits = np.eye(rows.shape[1], dtype=bool)[check_targets(targets, *rows.shape)]
    return _put_into_bins(rows, hits, n_bins)


def score_ece(targets: np.ndarray, probabilities: np.ndarray, n_bins: int = 10) -> float:
    """Return the expected calibration error: how far confidence is from accuracy, over the bins, by their tracks.

    Parameters
    ----------
    targets, probabilities : np.ndarray
        True classes (n_tracks,), or one-hot rows; class probabilities (n_tracks, n_classes).
    n_bins : int
        10 in Lukashevich et al., 15 in Guo et al.

    Returns
    -------
    float
        From 0 to 1. Chance alone makes it larger than 0, the more bins and the fewer tracks the larger.

    References
    ----------
    Guo et al. (ICML 2017), equations 2 and 3; Lukashevich et al., "Quantifying uncertainty in music genre
    classification", section Experiments.

    Examples
    --------
    >>> round(score_ece(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]])), 3)
    0.35
    """
    return float(_weigh_gaps(bin_tracks(targets, probabilities, n_bins).sum(axis=0)))


def score_class_ece(targets: np.ndarray, probabilities: np.ndarray, n_bins: int = 10) -> np.ndarray:
    """Return the calibration error of each class's probability, one class against the others.

    Parameters
    ----------
    targets, probabilities : np.ndarray
        True classes (n_tracks,), or one-hot rows; class probabilities (n_tracks, n_classes).
    n_bins : int
        Bins of one width from 0 to 1.

    Returns
    -------
    np.ndarray [shape=(n_classes,), float64]
        From 0 to 1; its mean is the class-wise ECE. A class without an example counts: its probability ought to be 0.

    References
    ----------
    Kull et al., "Beyond temperature scaling", NeurIPS 2019, section 2 (classwise-ECE).

    Examples
    --------
    >>> score_class_ece(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]])).round(3)
    array([0.35, 0.35])
    """
    return _weigh_gaps(bin_classes(targets, probabilities, n_bins).sum(axis=0))


def _put_into_bins(values: np.ndarray, hits: np.ndarray, n_bins: int) -> np.ndarray:
    if n_bins < 1:
        raise DataError(explain("n_bins", "1 or more", n_bins, "metrics", "The paper has 10."))
    inner_edges = np.arange(1, n_bins) / n_bins
    inside = np.eye(n_bins)[np.searchsorted(inner_edges, values, side="left")]
    return inside[..., None] * np.stack([np.ones_like(values), values, hits], axis=-1)[..., None, :]


def _weigh_gaps(sums: np.ndarray) -> np.ndarray:
    """Sum the gaps of bins (..., n_bins, 3) of counts, confidences and hits over the bins, divided by all counts."""
    return np.abs(sums[..., 1] - sums[..., 2]).sum(axis=-1) / sums[..., 0].sum(axis=-1)


def _plogq(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return p * np.log(np.where(p > 0, q, 1))
