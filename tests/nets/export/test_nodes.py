"""The official nodes: their names are those of Essentia's models, and a calibration changes one of them."""

from __future__ import annotations

import dataclasses

import pytest

from essentia_ldl import discover
from essentia_ldl.nets.export.nodes import (
    IDENTITY,
    SIGMOID,
    SOFTMAX,
    calibrate,
    classifier_nodes,
    dense_node,
    features_nodes,
    head_nodes,
    suit,
    tagger_nodes,
)
from essentia_ldl.runs.plan import BACKBONES
from essentia_ldl.scores.calibration import Calibration
from essentia_ldl.scores.kind_calibration import PLATT, make_identity

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


def test_tags_end_in_a_sigmoid_and_numbers_in_an_identity():
    tags, numbers = suit(head_nodes(), "multi_label"), suit(head_nodes(), "regression")
    assert [(node.name, node.activation, node.alias_of) for node in tags] == [
        (SIGMOID, "sigmoid", ""),
        ("model/dense_1/BiasAdd", "", ""),
        ("model/dense/BiasAdd", "", ""),
    ]
    assert [(node.name, node.alias_of) for node in numbers] == [
        (IDENTITY, "model/dense_1/BiasAdd"),
        ("model/dense_1/BiasAdd", ""),
        ("model/dense/BiasAdd", ""),
    ]
    assert tags[0].purpose == numbers[0].purpose == "predictions"
    assert suit(head_nodes(), "single_label") == head_nodes()
    full = suit(classifier_nodes(discover.load(BACKBONES, "musicnn")), "multi_label")
    assert [node.purpose for node in full] == ["predictions", "", "", "embeddings"]


def test_each_tag_is_calibrated_before_its_sigmoid():
    found = make_identity(PLATT, CLASSES)
    assert calibrate(suit(head_nodes(), "multi_label"), found)[0].scale == ()
    found = dataclasses.replace(found, scale=(0.5, 1.0), bias=(0.1, 0.0))
    first, second, _ = calibrate(suit(head_nodes(), "multi_label"), found)
    assert (first.scale, first.bias) == ((0.5, 1.0), (0.1, 0.0))
    assert (second.scale, second.bias) == ((), ())
