"""Heads run on the embeddings of a track, by either engine. In: a request and embeddings; out: probabilities by row."""

from __future__ import annotations

from collections.abc import Sequence

import essentia.standard as es
import numpy as np

from essentia_ldl.errors import GraphError, Reason, explain
from essentia_ldl.sound.compiled import CompiledNetwork
from essentia_ldl.sound.graph import BATCH, load_graph, measure_rows, refuse_graph
from essentia_ldl.sound.request import Request


class Head:
    """A head ready to run on embeddings, in Essentia.

    Parameters
    ----------
    request : Request
        Of a model with an extractor.
    spread_nodes : sequence of str
        Its entropies that are wanted; none for most heads.

    Raises
    ------
    GraphError
        When it does not load, or lacks a node.
    """

    def __init__(self, request: Request, spread_nodes: Sequence[str] = ()) -> None:
        self._request, self._spread_nodes = request, list(spread_nodes)
        input_name = request.card.input_name
        try:
            self._network = es.TensorflowPredict2D(
                graphFilename=request.graph, input=input_name, output=request.card.output("predictions")
            )
        except RuntimeError as error:
            raise refuse_graph(request.graph, error) from None
        self._spread = load_graph(request.graph, input_name, self._spread_nodes) if spread_nodes else None

    def classify(self, embeddings: np.ndarray) -> np.ndarray:
        """Return probabilities (n_patches, n_classes) float32 of embeddings (n_patches, d).

        Raises
        ------
        GraphError
            When the embeddings have another size.
        """
        try:
            return np.array(self._network(embeddings), dtype=np.float32)
        except RuntimeError as error:
            self._network.reset()  # after an exception the next call would silently return nothing
            raise _refuse_size(self._request, error) from None

    def measure_spread(self, embeddings: np.ndarray) -> dict[str, np.ndarray]:
        """Return the entropies (n_patches, 1) float32 of embeddings by node."""
        if self._spread is None:
            return {}
        request = self._request
        return measure_rows(self._spread, request.graph, request.card.input_name, embeddings, self._spread_nodes)


class CompiledHead:
    """A head ready to run on embeddings, in OpenVINO.

    Parameters
    ----------
    request : Request
        Of a model with an extractor.
    spread_nodes : sequence of str
        Its entropies that are wanted; none for most heads.
    precision : str
        "f32" or "bf16".

    Raises
    ------
    GraphError
        When OpenVINO cannot compile it, or it lacks a node.
    """

    def __init__(self, request: Request, spread_nodes: Sequence[str] = (), precision: str = "f32") -> None:
        self._request, self._node = request, request.card.output("predictions")
        graph, input_name = request.graph, request.card.input_name
        self._network = CompiledNetwork(graph, input_name, [self._node], BATCH, precision)
        spread = list(spread_nodes)
        self._spread = CompiledNetwork(graph, input_name, spread, BATCH, precision) if spread else None

    def classify(self, embeddings: np.ndarray) -> np.ndarray:
        """Return probabilities (n_patches, n_classes) float32 of embeddings (n_patches, d), or raise `GraphError`."""
        try:
            return self._network.run(embeddings)[self._node]
        except GraphError as error:
            raise _refuse_size(self._request, error) from None

    def measure_spread(self, embeddings: np.ndarray) -> dict[str, np.ndarray]:
        """Return the entropies (n_patches, 1) float32 of embeddings by node."""
        return {} if self._spread is None else self._spread.run(embeddings)


def _refuse_size(request: Request, error: Exception) -> GraphError:
    rule = f"an extractor with {request.card.name}'s embedding size"
    remedy = "Use the extractor that its card names."
    return GraphError(explain("head", rule, Reason(error), request.name, remedy))
