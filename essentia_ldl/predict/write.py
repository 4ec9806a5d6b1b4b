"""What `predict` writes: text, json or csv, as the answers come. In: `Prediction` records; out: one document.

Nothing else of the command writes output. A document on disk appears under its name when all of it is written.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from essentia_ldl.errors import DataError, StoreError, explain
from essentia_ldl.models.folder import Model
from essentia_ldl.predict.ask import Question, segment_times
from essentia_ldl.records import Prediction
from essentia_ldl.scores.uncertainty import (
    ENTROPIES,
    ENTROPY,
    EXPECTED,
    MUTUAL,
    PREDICTIVE,
    UNCERTAIN,
    choose_label,
    describe_prediction,
)

FORMS = ("text", "json", "csv")
N_TOP_TAGS = 10


@dataclasses.dataclass(frozen=True)
class Output:
    """Where the answers go, and in which form.

    Parameters
    ----------
    form : str
        "text", "json" or "csv".
    path : str or None
        A file, a pipe or a device; None is the standard output.

    Raises
    ------
    DataError
        When there is no such form.
    """

    form: str = "text"
    path: str | None = None

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise DataError(explain("format", "text, json or csv", self.form, "output", "Choose one of them."))

    @contextlib.contextmanager
    def open(self) -> Iterator[TextIO]:
        """Yield a stream for the document; a file appears when the block ends well, until then it ends in .part.

        Raises
        ------
        StoreError
            When the file cannot be opened.
        """
        if self.path is None:
            sys.stdout.reconfigure(errors="surrogateescape")  # file names need not be UTF-8
            yield sys.stdout
            return
        if Path(self.path).is_dir():
            raise StoreError(explain("output", "a file to write", "a folder", self.path, "Choose another."))
        direct = os.path.exists(self.path) and not os.path.isfile(self.path)  # a pipe or a device
        part = Path(self.path if direct else f"{self.path}.part")
        try:
            stream = open(part, "w", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115  (closed below)
        except OSError as error:
            reason = error.strerror
            raise StoreError(explain("output", "a file to write", reason, self.path, "Choose another.")) from None
        try:
            yield stream
            stream.close()
            if not direct:
                os.replace(part, self.path)
        except BaseException:  # Ctrl-C too: an unfinished document is of no use
            with contextlib.suppress(OSError):  # closing a full disk's file fails once more
                stream.close()
            if not direct:
                part.unlink(missing_ok=True)
            raise


class Writer:
    """Write predictions as they come, in one format; `close` ends the document.

    Parameters
    ----------
    write : callable
        Gets pieces of text.
    form : str
        "text", "json" or "csv".
    models : sequence of Model
        For the times of segments and the kind of output.
    question : Question
        Which of the details are wanted: every patch, entropies, a label.
    """

    def __init__(self, write: Callable[[str], object], form: str, models: Sequence[Model], question: Question) -> None:
        self._write, self._form, self._question = write, form, question
        self._models = {model.name: model for model in models}
        self._n_written = 0
        if form == "csv":
            times = ["start_s", "end_s"] if question.segments else []
            labels = [] if question.min_confidence is None else ["label"]
            entropies = [ENTROPY, *ENTROPIES] if question.uncertainty else []
            precision = [] if question.precision == "f32" else ["precision"]
            self._rows([["path", "model", *times, "class", "probability", *labels, *entropies, *precision]])

    def add(self, predictions: list[Prediction]) -> None:
        """Write the predictions of one file."""
        if self._form == "csv":
            self._add_csv(predictions)
        elif self._form == "json":
            for prediction in predictions:
                start = "[\n" if self._n_written == 0 else ",\n"
                self._write(start + json.dumps(self._as_json(prediction), ensure_ascii=False))
                self._n_written += 1
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

    def _label(self, prediction: Prediction) -> str | None:
        """Return the label that was asked for; None for a tagger."""
        if self._question.min_confidence is None:
            return None
        if self._models[prediction.model].card.fields["type"] == "auto-tagging":
            return None
        return choose_label(prediction, self._question.min_confidence)

    def _add_csv(self, predictions: list[Prediction]) -> None:
        for prediction in predictions:
            key = [prediction.path, prediction.model]
            more = [] if self._question.min_confidence is None else [self._label(prediction) or ""]
            if self._question.uncertainty:
                values = describe_prediction(prediction).values()
                more += ["" if value is None else f"{value:.6f}" for value in values]
            more += [] if self._question.precision == "f32" else [self._question.precision]
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
            "probabilities": _rounded(prediction.classes, prediction.probabilities),
        }
        if self._question.precision != "f32":
            value["precision"] = self._question.precision
        if self._question.min_confidence is not None:
            value["label"] = self._label(prediction)
        if self._question.uncertainty:
            found = describe_prediction(prediction)
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
            if len(classes) > N_TOP_TAGS:
                lines.append(f"  {prediction.model}")
                lines += [f"    {prediction.probabilities[i]:.2f}  {classes[i]}" for i in order[:N_TOP_TAGS]]
            else:
                ranked = "   ".join(f"{classes[i]} {prediction.probabilities[i]:.2f}" for i in order)
                refused = f"{UNCERTAIN}   " if self._label(prediction) == UNCERTAIN else ""
                lines.append(f"  {prediction.model:<{width}}   {refused}{ranked}")
            if self._question.uncertainty:
                lines.append(f"    {_spell(describe_prediction(prediction))}")
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
