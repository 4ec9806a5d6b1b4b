"""FCN: five 3x3 convolutions with poolings down to a single place, on half a minute of mel bands.

In: patches (batch, 1813, 96) float32, mel bands in decibels, 29 s. Out: embedding (batch, 64) float32, what the last
pooling leaves; the classes follow: ``hidden = 0`` in a recipe. The time axis is fixed. There are no published weights:
it is trained from scratch.

Poolings, widths and the batch normalisation of the input are those of the authors' code of the comparison; in the paper
of 2016 the network has ELUs after its convolutions and other widths. The batch normalisation of the input has one scale
for all bands, which is fixed here as in `vgg`.

References
----------
K. Choi, G. Fazekas and M. Sandler, "Automatic tagging using deep convolutional neural networks" (ISMIR 2016). M. Won,
A. Ferraro, D. Bogdanov and X. Serra, "Evaluation of CNN-based automatic music tagging models" (SMC 2020);
https://github.com/minzwon/sota-music-tagging-models.
"""

from __future__ import annotations

import functools

from essentia_ldl import frontends
from essentia_ldl.nets.layers import add_pooled_block, drop, narrow_sizes, open_bands
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.MEL96_29S
EMBEDDING_SIZE = 64
EMBEDDING_NODE = "model/flatten/Reshape"
EMBEDDING_OP = "Reshape"
N_DENSE = 0
FREE_TIME = False
INPUT_NORM = "input_norm"
FROZEN_UNTIL = "block_3"  # the last two of five train
DEPTHS = ("block_1", "block_2", FROZEN_UNTIL, "block_4", "embedding")
PARAMETERS_50 = (447732, 1026)  # counted by hand from the layers of the authors' code

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

WIDTH = 64
BLOCKS = ((1, (4, 2)), (2, (4, 2)), (2, (4, 2)), (2, (5, 3)), (1, (4, 4)))  # widths of 64, and frames and bands pooled
TAIL_DROPOUT = 0.5
BATCH_NORM_MOMENTUM = 0.9  # see resnet: it serves small sets


def build(front_end: FrontEnd = FRONT_END, *, frozen_statistics: bool = False, width: int = WIDTH) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives frames and mel bands.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    width : int
        Channels of the first and the last convolution; those between have twice as many.

    Returns
    -------
    keras.Model
        Patches (batch, n_frames, n_bands) float32 -> embedding (batch, width) float32.
    """
    patches, x = open_bands(front_end, INPUT_NORM, frozen_statistics, BATCH_NORM_MOMENTUM)
    for number, (factor, pool) in enumerate(BLOCKS, start=1):
        x = add_pooled_block(x, factor * width, pool, f"block_{number}", frozen_statistics, BATCH_NORM_MOMENTUM)
    return keras.Model(patches, keras.layers.Reshape((width,), name="embedding")(x), name="backbone")


narrow = functools.partial(narrow_sizes, width=WIDTH)
tail = functools.partial(drop, rate=TAIL_DROPOUT)
