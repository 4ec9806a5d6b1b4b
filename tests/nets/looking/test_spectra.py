"""Spectra of filters: sines of known frequency have their peaks there, in order, whatever is looked at."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.nets.looking.spectra import (
    FRAME,
    SHORTEST_FFT,
    look_at_filters,
    sort_spectra,
    transform_kernels,
    transform_waveforms,
)
from essentia_ldl.nets.runtime import keras

RATE = 16000
SINES_HZ = np.array([3000.0, 500.0, 7000.0, 1500.0])  # bins of 2048 samples at 16 kHz


def make_sines(n_samples: int) -> np.ndarray:
    return np.sin(2 * np.pi * np.outer(np.arange(n_samples), SINES_HZ) / RATE)


def test_a_layer_of_sines_has_their_peaks_sorted():
    layer = keras.layers.Conv1D(4, 512, name="stem", use_bias=False)
    layer.build((None, None, 1))
    layer.set_weights([make_sines(512)[:, np.newaxis].astype(np.float32)])
    found = look_at_filters(layer, RATE)
    assert found.numbers.tolist() == [1, 3, 0, 2]
    np.testing.assert_allclose(found.peaks_hz, [500.0, 1500.0, 3000.0, 7000.0], atol=RATE / SHORTEST_FFT)
    assert (found.layer, found.n_filters, found.n_samples) == ("stem", 4, 512)
    assert found.spectra.max(axis=1).tolist() == [1.0] * 4


def test_the_spectrum_of_a_kernel_is_that_of_its_closed_form():
    """|1 + e^-jw| = 2 |cos(w / 2)|: a mean of two samples; their difference has the sine."""
    spectra = transform_kernels(np.array([[1.0, 1.0], [1.0, -1.0]]))
    angles = np.linspace(0, np.pi, spectra.shape[1])
    np.testing.assert_allclose(spectra, [2 * np.cos(angles / 2), 2 * np.sin(angles / 2)], atol=1e-12)


def test_a_kernel_longer_than_the_transform_keeps_all_of_its_samples():
    kernel = np.zeros((SHORTEST_FFT + 1, 1))
    kernel[-1] = 1.0  # an impulse: every bin is 1
    np.testing.assert_allclose(transform_kernels(kernel), 1.0)


@pytest.mark.parametrize("n_samples", [FRAME, 3 * FRAME, 20000])
def test_waveforms_of_any_length_have_their_peaks_in_the_same_bins(n_samples):
    spectra = transform_waveforms(make_sines(n_samples).T)
    assert spectra.shape == (4, FRAME // 2 + 1)
    peaks_hz = np.argmax(spectra, axis=1) * RATE / FRAME
    np.testing.assert_allclose(peaks_hz, SINES_HZ, atol=RATE / FRAME)


def test_a_filter_that_answers_nothing_comes_first():
    magnitudes = np.array([[0.0, 4.0, 2.0], [0.0, 0.0, 0.0], [8.0, 0.0, 0.0]])
    found = sort_spectra("stem", RATE, (9, 3), (np.array([2, 5, 8]), magnitudes))
    assert found.numbers.tolist() == [5, 8, 2]
    assert found.spectra.tolist() == [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.5]]
    assert found.peaks_hz.tolist() == [0.0, 0.0, RATE / 4]
