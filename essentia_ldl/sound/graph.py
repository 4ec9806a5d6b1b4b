"""A frozen graph in Essentia, run on patches or embeddings at hand. In: a .pb and an array; out: values by node."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import essentia
import essentia.standard as es
import numpy as np

from essentia_ldl.errors import GraphError, Reason, explain

BATCH_PATCHES = 2  # 1 to 8 are as fast as 64 on a CPU and need a third of the memory
BATCH = 64  # of embeddings: their dropout samples are rows too


def measure_rows(
    network: Any, graph: Path | str, input_name: str, embeddings: np.ndarray, nodes: Sequence[str]
) -> dict[str, np.ndarray]:
    """Run a head on the embeddings of a track, in batches.

    Parameters
    ----------
    network : es.TensorflowPredict
        From `load_graph`.
    graph : Path or str
        The .pb, for messages.
    input_name : str
        Its input node.
    nodes : sequence of str
        Nodes to answer with, those that the network was loaded for.
    embeddings : np.ndarray [shape=(n_patches, d), float32]
        One or more.

    Returns
    -------
    dict[str, np.ndarray]
        (n_patches, size) float32 by node.

    Raises
    ------
    GraphError
        When it cannot run on them.
    """
    starts = range(0, len(embeddings), BATCH)
    parts = [run_graph(network, graph, input_name, embeddings[start : start + BATCH], nodes) for start in starts]
    return {node: np.concatenate([part[node] for part in parts]) for node in nodes}


def has_tensorflow() -> bool:
    """Tell whether this Essentia has TensorFlow inside: the package essentia-tensorflow does, essentia does not."""
    return hasattr(es, "TensorflowPredict")


def require_tensorflow(graph: Path | str) -> None:
    """Raise `GraphError` where only Essentia's TensorFlow runs a graph, and this Essentia has none."""
    if not has_tensorflow():
        rule, found = "an Essentia with TensorFlow", "the package essentia, which has none"
        remedy = "Take --engine openvino, or run it where essentia-tensorflow is installed."
        raise GraphError(explain("engine", rule, Reason(found), graph, remedy))


def load_graph(graph: Path | str, input_name: str, nodes: Sequence[str]) -> Any:
    """Load a graph for some of its nodes.

    Parameters
    ----------
    graph : Path or str
        The .pb.
    input_name : str
        Its input node.
    nodes : sequence of str
        Nodes to answer with.

    Returns
    -------
    es.TensorflowPredict
        For `run_graph`.

    Raises
    ------
    GraphError
        When Essentia cannot load it, it has no such node, or Essentia has no TensorFlow.
    """
    require_tensorflow(graph)
    try:
        return es.TensorflowPredict(graphFilename=str(graph), inputs=[input_name], outputs=list(nodes), squeeze=True)
    except RuntimeError as error:
        raise refuse_graph(graph, error) from None


def run_graph(
    network: Any, graph: Path | str, input_name: str, values: np.ndarray, nodes: Sequence[str]
) -> dict[str, np.ndarray]:
    """Run a graph on one batch.

    Parameters
    ----------
    network : es.TensorflowPredict
        From `load_graph`.
    graph : Path or str
        The .pb, for messages.
    input_name : str
        Its input node.
    nodes : sequence of str
        Nodes to answer with, those that the network was loaded for.
    values : np.ndarray [shape=(n, ...), float32]
        Patches (n, n_frames, n_bands) or embeddings (n, d).

    Returns
    -------
    dict[str, np.ndarray]
        (n, size) float32 by node.

    Raises
    ------
    GraphError
        When it cannot run on them.
    """
    pool = essentia.Pool()
    batch = values[:, np.newaxis] if values.ndim == 3 else values[:, np.newaxis, np.newaxis]
    pool.set(input_name, np.ascontiguousarray(batch))
    try:
        answers = network(pool)
    except RuntimeError as error:
        network.reset()  # after an exception the next call would silently return nothing
        reason = first_line(error)
        raise GraphError(explain("graph", "one that Essentia runs", reason, graph, "Export it again.")) from None
    return {node: np.array(answers[node]).reshape(len(values), -1) for node in nodes}


def refuse_graph(graph: Path | str, error: RuntimeError) -> GraphError:
    """Make the error of a graph that Essentia does not load."""
    rule, remedy = "a frozen graph with the nodes of its card", "Export or copy it again."
    return GraphError(explain("graph", rule, first_line(error), graph, remedy))


def first_line(error: RuntimeError) -> Reason:
    """Return what Essentia complains of, in one line without the names of the algorithms that pass it on."""
    line = str(error).split("\n")[0]
    return Reason(re.sub(r"^(Error while \w+ \w+: |Tensorflow\w+: )+", "", line))
