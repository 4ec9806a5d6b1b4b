"""Layers that several backbones share, as functions from a tensor to a tensor.

In: symbolic Keras tensors. Out: the same. Every layer has an explicit name, so that weights are found by name and an
exported graph does not depend on what else was built in the process. Numbers: batch normalisation with epsilon 1e-3
and momentum .99, kernels drawn with He's variance scaling (scale 2, fan-in, truncated normal), as in the MTG training
recipe (https://github.com/xaviliz/musicnn-training).
"""

from __future__ import annotations

from typing import Any

from essentia_ldl.nets.runtime import keras, tf

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
