"""Which tracks to ask next: those that stand for most of what the model does not know yet.

In: unit vectors of a pool, which of its tracks are done, and what was said of them. Out: rows of the pool, the one to
ask first before the others.

A track covers others by how near they are, and the tracks of the pool weigh by the doubt of the model, which is large
where its two most probable classes are nearly as probable. Tracks are taken one after the other, each the one that adds
most to what is covered, so that two that are alike are not asked in a row. Until every class was the answer a few
times, all tracks weigh the same: the first ones stand for the pool, the typical before the strange. Artists take turns
where they are known. docs/measured.md tells what this order was chosen among.

References
----------
W. Bae, J. Noh and D. Sutherland, "Generalized coverage for more robust low-budget active learning" (ECCV 2024): greedy
coverage by a kernel, MaxHerding. W. Bae, G. Oliveira and D. Sutherland, "Uncertainty herding: one active learning
method for all label budgets" (ICLR 2025): its weights by doubt. T. Scheffer, C. Decomain and S. Wrobel, "Active hidden
Markov models for information extraction" (IDA 2001): the margin of two classes as doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from essentia_ldl.annotate.learn import check_answers, learn, number_artists
from essentia_ldl.errors import DataError, explain

FEWEST_ANSWERS = 3  # of every class, before which a model knows too little to tell what it does not know
RADIUS = 0.25  # of the mean distance of two tracks: at this distance a track is covered by a share of exp(-1)
MOST_CANDIDATES, MOST_COVERED = 5000, 2000  # of a larger pool so many are drawn, to choose among and to be covered


def choose_tracks(
    units: np.ndarray,
    rows: Sequence[int],
    targets: np.ndarray,
    n: int,
    seed: int,
    groups: Sequence[str] | None = None,
) -> list[int]:
    """Choose what to ask next.

    Parameters
    ----------
    units : np.ndarray [shape=(n_tracks, d), float32]
        Unit vectors of the pool.
    rows : sequence of int
        Tracks that are not to be asked: first those that `targets` tells of, in its order, then any others, such as
        tracks that somebody skipped or is hearing now. The last of them is the one that was asked last.
    targets : np.ndarray [shape=(n_answered, n_classes), float64]
        What people said, rows that sum to 1; at most as many as there are `rows`.
    n : int
        Tracks that are wanted, at most `MOST_CANDIDATES`; fewer are returned where fewer are left.
    seed : int
        Of the tracks that are drawn from a pool of more than `MOST_COVERED`; a smaller one has one best order.
    groups : sequence of str or None
        Artist of every track of the pool, empty where it is not known. What a track adds is divided by the number of
        tracks that will have been asked of its artist, so that many artists are heard, and two tracks of an artist
        come in a row only where no other artist is left.

    Returns
    -------
    list[int]
        Rows of the pool, best first.

    Raises
    ------
    DataError
        When the arrays do not fit.
    """
    free = _list_free(units, rows, targets)
    done = np.asarray(rows, dtype=np.int64)
    if groups is not None and len(groups) != len(units):
        raise DataError(explain("artists", f"{len(units)}, one per track", len(groups), "pool", "Give them all."))
    if not len(free):
        return []
    artists = np.arange(len(units)) if groups is None else number_artists(groups)
    rng = np.random.default_rng(seed)
    turns = np.bincount(artists[done], minlength=int(artists.max(initial=-1)) + 1)
    candidates = _draw(free, MOST_CANDIDATES, rng)
    covered = _draw(np.arange(len(units)), MOST_COVERED, rng)
    near = _measure_nearness(units[covered])
    reached = np.zeros(len(covered), dtype=np.float32)
    for first in range(0, len(done), MOST_COVERED):
        reached = np.maximum(reached, near(units[done[first : first + MOST_COVERED]]).max(axis=1))
    doubts = weigh_doubts(units[covered], units[done[: len(targets)]], targets)
    gains = near(units[candidates])
    chosen: list[int] = []
    last = artists[done[-1]] if len(done) else -1
    while len(chosen) < min(n, len(candidates)):
        is_open = ~np.isin(candidates, chosen)
        others = is_open & (artists[candidates] != last)
        is_open = others if others.any() else is_open
        places = np.flatnonzero(is_open)
        added = doubts @ np.maximum(gains[:, places] - reached[:, None], 0)
        added /= 1 + turns[artists[candidates[places]]]
        best = places[int(added.argmax())]
        reached = np.maximum(reached, gains[:, best])
        last = artists[candidates[best]]
        turns[last] += groups is not None
        chosen.append(int(candidates[best]))
    return chosen


def weigh_doubts(units: np.ndarray, answered: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Weigh tracks by how little the model can tell its two most probable classes apart.

    Parameters
    ----------
    units : np.ndarray [shape=(n_tracks, d), float32]
        Unit vectors.
    answered : np.ndarray [shape=(n_answered, d), float32]
        Those of answered tracks.
    targets : np.ndarray [shape=(n_answered, n_classes), float64]
        What people said.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), float32]
        From 0 to 1; all 1 until every class had the largest share of `FEWEST_ANSWERS` answers.
    """
    targets = check_answers(answered, targets)
    if np.bincount(targets.argmax(axis=1), minlength=targets.shape[1]).min() < FEWEST_ANSWERS:
        return np.ones(len(units), dtype=np.float32)
    said = np.sort(learn(answered, targets).ask(units), axis=1)
    return (1 - said[:, -1] + said[:, -2]).astype(np.float32)


def draw_tracks(n_tracks: int, rows: Sequence[int], n: int, seed: int) -> list[int]:
    """Draw what to ask next: random order.

    Parameters
    ----------
    n_tracks : int
        In the pool.
    rows : sequence of int
        Tracks that are not to be asked.
    n : int
        Tracks that are wanted; fewer are returned where fewer are left.
    seed : int
        The same seed is the same order, so that what was answered does not change what comes.

    Returns
    -------
    list[int]
        Rows of the pool.
    """
    done = set(map(int, rows))
    order = np.random.default_rng(seed).permutation(n_tracks)
    return [int(row) for row in order if row not in done][:n]


def _measure_nearness(units: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the kernel: how far other tracks, (m, d), cover these, (n, m) float32 from 0 to 1."""
    mean = units.mean(axis=0, dtype=np.float64)
    width = max(RADIUS * float(1 - mean @ mean), 1e-6)  # of tracks that are all the same
    return lambda others: np.exp((units @ others.T - 1) / np.float32(width))


def _draw(rows: np.ndarray, n_most: int, rng: np.random.Generator) -> np.ndarray:
    """Return these rows, or as many of them as there may be, in their order."""
    return rows if len(rows) <= n_most else np.sort(rng.choice(rows, n_most, replace=False))


def _list_free(units: np.ndarray, rows: Sequence[int], targets: np.ndarray) -> np.ndarray:
    """Return the rows that may be asked; `DataError` where rows are not of the pool or fewer than targets."""
    done = np.asarray(rows, dtype=np.int64)
    if len(targets) > len(done):
        raise DataError(explain("answers", f"{len(done)}, one per row", len(targets), "pool", "Give the row of each."))
    if len(done) and not (done.min() >= 0 and done.max() < len(units)):
        found = (int(done.min()), int(done.max()))
        raise DataError(explain("rows", f"0 to {len(units) - 1}", found, "pool", "Give rows of the pool."))
    is_free = np.ones(len(units), dtype=bool)
    is_free[done] = False
    return np.flatnonzero(is_free)
