"""MFCC frames become one vector per track: MFCC-S (summary) and MFCC-P (pooled windows).

References
----------
Buisson, Alonso-Jiménez, Bogdanov, "Ambiguity modelling with label distribution learning for music classification"
(ICASSP 2022), sections 3.1 and 4.2.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.frontends import MFCC

N_WINDOWS = int(MFCC.segment_duration_s)  # one texture window a second, section 4.2
N_FEATURES = {"mfcc-s": 2 * MFCC.n_bands, "mfcc-p": N_WINDOWS * MFCC.n_bands}


def summarize_frames(frames: np.ndarray, where: str = "frames") -> np.ndarray:
    """Return MFCC-S: the mean and the standard deviation of every coefficient over all frames.

    Parameters
    ----------
    frames : np.ndarray [shape=(n_frames, 13), float32]
        MFCC of the segment.
    where : str
        Track, for the message.

    Returns
    -------
    np.ndarray [shape=(26,), float64]
        13 means, then 13 standard deviations (of the population).

    Raises
    ------
    DataError
        When there is no frame, the shape is another one or a value is not finite.

    References
    ----------
    Section 3.1.
    """
    frames = _check_frames(frames, 1, where)
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def pool_frames(frames: np.ndarray, where: str = "frames") -> np.ndarray:
    """Return MFCC-P: the means of 15 consecutive windows of 86 frames, window after window.

    Frames after the fifteenth window are dropped. Fewer than 15 x 86 frames are an error: the store pads short tracks
    to 15 s by repetition, so they cannot come from it.

    Parameters
    ----------
    frames : np.ndarray [shape=(n_frames, 13), float32]
        MFCC of the segment.
    where : str
        Track, for the message.

    Returns
    -------
    np.ndarray [shape=(195,), float64]
        The 13 means of the first window, then of the second, …

    Raises
    ------
    DataError
        When there are fewer than 1290 frames, the shape is another one or a value is not finite.

    References
    ----------
    Sections 3.1 and 4.2 (M = 86).
    """
    n_frames = N_WINDOWS * MFCC.patch_frames
    frames = _check_frames(frames, n_frames, where)
    return frames[:n_frames].reshape(N_WINDOWS, MFCC.patch_frames, MFCC.n_bands).mean(axis=1).ravel()


def _check_frames(frames: np.ndarray, n_least: int, where: str) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # a damaged file may hold a NaN that signals
        frames = np.asarray(frames, dtype=np.float64)
    remedy = "Extract the features of this track again."
    if frames.ndim != 2 or frames.shape[1] != MFCC.n_bands or len(frames) < n_least:
        rule = f"{n_least} or more frames of {MFCC.n_bands} coefficients"
        raise DataError(explain("MFCC", rule, frames.shape, where, remedy))
    if not np.all(np.isfinite(frames)):
        raise DataError(explain("MFCC", "finite numbers", "NaN or infinity", where, remedy))
    return frames
