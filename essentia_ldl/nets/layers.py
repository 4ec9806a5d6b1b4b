"""Layers that several backbones share, as functions from a tensor to a tensor.

In: symbolic Keras tensors. Out: the same. Every layer has an explicit name, so that weights are found by name and an
exported graph does not depend on what else was built in the process. Numbers: batch normalisation with epsilon 1e-3
and momentum .99, kernels drawn with He's variance scaling (scale 2, fan-in, truncated normal), as in the MTG training
recipe (https://github.com/xaviliz/musicnn-training).
"""

from __future__ import annotations

from typing import Any

from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.records import FrontEnd

BATCH_NORM_EPSILON = 1e-3
BATCH_NORM_MOMENTUM = 0.99


def he_initialiser() -> keras.Initializer:
    """Make the initialiser of every kernel: variance scaling 2, fan-in, truncated normal (He et al. 2015)."""
    return keras.initializers.VarianceScaling(scale=2.0, mode="fan_in", distribution="truncated_normal")


class FixedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation with stored statistics in training too, whose scale and offset can still be trained.

    ``training=False`` at the call of a layer does not do: a functional model that is called with ``training=True``
    overrides it. Nor does ``trainable = False``, which freezes scale and offset as well.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Normalise with the stored statistics, whatever `training` says."""
        del training
        return super().call(inputs, training=False, mask=mask)


class RadialKernel(keras.layers.Layer):
    """Radial kernel of features with support vectors, ``exp(-|(x - shift) * factor - v|^2)``, which does not train.

    Parameters
    ----------
    n_vectors : int
        Support vectors.
    **settings
        Of every layer, such as its name.
    """

    def __init__(self, n_vectors: int, **settings: Any) -> None:
        super().__init__(**{**settings, "trainable": False})
        self.n_vectors = n_vectors

    def build(self, shape: tuple[int | None, int]) -> None:
        """Make the weights: shift and factor (d,), vectors (d, n_vectors), and their squared lengths (n_vectors,)."""
        names = {"shift": (shape[-1],), "factor": (shape[-1],), "vectors": (shape[-1], self.n_vectors)}
        names["squares"] = (self.n_vectors,)
        for name, size in names.items():
            setattr(self, name, self.add_weight(shape=size, initializer="zeros", trainable=False, name=name))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the kernel (n, n_vectors) of features (n, d)."""
        x = (inputs - self.shift) * self.factor
        distances = tf.reduce_sum(tf.square(x), axis=1, keepdims=True) - 2 * tf.matmul(x, self.vectors) + self.squares
        return tf.exp(-tf.maximum(distances, 0.0))  # rounding may leave less than none

    def compute_output_shape(self, shape: tuple[int | None, int]) -> tuple[int | None, int]:
        """Return (n, n_vectors)."""
        return shape[0], self.n_vectors

    def get_config(self) -> dict[str, Any]:
        """Return what a copy of the layer is made of."""
        return {**super().get_config(), "n_vectors": self.n_vectors}


def normalise(
    x: keras.KerasTensor, name: str, frozen_statistics: bool, momentum: float = BATCH_NORM_MOMENTUM
) -> keras.KerasTensor:
    """Apply batch normalisation.

    Parameters
    ----------
    x : keras.KerasTensor [shape=(..., n_channels), float32]
        Input.
    name : str
        Name of the layer.
    frozen_statistics : bool
        True uses the stored mean and variance even in training; scale and offset stay trainable. This is how a
        pretrained network is fine-tuned.
    momentum : float
        Share that the stored statistics keep at a step of training.

    Returns
    -------
    keras.KerasTensor [shape=(..., n_channels), float32]
        Output.
    """
    kind = FixedBatchNormalization if frozen_statistics else keras.layers.BatchNormalization
    return kind(epsilon=BATCH_NORM_EPSILON, momentum=momentum, name=name)(x)


def convolve(
    x: keras.KerasTensor, n_filters: int, kernel: int | tuple[int, int], name: str, padding: str = "valid"
) -> keras.KerasTensor:
    """Apply a convolution with ReLU, over time for an integer kernel, over time and bands for a pair.

    Parameters
    ----------
    x : keras.KerasTensor [shape=(batch, time, n_channels) or (batch, time, n_bands, n_channels), float32]
        Input.
    n_filters : int
        Number of output channels.
    kernel : int or tuple[int, int]
        Frames, or frames and bands.
    name : str
        Name of the layer.
    padding : str
        "valid" or "same".

    Returns
    -------
    keras.KerasTensor [shape=(batch, time, n_filters) or (batch, time, n_bands, n_filters), float32]
        Output.
    """
    kind = keras.layers.Conv1D if isinstance(kernel, int) else keras.layers.Conv2D
    return kind(n_filters, kernel, padding=padding, activation="relu", kernel_initializer=he_initialiser(), name=name)(
        x
    )


def convolve_2d(
    x: keras.KerasTensor,
    n_filters: int,
    name: str,
    frozen_statistics: bool,
    momentum: float,
    strides: tuple[int, int] = (1, 1),
) -> keras.KerasTensor:
    """Apply a 3x3 convolution and batch normalisation, without activation.

    Parameters
    ----------
    x : keras.KerasTensor [shape=(batch, time, n_bands, n_channels), float32]
        Input.
    n_filters : int
        Number of output channels.
    name : str
        The convolution is ``<name>_conv``, the normalisation ``<name>_norm``.
    frozen_statistics, momentum : bool and float
        As in `normalise`.
    strides : tuple[int, int]
        Frames and bands.

    Returns
    -------
    keras.KerasTensor [shape=(batch, time / strides[0], n_bands / strides[1], n_filters), float32]
        Output.
    """
    settings = {"strides": strides, "padding": "same", "kernel_initializer": he_initialiser()}
    x = keras.layers.Conv2D(n_filters, 3, name=f"{name}_conv", **settings)(x)
    return normalise(x, f"{name}_norm", frozen_statistics, momentum)


def open_bands(
    front_end: FrontEnd, name: str, frozen_statistics: bool, momentum: float
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Make the input of a network that sees mel bands as an image of one channel, and normalise it.

    Parameters
    ----------
    front_end : FrontEnd
        Gives frames and bands, both fixed.
    name : str
        Of the normalisation, which has one scale for all bands.
    frozen_statistics, momentum : bool and float
        As in `normalise`.

    Returns
    -------
    patches : keras.KerasTensor [shape=(batch, n_frames, n_bands), float32]
        The input.
    x : keras.KerasTensor [shape=(batch, n_frames, n_bands, 1), float32]
        What follows.
    """
    patches = keras.Input(front_end.patch_shape, name="patches")
    x = keras.layers.Reshape((*front_end.patch_shape, 1), name="expand")(patches)
    return patches, normalise(x, name, frozen_statistics, momentum)


def add_pooled_block(
    x: keras.KerasTensor,
    n_filters: int,
    pool: int | tuple[int, int],
    name: str,
    frozen_statistics: bool,
    momentum: float,
) -> keras.KerasTensor:
    """Apply what `convolve_2d` does, ReLU and a pooling of the largest value, which is the layer of the name."""
    x = convolve_2d(x, n_filters, name, frozen_statistics, momentum)
    return keras.layers.MaxPooling2D(pool, name=name)(keras.layers.ReLU(name=f"{name}_relu")(x))


def add_strided_block(
    x: keras.KerasTensor,
    n_filters: int,
    strides: tuple[int, int],
    name: str,
    frozen_statistics: bool,
    momentum: float,
) -> keras.KerasTensor:
    """Apply two 3x3 convolutions, the first of them with strides, and a third with these strides around them.

    Parameters
    ----------
    x : keras.KerasTensor [shape=(batch, time, n_bands, n_channels), float32]
        Input.
    n_filters : int
        Number of output channels.
    strides : tuple[int, int]
        Frames and bands.
    name : str
        Of the ReLU of the sum, the last layer, and the beginning of the other names.
    frozen_statistics, momentum : bool and float
        As in `normalise`.

    Returns
    -------
    keras.KerasTensor [shape=(batch, time / strides[0], n_bands / strides[1], n_filters), float32]
        Output.

    References
    ----------
    https://github.com/minzwon/sota-music-tagging-models: the block of its networks with residual connections.
    """
    kl = keras.layers
    y = convolve_2d(x, n_filters, f"{name}_1", frozen_statistics, momentum, strides)
    y = convolve_2d(kl.ReLU(name=f"{name}_1_relu")(y), n_filters, f"{name}_2", frozen_statistics, momentum)
    around = convolve_2d(x, n_filters, f"{name}_3", frozen_statistics, momentum, strides)
    return kl.ReLU(name=name)(kl.Add(name=f"{name}_sum")([y, around]))


def narrow_sizes(share: float, *, least: int = 1, **sizes: int) -> dict[str, int]:
    """Return sizes of layers made so many times as large, such as half: the `narrow` of most backbones.

    Parameters
    ----------
    share : float
        From 0 to 1, above 0.
    least : int
        No size becomes smaller.
    **sizes : int
        By the names of the backbone's `build`.
    """
    return {name: max(least, round(share * size)) for name, size in sizes.items()}


def connect(x: keras.KerasTensor, n_units: int, name: str) -> keras.KerasTensor:
    """Apply a dense layer without activation, so that its BiasAdd can be an output of an exported graph."""
    return keras.layers.Dense(n_units, kernel_initializer=he_initialiser(), name=name)(x)


def drop(embedding: keras.KerasTensor, *, rate: float, frozen_statistics: bool = False) -> keras.KerasTensor:
    """Continue from an embedding to the next dense layer by a dropout alone: the tail of most backbones.

    Parameters
    ----------
    embedding : keras.KerasTensor [shape=(batch, d), float32]
        Output of a backbone.
    rate : float
        Of the dropout.
    frozen_statistics : bool
        Part of the protocol; this tail has no batch normalisation.

    Returns
    -------
    keras.KerasTensor [shape=(batch, d), float32]
        Input of the next dense layer.
    """
    del frozen_statistics
    return keras.layers.Dropout(rate, name="tail_dropout")(embedding)
