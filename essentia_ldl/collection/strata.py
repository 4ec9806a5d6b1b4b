"""Sides for tracks with tags or numbers: stratified iteratively, and grouped by artist.

In: Tracks with tags, or with numbers, each of which counts as the quarter that it is in; out: the side of every track.
The rarest tag that is not placed yet is placed first: its artists, the one with most tracks of it before the others, go
where that tag is lacking most, which is the rule of Sechidis et al. for whole artists. The best of some orders is
taken. The same tracks, in any order, and the same seed give the same sides.

References
----------
K. Sechidis, G. Tsoumakas and I. Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from essentia_ldl.choices import MULTI_LABEL
from essentia_ldl.collection.parts import group_of
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Track

N_TRIES = 20  # orders of artists that are equal, of which the best is taken
N_BINS = 4  # of the numbers of a dimension


def make_strata(tracks: Sequence[Track]) -> tuple[np.ndarray, list[str]]:
    """Return what is to be spread evenly, (n_tracks, n_columns) of 0 and 1, and the name of each column.

    A tag is a column; numbers have a column for each quarter of a dimension.
    """
    if tracks[0].kind == MULTI_LABEL:
        names = sorted({tag for track in tracks for tag in track.names})
        rows = np.array([[tag in track.names for tag in names] for track in tracks], dtype=np.int64)
        return rows.reshape(len(tracks), len(names)), names
    columns, names = [], []
    for name in tracks[0].numbers or {}:
        values = np.array([track.numbers[name] for track in tracks])
        edges = np.quantile(values, np.arange(1, N_BINS) / N_BINS)
        places = np.searchsorted(edges, values, side="right")
        columns += [places == number for number in range(N_BINS)]
        names += [f"{name}, quarter {number + 1}" for number in range(N_BINS)]
    return np.stack(columns, axis=1).astype(np.int64), names


def place_tracks(tracks: Sequence[Track], shares: Sequence[float], seed: int, are_folds: bool = False) -> np.ndarray:
    """Find the side of every track.

    Parameters
    ----------
    tracks : sequence of Track
        With tags or numbers, in an order that does not depend on anything else.
    shares : sequence of float
        Of each side, together 1.
    seed : int
        Another seed is another way.
    are_folds : bool
        Whether each side tests once while the others train; otherwise the first side trains.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), int64]
        From 0 on; a side may lack a tag.
    """
    rows, _ = make_strata(tracks)
    keys = {group: number for number, group in enumerate(dict.fromkeys(group_of(track) for track in tracks))}
    groups = np.array([keys[group_of(track)] for track in tracks])
    counts, sizes = np.zeros((len(keys), rows.shape[1]), dtype=np.int64), np.bincount(groups)
    np.add.at(counts, groups, rows)
    best, least = np.zeros(len(keys), dtype=np.int64), np.inf
    for attempt in range(N_TRIES):
        random = np.random.default_rng([seed % 2**32, attempt])
        sides = _stratify(counts, sizes, np.asarray(shares), random)
        cost = _rate(counts, sizes, sides, np.asarray(shares), are_folds)
        if cost < least:
            best, least = sides, cost
    return best[groups]


def _stratify(counts: np.ndarray, sizes: np.ndarray, shares: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Place groups (n_groups, n_columns) one after another; return the side of each, (n_groups,)."""
    wanted, free = np.outer(shares, counts.sum(axis=0)), shares * sizes.sum()
    sides, order = np.full(len(counts), -1), random.permutation(len(counts))
    while (sides < 0).any():
        open_groups = order[sides[order] < 0]
        left = counts[open_groups].sum(axis=0)
        if left.any():
            column = int(np.where(left > 0, left, left.max() + 1).argmin())
            having = open_groups[counts[open_groups, column] > 0]
            group = int(having[counts[having, column].argmax()])
            lacking = wanted[:, column]
        else:
            group = int(open_groups[sizes[open_groups].argmax()])
            lacking = free
        most = np.flatnonzero(lacking >= lacking.max() - 1e-9)
        side = int(most[free[most].argmax()])
        sides[group] = side
        wanted[side] -= counts[group]
        free[side] -= sizes[group]
    return sides


def _rate(counts: np.ndarray, sizes: np.ndarray, sides: np.ndarray, shares: np.ndarray, are_folds: bool) -> float:
    """Rate sides: how far from the shares; what a side that trains lacks, or has everywhere, costs most."""
    total, n_tracks = np.maximum(counts.sum(axis=0), 1), sizes.sum()
    held = np.stack([counts[sides == side].sum(axis=0) for side in range(len(shares))])
    n_held = np.array([sizes[sides == side].sum() for side in range(len(shares))])
    training, n_training = (counts.sum(axis=0) - held, n_tracks - n_held) if are_folds else (held[:1], n_held[:1])
    lost = ((training == 0) | (training == n_training[:, None])).sum() + (n_held == 0).sum()
    absent = (held[1 - are_folds :] == 0).sum()
    deviation = np.abs(held / total - shares[:, None]).mean() + np.abs(n_held / n_tracks - shares).max()
    return float(1e6 * lost + absent + deviation)


def draw_side(tracks: Sequence[Track], share: float, side: str, seed: int) -> tuple[list[Track], list[Track]]:
    """Part tracks with tags or numbers into (rest, drawn), where drawn is about a share of them.

    Raises
    ------
    DataError
        When there are fewer than two artists, or a tag would be left without a track that trains.
    """
    n_groups = len({group_of(track) for track in tracks})
    if n_groups < 2:
        remedy = f"Add artists, or set the {side} share to 0."
        raise DataError(explain(f"artists to draw the {side} side from", "two or more", n_groups, "split", remedy))
    side_of = place_tracks(tracks, (1 - share, share), seed)
    rest = [track for track, number in zip(tracks, side_of, strict=True) if number == 0]
    drawn = [track for track, number in zip(tracks, side_of, strict=True) if number == 1]
    _check_training(rest, tracks, f"{side} side")
    if not drawn:
        raise DataError(explain(f"{side} side", "one track at least", 0, "split", f"Raise the {side} share."))
    return rest, drawn


def draw_folds(tracks: Sequence[Track], n_folds: int, seed: int) -> np.ndarray:
    """Find the fold, from 0 on, in which each of some tracks with tags or numbers is tested, (n_tracks,) int64.

    Raises
    ------
    DataError
        When there are fewer artists than folds, or all tracks of a tag are of one artist.
    """
    n_groups = len({group_of(track) for track in tracks})
    if n_groups < n_folds:
        found, remedy = f"{n_groups} for {n_folds} folds", f"Take at most {n_groups} folds, or add artists."
        raise DataError(explain("artists", "one per fold or more", found, "fold_tracks", remedy))
    part_of = place_tracks(tracks, (1 / n_folds,) * n_folds, seed, are_folds=True)
    for fold in range(n_folds):
        rest = [track for track, part in zip(tracks, part_of, strict=True) if part != fold]
        _check_training(rest, tracks, f"fold {fold} of {n_folds}")
    return part_of


def _check_training(rest: Sequence[Track], tracks: Sequence[Track], where: str) -> None:
    for tag in sorted({tag for track in tracks for tag in track.names}):
        n_here = sum(tag in track.names for track in rest)
        if n_here in (0, len(rest)):
            rule, remedy = "training tracks with it and without it", "Add artists who have it, and others who have not."
            raise DataError(explain(f"tag {tag!r}", rule, f"{n_here} of {len(rest)} have it", where, remedy))
