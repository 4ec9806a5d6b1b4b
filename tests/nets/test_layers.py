"""Layers: names, initialisation, and a normalisation whose statistics stay while its scale trains."""

from __future__ import annotations

import math

import numpy as np
import pytest

from essentia_ldl.nets.layers import (
    BATCH_NORM_EPSILON,
    add_strided_block,
    connect,
    convolve,
    convolve_2d,
    narrow_sizes,
    normalise,
)
from essentia_ldl.nets.runtime import keras


@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_statistics_stay_in_training_and_scale_and_offset_train(frozen):
    x = keras.Input((4,))
    model = keras.Model(x, normalise(x, "norm", frozen))
    values = np.random.default_rng(0).normal(3.0, 2.0, (50, 4)).astype(np.float32)
    found = model(values, training=True).numpy()
    expected = values if frozen else (values - values.mean(axis=0)) / values.std(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-2)
    moved = np.abs(model.get_layer("norm").moving_mean.numpy()).max() > 0
    assert moved != frozen
    assert {variable.name for variable in model.trainable_variables} == {"gamma", "beta"}


def test_normalisation_is_its_closed_form():
    x = keras.Input((2,))
    model = keras.Model(x, normalise(x, "norm", True))
    gamma, beta, mean, variance = ([2.0, 3.0], [0.5, -0.5], [1.0, -1.0], [4.0, 0.25])
    model.get_layer("norm").set_weights([np.array(v, np.float32) for v in (gamma, beta, mean, variance)])
    values = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    expected = (values - mean) / np.sqrt(np.array(variance) + BATCH_NORM_EPSILON) * gamma + beta
    np.testing.assert_allclose(model(values), expected, rtol=1e-4, atol=1e-5)


def test_the_momentum_is_the_share_that_statistics_keep():
    x = keras.Input((3,))
    model = keras.Model(x, normalise(x, "norm", False, momentum=0.75))
    model(np.full((6, 3), 8.0, np.float32), training=True)
    np.testing.assert_allclose(model.get_layer("norm").moving_mean, [2.0] * 3, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "kernel", "padding", "expected"),
    [
        ((20, 6), 5, "valid", (16, 8)),
        ((20, 6), 5, "same", (20, 8)),
        ((20, 10, 2), (3, 4), "valid", (18, 7, 8)),
        ((20, 10, 2), (3, 4), "same", (20, 10, 8)),
    ],
)
def test_a_convolution_is_over_frames_or_over_frames_and_bands(shape, kernel, padding, expected):
    x = keras.Input(shape)
    y = convolve(x, 8, kernel, "conv", padding)
    assert y.shape[1:] == expected
    values = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    model = keras.Model(x, y)
    assert model.get_layer("conv").name == "conv"
    assert np.all(model(values).numpy() >= 0), "a ReLU is the last of it"


def test_kernels_are_drawn_by_he():
    keras.utils.set_random_seed(0)
    model = keras.Model(x := keras.Input((400,)), connect(x, 500, "dense"))
    kernel, bias = model.get_layer("dense").get_weights()
    assert kernel.std() == pytest.approx(math.sqrt(2 / 400), rel=0.02)
    assert not bias.any()


def test_sizes_are_narrowed_to_whole_numbers():
    assert narrow_sizes(0.125, width=128, n_units=200) == {"width": 16, "n_units": 25}
    assert narrow_sizes(0.001, least=2, width=64) == {"width": 2}
    assert narrow_sizes(1.0, width=7) == {"width": 7}


def test_a_strided_block_halves_and_adds_two_ways():
    """Where the two convolutions add nothing, what is left is the third around them."""
    x = keras.Input((6, 4, 3))
    model = keras.Model(x, add_strided_block(x, 5, (2, 1), "block", True, 0.9))
    assert model.output_shape == (None, 3, 4, 5)
    assert model.layers[-1].name == "block"
    values = np.random.default_rng(0).normal(size=(2, 6, 4, 3)).astype(np.float32)
    layer = model.get_layer("block_2_conv")
    layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    around = model.get_layer("block_3_conv")(values).numpy() / np.sqrt(1 + BATCH_NORM_EPSILON)
    np.testing.assert_allclose(model(values), np.maximum(around, 0), atol=1e-5)


def test_a_convolution_is_normalised_and_has_no_activation():
    x = keras.Input((4, 4, 1))
    model = keras.Model(x, convolve_2d(x, 2, "one", False, 0.9, (2, 2)))
    assert [layer.name for layer in model.layers[1:]] == ["one_conv", "one_norm"]
    assert model.output_shape == (None, 2, 2, 2)
    assert model.predict(np.random.default_rng(0).normal(size=(4, 4, 4, 1)), verbose=0).min() < 0
