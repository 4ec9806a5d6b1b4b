"""The label as it is: all the mass on the class of the track. Preset "none", the baseline of the paper.

Of tags a 1 in the column of each that the track has, of numbers these themselves: the kind is that of the tracks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.choices import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import LabelTable, Track

PRESETS: dict[str, dict[str, Any]] = {"none": {}}
KINDS = (MULTI_LABEL, REGRESSION)
SUMMARIES = {"none": "one-hot"}
EXPLANATIONS: dict[str, str] = {}


def build(
    classes: Sequence[str],
    read_features: Any = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    name: str = "none",
) -> OneHot:
    """Make the source of one-hot labels, which has no settings; only the classes are used."""
    return OneHot(classes)


class OneHot:
    """One-hot rows; learns nothing, so `fit` only checks the labels.

    Parameters
    ----------
    classes : Sequence[str]
        Class names in the order of the columns.
    """

    front_ends: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.report: dict[str, Any] = {}

    def check(self, tracks: Sequence[Track]) -> None:
        """Raise `DataError` when a label is not a class, or a track lacks a number."""
        make_rows(tracks, self.classes)

    def fit(self, tracks: Sequence[Track]) -> OneHot:
        """Check that every label is a class; raise `DataError` when one is not."""
        self.check(tracks)
        return self

    def __call__(self, tracks: Sequence[Track]) -> LabelTable:
        """Return a `LabelTable` with a 1 in the column of each track's class; raise `DataError` as `fit`."""
        rows, kind = make_rows(tracks, self.classes)
        return LabelTable(tuple(track.id for track in tracks), self.classes, rows.astype(np.float32), kind)


def make_rows(tracks: Sequence[Track], classes: Sequence[str]) -> tuple[np.ndarray, str]:
    """Return what is known of tracks as rows, and their kind.

    Parameters
    ----------
    tracks : Sequence[Track]
        All of one kind.
    classes : Sequence[str]
        Names of the columns.

    Returns
    -------
    rows : np.ndarray [shape=(n_tracks, n_classes), float64]
        One-hot classes, 1 in the columns of tags, or numbers.
    kind : str
        One of `choices.KINDS`.

    Raises
    ------
    DataError
        When a label is not one of the classes, a track lacks a number, or kinds differ.
    """
    kinds = {track.kind for track in tracks} or {SINGLE_LABEL}
    if len(kinds) > 1:
        raise DataError(explain("tracks", "all of one kind", sorted(kinds), "labels", "Correct the collection."))
    kind = kinds.pop()
    if kind == SINGLE_LABEL:
        return np.eye(len(classes))[find_targets(tracks, classes)], kind
    if kind == MULTI_LABEL:
        rows = [[float(name in track.tags) for name in classes] for track in tracks]
        return np.array(rows).reshape(len(tracks), len(classes)), kind
    for track in tracks:
        lacking = [name for name in classes if name not in track.numbers]
        if lacking:
            rule, remedy = f"a number of {lacking[0]!r}", "Fill the column, or drop the track."
            raise DataError(explain("numbers", rule, sorted(track.numbers), track.id, remedy))
    return np.array([[track.numbers[name] for name in classes] for track in tracks]).reshape(-1, len(classes)), kind


def find_targets(tracks: Sequence[Track], classes: Sequence[str]) -> np.ndarray:
    """Return the column of each track's label.

    Parameters
    ----------
    tracks : Sequence[Track]
        Tracks with labels.
    classes : Sequence[str]
        Class names in the order of the columns.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), int64]
        Class indices.

    Raises
    ------
    DataError
        When a label is not one of the classes.
    """
    column_of = {label: column for column, label in enumerate(classes)}
    for track in tracks:
        if track.label not in column_of:
            raise DataError(
                explain(
                    "label",
                    "one of " + ", ".join(classes),
                    track.label,
                    track.id,
                    "Add the class to the recipe, or correct the label.",
                )
            )
    return np.array([column_of[track.label] for track in tracks], dtype=np.int64)
