"""Self-attention: residual blocks on a spectrogram, and an encoder of two layers that looks at all of 15 seconds.

In: patches (batch, 938, 128) float32, mel bands in decibels, 15 s. Out: embedding (batch, 256) float32, a dense layer
with hyperbolic tangent on what the encoder made of an extra first step; the classes follow: ``hidden = 0`` in a recipe.
The time axis is fixed. There are no published weights: it is trained from scratch.

Seven blocks like those of `shortchunk-res` halve the bands to one and, the first three of them, the frames to 118.
Before these steps goes a fixed one that stands for the whole, of numbers from 0 to 1 drawn once and never learnt. An
encoder's layer is BERT's: attention in eight heads, then two dense layers with GELU between, each followed by dropout,
the sum with its input and layer normalisation. Steps carry no place of theirs. All this is as in the authors' code, but
for the fixed numbers, which numpy's present generator draws, and the dropout of the attention, which is .5 there and
here. The batch normalisation of the input has one scale for all bands, which is fixed here as in `vgg`.

References
----------
M. Won, S. Chun and X. Serra, "Toward interpretable music tagging with self-attention" (2019). M. Won, A. Ferraro,
D. Bogdanov and X. Serra, "Evaluation of CNN-based automatic music tagging models" (SMC 2020);
https://github.com/minzwon/sota-music-tagging-models.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from essentia_ldl import frontends
from essentia_ldl.nets.layers import add_strided_block, connect, drop, he_initialiser, open_bands
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.MEL128_15S
EMBEDDING_SIZE = 256
EMBEDDING_NODE = "model/dense/Tanh"
EMBEDDING_OP = "Tanh"
N_DENSE = 1
FREE_TIME = False
INPUT_NORM = "input_norm"
FROZEN_UNTIL = "steps"  # the encoder trains
DEPTHS = ("block_2", "block_4", FROZEN_UNTIL, "encoder_1", "encoder_2", "embedding")
PARAMETERS_50 = (10521652, 2 * 3 * (2 * 128 + 5 * 256) + 2)  # counted by hand from the layers of the authors' code

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

WIDTH = 128
FACTORS = (1, 1, 2, 2, 2, 2, 2)  # widths of 128
N_TIME_STRIDES = 3  # blocks that halve the frames too
N_LAYERS = 2
N_HEADS = 8
DENSE_FACTOR = 4  # units of the first dense layer of an encoder's layer, per channel
ATTENTION_DROPOUT, ENCODER_DROPOUT = 0.5, 0.4
EPSILON = 1e-12  # of the layer normalisation
TAIL_DROPOUT = 0.5
BATCH_NORM_MOMENTUM = 0.9  # see resnet: it serves small sets


@keras.saving.register_keras_serializable("essentia_ldl")
class FirstStep(keras.layers.Layer):
    """A fixed step before all others: (batch, n, d) -> (batch, n + 1, d)."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Put it there."""
        fixed = np.random.default_rng(0).random((1, 1, x.shape[-1]), dtype=np.float32)
        return tf.concat([tf.zeros_like(x[:, :1]) + tf.cast(fixed, x.dtype), x], axis=1)


@keras.saving.register_keras_serializable("essentia_ldl")
class HeadWeights(keras.layers.Layer):
    """How much every step looks at every other, in each head: queries and keys (batch, n, d) -> (batch, heads, n, n).

    Parameters
    ----------
    n_heads : int
        Among which the channels are shared out.
    **settings : Any
        Of any Keras layer, such as its name.
    """

    def __init__(self, n_heads: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.n_heads = n_heads

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Compare queries to keys."""
        queries, keys = (part_heads(x, self.n_heads) for x in inputs)
        scale = 1 / np.sqrt(queries.shape[-1])
        return tf.nn.softmax(tf.matmul(queries, keys, transpose_b=True) * tf.cast(scale, queries.dtype))

    def get_config(self) -> dict[str, Any]:
        """Return what makes a layer like this one."""
        return {**super().get_config(), "n_heads": self.n_heads}


@keras.saving.register_keras_serializable("essentia_ldl")
class HeadSums(keras.layers.Layer):
    """Values summed by weights: (batch, heads, n, n) and (batch, n, d) -> (batch, n, d)."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Sum."""
        weights, values = inputs
        found = tf.matmul(weights, part_heads(values, weights.shape[1]))
        return tf.reshape(tf.transpose(found, (0, 2, 1, 3)), (-1, *values.shape[1:]))


def part_heads(x: tf.Tensor, n_heads: int) -> tf.Tensor:
    """Share channels out among heads: (batch, n, d) -> (batch, heads, n, d / heads)."""
    return tf.transpose(tf.reshape(x, (-1, x.shape[1], n_heads, x.shape[2] // n_heads)), (0, 2, 1, 3))


def build(front_end: FrontEnd = FRONT_END, *, frozen_statistics: bool = False, width: int = WIDTH) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives frames and mel bands.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    width : int
        Channels of the first two blocks; all others have twice as many, which the eight heads share: a multiple of 4.

    Returns
    -------
    keras.Model
        Patches (batch, n_frames, n_bands) float32 -> embedding (batch, 2 * width) float32.
    """
    kl = keras.layers
    patches, x = open_bands(front_end, INPUT_NORM, frozen_statistics, BATCH_NORM_MOMENTUM)
    for number, factor in enumerate(FACTORS, start=1):
        strides = (2 if number <= N_TIME_STRIDES else 1, 2)
        x = add_strided_block(x, factor * width, strides, f"block_{number}", frozen_statistics, BATCH_NORM_MOMENTUM)
    x = kl.Reshape((x.shape[1], x.shape[2] * x.shape[3]), name="steps")(x)
    x = FirstStep(name="first")(x)
    for number in range(1, N_LAYERS + 1):
        x = _encode(x, f"encoder_{number}")
    x = kl.Reshape((x.shape[-1],), name="summary")(kl.Cropping1D((0, x.shape[1] - 1), name="first_alone")(x))
    return keras.Model(patches, kl.Activation("tanh", name="embedding")(connect(x, x.shape[-1], "fc")), name="backbone")


def narrow(share: float) -> dict[str, object]:
    """Return what makes every layer that much as wide, as far as the heads allow."""
    return {"width": N_HEADS // 2 * max(1, round(share * WIDTH / (N_HEADS // 2)))}


tail = functools.partial(drop, rate=TAIL_DROPOUT)


def _encode(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Add a layer of the encoder, whose last part has its name."""
    kl, n_channels = keras.layers, x.shape[-1]
    queries, keys, values = (_project(x, n_channels, f"{name}_{part}") for part in ("query", "key", "value"))
    weights = kl.Dropout(ATTENTION_DROPOUT, name=f"{name}_weights_dropout")(
        HeadWeights(N_HEADS, name=f"{name}_weights")([queries, keys])
    )
    y = _project(HeadSums(name=f"{name}_sums")([weights, values]), n_channels, f"{name}_output")
    x = _add(x, y, f"{name}_attended")
    y = kl.Activation("gelu", name=f"{name}_gelu")(_project(x, DENSE_FACTOR * n_channels, f"{name}_wide"))
    return _add(x, _project(y, n_channels, f"{name}_narrow"), name)


def _add(x: keras.KerasTensor, y: keras.KerasTensor, name: str) -> keras.KerasTensor:
    kl = keras.layers
    y = kl.Dropout(ENCODER_DROPOUT, name=f"{name}_dropout")(y)
    return kl.LayerNormalization(epsilon=EPSILON, name=name)(kl.Add(name=f"{name}_sum")([x, y]))


def _project(x: keras.KerasTensor, n_units: int, name: str) -> keras.KerasTensor:
    """Apply a dense layer to every step: a convolution of one, which stays one operation in an exported graph."""
    return keras.layers.Conv1D(n_units, 1, kernel_initializer=he_initialiser(), name=name)(x)
