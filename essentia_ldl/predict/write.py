"""What `predict` writes: text, json, jsonl, csv or parquet. In: `Prediction` records; out: one document.

Nothing else of the command writes output. A document on disk appears under its name when all of it is written.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import glob
import hashlib
import importlib.util
import io
import json
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

import numpy as np

from essentia_ldl.choices import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from essentia_ldl.errors import DataError, DiskError, Reason, StoreError, explain
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model
from essentia_ldl.predict.ask import Question, segment_times
from essentia_ldl.predict.kinds import describe_kind, describe_uncertainty, list_tags, write_numbers
from essentia_ldl.records import Prediction
from essentia_ldl.scores.uncertainty import (
    ENTROPIES,
    ENTROPY,
    EXPECTED,
    MUTUAL,
    PREDICTIVE,
    UNCERTAIN,
    choose_label,
)

FORMS = ("text", "json", "jsonl", "csv", "parquet")
SUFFIXES = {".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
N_TOP_TAGS = 10


def choose_form(path: str | None) -> str:
    """Return the format that the suffix of an output means; "text" for any other suffix, and for none.

    Examples
    --------
    >>> choose_form("moods.CSV"), choose_form(None)
    ('csv', 'text')
    """
    return SUFFIXES.get(os.path.splitext(path or "")[1].lower(), "text")


@dataclasses.dataclass(frozen=True)
class Output:
    """Where the answers go, and in which form.

    Parameters
    ----------
    form : str
        "text", "json", "jsonl", "csv" or "parquet".
    path : str or None
        A file, a pipe or a device; None is the standard output.
    again : bool
        Start anew where the same command was stopped.

    Raises
    ------
    DataError
        When there is no such form, or parquet has no file or no pyarrow.
    StoreError
        When there is no path, and the standard output is closed.
    """

    form: str = "text"
    path: str | None = None
    again: bool = False

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            rule = f"{', '.join(FORMS[:-1])} or {FORMS[-1]}"
            raise DataError(explain("format", rule, self.form, "output", "Choose one of them."))
        if self.path is None and sys.stdout is None:
            remedy = "Give a file with -o."
            raise StoreError(explain("output", "a standard output to write to", "a closed one", "output", remedy))
        if self.form == "parquet" and not self.is_file:
            remedy = "Give a file with -o, or choose csv."
            raise DataError(explain("parquet", "a file to write", self.path or "a terminal", "output", remedy))
        if self.form == "parquet" and importlib.util.find_spec("pyarrow") is None:
            remedy = "Run `pip install pyarrow`, or choose csv."
            raise DataError(explain("parquet", "the library pyarrow", "none", self.path, remedy))

    @property
    def is_file(self) -> bool:
        """True for a file that is there or not yet; False for the standard output, a pipe or a device."""
        if not self.path or self.path.endswith(os.sep):
            return False
        return os.path.isfile(self.path) or not os.path.exists(self.path)

    @property
    def target(self) -> str:
        """The real path of the file, behind all links."""
        return os.path.realpath(self.path or "")

    @property
    def failures(self) -> str:
        """The table of files that could not be used, beside the file."""
        return f"{os.path.splitext(self.target)[0]}.failures.csv"

    @contextlib.contextmanager
    def open(self) -> Iterator[TextIO]:
        """Yield a stream for the document; a file appears when the block ends well.

        Raises
        ------
        StoreError
            When the file cannot be opened or written.
        """
        if self.path is None:
            yield sys.stdout
        elif os.path.isdir(self.path or "."):
            raise StoreError(explain("output", "a file to write", "a folder", self.path, "Choose another."))
        elif self.is_file:
            with open_document(self.path) as stream:
                yield stream
        else:
            with _open_text(self.path, self.path) as stream:
                yield stream


@contextlib.contextmanager
def open_document(path: str) -> Iterator[TextIO]:
    """Yield a stream for a file that appears when the block ends well; a link stays, and its target appears.

    Parameters
    ----------
    path : str
        Until then the text is in a file of this process alone, in the same folder.

    Raises
    ------
    StoreError
        When the file cannot be opened or written.
    """
    target = os.path.realpath(path)
    part = f"{_start_of_parts(target)}{secrets.token_hex(8)}"
    try:
        with _open_text(part, path, "x") as stream:
            yield stream
            stream.flush()
            with _naming(path):
                os.fsync(stream.fileno())
        with contextlib.suppress(OSError):  # a new file, or a file system without modes
            os.chmod(part, stat.S_IMODE(os.stat(target).st_mode))
        with _naming(path):
            os.replace(part, target)
    finally:  # after Ctrl-C too: an unfinished document is of no use
        with contextlib.suppress(OSError):
            os.unlink(part)


def sweep_parts(target: str) -> None:
    """Remove what processes left that were killed while they wrote a document; nobody may be writing it now."""
    for part in glob.glob(f"{glob.escape(_start_of_parts(target))}*"):
        with contextlib.suppress(OSError):
            os.unlink(part)


def _start_of_parts(target: str) -> str:
    folder, name = os.path.split(target)
    return os.path.join(folder, f".part-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}-")


@contextlib.contextmanager
def _open_text(path: str, shown: str, mode: str = "w") -> Iterator[TextIO]:
    try:
        file = _File(path, mode, shown)
    except OSError as error:
        raise StoreError(f"The output {shown!r} cannot be written: {error.strerror}. Choose another.") from None
    stream = io.TextIOWrapper(io.BufferedWriter(file), encoding="utf-8", errors="surrogateescape", newline="")
    try:
        yield stream
        stream.close()
    finally:
        with contextlib.suppress(OSError):  # closing a full disk's file fails once more
            stream.close()


class _File(io.FileIO):
    """A file whose errors name it."""

    def __init__(self, path: str, mode: str, shown: str) -> None:
        super().__init__(path, mode)
        self._shown = shown

    def write(self, data: Any) -> int:
        with _naming(self._shown):
            return super().write(data)


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """Let an error of the disk name the file; a reader of a pipe that goes away is none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = Reason(error.strerror or error)
        raise DiskError(f"{path} could not be written: {reason}. Free space and run again.") from None


def name_columns(question: Question) -> list[str]:
    """Name the columns of a csv or parquet document."""
    times = ["start_s", "end_s"] if question.segments else []
    labels = [] if question.min_confidence is None else ["label"]
    entropies = [ENTROPY, *ENTROPIES] if question.uncertainty else []
    precision = [] if question.precision == "f32" else ["precision"]
    notes = ["notes"] if question.notes else []
    return ["path", "model", *times, "class", "probability", *labels, *entropies, *precision, *notes]


def find_label(prediction: Prediction, models: Mapping[str, Model], question: Question) -> str | None:
    """Return the label that was asked for; None for a tagger, for tags and numbers, and when none was."""
    card = models[prediction.model].card
    if question.min_confidence is None or card.fields["type"] == "auto-tagging" or card.kind != SINGLE_LABEL:
        return None
    return choose_label(prediction, question.min_confidence)


class Writer:
    """Write predictions as they come, in one format; `close` ends the document.

    Parameters
    ----------
    write : callable
        Gets pieces of text.
    form : str
        "text", "json", "jsonl" or "csv".
    models : sequence of Model
        For the times of segments and the kind of output.
    question : Question
        Which of the details are wanted: every patch, entropies, a label.
    """

    def __init__(self, write: Callable[[str], object], form: str, models: Sequence[Model], question: Question) -> None:
        self._write, self._form, self._question = write, form, question
        self._models = {model.name: model for model in models}
        self._n_written = 0
        self.shows_notes = form != "csv" or question.notes
        if form == "csv":
            self._rows([name_columns(question)])

    def add(self, predictions: list[Prediction]) -> None:
        """Write the predictions of one file."""
        if self._form == "csv":
            self._add_csv(predictions)
        elif self._form == "json":
            for prediction in predictions:
                start = "[\n" if self._n_written == 0 else ",\n"
                self._write(start + json.dumps(self._as_json(prediction), ensure_ascii=False))
                self._n_written += 1
        elif self._form == "jsonl":
            for prediction in predictions:
                self._write(json.dumps(self._as_json(prediction), ensure_ascii=False) + "\n")
        else:
            self._add_text(predictions)

    def close(self) -> None:
        """End the document."""
        if self._form == "json":
            self._write("\n]\n" if self._n_written else "[]\n")

    def _times(self, prediction: Prediction) -> list[tuple[float, float]]:
        return segment_times(self._models[prediction.model], len(prediction.segments), self._question.patch_hop_frames)

    def _rows(self, rows: list[list[Any]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._write(text.getvalue())

    def _card(self, prediction: Prediction) -> GraphCard:
        return self._models[prediction.model].card

    def _label(self, prediction: Prediction) -> str | None:
        return find_label(prediction, self._models, self._question)

    def _add_csv(self, predictions: list[Prediction]) -> None:
        for prediction in predictions:
            key = [prediction.path, prediction.model]
            more = [] if self._question.min_confidence is None else [self._label(prediction) or ""]
            if self._question.uncertainty:
                values = describe_uncertainty(prediction, self._card(prediction)).values()
                more += ["" if value is None else f"{value:.6f}" for value in values]
            more += [] if self._question.precision == "f32" else [self._question.precision]
            more += ["; ".join(prediction.notes)] if self._question.notes else []
            if not self._question.segments:
                pairs = zip(prediction.classes, prediction.probabilities, strict=True)
                self._rows([[*key, name, f"{value:.6f}", *more] for name, value in pairs])
                continue
            for (start, end), values in zip(self._times(prediction), prediction.segments, strict=True):
                pairs = zip(prediction.classes, values, strict=True)
                times = [f"{start:.3f}", f"{end:.3f}"]
                self._rows([[*key, *times, name, f"{value:.6f}", *more] for name, value in pairs])

    def _as_json(self, prediction: Prediction) -> dict[str, Any]:
        value: dict[str, Any] = {
            "path": prediction.path,
            "model": prediction.model,
            "duration_s": round(prediction.duration_s, 1),
            "notes": list(prediction.notes),
            **describe_kind(prediction, self._card(prediction)),
        }
        if self._question.precision != "f32":
            value["precision"] = self._question.precision
        if self._question.min_confidence is not None:
            value["label"] = self._label(prediction)
        if self._question.uncertainty:
            found = describe_uncertainty(prediction, self._card(prediction))
            value["uncertainty"] = {name: None if x is None else round(x, 6) for name, x in found.items()}
        if self._question.segments:
            value["segments"] = [
                {"start_s": round(start, 3), "end_s": round(end, 3), **_rounded(prediction.classes, values)}
                for (start, end), values in zip(self._times(prediction), prediction.segments, strict=True)
            ]
        return value

    def _add_text(self, predictions: list[Prediction]) -> None:
        first = predictions[0]
        found = dict.fromkeys(note for prediction in predictions for note in prediction.notes)
        notes = "".join(f"  [{note}]" for note in found)
        lines = [f"{first.path}  ({first.duration_s:.1f} s){notes}"]
        width = max(len(prediction.model) for prediction in predictions)
        for prediction in predictions:
            order = np.argsort(-prediction.probabilities, kind="stable")
            classes = prediction.classes
            card = self._card(prediction)
            if card.kind == REGRESSION:
                lines.append(f"  {prediction.model:<{width}}   {write_numbers(prediction, card)}")
            elif len(classes) > N_TOP_TAGS:
                lines.append(f"  {prediction.model}")
                lines += [f"    {prediction.probabilities[i]:.2f}  {classes[i]}" for i in order[:N_TOP_TAGS]]
            else:
                ranked = "   ".join(f"{classes[i]} {prediction.probabilities[i]:.2f}" for i in order)
                refused = f"{UNCERTAIN}   " if self._label(prediction) == UNCERTAIN else ""
                lines.append(f"  {prediction.model:<{width}}   {refused}{ranked}")
            if card.kind == MULTI_LABEL:
                lines.append(f"    tags: {', '.join(list_tags(prediction, card)) or 'none'}")
            if self._question.uncertainty:
                lines.append(f"    {_spell(describe_uncertainty(prediction, card))}")
            if self._question.segments:
                for (start, end), values in zip(self._times(prediction), prediction.segments, strict=True):
                    best = np.argsort(-values, kind="stable")[:3]
                    ranked = "   ".join(f"{classes[i]} {values[i]:.2f}" for i in best)
                    lines.append(f"    {start:8.2f} - {end:8.2f} s   {ranked}")
        self._write("\n".join(lines) + "\n")


def _spell(found: dict[str, float | None]) -> str:
    """Write how sure a model is as a line."""
    if found[ENTROPY] is None:
        return "no entropy: its outputs do not sum to 1"
    own = f"entropy {found[ENTROPY]:.2f} nats"
    if found[MUTUAL] is None:
        return f"{own}; no samples or members, so nothing about what the model does not know"
    names = {PREDICTIVE: "predictive", EXPECTED: "expected", MUTUAL: "mutual information"}
    return f"{own}; of the patches: " + ", ".join(f"{text} {found[name]:.2f}" for name, text in names.items())


def _rounded(classes: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in zip(classes, values, strict=True)}
