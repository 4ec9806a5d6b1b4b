"""Label tables on disk: CSV with the header ``id,<classes>``, one row a track, numbers that read back exactly."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import numpy as np

from essentia_ldl.errors import DataError, StoreError, explain
from essentia_ldl.files import replacing
from essentia_ldl.records import LabelTable


def write_table(table: LabelTable, path: str | os.PathLike[str]) -> Path:
    """Write a label table as CSV; the file appears whole or not at all.

    Parameters
    ----------
    table : LabelTable
        Distributions.
    path : str or os.PathLike
        The file; its folder is made when it is missing.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    StoreError
        When it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", *table.classes])
    for track_id, row in zip(table.ids, table.distributions, strict=True):
        # The shortest digits that give the same float32 again.
        writer.writerow([track_id, *(np.format_float_positional(value, trim="-") for value in row)])
    with replacing(path) as file:
        # surrogateescape: a file name that is not valid UTF-8 is an id like any other.
        file.write(text.getvalue().encode("utf-8", "surrogateescape"))
    return Path(path)


def read_table(path: str | os.PathLike[str]) -> LabelTable:
    """Read a label table that `write_table` or a spreadsheet wrote.

    Parameters
    ----------
    path : str or os.PathLike
        A CSV file with the header ``id,<classes>``.

    Returns
    -------
    LabelTable
        Distributions, float32.

    Raises
    ------
    StoreError
        When the file cannot be read.
    DataError
        When the header or a row is wrong; the message names the file and the row.
    """
    remedy = "Correct the file, or write it again with essentia-ldl labels."
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            lines = [line for line in csv.reader(file) if line]
    except OSError as error:
        raise StoreError(
            explain("label table", "a file that can be read", error.strerror, path, "Check the path.")
        ) from error
    except csv.Error as error:
        raise DataError(explain("label table", "comma-separated values", str(error), path, remedy)) from error
    header = lines[0] if lines else []
    classes = tuple(header[1:])
    if header[:1] != ["id"] or not classes or len(set(classes)) != len(classes):
        raise DataError(explain("label table", "the header id,<classes that differ>", header, path, remedy))
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise DataError(explain("label row", f"{len(header)} cells", len(line), f"{path}, row {number}", remedy))
        try:
            rows.append([float(cell) for cell in line[1:]])
        except ValueError as error:
            raise DataError(explain("label row", "numbers", line[1:], f"{path}, row {number}", remedy)) from error
    table = np.array(rows, dtype=np.float32).reshape(len(rows), len(classes))
    try:
        return LabelTable(tuple(line[0] for line in lines[1:]), classes, table)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
