"""Intervals by resampling groups: what a score would be on other tracks of the same kind.

In: a quantity of every track and its group; out: intervals. Tracks of one artist sound alike, so an interval over
single tracks is too narrow: whole artists are drawn. A track without artist is a group of its own.

References
----------
Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile intervals).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from essentia_ldl.records import Track

N_RESAMPLES = 2000
LEVEL = 0.95
_N_AT_ONCE = 100
_N_WEIGHTS = 1_000_000  # draws times tracks that are held at once


def group_tracks(tracks: Sequence[Track]) -> np.ndarray:
    """Number the groups of tracks: artists, and single tracks whose artist is not known.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), int64]
        From 0 to n_groups - 1.

    Examples
    --------
    >>> group_tracks([Track(name, "", "sad", artist) for name, artist in (("a", "Ann"), ("b", None), ("c", "Ann"))])
    array([0, 1, 0])
    """
    return group_ids([track.id for track in tracks], {track.id: track.artist for track in tracks if track.artist})


def group_ids(ids: Sequence[str], artists: Mapping[str, str]) -> np.ndarray:
    """Number the groups of tracks by their ids, as `group_tracks`; `artists` has those that are known.

    Examples
    --------
    >>> group_ids(["a", "b", "c"], {"a": "Ann", "c": "Ann"})
    array([0, 1, 0])
    """
    numbers: dict[tuple[str, str], int] = {}
    keys = [("artist", artists[name]) if name in artists else ("track", name) for name in ids]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def resample_sums(
    values: np.ndarray, groups: np.ndarray, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> np.ndarray | None:
    """Sum values over groups that are drawn with replacement, as many as there are.

    Parameters
    ----------
    values : np.ndarray [shape=(n_tracks, ...), float]
        What is summed, one entry per track.
    groups : np.ndarray [shape=(n_tracks,), int]
        From `group_tracks`.
    n_resamples : int
        Draws.
    seed : int
        The same draws for the same groups, so that two scores are compared on the same tracks.

    Returns
    -------
    np.ndarray [shape=(n_resamples, ...), float64] or None
        None when there are fewer than two groups, which tell nothing of others.

    Examples
    --------
    >>> resample_sums(np.ones((4, 1)), np.array([0, 0, 1, 1]), n_resamples=2).ravel()
    array([4., 4.])
    """
    n_groups = int(groups.max()) + 1
    if n_groups < 2:
        return None
    totals = np.zeros((n_groups, *values.shape[1:]))
    np.add.at(totals, groups, values)
    flat, shares = totals.reshape(n_groups, -1), np.full(n_groups, 1 / n_groups)
    generator, parts = np.random.default_rng(seed), []
    for first in range(0, n_resamples, _N_AT_ONCE):
        n_drawn = min(_N_AT_ONCE, n_resamples - first)
        parts.append(generator.multinomial(n_groups, shares, size=n_drawn) @ flat)
    return np.concatenate(parts).reshape(n_resamples, *values.shape[1:])


def draw_weights(groups: np.ndarray, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Iterator[np.ndarray]:
    """Give how often each track is in each draw of groups, some draws at a time, for scores that are no sums.

    Parameters
    ----------
    groups : np.ndarray [shape=(n_tracks,), int]
        From `group_tracks`.
    n_resamples, seed : int
        Draws, the same as those of `resample_sums`.

    Yields
    ------
    np.ndarray [shape=(n_draws, n_tracks), float64]
        Together `n_resamples` draws, at most some 8 MB at a time; nothing when there are fewer than two groups.

    Examples
    --------
    >>> [weights.shape for weights in draw_weights(np.array([0, 0, 1]), n_resamples=2)]
    [(2, 3)]
    """
    n_groups = int(groups.max()) + 1
    if n_groups < 2:
        return
    shares, generator = np.full(n_groups, 1 / n_groups), np.random.default_rng(seed)
    n_at_once = max(1, min(_N_AT_ONCE, _N_WEIGHTS // len(groups)))
    for first in range(0, n_resamples, n_at_once):
        drawn = generator.multinomial(n_groups, shares, size=min(n_at_once, n_resamples - first))
        yield np.take(drawn, groups, axis=1).astype(np.float64)


def find_interval(statistics: np.ndarray, level: float = LEVEL) -> list[float]:
    """Return the lower and upper percentile of resampled statistics (n_resamples,).

    Examples
    --------
    >>> [round(limit, 3) for limit in find_interval(np.linspace(0, 1, 1001))]
    [0.025, 0.975]
    """
    outside = 50 * (1 - level)
    return [float(value) for value in np.percentile(statistics, [outside, 100 - outside])]


def score_intervals(
    targets: np.ndarray, probabilities: np.ndarray, groups: np.ndarray, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> dict[str, list[float] | None]:
    """Return intervals of the balanced accuracy and the accuracy.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks,), int]
        True classes.
    probabilities : np.ndarray [shape=(n_tracks, n_classes), float]
        Class probabilities.
    groups : np.ndarray [shape=(n_tracks,), int]
        From `group_tracks`.
    n_resamples : int
        Draws.
    seed : int
        The same draws for the same groups, so that two scores are compared on the same tracks.

    Returns
    -------
    dict[str, list[float] or None]
        By score, lower and upper limit; None with fewer than two groups. A class that a draw lacks is left out of its
        balanced accuracy, as in `metrics`.

    Examples
    --------
    >>> score_intervals(np.array([0, 1]), np.eye(2), np.array([0, 1]), n_resamples=10)
    {'balanced_accuracy': [1.0, 1.0], 'accuracy': [1.0, 1.0]}
    """
    n_classes = probabilities.shape[1]
    cells = np.zeros((len(targets), n_classes, n_classes), dtype=np.float32)
    cells[np.arange(len(targets)), targets, probabilities.argmax(axis=1)] = 1
    matrices = resample_sums(cells, groups, n_resamples, seed)
    if matrices is None:
        return {"balanced_accuracy": None, "accuracy": None}
    hits, counts = np.diagonal(matrices, axis1=1, axis2=2), matrices.sum(axis=2)
    recall = np.where(counts > 0, hits / np.maximum(counts, 1), np.nan)
    return {
        "balanced_accuracy": find_interval(np.nanmean(recall, axis=1)),
        "accuracy": find_interval(hits.sum(axis=1) / counts.sum(axis=1)),
    }
