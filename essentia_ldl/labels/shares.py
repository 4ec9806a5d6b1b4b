"""Shares of listeners as label distributions: what people said, read from the collection's table. Preset "shares".

In: columns of the table with numbers from 0 to 1. Out: distributions, for two classes the share of one of them and the
rest for the other, otherwise one column per class, divided by their sum. This is what smoothing tries to guess.

A share is taken as it is, unless `even_share` says otherwise. Listeners who choose among many answers rarely agree by
half: where a class was drawn from few of them (sad from 30 % on), the larger part of its own tracks' mass lies on the
other class, and a network that learns such shares well hardly ever names that class first. `report` counts these
tracks. `even_share` is the share that stands for "undecided"; it becomes one half, 0 and 1 stay, and the shares between
are stretched in proportion, so that their order does not change.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, RecipeError, explain
from essentia_ldl.labels.one_hot import find_targets
from essentia_ldl.records import LabelTable, Track
from essentia_ldl.scores import listeners

PRESETS: dict[str, dict[str, Any]] = {"shares": {"column": "", "positive_class": "", "even_share": 0.5}}
SUMMARIES = {"shares": "shares of listeners, from columns of the table"}
EXPLANATIONS = {
    "column": "two classes: column with the share (0 to 1) of positive_class; empty: one column per class, of its name",
    "positive_class": "class that the share is of; empty: the one that is not called non_ or not_",
    "even_share": "share that becomes one half, such as 0.2 where a class begins at 0.3; 0.5: shares as they are",
}


def build(
    classes: Sequence[str],
    read_features: Any = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    name: str = "shares",
) -> Shares:
    """Make the source; `read_features` and `seed` are not used, settings that are not given take their defaults.

    Raises
    ------
    RecipeError
        When a column is named for more than two classes, the class of the share is not one or cannot be told, or
        `even_share` is not between 0 and 1.
    """
    where = f"labels.{name}"
    settings = {**PRESETS["shares"], **(settings or {})}
    column, positive_class, even_share = (settings[key] for key in ("column", "positive_class", "even_share"))
    positive = 0
    if not 0 < even_share < 1:
        rule = "a number above 0 and below 1"
        raise RecipeError(explain("label setting", rule, even_share, f"{where}.even_share", "Correct the recipe."))
    if column and len(classes) != 2:
        rule = f"empty, with {len(classes)} classes"
        remedy = f"Leave it empty and write one column per class: {', '.join(classes)}."
        raise RecipeError(explain("label setting", rule, column, f"{where}.column", remedy))
    for key, is_set in (("positive_class", positive_class), ("even_share", even_share != 0.5)):
        if is_set and not column:
            remedy = f"Name the column in {where}.column."
            raise RecipeError(explain("label setting", "a column too", "none", f"{where}.{key}", remedy))
    if positive_class and positive_class not in classes:
        rule = "one of " + ", ".join(classes)
        raise RecipeError(
            explain("label setting", rule, positive_class, f"{where}.positive_class", "Correct the recipe.")
        )
    if column:
        try:
            positive = listeners.choose_class(classes, positive_class or None)
        except DataError:
            rule = "one of " + ", ".join(classes)
            remedy = "Neither or both are called non_ or not_: name the class that the share is of."
            raise RecipeError(explain("label setting", rule, "", f"{where}.positive_class", remedy)) from None
    return Shares(classes, column, positive, where, even_share)


class Shares:
    """Distributions that listeners gave; learns nothing.

    Parameters
    ----------
    classes : Sequence[str]
        Class names in the order of the columns.
    column : str
        Column of the share; empty for one column per class.
    positive : int
        With `column`: the class that the share is of.
    where : str
        Key of the settings in a recipe, for messages.
    even_share : float
        With `column`: share that becomes one half.

    Attributes
    ----------
    report : dict[str, Any]
        After `fit`: n_tracks, own_mass_mean and n_contrary, by class: tracks with less mass on their own class than
        on another one.
    """

    front_ends: tuple[str, ...] = ()

    def __init__(self, classes: Sequence[str], column: str, positive: int, where: str, even_share: float = 0.5) -> None:
        self.classes = tuple(classes)
        self.report: dict[str, Any] = {}
        self.columns = (column,) if column else self.classes
        self._column = column
        self._positive = positive
        self._where = where
        self._even = even_share

    def check(self, tracks: Sequence[Track]) -> None:
        """Raise `DataError` when a label is not a class, or a share is missing or not from 0 to 1."""
        find_targets(tracks, self.classes)
        self._read_rows(tracks)

    def fit(self, tracks: Sequence[Track]) -> Shares:
        """Check every share and count what they say; raise `DataError` as `check`."""
        targets, rows = find_targets(tracks, self.classes), self._read_rows(tracks)
        own = rows[np.arange(len(tracks)), targets]
        contrary = own < rows.max(axis=1, initial=0)
        self.report = {
            "n_tracks": len(tracks),
            "own_mass_mean": float(own.mean()),
            "n_contrary": {name: int(contrary[targets == k].sum()) for k, name in enumerate(self.classes)},
        }
        return self

    def __call__(self, tracks: Sequence[Track]) -> LabelTable:
        """Return a `LabelTable` of the shares; raise `DataError` when one is missing or not from 0 to 1."""
        return LabelTable(tuple(track.id for track in tracks), self.classes, self._read_rows(tracks))

    def _read_rows(self, tracks: Sequence[Track]) -> np.ndarray:
        self._check_columns(tracks)
        if self._column:
            shares = listeners.read_shares(tracks, self._column, self._where, "share column")
            above = 0.5 + 0.5 * (shares - self._even) / (1 - self._even)
            shares = np.where(shares < self._even, 0.5 * shares / self._even, above)
            rows = np.empty((len(tracks), 2))
            rows[:, self._positive], rows[:, 1 - self._positive] = shares, 1 - shares
            return rows
        parts = [listeners.read_shares(tracks, name, self._where, "share column") for name in self.classes]
        rows = np.stack(parts, axis=1)
        sums = rows.sum(axis=1)
        if not np.all(sums > 0):
            rule = f"a share above 0 in one of {', '.join(self.classes)}"
            where = f"{self._where}, row of {tracks[int(np.argmin(sums))].id}"
            raise DataError(explain("shares", rule, "0 in all", where, "Correct the row, or drop it."))
        return rows / sums[:, None]

    def _check_columns(self, tracks: Sequence[Track]) -> None:
        needed = [self._column] if self._column else list(self.classes)
        for track in tracks:
            missing = [name for name in needed if name not in track.columns]
            if not missing:
                continue
            rule = f"a column {missing[0]!r} in the table of the collection"
            near = difflib.get_close_matches(missing[0], track.columns, n=1, cutoff=0.4)
            if self._column:
                remedy = f"Did you mean {near[0]!r}? " if near else ""
                remedy += f"Correct {self._where}.column."
            else:
                remedy = "Add a column per class."
                if len(self.classes) == 2:
                    remedy = f"Add a column per class, or name the one with the shares in {self._where}.column."
            raise DataError(explain("share column", rule, sorted(track.columns), track.id, remedy))
