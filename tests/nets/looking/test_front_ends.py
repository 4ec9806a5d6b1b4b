"""Harmonic filters and filters of mel bands, read back from networks whose weights are known."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.frontends import MUSICNN, WAVE_5S
from essentia_ldl.nets.backbones import harmoniccnn, musicnn, pons
from essentia_ldl.nets.looking.front_ends import find_harmonics, list_band_layers, look_at_bands, look_at_harmonics
from essentia_ldl.nets.runtime import keras


def test_widths_are_those_of_the_formula_and_of_the_triangles():
    layer = harmoniccnn.HarmonicFilters(WAVE_5S.sample_rate_hz, free=True, name="filters")
    layer.build((None, 80000))
    start = look_at_harmonics(layer)
    assert (start.alpha, start.beta, start.q) == pytest.approx((0.1079, 24.7, 1.0))
    layer.set_weights([np.float32(value) for value in (0.2, 30.0, 2.0)])
    found = look_at_harmonics(layer)
    centres = np.array([100.0, 440.0, 4000.0])
    np.testing.assert_allclose(found.widths_hz(centres), (0.2 * centres + 30.0) / 2.0, rtol=1e-6)
    np.testing.assert_allclose(found.widths_hz(centres, learnt=False), 0.1079 * centres + 24.7, rtol=1e-6)
    assert found.fundamentals_hz[90] == pytest.approx(440.0)  # A4 is 45 semitones above C1
    # the network's own triangle around the sixth harmonic of A4, 2640 Hz, falls to 0 half a width away
    triangle = layer.make_filters().numpy()[:, 5 * 128 + 90]
    bins = np.linspace(0, 8000, len(triangle))
    half = found.widths_hz(np.array(2640.0)) / 2
    np.testing.assert_allclose(triangle, np.maximum(0, 1 - np.abs(bins - 2640) / half), atol=1e-4)


def test_a_network_of_harmonic_filters_is_known_by_its_layer():
    assert find_harmonics(harmoniccnn.build(width=2)).name == "filters"
    assert find_harmonics(pons.build(width=1)) is None


@pytest.mark.parametrize(
    ("module", "layer", "shape"),
    [
        (musicnn, "timbral_74", (204, 7, 38)),
        (musicnn, "timbral_77", (204, 7, 67)),
        (musicnn, "temporal_128", (51, 128, 1)),
        (pons, "timbral_1", (16, 7, 86)),
        (pons, "temporal_1", (16, 165, 1)),
    ],
)
def test_kernels_are_filters_of_frames_and_bands(module, layer, shape):
    model = module.build()
    kernel = np.random.default_rng(0).normal(size=model.get_layer(layer).kernel.shape).astype(np.float32)
    model.get_layer(layer).kernel.assign(kernel)
    found = look_at_bands(model.get_layer(layer), MUSICNN)
    assert found.kernels.shape == shape
    assert found.frame_rate_hz == 62.5
    np.testing.assert_array_equal(found.kernels[3].ravel(), kernel[..., 3].ravel())
    assert found.is_temporal == layer.startswith("temporal")


def test_only_layers_that_are_named_for_what_they_see_are_listed():
    names = [*musicnn.TIMBRAL_BANDS, *musicnn.TEMPORAL_FRAMES]
    assert list_band_layers(musicnn.build()) == names
    samples = keras.Input((9, 1), name="samples")
    assert list_band_layers(keras.Model(samples, keras.layers.Conv1D(1, 3, name="stem")(samples))) == []
