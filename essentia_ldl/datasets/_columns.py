"""Tags and numbers in the columns of a table: cells flow in, the tags or the numbers of every row flow out.

Tags stand in one column as a list (``rock, guitar``; comma, semicolon or ``|`` between them), or in one column per tag
with 1 and 0, or yes and no. A list goes before columns of 1 and 0 that say nothing of its tags; where both tell of the
same tags and contradict each other, the table is refused. Numbers stand in one column per dimension.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from essentia_ldl.choices import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from essentia_ldl.discover import suggest, unknown
from essentia_ldl.errors import DataError, UnknownNameError, explain
from essentia_ldl.progress import be_silent

LISTS = ("tags", "tag")  # names of the column with lists
NEAR_MISSES = ("genres", "labels", "moods", "instruments")
_BETWEEN = re.compile(r"[;|]")
ABSENT = ("nan", "none", "null", "<na>", "n/a")  # what a cell that need not be filled says where it is empty
_TRUTHS = {**dict.fromkeys(("1", "1.0", "yes", "true"), True), **dict.fromkeys(("0", "0.0", "no", "false"), False)}
# Columns that tell which track it is, when it was made or which part of it is meant: no dimension of music.
_NO_DIMENSION = re.compile(
    r"(.*[^a-z])?((track|song|music|clip|file)?id|ids|index|idx|year|date|fold"
    r"|(duration|length|start|end|begin|offset|onset)([ _-]?\(?(s|ms|secs?|seconds|samples|min|minutes)\)?)?)"
    r"|unnamed: 0"
)
_INTEGER = re.compile(r"[+-]?[0-9]+")
_FEWEST_NUMBERED = 5  # rows, from which integers that rise from row to row number them
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


def read_tags(
    asked: AskedColumns,
    names: Sequence[str],
    rows: Sequence[Row],
    path: Path,
    say: Callable[[str], object] = be_silent,
) -> list[tuple[str, ...]]:
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
    say : callable
        Gets a sentence on columns of 1 and 0 that are passed over.

    Returns
    -------
    list[tuple[str, ...]]
        In the order of the rows.

    Raises
    ------
    UnknownNameError
        When a column that is asked for is not there.
    DataError
        When there are no columns of tags, a cell is neither 1 nor 0, or a list and columns contradict each other.
    """
    column = asked.tags or next((name for name in LISTS if name in names and not asked.columns), None)
    if column is not None:
        _require(column, names)
        lists = _split([row.cells[column].strip() for row in rows])
        others = () if asked.tags else _list_binary(names, rows)
        listed = {tag for tags in lists for tag in tags}
        if not asked.classes or not set(asked.classes) <= set(others) or not listed.isdisjoint(asked.classes):
            _compare(column, lists, others, rows, path)
            if others:
                say(f"tags are those of the column {column!r}; {_tell(others)} passed over (option columns=A,B)")
            return lists
        say(f"tags are the columns of 1 and 0; the column {column!r} has none of the task's (option tags={column})")
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


def read_numbers(
    asked: AskedColumns,
    names: Sequence[str],
    rows: Sequence[Row],
    path: Path,
    say: Callable[[str], object] = be_silent,
) -> list[dict[str, float]]:
    """Read the numbers of every row; parameters and errors as those of `read_tags`.

    Where no dimensions are named, columns that are plainly none are left out, and `say` gets a sentence on them.
    """
    columns = asked.columns or asked.classes or _list_dimensions(_list_numeric(names, rows), rows, say)
    for name in asked.columns:
        _require(name, names)
    if lacking := [name for name in columns if name not in names]:
        numeric = _list_numeric(names, rows)
        near = suggest(lacking[0], names) if names else ""
        remedy = f"{near} Add the column, or leave the dimension out of the recipe's classes.".strip()
        if "label" in names and not numeric:
            remedy = f"Give a table of labels to a task whose kind is {SINGLE_LABEL}."
        elif not numeric and any(name in names for name in LISTS):
            remedy = f"Give a table of tags to a task whose kind is {MULTI_LABEL}."
        raise UnknownNameError(explain(f"dimension {lacking[0]!r}", "a column of its name", list(names), path, remedy))
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


def _list_dimensions(numeric: Sequence[str], rows: Sequence[Row], say: Callable[[str], object]) -> tuple[str, ...]:
    """Leave out the columns that are no dimension, where others remain, and say which are taken."""
    kept = tuple(name for name in numeric if not _is_no_dimension(name, [row.cells[name].strip() for row in rows]))
    kept = kept or tuple(numeric)
    left_out = [name for name in numeric if name not in kept]
    if left_out:
        say(f"dimensions are {', '.join(kept)}; {_tell(left_out)} no dimension and left out (option columns=A,B)")
    elif kept:
        say(f"dimensions are {', '.join(kept)}")
    return kept


def _is_no_dimension(name: str, cells: Sequence[str]) -> bool:
    """Tell whether a column is named as one that is none, or numbers the rows."""
    if _NO_DIMENSION.fullmatch(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()):
        return True
    if len(cells) < _FEWEST_NUMBERED or not all(map(_INTEGER.fullmatch, cells)):
        return False
    values = list(map(int, cells))
    return all(first < second for first, second in itertools.pairwise(values))


def _tell(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"the column {shown} is" if len(names) == 1 else f"the columns {shown} are"


def _compare(
    column: str, lists: Sequence[tuple[str, ...]], others: Sequence[str], rows: Sequence[Row], path: Path
) -> None:
    """Raise `DataError` where a column of 1 and 0 says something else of a tag than the list does."""
    listed = {tag for tags in lists for tag in tags}
    for name in others:
        for tags, row in zip(lists, rows, strict=True):
            truth = _TRUTHS[row.cells[name].strip().lower()]
            if name in listed and truth != (name in tags):
                found = f"{row.cells[name]!r} where the column {column!r} has {row.cells[column]!r}"
                remedy = f"Name the option tags={column} or columns=A,B, or correct it."
                what, rule = f"tag {name!r}", "the same in both columns"
                raise DataError(explain(what, rule, found, f"{path}, row {row.line}", remedy))


def hint_at_kind(names: Sequence[str], rows: Sequence[Row]) -> str:
    """Say which kind a table without labels is of; empty where it is of none."""
    if any(name in names for name in LISTS) or _list_binary(names, rows):
        return f"For its tags set kind to {MULTI_LABEL}."
    numeric = _list_dimensions(_list_numeric(names, rows), rows, be_silent)
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
