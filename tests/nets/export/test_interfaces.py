"""A head by the other pair of nodes: the same numbers, in TensorFlow itself, and golden answers that say so."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import GraphError, StoreError
from essentia_ldl.files import digest_file
from essentia_ldl.models.answers import name_answers, read_answers, write_answers
from essentia_ldl.nets.classifier import build_head
from essentia_ldl.nets.export.freeze import GraphDef, build_evaluator, find_unknown, freeze_model
from essentia_ldl.nets.export.interfaces import SAVER, main, serve, write_served
from essentia_ldl.nets.export.nodes import head_nodes
from essentia_ldl.nets.runtime import keras, tf

IN, OUT = "serving_default_model_Placeholder", "PartitionedCall"


@pytest.fixture
def head(tmp_path):
    """A head with random weights, and its golden answers."""
    keras.utils.set_random_seed(1)
    model, path = build_head(20, 3), tmp_path / "head.pb"
    path.write_bytes(freeze_model(model, head_nodes()).SerializeToString(deterministic=True))
    evaluate = build_evaluator(model, head_nodes())
    write_answers(path, digest_file(path), "model/Placeholder", (20,), (-2.0, 2.0), evaluate)
    return path


def run(path, name, feeds):
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(GraphDef.FromString(path.read_bytes()), name="")
        with tf.compat.v1.Session(graph=graph) as session:
            return session.run(name, feeds)


def test_the_same_numbers_come_by_the_other_nodes(head, tmp_path):
    target = tmp_path / "served.pb"
    assert main([str(head), str(target), "model/Softmax"]) == 0
    rows = np.random.default_rng(0).normal(size=(4, 20)).astype(np.float32)
    expected = run(head, "model/Softmax:0", {"model/Placeholder:0": rows})
    assert np.array_equal(run(target, f"{OUT}:0", {f"{IN}:0": rows}), expected)
    assert np.array_equal(run(target, "model/Softmax:0", {f"{IN}:0": rows}), expected)
    assert run(target, f"{SAVER}:0", {}) == b""
    graph = GraphDef.FromString(target.read_bytes())
    assert find_unknown(graph, "2.5.0") == find_unknown(graph, "1.15.0") == []
    assert not graph.library.function
    before, told = read_answers(head, digest_file(head)), read_answers(target, digest_file(target))
    assert (told.input_name, next(iter(told.values))) == (IN, OUT)
    assert np.array_equal(told.inputs, before.inputs)
    assert np.array_equal(told.values[OUT], before.values["model/Softmax"])


def test_a_graph_whose_answers_are_others_is_refused(head, tmp_path):
    answers = {"model/Softmax": np.full((3, 3), 1 / 3, np.float32)}
    write_answers(head, digest_file(head), "model/Placeholder", (20,), (-2.0, 2.0), lambda inputs: answers)
    with pytest.raises(GraphError, match="PartitionedCall: expected the golden answers, to 1e-05"):
        write_served(head, tmp_path / "served.pb", "model/Softmax")
    name_answers(head).unlink()
    with pytest.raises(StoreError, match="golden answers: expected those of the graph"):
        write_served(head, tmp_path / "served.pb", "model/Softmax")


def test_a_graph_that_has_the_nodes_already_is_refused(head):
    served = serve(GraphDef.FromString(head.read_bytes()), "model/Softmax")
    with pytest.raises(GraphError, match="one Placeholder"):
        serve(served, "model/Softmax")
