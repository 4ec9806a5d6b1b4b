"""Spectra of filters in the order of their peaks. In: weights, or waveforms that excite filters; out: `Spectra`.

A kernel is short, so that its spectrum is taken over many more samples than it has, which interpolates between bins. A
waveform is cut into windows, whose powers are averaged: it has many random parts where a filter answers a broad band,
and the mean over windows shows the band.

References
----------
P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra" (1967).
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.nets.runtime import keras
from essentia_ldl.runs.looks import Spectra

SHORTEST_FFT = 2048
FRAME = 729  # samples of the shortest waveform, and of the transform of a window, which interpolates too
WINDOW = 243  # samples; half of them from one to the next


def transform_kernels(kernels: np.ndarray) -> np.ndarray:
    """Return the magnitudes of the spectra of kernels (n_samples, n_filters), as (n_filters, n_bins) float64."""
    n_fft = max(SHORTEST_FFT, 2 ** int(np.ceil(np.log2(len(kernels)))))
    return np.abs(np.fft.rfft(np.asarray(kernels, dtype=np.float64), n_fft, axis=0)).T


def transform_waveforms(waveforms: np.ndarray) -> np.ndarray:
    """Return the magnitudes of the mean spectra of waveforms (n, n_samples), as (n, FRAME // 2 + 1) float64.

    Windows are Hann's; a rest shorter than one is left out.
    """
    waveforms = np.asarray(waveforms, dtype=np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(waveforms, WINDOW, axis=1)[:, :: WINDOW // 2]
    powers = np.zeros((len(waveforms), FRAME // 2 + 1))
    for number in range(windows.shape[1]):  # one after the other: there may be hundreds
        powers += np.abs(np.fft.rfft(windows[:, number] * np.hanning(WINDOW), FRAME, axis=-1)) ** 2
    return np.sqrt(powers / windows.shape[1])


def sort_spectra(
    layer: str, sample_rate_hz: int, sizes: tuple[int, int], found: tuple[np.ndarray, np.ndarray]
) -> Spectra:
    """Scale spectra to their peaks, and sort them by these.

    Parameters
    ----------
    layer : str
        Whose filters they are.
    sample_rate_hz : int
        Of what the network hears.
    sizes : tuple[int, int]
        How many filters the layer has, and how many samples were looked at for each.
    found : tuple[np.ndarray, np.ndarray]
        Numbers of the filters (n_shown,), and magnitudes (n_shown, n_bins).

    Returns
    -------
    Spectra
        Filters with the same peak in the order of their numbers; one that answers nothing has its peak at 0.
    """
    numbers, magnitudes = found
    largest = magnitudes.max(axis=1, keepdims=True)
    spectra = np.where(largest > 0, magnitudes / np.where(largest > 0, largest, 1.0), 0.0).astype(np.float32)
    order = np.argsort(np.argmax(spectra, axis=1), kind="stable")
    numbers = np.asarray(numbers, dtype=np.int64)[order]
    return Spectra(layer, sample_rate_hz, *sizes, numbers, spectra[order])


def look_at_filters(layer: keras.layers.Layer, sample_rate_hz: int) -> Spectra:
    """Return the spectra of the first convolution of a network that hears samples, from its weights."""
    kernels = layer.kernel.numpy()[:, 0]
    n_samples, n_filters = kernels.shape
    found = np.arange(n_filters), transform_kernels(kernels)
    return sort_spectra(layer.name, sample_rate_hz, (n_filters, n_samples), found)
