"""Labels that a person corrected: ``audit.csv`` of a report comes back, and a collection takes over what it says.

In: a table with the columns ``id`` and ``correction`` (others are not looked at) and the tracks of a collection. Out:
the tracks with their labels changed, and a record of what changed, which the run keeps as ``corrections.json``.

An empty correction keeps the label; a class is the new label, or confirms the old one; `DROP` leaves the track out.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import tables
from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import digest_file
from essentia_ldl.records import Track

DROP = "drop"
COLUMNS = ("id", "correction")
_REMEDY = "Take audit.csv of a report and fill its column correction."


@dataclasses.dataclass(frozen=True)
class Corrections:
    """What a file says: `values` is id -> (row of the file, correction), of the rows that have one."""

    path: str
    sha256: str
    values: Mapping[str, tuple[int, str]]


def read_corrections(path: str | os.PathLike[str]) -> Corrections:
    """Read a file of corrections, as spreadsheets write it; see `tables`.

    Parameters
    ----------
    path : path
        CSV file with a header.

    Returns
    -------
    Corrections

    Raises
    ------
    DataError
        With file and row: when the file cannot be read, a column is missing, a row has another number of cells, an id
        is empty, or an id has two different corrections.
    """
    try:
        data = Path(path).expanduser().read_bytes()
        digest = digest_file(Path(path).expanduser())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. {_REMEDY}") from error
    values: dict[str, tuple[int, str]] = {}
    for line, row in parse_rows(data, path):
        if row["correction"]:
            values.setdefault(row["id"], (line, row["correction"]))
    return Corrections(str(path), digest, values)


def parse_rows(data: bytes, path: str | os.PathLike[str]) -> list[tuple[int, dict[str, str]]]:
    """Read all rows of a file of corrections, those without one too.

    Parameters
    ----------
    data : bytes
        What is in the file.
    path : path
        The file, for messages.

    Returns
    -------
    list[tuple[int, dict[str, str]]]
        Line, and column in small letters -> cell.

    Raises
    ------
    DataError
        As `read_corrections` does.
    """
    try:
        found = tables.read_table(tables.decode(data, "surrogateescape"), COLUMNS)
    except (tables.QuoteError, UnicodeDecodeError) as error:
        where = f"{path}, row {error.line}" if isinstance(error, tables.QuoteError) else path
        raise DataError(explain("row", "comma-separated values", error, where, _REMEDY)) from error
    if found is None:
        rule = f"a header with {' and '.join(COLUMNS)}"
        raise DataError(explain("corrections", rule, "an empty file", path, _REMEDY))
    header = [cell.strip().lower() for cell in found.header]
    for name in COLUMNS:
        if header.count(name) != 1:
            raise DataError(explain("header", f"one column {name!r}", header, f"{path}, row 1", _REMEDY))
    rows, said = [], {}
    for line, cells in found.rows:
        where = f"{path}, row {line}"
        if len(cells) != len(header):
            raise DataError(explain("row", f"{len(header)} cells", len(cells), where, "Fill or drop the row."))
        row = dict(zip(header, cells, strict=True))
        row["correction"] = value = row["correction"].strip()
        if not row["id"]:
            raise DataError(explain("id", "the id of a track", row["id"], where, "Fill it, or drop the row."))
        first, other = said.setdefault(row["id"], (line, value)) if value else (line, value)
        if other != value:
            both = f"{value!r} here and {other!r} in row {first}"
            raise DataError(explain("correction", "one per track", both, f"{where}, {row['id']}", "Decide for one."))
        rows.append((line, row))
    return rows


def apply_corrections(
    tracks: Sequence[Track], corrections: Corrections, classes: Sequence[str], aliases: Mapping[str, str]
) -> tuple[list[Track], dict[str, Any]]:
    """Change the labels of a collection.

    Parameters
    ----------
    tracks : Sequence[Track]
        The collection, labels as it writes them.
    corrections : Corrections
        From `read_corrections`.
    classes : Sequence[str]
        Classes of the recipe.
    aliases : Mapping[str, str]
        Other names of classes, as the recipe lists them.

    Returns
    -------
    tracks : list[Track]
        In their order, without those dropped.
    record : dict[str, Any]
        file, sha256, n_changed, n_dropped, n_confirmed and changes: {id, from, to} of every row with a correction,
        where to is None for a track that is left out.

    Raises
    ------
    DataError
        With file and row: when an id is not in the collection, or a correction is no class.
    """
    labels = {track.id: track.label for track in tracks}
    changes: dict[str, dict[str, Any]] = {}
    for track_id, (row, value) in corrections.values.items():
        where = f"{corrections.path}, row {row}"
        if track_id not in labels:
            near = difflib.get_close_matches(track_id, labels, 1)
            remedy = f"Did you mean {near[0]}?" if near else "Take the audit.csv of this collection, or drop the row."
            raise DataError(explain("id", "a track of the collection", track_id, where, remedy))
        label = value if value in classes else aliases.get(value, value)
        if label not in classes and value.lower() != DROP:
            near = difflib.get_close_matches(value, [*classes, DROP], 1)
            remedy = f"Did you mean {near[0]}?" if near else "Correct the row."
            rule = f"one of {', '.join(classes)}, {DROP} or nothing"
            raise DataError(explain("correction", rule, value, f"{where}, {track_id}", remedy))
        before = aliases.get(labels[track_id], labels[track_id])
        changes[track_id] = {"id": track_id, "from": before, "to": label if label in classes else None}
    kept = []
    for track in tracks:
        change = changes.get(track.id)
        if change is None:
            kept.append(track)
        elif change["to"] is not None:
            kept.append(dataclasses.replace(track, label=change["to"]))
    record = {
        "file": os.path.basename(corrections.path),
        "sha256": corrections.sha256,
        "n_changed": sum(change["to"] not in (None, change["from"]) for change in changes.values()),
        "n_dropped": sum(change["to"] is None for change in changes.values()),
        "n_confirmed": sum(change["to"] == change["from"] for change in changes.values()),
        "changes": list(changes.values()),
    }
    return kept, record


def describe_corrections(record: Mapping[str, Any]) -> str:
    """Write a record as one line."""
    counts = f"{record['n_changed']} labels changed, {record['n_confirmed']} confirmed"
    return f"corrections: {counts}, {record['n_dropped']} tracks left out ({record['file']})"
