"""Which tracks to ask next.

In: unit vectors of a pool, which of its tracks are done, and what was said of them. Out: rows of the pool, the one to
ask first before the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from essentia_ldl.annotate.learn import check_answers, learn
from essentia_ldl.errors import DataError, explain


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
        tracks that somebody skipped or is hearing now.
    targets : np.ndarray [shape=(n_answered, n_classes), float64]
        What people said, rows that sum to 1; at most as many as there are `rows`.
    n : int
        Tracks that are wanted; fewer are returned where fewer are left.
    seed : int
        Of what is drawn.
    groups : sequence of str or None
        Artist of every track of the pool, empty where it is not known: no two tracks of an artist are asked one after
        the other while there are others.

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
    if len(targets) and (targets.sum(axis=0) > 0).all():
        answered = units[np.asarray(rows[: len(targets)], dtype=np.int64)]
        said = np.sort(learn(answered, check_answers(answered, targets)).ask(units[free]), axis=1)
        return [int(row) for row in free[np.argsort(said[:, -1] - said[:, -2], kind="stable")[:n]]]
    return draw_tracks(len(units), rows, n, seed)


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


def _list_free(units: np.ndarray, rows: Sequence[int], targets: np.ndarray) -> np.ndarray:
    """Return the rows that may be asked; `DataError` where rows are not of the pool or fewer than targets."""
    done = np.asarray(rows, dtype=np.int64)
    if len(targets) > len(done):
        raise DataError(explain("answers", f"{len(done)}, one per row", len(targets), "pool", "Give the row of each."))
    if len(done) and not (done.min() >= 0 and done.max() < len(units)):
        raise DataError(explain("rows", f"0 to {len(units) - 1}", (done.min(), done.max()), "pool", "Give rows of it."))
    is_free = np.ones(len(units), dtype=bool)
    is_free[done] = False
    return np.flatnonzero(is_free)
