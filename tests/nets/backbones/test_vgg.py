"""VGG: its poolings, which differ between the released networks, and the order of what it flattens."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.nets.backbones import vgg
from essentia_ldl.nets.runtime import keras

# (frames, bands) behind each pooling of 187 x 96
SIZES = {
    "mtt": [(92, 48), (46, 24), (23, 12), (11, 6), (2, 1)],
    "msd": [(46, 96), (46, 24), (23, 12), (11, 6), (2, 1)],
}


@pytest.mark.parametrize("dataset", SIZES)
def test_the_poolings_of_a_released_network_end_in_two_positions(dataset):
    body = vgg.build(n_filters=4, **vgg.CHECKPOINT_SIZES.get(dataset, {}))
    found = [body.get_layer(f"pool_{number}").output.shape[1:3] for number in range(1, 6)]
    assert found == SIZES[dataset]
    assert body.output_shape == (None, 2 * 4)


def test_the_embedding_is_flattened_frames_first():
    body = vgg.build(n_filters=4)
    ends = keras.Model(body.input, [body.get_layer("pool_5").output, body.output])
    pooled, embedding = ends(np.random.default_rng(0).uniform(0, 5, (3, 187, 96)).astype(np.float32))
    np.testing.assert_array_equal(np.asarray(pooled).reshape(3, -1), embedding)


def test_every_convolution_is_three_by_three_and_all_but_the_last_have_a_dropout():
    body = vgg.build(n_filters=4)
    kernels = [layer.kernel_size for layer in body.layers if isinstance(layer, keras.layers.Conv2D)]
    assert kernels == [(3, 3)] * 5
    rates = {layer.name: layer.rate for layer in body.layers if isinstance(layer, keras.layers.Dropout)}
    assert rates == {f"dropout_{number}": 0.25 for number in range(1, 5)}


def test_the_tail_is_a_dropout_alone():
    x = keras.Input((256,))
    model = keras.Model(x, vgg.tail(x))
    assert [(layer.name, layer.rate) for layer in model.layers[1:]] == [("tail_dropout", 0.5)]
