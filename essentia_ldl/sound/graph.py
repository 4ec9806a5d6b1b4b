"""A frozen graph in Essentia, run on patches or embeddings at hand. In: a .pb and an array; out: values by node."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import essentia
import essentia.standard as es
import numpy as np

from essentia_ldl.errors import GraphError, explain

BATCH = 64  # of embeddings: their dropout samples are rows too


def measure_rows(
    network: Any, graph: Path | str, input_name: str, embeddings: np.ndarray, nodes: Sequence[str]
) -> dict[str, np.ndarray]:
    """Run a head on the embeddings of a track, in batches; see `run_graph`."""
    starts = range(0, len(embeddings), BATCH)
    parts = [run_graph(network, graph, input_name, embeddings[start : start + BATCH], nodes) for start in starts]
    return {node: np.concatenate([part[node] for part in parts]) for node in nodes}


def load_graph(graph: Path | str, input_name: str, nodes: Sequence[str]) -> Any:
    """Load a graph for some of its nodes.

    Returns
    -------
    es.TensorflowPredict
        For `run_graph`.

    Raises
    ------
    GraphError
        When Essentia cannot load it, or it has no such node.
    """
    try:
        return es.TensorflowPredict(graphFilename=str(graph), inputs=[input_name], outputs=list(nodes), squeeze=True)
    except RuntimeError as error:
        reason = str(error).split("\n")[0][:200]
        raise GraphError(explain("graph", "one that Essentia loads", reason, graph, "Export again.")) from None


def run_graph(
    network: Any, graph: Path | str, input_name: str, values: np.ndarray, nodes: Sequence[str]
) -> dict[str, np.ndarray]:
    """Run a graph on one batch.

    Parameters
    ----------
    network : es.TensorflowPredict
        From `load_graph`.
    graph, input_name, nodes
        As there; the file is for messages.
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
        reason = str(error).split("\n")[0][:200]
        raise GraphError(explain("graph", "one that Essentia runs", reason, graph, "Export again.")) from None
    return {node: np.array(answers[node]).reshape(len(values), -1) for node in nodes}
