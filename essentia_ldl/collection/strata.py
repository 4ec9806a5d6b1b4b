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

from collections import Counter
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
        places, rows = {tag: number for number, tag in enumerate(names)}, np.zeros((len(tracks), len(names)), np.int64)
        for row, track in zip(rows, tracks, strict=True):
            row[[places[tag] for tag in track.names]] = 1
        return rows, names
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
    counts, sizes, groups = _count_groups(tracks)
    best, least = np.zeros(len(counts), dtype=np.int64), np.inf
    for attempt in range(N_TRIES):
        random = np.random.default_rng([seed % 2**32, attempt])
        sides = _stratify(counts, sizes, np.asarray(shares), random)
        cost = _rate(counts, sizes, sides, np.asarray(shares), are_folds)
        if cost < least:
            best, least = sides, cost
    return best[groups]


def _count_groups(tracks: Sequence[Track]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what each group has of each column, its tracks, and the group of each track."""
    rows, _ = make_strata(tracks)
    numbers: dict[tuple[str, str], int] = {}
    groups = np.array([numbers.setdefault(group_of(track), len(numbers)) for track in tracks])
    counts = np.zeros((len(numbers), rows.shape[1]), dtype=np.int64)
    np.add.at(counts, groups, rows)
    return counts, np.bincount(groups), groups


def _stratify(counts: np.ndarray, sizes: np.ndarray, shares: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Place groups (n_groups, n_columns) one after another; return the side of each, (n_groups,).

    The time grows with the groups and with what they have: every column has its groups in the order in which it would
    place them, and skips those that stand already. Lists, because a step is too small for arrays.
    """
    order = random.permutation(len(counts))
    queues = [_queue(order, counts[:, column]) for column in range(counts.shape[1])]
    queue_of_rest = _queue(order, sizes)  # of groups that have no column, which stand last
    held = [(row.nonzero()[0].tolist(), row[row > 0].tolist()) for row in counts]
    totals = counts.sum(axis=0)
    wanted, free = np.outer(shares, totals).tolist(), (shares * sizes.sum()).tolist()
    none_left = int(totals.max(initial=0)) + 1  # stands for 0 where the least is looked for
    left = [int(total) or none_left for total in totals]
    sides, n_tracks = [-1] * len(counts), sizes.tolist()
    for _ in range(len(counts)):
        least = min(left, default=none_left)
        column = left.index(least) if least < none_left else -1
        queue = queues[column] if column >= 0 else queue_of_rest
        group = queue.pop()
        while sides[group] >= 0:
            group = queue.pop()
        lacking = [row[column] for row in wanted] if column >= 0 else free
        enough = max(lacking) - 1e-9
        side = max((number for number, lacks in enumerate(lacking) if lacks >= enough), key=free.__getitem__)
        sides[group] = side
        free[side] -= n_tracks[group]
        row = wanted[side]
        for column, count in zip(*held[group], strict=True):
            row[column] -= count
            left[column] = left[column] - count or none_left
    return np.array(sides)


def _queue(order: np.ndarray, counts: np.ndarray) -> list[int]:
    """List the groups that have tracks, from the end: those with most tracks, of equals the first in order."""
    having = order[counts[order] > 0]
    return having[np.argsort(-counts[having], kind="stable")][::-1].tolist()


def _rate(counts: np.ndarray, sizes: np.ndarray, sides: np.ndarray, shares: np.ndarray, are_folds: bool) -> float:
    """Rate sides: how far from the shares; what a side that trains lacks, or has everywhere, costs most."""
    total, n_tracks = np.maximum(counts.sum(axis=0), 1), sizes.sum()
    held = np.stack([counts[sides == side].sum(axis=0) for side in range(len(shares))])
    n_held = np.array([sizes[sides == side].sum() for side in range(len(shares))])
    training, n_training = (counts.sum(axis=0) - held, n_tracks - n_held) if are_folds else (held[:1], n_held[:1])
    lost = ((training == 0) | (training == n_training[:, None])).sum() + (n_held == 0).sum()
    absent = (held[1 - are_folds :] == 0).sum()
    apart = np.abs(held / total - shares[:, None])
    deviation = (apart.mean() if apart.size else 0.0) + np.abs(n_held / n_tracks - shares).max()
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
    rest, drawn = _part(tracks, share, seed)
    _check_training(rest, tracks, f"{side} side")
    return rest, drawn


def draw_validation(tracks: Sequence[Track], share: float, seed: int) -> tuple[list[Track], list[Track]]:
    """Part the tracks that a fold does not test into (rest, drawn), as `draw_side` does.

    Nothing is drawn where all are of one artist, or every draw would leave a tag without a track that trains, as a
    class of one artist is not drawn from.
    """
    if len({group_of(track) for track in tracks}) > 1:
        rest, drawn = _part(tracks, share, seed)
        if _find_lost(rest, tracks) is None:
            return rest, drawn
    return list(tracks), []


def _part(tracks: Sequence[Track], share: float, seed: int) -> tuple[list[Track], list[Track]]:
    side_of = place_tracks(tracks, (1 - share, share), seed)
    if not side_of.any():  # as much as all artists together is wanted of the first side: one is drawn all the same
        side_of = _spare_artist(tracks, seed)
    return tuple([track for track, side in zip(tracks, side_of, strict=True) if side == n] for n in (0, 1))


def _spare_artist(tracks: Sequence[Track], seed: int) -> np.ndarray:
    """Put the artist on side 1 without whom the others lose least, of equals the one with fewest tracks."""
    counts, sizes, groups = _count_groups(tracks)
    rest, n_rest = counts.sum(axis=0) - counts, sizes.sum() - sizes
    lost = ((rest == 0) | (rest == n_rest[:, None])).sum(axis=1)
    order = np.random.default_rng(seed % 2**32).permutation(len(counts))
    return (groups == order[np.lexsort((sizes[order], lost[order]))[0]]).astype(np.int64)


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
    lost = _find_lost(rest, tracks)
    if lost is not None:
        rule, remedy = "training tracks with it and without it", "Add artists who have it, and others who have not."
        raise DataError(explain(f"tag {lost[0]!r}", rule, f"{lost[1]} of {len(rest)} have it", where, remedy))


def _find_lost(rest: Sequence[Track], tracks: Sequence[Track]) -> tuple[str, int] | None:
    """Find the first tag that none or all of the tracks that train have, and how many; None where there is none."""
    counts = Counter(tag for track in rest for tag in track.names)
    tags = sorted({tag for track in tracks for tag in track.names})
    return next(((tag, counts[tag]) for tag in tags if counts[tag] in (0, len(rest))), None)
