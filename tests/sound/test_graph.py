"""One graph on arrays at hand: batches, nodes, and sentences for graphs that do not fit."""

from __future__ import annotations

import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.errors import GraphError
from essentia_ldl.sound.graph import BATCH, first_line, load_graph, measure_rows, run_graph

INPUT, NODES = "model/Placeholder", ["model/dense/BiasAdd", "model/Sigmoid"]


@pytest.fixture(scope="module")
def graph(graphs) -> str:
    return str(graphs / "msd-vgg-1.pb")


@pytest.fixture(scope="module")
def network(graph):
    return load_graph(graph, INPUT, NODES)


@pytest.fixture(scope="module")
def patches() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 3, (3, 187, 96)).astype(np.float32)


def test_a_batch_gives_what_its_patches_give_alone(network, graph, patches):
    together = run_graph(network, graph, INPUT, patches, NODES)
    assert [together[node].shape for node in NODES] == [(3, 50), (3, 50)]
    for i, patch in enumerate(patches):
        alone = run_graph(network, graph, INPUT, patch[np.newaxis], NODES)
        for node in NODES:
            np.testing.assert_allclose(alone[node][0], together[node][i], atol=1e-5)
    assert together["model/Sigmoid"].std() > 1e-3


def test_patches_of_another_size_are_refused_and_the_next_ones_go_on(network, graph, patches):
    before = run_graph(network, graph, INPUT, patches, NODES)
    with pytest.raises(GraphError, match=r"graph: expected one that Essentia runs; got .*msd-vgg-1"):
        run_graph(network, graph, INPUT, patches[:, :20, :5], NODES)
    after = run_graph(network, graph, INPUT, patches, NODES)
    np.testing.assert_array_equal(after["model/Sigmoid"], before["model/Sigmoid"])


@pytest.mark.parametrize("nodes", [["model/Nothing"], ["model/Sigmoid", "model/Nothing"]])
def test_a_node_that_is_not_there_is_named(graph, nodes):
    with pytest.raises(GraphError, match=r"a frozen graph with the nodes of its card; got .*model/Nothing"):
        load_graph(graph, INPUT, nodes)


def test_embeddings_are_run_in_batches(exported_run):
    """One more than a batch, so that there are two."""
    head = exported_run / "export" / "mood_sad-msd-musicnn.pb"
    embeddings = np.random.default_rng(1).normal(size=(BATCH + 1, 200)).astype(np.float32)
    network = load_graph(head, "model/Placeholder", ["model/Softmax"])
    found = measure_rows(network, head, "model/Placeholder", embeddings, ["model/Softmax"])["model/Softmax"]
    expected = run_graph(network, head, "model/Placeholder", embeddings, ["model/Softmax"])["model/Softmax"]
    assert found.shape == (BATCH + 1, 2)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("Error while configuring TensorflowPredict: no node.\nMore.", "no node."),
        ("Error while configuring TensorflowPredict2D: TensorflowPredict: a: b", "a: b"),
        ("no node: x", "no node: x"),
        ("x" * 300, "x" * 200),
    ],
)
def test_essentias_complaint_is_one_line(error, line):
    assert first_line(RuntimeError(error)) == line


def test_clients_that_name_the_switch_of_training_get_the_same_numbers(exported_run, graphs, song):
    """Programs pass isTrainingName="model/Placeholder_1", as the published MusiCNN has it."""
    audio = es.MonoLoader(filename=str(song), sampleRate=16000, resampleQuality=4)()
    for graph in (exported_run / "export" / "mood_sad-musicnn-msd.pb", graphs / "msd-musicnn-1.pb"):
        plain = es.TensorflowPredictMusiCNN(graphFilename=str(graph))(audio)
        named = es.TensorflowPredictMusiCNN(graphFilename=str(graph), isTrainingName="model/Placeholder_1")(audio)
        assert plain.shape[0] > 3
        assert np.array_equal(plain, named)
