"""Heads: the activation of their hidden layer, and what is left of them behind a frozen network."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.nets.classifier import DenseLayers, build_head, join
from essentia_ldl.nets.runtime import keras

EXPECTED = {"relu": lambda x: np.maximum(x, 0), "elu": lambda x: np.where(x > 0, x, np.expm1(x))}


@pytest.mark.parametrize("activation", ["relu", "elu"])
def test_the_hidden_layer_has_the_activation_asked_for(activation):
    head = build_head(12, 3, DenseLayers(16, activation=activation))
    inputs = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    (kernel, bias), (last, offset) = (head.get_layer(name).get_weights() for name in ("hidden", "logits"))
    expected = EXPECTED[activation](inputs @ kernel + bias) @ last + offset
    np.testing.assert_allclose(head(inputs), expected, rtol=1e-4, atol=1e-5)
    assert head.get_layer("logits").input is head.get_layer(f"hidden_{activation}").output


@pytest.mark.parametrize("hidden", [0, 16])
@pytest.mark.parametrize("activation", ["relu", "elu"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("standardize", [False, True])
def test_a_joined_head_is_the_head_behind_the_body(hidden, activation, dropout, standardize):
    body = keras.Model(x := keras.Input((7,)), keras.layers.Dense(12, name="embedding")(x))
    head = build_head(12, 3, DenseLayers(hidden, dropout, activation, standardize))
    if standardize:
        head.get_layer("standardize").set_weights([np.full(12, 0.3, np.float32), np.full(12, 2.0, np.float32)])
    joined = join(body, head)
    inputs = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    np.testing.assert_allclose(joined(inputs), head(body(inputs)), rtol=1e-5, atol=1e-6)
    assert [layer.name for layer in joined.layers[2:]] == [layer.name for layer in head.layers[1:]]
    assert {type(layer) for layer in joined.layers[2:]} == {type(layer) for layer in head.layers[1:]}
    assert joined.get_layer("logits") is not head.get_layer("logits")
