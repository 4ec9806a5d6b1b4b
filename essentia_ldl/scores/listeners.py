"""Listeners as truth: how close predicted probabilities come to the share of people who chose a class.

In: Tracks with a column of shares and a two-class model's probabilities; out: divergence and rank correlation, beside
a baseline that says the mean share of every track. Shares near one half make any blurred prediction look close, so
the divergence alone proves nothing: it has to beat the constant, and the ranks inside a class cannot come from the
labels. Logarithms are natural: divergences are in nats.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from essentia_ldl.discover import unknown
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Track
from essentia_ldl.scores import metrics
from essentia_ldl.scores.bootstrap import find_interval, resample_sums

MIN_RANKED = 3  # two tracks always correlate by 1 or -1


def choose_class(classes: Sequence[str], name: str | None = None) -> int:
    """Return the column of the class that the shares are of.

    Parameters
    ----------
    classes : sequence of str
        The model's two.
    name : str or None
        Class name; None takes the one that is not called ``non_`` or ``not_``.

    Raises
    ------
    DataError
        When the model has not two classes, or their names do not say which is the positive one.
    UnknownNameError
        When `name` is no class.

    Examples
    --------
    >>> choose_class(("non_sad", "sad"))
    1
    """
    if len(classes) != 2:
        what = f"{len(classes)} classes ({', '.join(classes)})"
        raise DataError(
            explain("truth column", "a model with two classes", what, "by name", "Leave the truth column out.")
        )
    if name is not None:
        if name not in classes:
            raise unknown("class of the truth column", name, classes)
        return list(classes).index(name)
    positive = [column for column, label in enumerate(classes) if not label.startswith(("non_", "not_"))]
    if len(positive) != 1:
        raise DataError(
            explain("class of the truth column", "one class without non_", list(classes), "by name", "Name the class.")
        )
    return positive[0]


def read_shares(tracks: Sequence[Track], column: str, where: object, what: str = "truth column") -> np.ndarray:
    """Read the share of listeners of every track.

    Parameters
    ----------
    tracks : sequence of Track
        With the column in `Track.columns`.
    column : str
        Name of the column.
    where : object
        The collection, for errors.
    what : str
        What the column is to the reader of an error.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), float64]
        From 0 to 1.

    Raises
    ------
    UnknownNameError
        When the collection has no such column; the nearest one is named.
    DataError
        With the row, when a cell is empty, no number, or not from 0 to 1.

    Examples
    --------
    >>> read_shares([Track("a", "", "sad", columns={"share": "0.75"})], "share", "music.csv")
    array([0.75])
    """
    shares = []
    for track in tracks:
        if column not in track.columns:
            raise unknown(f"{what} of {where}", column, track.columns)
        cell, row = track.columns[column], f"{where}, row of {track.id}"
        try:
            share = float(cell)
        except ValueError:
            remedy = "Correct the cell, or drop the row."
            raise DataError(explain(f"{what} {column}", "a number", cell, row, remedy)) from None
        if not 0 <= share <= 1:  # NaN fails too
            remedy = "Divide per cents by 100." if 1 < share <= 100 else "Correct the cell, or drop the row."
            raise DataError(explain(f"{what} {column}", "a share from 0 to 1", cell, row, remedy))
        shares.append(share)
    return np.array(shares)


@dataclasses.dataclass(frozen=True)
class Answers:
    """What listeners said of tracks.

    Parameters
    ----------
    shares : np.ndarray [shape=(n_tracks,), float]
        Share of the listeners who chose the positive class.
    classes : Sequence[str]
        The two names, in the order of the columns of a model.
    positive : int
        Column of the positive class.
    """

    shares: np.ndarray
    classes: Sequence[str]
    positive: int


def score_shares(
    answers: Answers,
    probabilities: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    prior: np.ndarray | None = None,
) -> dict[str, Any]:
    """Compare predictions with listeners.

    Parameters
    ----------
    answers : Answers
        What listeners said.
    probabilities : np.ndarray [shape=(n_tracks, 2), float]
        The model's.
    targets : np.ndarray [shape=(n_tracks,), int]
        Labels of the collection, for the correlations within a class.
    groups : np.ndarray [shape=(n_tracks,), int]
        From `bootstrap.group_tracks`.
    prior : np.ndarray [shape=(n_tracks,), float] or None
        What the constant says of each track, known without the track; None is the mean share of these tracks.

    Returns
    -------
    dict
        n_tracks; mean_share and mean_probability; divergence {unit, model, constant, difference, interval} (mean
        Jensen-Shannon, difference is model minus constant, so below 0 is better than the constant); spearman {all,
        within} as {value, n}, where value is None with fewer than three tracks or without any difference to rank. The
        constant ranks nothing, so it has no correlation.

    References
    ----------
    Lin 1991, see `metrics.score_divergence`; Spearman's rho with mean ranks of ties, `scipy.stats.spearmanr`.

    Examples
    --------
    >>> answers = Answers(np.array([0.1, 0.9, 0.6]), ("non_sad", "sad"), 1)
    >>> probabilities = np.array([[0.8, 0.2], [0.1, 0.9], [0.5, 0.5]])
    >>> found = score_shares(answers, probabilities, np.array([0, 1, 1]), np.arange(3))
    >>> round(found["spearman"]["all"]["value"], 3)
    1.0
    """
    shares, classes, positive = answers.shares, answers.classes, answers.positive
    truth = _as_distributions(shares, positive)
    said = _as_distributions(np.full(len(shares), shares.mean()) if prior is None else prior, positive)
    ours, constant = metrics.score_divergence(truth, probabilities), metrics.score_divergence(truth, said)
    difference = ours - constant
    sums = resample_sums(np.column_stack([difference, np.ones(len(shares))]), groups)
    estimate = probabilities[:, positive]
    return {
        "n_tracks": len(shares),
        "class": classes[positive],
        "mean_share": float(shares.mean()),
        "mean_probability": float(estimate.mean()),
        "divergence": {
            "unit": "nats",
            "model": float(ours.mean()),
            "constant": float(constant.mean()),
            "difference": float(difference.mean()),
            "interval": None if sums is None else find_interval(sums[:, 0] / sums[:, 1]),
        },
        "spearman": {
            "all": _correlate(shares, estimate),
            "within": {
                name: _correlate(shares[targets == column], estimate[targets == column])
                for column, name in enumerate(classes)
            },
        },
    }


def _as_distributions(shares: np.ndarray, positive: int) -> np.ndarray:
    rows = np.empty((len(shares), 2))
    rows[:, positive], rows[:, 1 - positive] = shares, 1 - shares
    return rows


def _correlate(shares: np.ndarray, estimate: np.ndarray) -> dict[str, Any]:
    from scipy.stats import spearmanr

    if len(shares) < MIN_RANKED or np.ptp(shares) == 0 or np.ptp(estimate) == 0:
        return {"value": None, "n": len(shares)}
    return {"value": float(spearmanr(shares, estimate).statistic), "n": len(shares)}
