"""The constant-Q transform of a signal, in decibels of its power. In: a pass, or a signal; out: float32 bins.

One chain, FrameCutter >> SpectrumCQ >> square >> lin2db. SpectrumCQ takes frames of exactly the length of its longest
kernel and windows them itself, each bin with a window of its own, so that frames come as they are cut. With zero-phase
kernels, its default, it would want them turned by half; `frontends.CQT` switches that off.

Its response to a sine is proportional to the length of the bin's kernel: a sine at the highest bin is 47.7 dB below the
same sine at the lowest, and 6.02 dB below that an octave lower. The network takes that away (`nets.backbones.cqtcnn`).

NSGConstantQ, Essentia's other one, transforms whole signals, with hops that follow from the bandwidths and not from a
number of samples; ConstantQ is what SpectrumCQ takes the magnitude of.

References
----------
J. C. Brown and M. S. Puckette, "An efficient algorithm for the calculation of a constant Q transform" (JASA 92(5),
1992), as https://essentia.upf.edu/reference/std_SpectrumCQ.html says.
"""

from __future__ import annotations

from typing import Any

import essentia.standard as es
import essentia.streaming as ess
import numpy as np

from essentia_ldl.frontends import DECIBEL_FLOOR
from essentia_ldl.records import FrontEnd
from essentia_ldl.sound.decoder import Source

KEEP = "keep"  # silent frames as they are, as standard mode does: the noise in their place differs from run to run


def describe_chain(front_end: FrontEnd) -> dict[str, dict[str, Any]]:
    """Return the parameters of FrameCutter and SpectrumCQ of a front-end, by algorithm."""
    return {
        "FrameCutter": {"frameSize": front_end.frame_samples, "hopSize": front_end.hop_samples},
        "SpectrumCQ": {
            "numberBins": front_end.n_bands,
            "sampleRate": float(front_end.sample_rate_hz),
            **dict(front_end.input_parameters),
        },
    }


def connect_cqt(source: Source, front_end: FrontEnd) -> Any:
    """Attach the chain to the signal of a pass; return the source of the bins."""
    parameters = describe_chain(front_end)
    cutter = source.keep(ess.FrameCutter(silentFrames=KEEP, **parameters["FrameCutter"]))
    spectrum = source.keep(ess.SpectrumCQ(**parameters["SpectrumCQ"]))
    power = source.keep(ess.UnaryOperator(type="square"))
    decibels = source.keep(ess.UnaryOperator(type="lin2db"))
    source.signals[front_end.sample_rate_hz] >> cutter.signal
    cutter.frame >> spectrum.frame
    spectrum.spectrumCQ >> power.array
    power.array >> decibels.array
    return decibels.array


def compute_bins(signal: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Compute what `connect_cqt` streams with the same algorithms in standard mode: a second way to the same numbers.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples,), float32]
        Samples at the front-end's rate.
    front_end : FrontEnd
        Of kind "cqt".

    Returns
    -------
    np.ndarray [shape=(n_frames, n_bands), float32]
        10 log10(max(x^2, 1e-10)).
    """
    parameters = describe_chain(front_end)
    cutter, spectrum = es.FrameCutter(**parameters["FrameCutter"]), es.SpectrumCQ(**parameters["SpectrumCQ"])
    signal = np.ascontiguousarray(signal, dtype=np.float32)
    magnitudes = []
    while (frame := cutter(signal)).size:
        magnitudes.append(spectrum(frame))
    power = np.square(np.array(magnitudes, dtype=np.float32).reshape(-1, front_end.n_bands))
    return (10 * np.log10(np.maximum(power, np.float32(DECIBEL_FLOOR)))).astype(np.float32)
