"""Scores of tags: pure functions on numpy arrays, truth first.

In: `targets` (n_tracks, n_tags) of 0 and 1, and `probabilities` (n_tracks, n_tags) from 0 to 1, each tag by itself.
Out: one number per tag, NaN for a tag that no track or every track has (of precision and F: that no track has), or one
number of all.

References
----------
T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006. J. Davis and M. Goadrich, "The
relationship between precision-recall and ROC curves", ICML 2006: why precision is not interpolated linearly.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.scores import bootstrap


def check_tags(targets: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and probabilities (n_tracks, n_tags) float64.

    Raises
    ------
    DataError
        When shapes differ, a target is neither 0 nor 1, or a probability is not from 0 to 1.

    Examples
    --------
    >>> check_tags([[0, 1]], [[0.2, 0.9]])[1].shape
    (1, 2)
    """
    truth, rows = np.asarray(targets, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != rows.shape or 0 in truth.shape:
        rule = "two arrays of one shape (n_tracks, n_tags)"
        raise DataError(explain("tags", rule, (truth.shape, rows.shape), "scores", "Give one row per track."))
    if not np.isin(truth, (0, 1)).all():
        found = truth[~np.isin(truth, (0, 1))][0]
        raise DataError(explain("targets", "0 or 1", found, "scores", "Score against tags, not smoothed ones."))
    if not ((rows >= 0) & (rows <= 1 + 1e-6)).all():  # NaN fails both
        raise DataError(explain("probabilities", "from 0 to 1", rows.min(), "scores", "Give probabilities."))
    return truth, rows


def score_roc_auc(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve of each tag: how often a track with it is above one without, ties by half.

    Parameters
    ----------
    targets, probabilities : np.ndarray [shape=(n_tracks, n_tags)]
        Tags as 0 and 1, and their probabilities.

    Returns
    -------
    np.ndarray [shape=(n_tags,), float64]
        From 0 to 1; .5 is chance.

    Examples
    --------
    >>> score_roc_auc([[0], [0], [1], [1]], [[0.1], [0.4], [0.35], [0.8]])
    array([0.75])
    """
    truth, rows = check_tags(targets, probabilities)
    weights = np.ones((1, len(truth)))
    return np.array([_weigh_roc_auc(truth[:, k], rows[:, k], weights)[0] for k in range(truth.shape[1])])


def score_average_precision(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the average precision of each tag, the area under its precision-recall curve (PR-AUC).

    Parameters
    ----------
    targets, probabilities : np.ndarray [shape=(n_tracks, n_tags)]
        Tags as 0 and 1, and their probabilities.

    Returns
    -------
    np.ndarray [shape=(n_tags,), float64]
        From 0 to 1; the share of tracks that have the tag is chance.

    Examples
    --------
    >>> score_average_precision([[0], [0], [1], [1]], [[0.1], [0.4], [0.35], [0.8]]).round(3)
    array([0.833])
    """
    truth, rows = check_tags(targets, probabilities)
    weights = np.ones((1, len(truth)))
    return np.array([_weigh_precision(truth[:, k], rows[:, k], weights)[0] for k in range(truth.shape[1])])


def score_f1(targets: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return the F1 of each tag where a probability of its threshold or more says that a track has it.

    Parameters
    ----------
    targets, probabilities : np.ndarray [shape=(n_tracks, n_tags)]
        Tags as 0 and 1, and their probabilities.
    thresholds : np.ndarray [shape=(n_tags,), float]
        From `choose_thresholds`, of other tracks.

    Returns
    -------
    np.ndarray [shape=(n_tags,), float64]
        From 0 to 1.

    Examples
    --------
    >>> score_f1([[0], [1], [1]], [[0.1], [0.4], [0.8]], [0.5]).round(3)
    array([0.667])
    """
    truth, rows = check_tags(targets, probabilities)
    said = rows >= np.asarray(thresholds)
    hits, wrong = (truth * said).sum(axis=0), (truth != said).sum(axis=0)
    return np.where(truth.any(axis=0), 2 * hits / np.maximum(2 * hits + wrong, 1), np.nan)


def score_instance_f(targets: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray) -> float:
    """Return the instance-based F-score: the F1 of the tags of each track, averaged over tracks.

    Parameters
    ----------
    targets, probabilities : np.ndarray [shape=(n_tracks, n_tags)]
        Tags as 0 and 1, and their probabilities.
    thresholds : np.ndarray [shape=(n_tags,), float]
        Of each tag.

    Returns
    -------
    float
        From 0 to 1; a track without tags of which none is said counts 1.

    References
    ----------
    Kim, Lee and Nam, "Comparison and analysis of SampleCNN architectures for audio classification", 2019, table II,
    for task 4 of DCASE 2017.

    Examples
    --------
    >>> score_instance_f([[1, 1], [0, 0]], [[0.9, 0.1], [0.2, 0.3]], [0.5, 0.5])
    0.8333333333333333
    """
    truth, rows = check_tags(targets, probabilities)
    said = rows >= np.asarray(thresholds)
    hits, wrong = (truth * said).sum(axis=1), (truth != said).sum(axis=1)
    return float(np.where(hits + wrong > 0, 2 * hits / np.maximum(2 * hits + wrong, 1), 1.0).mean())


def choose_thresholds(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the threshold of each tag with the best F1, halfway to the next lower probability; .5 where there is none.

    Parameters
    ----------
    targets, probabilities : np.ndarray [shape=(n_tracks, n_tags)]
        Of tracks that neither train nor test.

    Returns
    -------
    np.ndarray [shape=(n_tags,), float64]
        From 0 to 1.

    Examples
    --------
    >>> choose_thresholds([[0], [1], [1]], [[0.2], [0.4], [0.8]]).round(3)
    array([0.3])
    """
    truth, rows = check_tags(targets, probabilities)
    found = np.full(truth.shape[1], 0.5)
    for k in range(truth.shape[1]):
        if not truth[:, k].any():
            continue
        values, places = np.unique(rows[:, k], return_inverse=True)
        # of the tracks with each probability or a higher one: those that have the tag, and all
        hits = np.cumsum(np.bincount(places, truth[:, k])[::-1])[::-1]
        said = np.cumsum(np.bincount(places)[::-1])[::-1]
        best = int(np.argmax(2 * hits / (said + truth[:, k].sum())))
        found[k] = (values[best] + (values[best - 1] if best else 0.0)) / 2
    return found


def score_intervals(
    targets: np.ndarray, probabilities: np.ndarray, groups: np.ndarray
) -> dict[str, list[float] | None]:
    """Return intervals of the mean ROC-AUC and the mean average precision, whole artists drawn.

    Parameters
    ----------
    targets, probabilities : np.ndarray [shape=(n_tracks, n_tags)]
        Tags as 0 and 1, and their probabilities.
    groups : np.ndarray [shape=(n_tracks,), int]
        From `bootstrap.group_tracks`.

    Returns
    -------
    dict[str, list[float] or None]
        roc_auc and pr_auc: lower and upper limit; None with fewer than two groups. A tag that a draw lacks is left out.

    Examples
    --------
    >>> score_intervals(np.array([[0], [1]]), np.array([[0.1], [0.9]]), np.array([0, 0]))
    {'roc_auc': None, 'pr_auc': None}
    """
    known = {name: means[np.isfinite(means)] for name, means in draw_scores(targets, probabilities, groups).items()}
    return {name: bootstrap.find_interval(means) if len(means) else None for name, means in known.items()}


def draw_scores(
    targets: np.ndarray, probabilities: np.ndarray, groups: np.ndarray, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return the mean ROC-AUC and the mean average precision on each draw of whole artists.

    Parameters
    ----------
    targets, probabilities, groups
        As those of `score_intervals`.
    seed : int
        The same draws for the same groups, so that two models are compared on the same tracks.

    Returns
    -------
    dict[str, np.ndarray [shape=(n_draws,), float64]]
        roc_auc and pr_auc, NaN of a draw without a tag that can be scored; no draws with fewer than two groups.

    Examples
    --------
    >>> draw_scores(np.array([[0], [1]]), np.array([[0.1], [0.9]]), np.array([0, 0]))["roc_auc"].shape
    (0,)
    """
    truth, rows = check_tags(targets, probabilities)
    orders = [np.argsort(-rows[:, k], kind="stable") for k in range(rows.shape[1])]
    drawn: dict[str, list[np.ndarray]] = {"roc_auc": [], "pr_auc": []}
    for weights in bootstrap.draw_weights(np.asarray(groups), seed=seed):
        steps = (_sum_steps(truth[:, k], rows[:, k], weights, order) for k, order in enumerate(orders))  # one at a time
        scores = [(_score_area(one), _score_precision(one)) for one in steps]
        for part, values in zip(drawn.values(), zip(*scores, strict=True), strict=True):
            part.append(np.stack(values))
    values = {name: np.concatenate(parts, axis=1) if parts else np.empty((1, 0)) for name, parts in drawn.items()}
    return {name: average_known(one) for name, one in values.items()}


def average_known(values: np.ndarray) -> np.ndarray:
    """Return the means over the first axis of what is not NaN, NaN where nothing is.

    Examples
    --------
    >>> average_known(np.array([[1.0, np.nan], [3.0, np.nan]]))
    array([ 2., nan])
    """
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    return np.where(counts > 0, np.where(known, values, 0).sum(axis=0) / np.maximum(counts, 1), np.nan)


@dataclasses.dataclass(frozen=True, eq=False)
class _Steps:
    """Sums of weights at the values that a tag's positive tracks have, the highest first.

    Parameters
    ----------
    places : np.ndarray [shape=(n_steps,), int]
        Of these values among all.
    n_values : int
        All values.
    positive, negative : np.ndarray [shape=(n_draws, n_steps), float64]
        Of the tracks that have the value.
    hits, said : np.ndarray [shape=(n_draws, n_steps), float64]
        Of positive and of all tracks that have it or a higher one.
    n_negative : np.ndarray [shape=(n_draws, 1), float64]
        Of all negative tracks.
    """

    places: np.ndarray
    n_values: int
    positive: np.ndarray
    negative: np.ndarray
    hits: np.ndarray
    said: np.ndarray
    n_negative: np.ndarray


def _sum_steps(truth: np.ndarray, values: np.ndarray, weights: np.ndarray, order: np.ndarray) -> _Steps:
    """Sum weights (n_draws, n_tracks) where the tracks in `order` have values that do not grow."""
    starts = np.flatnonzero(np.r_[True, np.diff(values[order]) != 0])
    ends = np.r_[starts[1:], len(order)]
    is_positive = truth[order] > 0
    n_before = np.r_[0, np.cumsum(is_positive)]  # positive tracks before each place
    places = np.flatnonzero(n_before[ends] > n_before[starts])
    starts, ends, n_values = starts[places], ends[places], len(starts)
    sums = np.zeros((len(weights), len(order) + 1))
    np.cumsum(np.take(weights, order, axis=1), axis=1, out=sums[:, 1:])
    hit_sums = np.zeros((len(weights), n_before[-1] + 1))
    np.cumsum(np.take(weights, order[is_positive], axis=1), axis=1, out=hit_sums[:, 1:])
    said, hits = np.take(sums, ends, axis=1), np.take(hit_sums, n_before[ends], axis=1)
    positive = hits - np.take(hit_sums, n_before[starts], axis=1)
    negative = said - np.take(sums, starts, axis=1) - positive
    return _Steps(places, n_values, positive, negative, hits, said, sums[:, -1:] - hit_sums[:, -1:])


def _score_area(steps: _Steps) -> np.ndarray:
    """Return the area of one tag for each draw, (n_draws,)."""
    below = steps.n_negative - (steps.said - steps.hits)
    pairs = steps.positive.sum(axis=1) * steps.n_negative[:, 0]
    wins = (steps.positive * (below + steps.negative / 2)).sum(axis=1)
    return np.where(pairs > 0, wins / np.where(pairs > 0, pairs, 1), np.nan)


def _score_precision(steps: _Steps) -> np.ndarray:
    """Return the average precision of one tag for each draw, (n_draws,)."""
    precision, total = steps.hits / np.where(steps.said > 0, steps.said, 1), steps.positive.sum(axis=1)
    parts = np.zeros((len(total), steps.n_values))  # summed over all values, whose rounding is the same for all draws
    parts[:, steps.places] = precision * steps.positive
    return np.where(total > 0, parts.sum(axis=1) / np.where(total > 0, total, 1), np.nan)


def _weigh_roc_auc(truth: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the area of one tag for each row of weights (n_draws, n_tracks), (n_draws,)."""
    return _score_area(_sum_steps(truth, values, weights, np.argsort(-values, kind="stable")))


def _weigh_precision(truth: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the average precision of one tag for each row of weights (n_draws, n_tracks), (n_draws,)."""
    return _score_precision(_sum_steps(truth, values, weights, np.argsort(-values, kind="stable")))
