"""A collection: where it comes from, its tracks with labels that were corrected and checked, and what is known of them.

In: a `Source`; out: `Track`s, of which `features.extract` makes a `Collection`.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from essentia_ldl import datasets
from essentia_ldl.choices import MULTI_LABEL, SINGLE_LABEL
from essentia_ldl.collection.corrections import apply_corrections, read_corrections
from essentia_ldl.collection.targets import check_tags_and_numbers
from essentia_ldl.discover import suggest
from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import Home
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Failure, Split, Track


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a collection comes from, and how it is read.

    Parameters
    ----------
    data : str, path or None
        Folder or table, in any layout of `essentia_ldl.datasets`; None is the built-in demo of a recipe. Kept as str.
    layout : str or None
        Its layout; None finds it by looking at the data.
    options : Mapping[str, object]
        Options of the layout.
    corrections : str or None
        Table of corrected labels: `audit.csv` of a report with its column correction filled.
    adapt : str, path or None
        Folder of music without labels that a model will meet, which a solved classifier is adapted to. Kept as str.
    """

    data: str | os.PathLike[str] | None = None
    layout: str | None = None
    options: Mapping[str, object] = dataclasses.field(default_factory=dict)
    corrections: str | None = None
    adapt: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        for name in ("data", "adapt"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, os.fspath(getattr(self, name)))

    @property
    def place(self) -> str:
        """Its folder or table; `DataError` where there is none, for what cannot be done with a demo."""
        if self.data is None:
            remedy = "Give the path of your data."
            raise DataError(explain("data", "a folder or a table", None, "no data", remedy))
        return str(self.data)


@dataclasses.dataclass(frozen=True)
class Collection:
    """Tracks whose features are in the store.

    Parameters
    ----------
    tracks : tuple[Track, ...]
        In the order of their ids.
    contents : Mapping[str, str]
        sha256 of the file, by track id.
    durations_s : Mapping[str, float]
        Seconds decoded, by track id.
    failures : tuple[Failure, ...]
        Files left out, and why.
    home : Home
        Whose store holds the features.
    corrections : Mapping[str, Any]
        What a person changed, from `corrections.apply_corrections`; empty when nothing.
    is_demo : bool
        Whether it is the built-in demo: models are named so.
    target : Collection or None
        Music without labels that a model is adapted to.
    """

    tracks: tuple[Track, ...]
    contents: Mapping[str, str]
    durations_s: Mapping[str, float]
    failures: tuple[Failure, ...]
    home: Home
    corrections: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    is_demo: bool = False
    target: Collection | None = None

    def require_some(self) -> None:
        """Raise `DataError`, with the reason of the first file, when none could be used."""
        if not self.tracks:
            first = self.failures[0].reason if self.failures else "no files"
            where = f"of {len(self.failures)} files"
            raise DataError(explain("tracks", "at least one that can be used", 0, where, f"First: {first}"))


def read_labelled(source: Source, recipe: Recipe) -> list[Track]:
    """Read the tracks of a collection, checked as `read_corrected` does, without corrections."""
    return read_corrected(dataclasses.replace(source, corrections=None), recipe)[0]


def read_corrected(
    source: Source, recipe: Recipe, say: Callable[[str], object] | None = None
) -> tuple[list[Track], dict[str, Any]]:
    """Read the tracks of a collection, correct their labels, and check these against a recipe.

    Parameters
    ----------
    source : Source
        The collection; a label that its corrections change need not be a class.
    recipe : Recipe
        Its aliases are applied first.
    say : callable or None
        Gets a sentence on how the collection was understood where that is not plain, and on what was passed over.

    Returns
    -------
    tracks : list[Track]
    record : dict[str, Any]
        What was corrected; empty without a file.

    Raises
    ------
    DataError
        When there is no data, a label is not a class of the recipe, a class has no track, or a correction does not
        fit.
    """
    corrections = source.corrections
    kind, record = recipe.kind, {}
    asked = (*recipe.classes, *recipe.aliases) if kind == MULTI_LABEL else recipe.classes  # an alias may be a column
    found = datasets.read_tracks(source.place, source.layout, source.options, asked, say, kind)
    if kind != SINGLE_LABEL:
        if corrections is not None:
            rule, remedy = f"none where the kind is {kind}", "Correct the table of the collection itself."
            raise DataError(explain("corrections", rule, corrections, recipe.task, remedy))
        return check_tags_and_numbers(found, recipe.classes, recipe.aliases, source.place, say), record
    if corrections is not None:
        found, record = apply_corrections(found, read_corrections(corrections), recipe.classes, recipe.aliases)
    tracks = []
    for track in found:
        label = recipe.aliases.get(track.label, track.label)
        if label not in recipe.classes:
            hint = suggest(label, recipe.classes)
            raise DataError(
                explain(
                    "label",
                    f"one of {', '.join(recipe.classes)}, as the recipe {recipe.task} lists",
                    track.label,
                    track.id,
                    f"{hint} Correct it, or map it under [aliases] in the recipe.",
                )
            )
        tracks.append(track if label == track.label else dataclasses.replace(track, label=label))
    present = Counter(track.label for track in tracks)
    missing = [name for name in recipe.classes if name not in present]
    if missing:
        where, remedy = f"{missing[0]} in {source.data}", "Add tracks of it."
        if corrections is not None:
            where, remedy = f"{where} as {corrections} corrects it", "Add tracks of it, or look at the corrections."
        raise DataError(explain("class", "at least one track", 0, where, remedy))
    return tracks, record


def keep_split(collection: Collection, split: Split) -> Collection:
    """Keep the tracks of a split: one left out of every side must not reach a plan."""
    ids = {*split.train, *split.valid, *split.test}
    return dataclasses.replace(collection, tracks=tuple(track for track in collection.tracks if track.id in ids))
