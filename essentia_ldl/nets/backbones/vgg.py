"""VGG for music tagging: five 3x3 convolutions with pooling, flattened.

In: patches (batch, 187, 96) float32, log-compressed mel bands. Out: embedding (batch, 256) float32. The time axis is
fixed: the last pooling leaves 2 x 1 positions of 187 x 96 values and the dense layer that follows has learnt their
order, so a 64-frame patch has no answer; the network, in Keras and in an exported graph, refuses any other length.

References
----------
K. Choi, G. Fazekas and M. Sandler, "Automatic tagging using deep convolutional neural networks" (ISMIR 2016), in the
version of the weights of the Python package musicnn 0.1.0.
"""

from __future__ import annotations

import functools

from essentia_ldl import frontends
from essentia_ldl.nets.layers import convolve, drop, narrow_sizes, normalise
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.MUSICNN
EMBEDDING_SIZE = 256
EMBEDDING_NODE = "model/flatten/Reshape"
EMBEDDING_OP = "Reshape"
N_DENSE = 0
FREE_TIME = False
INPUT_NORM = "input_norm"
FROZEN_UNTIL = "pool_3"  # the last two of five blocks train
DEPTHS = ("pool_1", "pool_2", FROZEN_UNTIL, "pool_4", "embedding")
PARAMETERS_50 = (605748, 1282)

# (size, stride) of the five poolings. The two released networks differ in the first two: their training graphs (the
# .meta files beside the weights) say so, and only with its own poolings does a network reproduce its stored batch
# statistics on real music. The Python code of the package runs both with the first table.
POOLS = (((4, 1), (2, 2)), ((2, 2), (2, 2)), ((2, 2), (2, 2)), ((2, 2), (2, 2)), ((4, 4), (4, 4)))
POOLS_MSD = (((4, 1), (4, 1)), ((1, 4), (1, 4)), *POOLS[2:])
N_FILTERS = 128
CONVOLUTION_DROPOUT = 0.25
TAIL_DROPOUT = 0.5

CHECKPOINTS = {"msd": "MSD_vgg", "mtt": "MTT_vgg"}
CHECKPOINT_SIZES = {"msd": {"pools": POOLS_MSD}}
CHECKPOINT_LAYERS = {
    "batch_normalization": "input_norm",
    **{f"{number}CNN": f"convolution_{number}" for number in range(1, 6)},
    **{f"batch_normalization_{number}": f"convolution_{number}_norm" for number in range(1, 6)},
    "dense": "tags",
}


def build(
    front_end: FrontEnd = FRONT_END,
    *,
    frozen_statistics: bool = False,
    n_filters: int = N_FILTERS,
    pools: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = POOLS,
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
    pools : tuple[tuple[tuple[int, int], tuple[int, int]], ...]
        (frames, bands) of size and of stride of each pooling.

    Returns
    -------
    keras.Model
        Patches (batch, patch_frames, n_bands) float32 -> embedding (batch, 2 * n_filters) float32, for 187 x 96.

    References
    ----------
    The weights of the Python package musicnn 0.1.0.
    """
    kl = keras.layers
    patches = keras.Input((front_end.patch_frames, front_end.n_bands), name="patches")
    x = kl.Reshape((front_end.patch_frames, front_end.n_bands, 1), name="expand")(patches)
    x = normalise(x, INPUT_NORM, frozen_statistics)
    for number, (size, stride) in enumerate(pools, start=1):
        x = convolve(x, n_filters, (3, 3), f"convolution_{number}", padding="same")
        x = normalise(x, f"convolution_{number}_norm", frozen_statistics)
        x = kl.MaxPooling2D(size, stride, name=f"pool_{number}")(x)
        if number < len(pools):
            x = kl.Dropout(CONVOLUTION_DROPOUT, name=f"dropout_{number}")(x)
    n_values = x.shape[1] * x.shape[2] * x.shape[3]
    return keras.Model(patches, kl.Reshape((n_values,), name="embedding")(x), name="backbone")


narrow = functools.partial(narrow_sizes, n_filters=N_FILTERS)
tail = functools.partial(drop, rate=TAIL_DROPOUT)
