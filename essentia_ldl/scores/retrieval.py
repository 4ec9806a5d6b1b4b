"""Retrieval by tags, both ways: tracks for a tag, and tags for a track. Pure functions on numpy arrays, truth first.

In: `targets` (n_tracks, n_tags) of 0 and 1, and `probabilities` (n_tracks, n_tags). Out: one number per query, NaN for
one without an answer; transposed arrays turn tracks and tags around.

References
----------
D. Turnbull, L. Barrington, D. Torres and G. Lanckriet, "Semantic annotation and retrieval of music and sound effects"
(IEEE TASLP 16(2), 2008), section V: annotation of tracks, and retrieval of tracks by a tag.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.scores import bootstrap
from essentia_ldl.scores.multi_label import average_known, check_tags, score_average_precision

N_TRACKS, N_TAGS = 10, 3  # of a list


def score_precision_at(targets: np.ndarray, probabilities: np.ndarray, k: int) -> np.ndarray:
    """Return the share of each tag's k likeliest tracks that have it.

    Parameters
    ----------
    targets, probabilities : np.ndarray [shape=(n_tracks, n_tags)]
        Tags as 0 and 1, and their probabilities.
    k : int
        Length of the list, at least 1; of fewer tracks, all. Of tracks that are as likely as the last of the list, each
        counts in part: the mean over all orders of them.

    Returns
    -------
    np.ndarray [shape=(n_tags,), float64]
        From 0 to 1; NaN for a tag that no track has.

    Examples
    --------
    >>> score_precision_at([[1], [0], [1], [0]], [[0.9], [0.8], [0.3], [0.1]], 2)
    array([0.5])
    """
    truth, rows = check_tags(targets, probabilities)
    k = min(k, len(truth))
    found = np.full(truth.shape[1], np.nan)
    for tag in range(truth.shape[1]):
        if truth[:, tag].any():
            last = np.sort(rows[:, tag])[-k]
            above, at = rows[:, tag] > last, rows[:, tag] == last
            found[tag] = (truth[above, tag].sum() + (k - above.sum()) * truth[at, tag].mean()) / k
    return found


def score_retrieval(targets: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Return precision and mean average precision both ways.

    Parameters
    ----------
    targets, probabilities : np.ndarray [shape=(n_tracks, n_tags)]
        Tags as 0 and 1, and their probabilities.

    Returns
    -------
    dict[str, float]
        tracks_map and tracks_precision, of tracks for a tag, the `N_TRACKS` likeliest ones; tags_map and
        tags_precision, of tags for a track, `N_TAGS` of them. Means over queries that have an answer.

    Examples
    --------
    >>> score_retrieval([[1, 0], [0, 1]], [[0.9, 0.2], [0.1, 0.8]])["tags_map"]
    1.0
    """
    truth, rows = check_tags(targets, probabilities)
    found = {}
    for name, one, other, k in (("tracks", truth, rows, N_TRACKS), ("tags", truth.T, rows.T, N_TAGS)):
        found[f"{name}_map"] = float(np.nanmean(score_average_precision(one, other)))
        found[f"{name}_precision"] = float(np.nanmean(score_precision_at(one, other, k)))
    return found


def draw_retrieval(
    targets: np.ndarray, probabilities: np.ndarray, groups: np.ndarray, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return what `score_retrieval` gives on each draw of whole artists, but for the mean average precision of tags.

    Parameters
    ----------
    targets, probabilities : np.ndarray [shape=(n_tracks, n_tags)]
        Tags as 0 and 1, and their probabilities.
    groups : np.ndarray [shape=(n_tracks,), int]
        From `bootstrap.group_tracks`.
    seed : int
        The same draws as those of `multi_label.draw_scores`, whose pr_auc is that precision.

    Returns
    -------
    dict[str, np.ndarray [shape=(n_draws,), float64]]
        tracks_precision, tags_precision and tags_map; no draws with fewer than two groups.

    Examples
    --------
    >>> sorted(draw_retrieval([[1], [0]], [[0.9], [0.2]], np.array([0, 1])))
    ['tags_map', 'tags_precision', 'tracks_precision']
    """
    truth, rows = check_tags(targets, probabilities)
    of_tracks = {
        "tags_precision": score_precision_at(truth.T, rows.T, N_TAGS),
        "tags_map": score_average_precision(truth.T, rows.T),
    }
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in ("tracks_precision", *of_tracks)}
    for weights in bootstrap.draw_weights(np.asarray(groups), seed=seed):
        lists = [_weigh_precision_at(truth[:, k], rows[:, k], weights, N_TRACKS) for k in range(rows.shape[1])]
        drawn["tracks_precision"].append(average_known(np.stack(lists)))
        for name, values in of_tracks.items():
            known = np.isfinite(values)
            total = weights[:, known].sum(axis=1)
            mean = weights[:, known] @ values[known] / np.maximum(total, 1)
            drawn[name].append(np.where(total > 0, mean, np.nan))
    return {name: np.concatenate(parts) if parts else np.empty(0) for name, parts in drawn.items()}


def _weigh_precision_at(truth: np.ndarray, values: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    """Return the precision of one tag's list for each row of weights (n_draws, n_tracks), (n_draws,).

    A track stands there as often as it was drawn; what is equally likely shares the places that are left.
    """
    order = np.argsort(-values, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(values[order]) != 0])
    drawn = weights[:, order]
    said = np.add.reduceat(drawn, starts, axis=1)
    right = np.add.reduceat(drawn * truth[order], starts, axis=1)
    taken = np.clip(k - (np.cumsum(said, axis=1) - said), 0, said)
    found = (taken * right / np.maximum(said, 1)).sum(axis=1) / taken.sum(axis=1)
    return np.where(right.sum(axis=1) > 0, found, np.nan)
