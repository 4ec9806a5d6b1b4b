"""The audio side of a space of words: its count, its poolings, and no batch normalisation."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.frontends import ZEROSHOT
from essentia_ldl.nets.backbones import zeroshot
from essentia_ldl.nets.runtime import keras


@pytest.fixture(scope="module")
def body():
    return zeroshot.build()


def test_it_has_as_many_numbers_as_the_authors_code(body):
    assert sum(int(np.prod(v.shape)) for v in body.trainable_variables) == 242788


def test_130_frames_become_one_position(body):
    shapes = [tuple(body.get_layer(f"pool_{n}").output.shape[1:]) for n in range(1, 5)]
    assert shapes == [(32, 128), (8, 128), (2, 128), (1, 128)]
    assert body.output_shape == (None, 100)
    assert ZEROSHOT.patch_frames == 130
    assert not [layer for layer in body.layers if type(layer) is keras.layers.BatchNormalization]


def test_the_last_convolution_is_linear(body):
    assert body.get_layer("conv_5").activation is keras.activations.linear
    patches = np.random.default_rng(0).uniform(0, 2, (4, 130, 128)).astype(np.float32)
    assert (body(patches).numpy() < 0).any()
