"""What networks make of a file: the numbers of the graph on the patches of the store, in either engine."""

from __future__ import annotations

import dataclasses
import functools
import os

import numpy as np
import pytest

from essentia_ldl import taps
from essentia_ldl.errors import GraphError, StoreError
from essentia_ldl.features.joint_store import read_front_end
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.sound import joint
from essentia_ldl.sound.features import extract_features
from essentia_ldl.sound.graph import load_graph, run_graph
from essentia_ldl.sound.joint import choose_engine, compute_track, run_network

INPUT, NODE = "model/Placeholder", "model/dense/BiasAdd"


@pytest.fixture
def make_job(tmp_path, graphs, song, monkeypatch):
    monkeypatch.setitem(os.environ, "TF_NUM_INTRAOP_THREADS", "1")
    store = Store(tmp_path / "store")

    def make(quality: int = 4, **network) -> dict:
        network = {"graph": str(graphs / "msd-musicnn-1.pb"), "input_name": INPUT, "node": NODE, **network}
        return {
            "path": str(song),
            "content": store.remember(str(song)),
            "store": str(store.root),
            "front_end": dataclasses.asdict(read_front_end(quality)),
            "hop_frames": taps.HOP_FRAMES,
            "n_threads": 1,
            "networks": [{"engine": "tensorflow", "shared": False, "folder": str(tmp_path / "out"), **network}],
        }

    return make


@pytest.mark.parametrize(("engine", "shared"), [("tensorflow", False), ("openvino", False), ("openvino", True)])
@pytest.mark.parametrize("quality", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_a_file_becomes_features_of_its_patches(engine, shared, quality, make_job, tmp_path, monkeypatch):
    if engine == "openvino":
        pytest.importorskip("openvino")
    monkeypatch.setattr(joint, "SHARED_PATCHES", 2)  # so that a short file has several blocks
    job = make_job(quality, engine=engine, shared=shared)
    assert compute_track(job) == job["content"]
    found = np.load(array_path(tmp_path / "out", job["content"]))
    front_end = read_front_end(quality)
    bands = extract_features(job["path"], (front_end,))[0][front_end.name]
    assert np.array_equal(Store(job["store"]).read(job["content"], front_end), bands)
    starts = range(0, len(bands) - front_end.patch_frames + 1, taps.HOP_FRAMES)
    patches = np.stack([bands[start : start + front_end.patch_frames] for start in starts])
    graph = job["networks"][0]["graph"]
    expected = run_graph(load_graph(graph, INPUT, [NODE]), graph, INPUT, patches, [NODE])[NODE]
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.max(np.abs(found - expected)) < 1e-5 * np.max(np.abs(expected))


def test_bands_that_are_there_are_not_made_again(make_job, tmp_path, monkeypatch):
    job = make_job()
    random = np.random.default_rng(0).uniform(0, 3, (190, 96)).astype(np.float32)
    Store(job["store"]).write(job["content"], taps.FRONT_END, random)
    monkeypatch.setattr(joint, "extract_track", None)
    compute_track(job)
    assert len(np.load(array_path(tmp_path / "out", job["content"]))) == 1


def test_a_file_that_changed_meanwhile_is_told(make_job):
    with pytest.raises(StoreError, match=r"song\.wav has changed while it was read"):
        compute_track({**make_job(), "content": "0" * 64})


def test_numbers_that_are_not_finite_are_refused(make_job):
    network = make_job()["networks"][0]
    bands = np.full((190, 96), np.nan, np.float32)
    with pytest.raises(GraphError, match="features: expected finite numbers"):
        run_network(bands, taps.FRONT_END, network)


def test_the_engine_is_one_that_agrees(graphs, monkeypatch):
    job = {"path": str(graphs / "msd-musicnn-1.pb"), "input_name": INPUT, "node": NODE, "patch": [187, 96]}

    def choose(self, graph, *_, answer, shared):
        self.shared |= {graph} if shared else set()
        return answer

    for answer, shared, engine in ((True, True, "openvino"), (True, False, "openvino"), (False, False, "tensorflow")):
        chosen = functools.partialmethod(choose, answer=answer, shared=shared)
        monkeypatch.setattr(joint.Chooser, "choose", chosen)
        assert choose_engine(job) == {"engine": engine, "shared": shared}
