"""SampleCNN: convolutions of three samples from the waveform up, each followed by a pooling of three.

In: patches (batch, 59 049) float32, samples at 22 050 Hz between -1 and 1. Out: embedding (batch, 512) float32, a dense
layer after its batch normalisation and ReLU; 1024 with multi-level aggregation, where the largest values over time of
the last three blocks stand side by side below it. A classifier goes straight on to the classes: ``hidden = 0`` in a
recipe. There are no published weights: it is trained from scratch. The waveform is shifted and scaled by the mean and
the deviation of the training tracks' samples, which are weights like others.

`samplecnn` is the original: its last convolution of one step is the dense layer here, and the count of its trainable
numbers is the same, 1 869 874 with 50 outputs. The others are the extended ones of the comparison, with its blocks:

    basic      convolution of 3, batch normalisation, ReLU, pooling of 3
    se         as basic, then each channel scaled by what two dense layers make of the channels' means
    res-n      n convolutions of 3 and a shortcut, which a convolution of 1 widens where the number of channels changes
    rese-n     as res-n, scaled like se before the shortcut is added

All of these but the original aggregate several levels. The number of blocks follows from the length: 9 for 3^10
samples, 8 for 22 050, which is a second: `samplecnn-1s`, and with SE blocks `samplecnn-1s-se`. A longer first
convolution takes the place of the first blocks (`samplecnn-729-243`: filter and stride), and so do mel bands
(`samplecnn-mel-729-243`: window and hop), as in figure 4. "with RNN" of its table 1 is not in the authors' code: here a
recurrent layer of gated units, as many as the channels below, reads what the first blocks say in time, and its last
state is the embedding; no dropout follows.

References
----------
J. Lee, J. Park, K. L. Kim and J. Nam, "Sample-level deep convolutional neural networks for music auto-tagging using raw
waveforms" (SMC 2017): the original.
T. Kim, J. Lee and J. Nam, "Comparison and analysis of SampleCNN architectures for audio classification" (IEEE JSTSP
13(2), 2019): table 1, figures 2 to 4, section IV; https://github.com/tae-jun/sampleaudio for what the paper leaves out:
the amplifying ratio of 1 / 8, the pooling before an SE block's scale, the channels of eight blocks.
"""

from __future__ import annotations

import functools
import math

from essentia_ldl import frontends
from essentia_ldl.nets.layers import FixedBatchNormalization, connect, drop, he_initialiser, narrow_sizes, normalise
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
WIDTH = 128
TAIL_DROPOUT = 0.5
BATCH_NORM_MOMENTUM = 0.9  # see resnet: it serves small sets
EPSILON = 1e-6
MEL_DEVIATION_FLOOR = 0.1  # of log10(1 + 10000 x)


def build(
    front_end: FrontEnd = FRONT_END,
    *,
    frozen_statistics: bool = False,
    width: int = WIDTH,
    block: str = "basic",
    first: tuple[int, int] = (LENGTH, LENGTH),
    ends: str = "last",
) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives the number of samples; or frames and mel bands, which take the place of the first convolution.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    width : int
        Channels of the first two blocks; the last has four times as many, those between twice.
    block : str
        "basic", "se", or "res" or "rese" with the number of convolutions.
    first : tuple[int, int]
        Samples of the first convolution, and of its stride: with longer ones there are fewer blocks.
    ends : str
        What the embedding is made of: "last", the last block; "multi", the last three; "rnn4" or "rnn5", a recurrent
        layer after so many blocks.

    Returns
    -------
    keras.Model
        Samples (batch, n_samples) or bands (batch, n_frames, n_bands) float32 -> embedding (batch, d) float32.
    """
    kl = keras.layers
    standardize = FixedBatchNormalization(center=False, scale=False, epsilon=EPSILON, name=INPUT_STANDARDIZE)
    if front_end.kind == "waveform":
        inputs = keras.Input((front_end.patch_frames,), name="samples")
        x = standardize(kl.Reshape((-1, 1), name="expand")(inputs))
        x = kl.ReLU(name="stem_relu")(_convolve(x, width, "stem", frozen_statistics, size=first))
    else:
        inputs = keras.Input((front_end.patch_frames, front_end.n_bands), name="patches")
        x = kl.Activation("linear", name="stem_relu")(standardize(inputs))
    stride = first[1] if front_end.kind == "waveform" else front_end.hop_samples
    channels = list_channels(count_blocks(x.shape[1]), width, count_blocks(stride) - 1)
    if ends.startswith("rnn"):
        channels = channels[: int(ends.removeprefix("rnn"))]
    pooled = []
    for number, n_channels in enumerate(channels, start=1):
        name = f"block_{number}" if number < len(channels) else "last_block"
        x = _add_block(x, n_channels, name, block, frozen_statistics)
        if ends == "multi" and len(channels) - number < N_AGGREGATED:
            pooled.append(kl.GlobalMaxPooling1D(name=f"{name}_pool")(x))
    if ends.startswith("rnn"):
        # neither a loop, which Essentia refuses, nor the kernel of a GPU may stand in the graph
        x = kl.GRU(x.shape[-1], unroll=True, use_cudnn=False, name="embedding")(x)
        return keras.Model(inputs, x, name="backbone")
    x = kl.Concatenate(name="pool")(pooled) if pooled else kl.GlobalMaxPooling1D(name="pool")(x)
    x = normalise(connect(x, x.shape[-1], "fc"), "fc_norm", frozen_statistics, BATCH_NORM_MOMENTUM)
    return keras.Model(inputs, kl.ReLU(name="embedding")(x), name="backbone")


narrow = functools.partial(narrow_sizes, width=WIDTH)
tail = functools.partial(drop, rate=TAIL_DROPOUT)


def keep(embedding: keras.KerasTensor, *, frozen_statistics: bool = False) -> keras.KerasTensor:
    """Continue from the last state of a recurrent layer: as it is; see `tail`."""
    del frozen_statistics
    return embedding


def count_blocks(n_steps: int) -> int:
    """Return how many poolings of three leave at least one of so many steps."""
    return math.floor(math.log(n_steps * (1 + 1e-9), LENGTH))


def list_channels(n_blocks: int, width: int, n_replaced: int = 0) -> list[int]:
    """List the channels of blocks, which double at the third and at the last one.

    Parameters
    ----------
    n_blocks : int
        That there are.
    width : int
        Channels of the first two.
    n_replaced : int
        Blocks before them, in place of which there is something else.
    """
    last = n_blocks + n_replaced - 1
    return [width * 2 ** ((i >= 2) + (i == last != 2)) for i in range(n_replaced, last + 1)]


def _add_block(
    x: keras.KerasTensor, n_channels: int, name: str, block: str, frozen_statistics: bool
) -> keras.KerasTensor:
    """Add a block, the last layer of which has its name."""
    kl = keras.layers
    if not block.startswith("res"):
        y = kl.ReLU(name=f"{name}_relu")(_convolve(x, n_channels, f"{name}_conv", frozen_statistics))
        if block != "se":
            return kl.MaxPooling1D(LENGTH, name=name)(y)
        return _excite(kl.MaxPooling1D(LENGTH, name=f"{name}_pooled")(y), name, name)
    y = x
    for number in range(1, int(block[-1]) + 1):
        if number > 1:
            y = kl.ReLU(name=f"{name}_relu_{number - 1}")(y)
            y = kl.Dropout(BLOCK_DROPOUT, name=f"{name}_dropout_{number - 1}")(y)
        y = _convolve(y, n_channels, f"{name}_conv_{number}", frozen_statistics)
    if block.startswith("rese"):
        y = _excite(y, name, f"{name}_scaled")
    if x.shape[-1] != n_channels:
        x = _convolve(x, n_channels, f"{name}_shortcut", frozen_statistics, size=(1, 1))
    y = kl.ReLU(name=f"{name}_relu")(kl.Add(name=f"{name}_sum")([y, x]))
    return kl.MaxPooling1D(LENGTH, name=name)(y)


def _excite(x: keras.KerasTensor, name: str, end: str) -> keras.KerasTensor:
    """Scale every channel by a number between 0 and 1 that two dense layers make of all channels' means."""
    kl, n_channels = keras.layers, x.shape[-1]
    y = kl.GlobalAveragePooling1D(name=f"{name}_squeeze")(x)
    y = kl.ReLU(name=f"{name}_excite_relu")(connect(y, max(1, round(SQUEEZE * n_channels)), f"{name}_excite_1"))
    y = kl.Activation("sigmoid", name=f"{name}_gate")(connect(y, n_channels, f"{name}_excite_2"))
    return kl.Multiply(name=end)([x, kl.Reshape((1, n_channels), name=f"{name}_wide")(y)])


def _convolve(
    x: keras.KerasTensor, n_channels: int, name: str, frozen_statistics: bool, size: tuple[int, int] = (LENGTH, 1)
) -> keras.KerasTensor:
    kernel = {"padding": "same", "kernel_initializer": he_initialiser()}
    x = keras.layers.Conv1D(n_channels, size[0], strides=size[1], name=name, **kernel)(x)
    return normalise(x, f"{name}_norm", frozen_statistics, BATCH_NORM_MOMENTUM)


def _describe_variants() -> dict[str, dict[str, object]]:
    """Say what each network of `frontends.NETWORKS` has otherwise."""
    multi = {"EMBEDDING_SIZE": 1024}
    found: dict[str, dict[str, object]] = {
        "samplecnn-1s": {},
        "samplecnn-1s-se": {"build": functools.partial(build, block="se", ends="multi"), **multi},
        "samplecnn-multi": {"build": functools.partial(build, ends="multi"), **multi},
    }
    for block in ("se", "res1", "res2", "rese1", "rese2"):
        found[f"samplecnn-{block}"] = {"build": functools.partial(build, block=block, ends="multi"), **multi}
    for ends in ("rnn4", "rnn5"):
        found[f"samplecnn-{ends}"] = {
            "build": functools.partial(build, ends=ends),
            "tail": keep,
            "EMBEDDING_SIZE": 256,
            "EMBEDDING_NODE": "model/gru/embedding",
            "EMBEDDING_OP": "GRU",
            "N_DENSE": 0,
            "FROZEN_UNTIL": "last_block",
            "DEPTHS": ("stem_relu", "block_3", "last_block", "embedding"),
        }
    for first in frontends.POWERS_OF_3:
        shallow = {"FROZEN_UNTIL": "last_block", "DEPTHS": ("stem_relu", "last_block", "embedding")}
        size = f"{first[0]}-{first[1]}"
        found[f"samplecnn-{size}"] = {"build": functools.partial(build, first=first), **shallow}
        # A band that is silent in all of the training music would otherwise be blown up in music where it is not.
        found[f"samplecnn-mel-{size}"] = {**shallow, "INPUT_DEVIATION_FLOOR": MEL_DEVIATION_FLOOR}
    return {name: {"PARAMETERS_50": None, **changes} for name, changes in found.items()}


VARIANTS = _describe_variants()
