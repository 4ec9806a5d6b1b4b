"""Oramas' CNN on constant-Q transforms: three convolutions over time, the first as high as the spectrum.

In: patches (batch, 322, 96) float32, decibels of the power of `frontends.CQT`. Out: embedding (batch, 2048) float32,
the last pooling, flattened. The time axis is fixed, because all positions of it go on. There are no published weights:
it is trained from scratch, and goes straight to its outputs in the paper: ``hidden = 0`` in a recipe.

Convolutions are (frames, bins): 4 x 96 with 64 filters, 4 x 1 with 128, 4 x 1 with 256, each with ReLU and a pooling
over 4, 4 and 2 frames, and dropout of a half before the outputs: 188 864 numbers, as the authors' code has them. Below
stands what that code does before its network: decibels below the loudest value of the patch, none below -80, and a
standardisation of every bin, which is a batch normalisation here, whose scale and offset stay as they are.
Essentia's transform answers a sine in proportion to the length of the bin's kernel; the first layer takes that away, so
that the loudest value is that of the loudest tone.

References
----------
S. Oramas, F. Barbieri, O. Nieto and X. Serra, "Multimodal deep learning for music genre classification" (TISMIR 1(1),
2018), sections 4.1 and 5.1. https://github.com/sergiooramas/tartarus: the sizes.
"""

from __future__ import annotations

import functools
import math

from essentia_ldl import frontends
from essentia_ldl.nets.layers import convolve, drop, normalise
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.CQT
EMBEDDING_SIZE = 2048
EMBEDDING_NODE = "model/flatten/Reshape"
EMBEDDING_OP = "Reshape"
N_DENSE = 0
FREE_TIME = False
INPUT_NORM = "input_norm"
FROZEN_UNTIL = "pool_1"
DEPTHS = (FROZEN_UNTIL, "pool_2", "embedding")
PARAMETERS_50 = (24640 + 32896 + 131328 + 50 * 2049 + 2 * 96, 2 * 96)  # the last two are those of `INPUT_NORM`

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

N_FILTERS = 64
KERNEL = 4
POOLS = (4, 4, 2)
TAIL_DROPOUT = 0.5
BATCH_NORM_MOMENTUM = 0.9  # see resnet: it serves small sets
SPREAD = 20.0  # decibels of a standard deviation, roughly: what comes to the batch normalisation is near 1


def build(
    front_end: FrontEnd = FRONT_END, *, frozen_statistics: bool = False, n_filters: int = N_FILTERS
) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives the number of frames and bins of a patch.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    n_filters : int
        Filters of the first convolution; the others have two and four times as many.

    Returns
    -------
    keras.Model
        Patches (batch, patch_frames, n_bands) float32 -> embedding (batch, 32 * n_filters) float32, for 322 x 96.

    References
    ----------
    Oramas et al. (2018), section 5.1.
    """
    kl = keras.layers
    patches = keras.Input((front_end.patch_frames, front_end.n_bands), name="patches")
    x = normalise(compare_with_loudest(patches, front_end), INPUT_NORM, frozen_statistics, BATCH_NORM_MOMENTUM)
    x = kl.Reshape((front_end.patch_frames, front_end.n_bands, 1), name="expand")(x)
    for number, pool in enumerate(POOLS, start=1):
        kernel = (KERNEL, front_end.n_bands if number == 1 else 1)
        x = convolve(x, n_filters * 2 ** (number - 1), kernel, f"conv_{number}")
        x = kl.MaxPooling2D((pool, 1), name=f"pool_{number}")(x)
    return keras.Model(patches, kl.Flatten(name="embedding")(x), name="backbone")


def compare_with_loudest(patches: keras.KerasTensor, front_end: FrontEnd) -> keras.KerasTensor:
    """Tell decibels below the loudest tone of a patch, in units of `SPREAD` above -80 dB.

    Parameters
    ----------
    patches : keras.KerasTensor [shape=(batch, n_frames, n_bands), float32]
        Decibels of the power of Essentia's transform.
    front_end : FrontEnd
        Says how many bins an octave has.

    Returns
    -------
    keras.KerasTensor [shape=(batch, n_frames, n_bands), float32]
        0 to 4; digital silence is 4 everywhere it is loudest.
    """
    kl = keras.layers
    per_octave = dict(front_end.input_parameters)["binsPerOctave"]
    gains = [20 * math.log10(2) * k / per_octave for k in range(front_end.n_bands)]
    tones = kl.Rescaling(1.0, offset=gains, name="even")(patches)
    loudest = kl.GlobalMaxPooling1D(name="loudest")(kl.Reshape((-1, 1), name="values")(tones))
    below = kl.Subtract(name="below_loudest")([tones, kl.Reshape((1, 1), name="loudest_value")(loudest)])
    scaled = kl.Rescaling(1 / SPREAD, offset=frontends.DECIBEL_RANGE / SPREAD, name="above_floor")(below)
    return kl.ReLU(name="not_below_floor")(scaled)


def narrow(share: float) -> dict[str, object]:
    """Return the size of a network whose layers are `share` as wide, at least one filter each."""
    return {"n_filters": max(1, round(N_FILTERS * share))}


tail = functools.partial(drop, rate=TAIL_DROPOUT)
