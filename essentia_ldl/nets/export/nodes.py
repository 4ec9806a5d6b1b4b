"""The official nodes of an exported graph: what each is called, and which layer it is.

In: a backbone module. Out: tuples of `Node`, predictions first, in the order of the card. The names are those of
Essentia's published models, so that a pipeline written for them runs ours: a dense layer is `model/dense`,
`model/dense_1`, ... in the order of the graph, and its BiasAdd is the value before the activation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from types import ModuleType

from essentia_ldl.choices import REGRESSION, SINGLE_LABEL
from essentia_ldl.scores.calibration import Calibration
from essentia_ldl.scores.kind_calibration import KindCalibration
from essentia_ldl.taps import LAYERS_NODE

OWN = "layers"  # layer of a network that puts its own taps side by side
PLACEHOLDER = "model/Placeholder"
TRAINING = "model/Placeholder_1"  # a bool that nothing reads; clients of Essentia's published graphs feed it
SOFTMAX = "model/Softmax"
SIGMOID = "model/Sigmoid"
IDENTITY = "model/Identity"
FEATURES = "model/features"


@dataclasses.dataclass(frozen=True)
class Node:
    """One output of a graph.

    Parameters
    ----------
    name : str
        Name in the graph.
    layer : str
        Layer whose output it is.
    op : str
        What the card calls the operation.
    purpose : str
        "predictions", "embeddings" or "".
    description : str
        For the card; may be empty.
    activation : str
        "softmax", "sigmoid" or "relu" applied to the layer's output; empty for none.
    alias_of : str
        Name of the node that this one repeats; empty for a node of its own.
    scale, bias : tuple[float, ...]
        One factor and one offset per class, on the way from the layer to the activation; empty for none.
    sampled : bool
        True when two runs of the graph differ.
    """

    name: str
    layer: str
    op: str
    purpose: str = ""
    description: str = ""
    activation: str = ""
    alias_of: str = ""
    scale: tuple[float, ...] = ()
    bias: tuple[float, ...] = ()
    sampled: bool = False


def suit(nodes: Sequence[Node], kind: str) -> tuple[Node, ...]:
    """Return the nodes of a classifier as those of a model of tags, which end in a sigmoid, or of numbers, in none."""
    if kind == SINGLE_LABEL:
        return tuple(nodes)
    logits = next(node for node in nodes if node.layer == "logits" and not node.activation and not node.alias_of)
    first = Node(SIGMOID, "logits", "Sigmoid", "predictions", activation="sigmoid")
    if kind == REGRESSION:
        first = Node(IDENTITY, "logits", "Identity", "predictions", alias_of=logits.name)
    return (first, *(node for node in nodes if node.name not in (SOFTMAX, SIGMOID)))


def calibrate(nodes: Sequence[Node], calibration: Calibration | KindCalibration) -> tuple[Node, ...]:
    """Put a calibration between the logits and the softmax of a list of nodes; the node of the logits stays as it is.

    One that changes nothing adds no operation.
    """
    if calibration.is_identity:
        return tuple(nodes)
    numbers = {"scale": calibration.scale, "bias": calibration.bias if any(calibration.bias) else ()}
    scaled = {"softmax", "sigmoid"}
    return tuple(dataclasses.replace(node, **numbers) if node.activation in scaled else node for node in nodes)


def dense_node(number: int) -> str:
    """Name the BiasAdd of the n-th dense layer of a graph, from 0."""
    return f"model/dense_{number}/BiasAdd" if number else "model/dense/BiasAdd"


def tagger_nodes(backbone: ModuleType) -> tuple[Node, ...]:
    """List the nodes of a base graph: tags, logits, embeddings."""
    return (
        Node(SIGMOID, "tags", "Sigmoid", "predictions", activation="sigmoid"),
        Node(dense_node(backbone.N_DENSE), "tags", "fully connected", "", "logits"),
        _embedding(backbone),
    )


def classifier_nodes(backbone: ModuleType, hidden: int = 100) -> tuple[Node, ...]:
    """List the nodes of a full classifier with `hidden` units (0: a linear one), from patches to probabilities."""
    names = getattr(backbone, "DENSE_NODES", (dense_node(backbone.N_DENSE), dense_node(backbone.N_DENSE + 1)))
    return (*_classes(*names, hidden), _embedding(backbone))


def head_nodes(hidden: int = 100) -> tuple[Node, ...]:
    """List the nodes of a head alone with `hidden` units (0: a linear one), from embeddings to probabilities."""
    return _classes(dense_node(0), dense_node(1), hidden)


def features_nodes(hidden: int) -> tuple[Node, ...]:
    """List the nodes of a classifier on the features of several networks."""
    text = "penultimate layers of the networks, side by side"
    return (*head_nodes(hidden), Node(FEATURES, "embedding", "concatenation", "embeddings", text))


def joint_nodes(hidden: int, n_networks: int, layers: str) -> tuple[Node, ...]:
    """List the nodes of a classifier on layers of pretrained networks side by side."""
    side_by_side = f", {n_networks} networks side by side" if n_networks > 1 else ""
    text = f"layers as features ({layers}){side_by_side}"
    return (*head_nodes(hidden), Node(FEATURES, "embedding", "concatenation", "embeddings", text))


def layers_node() -> Node:
    """Return the node of what is tapped of a network that was trained as a whole, see `nets.tapped.tap_own`."""
    return Node(LAYERS_NODE, OWN, "concatenation", "", "layers from the bottom up, each averaged, side by side")


def _embedding(backbone: ModuleType) -> Node:
    text, activation = "embeddings of the network", getattr(backbone, "EMBEDDING_ACTIVATION", "")
    return Node(backbone.EMBEDDING_NODE, "embedding", backbone.EMBEDDING_OP, "embeddings", text, activation)


def _classes(first: str, second: str, hidden: int) -> tuple[Node, ...]:
    nodes = (
        Node(SOFTMAX, "logits", "Softmax", "predictions", activation="softmax"),
        Node(SIGMOID, "logits", "Identity", "", f"an Identity of {SOFTMAX}", alias_of=SOFTMAX),
        Node(second if hidden else first, "logits", "fully connected", "", "logits"),
    )
    return (*nodes, Node(first, "hidden", "fully connected", "", "penultimate layer")) if hidden else nodes
