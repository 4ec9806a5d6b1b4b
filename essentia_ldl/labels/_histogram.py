"""Histograms of the mass that tracks have on their own class, as Figure 1 of the paper (ICASSP 2022)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import replacing
from essentia_ldl.fonts import find_fonts
from essentia_ldl.records import LabelTable

# Eleven bins centred on 0, 0.1, …, 1: the masses of 10 neighbours are the centres, those of 30 fall three a bin. The
# small shift keeps multiples of 1/20 off the edges, where rounding would choose the side.
EDGES = np.arange(12) / 10 - 0.05 + 1e-5
_COLORS = ("#8ec1e8", "#173f7a", "#e0803a", "#3a8f5c", "#8c4fa3", "#c2b280", "#d1495b", "#7a7a7a")


def score_own_mass(table: LabelTable, labels: Mapping[str, str]) -> np.ndarray:
    """Return the mass of every track on its own class.

    Parameters
    ----------
    table : LabelTable
        Distributions.
    labels : Mapping[str, str]
        True class of each track id.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), float32]
        Values from 0 to 1, in the order of the table.

    Raises
    ------
    DataError
        When a track has no label, or its label is not a class of the table.
    """
    column_of = {label: column for column, label in enumerate(table.classes)}
    for track_id in table.ids:
        if labels.get(track_id) not in column_of:
            rule = "one of " + ", ".join(table.classes)
            raise DataError(explain("label", rule, labels.get(track_id), track_id, "Take the labels of this table."))
    columns = [column_of[labels[track_id]] for track_id in table.ids]
    return table.distributions[np.arange(len(table.ids)), columns]


def write_histogram(
    tables: LabelTable | Mapping[str, LabelTable],
    labels: Mapping[str, str],
    path: str | os.PathLike[str],
    title: str = "Label distributions",
) -> Path:
    """Write a PNG with the histogram of the own-class mass, one colour a table.

    Parameters
    ----------
    tables : LabelTable or Mapping[str, LabelTable]
        One table, or several by name, at most eight, drawn side by side in their order.
    labels : Mapping[str, str]
        True class of each track id.
    path : str or os.PathLike
        The file; its folder is made when it is missing.
    title : str
        First line above the picture.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        When matplotlib is not installed, there is no table or no track, or a label does not fit.
    StoreError
        When the file cannot be written.
    """
    masses = score_own_masses(tables, labels)
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        remedy = "Install the extra: pip install essentia-ldl[plots]"
        raise DataError(explain("histogram", "matplotlib to be installed", "no matplotlib", path, remedy)) from error

    # Figure and canvas without pyplot: no global state, no window system.
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    centers, width = (EDGES[:-1] + EDGES[1:]) / 2, 0.092
    slot, families = width / len(masses), {}
    for number, ((name, mass), color) in enumerate(zip(masses.items(), _COLORS, strict=False)):
        share = 100 * np.histogram(mass, EDGES)[0] / len(mass)
        left = centers - width / 2 + number * slot
        label, found = find_fonts(f"{name}  (mean {mass.mean():.2f}, {len(mass)} tracks)".strip())
        families |= dict.fromkeys(found)
        axes.bar(left, share, slot, align="edge", color=color, label=label)
        axes.axvline(mass.mean(), color=color, linestyle="--", linewidth=1.4)
    axes.set_xlim(-0.06, 1.06)
    axes.set_xticks(np.arange(11) / 10)
    axes.set_xlabel("Mass on the track's own class (dashed: mean)")
    axes.set_ylabel("Share of tracks (%)")
    words, found = find_fonts(title)
    axes.set_title(words, loc="left", fontweight="bold", fontfamily=found)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none", prop={"family": list(families)})
    with replacing(path) as file:
        figure.savefig(file, dpi=150, format="png")
    return Path(path)


def score_own_masses(tables: LabelTable | Mapping[str, LabelTable], labels: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Return the masses of `score_own_mass` by name of the table, "" for one alone, as a histogram shows them.

    Raises
    ------
    DataError
        When there are no tables or more than eight, one has no track, or a label does not fit.
    """
    tables = {"": tables} if isinstance(tables, LabelTable) else tables
    if not 1 <= len(tables) <= len(_COLORS):
        rule = f"1 to {len(_COLORS)} tables"
        raise DataError(explain("histogram", rule, len(tables), "tables", "Give fewer tables, or one."))
    for name, table in tables.items():
        if not table.ids:
            raise DataError(explain("histogram", "at least one track", 0, name or "table", "Give a table with tracks."))
    return {name: score_own_mass(table, labels) for name, table in tables.items()}
