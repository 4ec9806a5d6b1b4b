"""SampleCNN: convolutions of three samples from the waveform up, each followed by a pooling of three.

In: patches (batch, 59 049) float32, samples at 22 050 Hz between -1 and 1. Out: embedding (batch, 512) float32, a dense
layer after its batch normalisation and ReLU; 1024 with multi-level aggregation, where the largest values over time of
the last three blocks stand side by side below it. A classifier goes straight on to the classes: ``hidden = 0`` in a
recipe. There are no published weights: it is trained from scratch. The waveform is shifted and scaled by the mean and
the deviation of the training tracks' samples, which are weights like others.

`samplecnn` is the original: its last convolution of one step is the dense layer here, and the count of its trainable
numbers is the same, 1 869 874 with 50 outputs. The others are the extended ones of the comparison, with its blocks:

    basic      convolution of 3, batch normalisation, ReLU, pooling of 3
    se         as basic, each channel scaled by what two dense layers make of the channels' means
    res-n      n convolutions of 3 and a shortcut, which a convolution of 1 widens where the number of channels changes
    rese-n     as res-n, scaled like se before the shortcut is added

The number of blocks follows from the length: 9 for 3^10 samples, 8 for 22 050. "with RNN" of its table 1 is not in the
authors' code: here a recurrent layer of gated units, as many as the channels below, reads what the first blocks say in
time, and its last state is the embedding; no dropout follows.

References
----------
J. Lee, J. Park, K. L. Kim and J. Nam, "Sample-level deep convolutional neural networks for music auto-tagging using raw
waveforms" (SMC 2017): the original.
T. Kim, J. Lee and J. Nam, "Comparison and analysis of SampleCNN architectures for audio classification" (IEEE JSTSP
13(2), 2019): table 1, figures 2 to 4, section IV; an amplifying ratio of 1 / 8 as in its code.
"""

from __future__ import annotations

import math

from essentia_ldl import frontends
from essentia_ldl.nets.layers import FixedBatchNormalization, connect, he_initialiser, normalise
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.SAMPLECNN
EMBEDDING_SIZE = 512
EMBEDDING_NODE = "model/dense/Relu"
EMBEDDING_OP = "Relu"
N_DENSE = 1
FREE_TIME = False
INPUT_NORM = None
INPUT_STANDARDIZE = "input_standardize"
INPUT_DEVIATION_FLOOR = 1e-3  # -60 dBFS
FROZEN_UNTIL = "block_6"
DEPTHS = ("stem_relu", "block_3", FROZEN_UNTIL, "last_block", "embedding")
PARAMETERS_50 = (1869874, 2 * (3 * 128 + 6 * 256 + 512 + 512) + 2)

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

LENGTH = 3  # of a convolution, of its stride in the first, of a pooling
N_AGGREGATED = 3  # blocks
SQUEEZE = 0.125  # units of the first dense layer that scales channels, per channel
BLOCK_DROPOUT = 0.2  # between the convolutions of a block
TAIL_DROPOUT = 0.5
BATCH_NORM_MOMENTUM = 0.9  # see resnet: it serves small sets
EPSILON = 1e-6


def build(
    front_end: FrontEnd = FRONT_END,
    *,
    frozen_statistics: bool = False,
    width: int = 128,
) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives the number of samples.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    width : int
        Channels of the first two blocks; the last has four times as many, those between twice.

    Returns
    -------
    keras.Model
        Samples (batch, n_samples) float32 -> embedding (batch, 4 * width) float32.
    """
    kl = keras.layers
    samples = keras.Input((front_end.patch_frames,), name="samples")
    x = kl.Reshape((-1, 1), name="expand")(samples)
    x = FixedBatchNormalization(center=False, scale=False, epsilon=EPSILON, name=INPUT_STANDARDIZE)(x)
    x = _convolve(x, width, "stem", frozen_statistics, strides=LENGTH)
    x = kl.ReLU(name="stem_relu")(x)
    channels = list_channels(count_blocks(front_end.patch_frames), width)
    for number, n_channels in enumerate(channels, start=1):
        name = f"block_{number}" if number < len(channels) else "last_block"
        x = _convolve(x, n_channels, f"{name}_conv", frozen_statistics)
        x = kl.ReLU(name=f"{name}_relu")(x)
        x = kl.MaxPooling1D(LENGTH, name=name)(x)
    x = kl.GlobalMaxPooling1D(name="pool")(x)
    x = normalise(connect(x, x.shape[-1], "fc"), "fc_norm", frozen_statistics, BATCH_NORM_MOMENTUM)
    return keras.Model(samples, kl.ReLU(name="embedding")(x), name="backbone")


def tail(embedding: keras.KerasTensor, *, frozen_statistics: bool = False) -> keras.KerasTensor:
    """Continue from the embedding to the next dense layer: dropout of one half.

    Parameters
    ----------
    embedding : keras.KerasTensor [shape=(batch, d), float32]
        Output of `build`.
    frozen_statistics : bool
        Part of the protocol; this tail has no batch normalisation.

    Returns
    -------
    keras.KerasTensor [shape=(batch, d), float32]
        Input of the next dense layer.
    """
    del frozen_statistics
    return keras.layers.Dropout(TAIL_DROPOUT, name="tail_dropout")(embedding)


def count_blocks(n_samples: int) -> int:
    """Return how many poolings of three leave at least one step of so many samples after the first convolution."""
    return math.floor(math.log(n_samples * (1 + 1e-9), LENGTH)) - 1


def list_channels(n_blocks: int, width: int) -> list[int]:
    """List the channels of the blocks: two of the width, one of four times as many at the end, twice between."""
    return [*[width] * 2, *[2 * width] * (n_blocks - 3), 4 * width]


def _convolve(
    x: keras.KerasTensor, n_channels: int, name: str, frozen_statistics: bool, *, length: int = LENGTH, strides: int = 1
) -> keras.KerasTensor:
    kernel = {"padding": "same", "kernel_initializer": he_initialiser()}
    x = keras.layers.Conv1D(n_channels, length, strides=strides, name=name, **kernel)(x)
    return normalise(x, f"{name}_norm", frozen_statistics, BATCH_NORM_MOMENTUM)
