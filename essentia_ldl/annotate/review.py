"""The label audit of a report, opened for listening: tracks in order of doubt, and what a person says of each.

In: ``audit.csv`` in the folder of a run; out: the same file with one correction more after every answer, atomically,
every other line of it byte by byte as it was. `train --corrections` reads it.

The file is not ours alone: it may be open in a spreadsheet, and `report` writes it again. So it is read anew before
each answer, and once more where somebody wrote it meanwhile. An answer takes the place of others on its track only.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from essentia_ldl.collection.corrections import COLUMNS, DROP, parse_rows
from essentia_ldl.discover import suggest
from essentia_ldl.errors import DataError, StoreError, UnknownNameError, explain
from essentia_ldl.files import Home, replacing, taking_turns
from essentia_ldl.report.doubts import AUDIT, BETWEEN, OF_LABEL
from essentia_ldl.report.kinds import NO_AUDIT
from essentia_ldl.runs.folder import find_finished
from essentia_ldl.runs.names import SCORES
from essentia_ldl.runs.outcome import REMEDY, read_scores
from essentia_ldl.tables import change_column

_WRITTEN = ("path", "label", "suggestion", "disagreement")  # what a page cannot do without, beside `COLUMNS`
_REMEDY = "Run report again: it keeps what column correction says."


@dataclasses.dataclass(frozen=True)
class AuditItem:
    """A track whose label is doubted.

    Parameters
    ----------
    id : str
        Its id in the collection; need not be UTF-8.
    path : str
        Its file, which may have been moved; empty where the run does not tell it.
    artist : str
        Empty where it is not known.
    label, suggestion : str
        The class that the run used, and the one that the opinions favour.
    disagreement : float
        From 0 (all agree with the label) to 1.
    opinions : Mapping[str, float]
        Who judged (neighbours, classifier, model) -> the share that the label has in what it says.
    nearest : tuple[str, ...]
        Ids of tracks that sound like it, the nearest first.
    correction : str
        What a person said: a class, `DROP`, or nothing.
    """

    id: str
    path: str
    artist: str
    label: str
    suggestion: str
    disagreement: float
    opinions: Mapping[str, float]
    nearest: tuple[str, ...]
    correction: str


@dataclasses.dataclass(frozen=True)
class _Read:
    """What the file was when it was read: its state on disk, its bytes, its rows with their lines, and the tracks."""

    state: tuple[int, ...]
    data: bytes
    rows: Sequence[tuple[int, Mapping[str, str]]]
    items: tuple[AuditItem, ...]


class _ChangedError(Exception):
    """Somebody else wrote the file while it was read."""


class Audit:
    """The audit of a run, which several threads and processes may answer at once.

    Parameters
    ----------
    folder : Path
        The run.
    classes : Sequence[str]
        What a label may be.

    Raises
    ------
    StoreError
        When the run has no report.
    DataError
        When its audit.csv cannot be read.
    """

    def __init__(self, folder: Path, classes: Sequence[str]) -> None:
        self.folder, self.classes = folder, tuple(classes)
        self.path = Path(os.path.realpath(folder / AUDIT))  # where a link leads to, which stays a link
        self._known: dict[str, AuditItem] = {}  # of all times
        self._words = {*self.classes, DROP, ""}  # and what others have written, which an undo puts back
        self._read: _Read | None = None
        self._read = self._read_anew()

    @property
    def items(self) -> tuple[AuditItem, ...]:
        """The tracks in order of doubt, as the file is now; as it was, while it cannot be read."""
        with contextlib.suppress(OSError, DataError):
            self._read = self._read_anew()
        return self._read.items

    def correct(self, track_id: str, correction: str) -> None:
        """Write what a person said of a track.

        Parameters
        ----------
        track_id : str
            Of one of the `items`, as they are or were.
        correction : str
            A class, which may be the one that the track has; `DROP` to leave the track out; nothing to take back what
            was said; or what somebody has written there before.

        Raises
        ------
        UnknownNameError
            When there is no such track or class.
        StoreError
            When the file is gone, or the folder cannot be written.
        DataError
            When the file cannot be read any more; what was said is not kept then.
        """
        if correction not in self._words:
            known = [*self.classes, DROP]
            rule, remedy = f"one of {', '.join(known)}, or nothing", suggest(correction, known)
            raise UnknownNameError(explain("correction", rule, correction, track_id, remedy))
        if track_id not in self._known:
            raise UnknownNameError(explain("id", "a track of the audit", track_id, self.path, "Load the page again."))
        with taking_turns(self.path.parent):
            done = False
            while not done:
                read = self._read = self._read_anew()
                data = _change(read, self._known[track_id], correction)
                done = data is None or self._replace(read, data)

    def _read_anew(self) -> _Read:
        """Read the file, unless it is as it was."""
        try:
            if self._read is not None and _tell_state(os.stat(self.path)) == self._read.state:
                return self._read
            with open(self.path, "rb") as file:
                state, data = _tell_state(os.fstat(file.fileno())), file.read()
        except FileNotFoundError:
            remedy = f"Write it first: essentia-ldl report {self.folder.name}"
            raise StoreError(explain("label audit", f"a report with {AUDIT}", "none", self.folder, remedy)) from None
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error.strerror}. Check its permissions.") from None
        rows = parse_rows(data, self.path)
        items = _list_items(rows, self.path)
        self._known.update((item.id, item) for item in items)
        self._words.update(item.correction for item in items)
        return _Read(state, data, rows, items)

    def _replace(self, read: _Read, data: bytes) -> bool:
        """Put bytes into the place of those that were read; tell whether these were still there."""
        try:
            with replacing(self.path) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # what takes long comes before the look
                if _tell_state(os.stat(self.path)) != read.state:
                    raise _ChangedError
        except _ChangedError:
            return False
        return True


def open_audit(run: str, home: Home) -> Audit:
    """Open the label audit of a run.

    Parameters
    ----------
    run : str
        Name or folder of a run that `report` has made a page of.
    home : Home
        Whose runs are meant.

    Returns
    -------
    Audit

    Raises
    ------
    UnknownNameError
        When there is no such run.
    StoreError
        When it has not ended, is damaged, or has no report.
    DataError
        When it is of tags or numbers, or its audit.csv cannot be read.
    """
    folder = find_finished(run, home.runs)
    scores = read_scores(folder)
    if "kind" in scores:
        raise DataError(f"{folder} is of {scores['kind']} targets. {NO_AUDIT} Name a run of classes.")
    if len(scores.get("classes", ())) < 2:
        raise StoreError(explain("run", "two or more classes", scores.get("classes"), folder / SCORES, REMEDY))
    return Audit(folder, scores["classes"])


def _tell_state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _list_items(rows: Sequence[tuple[int, Mapping[str, str]]], path: Path) -> tuple[AuditItem, ...]:
    """Make tracks of rows, by their rank; rows without one are of tracks that are not in the run any more."""
    missing = [name for name in _WRITTEN if name not in (rows[0][1] if rows else _WRITTEN)]
    if missing:
        raise DataError(explain("header", f"a column {missing[0]!r}", list(rows[0][1]), f"{path}, row 1", _REMEDY))
    said = {row["id"]: row["correction"] for _, row in rows if row["correction"]}
    said = {track_id: DROP if word.lower() == DROP else word for track_id, word in said.items()}
    items: dict[str, tuple[float, AuditItem]] = {}
    for line, row in rows:
        where = f"{path}, row {line}"
        if row["rank"].strip() if "rank" in row else row["path"]:
            rank = _read_number(row, "rank", where) if "rank" in row else line
            shares = [name for name in row if name.endswith(OF_LABEL) and row[name].strip()]
            item = AuditItem(
                id=row["id"],
                path=row["path"],
                artist=row.get("artist", ""),
                label=row["label"],
                suggestion=row["suggestion"],
                disagreement=_read_number(row, "disagreement", where),
                opinions={name.removesuffix(OF_LABEL): _read_number(row, name, where) for name in shares},
                nearest=tuple(filter(None, row.get("nearest", "").split(BETWEEN))),
                correction=said.get(row["id"], ""),
            )
            items.setdefault(item.id, (rank, item))
    return tuple(item for _, item in sorted(items.values(), key=lambda pair: pair[0]))


def _read_number(row: Mapping[str, str], name: str, where: str) -> float:
    """Read a number, which a spreadsheet may have written with a comma."""
    try:
        value = float(row[name].strip().replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(explain(name, "a number", row[name], f"{where}, {row['id']}", _REMEDY))
    return value


def _change(read: _Read, item: AuditItem, correction: str) -> bytes | None:
    """Return the file with what is said of a track, in a new row where it has none; None when it says so already."""
    there = {line: row["correction"] for line, row in read.rows if row["id"] == item.id}
    changed = {line: correction for line, before in there.items() if before != correction}
    added = [{"id": item.id, "label": item.label, "correction": correction}] if correction and not there else []
    return change_column(read.data, COLUMNS, "correction", changed, added) if changed or added else None
