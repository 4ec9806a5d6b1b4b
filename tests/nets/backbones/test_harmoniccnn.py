"""HarmonicCNN: its filters against formulas, its spectrogram against numpy, its count, and what a narrow one learns."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.nets.backbones import harmoniccnn, load_backbone
from essentia_ldl.nets.runtime import keras, tf

SHORT = 16384


@pytest.fixture(scope="module")
def filters() -> harmoniccnn.HarmonicFilters:
    layer = harmoniccnn.HarmonicFilters(16000, free=True)
    layer.build((None, SHORT))
    return layer


def test_count_of_the_authors_network(count_trained):
    assert count_trained("harmoniccnn") == 3_631_551


def test_frequencies():
    """128 of them from C1 on, half a semitone apart, E6 left out, and five multiples of each."""
    found = harmoniccnn.list_frequencies()
    assert found.shape == (6, 128)
    assert found[0, 0] == pytest.approx(32.7032, abs=1e-3)
    np.testing.assert_allclose(found[0, 2:] / found[0, :-2], 2 ** (1 / 12), rtol=1e-5)
    assert found[0, -1] * 2 ** (1 / 24) == pytest.approx(1318.51, abs=0.01)
    np.testing.assert_allclose(found[5], 6 * found[0], rtol=1e-6)
    assert found.max() < 8000


def test_filters_are_triangles_of_the_told_width(filters):
    found = np.asarray(filters.make_filters())
    centres, bins_hz = harmoniccnn.list_frequencies().ravel(), np.arange(257) * 16000 / 512
    widths = 0.1079 * centres + 24.7
    expected = np.maximum(0, 1 - np.abs(bins_hz[:, None] - centres) / (widths / 2))
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert found.max() <= 1


def test_a_larger_q_makes_them_narrower(filters):
    before = np.asarray(filters.make_filters()).sum()
    q = next(weight for weight in filters.weights if weight.name == "q")
    q.assign(2.0)
    assert 0.3 * before < np.asarray(filters.make_filters()).sum() < 0.7 * before
    q.assign(1.0)


def test_bands_are_those_of_a_fourier_transform(filters):
    """Frames of 512 around every 256th sample under a Hann window, power, filters, decibels."""
    samples = np.random.default_rng(0).uniform(-1, 1, (2, SHORT)).astype(np.float32)
    found = np.asarray(filters(samples))
    padded = np.pad(samples.astype(np.float64), [(0, 0), (256, 256)])
    n_frames = padded.shape[1] // 256 - 1
    frames = np.stack([padded[:, 256 * i : 256 * i + 512] for i in range(n_frames)], axis=1)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    power = np.abs(np.fft.rfft(frames * hann, axis=2)) ** 2
    bands = power @ np.asarray(filters.make_filters(), np.float64)
    expected = 10 * np.log10(np.maximum(bands, 1e-10)).reshape(2, n_frames, 6, 128).transpose(0, 3, 1, 2)
    assert found.shape == expected.shape == tuple(filters.compute_output_shape((2, SHORT)))
    audible = expected > -40  # filters between two bins say nothing, and cancellation nothing exact
    np.testing.assert_allclose(found[audible], expected[audible], atol=1e-2)


@pytest.mark.parametrize(("name", "learnt"), [("harmoniccnn", {"q"}), ("harmoniccnn-free", {"alpha", "beta", "q"})])
def test_what_is_learnt_of_the_widths(name, learnt):
    module = load_backbone(name)
    model = module.build(dataclasses.replace(module.FRONT_END, patch_frames=SHORT), width=2)
    layer = model.get_layer("filters")
    assert {weight.name for weight in layer.trainable_weights} == learnt
    again = type(layer).from_config(layer.get_config())
    assert (again.free, again.sample_rate_hz, again.name) == (layer.free, 16000, "filters")


@pytest.mark.parametrize(("name", "n_learnt"), [("harmoniccnn", 1), ("harmoniccnn-free", 3)])
def test_a_loss_reaches_the_widths(name, n_learnt):
    """Through the logarithm and the largest values."""
    keras.utils.set_random_seed(5)  # of some seeds the outputs are all but 0 or 1, where a step is too small to see
    module = load_backbone(name)
    model = module.build(dataclasses.replace(module.FRONT_END, patch_frames=SHORT), width=2)
    samples = np.random.default_rng(0).uniform(-1, 1, (2, SHORT)).astype(np.float32)
    widths = [weight.value for weight in model.get_layer("filters").trainable_weights]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(samples, training=True) - 1) ** 2)
    gradients = np.array(tape.gradient(loss, widths))
    assert gradients.shape == (n_learnt,)
    assert np.all(np.abs(gradients) > 1e-3)


@pytest.mark.parametrize("name", ["harmoniccnn", "harmoniccnn-free"])
def test_it_learns_by_heart(name, overfit, monkeypatch):
    """With 8 semitones in place of 64, and three layers of seven."""
    monkeypatch.setattr(harmoniccnn, "HIGHEST", harmoniccnn.LOWEST + 8)
    monkeypatch.setattr(harmoniccnn, "POOLS", ((4, 3),) * 3)
    assert overfit(name, patch_frames=2048, width=8, n_steps=70) < 0.1
