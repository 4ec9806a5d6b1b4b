"""Differences between two answers: absolute or relative, and when they are too large."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import GraphError
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.differences import MULTI_TARGET_TOLERANCE, Judge, choose_limit, measure_difference
from essentia_ldl.models.folder import read_model


@pytest.mark.parametrize("node", ["model/Softmax", "model/Sigmoid"])
def test_probabilities_are_measured_absolutely(node):
    expected = np.array([[0.001, 0.999]], np.float32)
    assert measure_difference(expected, expected, node, "a.pb") == 0
    near = expected + np.array([[9e-6, 0]], np.float32)
    assert measure_difference(expected, near, node, "a.pb") == pytest.approx(9e-6, rel=0.01)
    with pytest.raises(GraphError, match=rf"{node}: expected what Keras computed, to 1e-05; got 2\S+e-05 \(a\.pb\)"):
        measure_difference(expected, expected + np.array([[2e-5, 0]], np.float32), node, "a.pb")
    # a classifier on several networks has a wider limit, and no more
    off = expected + np.array([[2e-5, 0]], np.float32)
    assert measure_difference(expected, off, node, "a.pb", MULTI_TARGET_TOLERANCE) == pytest.approx(2e-5, rel=0.01)
    with pytest.raises(GraphError):
        measure_difference(expected, expected + np.array([[2e-4, 0]], np.float32), node, "a.pb", MULTI_TARGET_TOLERANCE)


def test_values_are_measured_against_the_largest():
    expected = np.array([[100.0, 0.001]], np.float32)
    found = expected + np.array([[0, 0.009]], np.float32)  # 9e-5 of the largest
    assert measure_difference(expected, found, "model/dense/BiasAdd", "a.pb") == pytest.approx(9e-5, rel=0.01)
    with pytest.raises(GraphError, match=r"to 0\.0001; got "):
        measure_difference(expected, found + np.float32(0.01), "model/dense/BiasAdd", "a.pb")


def test_values_that_are_all_zero():
    zeros = np.zeros((2, 3), np.float32)
    assert measure_difference(zeros, zeros, "model/dense/BiasAdd", "a.pb") == 0
    with pytest.raises(GraphError, match="expected what Keras computed"):
        measure_difference(zeros, zeros + np.float32(1e-6), "model/dense/BiasAdd", "a.pb")


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("node", ["model/Softmax", "model/dense/BiasAdd"])
def test_values_that_are_not_finite(node, value):
    good, bad = np.ones((2, 2), np.float32), np.ones((2, 2), np.float32)
    bad[1, 1] = value
    for expected, found in ((good, bad), (bad, good), (bad, bad)):
        with pytest.raises(GraphError, match=r"expected what Keras computed.*got (nan|inf)"):
            measure_difference(expected, found, node, "a.pb")


def test_shapes_that_differ():
    with pytest.raises(GraphError, match=r"model/Softmax: expected shape \(2, 3\); got \(2, 2\) \(a\.pb\)"):
        measure_difference(np.zeros((2, 3)), np.zeros((2, 2)), "model/Softmax", "a.pb")


def test_who_compares_says_what_must_be_and_what_to_do():
    judge = Judge("the golden answers", "Export it again.")
    with pytest.raises(GraphError, match=r"the golden answers, to 1e-05; got .* \(a\.pb\)\. Export it again\."):
        measure_difference(np.zeros((1, 2)), np.ones((1, 2)), "PartitionedCall", "a.pb", judge=judge)
    with pytest.raises(GraphError, match=r"expected shape .*Export it again\."):
        measure_difference(np.zeros((1, 2)), np.ones((1, 3)), "PartitionedCall", "a.pb", judge=judge)


def test_probabilities_of_large_logits_may_be_off_by_what_float32_rounds_to(write_model, graphs):
    card = read_model(write_model(graphs, "a-1")).card
    outputs = [{"name": "model/Sigmoid", "output_purpose": "predictions"}, {"name": "z", "description": "logits"}]
    card = GraphCard({**card.fields, "schema": {**card.fields["schema"], "outputs": outputs}})
    found = [choose_limit(card, {"z": np.array([[0.0, -size]])}) for size in (3.0, 80.0, 1e6)]
    assert found == pytest.approx([1e-5, 80 * 2.0**-21, MULTI_TARGET_TOLERANCE])
    assert choose_limit(card, {"z": None}) == 1e-5
    beside = GraphCard({**card.fields, "essentia_ldl": {**card.extra, "transfer": {"targets": ["a"]}}})
    assert choose_limit(beside, {"z": None}) == MULTI_TARGET_TOLERANCE
