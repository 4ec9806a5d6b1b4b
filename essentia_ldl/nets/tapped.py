"""Pretrained networks as features of several layers: patches -> pooled layers, side by side in the order of `taps`.

In: a tagger with its weights, or a published extractor. Out: a Keras model from patches to (batch, d) float32. Several
networks share one input, and their layers are named after the network, because all of them name theirs alike.

References
----------
Choi, Fazekas, Sandler and Cho, "Transfer learning for music classification and regression tasks" (ISMIR 2017), 3.2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from essentia_ldl import taps
from essentia_ldl.errors import WeightsError, explain
from essentia_ldl.nets.pretrained.published import load_published
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.runtime import keras
from essentia_ldl.taps import Network

EMBEDDING = "embedding"  # name of the layer that puts everything side by side


def tap_layers(tagger: keras.Model, backbone: str, layers: str, name: str) -> keras.Model:
    """Make a model of what is tapped of a network.

    Parameters
    ----------
    tagger : keras.Model
        Patches -> logits of the tags.
    backbone : str
        Such as "musicnn".
    layers : str
        A choice of layers: "embedding", "deep", "all", or some of the digits 1 to 5.
    name : str
        Of the model.

    Returns
    -------
    keras.Model
        Patches (batch, time, n_bands) float32 -> (batch, d) float32, in the order of `taps.list_taps`.

    Raises
    ------
    WeightsError
        When a layer has another size than is expected of it.
    """
    parts = []
    for tap in taps.list_taps(backbone, layers):
        values = tagger.get_layer(tap.layer).output
        if tap.pooling:
            values = _pool(values, tap)
        if values.shape[-1] != tap.size:
            remedy = "Run essentia-ldl graphs build."
            raise WeightsError(explain(f"layer {tap.layer}", f"{tap.size} numbers", values.shape[-1], name, remedy))
        parts.append(values)
    joined = parts[0] if len(parts) == 1 else keras.layers.Concatenate(name="tapped")(parts)
    return keras.Model(tagger.input, joined, name=name)


def list_own(backbone: str, module: ModuleType) -> tuple[taps.Tap, ...]:
    """List the layers of a network that other tasks can read once it is trained, from the bottom, five at most.

    They are those of `taps.TAPS` that have numbers, and of other networks the ends of its groups of depth. Their sizes
    are those of the model that has them, and 0 here.
    """
    known = sorted((tap for part in taps.TAPS.get(backbone, ()) for tap in part if tap.number), key=_number)
    if known:
        return tuple(known)
    return tuple(taps.Tap(name, "mean", 0, n) for n, name in enumerate(module.DEPTHS[-taps.MOST_LAYERS :], start=1))


def _number(tap: taps.Tap) -> int:
    return tap.number


def tap_own(model: keras.Model, own: Sequence[taps.Tap], name: str) -> keras.Model:
    """Add an output to a network: layers of its own, each averaged over its positions, side by side.

    Parameters
    ----------
    model : keras.Model
        Patches -> logits.
    own : sequence of Tap
        From `list_own`.
    name : str
        Of the new layer.

    Returns
    -------
    keras.Model
        Patches -> logits and (batch, d) float32, with the layers and weights of `model`.
    """
    values = [(model.get_layer(tap.layer).output, tap) for tap in own]
    # a layer of the network itself may have the name that a mean of it would get
    parts = [_pool(x, dataclasses.replace(tap, pooling="mean"), "_tap") if len(x.shape) > 2 else x for x, tap in values]
    return keras.Model(model.input, [model.output, keras.layers.Concatenate(name=name)(parts)], name="network")


def measure_own(model: keras.Model, own: Sequence[taps.Tap]) -> list[int]:
    """Return how many numbers each of some layers has once it is averaged."""
    return [int(model.get_layer(tap.layer).output.shape[-1]) for tap in own]


def _pool(values: keras.KerasTensor, tap: taps.Tap, end: str = "") -> keras.KerasTensor:
    kl, label = keras.layers, f"{tap.layer}_{tap.pooling}{end}"
    kinds = {
        ("mean", 3): kl.GlobalAveragePooling1D,
        ("max", 3): kl.GlobalMaxPooling1D,
        ("mean", 4): kl.GlobalAveragePooling2D,
        ("max", 4): kl.GlobalMaxPooling2D,
    }
    return kinds[tap.pooling, len(values.shape)](name=label)(values)


def build_tapped(graphs: Path, networks: Sequence[str | Network], layers: str) -> keras.Model:
    """Build pretrained networks side by side.

    Parameters
    ----------
    graphs : Path
        Where their weights are.
    networks : sequence of str or Network
        Such as ("msd-musicnn", "msd-vgg"); one or more.
    layers : str
        A choice of layers: "embedding", "deep", "all", or some of the digits 1 to 5.

    Returns
    -------
    keras.Model
        Patches (batch, time, n_bands), or samples (batch, n_samples), -> (batch, d) float32, its last layer called
        `EMBEDDING`. Time is free unless a network fixes it.

    Raises
    ------
    WeightsError
        When weights are missing or damaged.
    GraphError
        When an extractor is not what it was, or cannot be used; see `published.load_published`.
    """
    bodies = []
    for network in map(taps.describe_network, networks):
        if network.published is not None:
            columns = taps.slice_layers(network, layers)
            bodies.append(load_published(graphs, network.published, columns))
            continue
        name = network.name
        backbone, dataset = taps.get_network(name)
        if len(networks) == 1 and layers == EMBEDDING:  # a drop-in: the same graph as without this module
            tagger = load_tagger(graphs, backbone, dataset)
            return keras.Model(tagger.input, tagger.get_layer(EMBEDDING).output, name="backbone")
        bodies.append(tap_layers(load_tagger(graphs, backbone, dataset), backbone, layers, name.replace("-", "_")))
    frames = {body.input_shape[1] for body in bodies} - {None}
    shape = taps.describe_network(networks[0]).front_end.patch_shape  # all read the same
    patches = keras.Input((frames.pop() if frames else None, *shape[1:]), name="patches")
    parts = [body(patches) for body in bodies]
    if len(parts) == 1:
        return keras.Model(patches, keras.layers.Identity(name=EMBEDDING)(parts[0]), name="backbone")
    return keras.Model(patches, keras.layers.Concatenate(name=EMBEDDING)(parts), name="backbone")
