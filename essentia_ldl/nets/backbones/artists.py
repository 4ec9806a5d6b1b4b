"""The network of artist labels: five one-dimensional convolutions over time, and their mean.

In: patches (batch, 129, 128) float32, three seconds of mel bands as log10(1 + 10 x). Out: embedding (batch, 256)
float32, the last convolution after batch normalisation and ReLU, averaged over the time that is left. There are no
published weights: it is trained from scratch, on artists with `essentia-ldl space`, or on classes that follow the
embedding at once, ``hidden = 0`` in a recipe. The trunk has 264,448 trainable numbers.

The first layer shifts and scales every band by the mean and the deviation of the training tracks, which are weights
like others; the authors' code does so with one mean and one deviation for all bands.

References
----------
J. Park, J. Lee, J. Park, J.-W. Ha and J. Nam, "Representation learning of music using artist labels" (ISMIR 2018),
section 2.1 and figure 1: convolutions, batch normalisation and ReLU. https://github.com/jongpillee/ismir2018-artist:
kernels, filters and poolings; a dropout there is defined and not used.
"""

from __future__ import annotations

import functools

from essentia_ldl import frontends
from essentia_ldl.nets.layers import FixedBatchNormalization, drop, narrow_sizes, normalise
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.ARTISTS
EMBEDDING_SIZE = 256
EMBEDDING_NODE = "model/embedding/Mean"
EMBEDDING_OP = "Mean"
N_DENSE = 0
FREE_TIME = False
INPUT_NORM = None
INPUT_STANDARDIZE = "input_standardize"
INPUT_DEVIATION_FLOOR = 0.01  # of log10(1 + 10 x), whose deviation over all bands is 0.26
FROZEN_UNTIL = "pool_3"
DEPTHS = ("pool_1", "pool_2", FROZEN_UNTIL, "pool_4", "embedding")
PARAMETERS_50 = (264448 + 50 * 257, 2 * (4 * 128 + 256) + 2 * 128)

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

KERNELS = (4, 4, 4, 2)  # frames, of the convolutions that a pooling of as many follows
N_FILTERS = 128
TAIL_DROPOUT = 0.5
BATCH_NORM_MOMENTUM = 0.9  # see resnet: it serves small sets
EPSILON = 1e-6  # of the standardisation


def build(front_end: FrontEnd = FRONT_END, *, frozen_statistics: bool = False, width: int = N_FILTERS) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives the number of frames and mel bands of a patch.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    width : int
        Filters of the convolutions; the last has twice as many.

    Returns
    -------
    keras.Model
        Patches (batch, patch_frames, n_bands) float32 -> embedding (batch, 2 * width) float32.

    References
    ----------
    Park et al. (2018), figure 1.
    """
    kl = keras.layers
    patches = keras.Input((front_end.patch_frames, front_end.n_bands), name="patches")
    x = FixedBatchNormalization(center=False, scale=False, epsilon=EPSILON, name=INPUT_STANDARDIZE)(patches)
    for number, kernel in enumerate(KERNELS, start=1):
        x = _add_convolution(x, (width, kernel), f"conv_{number}", frozen_statistics)
        x = kl.MaxPooling1D(kernel, name=f"pool_{number}")(x)
    x = _add_convolution(x, (2 * width, 1), "conv_5", frozen_statistics)
    return keras.Model(patches, kl.GlobalAveragePooling1D(name="embedding")(x), name="backbone")


def _add_convolution(
    x: keras.KerasTensor, size: tuple[int, int], name: str, frozen_statistics: bool
) -> keras.KerasTensor:
    """Add a convolution of so many filters and frames, batch normalisation and ReLU."""
    kl = keras.layers
    x = kl.Conv1D(*size, padding="same", kernel_initializer="he_uniform", name=name)(x)
    return kl.ReLU(name=f"{name}_relu")(normalise(x, f"{name}_norm", frozen_statistics, BATCH_NORM_MOMENTUM))


tail = functools.partial(drop, rate=TAIL_DROPOUT)
narrow = functools.partial(narrow_sizes, width=N_FILTERS)
