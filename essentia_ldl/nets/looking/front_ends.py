"""What stands at the bottom of a network besides convolutions of samples: harmonic filters, and filters of mel bands.

In: a trained network. Out: `Harmonics` or `Bands`, from its weights alone.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.nets.backbones.harmoniccnn import ALPHA, BETA, N_HARMONICS, HarmonicFilters, Q, list_frequencies
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd
from essentia_ldl.runs.looks import Bands, Harmonics

OF_BANDS = ("timbral", "temporal")  # begin the names of the first filters of networks that read mel bands


def find_harmonics(model: keras.Model) -> HarmonicFilters | None:
    """Return the layer of harmonic filters of a network; None when it has none."""
    return next((layer for layer in model.layers if isinstance(layer, HarmonicFilters)), None)


def look_at_harmonics(layer: HarmonicFilters) -> Harmonics:
    """Return the widths of harmonic filters."""
    alpha, beta, q = layer.read_widths()
    start = np.array([ALPHA, BETA, Q])
    return Harmonics(layer.sample_rate_hz, N_HARMONICS, list_frequencies()[0], alpha, beta, q, start)


def list_band_layers(model: keras.Model) -> list[str]:
    """List the convolutions of a network that read mel bands and are named for what they see."""
    kinds = (keras.layers.Conv1D, keras.layers.Conv2D)
    return [layer.name for layer in model.layers if isinstance(layer, kinds) and layer.name.startswith(OF_BANDS)]


def look_at_bands(layer: keras.layers.Layer, front_end: FrontEnd) -> Bands:
    """Return the kernels of a convolution of mel bands.

    Parameters
    ----------
    layer : keras.layers.Layer
        Over frames, over frames and bands, or, of one band, over bands and frames.
    front_end : FrontEnd
        What it reads.
    """
    kernel = layer.kernel.numpy()
    if kernel.ndim == 3:  # over frames, of the mean over bands
        kernels = kernel.transpose(2, 0, 1)
    else:  # one channel: the image of bands
        kernels = kernel[:, :, 0].transpose(2, 0, 1)
        if layer.name.startswith("temporal"):  # bands came first
            kernels = kernels.transpose(0, 2, 1)
    rate = front_end.sample_rate_hz / front_end.hop_samples
    return Bands(layer.name, rate, front_end.n_bands, np.ascontiguousarray(kernels, dtype=np.float32))
