"""Oramas' CNN: what it does to decibels before its convolutions, by closed forms, and its size."""

from __future__ import annotations

import numpy as np

from essentia_ldl.frontends import CQT
from essentia_ldl.nets.backbones import cqtcnn
from essentia_ldl.nets.runtime import keras

SLOPE = -20 * np.log10(2) * np.arange(96) / 12  # what equally loud tones make of Essentia's transform, in decibels


def look(patches: np.ndarray) -> np.ndarray:
    inputs = keras.Input(CQT.patch_shape)
    return keras.Model(inputs, cqtcnn.compare_with_loudest(inputs, CQT)).predict(patches, verbose=0)


def test_tones_of_all_heights_are_equally_loud_and_loudness_is_forgotten():
    patches = np.full((2, *CQT.patch_shape), -200.0, np.float32)
    patches[0, 5] = 75 + SLOPE  # every tone at once
    patches[0, 6] = 75 + SLOPE - 20
    patches[1] = patches[0] - 33
    found = look(patches)
    np.testing.assert_allclose(found[0, 5], 4, atol=1e-5)
    np.testing.assert_allclose(found[0, 6], 3, atol=1e-5)
    assert np.all(found[0, 7:] == 0), "nothing is below -80 dB"
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)


def test_convolutions_have_the_published_sizes():
    model = cqtcnn.build()
    sizes = [layer.count_params() for layer in model.layers if layer.name.startswith("conv_")]
    assert sizes == [4 * 96 * 64 + 64, 4 * 64 * 128 + 128, 4 * 128 * 256 + 256]
    assert model.output_shape == (None, 8 * 256)


def test_a_narrow_one_has_a_share_of_the_filters():
    assert cqtcnn.build(**cqtcnn.narrow(0.125)).output_shape == (None, 256)
