"""The journal of a labelling, and the table that `train` reads: events flow in, one at a time, and are never lost.

The journal grows by a line of json per event and is the truth; the table beside it is written anew, atomically, after
every vote. A process that is killed loses at most the line that it was writing, which the next one drops. The lock is
that of the operating system, which a dead process does not hold.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import math
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.annotate.votes import Event, Votes
from essentia_ldl.errors import DataError, DiskError, Reason, StoreError, explain
from essentia_ldl.files import is_at, lock_file, replacing, set_aside

FORMAT = "essentia-ldl votes 1"
SUFFIX = ".votes.jsonl"
REMEDY = "Name another table with -o."
N_RATERS = "n_raters"


@dataclasses.dataclass(frozen=True)
class Known:
    """What is known of a track beside votes.

    Parameters
    ----------
    artist : str
        Empty where it is not known.
    title : str
        Empty where it is not known.
    columns : Mapping[str, str]
        What else a table said of it.

    Raises
    ------
    DataError
        When one of them is no text.
    """

    artist: str = ""
    title: str = ""
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = dict(self.columns)
        strange = [text for text in (self.artist, self.title, *columns, *columns.values()) if not isinstance(text, str)]
        if strange:
            raise DataError(explain("track", "texts", strange[0], "artist, title and columns", "Write a text."))


@dataclasses.dataclass(frozen=True)
class CurvePoint:
    """How well a model that learned from the votes named tracks of artists whom it had not heard.

    Parameters
    ----------
    n : int
        Tracks with a label.
    n_artists : int
        Artists that were left out, one after the other.
    balanced_accuracy, low, high : float
        With a 95 % interval.

    Raises
    ------
    DataError
        When one of them is no number from 0 on.
    """

    n: int
    n_artists: int
    balanced_accuracy: float
    low: float
    high: float

    def __post_init__(self) -> None:
        values = dataclasses.astuple(self)
        if not all(isinstance(value, int | float) and 0 <= value < math.inf for value in values):
            raise DataError(explain("point", "numbers from 0 on", values, "curve", "Delete the line."))


class VoteJournal:
    """A labelling that is open; nobody else can open it meanwhile.

    Parameters
    ----------
    table : path
        The table, .csv; the journal has its name and the suffix `SUFFIX`.
    classes : Sequence[str]
        In the order of their keys.

    Attributes
    ----------
    votes : Votes
        What stands.
    known : dict[str, Known]
        By path, of tracks with votes.
    points : list[CurvePoint]
        What the model achieved, in order.
    notes : list[str]
        What the user should know.
    trouble : str
        Why the table lacks what was said last, which the journal has; empty while all is well.

    Raises
    ------
    DataError
        When the classes are none, or others than those by which somebody has voted in the journal that is there.
    StoreError
        When another process has it open, the folder cannot be written, a file is there that is no table of ours, or
        the journal is damaged.
    """

    def __init__(self, table: str | os.PathLike[str], classes: Sequence[str]) -> None:
        self.votes = Votes(classes)
        self.table = Path(os.path.abspath(os.path.expanduser(table)))
        self.path = self.table.with_name(f"{self.table.stem}{SUFFIX}")
        self.known: dict[str, Known] = {}
        self.points: list[CurvePoint] = []
        self.notes: list[str] = []
        self.trouble = ""
        self._written: tuple[int, int] | None = None
        if self.table.suffix.lower() != ".csv":
            raise StoreError(explain("table", "a name that ends in .csv", self.table.name, "-o", REMEDY))
        is_new = not self.path.exists()
        if is_new and os.path.lexists(self.table):
            remedy = "Name another table with -o; to go on from its labels give it as MUSIC."
            found = f"{self.table.name}, and no {self.path.name} beside it"
            raise StoreError(explain("table", "one that annotate wrote, or none", found, self.table.parent, remedy))
        self._file = self._open()
        try:
            self._begin() if is_new or os.fstat(self._file).st_size == 0 else self._read()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others open it."""
        os.close(self._file)

    def add(self, event: Event, known: Known | None = None) -> Event | None:
        """Keep an event, then bring the table up to date; return the vote that an undo takes back.

        A table that cannot be written is a `trouble`, which ends with the next vote after which it can.

        Raises
        ------
        DataError
            When it names a class that is none; nothing is written then.
        DiskError
            When the journal cannot be written, as the disk is full; the vote is not taken then.
        StoreError
            When the journal is not where it was; the vote is not taken then.
        """
        return self.add_all([(event, known)])[0]

    def add_all(self, events: Sequence[tuple[Event, Known | None]]) -> list[Event | None]:
        """Keep several events at once, as `add` keeps one."""
        lines: list[dict[str, Any]] = []
        told: dict[str, Known] = {}
        for event, known in events:
            self.votes.check(event)
            if event.path and known is not None and self.known.get(event.path) != known:
                lines.append({"track": event.path, **vars(known), "columns": dict(known.columns)})
                told[event.path] = known
            lines.append(event.as_json())
        self._append(lines)
        self.known |= told
        taken = [self.votes.add(event) for event, _ in events]
        try:
            self.write_table()
            self.trouble = ""
        except StoreError as error:
            self.trouble = f"{error} The answers are kept in {self.path.name}, from which it is written later."
        return taken

    def add_point(self, point: CurvePoint) -> None:
        """Keep what the model achieved."""
        self._append([{"point": dataclasses.asdict(point)}])
        self._keep(point)

    def _keep(self, point: CurvePoint) -> None:
        """Add to the curve, whose points of as many answers or more go: some were taken back since."""
        self.points = [*(one for one in self.points if one.n < point.n), point]

    def write_table(self) -> None:
        """Write the table: a row for every track with a label; one that somebody else has changed is kept aside."""
        if self._written is not None and self._written != _stat(self.table) and os.path.lexists(self.table):
            name = set_aside(self.table, "changed", "Close it elsewhere.")
            self.notes.append(f"{self.table.name} was changed by another program; what it wrote is kept as {name}.")
        with replacing(self.table) as file:
            file.write(self.render_table().encode("utf-8", "surrogateescape"))
        self._written = _stat(self.table)

    def render_table(self) -> str:
        """Return the table: path, label, artist, title, columns of MUSIC, a share per class, and how many voted.

        Paths below the folder of the table are relative to it.
        """
        classes = self.votes.classes
        paths = sorted(self.votes.latest)
        own = {name.lower() for name in ("path", "label", "artist", "title", "split", *classes, N_RATERS)}
        told = [self.known.get(path, Known()) for path in paths]
        more = list(dict.fromkeys(name for one in told for name in one.columns if name.lower() not in own))
        has_title = any(one.title for one in told)
        split = ["split"] if any(one.columns.get("split") for one in told) else []
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        titles = ["title"] if has_title else []
        writer.writerow(["path", "label", "artist", *titles, *split, *more, *classes, N_RATERS])
        for path, one in zip(paths, told, strict=True):
            tally = self.votes.tally(path)
            if tally.column is not None:
                shares = [f"{share:.6g}" for share in tally.shares]
                written = [one.title] if has_title else []
                written += [one.columns.get(name, "") for name in (*split, *more)]
                named = [self._shorten(path), classes[tally.column], one.artist]
                writer.writerow([*named, *written, *shares, tally.n_raters])
        return text.getvalue()

    def _shorten(self, path: str) -> str:
        folder = f"{self.table.parent}{os.sep}"
        short = path[len(folder) :] if path.startswith(folder) else path
        return short if short == short.strip() else path  # who reads a table takes spaces around a cell away

    def _open(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            reason = Reason(error.strerror or error)
            raise DiskError(f"{self.path} cannot be written: {reason}. {REMEDY}") from None
        if not lock_file(file):
            os.close(file)
            raise StoreError(f"{self.table} is being labelled by another process. Stop it, or name another.")
        return file

    def _append(self, values: list[dict[str, Any]]) -> None:
        if not is_at(self._file, self.path):
            remedy = "Bring it back, or stop annotate and start it again; until then nothing is kept."
            raise StoreError(explain("journal", "the file that was opened", "another one, or none", self.path, remedy))
        end = os.fstat(self._file).st_size
        text = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
        data = text.encode("utf-8", "surrogateescape")
        try:
            if os.write(self._file, data) != len(data):
                raise OSError("the disk is full")
            os.fsync(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, end)
            reason = Reason(error.strerror or error)
            raise DiskError(f"{self.path} could not be written: {reason}. Free space and vote again.") from None

    def _begin(self) -> None:
        self._append([{"format": FORMAT, "classes": list(self.votes.classes)}])

    def _read(self) -> None:
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:  # a process was killed while it wrote the last line
            os.ftruncate(self._file, len(whole))
        lines = whole.decode("utf-8", "surrogateescape").split("\n")[:-1]  # a title may have other ends of lines
        if not lines:
            return self._begin()
        head = self._parse(1, lines[0])
        if head.get("format") != FORMAT:
            raise StoreError(explain("journal", FORMAT, head.get("format"), self.path, REMEDY))
        values = [(number, self._parse(number, line)) for number, line in enumerate(lines[1:], 2)]
        there = head.get("classes")
        if not isinstance(there, list):
            raise self._damaged(1, there)
        if there != list(self.votes.classes) and values:
            names = ",".join(map(str, there))
            remedy = f"Give --classes {shlex.quote(names)}, or name another table with -o."
            rule = f"those of the table, {names}"
            raise DataError(explain("classes", rule, list(self.votes.classes), self.path, remedy))
        if there != list(self.votes.classes):  # nobody has voted by them
            os.ftruncate(self._file, 0)
            self._begin()
        last = max((number for number, value in values if "rater" in value), default=0)
        expected = {""}
        for number, value in values:
            if number == last:  # a process may have been killed before it wrote the table
                expected.add(self.render_table())
            self._replay(number, value)
        expected.add(self.render_table())
        self._written = _stat(self.table) if self._read_table() in expected else (-1, -1)
        self.write_table()
        return None

    def _read_table(self) -> str:
        try:
            return self.table.read_bytes().decode("utf-8", "surrogateescape")
        except OSError:
            return ""

    def _parse(self, number: int, line: str) -> dict[str, Any]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._damaged(number, error) from None
        if not isinstance(value, dict):
            raise self._damaged(number, type(value).__name__)
        return value

    def _replay(self, number: int, value: dict[str, Any]) -> None:
        try:
            if "point" in value:
                self._keep(CurvePoint(**value["point"]))
            elif "track" in value:
                path = value.pop("track")
                self.known[path] = Known(**value)
            else:
                self.votes.add(Event(**value))
        except (DataError, TypeError, AttributeError, ValueError) as error:
            raise self._damaged(number, error) from None

    def _damaged(self, number: int, found: object) -> StoreError:
        remedy = "Repair the line, or delete it, or name another table with -o."
        return StoreError(explain("journal", "what annotate wrote", found, f"{self.path}, line {number}", remedy))


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns
