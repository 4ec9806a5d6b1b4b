"""The journal of a document that `predict` writes: answers flow in as they come, and out again in the order of files.

It grows beside the final name, one line per file: a head of json (path, size, time of change, whether it failed, a
checksum), a tab, and a body of json. The first line says what was asked. A process that is killed loses no line but
the one it was writing, and the same command goes on: answers of files that have not changed are kept. The lock is that
of the operating system, which a dead process does not hold.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from essentia_ldl.errors import DiskError, Reason, StoreError, explain
from essentia_ldl.files import digest_file, is_at, lock_file
from essentia_ldl.models.folder import Model, digest_graph, find_extractor
from essentia_ldl.predict.ask import Question
from essentia_ldl.records import Failure, Prediction
from essentia_ldl.urls import is_url, stat_url

SUFFIX = ".journal"
KIND = "essentia-ldl predict journal 1"
SYNC_S = 2.0  # what a power failure may cost; a killed process costs nothing
START = json.dumps({"kind": KIND})[:-1].encode()
NOWHERE = -1


def list_parts(models: Sequence[Model], graphs: Path) -> list[tuple[str, Model]]:
    """List what the models consist of: each itself and, of a head, its extractor, with the model's name.

    Raises
    ------
    EssentiaLdlError
        When the extractor of a head is missing.
    """
    found = [(model.name, part) for model in models for part in (model, find_extractor(model, graphs))]
    return [(name, part) for name, part in found if part is not None]


def identify(parts: Sequence[tuple[str, Model]], question: Question, form: str) -> dict[str, Any]:
    """Tell apart what may not be mixed in one document.

    Parameters
    ----------
    parts : sequence of (str, Model)
        What `list_parts` lists.
    question : Question
        What is wanted of the models.
    form : str
        The format of the document.

    Returns
    -------
    dict
        models (digests of graphs and cards by name), options and format; json.
    """
    digests: dict[str, list[str]] = {}
    for name, part in parts:
        card = Path(part.graph).with_suffix(".json")
        digests.setdefault(name, []).extend([digest_graph(part.graph), digest_file(card)])
    options = {name: value for name, value in dataclasses.asdict(question).items() if name != "models"}
    return {"models": digests, "options": options, "format": form}


class Journal:
    """Answers for files, kept on disk until the document is written; use it in a ``with`` block.

    A journal without an answer is removed at the end of the block, any other stays until `remove`.

    Parameters
    ----------
    document : str
        The real path of the document; the journal is beside it.
    asked : Mapping
        What `identify` says.
    files : sequence of str
        All files of the command, in the order of the document; none twice.
    again : bool
        Start anew, whatever is there.

    Raises
    ------
    StoreError
        When another process writes it, it cannot be opened, it is no journal or of another command.
    """

    def __init__(self, document: str, asked: Mapping[str, Any], files: Sequence[str], again: bool = False) -> None:
        self._document, self.path = document, document + SUFFIX
        self._places = dict.fromkeys(files, NOWHERE)  # where the line of each file begins
        self._began_ns, self._synced_s = time.time_ns(), time.monotonic()
        self._file = _open_locked(document, self.path)
        try:
            asked = {"kind": KIND, **asked, "folder": os.getcwd()}
            self._first, self._end = self._read_lines(asked, again)
            os.ftruncate(self._file, self._end)  # without the half line of a process that was killed
            if self._end == 0:
                self._append(_as_line(asked))
                self._first = self._end
                self._sync()
        except OSError as error:
            os.close(self._file)
            raise _name_document(error, document) from None
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.suppress(OSError):  # it has been told when it was written
            if self._end == self._first:
                self.remove()
            self._sync()
        os.close(self._file)

    def list_missing(self) -> list[str]:
        """Return the files that have no answer yet, in order."""
        return [path for path, place in self._places.items() if place == NOWHERE]

    def add(self, path: str, answer: Sequence[Prediction] | Failure, with_segments: bool = False) -> None:
        """Keep what became of a file.

        Parameters
        ----------
        path : str
            One of the files.
        answer : sequence of Prediction, or Failure
            One `Prediction` per model.
        with_segments : bool
            Keep every patch, not only their mean.

        Raises
        ------
        DiskError
            When the disk is full; what was there stays.
        """
        size, time_ns, entry_ns = _stat(path)
        if entry_ns >= self._began_ns:  # it may have changed while it was read
            size = NOWHERE
        failed = isinstance(answer, Failure)
        body = _as_line(dataclasses.asdict(answer) if failed else [_pack(one, with_segments) for one in answer])
        head = json.dumps([path, size, time_ns, failed, zlib.crc32(body)]).encode()
        place = self._end
        try:
            self._append(head + b"\t" + body)
            if time.monotonic() - self._synced_s > SYNC_S:
                self._sync()
        except OSError as error:
            raise _name_document(error, self._document) from None
        self._places[path] = place

    def read(self, left_out: Collection[str] = ()) -> Iterator[list[Prediction] | Failure]:
        """Yield what became of every file but those that are left out, in the order of the files.

        Raises
        ------
        StoreError
            When a file has no answer.
        """
        with os.fdopen(os.dup(self._file), "rb") as stream:
            for path, place in self._places.items():
                if path in left_out:
                    continue
                if place == NOWHERE:
                    raise StoreError(explain("journal", "an answer for every file", "none", path, "Run it again."))
                stream.seek(place)
                head, _, body = stream.readline().partition(b"\t")
                value = json.loads(body)
                yield Failure(**value) if json.loads(head)[3] else [_unpack(path, one) for one in value]

    def remove(self) -> None:
        """Take the journal away: the document has all of it."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def _read_lines(self, asked: Mapping[str, Any], again: bool) -> tuple[int, int]:
        """Find the answers that still hold; return where the first and the next line begin."""
        with os.fdopen(os.dup(self._file), "rb") as stream:
            stream.seek(0)
            first = stream.readline()
            if not first.startswith(START[: len(first)]):
                remedy = "Move it away, or choose another output."
                raise StoreError(explain("journal", "a journal of predict", "another file", self.path, remedy))
            if again or not first.endswith(b"\n"):
                return 0, 0
            folder = self._compare(first, asked)
            start = end = len(first)
            strange: list[str] = []
            for line in stream:
                if not line.endswith(b"\n"):
                    break
                self._take_line(line, end, folder, strange)
                end += len(line)
        if strange:
            rule = "answers for files of this command"
            remedy = "Name those files too, choose another output, or start anew with --again."
            raise StoreError(explain("journal", rule, f"{len(strange)} others, {strange[0]}", self.path, remedy))
        return start, end

    def _compare(self, first: bytes, asked: Mapping[str, Any]) -> str:
        """Refuse the journal of another command; return the folder in which it was begun."""
        try:
            found = json.loads(first)
            folder = str(found["folder"])
        except (ValueError, KeyError, TypeError, RecursionError):
            found, folder = {}, ""
        other = [name for name in ("models", "options", "format") if found.get(name) != asked[name]]
        if other or found.get("kind") != KIND:
            rule, remedy = "the same models, options and format as before", "or start anew with --again."
            remedy = f"Give the command that was stopped, choose another output, {remedy}"
            raise StoreError(explain("journal", rule, f"other {' and '.join(other)}", self.path, remedy))
        return folder

    def _take_line(self, line: bytes, place: int, folder: str, strange: list[str]) -> None:
        head, _, body = line.partition(b"\t")
        try:
            path, size, time_ns, failed, checksum = json.loads(head)
        except (ValueError, TypeError, RecursionError):
            return  # a line that a power failure left
        if zlib.crc32(body) != checksum:
            return
        full = path if is_url(path) else os.path.join(folder, path)
        if path not in self._places or full not in (path, os.path.join(os.getcwd(), path)):
            if not failed and (full == path or os.path.lexists(full)):
                strange.append(full)
            return
        holds = not failed and size != NOWHERE and _stat(path)[:2] == (size, time_ns)
        self._places[path] = place if holds else NOWHERE

    def _append(self, line: bytes) -> None:
        """Write a line at the end, all of it or nothing."""
        n_written = 0
        try:
            while n_written < len(line):
                n_written += os.pwrite(self._file, line[n_written:], self._end + n_written)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise
        self._end += len(line)

    def _sync(self) -> None:
        os.fsync(self._file)
        self._synced_s = time.monotonic()


def _open_locked(document: str, path: str) -> int:
    """Open or make a journal that no other process has open."""
    while True:
        try:
            if os.path.exists(path) and not os.path.isfile(path):
                remedy = "Move it away, or choose another output."
                raise StoreError(explain("journal", "a journal of predict", "no file", path, remedy))
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except StoreError:
            raise
        except OSError as error:
            raise StoreError(f"The output {document!r} cannot be written: {error.strerror}. Choose another.") from None
        if not lock_file(file):
            os.close(file)
            remedy = "Wait for it, stop it, or choose another output."
            raise StoreError(f"{document} is being written by another process. {remedy}")
        if is_at(file, path):
            return file
        os.close(file)  # the process that held it has ended meanwhile, and taken it away


def _stat(path: str) -> tuple[int, int, int]:
    """Return the size of a file in bytes, and when its content and its entry changed last, in ns."""
    if is_url(path):
        known = stat_url(path)
        return (NOWHERE, NOWHERE, NOWHERE) if known is None else (*known, NOWHERE)
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return NOWHERE, NOWHERE, NOWHERE
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _pack(prediction: Prediction, with_segments: bool) -> dict[str, Any]:
    return {
        "model": prediction.model,
        "classes": prediction.classes,
        "probabilities": prediction.probabilities.tolist(),  # json writes a float so that it comes back the same
        "segments": prediction.segments.tolist() if with_segments else None,
        "duration_s": float(prediction.duration_s),
        "notes": prediction.notes,
        "uncertainty": dict(prediction.uncertainty),
    }


def _unpack(path: str, value: Mapping[str, Any]) -> Prediction:
    probabilities = np.array(value["probabilities"], dtype=np.float32)
    segments = probabilities[None] if value["segments"] is None else np.array(value["segments"], dtype=np.float32)
    return Prediction(
        path,
        value["model"],
        tuple(value["classes"]),
        probabilities,
        segments,
        value["duration_s"],
        tuple(value["notes"]),
        value["uncertainty"],
    )


def _as_line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"  # ascii, so that names that are not UTF-8 come back the same


def _name_document(error: OSError, document: str) -> OSError:
    if isinstance(error, StoreError):
        return error
    remedy = "Free space and give the same command again: it goes on where it was."
    return DiskError(f"{document} could not be written: {Reason(error.strerror or error)}. {remedy}")
