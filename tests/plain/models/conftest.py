"""Models of bytes and a card, in a folder of graphs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest


def make_card(graph: bytes, kind: str = "music classification", needs: dict | None = None, **extra: object) -> dict:
    inference = {"sample_rate": 16000, "algorithm": "TensorflowPredict2D" if needs else "TensorflowPredictMusiCNN"}
    if needs:
        inference["embedding_model"] = needs
    return {
        "name": "mood sad",
        "type": kind,
        "link": "classifiers/mood_sad/mood_sad.pb",
        "classes": ["non_sad", "sad"],
        "schema": {
            "inputs": [{"name": "model/Placeholder", "shape": [187, 96]}],
            "outputs": [{"name": "model/Sigmoid", "output_purpose": "predictions", "shape": [1, 2]}],
        },
        "inference": inference,
        "essentia_ldl": {"sha256": hashlib.sha256(graph).hexdigest(), **extra},
    }


@pytest.fixture(scope="session")
def write_model() -> Callable[..., Path]:
    """A function (folder, name, bytes of the graph, what the card says) -> the .pb."""

    def write(folder: Path, name: str, graph: bytes = b"graph", **card: object) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.pb").write_bytes(graph)
        (folder / f"{name}.json").write_text(json.dumps(make_card(graph, **card)))
        return folder / f"{name}.pb"

    return write


@pytest.fixture
def graphs(tmp_path: Path) -> Path:
    """A folder for models."""
    (tmp_path / "graphs").mkdir()
    return tmp_path / "graphs"
