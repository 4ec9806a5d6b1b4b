"""Which cells of table 2 are measured, and where their scores are. A cell is one number of the printed table.

In: scores.json of cross-validations and external validations; out: cells.json in the run folder of the table, in which
a cell counts as long as the recipe and the data that it was measured on are the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from essentia_ldl.errors import StoreError
from essentia_ldl.files import read_json, write_json
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.runs.outcome import read_scores
from essentia_ldl.studies.table2.paper import SOURCES, Cell
from essentia_ldl.studies.table2.tables import score_external_cell, score_fold_cell


@dataclasses.dataclass(frozen=True, eq=False)
class CellGroup:
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
    """cells.json of a run: where the scores of every measured cell are, as paths below the home folder `root`."""

    def __init__(self, run: Path, root: Path) -> None:
        self.path, self._root = run / "cells.json", root
        self.rows: dict[str, dict[str, Any]] = {}
        with contextlib.suppress(StoreError):
            kept = read_json(self.path)
            self.rows = {key: row for key, row in kept.items() if _is_row(key, row)} if isinstance(kept, dict) else {}

    def note(self, group: CellGroup, column: str, source: str, scores: Path) -> None:
        """Add a cell; what was measured on other data or by another recipe leaves the row."""
        key, name = f"{group.key}/{column}", str(scores)
        with contextlib.suppress(ValueError):
            name = str(scores.relative_to(self._root))
        row = self.rows.get(key, {})
        kept = row["scores"] if row.get("digest") == group.digests[column] else {}
        self.rows[key] = {"digest": group.digests[column], "scores": {**kept, source: name}}
        write_json(self.path, self.rows)

    def measured(self, group: CellGroup, column: str) -> list[str]:
        """Return the sources whose cells of a group hold."""
        row = self.rows.get(f"{group.key}/{column}", {})
        kept = row["scores"] if row and row["digest"] == group.digests.get(column) else {}
        return [
            source for source in SOURCES if source in kept and _read_cell(column, source, self._root / kept[source])
        ]

    def cells(self, digests: Mapping[str, str]) -> dict[Cell, dict[str, Any]]:
        """Return the cells that hold, with the numbers of their scores.json.

        Parameters
        ----------
        digests : Mapping[str, str]
            Key of a row -> digest of the recipe and the data as they are now, from `list_digests`. What was measured
            with others is left out; a row that has none here cannot be compared, and is taken as it is.
        """
        found = {}
        for key, row in self.rows.items():
            if digests.get(key, row["digest"]) != row["digest"]:
                continue
            task, network, start, column = key.split("/")
            for source, path in row["scores"].items():
                if values := _read_cell(column, source, self._root / path):
                    found[Cell(network, task, start, column, source)] = {**values, "scores": path}
        return found


def list_digests(groups: Iterable[CellGroup]) -> dict[str, str]:
    """Return the digests of groups by the keys of the book; of two groups of the same name the later one counts."""
    return {f"{group.key}/{column}": digest for group in groups for column, digest in group.digests.items()}


def _is_row(key: str, row: Any) -> bool:
    """Tell whether json is a row that `Book.note` wrote."""
    if key.count("/") != 3 or not isinstance(row, dict) or set(row) != {"digest", "scores"}:
        return False
    scores = row["scores"]
    return isinstance(scores, dict) and all(isinstance(value, str) for value in (row["digest"], *scores.values()))


def _read_cell(column: str, source: str, path: Path) -> dict[str, Any]:
    """Return the numbers of a cell; nothing when its scores are gone or damaged, or are no longer of this source."""
    with contextlib.suppress(StoreError, KeyError, TypeError):
        scores = read_scores(path.parent)
        is_fold = column == "5f"
        values = score_fold_cell(scores, source) if is_fold else score_external_cell(scores)
        needed = ("measured", "n_tracks", *(["deviation"] if is_fold else []))
        given = [value for name, value in values.items() if name in needed or value is not None]
        return values if all(type(value) in (int, float) for value in given) else {}
    return {}
