"""Splits: Tracks flow in, a Split or folds flow out, stratified by class and grouped by artist.

A track whose artist is not known is a group of its own. Every class keeps a training track; a group that is the only
one of its class stays in training. The same tracks, in any order, and the same seed give the same split.

References
----------
Flexer, "A closer look on artist filters for musical genre classification", ISMIR 2007: why artists must not be on two
sides.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.collection.parts import choose_parts, group_of, partition
from essentia_ldl.collection.sides import Aim, is_small, place_groups
from essentia_ldl.collection.strata import draw_folds, draw_side, draw_validation
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import ROLES, Split, Track

_MAX_PARTS = 10  # a share is approached by m parts of k <= 10; below a tenth by one part of more
_FOLD_SLACK = 0.25  # of its share, by which a fold of many artists may be larger or smaller: it is tested all the same
_VALID_SLACK = 0.03  # of the tracks outside a fold of many artists, by which its validation side may be


@dataclasses.dataclass(frozen=True)
class SplitSummary:
    """What stands on each side of a split.

    Parameters
    ----------
    counts : Mapping[str, Mapping[str, int]]
        Tracks, by side ("train", "valid", "test") and class.
    artists : Mapping[str, int]
        Known artists, by side.
    grouped : bool
        True when every artist is known, so that no artist can be on two sides.
    n_without_artist : int
        Tracks whose artist is not known, each a group of its own.
    """

    counts: Mapping[str, Mapping[str, int]]
    artists: Mapping[str, int]
    grouped: bool
    n_without_artist: int


def split_tracks(tracks: Sequence[Track], valid_share: float = 0.2, test_share: float = 0.0, seed: int = 0) -> Split:
    """Split a collection once.

    Parameters
    ----------
    tracks : Sequence[Track]
        The collection.
    valid_share, test_share : float
        Shares of the collection, from 0 on, together below 1. A side that the collection's split column fixes is taken
        as it is; a side that it does not mention is drawn from its training tracks, of which it is that share.
    seed : int
        Another seed is another split.

    Returns
    -------
    Split
        Ids sorted on every side. Shares of tracks are met as closely as whole artists allow while every class is on
        every side where its artists allow that; a side whose share is positive has at least one track.

    Raises
    ------
    DataError
        When a share is out of range, the split column is filled for some tracks only, has no training tracks or puts
        one artist on two sides, or there are too few artists to draw from.
    """
    if valid_share < 0 or test_share < 0 or valid_share + test_share >= 1:
        shares = (valid_share, test_share)
        raise _error("valid_share and test_share", "0 or more, together below 1", shares, "split_tracks", "Lower them.")
    tracks = _sort_tracks(tracks)
    fixed = [track for track in tracks if track.split is not None]
    if fixed and len(fixed) < len(tracks):
        missing = next(track.id for track in tracks if track.split is None)
        found = f"{len(tracks) - len(fixed)} of {len(tracks)} without one"
        raise _error("split column", "a side for every track or for none", found, missing, "Fill it, or empty it.")
    sides = {role: [track for track in tracks if track.split == role] for role in ROLES}
    if not fixed:
        sides["train"] = tracks
    if not sides["train"]:
        raise _error("split column", "training tracks", "none", "split column", "Mark some tracks as train.")
    _build_split(sides)  # a column with one artist on two sides fails here, before anything is drawn from it
    n_free = len(sides["train"])
    for side, share in (("test", test_share), ("valid", valid_share)):
        if share and not sides[side]:
            part = share * n_free / len(sides["train"])  # of what the side before it has left
            sides["train"], sides[side] = _draw(sides["train"], part, side, seed)
    return _build_split(sides)


def fold_tracks(tracks: Sequence[Track], n_folds: int = 5, valid_share: float = 0.2, seed: int = 0) -> list[Split]:
    """Split a collection into folds for cross-validation; a split column is not looked at.

    Parameters
    ----------
    tracks : Sequence[Track]
        The collection.
    n_folds : int
        Number of folds, 2 or more.
    valid_share : float
        Share of the tracks outside the test fold that validate, from 0 to below 1.
    seed : int
        Other seeds are other folds.

    Returns
    -------
    list[Split]
        One per fold. Every track is in exactly one `test`; each fold has a `valid` of its own, which is empty only
        where every class of its training side has one artist; of tags and numbers, where no artist can be spared.

    Raises
    ------
    DataError
        When a number is out of range, or a class has fewer artists than there are folds.
    """
    if n_folds < 2 or not 0 <= valid_share < 1:
        values = (n_folds, valid_share)
        raise _error("n_folds and valid_share", "2 or more, and 0 to below 1", values, "fold_tracks", "Correct them.")
    tracks = _sort_tracks(tracks)
    if tracks[0].kind != SINGLE_LABEL:
        return _fold_strata(tracks, n_folds, valid_share, seed)
    for label, n_groups in _count_groups(tracks).items():
        if n_groups < n_folds:
            remedy = f"Take at most {n_groups} folds, or add artists." if n_groups > 1 else "Add artists."
            found = f"{n_groups} for {n_folds} folds"
            raise _error(f"artists of class {label!r}", "one per fold or more", found, "fold_tracks", remedy)
    part_of = _improve_folds(tracks, partition(tracks, n_folds, None, seed), (n_folds, seed), valid_share > 0)
    splits = []
    for fold in range(n_folds):
        sides = {"test": [track for track, part in zip(tracks, part_of, strict=True) if part == fold], "valid": []}
        sides["train"] = [track for track, part in zip(tracks, part_of, strict=True) if part != fold]
        lost = {track.label for track in tracks} - {track.label for track in sides["train"]}
        if lost or not sides["test"]:
            found = f"fold {fold} of {n_folds} without: {', '.join(sorted(lost)) or 'test tracks'}"
            raise _error("folds", "every class in every training side", found, "fold_tracks", "Take fewer folds.")
        if valid_share and max(_count_groups(sides["train"]).values()) > 1:
            sides["train"], sides["valid"] = _draw(sides["train"], valid_share, "valid", seed + fold, _VALID_SLACK)
        splits.append(_build_split(sides))
    return splits


def describe(split: Split, tracks: Iterable[Track]) -> SplitSummary:
    """Count the tracks of each class on each side.

    Parameters
    ----------
    split : Split
        A split of the tracks, or of some of them.
    tracks : Iterable[Track]
        The collection.

    Returns
    -------
    SplitSummary
        Every class is listed on every side, with 0 where it is missing.

    Raises
    ------
    DataError
        When the split holds an id that is not among the tracks.
    """
    by_id = {track.id: track for track in tracks}
    counts, artists, n_without = {}, {}, 0
    classes = sorted({name for track in by_id.values() for name in track.names})
    for side in ROLES:
        unknown = [track_id for track_id in getattr(split, side) if track_id not in by_id]
        if unknown:
            raise _error("track of the split", "an id of the collection", unknown[0], side, "Split again.")
        here = [by_id[track_id] for track_id in getattr(split, side)]
        found = Counter(name for track in here for name in track.names)
        counts[side] = MappingProxyType({name: found[name] for name in classes})
        artists[side] = len({track.artist for track in here if track.artist is not None})
        n_without += sum(track.artist is None for track in here)
    return SplitSummary(MappingProxyType(counts), MappingProxyType(artists), n_without == 0, n_without)


def describe_large_artist(drawn: Sequence[Split], tracks: Sequence[Track], share: float) -> str | None:
    """Say with numbers which artist holds more tracks than a side should have, or which side misses its share.

    Parameters
    ----------
    drawn : Sequence[Split]
        One split, or folds.
    tracks : Sequence[Track]
        The collection.
    share : float
        Of the smallest side that was asked for.

    Returns
    -------
    str or None
        One sentence; None where no artist is as large as that, and when artists are not known.
    """
    counts = Counter(track.artist for track in tracks if track.artist is not None)
    if not counts or not drawn or not share:
        return None
    artist, n_held = max(counts.items(), key=lambda item: (item[1], item[0]))
    if n_held <= math.ceil(share * len(tracks)):
        return None
    found = []
    for side, verb in (("train", "train"), ("valid", "validate"), ("test", "test")):
        sizes = sorted(len(getattr(split, side)) for split in drawn)
        if sizes[-1]:
            found.append(f"{sizes[0]} {verb}" if sizes[0] == sizes[-1] else f"{sizes[0]} to {sizes[-1]} {verb}")
    sides = "folds are uneven" if len(found) == 1 else ", ".join(found)
    return (
        f"artist {artist!r} has {n_held} of {len(tracks)} tracks ({n_held / len(tracks):.0%}), more than the"
        f" {share:.0%} of a side, and stays on one side: {sides}"
    )


def _error(what: str, rule: str, value: object, where: object, remedy: str) -> DataError:
    return DataError(explain(what, rule, value, where, remedy))


def _sort_tracks(tracks: Sequence[Track]) -> list[Track]:
    """Sort by id, so that the order in which a collection was read changes nothing."""
    if not tracks:
        raise _error("collection", "at least one track", 0, "split", "Add tracks.")
    return sorted(tracks, key=lambda track: track.id)


def _build_split(sides: Mapping[str, Sequence[Track]]) -> Split:
    artists = {track.id: track.artist for side in sides.values() for track in side if track.artist is not None}
    return Split(**{side: tuple(track.id for track in here) for side, here in sides.items()}, artists=artists)


def _count_groups(tracks: Sequence[Track]) -> dict[str, int]:
    groups: dict[str, set] = {}
    for track in tracks:
        groups.setdefault(track.label, set()).add(group_of(track))
    return {label: len(groups[label]) for label in sorted(groups)}


def _draw(
    tracks: list[Track], share: float, side: str, seed: int, slack: float = 0.0
) -> tuple[list[Track], list[Track]]:
    """Part (rest, drawn), where drawn is about a share of every class and rest has every class.

    With many artists, `slack` is the share of the tracks that drawn may be off before it is improved.
    """
    if tracks[0].kind != SINGLE_LABEL:
        return draw_side(tracks, share, side, seed)
    n_groups = _count_groups(tracks)
    pinned = {group_of(track) for track in tracks if n_groups[track.label] == 1}
    pool = [track for track in tracks if group_of(track) not in pinned]
    n_pool = len({group_of(track) for track in pool})
    smaller = min(share, 1 - share)
    n_parts = (
        round(1 / smaller) if smaller * _MAX_PARTS < 1 else Fraction(share).limit_denominator(_MAX_PARTS).denominator
    )
    n_parts = min(n_parts, n_pool)
    if not n_pool:
        raise _error(
            f"artists to draw the {side} side from",
            "two or more in some class",
            ", ".join(f"{label}: {n}" for label, n in n_groups.items()),
            "split",
            f"Add artists, or set the {side} share to 0.",
        )
    start = np.ones(len(pool), int)  # right where one artist is left, whose classes others have who stay
    if n_parts > 1:
        n_drawn = min(max(1, round(share * n_parts)), n_parts - 1)
        part_of = partition(pool, n_parts, n_drawn, seed)
        start = np.isin(part_of, choose_parts(pool, part_of, n_parts, n_drawn)[1]).astype(int)
    # where most tracks are pinned, what is left of the others must still train
    wanted = min(share * len(tracks), max(share, 0.5) * len(pool))
    is_kept = not is_small(n_pool, 2) and abs(start.sum() - wanted) <= slack * len(tracks)
    side_of = start if is_kept else _place(tracks, pool, start, np.array([len(tracks) - wanted, wanted]), seed)
    drawn = {track.id for track, number in zip(pool, side_of, strict=True) if number}
    rest = [track for track in tracks if track.id not in drawn]
    lost = set(n_groups) - {track.label for track in rest}
    if lost or not drawn:
        found = f"none left of {', '.join(sorted(lost))}" if lost else "nothing to draw"
        raise _error(f"{side} side", "every class left in training", found, "split", "Add artists to this class.")
    return rest, [track for track in tracks if track.id in drawn]


def _fold_strata(tracks: list[Track], n_folds: int, valid_share: float, seed: int) -> list[Split]:
    """Do what `fold_tracks` does for tracks with tags or numbers."""
    part_of, splits = draw_folds(tracks, n_folds, seed), []
    for fold in range(n_folds):
        sides = {"test": [track for track, part in zip(tracks, part_of, strict=True) if part == fold], "valid": []}
        sides["train"] = [track for track, part in zip(tracks, part_of, strict=True) if part != fold]
        if valid_share:
            sides["train"], sides["valid"] = draw_validation(sides["train"], valid_share, seed + fold)
        splits.append(_build_split(sides))
    return splits


def _improve_folds(tracks: list[Track], part_of: np.ndarray, drawn: tuple[int, int], validates: bool) -> np.ndarray:
    """Return parts that are folds: as they are where they will do, else as near to their share as artists allow.

    `drawn` is the number of folds and the seed.
    """
    n_folds, seed = drawn
    wanted = np.full(n_folds, len(tracks) / n_folds)
    held = Counter((track.label, int(part)) for track, part in zip(tracks, part_of, strict=True))
    totals = Counter(track.label for track in tracks)
    are_whole = all(0 < held[label, fold] < totals[label] for label in totals for fold in range(n_folds))
    n_groups = len({group_of(track) for track in tracks})
    are_even = np.all(np.abs(np.bincount(part_of, minlength=n_folds) - wanted) <= _FOLD_SLACK * wanted)
    if are_whole and are_even and not is_small(n_groups, n_folds):
        return part_of
    return _place(tracks, tracks, part_of, wanted, seed, (True, validates))


def _place(
    tracks: Sequence[Track],
    pool: Sequence[Track],
    start: np.ndarray,
    wanted: np.ndarray,
    seed: int,
    kind: tuple[bool, bool] = (False, False),
) -> np.ndarray:
    """Find the side of each track of a pool, (n_pool,), from sides to begin with; the other tracks are on side 0.

    `kind` is what `Aim` calls are_folds and validates.
    """
    classes = {label: number for number, label in enumerate(_count_groups(tracks))}
    groups = {group: number for number, group in enumerate(dict.fromkeys(group_of(track) for track in pool))}
    group_numbers = np.array([groups[group_of(track)] for track in pool])
    counts, totals = np.zeros((len(groups), len(classes)), int), np.zeros(len(classes), int)
    np.add.at(counts, (group_numbers, [classes[track.label] for track in pool]), 1)
    np.add.at(totals, [classes[track.label] for track in tracks], 1)
    sides, fixed = np.zeros(len(groups), int), np.zeros((len(wanted), len(classes)), int)
    sides[group_numbers] = start
    fixed[0] = totals - counts.sum(axis=0)
    return place_groups(counts, sides, Aim(wanted, fixed, totals, *kind), seed)[group_numbers]
