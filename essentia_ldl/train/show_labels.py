"""The `labels` command: what label sources say of a whole collection, as tables and a histogram.

In: a recipe, a collection and names of label sources; out: one table per source, labels.json, and a histogram of the
mass on a track's own class of those sources whose columns are the classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import labels as label_sources
from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.collection.read import Source
from essentia_ldl.errors import RecipeError, explain
from essentia_ldl.files import Home
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import LabelTable, Split, Track
from essentia_ldl.runs.targets import write_report, write_table
from essentia_ldl.train.prepare import Needs, Say, prepare
from essentia_ldl.train.targets import fit_labels

DEFAULT_SOURCES = ("sa", "sb")


@dataclasses.dataclass(frozen=True)
class Asked:
    """Which label sources are shown, and where, and how many processes work for it.

    Parameters
    ----------
    labels : tuple[str, ...]
        Label sources, also joined by "+", and "agf" for all of artist group factors; empty means SA and SB.
    output : path or None
        Folder to write to; None is runs/<task>-labels.
    n_jobs : int or None
        Worker processes; None is one per core.
    """

    labels: tuple[str, ...] = ()
    output: Path | None = None
    n_jobs: int | None = None


@dataclasses.dataclass(frozen=True)
class LabelledSource:
    """What one label source says of a collection.

    Parameters
    ----------
    name : str
        The source.
    table : LabelTable
        Its distributions of the tracks that it covers.
    report : Mapping[str, Any]
        What it measured while fitting.
    file : Path
        Where the table was written.
    true_labels : Mapping[str, str]
        Label of the collection, by track id.
    """

    name: str
    table: LabelTable
    report: Mapping[str, Any]
    file: Path
    true_labels: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Labelled:
    """What `show_labels` leaves.

    Parameters
    ----------
    sources : tuple[LabelledSource, ...]
        What each label source says.
    picture : Path or None
        Histogram of the mass on a track's own class; None where every source is one of artist groups.
    """

    sources: tuple[LabelledSource, ...]
    picture: Path | None


def show_labels(
    recipe: Recipe,
    source: Source,
    asked: Asked,
    home: Home,
    say: Say = print,
    tell: Callable[[LabelledSource], None] | None = None,
) -> Labelled:
    """Fit label sources on a whole collection; write what they say of each track, and labels.json with their reports.

    A source is told as soon as its table is written, so that a later one that fails takes nothing from it.

    Parameters
    ----------
    recipe : Recipe
        The task.
    source : Source
        Where the collection is; without data, the demo.
    asked : Asked
        Label sources and folder.
    home : Home
        Whose store and runs are meant.
    say : callable
        Gets lines for the user.
    tell : callable or None
        Gets each source when its table is written.

    Returns
    -------
    Labelled

    References
    ----------
    Buisson et al. 2022, Figure 1: histogram of the mass on a track's own class.
    """
    if recipe.kind != SINGLE_LABEL:
        rule, remedy = f"{SINGLE_LABEL}, whose tracks have one class", "Look at labels.csv in the run of a training."
        raise RecipeError(explain("kind", rule, recipe.kind, f"recipe {recipe.task}", remedy))
    expanded = [name for text in asked.labels for name in label_sources.expand(text)]
    names = tuple(dict.fromkeys(expanded)) or DEFAULT_SOURCES
    collection = prepare(recipe, source, Needs(names, _take_all, bands=False), home, asked.n_jobs, say)
    folder = Path(asked.output) if asked.output else home.runs / f"{recipe.task}-labels"
    split = Split(tuple(track.id for track in collection.tracks))
    true_labels = {track.id: track.label for track in collection.tracks}
    done: list[LabelledSource] = []
    for name in names:
        table, report = fit_labels(recipe, name, collection, split)
        write_table(table, folder / f"{name}.csv")
        done.append(LabelledSource(name, table, report, folder / f"{name}.csv", true_labels))
        if tell is not None:
            tell(done[-1])
    write_report(folder, {one.name: one.report for one in done})
    shown = {one.name: one.table for one in done if not label_sources.is_auxiliary(one.name)}
    picture = folder / "histogram.png" if shown else None
    if picture is not None:
        label_sources.write_histogram(shown, true_labels, picture, title=recipe.task)
    return Labelled(tuple(done), picture)


def _take_all(tracks: Sequence[Track]) -> list[Split]:
    """Let every track train: labels are described on all of them."""
    return [Split(tuple(track.id for track in tracks))]
