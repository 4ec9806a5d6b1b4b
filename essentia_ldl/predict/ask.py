"""What is asked: which files, which models, and what the process that predicts is told.

In: the user's arguments; out: `Prediction` and `Failure` records in the order of the files. The sound zone's process
does the work; when a file kills it, that file is a `Failure` and a new process takes the rest.
"""

from __future__ import annotations

import dataclasses
import glob
import itertools
import os
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.content import AUDIO_SUFFIXES
from essentia_ldl.datasets.folder import PassedOver, walk_audio
from essentia_ldl.errors import AudioError, CardError, DataError, GraphError, explain
from essentia_ldl.models.algorithms import of_algorithm
from essentia_ldl.models.card import find_front_end
from essentia_ldl.models.folder import Model, choose_models, find_extractor, find_model, list_models
from essentia_ldl.predict import worker
from essentia_ldl.predict.engines import BF16_NOTE, ENGINES, PRECISIONS, recall_comparisons
from essentia_ldl.predict.worker import ENDED_EARLY, ask_worker
from essentia_ldl.records import Failure, FrontEnd, Prediction
from essentia_ldl.urls import is_url, list_url

N_QUALITIES = 5  # of Essentia's Resample


@dataclasses.dataclass(frozen=True)
class Question:
    """What is wanted of the models for each file.

    Parameters
    ----------
    models : tuple[str, ...]
        Names in graphs/, or .pb files; empty takes what `models.folder.choose_models` chooses.
    patch_hop_frames : int or None
        Distance between patch starts; None takes that of each model's card.
    segments : bool
        Every patch, not only their mean.
    uncertainty : bool
        How sure each model is of the track: the entropies of the graphs that have them.
    min_confidence : float or None
        A label, which is "uncertain" below that probability; None wants none. Taggers have no label.
    engine : str
        "essentia", "openvino", or "auto" for OpenVINO where it agrees with Essentia on this machine.
    precision : str
        "f32", or "bf16" in OpenVINO.
    resample_quality : int or None
        Of the loader, 0 (best) to 4 (fastest); None takes that of each model's card. MonoLoader's own default is 1.
    notes : bool
        A last column of the csv with what the user should know of a file, such as "padded"; json has it always.

    Raises
    ------
    DataError
        When a number is out of range.
    """

    models: tuple[str, ...] = ()
    patch_hop_frames: int | None = None
    segments: bool = False
    uncertainty: bool = False
    min_confidence: float | None = None
    engine: str = "auto"
    precision: str = "f32"
    resample_quality: int | None = None
    notes: bool = False

    def __post_init__(self) -> None:
        if self.patch_hop_frames is not None and self.patch_hop_frames < 1:
            remedy = "Take a longer one, or none for that of the card."
            raise DataError(explain("patch hop", "1 frame or more", self.patch_hop_frames, "question", remedy))
        if self.resample_quality is not None and self.resample_quality not in range(N_QUALITIES):
            rule, remedy = f"0 to {N_QUALITIES - 1}", "Take one of them, or none for that of the card."
            raise DataError(explain("resampling quality", rule, self.resample_quality, "question", remedy))
        if self.min_confidence is not None and not 0 <= self.min_confidence <= 1:
            remedy = "Take a probability, or none for no label."
            raise DataError(explain("min_confidence", "0 to 1", self.min_confidence, "question", remedy))
        for name, value, known in (("engine", self.engine, ENGINES), ("precision", self.precision, PRECISIONS)):
            if value not in known:
                raise DataError(explain(name, f"one of {', '.join(known)}", value, "question", "Choose one of them."))
        if self.engine == "essentia" and self.precision != "f32":
            remedy = "Take --engine openvino, or leave --precision out."
            raise DataError(explain("precision", "f32 in Essentia", self.precision, "question", remedy))


def expand_files(arguments: Sequence[str], say: Callable[[str], object] | None = None) -> list[str]:
    """Turn files, folders, glob patterns and URLs of those into files.

    Parameters
    ----------
    arguments : sequence of str
        A folder gives every audio file below it; a name with ``*``, ``?`` or ``[`` that is no file is a pattern.
    say : callable or None
        Gets a sentence per kind of what was passed over in folders. With it, an argument that gives nothing beside
        others that do is among the files, so that it fails alone.

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
    passed, empty = PassedOver(), []
    for argument in arguments:
        n_found = 0
        for n_found, path in enumerate(_list_files(argument, passed), 1):  # noqa: B007
            files[path] = None
        if n_found == 0:
            empty.append(argument)
            files[argument] = None
    if empty and (say is None or len(empty) == len(arguments)):
        raise AudioError(explain("audio", "at least one audio file", "none", empty[0], "Check the folder."))
    for sentence in passed.describe() if say is not None else ():
        say(sentence)
    return list(files)


def _list_files(argument: str, passed: PassedOver) -> Iterable[str]:
    """List the files that one argument means, a folder's as they are found."""
    if is_url(argument):
        return list_url(argument, AUDIO_SUFFIXES)
    if os.path.isdir(argument):
        return map(str, walk_audio(Path(argument), passed))
    if not os.path.exists(argument) and glob.has_magic(argument):
        return sorted(path for path in glob.iglob(argument, recursive=True) if os.path.isfile(path))
    return [argument]


def find_models(names: Sequence[str], graphs: Path) -> tuple[list[Model], list[str]]:
    """Find the models that names mean, or choose those of the folder when there is no name.

    Parameters
    ----------
    names : sequence of str
        Names in graphs/, or .pb files.
    graphs : Path
        The folder of models.

    Returns
    -------
    models : list[Model]
        At least one.
    problems : list[str]
        One sentence for every graph or card of the folder that cannot be used; empty where models are named.

    Raises
    ------
    EssentiaLdlError
        When a name has no usable model, or the folder has none.
    """
    if names:
        models = [find_model(name, graphs) for name in names]
        for model in models:
            if not model.card.output("predictions") and model.card.output("embeddings"):
                rule, remedy = "one that has classes", "It is for `index --model` and `train --extractor`."
                raise CardError(explain("model", rule, "an extractor of embeddings", model.name, remedy))
        return models, []
    listing = list_models(graphs)
    return choose_models(graphs, listing), listing[1]


def predict_files(
    models: Sequence[Model],
    files: Sequence[str],
    graphs: Path,
    question: Question = Question(),
    started: subprocess.Popen[str] | None = None,
    warn: Callable[[str], object] | None = None,
) -> Iterator[list[Prediction] | Failure]:
    """Run models on files, one result per file in the order of the files.

    Parameters
    ----------
    models : sequence of Model
        All of them run on every file, which is decoded once.
    files : sequence of str
        Audio files.
    graphs : Path
        Where the extractors of heads are.
    question : Question
        The distance between patches, whether entropies are wanted, and the engine.
    started : subprocess.Popen or None
        A process of `worker.start_worker` that was started early, to save time.
    warn : callable or None
        Gets a sentence for every graph that does not run as it was asked for.

    Yields
    ------
    list[Prediction] or Failure
        One `Prediction` per model.

    Raises
    ------
    EssentiaLdlError
        When a model cannot run at all.
    """
    asked = make_job(models, graphs, question)
    waiting = deque(files)  # the answers come in order, so that what is removed is at its front
    told: set[str] = set()
    while waiting:
        remembered = {} if question.engine == "essentia" else recall_comparisons()
        some = list(itertools.islice(waiting, worker.N_FILES))
        job = {**asked, "files": some, "remembered": remembered}
        current, n_waiting = None, len(waiting)
        for answer in ask_worker(job, started):
            for sentence in answer.get("warnings", ()) if warn is not None else ():
                if sentence not in told:
                    told.add(sentence)
                    warn(sentence)
            if "start" in answer:
                current = answer["start"]
            elif "failure" in answer:
                waiting.remove(answer["failure"])
                current = None
                yield Failure(answer["failure"], "predict", answer["reason"])
            elif "result" in answer:
                waiting.remove(answer["result"])
                current = None
                yield read_predictions(answer["predictions"], question.precision)
        started = None
        if current is None and len(waiting) == n_waiting:
            raise GraphError(ENDED_EARLY)
        if current is not None:
            waiting.remove(current)
            yield Failure(current, "predict", f"{current} killed the process that decoded it. Re-encode it.")


def make_job(models: Sequence[Model], graphs: Path, question: Question) -> dict[str, Any]:
    """Return what a process is told, except for the files and what this machine remembers.

    Raises
    ------
    EssentiaLdlError
        When the distance between patches does not fit a model, or the extractor of a head is missing.
    """
    requests = []
    for model in models:
        if question.patch_hop_frames is not None:
            _check_hop(model, question.patch_hop_frames)
        extractor = find_extractor(model, graphs)
        below = None if extractor is None else _request(extractor, question.resample_quality)
        requests.append({**_request(model, question.resample_quality), "extractor": below})
    names = ("patch_hop_frames", "uncertainty", "engine", "precision")
    return {"models": requests, **{name: getattr(question, name) for name in names}}


def _request(model: Model, resample_quality: int | None) -> dict[str, Any]:
    proved = "sha256" in model.card.extra  # `read_model` has compared it
    card = dict(model.card.fields)
    if resample_quality is not None:
        card["essentia_ldl"] = {**model.card.extra, "resample_quality": resample_quality}
    return {"name": model.name, "graph": model.graph, "card": card, "proved": proved}


def read_predictions(values: Sequence[dict[str, Any]], precision: str) -> list[Prediction]:
    """Make records of what a process says of a file."""
    return [_read_prediction(value, precision) for value in values]


def _read_prediction(value: dict[str, Any], precision: str) -> Prediction:
    notes = [*value["notes"], *([BF16_NOTE] if precision == "bf16" else [])]
    segments = np.array(value["segments"], dtype=np.float32)
    return Prediction(
        value["path"],
        value["model"],
        tuple(value["classes"]),
        segments.mean(axis=0),
        segments,
        value["duration_s"],
        tuple(notes),
        value["uncertainty"],
    )


def segment_times(model: Model, n_segments: int, patch_hop_frames: int | None = None) -> list[tuple[float, float]]:
    """Return when every patch begins and ends.

    Parameters
    ----------
    model : Model
        Whose card tells the patches.
    n_segments : int
        How many patches there are.
    patch_hop_frames : int or None
        Distance between patch starts; None takes the card's.

    Returns
    -------
    list[tuple[float, float]]
        Start and end in seconds.
    """
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
    front_end = of_algorithm(embedding["algorithm"], model.name, name, stem)
    names = ("patch_frames", "patch_hop_frames")
    return dataclasses.replace(front_end, **{name: int(own.get(name, getattr(front_end, name))) for name in names})


def _check_hop(model: Model, patch_hop_frames: int) -> None:
    """Refuse a distance that leaves frames out; Essentia would say so for every file, in its own words."""
    front_end = _front_end(model)
    if not front_end.patch_hop_samples and patch_hop_frames > front_end.patch_frames:
        rule = f"1 to {front_end.patch_frames}, the frames of a patch"
        remedy = "Take a shorter one, or leave the model out."
        raise DataError(explain("patch hop", rule, patch_hop_frames, model.name, remedy))
