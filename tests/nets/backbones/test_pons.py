"""The front-ends of tagging at scale and their back-end: filters as published, and what narrow ones learn."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.nets.backbones import load_backbone, pons
from essentia_ldl.nets.runtime import keras


@pytest.fixture(scope="module")
def body():
    return pons.build()


def test_filters_of_the_spectrogram(body):
    """Timbral: 7, 3 and 1 frames of .9 and .4 of 96 bands; temporal: 165, 128, 64 and 32 frames."""
    found = {layer.name: (layer.kernel_size, layer.filters) for layer in body.layers if hasattr(layer, "filters")}
    timbral = [found[f"timbral_{n}"] for n in range(1, 7)]
    assert timbral == [
        *[((7, 86), 16), ((3, 86), 32), ((1, 86), 64)],
        *[((7, 38), 16), ((3, 38), 32), ((1, 38), 64)],
    ]
    temporal = [found[f"temporal_{n}"] for n in range(1, 5)]
    assert temporal == [((165,), 16), ((128,), 32), ((64,), 64), ((32,), 128)]
    assert body.get_layer("features").output.shape == (None, 187, 224 + 240)


def test_convolutions_of_the_waveform():
    module = load_backbone("pons-wave")
    model = module.build(module.FRONT_END, width=16)
    waves = [layer for layer in model.layers if layer.name.startswith("wave_") and hasattr(layer, "filters")]
    assert [layer.filters for layer in waves] == [64, 64, 64, 128, 128, 128, 256]
    assert {layer.kernel_size for layer in waves} == {(3,)}
    assert [layer.strides for layer in waves] == [(3,)] + [(1,)] * 6
    assert {layer.padding for layer in waves} == {"valid"}


def test_both_have_the_same_back_end(body):
    wave = load_backbone("pons-wave")
    heard = wave.build(wave.FRONT_END, width=16)

    def list_back(model: keras.Model) -> list[str]:
        return [layer.name for layer in model.layers if layer.name.startswith(("back", "fc", "pooled", "embedding"))]

    assert list_back(body) == list_back(heard)
    assert (body.get_layer("back_2").kernel_size, body.get_layer("back_2").filters) == ((7,), 512)


def test_the_mean_over_bands_is_one(body):
    """What temporal filters read is the mean of a frame's bands."""
    patches = np.random.default_rng(0).uniform(0, 4, (1, 187, 96)).astype(np.float32)
    found = keras.Model(body.input, body.get_layer("band_mean").output)(patches)
    np.testing.assert_allclose(np.asarray(found)[0, :, 0], patches[0].mean(axis=1), rtol=1e-5)


@pytest.mark.parametrize(("name", "n_frames", "n_bands"), [("pons", 24, 12), ("pons-wave", 24000, 1)])
def test_it_learns_by_heart(name, n_frames, n_bands, overfit):
    assert overfit(name, patch_frames=n_frames, n_bands=n_bands, width=1, n_steps=60) < 0.1
