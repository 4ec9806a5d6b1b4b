"""Embedding spaces from audio to an extractor that Essentia runs, and that everything else takes."""

from __future__ import annotations

import json

import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.collection.read import Source
from essentia_ldl.errors import GraphError
from essentia_ldl.files import Home
from essentia_ldl.sound.spaces import verify_space
from essentia_ldl.spaces.artists import learn_space, make_asked


@pytest.fixture(scope="module")
def learned(demo_home, tmp_path_factory):
    """A home with a space that was learned from the demo of mood-sad, and what was told."""
    home = Home(demo_home(tmp_path_factory.mktemp("space") / "home"))
    source, said = Source(home.demos / "mood-sad"), []
    return home, learn_space(make_asked(epochs=1, name="mine"), source, home, say=said.append), said


@pytest.mark.slow
def test_a_space_is_learned_verified_and_not_learned_again(learned):
    home, done, _ = learned
    assert done.model == "mine_artist-musicnn-1"
    report = json.loads((done.run / "export" / "verify.json").read_text())
    assert all(value <= 1e-4 for value in report["golden"]["mine_artist-musicnn"].values())
    assert len(report["audio"]) == 2
    said = []
    again = learn_space(make_asked(epochs=1, name="mine"), Source(home.demos / "mood-sad"), home, say=said.append)
    assert (again.repeated, again.model) == (True, done.model)
    assert any("trained before" in line for line in said)


@pytest.mark.slow
def test_essentia_runs_it_and_heads_and_indices_stand_on_it(learned, song, run_command):
    home, done, _ = learned
    graph = home.graphs / f"{done.model}.pb"
    audio = es.MonoLoader(filename=str(song), sampleRate=16000, resampleQuality=4)()
    vectors = es.TensorflowPredictMusiCNN(graphFilename=str(graph), output="model/embeddings")(audio)
    assert np.asarray(vectors).shape[1] == 200
    index = home.root / "lib.index"
    assert done.model in run_command(home.root, "index", str(song), "-o", str(index), "--model", done.model)
    assert run_command(home.root, "similar", str(song), "--index", str(index)).strip() == "nothing is left"
    options = ("--labels", "none", "--extractor", done.model, "--set", "training.epochs=2")
    told = run_command(home.root, "train", "mood-sad", "--data", str(home.demos / "mood-sad"), *options)
    assert "mood_sad-mine_artist-musicnn" in told


@pytest.mark.slow
def test_a_head_stands_on_a_network_that_was_learned_from_scratch(learned, song, run_command):
    home = learned[0]
    demo = home.demos / "mood-sad"
    run_command(home.root, "space", "artists", str(demo), "--network", "artists", "--epochs", "1", "--name", "whole")
    options = ("--labels", "none", "--extractor", "whole_artist-artists-1", "--set", "training.epochs=2")
    told = run_command(home.root, "train", "mood-sad", "--data", str(demo), *options)
    assert "verified in Essentia: 1 graph," in told
    [name] = [path.stem for path in home.graphs.glob("*whole_artist-artists-1.pb") if "mood_sad" in path.stem]
    found = {
        engine: run_command(home.root, "predict", "-m", name, "--engine", engine, "--format", "csv", str(song))
        for engine in ("essentia", "openvino")
    }
    numbers = [float(line.rpartition(",")[2]) for line in found["essentia"].splitlines()[1:]]
    assert sum(numbers) == pytest.approx(1, abs=1e-5)
    others = [float(line.rpartition(",")[2]) for line in found["openvino"].splitlines()[1:]]
    assert others == pytest.approx(numbers, abs=1e-4)


@pytest.mark.slow
def test_a_graph_that_answers_otherwise_is_refused(learned):
    _, done, _ = learned
    path = done.run / "export" / "mine_artist-musicnn.golden.npz"
    with np.load(path) as arrays:
        values = dict(arrays)
    values["model__embeddings_0"] = values["model__embeddings_0"] * 1.01
    before = path.read_bytes()
    np.savez(path, **values)
    with pytest.raises(GraphError, match="model/embeddings: expected what Keras computed"):
        verify_space(done.run)
    path.write_bytes(before)
    assert verify_space(done.run)["golden"]
