"""Choi's CNN of transfer learning: five blocks of one convolution each on 29 s of mel bands, 32 numbers per layer.

In: patches (batch, 1360, 96) float32, mel bands in decibels at 12 kHz. Out: embedding (batch, 32) float32, the last
pooling, which leaves one position of 29 s. The time axis is fixed, because five poolings take 1280 frames: a shorter
patch has no answer. There are no published weights: it is trained from scratch, on tags in the paper, and goes straight
to them: ``hidden = 0`` in a recipe. Its five poolings, each averaged over its positions, are the features that the
paper carries to other tasks, 160 numbers in all; `features.beside` finds them in the exported graph.

A block is a convolution of 3 x 3 with 32 filters, batch normalisation, ELU and a pooling; ELU comes after the pooling
here, which is the same, because ELU keeps the order of numbers, at a fraction of its cost. The trunk has 37 632
trainable numbers (convolutions 37 312, batch normalisation 320). What is ours: the first layer shifts and scales every
band by mean and deviation of the training tracks' frames, as that of `dcnn` does, and a dropout stands before the
outputs.

References
----------
K. Choi, G. Fazekas, M. Sandler and K. Cho, "Transfer learning for music classification and regression tasks" (ISMIR
2017), sections 3.1 and 3.2, figure 1.
"""

from __future__ import annotations

import functools

from essentia_ldl import frontends
from essentia_ldl.nets.layers import FixedBatchNormalization, drop, he_initialiser, normalise
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.CHOI
EMBEDDING_SIZE = 32
EMBEDDING_NODE = "model/flatten/Reshape"
EMBEDDING_OP = "Reshape"
N_DENSE = 0
FREE_TIME = False
INPUT_NORM = None
FROZEN_UNTIL = "pool_3"  # the last two of five blocks train
DEPTHS = ("pool_1", "pool_2", FROZEN_UNTIL, "pool_4", "embedding")
INPUT_STANDARDIZE = "input_standardize"
INPUT_DEVIATION_FLOOR = 1.0  # decibel, as of dcnn
PARAMETERS_50 = (37632 + 50 * 33, 320 + 192)

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

N_FILTERS = 32
POOLS = ((4, 2), (4, 3), (5, 2), (4, 2), (4, 4))  # (frames, bands)
TAIL_DROPOUT = 0.25
BATCH_NORM_MOMENTUM = 0.9  # see resnet: it serves small sets
EPSILON = 1e-6  # of the standardisation, whose variances are 1 or more


def build(
    front_end: FrontEnd = FRONT_END, *, frozen_statistics: bool = False, n_filters: int = N_FILTERS
) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives the number of frames and mel bands of a patch.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    n_filters : int
        Filters of each convolution.

    Returns
    -------
    keras.Model
        Patches (batch, patch_frames, n_bands) float32 -> embedding (batch, n_filters) float32, for 1360 x 96.

    References
    ----------
    Choi et al. (2017), figure 1.
    """
    kl = keras.layers
    patches = keras.Input((front_end.patch_frames, front_end.n_bands), name="patches")
    standardize = FixedBatchNormalization(center=False, scale=False, epsilon=EPSILON, name=INPUT_STANDARDIZE)
    x = kl.Reshape((front_end.patch_frames, front_end.n_bands, 1), name="expand")(standardize(patches))
    for number, pool in enumerate(POOLS, start=1):
        name, start = f"conv_{number}", he_initialiser()
        x = kl.Conv2D(n_filters, (3, 3), padding="same", kernel_initializer=start, name=name)(x)
        x = normalise(x, f"{name}_norm", frozen_statistics, BATCH_NORM_MOMENTUM)
        x = kl.ELU(name=f"pool_{number}")(kl.MaxPooling2D(pool, name=f"{name}_max")(x))
    n_values = x.shape[1] * x.shape[2] * x.shape[3]
    return keras.Model(patches, kl.Reshape((n_values,), name="embedding")(x), name="backbone")


tail = functools.partial(drop, rate=TAIL_DROPOUT)
