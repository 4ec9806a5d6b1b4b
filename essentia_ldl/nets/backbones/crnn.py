"""CRNN: four convolutions with poolings, and two recurrent layers that read what is left of time.

In: patches (batch, 1813, 96) float32, mel bands in decibels, 29 s. Out: embedding (batch, 32) float32, the last state
of the second of two layers of gated recurrent units, which read 18 steps; the classes follow: ``hidden = 0`` in a
recipe. The time axis is fixed, because the recurrent layers stand in the graph step by step. There are no published
weights: it is trained from scratch.

Everything is as in the authors' code of the comparison; the paper of 2017 names ELUs. The batch normalisation of the
input has one scale for all bands, which is fixed here as in `vgg`.

References
----------
K. Choi, G. Fazekas, M. Sandler and K. Cho, "Convolutional recurrent neural networks for music classification" (ICASSP
2017). M. Won, A. Ferraro, D. Bogdanov and X. Serra, "Evaluation of CNN-based automatic music tagging models" (SMC
2020); https://github.com/minzwon/sota-music-tagging-models.
"""

from __future__ import annotations

import functools

from essentia_ldl import frontends
from essentia_ldl.nets.layers import add_pooled_block, drop, narrow_sizes, open_bands
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.MEL96_29S
EMBEDDING_SIZE = 32
EMBEDDING_NODE = "model/gru/embedding"
EMBEDDING_OP = "GRU"
N_DENSE = 0
FREE_TIME = False
INPUT_NORM = "input_norm"
FROZEN_UNTIL = "steps"  # the recurrent layers train
DEPTHS = ("block_1", "block_2", "block_3", FROZEN_UNTIL, "embedding")
PARAMETERS_50 = (394100, 898)  # counted by hand from the layers of the authors' code

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

WIDTH = 64
BLOCKS = ((1, 2), (2, 3), (2, 4), (2, 4))  # widths of 64, and what is pooled of frames and bands
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
        Channels of the first convolution; the others have twice as many, the recurrent layers half as many units.

    Returns
    -------
    keras.Model
        Patches (batch, n_frames, n_bands) float32 -> embedding (batch, width // 2) float32.
    """
    kl, n_units = keras.layers, max(1, width // 2)
    patches, x = open_bands(front_end, INPUT_NORM, frozen_statistics, BATCH_NORM_MOMENTUM)
    for number, (factor, pool) in enumerate(BLOCKS, start=1):
        x = add_pooled_block(x, factor * width, pool, f"block_{number}", frozen_statistics, BATCH_NORM_MOMENTUM)
    x = kl.Reshape((x.shape[1], x.shape[2] * x.shape[3]), name="steps")(x)
    # neither a loop, which Essentia refuses, nor the kernel of a GPU may stand in the graph
    x = kl.GRU(n_units, return_sequences=True, unroll=True, use_cudnn=False, name="recurrent")(x)
    x = kl.GRU(n_units, unroll=True, use_cudnn=False, name="embedding")(x)
    return keras.Model(patches, x, name="backbone")


narrow = functools.partial(narrow_sizes, least=2, width=WIDTH)
tail = functools.partial(drop, rate=TAIL_DROPOUT)
