"""What abstaining buys: accuracy on the tracks that a classifier is surest of, by the share of tracks answered.

In: true classes and probabilities of tracks that the classifier was not trained on. Out: a `Coverage` and a table of
thresholds. A track is answered when its highest probability is at least the threshold, as `predict --min-confidence`
does; tracks of one confidence are answered together.

References
----------
Geifman and El-Yaniv, "Selective classification for deep neural networks", NIPS 2017 (coverage and risk). Geifman, Uziel
and El-Yaniv, "Bias-reduced uncertainty estimation for deep neural classifiers", ICLR 2019 (area under the curve).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.scores import metrics

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclasses.dataclass(frozen=True, eq=False)
class Coverage:
    """Accuracy by coverage, from the surest tracks to all of them.

    Parameters
    ----------
    confidence : np.ndarray [shape=(n_steps,), float64]
        Thresholds, falling: every confidence that a track has.
    coverage : np.ndarray [shape=(n_steps,), float64]
        Share of the tracks at or above each, rising to 1.
    accuracy : np.ndarray [shape=(n_steps,), float64]
        Share of right answers among these.
    n_tracks : int
        Number of tracks.
    """

    confidence: np.ndarray
    coverage: np.ndarray
    accuracy: np.ndarray
    n_tracks: int

    @property
    def overall(self) -> float:
        """Accuracy when every track is answered, which is also that of answering a random share."""
        return float(self.accuracy[-1])

    @property
    def area(self) -> float:
        """Mean accuracy over all coverages, 1 minus the area under the risk-coverage curve."""
        return float(np.sum(self.accuracy * np.diff(self.coverage, prepend=0.0)))

    @property
    def best_area(self) -> float:
        """The area of a confidence that ranks every right answer above every wrong one."""
        n_right = round(self.overall * self.n_tracks)
        wrong = np.arange(1, self.n_tracks - n_right + 1)
        return float((n_right + np.sum(n_right / (n_right + wrong))) / self.n_tracks) if n_right else 0.0

    def at_confidence(self, threshold: float) -> tuple[float, float | None]:
        """Return coverage and accuracy of answering at or above a confidence; None where no track is answered."""
        n_steps = int(np.sum(self.confidence >= threshold))
        return (0.0, None) if not n_steps else (float(self.coverage[n_steps - 1]), float(self.accuracy[n_steps - 1]))


def measure_coverage(targets: np.ndarray, probabilities: np.ndarray) -> Coverage:
    """Measure accuracy by coverage.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks,), int] or [shape=(n_tracks, n_classes)]
        True classes, as indices or one-hot.
    probabilities : np.ndarray [shape=(n_tracks, n_classes), float]
        Class probabilities.

    Returns
    -------
    Coverage

    Raises
    ------
    DataError
        When the arrays do not fit.

    Examples
    --------
    >>> curve = measure_coverage(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    >>> curve.accuracy.round(3)
    array([1.   , 1.   , 0.667])
    """
    metrics.score_accuracy(targets, probabilities)  # checks both
    rows = np.asarray(probabilities, dtype=np.float64)
    truth = np.asarray(targets) if np.ndim(targets) == 1 else np.argmax(targets, axis=1)
    confidence, hits = rows.max(axis=1), rows.argmax(axis=1) == truth
    values, which = np.unique(-confidence, return_inverse=True)  # the surest first
    counts = np.cumsum(np.bincount(which, minlength=len(values)))
    right = np.cumsum(np.bincount(which, weights=hits, minlength=len(values)))
    return Coverage(-values, counts / len(rows), right / counts, len(rows))


def tabulate(curve: Coverage, thresholds: Sequence[float] = THRESHOLDS) -> list[tuple[float, float, float | None]]:
    """Return (threshold, coverage, accuracy) for some thresholds; accuracy is None where nothing is answered.

    Raises
    ------
    DataError
        When a threshold is not from 0 to 1.

    Examples
    --------
    >>> curve = measure_coverage(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    >>> [(a, round(b, 3), c) for a, b, c in tabulate(curve, (0.7, 0.95))]
    [(0.7, 0.667, 1.0), (0.95, 0.0, None)]
    """
    for value in thresholds:
        if not 0 <= value <= 1:
            raise DataError(explain("threshold", "a probability", value, "tabulate", "Give numbers from 0 to 1."))
    return [(value, *curve.at_confidence(value)) for value in thresholds]
