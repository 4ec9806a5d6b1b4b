"""The asking side of `predict`: which files, which process, and what the user sees.

In: models and the user's arguments; out: `Prediction` and `Failure` records, and their text, json or csv. The sound
zone's process does the work; when a file kills it, that file is a `Failure` and a new process takes the rest.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import glob
import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import errors, frontends
from essentia_ldl.datasets.folder import list_audio
from essentia_ldl.errors import AudioError, DataError, GraphError, explain
from essentia_ldl.models.card import find_front_end
from essentia_ldl.models.folder import Model, find_extractor
from essentia_ldl.predict import onednn
from essentia_ldl.predict.worker import start_worker
from essentia_ldl.records import Failure, FrontEnd, Prediction
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

N_TOP_TAGS = 10


def expand_files(arguments: Sequence[str]) -> list[str]:
    """Turn files, folders and glob patterns into files.

    Parameters
    ----------
    arguments : sequence of str
        A folder gives every audio file below it; a name with ``*``, ``?`` or ``[`` that is no file is a pattern.

    Returns
    -------
    list[str]
        Each once, in the order given.

    Raises
    ------
    AudioError
        When a folder or a pattern gives nothing.
    """
    files: dict[str, None] = {}
    for argument in arguments:
        found = [argument]
        if os.path.isdir(argument):
            found = [str(path) for path in list_audio(Path(argument))]
        elif not os.path.exists(argument) and glob.has_magic(argument):
            found = sorted(path for path in glob.glob(argument, recursive=True) if os.path.isfile(path))
        if not found:
            raise AudioError(explain("audio", "at least one audio file", "none", argument, "Check the folder."))
        files.update(dict.fromkeys(found))
    return list(files)


def predict_files(
    models: Sequence[Model],
    files: Sequence[str],
    graphs: Path,
    patch_hop_frames: int | None = None,
    started: subprocess.Popen[str] | None = None,
    *,
    uncertainty: bool = False,
) -> Iterator[list[Prediction] | Failure]:
    """Run models on files, one result a file in the order of the files.

    Parameters
    ----------
    models : sequence of Model
        All of them run on every file, which is decoded once.
    files : sequence of str
        Audio files.
    graphs : Path
        Where the extractors of heads are.
    patch_hop_frames : int or None
        Distance between patch starts; None takes the card's.
    started : subprocess.Popen or None
        A process of `workers.start_worker` that was started early, to save time.
    uncertainty : bool
        Whether to read the entropies of the graphs that have them.

    Yields
    ------
    list[Prediction] or Failure
        One `Prediction` a model.

    Raises
    ------
    EssentiaLdlError
        When a model cannot run at all.
    """
    requests = []
    for model in models:
        if patch_hop_frames is not None:
            _check_hop(model, patch_hop_frames)
        extractor = find_extractor(model, graphs)
        requests.append({**_request(model), "extractor": None if extractor is None else _request(extractor)})
    waiting = list(files)
    while waiting:
        job = {
            "models": requests,
            "files": waiting,
            "patch_hop_frames": patch_hop_frames,
            "uncertainty": uncertainty,
            "onednn_accepted": onednn.is_accepted(),
        }
        current, n_waiting = None, len(waiting)
        for answer in _ask(job, started):
            if "start" in answer:
                current = answer["start"]
            elif "failure" in answer:
                waiting.remove(answer["failure"])
                current = None
                yield Failure(answer["failure"], "predict", answer["reason"])
            elif "result" in answer:
                waiting.remove(answer["result"])
                current = None
                yield [_prediction(value) for value in answer["predictions"]]
        started = None
        if current is None and len(waiting) == n_waiting:
            raise GraphError(
                explain("prediction", "a process that runs", "it ended early", "predict", "Try `essentia-ldl doctor`.")
            )
        if current is not None:
            waiting.remove(current)
            reason = explain("audio", "a file that the decoder survives", "the process died", current, "Re-encode it.")
            yield Failure(current, "predict", reason)


def _request(model: Model) -> dict[str, Any]:
    proved = "sha256" in model.card.extra  # `read_model` has compared it
    return {"name": model.name, "graph": model.graph, "card": dict(model.card.fields), "proved": proved}


def _ask(job: dict[str, Any], started: subprocess.Popen[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the answers of the sound zone's process; `started` may be one that waits for its job already.

    oneDNN makes MusiCNN 1.5 to 2 times faster in Essentia's TensorFlow 2.5, but on some processors (AMD with AVX-512)
    it divides by zero while it plans a convolution. So it is tried, and a processor on which it kills the process
    before the first answer is remembered.
    """
    settings = onednn.settings()
    for setting in settings:
        answered = False
        for answer in _converse(job, started or start_worker(setting)):
            if not answered and settings == ("1", "0") and setting == "0" and not job["onednn_accepted"]:
                onednn.refuse()  # without it the process answers, with it it did not
            if not answered and setting == "1" and not job["onednn_accepted"]:
                onednn.accept()
            answered = True
            yield answer
        if answered:
            return
        started = None


def _converse(job: dict[str, Any], process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    try:
        with contextlib.suppress(BrokenPipeError):  # a process that died already is told by its missing answers
            json.dump(job, process.stdin)
            process.stdin.close()
        for line in process.stdout:
            if not line.endswith("\n"):  # killed while it wrote
                break
            answer = json.loads(line)
            if "error" in answer:
                raise getattr(errors, answer["type"], GraphError)(answer["error"])
            yield answer
        process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _prediction(value: dict[str, Any]) -> Prediction:
    segments = np.array(value["segments"], dtype=np.float32)
    return Prediction(
        value["path"],
        value["model"],
        tuple(value["classes"]),
        segments.mean(axis=0),
        segments,
        value["duration_s"],
        tuple(value["notes"]),
        value.get("uncertainty", {}),
    )


def segment_times(model: Model, n_segments: int, patch_hop_frames: int | None = None) -> list[tuple[float, float]]:
    """Return start and end of every patch in seconds."""
    front_end = _front_end(model)
    rate_hz = front_end.sample_rate_hz
    hop, size = front_end.patch_step_samples / rate_hz, front_end.patch_frames * front_end.hop_samples / rate_hz
    if patch_hop_frames:
        hop = patch_hop_frames * front_end.hop_samples / rate_hz
    if front_end.patch_hop_samples:  # a window around its time, not from it on
        return [(max(0.0, i * hop - 0.5), i * hop + 0.5) for i in range(n_segments)]
    return [(i * hop, i * hop + size) for i in range(n_segments)]


def _front_end(model: Model) -> FrontEnd:
    """Return what a model reads; a head's own card says what its extractor reads."""
    embedding = model.card.embedding_model
    if embedding is None:
        return find_front_end(model.card, model.name)
    own = model.card.extra
    name, stem = str(own.get("front_end", "")), str(embedding.get("model_name", ""))
    front_end = frontends.of_algorithm(embedding["algorithm"], model.name, name, stem)
    names = ("patch_frames", "patch_hop_frames")
    return dataclasses.replace(front_end, **{name: int(own.get(name, getattr(front_end, name))) for name in names})


def _check_hop(model: Model, patch_hop_frames: int) -> None:
    """Refuse a distance that leaves frames out; Essentia would say so for every file, in its own words."""
    front_end = _front_end(model)
    if not front_end.patch_hop_samples and patch_hop_frames > front_end.patch_frames:
        rule = f"1 to {front_end.patch_frames}, the frames of a patch"
        remedy = "Take a shorter one, or leave the model out."
        raise DataError(explain("patch hop", rule, patch_hop_frames, model.name, remedy))


Write = Callable[[str], None]


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
    segments : bool
        Also write every patch.
    patch_hop_frames : int or None
        As in `predict_files`.
    uncertainty : bool
        Also write how sure each model is of the track; see `uncertainty.describe_prediction`.
    min_confidence : float or None
        Also write a label, which is "uncertain" below that probability; None writes none. Taggers have no label.
    """

    def __init__(
        self,
        write: Write,
        form: str,
        models: Sequence[Model],
        segments: bool,
        patch_hop_frames: int | None = None,
        *,
        uncertainty: bool = False,
        min_confidence: float | None = None,
    ) -> None:
        self._uncertainty, self._min_confidence = uncertainty, min_confidence
        self._write, self._form, self._segments = write, form, segments
        self._models = {model.name: model for model in models}
        self._hop = patch_hop_frames
        self._n_written = 0
        if form == "csv":
            times = ["start_s", "end_s"] if segments else []
            labels = [] if min_confidence is None else ["label"]
            entropies = [ENTROPY, *ENTROPIES] if uncertainty else []
            self._rows([["path", "model", *times, "class", "probability", *labels, *entropies]])

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
        return segment_times(self._models[prediction.model], len(prediction.segments), self._hop)

    def _rows(self, rows: list[list[Any]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._write(text.getvalue())

    def _label(self, prediction: Prediction) -> str | None:
        """Return the label that was asked for; None for a tagger."""
        if self._min_confidence is None:
            return None
        if self._models[prediction.model].card.fields["type"] == "auto-tagging":
            return None
        return choose_label(prediction, self._min_confidence)

    def _add_csv(self, predictions: list[Prediction]) -> None:
        for prediction in predictions:
            key = [prediction.path, prediction.model]
            more = [] if self._min_confidence is None else [self._label(prediction) or ""]
            if self._uncertainty:
                values = describe_prediction(prediction).values()
                more += ["" if value is None else f"{value:.6f}" for value in values]
            if not self._segments:
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
        if self._min_confidence is not None:
            value["label"] = self._label(prediction)
        if self._uncertainty:
            found = describe_prediction(prediction)
            value["uncertainty"] = {name: None if x is None else round(x, 6) for name, x in found.items()}
        if self._segments:
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
            if self._uncertainty:
                lines.append(f"    {_spell(describe_prediction(prediction))}")
            if self._segments:
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
