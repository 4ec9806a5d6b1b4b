"""The audio side of a space of words and audio: five one-dimensional convolutions over time, and their mean.

In: patches (batch, 130, 128) float32, three seconds of mel bands as log10(1 + 10 x). Out: embedding (batch, 100)
float32, the last convolution, which is linear, averaged over the time that is left. There are no published weights: it
is trained from scratch, on words with `essentia-ldl space words --network zeroshot`, or on classes. It has 242,788
trainable numbers. There is no batch normalisation.

The first layer shifts and scales every band by the mean and the deviation of the training tracks, which are weights
like others; the authors' code does so with one mean and one deviation for all bands.

References
----------
J. Choi, J. Lee, J. Park and J. Nam, "Zero-shot learning for audio-based music classification and tagging" (ISMIR 2019),
section 3. https://github.com/kunimi00/ZSL_music_tagging: kernels, filters and poolings.
"""

from __future__ import annotations

import functools

from essentia_ldl import frontends
from essentia_ldl.nets.backbones import artists
from essentia_ldl.nets.layers import FixedBatchNormalization, drop
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.ZEROSHOT
EMBEDDING_SIZE = 100
EMBEDDING_NODE = "model/embedding/Mean"
EMBEDDING_OP = "Mean"
N_DENSE = 0
FREE_TIME = False
INPUT_NORM = None
INPUT_STANDARDIZE = artists.INPUT_STANDARDIZE
INPUT_DEVIATION_FLOOR = artists.INPUT_DEVIATION_FLOOR
FROZEN_UNTIL = "pool_3"
DEPTHS = ("pool_1", "pool_2", FROZEN_UNTIL, "pool_4", "embedding")
PARAMETERS_50 = (242788 + 50 * 101, 2 * 128)

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

N_FILTERS = 128


def build(front_end: FrontEnd = FRONT_END, *, frozen_statistics: bool = False) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives the number of frames and mel bands of a patch.
    frozen_statistics : bool
        Of no effect: there is no batch normalisation.

    Returns
    -------
    keras.Model
        Patches (batch, patch_frames, n_bands) float32 -> embedding (batch, 100) float32.

    References
    ----------
    Choi et al. (2019), section 3.
    """
    del frozen_statistics
    kl = keras.layers
    patches = keras.Input((front_end.patch_frames, front_end.n_bands), name="patches")
    x = FixedBatchNormalization(center=False, scale=False, epsilon=artists.EPSILON, name=INPUT_STANDARDIZE)(patches)
    for number, kernel in enumerate(artists.KERNELS, start=1):
        size = {"filters": N_FILTERS, "kernel_size": kernel, "padding": "same", "kernel_initializer": "he_uniform"}
        x = kl.Conv1D(**size, activation="relu", name=f"conv_{number}")(x)
        x = kl.MaxPooling1D(kernel, name=f"pool_{number}")(x)
    x = kl.Conv1D(EMBEDDING_SIZE, 1, kernel_initializer="he_uniform", name="conv_5")(x)
    return keras.Model(patches, kl.GlobalAveragePooling1D(name="embedding")(x), name="backbone")


tail = functools.partial(drop, rate=artists.TAIL_DROPOUT)
