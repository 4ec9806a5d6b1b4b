"""VGGish: the layers of the release in the order of its graph, with the embedding before or after its ReLU."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.nets.backbones import vggish
from essentia_ldl.nets.runtime import keras

SMALL = {"n_filters": (2, 3, 4, 5, 6, 7), "n_units": (8, 9), "n_embedding": 10}


def draw(n: int = 3) -> np.ndarray:
    return np.random.default_rng(0).uniform(-4, 4, (n, 96, 64)).astype(np.float32)


def test_layers_with_weights_stand_in_the_order_of_the_graph():
    body = vggish.build(**SMALL)
    names = [layer.name for layer in body.layers if layer.weights]
    assert names == [name for name in vggish.GRAPH_LAYERS if name != "pool"]
    units = [layer.get_weights()[0].shape[-1] for layer in body.layers if layer.weights]
    assert units == [2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_the_first_dense_layer_reads_six_by_four_positions():
    body = vggish.build(**SMALL)
    assert body.get_layer("pool4").output.shape[1:] == (6, 4, 7)
    assert body.get_layer("fc1_1").kernel.shape == (6 * 4 * 7, 8)


@pytest.mark.parametrize("rectified", [False, True])
def test_the_embedding_is_before_or_after_its_relu(rectified):
    body = vggish.build(**SMALL, rectified=rectified)
    linear = keras.Model(body.input, body.get_layer("fc2").output)(draw()).numpy()
    assert (linear < 0).any()
    np.testing.assert_array_equal(body(draw()), np.maximum(linear, 0) if rectified else linear)


def test_the_tail_rectifies_what_may_be_rectified_already():
    x = keras.Input((10,))
    model = keras.Model(x, vggish.tail(x))
    values = np.random.default_rng(0).normal(size=(4, 10)).astype(np.float32)
    np.testing.assert_array_equal(model(values), np.maximum(values, 0))
    np.testing.assert_array_equal(model(np.maximum(values, 0)), np.maximum(values, 0))
