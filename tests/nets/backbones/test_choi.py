"""Choi's CNN: its counts, its five poolings, and what of it leaves for other tasks."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.frontends import CHOI
from essentia_ldl.nets.backbones import choi
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.tapped import list_own, measure_own, tap_own


@pytest.fixture(scope="module")
def body():
    return choi.build()


def test_the_trunk_has_as_many_numbers_as_the_paper_s(body):
    """Section 3.1: five convolutions of 3 x 3 x 32, the first of one channel, each with a normalisation."""
    assert sum(int(np.prod(v.shape)) for v in body.trainable_variables) == 37632


def test_29_s_become_one_position(body):
    shapes = [tuple(body.get_layer(f"conv_{n}_max").output.shape[1:]) for n in range(1, 6)]
    assert shapes == [(340, 48, 32), (85, 16, 32), (17, 8, 32), (4, 4, 32), (1, 1, 32)]
    assert (CHOI.patch_frames - 1) * CHOI.hop_samples / CHOI.sample_rate_hz == pytest.approx(29, abs=0.01)


def test_five_layers_of_32_numbers_are_its_features(body):
    """GAP of each layer: 160 numbers, the last of which are the embedding."""
    own = list_own("choi", choi)
    assert [tap.number for tap in own] == [1, 2, 3, 4, 5]
    assert measure_own(body, own) == [32] * 5
    patches = np.random.default_rng(0).normal(-40, 20, (2, *CHOI.patch_shape)).astype(np.float32)
    embedding, layers = tap_own(body, own, "layers")(patches, training=False)
    assert layers.shape == (2, 160)
    np.testing.assert_allclose(layers[:, 128:], embedding, atol=1e-5)
    first = keras.Model(body.input, body.get_layer("pool_1").output)(patches, training=False).numpy()
    np.testing.assert_allclose(layers[:, :32], first.mean(axis=(1, 2)), rtol=1e-4)
