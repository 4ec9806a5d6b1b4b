"""Networks with outputs, put together from a backbone: a tagger, a head on a frozen backbone, a whole network.

In: a backbone module and sizes. Out: Keras models whose output is logits; layers are called "embedding" (the
backbone's last), "hidden", "logits" and "tags" wherever they occur. The two ways from an embedding to the classes are
those of Essentia's published models: a head takes the embedding as it is; a whole network goes through the backbone's
tail, as the end-to-end classifiers do.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from essentia_ldl.nets.layers import connect
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd


def build_tagger(backbone: ModuleType, n_tags: int = 50, **size: Any) -> keras.Model:
    """Build the network as it was trained on tags: backbone, tail, dense layer "tags".

    Parameters
    ----------
    backbone : ModuleType
        A module of `essentia_ldl.nets.backbones`.
    n_tags : int
        Number of tags.
    **size
        Passed on to the backbone's `build`.

    Returns
    -------
    keras.Model
        Patches (batch, time, n_bands) float32 -> logits (batch, n_tags) float32.
    """
    body = backbone.build(backbone.FRONT_END, **size)
    return keras.Model(body.input, connect(backbone.tail(body.output), n_tags, "tags"), name="network")


def build_head(n_inputs: int, n_classes: int, hidden: int = 100) -> keras.Model:
    """Build the classifier of a frozen network: dense, ReLU, dense.

    Parameters
    ----------
    n_inputs : int
        Size of the embedding.
    n_classes, hidden : int
        Units of the two dense layers.

    Returns
    -------
    keras.Model
        Embeddings (batch, n_inputs) float32 -> logits (batch, n_classes) float32.
    """
    embedding = keras.Input((n_inputs,), name="embeddings")
    return keras.Model(embedding, _classify(embedding, n_classes, hidden), name="network")


def build_network(
    backbone: ModuleType,
    front_end: FrontEnd,
    n_classes: int,
    hidden: int = 100,
    *,
    fine_tune: str = "all",
    train_input_norm: bool = False,
    **size: Any,
) -> keras.Model:
    """Build a network that trains as a whole: backbone, tail, dense, ReLU, dense.

    Parameters
    ----------
    backbone : ModuleType
        A module of `essentia_ldl.nets.backbones`.
    front_end : FrontEnd
        Passed on to the backbone.
    n_classes, hidden : int
        Units of the two dense layers.
    fine_tune : str
        "all": batch normalisation keeps its stored statistics; "none": it learns them.
    train_input_norm : bool
        False fixes scale and offset of the input's batch normalisation. They are two numbers that the next
        convolutions can take over, and their gradient alone makes a step several times slower. From scratch they are
        fixed at 1 and 0; its statistics are learnt all the same.
    **size
        Passed on to the backbone's `build`.

    Returns
    -------
    keras.Model
        Patches (batch, time, n_bands) float32 -> logits (batch, n_classes) float32.
    """
    frozen = fine_tune == "all"
    body = backbone.build(front_end, frozen_statistics=frozen, **size)
    embedding = backbone.tail(body.output, frozen_statistics=frozen)
    model = keras.Model(body.input, _classify(embedding, n_classes, hidden), name="network")
    if backbone.INPUT_NORM is not None and not train_input_norm:
        norm = model.get_layer(backbone.INPUT_NORM)
        # The layer itself stays trainable: a frozen batch normalisation would not learn its statistics either.
        norm.gamma.trainable = norm.beta.trainable = False
    return model


def join(body: keras.Model, head: keras.Model) -> keras.Model:
    """Put a head behind a frozen backbone.

    Parameters
    ----------
    body : keras.Model
        Patches -> embedding.
    head : keras.Model
        Made by `build_head`.

    Returns
    -------
    keras.Model
        Patches -> logits: the layers of `body`, and layers of its own with the weights of `head`.
    """
    n_classes, hidden = head.output_shape[-1], head.get_layer("hidden").units
    model = keras.Model(body.input, _classify(body.output, n_classes, hidden), name="network")
    copy_weights(head, model)
    return model


def copy_weights(source: keras.Model, target: keras.Model) -> list[str]:
    """Copy the weights of every layer that both models have under one name.

    Returns
    -------
    list[str]
        Names of the layers of `target` that have weights and got none.
    """
    known = {layer.name: layer for layer in source.layers}
    left = []
    for layer in target.layers:
        if not layer.weights:
            continue
        if layer.name in known:
            layer.set_weights(known[layer.name].get_weights())
        else:
            left.append(layer.name)
    return left


def _classify(x: keras.KerasTensor, n_classes: int, hidden: int) -> keras.KerasTensor:
    x = keras.layers.ReLU(name="hidden_relu")(connect(x, hidden, "hidden"))
    return connect(x, n_classes, "logits")
