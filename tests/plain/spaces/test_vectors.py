"""Vectors of tracks by a model: made once, kept by content and graph, and files that cannot be used."""

from __future__ import annotations

import json

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.files import Home, digest_file
from essentia_ldl.records import Failure, Prediction, Track
from essentia_ldl.spaces import vectors
from essentia_ldl.spaces.vectors import embed_tracks


@pytest.fixture
def home(tmp_path):
    """A home with a model of two outputs; its graph is never run here."""
    (tmp_path / "graphs").mkdir()
    graph = tmp_path / "graphs" / "net-1.pb"
    graph.write_bytes(b"graph with model/other")
    outputs = [{"name": "model/e", "shape": [3], "output_purpose": "embeddings"}, {"name": "model/other", "shape": [3]}]
    card = {"name": "net", "type": "embedding extractor", "schema": {"inputs": [{"name": "x"}], "outputs": outputs}}
    card |= {"inference": {"algorithm": "TensorflowPredictMusiCNN", "sample_rate": 16000}}
    card |= {"essentia_ldl": {"sha256": digest_file(graph)}}
    graph.with_suffix(".json").write_text(json.dumps(card))
    return Home(tmp_path)


@pytest.fixture
def tracks(tmp_path):
    for n in range(3):
        (tmp_path / f"{n}.wav").write_bytes(bytes([n]))
    return [Track(f"{n}.wav", str(tmp_path / f"{n}.wav"), "sad") for n in range(3)]


@pytest.fixture
def asked(monkeypatch):
    """The files that were embedded, in turn; the last of three is silent."""
    asked = []

    def predict(models, files, graphs, question, workers, warn):
        assert models[0].card.classes == ("0", "1", "2")
        for index, path in enumerate(files):
            asked.append(path)
            if path.endswith("2.wav"):
                yield index, Failure(path, "predict", "silent")
            else:
                segments = np.array([[1.0, 0.0, 0.0], [0.0, float(path[-5]), 0.0]], np.float32)
                values = {"path": path, "duration_s": 3.0, "probabilities": segments.mean(axis=0), "segments": segments}
                yield index, [Prediction(model="net-1", classes=("0", "1", "2"), **values)]

    monkeypatch.setattr(vectors, "predict_many", predict)
    return asked


def test_a_vector_is_the_mean_of_a_track_and_is_made_once(home, tracks, asked):
    found, failures = embed_tracks("net-1", tracks, home)
    np.testing.assert_allclose(found["1.wav"], [0.5, 0.5, 0.0])
    assert list(found) == ["0.wav", "1.wav"]
    assert [failure.reason for failure in failures] == ["silent"]
    again, _ = embed_tracks("net-1", tracks, home)
    assert len(asked) == 3 + 1, "only the file without a vector is asked again"
    np.testing.assert_array_equal(again["1.wav"], found["1.wav"])
    embed_tracks("net-1:model/other", tracks, home)
    assert len(asked) == 3 + 1 + 3, "another output has vectors of its own"


def test_a_damaged_vector_is_made_again(home, tracks, asked):
    embed_tracks("net-1", tracks[:1], home)
    [path] = home.store.rglob("*.npy")
    path.write_bytes(b"damaged")
    assert list(embed_tracks("net-1", tracks[:1], home)[0]) == ["0.wav"]
    assert len(asked) == 2


def test_a_file_that_is_gone_is_a_failure_and_none_at_all_an_error(home, tracks, asked):
    gone = Track("x.wav", "/nowhere/x.wav", "sad")
    _, [failure] = embed_tracks("net-1", [tracks[0], gone], home)
    assert failure.path == "/nowhere/x.wav"
    with pytest.raises(DataError, match="tracks: expected at least one that can be used"):
        embed_tracks("net-1", [gone], home)
