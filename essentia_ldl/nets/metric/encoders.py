"""The networks whose output is an embedding space: a projection of what frozen networks make, or a whole network.

In: sizes, or the name of a network. Out: Keras models whose last layer is called `SPACE`. A projection shifts and
scales every number by mean and deviation over the training tracks, and begins as the map of `scatter`, a space that is
good already.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.classifier import STANDARDIZE, VARIANCE_FLOOR, set_statistics
from essentia_ldl.nets.layers import FixedBatchNormalization, connect
from essentia_ldl.nets.metric.scatter import Scatter, solve_map
from essentia_ldl.nets.runtime import keras

SPACE = "space"  # name of the layer whose output is the embedding
OUTPUTS = "outputs"  # of the groups or labels, which leave with the training


def build_projection(n_inputs: int, size: int = 0) -> keras.Model:
    """Build a linear map of embeddings.

    Parameters
    ----------
    n_inputs : int
        Numbers of what frozen networks make.
    size : int
        Numbers of the space; 0 is as many, and never more.

    Returns
    -------
    keras.Model
        Embeddings (batch, n_inputs) float32 -> (batch, size) float32. `start_projection` gives it its statistics.
    """
    kl = keras.layers
    inputs = keras.Input((n_inputs,), name="embeddings")
    x = FixedBatchNormalization(center=False, scale=False, epsilon=VARIANCE_FLOOR, name=STANDARDIZE)(inputs)
    n_units = min(size or n_inputs, n_inputs)
    return keras.Model(inputs, kl.Dense(n_units, use_bias=False, name=SPACE)(x), name="projection")


def start_projection(model: keras.Model, scatter: Scatter) -> None:
    """Set what a projection begins with.

    Parameters
    ----------
    model : keras.Model
        From `build_projection`.
    scatter : Scatter
        Of the training tracks.
    """
    set_statistics(model, scatter.mean.astype(np.float32), scatter.variance.astype(np.float32))
    layer = model.get_layer(SPACE)
    layer.set_weights([solve_map(scatter, layer.units)])


def build_whole(backbone: str) -> keras.Model:
    """Build a network from scratch: patches -> its own embedding, called `SPACE`.

    Raises
    ------
    UnknownNameError
        When there is no such network.
    """
    body = load_backbone(backbone).build()
    return keras.Model(body.input, keras.layers.Identity(name=SPACE)(body.output), name="network")


def add_outputs(model: keras.Model, n_outputs: int) -> keras.Model:
    """Add an output for every group or label, one dense layer above the space.

    Returns
    -------
    keras.Model
        The inputs of `model` -> logits (batch, n_outputs) float32, with the layers of `model`.
    """
    return keras.Model(model.input, connect(model.output, n_outputs, OUTPUTS), name="network")
