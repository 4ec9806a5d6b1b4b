"""Which cells of table 2 are measured, and where their scores are.

In: scores.json of cross-validations and external validations; out: cells.json in the run folder of the table, in which
a cell counts as long as the recipe and the data that it was measured on are the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from essentia_ldl import tabulation
from essentia_ldl.errors import StoreError
from essentia_ldl.paper_tables import SOURCES, Cell
from essentia_ldl.recipe import Recipe
from essentia_ldl.store import home, read_json, write_json


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
    """The cells of one task, network and start, which share folds.

    `digests` holds by column what changes with the recipe and the data that its cells are measured on; a column that
    cannot be measured has none.
    """

    task: str
    network: str
    start: str
    recipe: Recipe
    data: Path
    n_tracks: int
    digests: Mapping[str, str]

    @property
    def key(self) -> str:
        """Name in cells.json."""
        return f"{self.task}/{self.network}/{self.start}"

    @property
    def training(self) -> str:
        """Name among the measured costs."""
        return f"{self.network}:{self.recipe.network.fine_tune}"


class Book:
    """cells.json of a run: where the scores of every measured cell are."""

    def __init__(self, run: Path) -> None:
        self.path = run / "cells.json"
        self.rows: dict[str, dict[str, Any]] = {}
        with contextlib.suppress(StoreError):
            self.rows = read_json(self.path)

    def note(self, group: Group, column: str, source: str, scores: Path) -> None:
        """Add a cell; what was measured on other data or by another recipe leaves the row."""
        key, name = f"{group.key}/{column}", str(scores)
        with contextlib.suppress(ValueError):
            name = str(scores.relative_to(home()))
        row = self.rows.get(key, {})
        kept = row["scores"] if row.get("digest") == group.digests[column] else {}
        self.rows[key] = {"digest": group.digests[column], "scores": {**kept, source: name}}
        write_json(self.path, self.rows)

    def measured(self, group: Group, column: str) -> list[str]:
        """Return the sources whose cells of a group hold."""
        row = self.rows.get(f"{group.key}/{column}", {})
        kept = row["scores"] if row.get("digest") == group.digests.get(column) else {}
        return [source for source in SOURCES if source in kept and _read_cell(column, source, kept[source])]

    def cells(self) -> dict[Cell, dict[str, Any]]:
        """Return every cell with the numbers of its scores.json."""
        found = {}
        for key, row in self.rows.items():
            task, network, start, column = key.split("/")
            for source, path in row["scores"].items():
                if values := _read_cell(column, source, path):
                    found[Cell(network, task, start, column, source)] = {**values, "scores": path}
        return found


def _read_cell(column: str, source: str, path: str) -> dict[str, Any]:
    """Return the numbers of a cell; nothing when its scores are gone, or are no longer of this source."""
    with contextlib.suppress(StoreError, KeyError, TypeError):
        scores = read_json(home() / path)
        if column == "5f":
            return tabulation.score_fold_cell(scores, source)
        return tabulation.score_external_cell(scores)
    return {}
