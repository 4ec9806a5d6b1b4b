"""Pooling first must not change a bit."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.nets.export.folding import pool_first
from essentia_ldl.nets.runtime import tf

GraphDef = tf.compat.v1.GraphDef


def build(scale: np.ndarray, *, read_relu: bool = False) -> GraphDef:
    """Convolution, bias, ReLU, scale and offset, maximum; on request ReLU is an output too."""
    rng = np.random.default_rng(0)
    n = len(scale)
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, 20, 16, 1], name="x")
        y = tf.nn.conv2d(x, rng.normal(size=(3, 5, 1, n)).astype("f4"), 1, "VALID")
        relu = tf.nn.relu(tf.nn.bias_add(y, rng.normal(size=n).astype("f4")), name="relu")
        normal = relu * scale.astype("f4") + rng.normal(size=n).astype("f4")
        tf.identity(tf.nn.max_pool2d(normal, [1, 4], [1, 4], "VALID"), name="out")
        if read_relu:
            tf.identity(relu, name="other")
    return graph.as_graph_def()


def run(graph: GraphDef, *names: str) -> list[np.ndarray]:
    copy = GraphDef()
    copy.CopyFrom(graph)
    x = np.random.default_rng(1).normal(size=(2, 20, 16, 1)).astype("f4")
    with tf.Graph().as_default() as scope:
        tf.import_graph_def(copy, name="")
        with tf.compat.v1.Session(graph=scope) as session:
            return session.run([f"{name}:0" for name in names], {"x:0": x})


def source_of_pool(graph: GraphDef) -> str:
    ops = {node.name: node.op for node in graph.node}
    return next(ops[node.input[0]] for node in graph.node if node.op == "MaxPool")


@pytest.mark.parametrize("scale", [[1.0, 0.5, 2.0], [1.0, -0.5, 2.0], [-1.0, -0.1, -3.0], [0.0, 1.0, -1.0]])
def test_not_a_bit_changes(scale):
    graph = build(np.array(scale))
    folded = pool_first(graph)
    assert source_of_pool(graph) == "AddV2"
    assert source_of_pool(folded) == "BiasAdd"
    assert np.array_equal(run(graph, "out")[0], run(folded, "out")[0])


def test_filters_are_copied_only_where_a_sign_changes():
    assert not [node.name for node in pool_first(build(np.ones(3))).node if "sign" in node.name]
    assert [node.name for node in pool_first(build(-np.ones(3))).node if "sign" in node.name]


def test_a_value_that_somebody_else_reads_stays():
    graph = build(np.array([1.0, -2.0]), read_relu=True)
    folded = pool_first(graph)
    assert folded == graph
    assert all(
        np.array_equal(a, b) for a, b in zip(run(graph, "out", "other"), run(folded, "out", "other"), strict=True)
    )


def test_the_graph_that_is_given_is_not_changed():
    graph = build(np.array([1.0, -2.0]))
    before = graph.SerializeToString(deterministic=True)
    pool_first(graph)
    assert graph.SerializeToString(deterministic=True) == before
