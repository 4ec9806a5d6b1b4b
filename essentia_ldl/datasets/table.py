"""A table: a CSV or TSV file flows in, Tracks flow out.

The first row names the columns: path and label are needed, artist and split are understood, every other column is kept
in `Track.columns`. Relative paths resolve against the folder of the table, and URLs stay. UTF-8, with or
without a byte order mark.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import ROLES, Track
from essentia_ldl.urls import is_url

EXPECTED = "a table: a .csv or .tsv file whose first row names the columns path and label"
SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
_SYNONYMS = {
    "path": ("file", "filename", "file_name", "filepath", "file_path", "audio", "track"),
    "label": ("class", "genre", "mood", "tag", "category", "target", "labels"),
}


def matches(path: Path) -> bool:
    """Tell whether a path is a file with the suffix of a table."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def read_tracks(path: Path) -> list[Track]:
    """Read a table of tracks.

    Parameters
    ----------
    path : Path
        CSV or TSV file.

    Returns
    -------
    list[Track]
        One track a row, in the order of the rows; `Track.id` is the path as the table writes it. Single files may be
        missing: the step that opens them reports that.

    Raises
    ------
    DataError
        With file and row: when the file cannot be read as UTF-8 text, a needed column is missing or stands twice, a
        row has too few or too many columns, a path or a label is empty, a path stands twice, a split is not train,
        valid or test, there are no rows, or none of the files exists.
    """
    folder = Path(os.path.abspath(path)).parent
    rows = _read_rows(path)
    try:
        _, header = next(rows)
    except StopIteration:
        raise _error("table", "a header and rows", "an empty file", path, "Write path and label.") from None
    header = [name.strip() for name in header]
    names = _check_header(header, path)

    tracks: list[Track] = []
    row_of: dict[str, int] = {}
    for line, cells in rows:
        where = f"{path}, row {line}"
        if len(cells) != len(header):
            remedy = "Fill the row, or put quotes around a value that holds the separator."
            raise _error("row", f"{len(header)} columns ({', '.join(header)})", len(cells), where, remedy)
        values = dict(zip(names, (cell.strip() for cell in cells), strict=True))
        track_id, label, split = values.pop("path"), values.pop("label"), values.pop("split", "").lower()
        if not track_id:
            raise _error("path", "the path of an audio file", track_id, where, "Fill it, or drop the row.")
        if not label:
            raise _error("label", "a class name", label, where, "Fill it, or drop the row.")
        if split and split not in ROLES:
            raise _error("split", "train, valid, test or nothing", split, where, "Correct the column.")
        file = track_id if is_url(track_id) else os.path.normpath(folder / track_id)
        if file in row_of:
            remedy = f"Drop one: it is also in row {row_of[file]}."
            raise _error("path", "each file once", track_id, where, remedy)
        row_of[file] = line
        tracks.append(
            Track(
                id=track_id,
                path=file,
                label=label,
                artist=values.pop("artist", "") or None,
                split=split or None,
                columns=values,
            )
        )
    if not tracks:
        raise _error("table", "rows below the header", "only a header", path, "Add one row per track.")
    if not any(is_url(track.path) or os.path.exists(track.path) for track in tracks):
        remedy = "Relative paths resolve against the folder of the table: correct them, or move the table."
        raise _error("audio files of the table", "files that exist", tracks[0].path, f"{path}, every row", remedy)
    return tracks


def _error(what: str, rule: str, value: object, where: object, remedy: str) -> DataError:
    return DataError(explain(what, rule, value, where, remedy))


def _read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of every row that is not blank."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"byte {error.object[error.start]:#04x} at {error.start}"
        raise _error("encoding of the table", "UTF-8", what, path, "Save the table again as UTF-8.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    if "\0" in text:
        raise _error("table", "text", "a zero byte", path, "Save the table again as CSV in UTF-8.")
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = "\t" if path.suffix.lower() in (".tsv", ".tab") else max(",\t;", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        where = f"{path}, row {reader.line_num}"
        raise _error("row", "cells with closed quotes", error, where, 'Write a quote as "" inside quotes.') from error


def _check_header(header: list[str], path: Path) -> list[str]:
    """Check the column names; return them with the four that we understand in lower case."""
    names = [name.lower() if name.lower() in ("path", "label", "artist", "split") else name for name in header]
    for needed, synonyms in _SYNONYMS.items():
        if needed not in names:
            near = [name for name in header if name.lower() in synonyms]
            remedy = f"Rename the column {near[0]!r} to {needed!r}." if near else f"Add a column named {needed!r}."
            raise _error("header", f"a column {needed!r}", header, f"{path}, row 1", remedy)
    for name in names:
        if names.count(name) > 1:
            raise _error("header", "each column once", name, f"{path}, row 1", "Rename or drop one of them.")
    return names
