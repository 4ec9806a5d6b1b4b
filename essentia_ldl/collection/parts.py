"""Stratified parts of whole artists, as scikit-learn makes them. In: Tracks; out: the number of a part per track.

The best of some shuffles is taken. What is not as near to its share as artists allow is improved by `sides`.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence

import numpy as np

from essentia_ldl.collection.sides import CLOSE_ENOUGH
from essentia_ldl.records import Track

_N_TRIES = 10  # shuffles, of which the best stratified is taken


def group_of(track: Track) -> tuple[str, str]:
    """Return what must not be divided: the artist, or the track itself where that is not known."""
    return ("track", track.id) if track.artist is None else ("artist", track.artist)


def _count_parts(tracks: Sequence[Track], part_of: np.ndarray, n_parts: int) -> np.ndarray:
    """Count the tracks of each part and class, shape (n_parts, n_classes)."""
    classes = sorted({track.label for track in tracks})
    counts = np.zeros((n_parts, len(classes)))
    np.add.at(counts, (part_of, [classes.index(track.label) for track in tracks]), 1)
    return counts


def _rate_parts(drawn: np.ndarray, total: np.ndarray, share: float) -> np.ndarray:
    """Rate the class counts of draws, shape (n_draws, n_classes): how far from the share, (n_draws,).

    A class that a draw lacks, or takes whole, costs more.
    """
    deviation = np.abs(drawn / total - share).max(axis=1)
    return deviation + 10 * np.mean(drawn == 0, axis=1) + 100 * np.any(drawn == total, axis=1)


def choose_parts(
    tracks: Sequence[Track], part_of: np.ndarray, n_parts: int, n_drawn: int
) -> tuple[float, tuple[int, ...]]:
    """Choose the parts whose union is best stratified; return its rating and them."""
    counts = _count_parts(tracks, part_of, n_parts)
    draws = list(itertools.combinations(range(n_parts), n_drawn))
    costs = _rate_parts(counts[np.array(draws)].sum(axis=1), counts.sum(axis=0), n_drawn / n_parts)
    best = int(costs.argmin())  # the first of equals
    return float(costs[best]), draws[best]


def find_fold(y_counts_per_fold: np.ndarray, y_cnt: np.ndarray, group_y_counts: np.ndarray) -> int:
    """Find the fold that the next group keeps best stratified; of equals the smallest, then the first.

    Counts are those of the classes, shapes (n_folds, n_classes), (n_classes,) and (n_classes,). It finds what
    scikit-learn finds, which tries one fold after the other and takes most of the time of a split for it.
    """
    n_folds, n_classes = y_counts_per_fold.shape
    numbers = np.arange(n_folds)
    with_group = np.repeat(y_counts_per_fold[None], n_folds, axis=0)
    with_group[numbers, numbers] += group_y_counts
    shares = with_group / y_cnt
    shares -= np.add.reduce(shares, axis=1, keepdims=True) / n_folds
    # what np.std and np.mean do, without what they ask first, which takes longer
    deviations = np.sqrt(np.add.reduce(shares * shares, axis=1) / n_folds)
    costs = (np.add.reduce(deviations, axis=1) / n_classes).tolist()
    best, least, fewest = 0, np.inf, np.inf
    for fold, (cost, n_tracks) in enumerate(zip(costs, y_counts_per_fold.sum(axis=1).tolist(), strict=True)):
        close = abs(cost - least) <= 1e-8 + 1e-5 * least < np.inf  # the tolerances of np.isclose
        if cost < least or (close and n_tracks < fewest):
            best, least, fewest = fold, cost, n_tracks
    return best


def partition(tracks: Sequence[Track], n_parts: int, n_drawn: int | None, seed: int) -> np.ndarray:
    """Part the tracks into stratified parts of whole groups, shape (n_tracks,), int; the best of some shuffles.

    The best has the best draw of `n_drawn` parts; with None (folds, where every part is used) the best worst part.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    class Folds(StratifiedGroupKFold):
        def _find_best_fold(self, **counts: np.ndarray) -> int:
            return find_fold(**counts)

    labels = [track.label for track in tracks]
    names = {group: number for number, group in enumerate(dict.fromkeys(group_of(track) for track in tracks))}
    groups = [names[group_of(track)] for track in tracks]
    n_most = max(labels.count(label) for label in set(labels))
    best_cost, best = np.inf, np.zeros(len(tracks), dtype=int)
    for attempt in range(_N_TRIES):
        part_of = np.array(groups) % n_parts
        if n_most >= n_parts:  # scikit-learn refuses when no class has a track a part
            folds = Folds(n_parts, shuffle=True, random_state=(seed * _N_TRIES + attempt) % 2**32)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a class smaller than n_parts: we check for ourselves
                for part, (_, rows) in enumerate(folds.split(labels, labels, groups)):
                    part_of[rows] = part
        if n_drawn is None:
            counts = _count_parts(tracks, part_of, n_parts)
            cost = _rate_parts(counts, counts.sum(axis=0), 1 / n_parts).max()
        else:
            cost = choose_parts(tracks, part_of, n_parts, n_drawn)[0]
        if cost < best_cost:
            best_cost, best = cost, part_of
        if cost < CLOSE_ENOUGH:
            break
    return best
