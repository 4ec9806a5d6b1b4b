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

from essentia_ldl.scores.multi_label import check_tags, score_average_precision

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
