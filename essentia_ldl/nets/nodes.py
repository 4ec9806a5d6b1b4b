"""The official nodes of an exported graph: what each is called, and which layer it is.

In: a backbone module. Out: tuples of `Node`, predictions first, in the order of the card. The names are those of
Essentia's published models, so that a pipeline written for them runs ours: a dense layer is `model/dense`,
`model/dense_1`, ... in the order of the graph, and its BiasAdd is the value before the activation.
"""

from __future__ import annotations

import dataclasses
from types import ModuleType

PLACEHOLDER = "model/Placeholder"
SOFTMAX = "model/Softmax"
SIGMOID = "model/Sigmoid"


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
        "softmax" or "sigmoid" applied to the layer's output; empty for none.
    alias_of : str
        Name of the node that this one repeats; empty for a node of its own.
    """

    name: str
    layer: str
    op: str
    purpose: str = ""
    description: str = ""
    activation: str = ""
    alias_of: str = ""


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


def classifier_nodes(backbone: ModuleType) -> tuple[Node, ...]:
    """List the nodes of a full classifier, from patches to probabilities."""
    return (*_classes(backbone.N_DENSE), _embedding(backbone))


def head_nodes() -> tuple[Node, ...]:
    """List the nodes of a head alone, from embeddings to probabilities."""
    return _classes(0)


def _embedding(backbone: ModuleType) -> Node:
    return Node(backbone.EMBEDDING_NODE, "embedding", backbone.EMBEDDING_OP, "embeddings", "embeddings of the network")


def _classes(n_dense: int) -> tuple[Node, ...]:
    return (
        Node(SOFTMAX, "logits", "Softmax", "predictions", activation="softmax"),
        Node(SIGMOID, "logits", "Identity", "", f"an Identity of {SOFTMAX}", alias_of=SOFTMAX),
        Node(dense_node(n_dense + 1), "logits", "fully connected", "", "logits"),
        Node(dense_node(n_dense), "hidden", "fully connected", "", "penultimate layer"),
    )
