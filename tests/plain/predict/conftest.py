"""Models and predictions made by hand, a process that is played, and a cache of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model
from essentia_ldl.predict import worker
from essentia_ldl.predict.ask import Question, predict_files
from essentia_ldl.records import Prediction

MUSICNN = "TensorflowPredictMusiCNN"


@pytest.fixture(autouse=True)
def _environment(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    monkeypatch.delenv("ESSENTIA_LDL_VERBOSE", raising=False)


def build_model(name: str = "sad-1", classes=("non_sad", "sad"), needs: dict | None = None, **extra) -> Model:
    """Make a model of a card alone; `needs` makes it a head, `extra` is what stands under our own key."""
    inference = {"sample_rate": 16000, "algorithm": "TensorflowPredict2D" if needs else MUSICNN}
    if needs:
        inference["embedding_model"] = needs
    fields = {
        "name": name,
        "type": "multi-class classifier",
        "classes": list(classes),
        "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
        "inference": inference,
        "essentia_ldl": extra,
    }
    return Model(name, f"/graphs/{name}.pb", GraphCard(fields))


def build_prediction(
    path="a.mp3", model="sad-1", classes=("non_sad", "sad"), segments=((0.25, 0.75), (0.5, 0.5)), **more
) -> Prediction:
    """Make a prediction of two patches."""
    segments = np.array(segments, dtype=np.float32)
    return Prediction(path, model, tuple(classes), segments.mean(axis=0), segments, more.pop("duration_s", 4.5), **more)


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Model]:
    """The function `build_model`."""
    return build_model


@pytest.fixture(scope="session")
def make_prediction() -> Callable[..., Prediction]:
    """The function `build_prediction`."""
    return build_prediction


class Worker:
    """Stands for the sound zone's process: one script per start, each a function of the job that yields answers."""

    def __init__(self, *scripts):
        self.scripts, self.jobs, self.settings = list(scripts), [], []

    def __call__(self, job, setting):
        self.jobs.append({**job, "files": list(job["files"])})
        self.settings.append(setting)
        yield from self.scripts.pop(0)(job)


@pytest.fixture
def ask(monkeypatch) -> Callable[..., tuple[list, Worker]]:
    """A function (files, *scripts) -> the results of `predict_files`, and the `Worker` that answered."""

    def run(files, *scripts, models=None, question=None, started=None, warn=None):
        played = Worker(*scripts)
        monkeypatch.setattr(worker, "_converse", played)
        monkeypatch.setattr(worker, "start_worker", lambda setting: setting)
        results = list(
            predict_files(models or [build_model()], files, Path("/nowhere"), question or Question(), started, warn)
        )
        assert played.scripts == [], "every process was needed"
        return results, played

    return run


def answer(path):
    """What the process says of a file."""
    told = {"path": path, "model": "sad-1", "classes": ["non_sad", "sad"], "duration_s": 3.0, "notes": ["padded"]}
    return {"result": path, "predictions": [{**told, "uncertainty": {}, "segments": [[0.25, 0.75], [0.5, 0.5]]}]}


@pytest.fixture(scope="session")
def answers() -> Callable[[str], dict]:
    """The function `answer`."""
    return answer


@pytest.fixture(scope="session")
def all_well() -> Callable[[dict], Iterator[dict]]:
    """The script of a process that answers for every file."""

    def script(job):
        yield {"ready": True}
        for path in list(job["files"]):
            yield {"start": path}
            yield answer(path)

    return script


@pytest.fixture(scope="session")
def dies_in() -> Callable[[str], Callable[[dict], Iterator[dict]]]:
    """A function (path) -> the script of a process that dies in that file."""

    def make(victim):
        def script(job):
            yield {"ready": True}
            for path in list(job["files"]):
                yield {"start": path}
                if path == victim:
                    return
                yield answer(path)

        return script

    return make


@pytest.fixture(scope="session")
def dies_at_once() -> Callable[[dict], Iterator[dict]]:
    """The script of a process that dies before it says anything."""
    return lambda job: iter(())
