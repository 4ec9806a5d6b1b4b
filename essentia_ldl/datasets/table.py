"""A table: a CSV or TSV file flows in, Tracks flow out.

The first row names the columns: path and label are needed, artist and split are understood, every other column is kept
in `Track.columns`. In place of labels a table may have tags or numbers, see `_columns`. Relative paths resolve against
the folder of the table, and URLs stay. `tables` says what else spreadsheets may write.
"""

from __future__ import annotations

import dataclasses
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from essentia_ldl import tables
from essentia_ldl.choices import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from essentia_ldl.datasets._columns import ABSENT, AskedColumns, Row, find_kind, hint_at_kind, read_numbers, read_tags
from essentia_ldl.datasets._names import read_role
from essentia_ldl.errors import DataError, explain
from essentia_ldl.progress import be_silent
from essentia_ldl.records import Track
from essentia_ldl.urls import is_url

EXPECTED = "a table: a .csv or .tsv file whose first row names the columns path and label"
UNLABELLED = "unlabelled"
_HALVES = re.compile("[\udc80-\udcff]")  # what "surrogateescape" makes of bytes that are not UTF-8
_OURS = ("path", "artist", "split")
SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
_SYNONYMS = {
    "path": ("file", "filename", "file_name", "filepath", "file_path", "audio", "track"),
    "label": ("class", "genre", "mood", "tag", "category", "target", "labels"),
}


def matches(path: Path) -> bool:
    """Tell whether a path is a file with the suffix of a table."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def read_tracks(
    path: Path,
    say: Callable[[str], object] = be_silent,
    *,
    kind: str | None = SINGLE_LABEL,
    classes: tuple[str, ...] = (),
    tags: str | None = None,
    columns: str | None = None,
) -> list[Track]:
    """Read a table of tracks.

    Parameters
    ----------
    path : Path
        CSV or TSV file.
    say : callable
        Gets a sentence on paths that are there in another spelling, one on paths that are not there, and one on columns
        that were chosen or passed over.
    kind : str or None
        One of `choices.KINDS`; None is what the table looks like, and `UNLABELLED` too, where tracks need have no
        label yet: those have no tags then.
    classes : tuple[str, ...]
        Of the task; its tags or dimensions where it has such.
    tags : str or None
        Name of the column with lists of tags; None is "tags" where it is there.
    columns : str or None
        Names of the columns that are tags or dimensions, with commas between them; None are those of the classes, or
        else all that have 1 and 0, or numbers that may be dimensions: no ids, years, durations or places.

    Returns
    -------
    list[Track]
        One track a row, in the order of the rows; `Track.id` is the path as the table writes it. Single files may be
        missing: the step that opens them reports that.

    Raises
    ------
    DataError
        With file and row: when the file cannot be read as text, a needed column is missing or stands twice, a row has
        too few or too many columns, a path or a label is empty, a path stands twice, a split is none that is known,
        there are no rows, or none of the files exists.
    """
    found = _read_table(path)
    if found is None:
        raise _error("table", "a header and rows", "an empty file", path, "Write path and label.")
    header = [name.strip() for name in found.header]
    listed = tuple(name.strip() for name in (columns or "").split(",") if name.strip())
    needs_label, kind = kind != UNLABELLED, None if kind == UNLABELLED else kind
    asked = AskedColumns(MULTI_LABEL if tags and kind is None else kind, classes, tags, listed)
    names = _name_columns(header)
    keys = [name for name in names if name not in _OURS]
    whole = [(line, cells) for line, cells in found.rows if len(cells) == len(names)]
    sample = [Row(dict(zip(names, cells, strict=True)), line) for line, cells in whole]
    kind = find_kind(asked, keys, sample)
    hint = hint_at_kind(keys, sample) if kind == SINGLE_LABEL and "label" not in names else ""
    _check_header(names, header, path, ("label",) if kind == SINGLE_LABEL and needs_label else (), hint)

    tracks: list[Track] = []
    rows: list[Row] = []
    row_of: dict[str, int] = {}
    files = _Files(Path(os.path.abspath(path)).parent)
    for line, cells in found.rows:
        where = f"{path}, row {line}"
        if len(cells) != len(header):
            remedy = "Fill the row, or put quotes around a value that holds the separator."
            raise _error("row", f"{len(header)} columns ({', '.join(header)})", len(cells), where, remedy)
        values = dict(zip(names, (cell.strip() for cell in cells), strict=True))
        track_id, label, side = values.pop("path"), values.get("label", ""), values.pop("split", "")
        if not track_id:
            raise _error("path", "the path of an audio file", track_id, where, "Fill it, or drop the row.")
        if kind == SINGLE_LABEL:
            values.pop("label", None)
        if not label and kind == SINGLE_LABEL and needs_label:
            raise _error("label", "a class name", label, where, "Fill it, or drop the row.")
        split = None if side.lower() in ("", *ABSENT) else read_role(side)
        if side and split is None and side.lower() not in ABSENT:
            raise _error("split", "train, valid, test or nothing", side, where, "Correct the column.")
        file = files.find(track_id)
        if file in row_of:
            remedy = f"Drop one: it is also in row {row_of[file]}."
            raise _error("path", "each file once", track_id, where, remedy)
        row_of[file] = line
        artist = values.pop("artist", "")
        rows.append(Row(values, line))
        tracks.append(
            Track(
                id=track_id,
                path=file,
                label=label if kind == SINGLE_LABEL else "",
                tags=None if kind == SINGLE_LABEL and label else (),
                artist=None if artist.lower() in ("", "nan", "<na>") else artist,
                split=split,
                columns=values,
            )
        )
    if not tracks:
        raise _error("table", "rows below the header", "only a header", path, "Add one row per track.")
    if files.n_found == 0:
        remedy = f"Relative paths resolve against the folder of the table: correct them, or move the table.{files.hint}"
        raise _error("audio files of the table", "files that exist", tracks[0].path, f"{path}, every row", remedy)
    for sentence in files.describe():
        say(sentence)
    if kind == MULTI_LABEL:
        lists = read_tags(asked, keys, rows, path, say)
        return [dataclasses.replace(track, tags=one) for track, one in zip(tracks, lists, strict=True)]
    if kind == REGRESSION:
        numbers = read_numbers(asked, keys, rows, path, say)
        return [dataclasses.replace(track, tags=None, numbers=n) for track, n in zip(tracks, numbers, strict=True)]
    return tracks


class _Files:
    """The files of a table: found where they are, in the spelling of the disk, and counted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listed: dict[str, dict[str, list[str]]] = {}
        self._other: Counter[str] = Counter()  # kind of spelling -> files
        self._first: dict[str, str] = {}
        self._missing: list[str] = []
        self.n_found = 0

    def find(self, written: str) -> str:
        """Return the absolute path that a cell means; a URL as it is."""
        if is_url(written):
            self.n_found += 1
            return written
        plain = os.path.normpath(self._folder / written)
        slashed = os.path.normpath(self._folder / written.replace("\\", "/"))
        for kind in ("", "backslashes", "another case"):
            path = (plain if kind == "" else slashed) if kind != "another case" else self._find_case(slashed)
            if path is not None and os.path.lexists(path):
                self.n_found += os.path.exists(path)
                if kind and path != plain:
                    self._other[kind] += 1
                    self._first.setdefault(kind, written)
                return path
        self._missing.append(written)
        return plain

    def _find_case(self, path: str) -> str | None:
        """Find a file whose name differs in case, or in how letters are composed; None when none or several do."""
        way = self._folder if Path(path).is_relative_to(self._folder) else Path(path).anchor
        found = str(way)
        for part in Path(path).relative_to(way).parts:
            names = self._list(found).get(_fold(part), [])
            if part in names:
                names = [part]
            if len(names) != 1:
                return None
            found = os.path.join(found, names[0])
        return found

    def _list(self, folder: str) -> dict[str, list[str]]:
        if folder not in self._listed:
            names: dict[str, list[str]] = {}
            try:
                for name in os.listdir(folder):
                    names.setdefault(_fold(name), []).append(name)
            except OSError:
                names = {}
            self._listed[folder] = names
        return self._listed[folder]

    @property
    def hint(self) -> str:
        """What a first missing path looks like; empty when like any other."""
        first = self._missing[0] if self._missing else ""
        if first[1:3] in (":\\", ":/") or first.startswith("\\\\"):
            return f" {first[:60]!r} is a path of Windows: write it relative to the table, with slashes."
        if "\\" in first:
            return " Write slashes in place of backslashes."
        return ""

    def describe(self) -> list[str]:
        """Write a sentence on each kind of what is not as it is written."""
        found = [
            f"{n} paths are there with slashes, not {kind}: {self._first[kind]!r}"
            if kind == "backslashes"
            else f"{n} paths are there in {kind}: {self._first[kind]!r}"
            for kind, n in self._other.items()
        ]
        if self._missing:
            found.append(
                f"{len(self._missing)} files are not there: {self._missing[0]!r}{self.hint and '.' + self.hint}"
            )
        return found


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _error(what: str, rule: str, value: object, where: object, remedy: str) -> DataError:
    return DataError(explain(what, rule, value, where, remedy))


def _read_table(path: Path) -> tables.Rows | None:
    strange = None
    try:
        data = path.read_bytes()
        text = tables.decode(data)
    except UnicodeDecodeError as error:
        what = f"byte {error.object[error.start]:#04x} at {error.start}"
        strange = _error("encoding of the table", "UTF-8", what, path, "Save the table again as UTF-8.")
        try:
            text = tables.decode(data, "surrogateescape")
        except UnicodeDecodeError:
            raise strange from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    if "\0" in text:
        raise _error("table", "text", "a zero byte", path, "Save the table again as CSV in UTF-8.")
    separator = "\t" if path.suffix.lower() in (".tsv", ".tab") else None
    try:
        found = tables.read_table(text, ("path", "label"), separator)
    except tables.QuoteError as error:
        where = f"{path}, row {error.line}"
        raise _error("row", "cells with closed quotes", error, where, 'Write a quote as "" inside quotes.') from error
    if strange is not None and not (found and _are_names_of_files(found, path.parent)):
        raise strange
    return found


def _are_names_of_files(found: tables.Rows, folder: Path) -> bool:
    """Tell whether what is not UTF-8 in a table are names of files that are there, which need not be."""
    cells = [cell.strip() for cells in (found.header, *(cells for _, cells in found.rows)) for cell in cells]
    return all(os.path.isfile(folder / cell) for cell in cells if _HALVES.search(cell))


def _name_columns(header: list[str]) -> list[str]:
    """Return the column names, with those that we understand in lower case."""
    return [name.lower() if name.lower() in (*_OURS, "label") else name for name in header]


def _check_header(names: list[str], header: list[str], path: Path, more: tuple[str, ...], hint: str) -> None:
    """Raise `DataError` when a column is missing or stands twice; path and `more` are needed."""
    for needed in ("path", *more):
        if needed not in names:
            near = [name for name in header if name.lower() in _SYNONYMS[needed]]
            remedy = f"Rename the column {near[0]!r} to {needed!r}." if near else f"Add a column named {needed!r}."
            if needed == "label" and hint:
                remedy = f"{remedy} {hint}"
            raise _error("header", f"a column {needed!r}", header, f"{path}, row 1", remedy)
    for name in names:
        if names.count(name) > 1:
            raise _error("header", "each column once", name, f"{path}, row 1", "Rename or drop one of them.")
