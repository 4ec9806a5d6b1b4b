"""Models under Essentia's names, in the ways in which programs load them."""

from __future__ import annotations

from pathlib import Path

import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.install.command import Allowed, Layout, install
from essentia_ldl.models.folder import read_model
from essentia_ldl.predict.ask import Question, predict_files

ANY = Allowed(demo=True)


@pytest.fixture(scope="module")
def audio(song) -> np.ndarray:
    return es.MonoLoader(filename=str(song), sampleRate=16000, resampleQuality=4)()


@pytest.mark.slow
def test_a_head_of_mirex_is_read_by_the_other_nodes(exported_run, graphs, song, audio, tmp_path):
    source = exported_run / "export" / "mood_sad-msd-musicnn.pb"
    layout = Layout(str(tmp_path), name="moods_mirex-msd-musicnn-1", with_extractor=True)
    done = install([str(source)], layout, graphs, print, ANY)
    assert [Path(path).name for _, path in done.graphs] == ["moods_mirex-msd-musicnn-1.pb", "msd-musicnn-1.pb"]
    path = done.graphs[0][1]
    embed = es.TensorflowPredictMusiCNN(graphFilename=str(tmp_path / "msd-musicnn-1.pb"), output="model/dense/BiasAdd")
    embeddings = embed(audio)
    expected = es.TensorflowPredict2D(graphFilename=str(source), output="model/Softmax")(embeddings)
    for output in ("PartitionedCall", "PartitionedCall:0"):
        served = es.TensorflowPredict2D(graphFilename=path, input="serving_default_model_Placeholder", output=output)
        assert np.array_equal(served(embeddings), expected)
    for engine in ("essentia", "openvino"):
        [[found]] = predict_files([read_model(path)], [str(song)], tmp_path, Question(engine=engine))
        np.testing.assert_allclose(found.probabilities, expected.mean(axis=0), atol=1e-5)


@pytest.mark.slow
def test_a_full_graph_runs_by_essentias_defaults_under_the_name_of_2020(exported_run, graphs, audio, tmp_path):
    source = exported_run / "export" / "mood_sad-musicnn-msd.pb"
    done = install([str(source)], Layout(str(tmp_path), is_legacy=True), graphs, print, ANY)
    [(_, path)] = done.graphs
    assert Path(path).name == "mood_sad-musicnn-msd-2.pb"
    assert Path(path).read_bytes() == source.read_bytes()
    found = es.TensorflowPredictMusiCNN(graphFilename=path)(audio)
    assert np.array_equal(found, es.TensorflowPredictMusiCNN(graphFilename=str(source))(audio))
    assert found.shape[1] == 2


@pytest.mark.slow
def test_the_head_of_tags_is_the_tagger(graphs, audio):
    embeddings, tags = (
        es.TensorflowPredictMusiCNN(graphFilename=str(graphs / "msd-musicnn-1.pb"), output=node)(audio)
        for node in ("model/dense/BiasAdd", "model/Sigmoid")
    )
    nodes = {"input": "serving_default_model_Placeholder", "output": "PartitionedCall"}
    head = es.TensorflowPredict2D(graphFilename=str(graphs / "msd-msd-musicnn-1.pb"), **nodes)
    np.testing.assert_allclose(head(embeddings), tags, atol=1e-6)
