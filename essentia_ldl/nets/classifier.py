"""Networks with outputs, put together from a backbone: a tagger, a head on a frozen backbone, a whole network.

In: a backbone module and sizes. Out: Keras models whose output is logits; layers are called "embedding" (the
backbone's last), "hidden", "logits" and "tags" wherever they occur. The two ways from an embedding to the classes are
those of Essentia's published models: a head takes the embedding as it is; a whole network goes through the backbone's
tail, as the end-to-end classifiers do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from essentia_ldl.choices import ALL, TOP
from essentia_ldl.nets.layers import FixedBatchNormalization, RadialKernel, connect
from essentia_ldl.nets.runtime import keras

STANDARDIZE = "standardize"
KERNEL = "kernel"
DROPOUTS = ("embedding_dropout", "hidden_dropout")
VARIANCE_FLOOR = 1e-6  # added to the variance: a dimension that never changes stays finite
ACTIVATIONS = {"relu": keras.layers.ReLU, "elu": keras.layers.ELU}


@dataclasses.dataclass(frozen=True)
class DenseLayers:
    """The layers between an embedding and the logits: dense, activation, dense; or a single dense layer.

    Parameters
    ----------
    hidden : int
        Units of the first dense layer; 0 leaves it out, which makes a linear classifier.
    dropout : float
        Rate of the layers of `DROPOUTS`, one before each dense layer; 0 leaves them out. A whole network has the second
        of them only: the backbone's tail has one before the first dense layer.
    activation : str
        Of the hidden layer: a name of `ACTIVATIONS`.
    standardize : bool
        Put "standardize" before them, a fixed shift and scale of every dimension; see `set_statistics`. Heads only.
    """

    hidden: int = 100
    dropout: float = 0.0
    activation: str = "relu"
    standardize: bool = False


PUBLISHED = DenseLayers()  # those of Essentia's published heads


def build_tagger(backbone: ModuleType, n_tags: int = 50, size: Mapping[str, Any] | None = None) -> keras.Model:
    """Build the network as it was trained on tags: backbone, tail, dense layer "tags".

    Parameters
    ----------
    backbone : ModuleType
        A module of `essentia_ldl.nets.backbones`.
    n_tags : int
        Number of tags.
    size : Mapping[str, Any] or None
        Keyword arguments of the backbone's `build`; None is its default size.

    Returns
    -------
    keras.Model
        Patches (batch, time, n_bands) float32 -> logits (batch, n_tags) float32.
    """
    body = backbone.build(backbone.FRONT_END, **(size or {}))
    return keras.Model(body.input, connect(backbone.tail(body.output), n_tags, "tags"), name="network")


def build_head(n_inputs: int, n_classes: int, dense: DenseLayers = PUBLISHED) -> keras.Model:
    """Build the classifier of a frozen network.

    Parameters
    ----------
    n_inputs : int
        Size of the embedding.
    n_classes : int
        Number of classes.
    dense : DenseLayers
        Its layers.

    Returns
    -------
    keras.Model
        Embeddings (batch, n_inputs) float32 -> logits (batch, n_classes) float32.
    """
    embedding = keras.Input((n_inputs,), name="embeddings")
    x = embedding
    if dense.standardize:
        # No scale and offset to train: the dense layer that follows has them.
        x = FixedBatchNormalization(center=False, scale=False, epsilon=VARIANCE_FLOOR, name=STANDARDIZE)(x)
    if dense.dropout:
        x = keras.layers.Dropout(dense.dropout, name=DROPOUTS[0])(x)
    return keras.Model(embedding, _classify(x, n_classes, dense), name="network")


def build_machine(n_inputs: int, n_vectors: int, n_classes: int) -> keras.Model:
    """Build support vector machines with a radial kernel on a frozen network.

    Parameters
    ----------
    n_inputs : int
        Size of the embedding.
    n_vectors : int
        Support vectors of all classes.
    n_classes : int
        Number of classes.

    Returns
    -------
    keras.Model
        Embeddings (batch, n_inputs) float32 -> logits (batch, n_classes) float32, the decision values.
    """
    embedding = keras.Input((n_inputs,), name="embeddings")
    x = RadialKernel(n_vectors, name=KERNEL)(embedding)
    return keras.Model(embedding, connect(x, n_classes, "logits"), name="network")


def set_statistics(model: keras.Model, mean: np.ndarray, variance: np.ndarray, layer: str = STANDARDIZE) -> None:
    """Give a layer that shifts and scales the mean and variance of every dimension over training tracks, each (d,)."""
    model.get_layer(layer).set_weights([mean, variance])


def build_network(
    backbone: ModuleType,
    n_classes: int,
    dense: DenseLayers = PUBLISHED,
    *,
    fine_tune: str = "all",
    train_input_norm: bool = False,
    size: Mapping[str, Any] | None = None,
) -> keras.Model:
    """Build a network that trains as a whole: backbone, tail, dense, activation, dense.

    Parameters
    ----------
    backbone : ModuleType
        A module of `essentia_ldl.nets.backbones`.
    n_classes : int
        Number of classes.
    dense : DenseLayers
        The layers behind the backbone's tail; nothing is standardized.
    fine_tune : str
        "all": batch normalisation keeps its stored statistics; "none": it learns them; "top": as "all", and nothing up
        to the backbone's `FROZEN_UNTIL` trains.
    train_input_norm : bool
        False fixes scale and offset of the input's batch normalisation. They are two numbers that the next
        convolutions can take over, and their gradient alone makes a step several times slower. From scratch they are
        fixed at 1 and 0; its statistics are learnt all the same.
    size : Mapping[str, Any] or None
        Keyword arguments of the backbone's `build`; None is its default size.

    Returns
    -------
    keras.Model
        Patches (batch, time, n_bands) float32 -> logits (batch, n_classes) float32.
    """
    frozen = fine_tune in (TOP, ALL)
    body = backbone.build(backbone.FRONT_END, frozen_statistics=frozen, **(size or {}))
    embedding = backbone.tail(body.output, frozen_statistics=frozen)
    model = keras.Model(body.input, _classify(embedding, n_classes, dense), name="network")
    if backbone.INPUT_NORM is not None and not train_input_norm:
        norm = model.get_layer(backbone.INPUT_NORM)
        # The layer itself stays trainable: a frozen batch normalisation would not learn its statistics either.
        norm.gamma.trainable = norm.beta.trainable = False
    if fine_tune == TOP:
        freeze_lower(model, backbone.FROZEN_UNTIL)
    return model


def freeze_lower(model: keras.Model, cut: str) -> None:
    """Let nothing train up to a layer of that name; `cut` as that of `split_model`."""
    for layer in split_model(model, cut)[0].layers:
        layer.trainable = False


def split_model(model: keras.Model, cut: str) -> tuple[keras.Model, keras.Model]:
    """Split a model in two, which have its own layers and weights.

    Parameters
    ----------
    model : keras.Model
        Functional, with one input and one output.
    cut : str
        Name of a layer that all layers not before it come after.

    Returns
    -------
    lower, upper : keras.Model
        Inputs -> output of the layer, and from there to the model's output.
    """
    middle = model.get_layer(cut).output
    return keras.Model(model.input, middle, name="lower"), keras.Model(middle, model.output, name="upper")


def join(body: keras.Model, head: keras.Model) -> keras.Model:
    """Put a head behind a frozen backbone.

    Parameters
    ----------
    body : keras.Model
        Patches -> embedding.
    head : keras.Model
        Made by `build_head`, or with several outputs.

    Returns
    -------
    keras.Model
        Patches -> logits: the layers of `body`, and layers of its own with the weights of `head`.
    """
    outputs = apply_copies(head, head.input, body.output)
    outputs = outputs[0] if len(outputs) == 1 else outputs
    model = keras.Model(body.input, outputs, name="network")
    copy_weights(head, model)
    return model


def apply_copies(
    model: keras.Model,
    start: keras.KerasTensor,
    x: keras.KerasTensor,
    configure: Callable[[keras.layers.Layer], dict[str, Any]] = lambda layer: layer.get_config(),
) -> list[keras.KerasTensor]:
    """Apply new layers like those of a model, from one of its tensors on, to another tensor.

    Parameters
    ----------
    model : keras.Model
        Functional; every layer of it is called once.
    start : keras.KerasTensor
        Its input or the output of a layer that all layers not before it come after.
    x : keras.KerasTensor
        What takes the place of `start`.
    configure : callable
        From a layer to the configuration of the new one; as it is unless given.

    Returns
    -------
    list[keras.KerasTensor]
        In place of the model's outputs. The weights are drawn anew.
    """
    before = {layer.name for layer in keras.Model(model.input, start).layers}
    tensors = {id(start): x}
    for layer in model.layers:  # inputs first
        if layer.name not in before:
            inputs = keras.tree.map_structure(lambda tensor: tensors[id(tensor)], layer.input)
            tensors[id(layer.output)] = type(layer).from_config(configure(layer))(inputs)
    return [tensors[id(output)] for output in model.outputs]


def copy_weights(source: keras.Model, target: keras.Model, tasks: Sequence[str] = ()) -> None:
    """Copy the weights of every layer to the layer of the same name, and to that of every branch.

    Parameters
    ----------
    source, target : keras.Model
        Layers that one of them lacks are left as they are.
    tasks : sequence of str
        Names of the branches of `target`: layer "x" of `source` goes to "x" and to "<task>_x".
    """
    known = {layer.name: layer for layer in source.layers}
    for layer in target.layers:
        names = [layer.name, *(layer.name.removeprefix(f"{task}_") for task in tasks)]
        found = next((known[name] for name in names if name in known), None)
        if found is not None and layer.weights:
            layer.set_weights(found.get_weights())


def _classify(x: keras.KerasTensor, n_classes: int, dense: DenseLayers) -> keras.KerasTensor:
    if dense.hidden:
        x = ACTIVATIONS[dense.activation](name=f"hidden_{dense.activation}")(connect(x, dense.hidden, "hidden"))
        if dense.dropout:
            x = keras.layers.Dropout(dense.dropout, name=DROPOUTS[1])(x)
    return connect(x, n_classes, "logits")
