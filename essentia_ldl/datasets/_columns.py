"""Tags and numbers in the columns of a table: cells flow in, the tags or the numbers of every row flow out.

Tags stand in one column as a list (``rock, guitar``; comma, semicolon or ``|`` between them), or in one column per tag
with 1 and 0, or yes and no. Numbers stand in one column per dimension.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from essentia_ldl.choices import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from essentia_ldl.discover import unknown
from essentia_ldl.errors import DataError, explain

LISTS = ("tags", "tag")  # names of the column with lists
NEAR_MISSES = ("genres", "labels", "moods", "instruments")
_BETWEEN = re.compile(r"[;|]")
ABSENT = ("nan", "none", "null", "<na>", "n/a")  # what a cell that need not be filled says where it is empty
_TRUTHS = {**dict.fromkeys(("1", "1.0", "yes", "true"), True), **dict.fromkeys(("0", "0.0", "no", "false"), False)}
_QUOTED = re.compile(r"""^(['"])(.*)\1$""")


@dataclasses.dataclass(frozen=True)
class AskedColumns:
    """What is looked for in a table.

    Parameters
    ----------
    kind : str or None
        One of `choices.KINDS`; None is what the table looks like.
    classes : tuple[str, ...]
        Tags or dimensions of the task; empty where it is not known yet.
    tags : str or None
        The column with lists of tags; None looks for one of `LISTS`.
    columns : tuple[str, ...]
        Columns that are tags or dimensions; empty for those of the classes, or all that can be.
    """

    kind: str | None = SINGLE_LABEL
    classes: tuple[str, ...] = ()
    tags: str | None = None
    columns: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Row:
    """Cells of a row by name of the column, without path, artist and split, and where it stands in the file."""

    cells: Mapping[str, str]
    line: int


def find_kind(asked: AskedColumns, names: Sequence[str], rows: Sequence[Row]) -> str:
    """Return the kind of a table: what is asked for, or else by its columns."""
    if asked.kind is not None:
        return asked.kind
    if "label" in names:
        return SINGLE_LABEL
    if asked.tags or any(name in names for name in LISTS) or _list_binary(names, rows):
        return MULTI_LABEL
    return REGRESSION if _list_numeric(names, rows) else SINGLE_LABEL


def read_tags(asked: AskedColumns, names: Sequence[str], rows: Sequence[Row], path: Path) -> list[tuple[str, ...]]:
    """Read the tags of every row.

    Parameters
    ----------
    asked : AskedColumns
        What is looked for.
    names : sequence of str
        The columns, without path, artist and split.
    rows : sequence of Row
        Of the table.
    path : Path
        For messages.

    Returns
    -------
    list[tuple[str, ...]]
        In the order of the rows.

    Raises
    ------
    UnknownNameError
        When a column that is asked for is not there.
    DataError
        When there are no columns of tags, or a cell is neither 1 nor 0.
    """
    column = asked.tags or next((name for name in LISTS if name in names and not asked.columns), None)
    if column is not None:
        _require(column, names)
        return _split([row.cells[column].strip() for row in rows])
    for name in asked.columns:
        _require(name, names)
    columns = asked.columns or tuple(name for name in asked.classes if name in names) or _list_binary(names, rows)
    if not columns:
        near = [name for name in names if name.lower() in NEAR_MISSES]
        remedy = "Name the column with lists by the option tags=COLUMN, or write a column per tag."
        if near:
            remedy = f"Name it by the option tags={near[0]}, or rename that column to 'tags'."
        elif "label" in names:
            remedy = "A column 'label' alone is of single_label: leave kind out, or name the option tags=label."
        raise DataError(explain("tags", "a column 'tags' with lists, or columns of 1 and 0", list(names), path, remedy))
    found = []
    for row in rows:
        tags = []
        for name in columns:
            truth = _TRUTHS.get(row.cells[name].strip().lower())
            if truth is None:
                where = f"{path}, row {row.line}"
                raise DataError(explain(f"tag {name!r}", "1 or 0", row.cells[name], where, "Correct the cell."))
            tags += [name] if truth else []
        found.append(tuple(tags))
    return found


def read_numbers(asked: AskedColumns, names: Sequence[str], rows: Sequence[Row], path: Path) -> list[dict[str, float]]:
    """Read the numbers of every row; parameters and errors as those of `read_tags`."""
    columns = asked.columns or asked.classes or _list_numeric(names, rows)
    for name in columns:
        _require(name, names)
    if not columns:
        remedy = "Add a column per dimension, or name them by the option columns=A,B."
        if "label" in names:
            remedy = "A table with a column 'label' alone is of single_label: leave kind out."
        raise DataError(explain("numbers", "columns with a number in every row", list(names), path, remedy))
    found = []
    for row in rows:
        numbers = {}
        for name in columns:
            numbers[name] = _read_number(row.cells[name])
            if not math.isfinite(numbers[name]):
                where, remedy = f"{path}, row {row.line}", "Fill the cell, or drop the row."
                raise DataError(explain(name, "a finite number", row.cells[name], where, remedy))
        found.append(numbers)
    return found


def hint_at_kind(names: Sequence[str], rows: Sequence[Row]) -> str:
    """Say which kind a table without labels is of; empty where it is of none."""
    if any(name in names for name in LISTS) or _list_binary(names, rows):
        return f"For its tags set kind to {MULTI_LABEL}."
    numeric = _list_numeric(names, rows)
    return f"For numbers such as {numeric[0]!r} set kind to {REGRESSION}." if numeric else ""


def _require(name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise unknown("column of the table", name, names)


def _split(cells: Sequence[str]) -> list[tuple[str, ...]]:
    """Split the lists of a column; a comma stands between tags only where neither a semicolon nor ``|`` does."""
    between = _BETWEEN if any(map(_BETWEEN.search, cells)) else re.compile(",")
    found = []
    for cell in cells:
        is_list = cell[:1] + cell[-1:] in ("[]", "()", "{}") and len(cell) > 1  # as Python writes one
        parts = between.split("" if cell.lower() in ABSENT else cell[1:-1] if is_list else cell)
        tags = (_QUOTED.sub(r"\2", part.strip()).strip() for part in parts)
        found.append(tuple(tag for tag in tags if tag))
    return found


def _read_number(cell: str) -> float:
    try:
        return float(cell.strip() or "nan")
    except ValueError:
        return math.nan


def _list_binary(names: Sequence[str], rows: Sequence[Row]) -> tuple[str, ...]:
    """List the columns of 1 and 0 in which both stand."""
    found = []
    for name in names:
        truths = {_TRUTHS.get(row.cells[name].strip().lower()) for row in rows}
        found += [name] if truths == {True, False} else []
    return tuple(found)


def _list_numeric(names: Sequence[str], rows: Sequence[Row]) -> tuple[str, ...]:
    """List the columns of finite numbers that are not all the same."""
    found = []
    for name in names:
        values = [_read_number(row.cells[name]) for row in rows]
        found += [name] if all(map(math.isfinite, values)) and len(set(values)) > 1 else []
    return tuple(found)
