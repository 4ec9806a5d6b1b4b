"""Folds of a cross-validation: Tracks flow in, a list of `Fold` flows out, the same for every label source.

Folds are drawn, grouped by artist, or are the values of a column of the collection, of which one is left out at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from essentia_ldl.collection import columns, splits
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Split, Track
from essentia_ldl.runs.folder import Fold


def draw_folds(
    tracks: Sequence[Track], recipe: Recipe, n_folds: int, n_repeats: int, leave_out: str | None
) -> list[Fold]:
    """Draw the folds of every repetition, seeded by the recipe's seed, seed + 1, …; the same for every source."""
    folds, share = [], recipe.split.valid_share
    for repeat in range(n_repeats):
        seed = recipe.split.seed + repeat
        if leave_out is None:
            drawn = [(None, split) for split in splits.fold_tracks(tracks, n_folds, share, seed)]
        else:
            drawn = list(leave_out_values(tracks, leave_out, share, seed).items())
        folds += [Fold(repeat, seed, number, value, split) for number, (value, split) in enumerate(drawn)]
    return folds


def leave_out_values(tracks: Sequence[Track], column: str, valid_share: float, seed: int) -> dict[str, Split]:
    """Make one fold a value of a column: its tracks test; the others train, except for those of an artist who tests.

    Parameters
    ----------
    tracks : Sequence[Track]
        The collection; a split column is not looked at.
    column : str
        Name of a column of the collection, such as "genre".
    valid_share : float
        Share of the tracks that remain, which validates.
    seed : int
        Another seed is another validation side.

    Returns
    -------
    dict[str, Split]
        By value, in alphabetical order.

    Raises
    ------
    DataError
        When the column is missing, is not filled for every track or has one value only, a class is missing on a
        training side, or there are too few artists to validate with.
    """
    found = {}
    for value in columns.list_values(tracks, column):
        test, others = columns.leave_out_value(tracks, column, value)
        rest = [dataclasses.replace(track, split=None) for track in others]
        side = splits.split_tracks(rest, valid_share, seed=seed)
        artists = {track.id: track.artist for track in (*rest, *test) if track.artist is not None}
        found[value] = Split(side.train, side.valid, tuple(sorted(track.id for track in test)), artists)
    return found


def describe_folds(
    recipe: Recipe, tracks: Sequence[Track], folds: Sequence[Fold], n_repeats: int, leave_out: str | None
) -> dict[str, Any]:
    """Describe the folds for scores.json: sizes, classes and artists of every side, and what is to be warned of."""
    unknown = sum(track.artist is None for track in tracks)
    warning = f"NOT grouped by artist: not known for {unknown} of {len(tracks)} tracks, so one may train and test"
    scores: dict[str, Any] = {
        "task": recipe.task,
        "classes": list(recipe.classes),
        "n_tracks": len(tracks),
        "class_counts": {name: sum(name in track.names for track in tracks) for name in recipe.classes},
        "n_folds": len(folds) // n_repeats,
        "n_repeats": n_repeats,
        "leave_out": leave_out,
        "seeds": list(dict.fromkeys(fold.seed for fold in folds)),
        "grouped_by_artist": unknown == 0,
        "warnings": [warning] if unknown else [],
        "folds": [],
    }
    for fold in folds:
        sides = splits.describe(fold.split, tracks)
        sizes = {f"n_{side}": len(getattr(fold.split, side)) for side in ("train", "valid", "test")}
        row = {"repeat": fold.repeat, "seed": fold.seed, "fold": fold.number, "held_out": fold.held_out, **sizes}
        row["n_dropped"] = len(tracks) - sum(sizes.values())
        row["class_counts"] = {side: dict(counts) for side, counts in sides.counts.items()}
        scores["folds"].append({**row, "artists": dict(sides.artists)})
    return scores
