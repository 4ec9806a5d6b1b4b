"""How well a space of words and audio finds tracks for a word, and words for a track; and which words are near.

In: cosines of tracks and words, and which words tracks have. Out: numbers and rows, ready for json. Words that are seen
in training and words that are not are measured apart, as in section 5 of the paper.

References
----------
J. Choi, J. Lee, J. Park and J. Nam, "Zero-shot learning for audio-based music classification and tagging" (ISMIR 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from essentia_ldl.scores.multi_label import score_average_precision, score_roc_auc
from essentia_ldl.scores.retrieval import N_TRACKS, score_precision_at, score_retrieval

N_NEAR = 5


def measure_words(truth: np.ndarray, cosines: np.ndarray) -> dict[str, Any]:
    """Measure retrieval of tracks by words, and annotation of tracks with words.

    Parameters
    ----------
    truth : np.ndarray [shape=(n_tracks, n_words), int]
        1 where a track has a word.
    cosines : np.ndarray [shape=(n_tracks, n_words), float]
        From -1 to 1.

    Returns
    -------
    dict[str, Any]
        n_words and n_tracks that can be measured; auc, the mean over words that some tracks have and others have not;
        what `scores.retrieval.score_retrieval` tells, of words for a track only where there is a choice; and chance,
        the mean share of tracks that have a word. Without a word that can be measured the counts alone.
    """
    has_word = truth.any(axis=0) & ~truth.all(axis=0)
    truth, cosines = truth[:, has_word], cosines[:, has_word]
    known = truth.any(axis=1)
    found: dict[str, Any] = {"n_words": int(has_word.sum()), "n_tracks": int(known.sum())}
    if not found["n_words"]:
        return found
    shares = np.clip((1 + cosines) / 2, 0, 1)
    found["auc"] = float(np.mean(score_roc_auc(truth, shares)))
    both = score_retrieval(truth, shares)
    if found["n_words"] == 1:
        both = {name: value for name, value in both.items() if name.startswith("tracks")}
    return {**found, **both, "chance": float(truth.mean())}


def list_rows(
    words: Sequence[str], truth: np.ndarray, cosines: np.ndarray, seen: Sequence[str]
) -> list[dict[str, Any]]:
    """List what is measured of every word: whether it was seen, tracks, AUC, average precision, precision at 10."""
    shares = np.clip((1 + cosines) / 2, 0, 1)
    rows = []
    for place, word in enumerate(words):
        one, other = truth[:, place : place + 1], shares[:, place : place + 1]
        row = {"word": word, "seen": word in seen, "n_tracks": int(one.sum()), "auc": None}
        if 0 < row["n_tracks"] < len(one):
            row["auc"] = float(score_roc_auc(one, other)[0])
            row["average_precision"] = float(score_average_precision(one, other)[0])
            row[f"precision_at_{N_TRACKS}"] = float(score_precision_at(one, other, N_TRACKS)[0])
        rows.append(row)
    return rows


def list_nearest(words: Sequence[str], units: np.ndarray, n: int = N_NEAR) -> dict[str, list[str]]:
    """List the words that are nearest to each word, the nearest first.

    Parameters
    ----------
    words : sequence of str
        The words.
    units : np.ndarray [shape=(n_words, d), float32]
        Unit vectors.
    n : int
        How many, at most.

    Examples
    --------
    >>> list_nearest(["a", "b", "c"], np.array([[1, 0], [0.6, 0.8], [0.8, 0.6]]), 1)
    {'a': ['c'], 'b': ['c'], 'c': ['b']}
    """
    cosines = units @ units.T
    np.fill_diagonal(cosines, -np.inf)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, : min(n, len(words) - 1)]
    return {word: [words[place] for place in row] for word, row in zip(words, order, strict=True)}
