"""Sides of whole artists: the tracks of each class that every artist has flow in, the side of each artist flows out.

Sides are rated in this order: no class is lost (for which a training side has none), the sides are as near to their
share in tracks as they can be, where a class that is missing counts as the tracks that it should have there, and each
class is near its share. Few artists are tried in
every way; with many, a search moves and exchanges artists until neither helps, from some beginnings. The same numbers
and the same seed give the same sides.

Conventions: `counts` (n_groups, n_classes) of the groups that may stand anywhere; `sums` (..., n_sides, n_classes) is
what a way to place them puts on each side.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

N_WAYS = 2**16  # that are all tried
N_SWAPPED = 400  # groups that are exchanged with each other in one step
N_STARTS = 4
CLOSE_ENOUGH = 0.03  # deviation of a class's share that counts as none
_HALF_TRACK = 0.5 + 1e-6  # no side is nearer to a share than that, whatever the artists
_LOST, _TRACK = 1e9, 1e2  # what a lost class costs, and a track too many or too few
_SMALLEST = 1e-4  # difference of costs that counts; float64 rounds those of lost classes to 1e-6


@dataclasses.dataclass(frozen=True)
class Aim:
    """What sides should be.

    Parameters
    ----------
    wanted : np.ndarray [shape=(n_sides,), float64]
        Tracks of each side.
    fixed : np.ndarray [shape=(n_sides, n_classes), int]
        What stands on each side already.
    totals : np.ndarray [shape=(n_classes,), int]
        Tracks of each class.
    are_folds : bool
        Each side tests once while all others train; otherwise the first side trains.
    validates : bool
        Of folds: whether the sides that train should have a class of two artists, of which one can validate.
    """

    wanted: np.ndarray
    fixed: np.ndarray
    totals: np.ndarray
    are_folds: bool = False
    validates: bool = False


class _Rating:
    """The cost of sides; a column per class holds its tracks, and another one the groups that have it."""

    def __init__(self, counts: np.ndarray, aim: Aim, close_enough: float = CLOSE_ENOUGH) -> None:
        self.aim, self._close_enough = aim, close_enough
        self.values = np.concatenate([counts, counts > 0], axis=1).astype(float)
        self.fixed = np.concatenate([aim.fixed, aim.fixed > 0], axis=1).astype(float)
        self._n_classes = counts.shape[1]
        self._n_groups = (self.values.sum(axis=0) + self.fixed.sum(axis=0))[self._n_classes :]

    def rate_side(self, side: int, rows: np.ndarray) -> np.ndarray:
        """Rate what one side may hold, shape (..., 2 n_classes); the cost, (...,)."""
        aim = self.aim
        tracks, groups = rows[..., : self._n_classes], rows[..., self._n_classes :]
        n_tracks, absent = tracks.sum(axis=-1), (tracks < 0.5).sum(axis=-1)
        lost, missing = np.zeros(n_tracks.shape), absent
        if aim.are_folds:
            lost = (tracks > aim.totals - 0.5).sum(axis=-1)
            if aim.validates:
                missing = missing + self._n_classes * np.all(self._n_groups - groups < 1.5, axis=-1)
        elif side == 0:
            lost, missing = absent, 0
        excess = np.maximum(0, np.abs(n_tracks - aim.wanted[side]) - _HALF_TRACK)
        share = aim.wanted[side] / aim.totals.sum()
        deviation = np.maximum(0, np.abs(tracks / aim.totals - share).max(axis=-1) - self._close_enough)
        excess = excess + missing * aim.wanted[side] / self._n_classes
        return _LOST * (lost + (n_tracks < 0.5)) + _TRACK * excess + deviation

    def rate(self, sums: np.ndarray) -> np.ndarray:
        """Rate ways to fill the sides, shape (..., n_sides, 2 n_classes); the costs, (...,)."""
        return sum(self.rate_side(side, sums[..., side, :]) for side in range(len(self.aim.wanted)))

    def sum_sides(self, sides: np.ndarray) -> np.ndarray:
        """Sum what each side holds, shape (n_sides, 2 n_classes)."""
        sums = self.fixed.copy()
        np.add.at(sums, sides, self.values)
        return sums


def place_groups(counts: np.ndarray, start: np.ndarray, aim: Aim, seed: int) -> np.ndarray:
    """Find the side of every group.

    Parameters
    ----------
    counts : np.ndarray [shape=(n_groups, n_classes), int]
        Tracks of each class.
    start : np.ndarray [shape=(n_groups,), int]
        Sides to begin with, which stay where no others are better.
    aim : Aim
        What the sides should be.
    seed : int
        Chooses among ways that are as good.

    Returns
    -------
    np.ndarray [shape=(n_groups,), int]
        Numbers of sides. With at most `N_WAYS` ways, none is better.
    """
    rating, random = _Rating(counts, aim), np.random.default_rng(seed % 2**32)
    if is_small(len(counts), len(aim.wanted)):
        found = [_try_all(rating, random)]
    else:
        found = list(_search(rating, _Rating(counts, aim, 0.0), start, random))
    costs = [float(rating.rate(rating.sum_sides(sides))) for sides in (start, *found)]
    best = min(range(1, len(costs)), key=costs.__getitem__)
    return start if costs[0] <= costs[best] + _SMALLEST else found[best - 1]


def is_small(n_groups: int, n_sides: int) -> bool:
    """Tell whether every way to place groups is tried."""
    return n_sides**n_groups <= N_WAYS


def _try_all(rating: _Rating, random: np.random.Generator) -> np.ndarray:
    """Return the best of all ways, and any of those that are as good."""
    n_groups, n_sides = len(rating.values), len(rating.aim.wanted)
    sums = np.zeros((1, rating.values.shape[1]))  # of every subset; bit g of its number: the group g is in it
    for row in rating.values:
        sums = np.concatenate([sums, sums + row])
    costs = np.zeros(n_sides**n_groups)
    for side in range(n_sides):
        subsets = np.zeros(1, int)  # that the side holds in every way; ways count up, the last group first
        for group in range(n_groups):
            subsets = np.add.outer(subsets, (np.arange(n_sides) == side) << group).ravel()
        costs += rating.rate_side(side, sums + rating.fixed[side])[subsets]
    way = random.choice(np.flatnonzero(costs <= costs.min() + _SMALLEST))
    return way // n_sides ** np.arange(n_groups - 1, -1, -1) % n_sides


def _search(rating: _Rating, exact: _Rating, start: np.ndarray, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield sides that no move and no exchange makes better, until some are good enough."""
    n_groups, n_sides = len(start), len(rating.aim.wanted)
    for attempt in range(N_STARTS):
        sides = start.copy()
        if attempt:
            moved = random.random(n_groups) < 0.1 * attempt
            sides[moved] = random.choice(n_sides, moved.sum(), p=rating.aim.wanted / rating.aim.wanted.sum())
        _descend(exact, sides, random)
        yield sides
        if rating.rate(rating.sum_sides(sides)) < _SMALLEST:
            return


def _descend(rating: _Rating, sides: np.ndarray, random: np.random.Generator) -> None:
    """Move groups as long as that helps, and exchange two where no move does, in place."""
    n_sides = len(rating.aim.wanted)
    while True:
        sums = rating.sum_sides(sides)
        costs = np.array([rating.rate_side(side, row) for side, row in enumerate(sums)])
        gain, (group, side) = _find_move(rating, sides, sums, costs)
        if gain < -_SMALLEST:
            sides[group] = side
            continue
        worst = int(costs.argmax())
        pairs = [(worst, side) for side in range(n_sides) if side != worst]
        others = [pair for pair in itertools.combinations(range(n_sides), 2) if worst not in pair]
        for some in (pairs, others):
            gain, swap = _find_swap(rating, sides, (sums, costs), some, random)
            if gain < -_SMALLEST:
                sides[list(swap)] = sides[list(reversed(swap))]
                break
        else:
            return


def _find_move(rating: _Rating, sides: np.ndarray, sums: np.ndarray, costs: np.ndarray) -> tuple[float, tuple]:
    """Find the group whose move to another side saves most; return what it costs, and the group and its side."""
    left = np.empty(len(sides))
    for side in range(len(sums)):
        here = sides == side
        left[here] = rating.rate_side(side, sums[side] - rating.values[here]) - costs[side]
    best, move = np.inf, (0, 0)
    for side in range(len(sums)):
        gains = left + rating.rate_side(side, sums[side] + rating.values) - costs[side]
        gains[sides == side] = np.inf
        group = int(gains.argmin())
        if gains[group] < best:
            best, move = float(gains[group]), (group, side)
    return best, move


def _find_swap(
    rating: _Rating,
    sides: np.ndarray,
    now: tuple[np.ndarray, np.ndarray],
    pairs: list[tuple[int, int]],
    random: np.random.Generator,
) -> tuple[float, tuple[int, int]]:
    """Find the two groups whose exchange between some sides saves most; return what it costs, and them."""
    sums, costs = now
    tried = np.arange(len(sides))
    if len(sides) > N_SWAPPED:
        tried = random.choice(len(sides), N_SWAPPED, replace=False)
    best, swap = np.inf, (0, 0)
    for one, other in pairs:
        here, there = tried[sides[tried] == one], tried[sides[tried] == other]
        if not len(here) or not len(there):
            continue
        change = rating.values[there][None] - rating.values[here][:, None]
        gains = rating.rate_side(one, sums[one] + change) + rating.rate_side(other, sums[other] - change)
        gains -= costs[one] + costs[other]
        at = np.unravel_index(int(gains.argmin()), gains.shape)
        if gains[at] < best:
            best, swap = float(gains[at]), (int(here[at[0]]), int(there[at[1]]))
    return best, swap
