"""The official nodes: their names are those of Essentia's models, and a calibration changes one of them."""

from __future__ import annotations

import pytest

from essentia_ldl import discover
from essentia_ldl.nets.export.nodes import (
    SIGMOID,
    SOFTMAX,
    calibrate,
    classifier_nodes,
    dense_node,
    features_nodes,
    head_nodes,
    tagger_nodes,
)
from essentia_ldl.runs.plan import BACKBONES
from essentia_ldl.scores.calibration import Calibration

CLASSES = ("non_sad", "sad")


def vector(scale, bias, **fields):
    return Calibration("vector", CLASSES, scale, bias, **fields)


def temperature(value, **fields):
    return Calibration("temperature", CLASSES, (1 / value,) * 2, (0.0, 0.0), **fields)


def test_nodes_keep_what_is_not_a_softmax():
    nodes = head_nodes()
    changed = calibrate(nodes, vector((0.4, 1.3), (0.2, -0.2)))
    assert [node for node, other in zip(nodes, changed, strict=True) if node != other] == [nodes[0]]
    assert (changed[0].scale, changed[0].bias) == ((0.4, 1.3), (0.2, -0.2))
    assert calibrate(nodes, temperature(2.0))[0].bias == ()
    assert calibrate(nodes, temperature(1.0)) == nodes


@pytest.mark.parametrize("name", discover.names(BACKBONES))
@pytest.mark.parametrize("hidden", [0, 100])
def test_predictions_come_first_and_every_name_once(name, hidden):
    backbone = discover.load(BACKBONES, name)
    for nodes in (classifier_nodes(backbone, hidden), head_nodes(hidden), features_nodes(hidden)):
        assert [node.name for node in nodes if node.purpose == "predictions"] == [nodes[0].name] == [SOFTMAX]
        assert len({node.name for node in nodes}) == len(nodes)
        assert (nodes[1].name, nodes[1].alias_of) == (SIGMOID, SOFTMAX)
        assert any(node.layer == "hidden" for node in nodes) == bool(hidden)
    assert classifier_nodes(backbone, hidden)[-1].purpose == "embeddings"
    assert [node.purpose for node in tagger_nodes(backbone)] == ["predictions", "", "embeddings"]


def test_dense_layers_are_counted_in_the_order_of_the_graph():
    assert [dense_node(number) for number in range(3)] == [
        "model/dense/BiasAdd",
        "model/dense_1/BiasAdd",
        "model/dense_2/BiasAdd",
    ]
    assert [node.name for node in head_nodes()][2:] == ["model/dense_1/BiasAdd", "model/dense/BiasAdd"]
    assert [node.name for node in head_nodes(0)][2:] == ["model/dense/BiasAdd"]
