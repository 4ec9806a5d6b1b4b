"""A model of a card alone, and a process that is played: the embedding of a file, and its tags, are what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from essentia_ldl.models.folder import Model, find_model
from essentia_ldl.predict import worker


@pytest.fixture(autouse=True)
def _environment(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def write_model(tmp_path) -> Callable[..., Model]:
    """A function (name, nodes, content, tags, **inference) -> a model in graphs/ with two numbers of embedding."""

    def write(name="msd-musicnn-1", nodes=("emb",), content="a graph", shape=(2,), tags=(), **inference) -> Model:
        graphs = tmp_path / "graphs"
        graphs.mkdir(exist_ok=True)
        outputs = [{"name": node, "shape": list(shape), "output_purpose": "embeddings"} for node in nodes]
        algorithm = {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN", **inference}
        schema = {"inputs": [{"name": "in"}], "outputs": outputs}
        card = {"name": name, "type": "auto-tagging", "schema": schema, "inference": algorithm}
        if tags:
            outputs.append({"name": "tags", "shape": [len(tags)], "output_purpose": "predictions"})
            card["classes"] = list(tags)
        (graphs / f"{name}.pb").write_text(content)
        (graphs / f"{name}.json").write_text(json.dumps(card))
        return find_model(name, graphs)

    return write


@pytest.fixture
def graphs(write_model, tmp_path) -> Path:
    """A folder of graphs with one model."""
    write_model()
    return tmp_path / "graphs"


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The files that a played process was asked for. A file says its patches, such as "1 0, 0 1"; others fail.

    What the second of two models answers comes after a semicolon, or is all that there is where tags alone are wanted.
    """
    files: list[str] = []

    def converse(job, process):
        yield {"ready": True}
        for path in list(job["files"]):
            files.append(path)
            yield {"start": path}
            try:
                parts = Path(path).read_text().split(";")[-len(job["models"]) :]
                answers = [[[float(x) for x in row.split()] for row in part.split(",")] for part in parts]
            except (ValueError, OSError):
                yield {"failure": path, "reason": f"{path} is no audio. Leave it out."}
                continue
            told = {"path": path, "duration_s": 30.4, "notes": [], "uncertainty": {}}
            predictions = [
                {**told, "model": model["name"], "classes": model["card"]["classes"], "segments": rows}
                for model, rows in zip(job["models"], answers, strict=True)
            ]
            yield {"result": path, "predictions": predictions}

    monkeypatch.setattr(worker, "_converse", converse)
    monkeypatch.setattr(worker, "start_worker", lambda *_, **__: None)
    return files


@pytest.fixture
def make_music(tmp_path) -> Callable[..., Path]:
    """A function (name=text, ...) -> a folder of files that a played process embeds."""

    def make(**texts: str) -> Path:
        folder = tmp_path / "music"
        folder.mkdir(exist_ok=True)
        for name, text in texts.items():
            (folder / f"{name}.wav").write_text(text)
        return folder

    return make
