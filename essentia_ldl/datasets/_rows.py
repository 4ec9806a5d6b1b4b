"""Rows of published metadata: a CSV or TSV file flows in, (line, cells) flow out, and errors name file and row.

Rows are read one at a time: FMA's tracks.csv has 260 MB.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from essentia_ldl.errors import DataError, explain

MAX_CELL_CHARACTERS = 2**24  # Python stops at 2**17; biographies in FMA's metadata may be longer


def read_rows(path: Path, separator: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a file that are not blank.

    Parameters
    ----------
    path : Path
        UTF-8 text, with or without a byte order mark.
    separator : str
        Between two cells.
    quoted : bool
        Whether quotes enclose cells that hold separators or ends of lines.

    Yields
    ------
    tuple[int, list[str]]
        The line where the row begins, from 1, and its cells.

    Raises
    ------
    DataError
        When the file cannot be read, is not UTF-8, or a quote is not closed.
    """
    previous_limit = csv.field_size_limit(MAX_CELL_CHARACTERS)
    line = 1
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
            reader = csv.reader(file, delimiter=separator, quoting=quoting, strict=quoted)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield line, cells
                line = reader.line_num + 1
    except csv.Error as error:
        raise row_error("row", "cells with closed quotes", error, path, line, "Download the file again.") from error
    except UnicodeDecodeError as error:
        what = f"byte {error.object[error.start]:#04x}"
        raise row_error("encoding", "UTF-8", what, path, line, "Download the file again.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    finally:
        csv.field_size_limit(previous_limit)


def row_error(what: str, rule: str, value: object, path: Path, line: int, remedy: str) -> DataError:
    """Make the error for one row of a file."""
    return DataError(explain(what, rule, value, f"{path}, row {line}", remedy))


def read_named(path: Path, separator: str, needed: Sequence[str], quoted: bool = True) -> Iterator[tuple[int, dict]]:
    """Yield the rows of a file whose first row names its columns.

    Parameters
    ----------
    path : Path
        UTF-8 text, with or without a byte order mark.
    separator : str
        Between two cells.
    needed : sequence of str
        Columns that must be there.
    quoted : bool
        Whether quotes enclose cells that hold separators or ends of lines.

    Yields
    ------
    tuple[int, dict[str, str]]
        The line where the row begins, from 1, and its cells by column, all without spaces around them.

    Raises
    ------
    DataError
        As `read_rows`, and when a needed column is missing, a column is named twice, or a row has another number of
        cells than the first.
    """
    rows = read_rows(path, separator, quoted)
    line, header = next(rows, (1, []))
    names = [name.strip() for name in header]
    again = "Download the file again."
    if missing := [name for name in needed if name not in names]:
        rule = f"columns {', '.join(needed)}"
        raise row_error("header", rule, f"no {', '.join(missing)}", path, line, again)
    if twice := next((name for name in names if name and names.count(name) > 1), None):
        raise row_error("header", "each column once", twice, path, line, again)
    for line, cells in rows:
        if len(cells) != len(names):
            raise row_error("row", f"{len(names)} columns", len(cells), path, line, again)
        yield line, dict(zip(names, (cell.strip() for cell in cells), strict=True))


def read_number(text: str, what: str, path: Path, line: int) -> float:
    """Read a finite number of a row; `DataError` with file and row for anything else."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise row_error(what, "a number", text, path, line, "Correct the cell, or drop the row.")
    return number
