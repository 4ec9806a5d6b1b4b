"""Heads: the activation of their hidden layer, and what is left of them behind a frozen network."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import TrainingError
from essentia_ldl.nets.backbones import vgg
from essentia_ldl.nets.classifier import build_head, build_network, join
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.training.train import build_model
from essentia_ldl.runs.plan import read_plan

EXPECTED = {"relu": lambda x: np.maximum(x, 0), "elu": lambda x: np.where(x > 0, x, np.expm1(x))}


@pytest.mark.parametrize("activation", ["relu", "elu"])
def test_the_hidden_layer_has_the_activation_asked_for(activation):
    head = build_head(12, 3, 16, activation=activation)
    inputs = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    (kernel, bias), (last, offset) = (head.get_layer(name).get_weights() for name in ("hidden", "logits"))
    expected = EXPECTED[activation](inputs @ kernel + bias) @ last + offset
    np.testing.assert_allclose(head(inputs), expected, rtol=1e-4, atol=1e-5)
    assert head.get_layer("logits").input is head.get_layer(f"hidden_{activation}").output


def test_the_head_of_the_transfer(make_run):
    """Dropout one half, dense 1024, ELU, dropout one half, dense: section 3.2.3 of Kim et al. (2018)."""
    network = {"hidden": 1024, "activation": "elu", "dropout": 0.5}
    model = build_model(read_plan(make_run(network=network)), pretrained=False)
    rows = [(type(layer).__name__, getattr(layer, "rate", getattr(layer, "units", None))) for layer in model.layers[1:]]
    assert rows == [("Dropout", 0.5), ("Dense", 1024), ("ELU", None), ("Dropout", 0.5), ("Dense", 2)]
    # five networks of 256 and sixteen classes
    head = build_head(5 * 256, 16, 1024, activation="elu", dropout=0.5)
    assert sum(int(np.prod(v.shape)) for v in head.trainable_weights) == 1_328_144


@pytest.mark.parametrize("hidden", [0, 16])
@pytest.mark.parametrize("activation", ["relu", "elu"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("standardize", [False, True])
def test_a_joined_head_is_the_head_behind_the_body(hidden, activation, dropout, standardize):
    body = keras.Model(x := keras.Input((7,)), keras.layers.Dense(12, name="embedding")(x))
    head = build_head(12, 3, hidden, activation=activation, dropout=dropout, standardize=standardize)
    if standardize:
        head.get_layer("standardize").set_weights([np.full(12, 0.3, np.float32), np.full(12, 2.0, np.float32)])
    joined = join(body, head)
    inputs = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    np.testing.assert_allclose(joined(inputs), head(body(inputs)), rtol=1e-5, atol=1e-6)
    assert [layer.name for layer in joined.layers[2:]] == [layer.name for layer in head.layers[1:]]
    assert {type(layer) for layer in joined.layers[2:]} == {type(layer) for layer in head.layers[1:]}
    assert joined.get_layer("logits") is not head.get_layer("logits")


def test_a_whole_network_has_it_too(make_run):
    network = {"backbone": "vgg", "fine_tune": "none", "activation": "elu"}
    model = build_model(read_plan(make_run(network=network)), pretrained=False)
    assert isinstance(model.get_layer("hidden_elu"), keras.layers.ELU)
    plain = build_network(vgg, vgg.FRONT_END, 2)
    assert isinstance(plain.get_layer("hidden_relu"), keras.layers.ReLU)


def test_another_activation_is_refused(make_run):
    with pytest.raises(TrainingError, match="activation: expected relu or elu; got 'tanh'"):
        read_plan(make_run(network={"activation": "tanh"}))
