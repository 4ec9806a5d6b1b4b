"""Freezing: the check accepts what Essentia can run, and refuses what it would read wrong."""

from __future__ import annotations

import pytest

from essentia_ldl.errors import GraphError
from essentia_ldl.nets.export.freeze import check_graph, find_unknown
from essentia_ldl.nets.export.oplists import read_ops
from essentia_ldl.nets.runtime import tf


def build_graph(build):
    """Make a GraphDef with one Placeholder and the node model/Softmax, then drop what newer TensorFlow added."""
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, 4], name="model/Placeholder")
        tf.identity(build(x), name="model/Softmax")
        definition = graph.as_graph_def()
    known = read_ops("2.5.0")
    for node in definition.node:
        if node.op in known:
            for name in set(node.attr) - {attr.name for attr in known[node.op].attr}:
                del node.attr[name]
    return definition


def test_check_accepts_a_plain_graph():
    check_graph(build_graph(tf.nn.softmax), ["model/Softmax"])


def test_check_refuses_a_new_operation():
    graph = build_graph(lambda x: tf.nn.softmax(tf.raw_ops.BatchMatMulV3(x=x, y=tf.ones((4, 2)), Tout=tf.float32)))
    with pytest.raises(GraphError, match="BatchMatMulV3"):
        check_graph(graph, ["model/Softmax"])


def test_check_refuses_a_new_attribute():
    graph = build_graph(tf.nn.softmax)
    graph.node[-1].attr["invented"].i = 1
    with pytest.raises(GraphError, match="has invented"):
        check_graph(graph, ["model/Softmax"])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x: tf.cast(tf.nn.softmax(x), tf.float64), "float64"),
        (lambda x: tf.argmax(x, axis=1), "int64"),
        (lambda x: tf.reshape(x, tf.compat.v1.placeholder_with_default([4, 1], [None])), "None"),
        (lambda x: tf.reduce_sum(x, axis=1), "rank 2"),
        (lambda x: tf.reduce_sum(x, axis=0, keepdims=True), "a free batch axis"),
    ],
)
def test_check_refuses_outputs_that_essentia_reads_wrong(build, message):
    with pytest.raises(GraphError, match=message):
        check_graph(build_graph(build), ["model/Softmax"])


def test_check_refuses_other_inputs_and_outputs():
    with pytest.raises(GraphError, match="a node model/Sigmoid"):
        check_graph(build_graph(tf.nn.softmax), ["model/Sigmoid"])
    two = build_graph(lambda x: x + tf.compat.v1.placeholder(tf.float32, [None, 4], name="second"))
    with pytest.raises(GraphError, match="one Placeholder"):
        check_graph(two, ["model/Softmax"])


@pytest.mark.parametrize(
    ("dtype", "shape", "name", "is_read"),
    [
        (tf.float32, [], "model/Placeholder_1", False),
        (tf.bool, [None], "model/Placeholder_1", False),
        (tf.bool, [], "model/Placeholder_2", False),
        (tf.bool, [], "model/Placeholder_1", True),
    ],
)
def test_check_lets_one_switch_of_training_pass(dtype, shape, name, is_read):
    def build(x):
        switch = tf.compat.v1.placeholder(dtype, shape, name=name)
        return x * tf.cast(switch, tf.float32) if is_read else x

    with pytest.raises(GraphError, match="one Placeholder"):
        check_graph(build_graph(build), ["model/Softmax"])


def test_check_refuses_functions():
    @tf.function
    def square(x):
        return x * x

    with pytest.raises(GraphError, match="no function library"):
        check_graph(build_graph(square), ["model/Softmax"])


def test_operation_lists():
    assert (len(read_ops("1.15.0")), len(read_ops("2.5.0"))) == (1399, 1630)
    stripped = build_graph(lambda x: tf.matmul(x, tf.ones((4, 2))))
    assert find_unknown(stripped, "2.5.0") == []
    stripped.node[-1].op = "RFFTND"
    assert "RFFTND" in find_unknown(stripped, "2.5.0")[0]
