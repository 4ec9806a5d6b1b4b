"""The analysis numbers of every front-end, written down once.

In: nothing. Out: `FrontEnd` constants. The same constants drive feature extraction, the shape of the networks, the
graph card and `predict`; no other module writes a hop size. Numbers of the mel front-ends are those of Essentia's
TensorflowInput* and TensorflowPredict* algorithms (https://essentia.upf.edu/reference), those of `MFCC` are section
4.2 of Buisson et al., "Ambiguity modelling with label distribution learning for music classification" (ICASSP 2022).
"""

from __future__ import annotations

from essentia_ldl.discover import unknown
from essentia_ldl.records import FrontEnd

MUSICNN = FrontEnd(
    name="musicnn",
    kind="mel",
    sample_rate_hz=16000,
    frame_samples=512,
    hop_samples=256,
    n_bands=96,
    patch_frames=187,
    patch_hop_frames=93,
    input_algorithm="TensorflowInputMusiCNN",
    predict_algorithm="TensorflowPredictMusiCNN",
)

MFCC = FrontEnd(
    name="mfcc",
    kind="mfcc",
    sample_rate_hz=44100,
    frame_samples=1024,
    fft_samples=2048,
    hop_samples=512,
    n_bands=13,
    patch_frames=86,
    patch_hop_frames=86,
    segment_offset_s=5.0,
    segment_duration_s=15.0,
    input_algorithm="MFCC",
)

ALL = {value.name: value for value in tuple(globals().values()) if isinstance(value, FrontEnd)}

BY_PREDICTOR = {front_end.predict_algorithm: front_end for front_end in ALL.values() if front_end.predict_algorithm}

# What a network reads, told here for the code that must not import it; tests hold it to the network's own FRONT_END.
_OF_NETWORK = {"musicnn": MUSICNN, "vgg": MUSICNN}


def of_network(backbone: str) -> FrontEnd:
    """Return the front-end that a network reads; raise `UnknownNameError` when there is no such network."""
    if backbone not in _OF_NETWORK:
        raise unknown("network", backbone, _OF_NETWORK)
    return _OF_NETWORK[backbone]


def get(name: str) -> FrontEnd:
    """Return the front-end of a name; raise `UnknownNameError` when there is none."""
    if name not in ALL:
        raise unknown("front-end", name, ALL)
    return ALL[name]
