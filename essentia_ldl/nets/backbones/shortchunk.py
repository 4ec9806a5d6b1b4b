"""Short-chunk CNN: seven 3x3 convolutions, each with a pooling of two, on less than four seconds of mel bands.

In: patches (batch, 231, 128) float32, mel bands in decibels, 3.69 s. Out: embedding (batch, 512) float32, a dense layer
after its batch normalisation and ReLU; the classes follow: ``hidden = 0`` in a recipe. The time axis is fixed. There
are no published weights: it is trained from scratch.

`shortchunk-res` has residual blocks in place of the convolutions and their poolings: two convolutions, the first with a
stride of two, and a third one, with that stride, around them. All is as in the authors' code. The batch normalisation
of the input has one scale for all bands, which is fixed here as in `vgg`.

References
----------
M. Won, A. Ferraro, D. Bogdanov and X. Serra, "Evaluation of CNN-based automatic music tagging models" (SMC 2020);
https://github.com/minzwon/sota-music-tagging-models.
"""

from __future__ import annotations

import functools

from essentia_ldl import frontends
from essentia_ldl.nets.layers import (
    add_pooled_block,
    add_strided_block,
    connect,
    drop,
    narrow_sizes,
    normalise,
    open_bands,
)
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.MEL128_4S
EMBEDDING_SIZE = 512
EMBEDDING_NODE = "model/dense/Relu"
EMBEDDING_OP = "Relu"
N_DENSE = 1
FREE_TIME = False
INPUT_NORM = "input_norm"
FROZEN_UNTIL = "block_4"
DEPTHS = ("block_2", FROZEN_UNTIL, "block_6", "pool", "embedding")
# counted by hand from the layers of the authors' code
PARAMETERS_50 = (3687348, 2 * (2 * 128 + 4 * 256 + 512 + 512) + 2)
PARAMETERS_50_RES = (12104244, 2 * (3 * (2 * 128 + 4 * 256 + 512) + 512) + 2)

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

WIDTH = 128
FACTORS = (1, 1, 2, 2, 2, 2, 4)  # widths of 128
TAIL_DROPOUT = 0.5
BATCH_NORM_MOMENTUM = 0.9  # see resnet: it serves small sets


def build(
    front_end: FrontEnd = FRONT_END, *, frozen_statistics: bool = False, width: int = WIDTH, residual: bool = False
) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives frames and mel bands.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    width : int
        Channels of the first two layers; the last has four times as many, those between twice.
    residual : bool
        Whether residual blocks take the place of the convolutions.

    Returns
    -------
    keras.Model
        Patches (batch, n_frames, n_bands) float32 -> embedding (batch, 4 * width) float32.
    """
    kl = keras.layers
    patches, x = open_bands(front_end, INPUT_NORM, frozen_statistics, BATCH_NORM_MOMENTUM)
    for number, factor in enumerate(FACTORS, start=1):
        add = add_strided_block if residual else add_pooled_block
        x = add(x, factor * width, (2, 2), f"block_{number}", frozen_statistics, BATCH_NORM_MOMENTUM)
    x = connect(kl.GlobalMaxPooling2D(name="pool")(x), x.shape[-1], "fc")
    x = normalise(x, "fc_norm", frozen_statistics, BATCH_NORM_MOMENTUM)
    return keras.Model(patches, kl.ReLU(name="embedding")(x), name="backbone")


narrow = functools.partial(narrow_sizes, width=WIDTH)
tail = functools.partial(drop, rate=TAIL_DROPOUT)

VARIANTS = {
    "shortchunk-res": {"build": functools.partial(build, residual=True), "PARAMETERS_50": PARAMETERS_50_RES},
}
