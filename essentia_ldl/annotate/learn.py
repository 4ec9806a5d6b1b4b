"""The model behind the page: a linear classifier on the answers so far, fitted again after every few of them.

In: unit vectors of answered tracks and what people said of them, as distributions over the classes. Out: an
`AnswerModel`, which says the probabilities of any track. Classes weigh the same, however often each was the answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.linear.solve import solve_rows, weigh_tracks
from essentia_ldl.linear.span import Block, Scaling, measure
from essentia_ldl.scores.bootstrap import group_ids

STRENGTH = 0.03  # of the penalty: within .01 of the best of seven, by 10 to 160 random answers


@dataclasses.dataclass(frozen=True, eq=False)
class AnswerModel:
    """A classifier of tracks.

    Parameters
    ----------
    scaling : Scaling
        Of the vectors.
    kernel : np.ndarray [shape=(d, n_classes), float64]
        Weights of the scaled vectors.
    bias : np.ndarray [shape=(n_classes,), float64]
        What is added.
    """

    scaling: Scaling
    kernel: np.ndarray
    bias: np.ndarray

    def ask(self, units: np.ndarray) -> np.ndarray:
        """Return what the model says of tracks.

        Parameters
        ----------
        units : np.ndarray [shape=(n_tracks, d), float]
            Unit vectors.

        Returns
        -------
        np.ndarray [shape=(n_tracks, n_classes), float64]
            Rows that sum to 1.
        """
        from scipy.special import softmax

        scale = self.scaling.deviation * np.sqrt(len(self.scaling.mean))
        kernel = self.kernel / scale[:, None]
        return softmax(units @ kernel.astype(units.dtype) + (self.bias - self.scaling.mean @ kernel), axis=1)


def check_answers(units: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return targets as float64 when they are distributions over two classes or more, one row per vector.

    Raises
    ------
    DataError
        When they are not.
    """
    targets = np.asarray(targets, dtype=np.float64)
    if targets.ndim != 2 or targets.shape[1] < 2 or np.shape(units)[:-1] != targets.shape[:1]:
        rule, found = "a vector and a row of two classes or more for each", (np.shape(units), targets.shape)
        raise DataError(explain("answers", rule, found, "shapes", "Give one vector and one row per answered track."))
    fits = (targets >= 0).all(axis=1) & (np.abs(targets.sum(axis=1) - 1) < 1e-6)
    if not fits.all():
        row = int(np.argmin(fits))
        rule, remedy = "shares that sum to 1", "Divide each row by its sum."
        raise DataError(explain("answers", rule, targets[row].tolist(), f"row {row}", remedy))
    return targets


def number_artists(groups: Sequence[str]) -> np.ndarray:
    """Number artists from 0, (n_tracks,) int64; a track whose artist is empty, not known, gets a number of its own."""
    ids = [str(row) for row in range(len(groups))]
    return group_ids(ids, {row: artist for row, artist in zip(ids, groups, strict=True) if artist})


def learn(units: np.ndarray, targets: np.ndarray, start: AnswerModel | None = None) -> AnswerModel:
    """Fit the classifier.

    Parameters
    ----------
    units : np.ndarray [shape=(n_answered, d), float]
        Unit vectors of the answered tracks.
    targets : np.ndarray [shape=(n_answered, n_classes), float64]
        What people said: rows that sum to 1.
    start : AnswerModel or None
        A fit of nearly the same tracks, which takes less time.

    Returns
    -------
    AnswerModel

    Raises
    ------
    DataError
        When a vector is not finite.
    """
    scaling = measure(Block("answers", (units,)), np.arange(len(units)))
    begin = None if start is None else (start.kernel, start.bias)
    ((kernel, bias),) = solve_rows(scaling.apply(units), targets, weigh_tracks(targets), (STRENGTH,), begin)
    return AnswerModel(scaling, kernel, bias)
