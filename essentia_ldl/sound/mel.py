"""Mel bands of the front-ends that no TensorflowInput* algorithm of Essentia makes, from Essentia's smaller algorithms.

In: Essentia's frames, or a signal. Out: float32 bands. One chain, Windowing >> Spectrum >> MelBands, with the numbers
of the front-end; bands of the ResNet are compressed as log10(1 + 10000 x), those of the artist network as
log10(1 + 10 x), and those of the DCNN as 10 log10(max(x, 1e-10)), frame by frame, so that the chain streams; patches of
OpenL3 are told in decibels below their own loudest value, so that each is cut from the signal first.

References
----------
https://essentia.upf.edu/reference: TensorflowInputMusiCNN for window and compression.
https://essentia.upf.edu/models.html, OpenL3, and the script that the page names for its embeddings: windows of 1 s
whose centres are one second apart, the first at the start of the signal, silence around it; in each, 199 frames of 2048
samples around every 242nd. The openl3 package (marl/openl3, openl3/models.py) differs in three things: it pads the end
of a window only, so its frames are centred 1024 samples later, its Hann window is periodic and not symmetric, and its
windows are 0.1 s apart unless told otherwise.
"""

from __future__ import annotations

from typing import Any

import essentia.standard as es
import essentia.streaming as ess
import numpy as np

from essentia_ldl.frontends import DECIBEL_FLOOR, DECIBEL_RANGE, LOG_SCALES
from essentia_ldl.records import FrontEnd
from essentia_ldl.sound.decoder import Source

VALID_SHARE = 0.5  # of a frame inside the window of 1 s: 199 frames of it


def describe_chain(front_end: FrontEnd) -> dict[str, dict[str, Any]]:
    """Return the parameters of Windowing, Spectrum and MelBands of a front-end, by algorithm."""
    size = front_end.frame_samples
    n_fft = front_end.fft_samples or size
    padding = {"zeroPadding": n_fft - size} if n_fft > size else {}
    return {
        "Windowing": {"type": "hann", "size": size, "normalized": False, **padding},
        "Spectrum": {"size": n_fft},
        "MelBands": {
            "inputSize": n_fft // 2 + 1,
            "numberBands": front_end.n_bands,
            "sampleRate": float(front_end.sample_rate_hz),
            "log": False,
            **dict(front_end.input_parameters),
        },
    }


def connect_mel(source: Source, frames: Any, front_end: FrontEnd) -> Any:
    """Attach the chain and the compression to a source of frames; return the source of the compressed bands."""
    parameters = describe_chain(front_end)
    window = source.keep(ess.Windowing(**parameters["Windowing"]))
    spectrum = source.keep(ess.Spectrum(**parameters["Spectrum"]))
    bands = source.keep(ess.MelBands(**parameters["MelBands"]))
    frames >> window.frame
    window.frame >> spectrum.frame
    spectrum.spectrum >> bands.spectrum
    if front_end.compression == "decibel":  # a value below 1e-10 is -100: a test holds lin2db to `DECIBEL_FLOOR`
        compressed = source.keep(ess.UnaryOperator(type="lin2db"))
        bands.bands >> compressed.array
        return compressed.array
    scaled = source.keep(ess.UnaryOperator(type="identity", scale=LOG_SCALES[front_end.compression], shift=1))
    compressed = source.keep(ess.UnaryOperator(type="log10"))
    bands.bands >> scaled.array
    scaled.array >> compressed.array
    return compressed.array


def compute_bands(signal: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Compute what `connect_mel` streams with the same algorithms in standard mode: a second way to the same numbers.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples,), float32]
        Samples at the front-end's rate.
    front_end : FrontEnd
        Whose `input_algorithm` is MelBands.

    Returns
    -------
    np.ndarray [shape=(n_frames, n_bands), float32]
    """
    frames = es.FrameGenerator(signal, frameSize=front_end.frame_samples, hopSize=front_end.hop_samples)
    bands = MelChain(front_end)(frames)
    if front_end.compression == "decibel":
        return (10 * np.log10(np.maximum(bands, np.float32(DECIBEL_FLOOR)))).astype(np.float32)
    return np.log10(1 + np.float32(LOG_SCALES[front_end.compression]) * bands).astype(np.float32)


def compute_patches(signal: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Cut windows from a signal and compute their bands in decibels, as OpenL3 reads them.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples,), float32]
        Samples at the front-end's rate; one or more.
    front_end : FrontEnd
        `frontends.OPENL3`.

    Returns
    -------
    np.ndarray [shape=(n_patches, patch_frames, n_bands), float32]
        From -80 to 0; digital silence is 0 everywhere. Patch i is the second around sample i * patch_step_samples; a
        signal of d seconds has ceil(d - 0.5) + 1 of them, and always one.
    """
    chain = MelChain(front_end)
    # 199 frames whose centres are 242 samples apart, the first at the start: 1 s of signal
    windows = es.FrameGenerator(
        signal, frameSize=front_end.sample_rate_hz, hopSize=front_end.patch_step_samples, startFromZero=False
    )
    patches = []
    for window in windows:
        frames = es.FrameGenerator(
            window,
            frameSize=front_end.frame_samples,
            hopSize=front_end.hop_samples,
            startFromZero=False,
            validFrameThresholdRatio=VALID_SHARE,
        )
        patches.append(compress_decibels(chain(frames)))
    return np.stack(patches)


def compress_decibels(bands: np.ndarray) -> np.ndarray:
    """Tell magnitudes of a patch (n_frames, n_bands) in decibels below its largest, not below -`DECIBEL_RANGE`."""
    decibels = 10 * np.log10(np.maximum(bands, np.float32(DECIBEL_FLOOR)))
    return np.maximum(decibels - decibels.max(), -DECIBEL_RANGE).astype(np.float32)


class MelChain:
    """Windowing, Spectrum and MelBands in standard mode, made once and run on many frames."""

    def __init__(self, front_end: FrontEnd) -> None:
        parameters = describe_chain(front_end)
        self._window = es.Windowing(**parameters["Windowing"])
        self._spectrum = es.Spectrum(**parameters["Spectrum"])
        self._bands = es.MelBands(**parameters["MelBands"])

    def __call__(self, frames: Any) -> np.ndarray:
        """Compute the bands of some frames, (n_frames, n_bands) float32, without compression."""
        return np.array([self._bands(self._spectrum(self._window(frame))) for frame in frames], dtype=np.float32)
