"""Models that are bytes with a card: what names and folders are made of needs no graph that runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.files import digest_file
from essentia_ldl.models.answers import write_answers
from essentia_ldl.models.folder import Model, read_model

NETWORKS = {
    "musicnn": "TensorflowPredictMusiCNN",
    "vgg": "TensorflowPredictMusiCNN",
    "vggish": "TensorflowPredictVGGish",
}


@pytest.fixture
def graphs(tmp_path: Path) -> Path:
    """The folder of models."""
    (tmp_path / "graphs").mkdir()
    return tmp_path / "graphs"


@pytest.fixture
def make_model(graphs: Path) -> Callable[..., Model]:
    """What writes a model of mood sad: on a network ("musicnn"), or a head on an extractor (below="msd-musicnn-1")."""

    def make(
        name: str,
        below: str = "",
        network: str = "musicnn",
        classes=("non_sad", "sad"),
        task: str = "mood sad",
        **extra,
    ) -> Model:
        graph = f"graph {name}".encode()
        inference = {"sample_rate": 16000, "algorithm": "TensorflowPredict2D" if below else NETWORKS[network]}
        if below:
            algorithm = NETWORKS[below.split("-")[1]]
            inference["embedding_model"] = {"algorithm": algorithm, "model_name": below, "link": ""}
        card = {
            "name": task,
            "type": "multi-class classifier",
            "link": "",
            "version": "1",
            "description": "moods",
            "author": "",
            "classes": list(classes),
            "dataset": {"name": "mine", "size": "9 tracks"},
            "schema": {
                "inputs": [{"name": "model/Placeholder", "type": "float", "shape": [200] if below else [187, 96]}],
                "outputs": [
                    {
                        "name": "model/Softmax",
                        "type": "float",
                        "shape": [len(classes)],
                        "output_purpose": "predictions",
                    },
                    {"name": "model/dense/BiasAdd", "type": "float", "shape": [100], "output_purpose": ""},
                ],
            },
            "inference": inference,
            "essentia_ldl": {
                "sha256": hashlib.sha256(graph).hexdigest(),
                **({} if below else {"backbone": network, "pretrained": "audioset" if network == "vggish" else "msd"}),
                **extra,
            },
        }
        path = graphs / f"{name}.pb"
        path.write_bytes(graph)
        path.with_suffix(".json").write_text(json.dumps(card))
        answers = {"model/Softmax": np.zeros((3, len(classes)), np.float32)}
        write_answers(path, digest_file(path), "model/Placeholder", (4,), (0.0, 1.0), lambda inputs: answers)
        return read_model(path)

    return make
