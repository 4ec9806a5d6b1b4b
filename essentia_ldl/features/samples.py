"""Decoded audio in the store: int16 samples, half of what float32 needs, which training maps from disk.

In: a signal as Essentia decodes it, between -1 and 1. Out: int16, one step being 1 / 32768, and back. What decoders
make beyond -1 and 1 is clipped, as a sound card would; inference reads the signal as it is.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.records import FrontEnd

FULL_SCALE = 32768.0
PIECE_SAMPLES = 1 << 20


def find_dtype(front_end: FrontEnd) -> np.dtype:
    """Return what the store keeps of a front-end: int16 of a waveform, uint8 of a picture, float32 of anything else."""
    return np.dtype({"waveform": np.int16, "image": np.uint8}.get(front_end.kind, np.float32))


def to_int16(signal: np.ndarray) -> np.ndarray:
    """Round a signal to int16.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples,), float32]
        Between -1 and 1; what is beyond is clipped.

    Returns
    -------
    np.ndarray [shape=(n_samples, 1), int16]
        As the store keeps it: a frame is one sample.

    Examples
    --------
    >>> to_int16(np.array([0.0, 0.5, -2.0], dtype=np.float32)).ravel().tolist()
    [0, 16384, -32768]
    """
    signal = np.asarray(signal, dtype=np.float32)
    samples = np.empty((len(signal), 1), np.int16)
    for first in range(0, len(signal), PIECE_SAMPLES):  # a signal may be long, and each step takes as much again
        levels = np.rint(signal[first : first + PIECE_SAMPLES] * np.float32(FULL_SCALE))
        samples[first : first + PIECE_SAMPLES, 0] = np.clip(levels, -FULL_SCALE, FULL_SCALE - 1)
    return samples


def as_stored(values: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Return what a decoder made of a front-end as the store keeps it.

    Parameters
    ----------
    values : np.ndarray [shape=(n_frames, n_bands) or (n_samples,), float32]
        Frames, or the signal of a waveform.
    front_end : FrontEnd
        That they are of.

    Returns
    -------
    np.ndarray [shape=(n_frames, n_bands), float32, or (n_samples, 1), int16]
    """
    stored = to_int16(values) if front_end.kind == "waveform" else values
    return np.ascontiguousarray(stored, dtype=find_dtype(front_end))


def to_float(samples: np.ndarray) -> np.ndarray:
    """Return samples as a network reads them.

    Parameters
    ----------
    samples : np.ndarray [shape=(..., n_samples, 1), int16]
        From the store.

    Returns
    -------
    np.ndarray [shape=(..., n_samples), float32]
        Between -1 and 1.

    Examples
    --------
    >>> to_float(np.array([[16384], [-32768]], dtype=np.int16)).tolist()
    [0.5, -1.0]
    """
    return samples[..., 0].astype(np.float32) / np.float32(FULL_SCALE)
