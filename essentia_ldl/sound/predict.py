"""Run graphs on audio files. In: models with their cards and paths; out: probabilities a patch, one record a file.

One pass a file: one decoding, one set of bands a front-end, every patch graph fed by the same patches, and heads run on
the embeddings of the one extractor that they share. A published extractor that Essentia alone knows how to feed (kind
"embedding") gets the whole signal of the same decoding, through `embed.Embedder`, which training used too. Small
batches: 1 to 8 patches are as fast as 64 on a CPU and need a third of the memory. As a program (``python -m
essentia_ldl.sound.predict``) it reads one job as a line of json and answers in lines of json, so that the process that
asked survives a file that kills this one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import essentia
import essentia.standard as es
import essentia.streaming as ess
import numpy as np

from essentia_ldl.errors import CardError, EssentiaLdlError, GraphError, explain
from essentia_ldl.models.card import GraphCard, find_front_end
from essentia_ldl.records import FrontEnd, Prediction
from essentia_ldl.scores.uncertainty import ENTROPIES, node_name
from essentia_ldl.sound.audio import Source, stream_audio
from essentia_ldl.sound.extractors import SIGNAL, Embedder, connect_signal
from essentia_ldl.sound.features import connect_bands
from essentia_ldl.sound.graph import load_graph, measure_rows
from essentia_ldl.zones import follow_parent

BATCH_PATCHES = 2
ANSWERED = ("path", "model", "classes", "duration_s", "notes", "uncertainty")
HEAD_ALGORITHM = "TensorflowPredict2D"


@dataclasses.dataclass(frozen=True)
class Request:
    """One model to run.

    Parameters
    ----------
    name : str
        Stem of the graph file.
    graph : str
        Path of the .pb.
    card : GraphCard
        Its card.
    extractor : Request or None
        For a head: the network whose embeddings it reads.
    proved : bool
        The bytes are those that verification passed, so that the graph need not be tried before the first file.
    """

    name: str
    graph: str
    card: GraphCard
    extractor: Request | None = None
    proved: bool = False

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Request:
        """Make a request from what `Model` and its extractor look like in json."""
        extractor = value.get("extractor")
        return cls(
            value["name"],
            value["graph"],
            GraphCard(value["card"]),
            None if extractor is None else cls.from_json(extractor),
            value.get("proved", False),
        )

    @property
    def patch_source(self) -> tuple[str, str]:
        """Graph that reads patches, and the node that is wanted of it."""
        source, purpose = (self, "predictions") if self.extractor is None else (self.extractor, "embeddings")
        node = source.card.output(purpose)
        if self.extractor is not None:  # the node that the head was trained on, where an extractor offers several
            node = (self.card.extra.get("extractor") or {}).get("node", node)
        if node is None:
            raise CardError(
                explain("card", f"an output for {purpose}", list(source.card.fields), source.name, "Correct the card.")
            )
        return source.graph, node

    @property
    def spread_nodes(self) -> list[str]:
        """The entropies among the outputs of its card; empty for most models."""
        known = {output["name"] for output in self.card.fields["schema"]["outputs"]}
        return [node_name(name) for name in ENTROPIES if node_name(name) in known]

    @property
    def front_end(self) -> FrontEnd:
        """Front-end of the graph that reads patches, found by its card."""
        source = self if self.extractor is None else self.extractor
        return find_front_end(source.card, source.name)


class Predictor:
    """Graphs ready to run on one file after another.

    Parameters
    ----------
    requests : sequence of Request
        The models.
    patch_hop_frames : int or None
        Distance between patch starts; None takes the card's.
    uncertainty : bool
        Whether to read the entropies of the graphs that have them.

    Raises
    ------
    GraphError, CardError
        When a graph cannot be loaded or a card does not fit it.
    """

    def __init__(
        self, requests: Sequence[Request], patch_hop_frames: int | None = None, uncertainty: bool = False
    ) -> None:
        self.requests = list(requests)
        self._spreads = {request.name: request.spread_nodes for request in self.requests if uncertainty}
        self._spread_heads: dict[str, Any] = {}
        self._front_ends: dict[str, FrontEnd] = {}
        self._nodes: dict[tuple[str, str], list[str]] = {}
        self._inputs: dict[str, str] = {}
        self._heads: dict[str, Any] = {}
        self._embedders: dict[tuple[str, str, str], Embedder] = {}
        for request in self.requests:
            front_end = request.front_end
            if patch_hop_frames is not None:
                front_end = dataclasses.replace(front_end, patch_hop_frames=patch_hop_frames, patch_hop_samples=None)
            graph, node = request.patch_source
            source = request if request.extractor is None else request.extractor
            self._front_ends[front_end.key] = front_end
            nodes = self._nodes.setdefault((front_end.key, graph), [])
            spread = self._spreads.get(request.name, [])
            own = spread if request.extractor is None else []
            nodes += [name for name in (node, *own) if name not in nodes]
            self._inputs[graph] = source.card.input_name
            if front_end.kind == "embedding":
                self._embedders[front_end.key, graph, node] = Embedder(graph, source.card.input_name, node, front_end)
            if request.extractor is not None:
                self._heads[request.graph] = _load_head(request)
                if spread:
                    self._spread_heads[request.graph] = load_graph(request.graph, request.card.input_name, spread)
        qualities = {front_end.resample_quality for front_end in self._front_ends.values()}
        if len(qualities) > 1:
            names = ", ".join(request.name for request in self.requests)
            raise CardError(
                explain("resample_quality", "one for all models", sorted(qualities), names, "Run them one by one.")
            )
        unproved = [
            request
            for request in self.requests
            if not request.proved or (request.extractor is not None and not request.extractor.proved)
        ]
        sources = {request.patch_source[0] for request in unproved}
        silence = {
            (graph, node): rows
            for (key, graph), nodes in self._nodes.items()
            if graph in sources
            for node, rows in self._try_graph(key, graph, nodes).items()
        }
        for request in unproved:
            self._rows_of(request, silence)

    def predict(self, path: str) -> list[Prediction]:
        """Run every model on one file.

        Parameters
        ----------
        path : str
            Audio file.

        Returns
        -------
        list[Prediction]
            In the order of the requests. A track shorter than a model's patch is repeated to fill it, and a note of
            that model's prediction says so.

        Raises
        ------
        AudioError
            When the file cannot be used.
        """
        outputs, duration_s = self._run(path, "discard")
        short = {source for source, rows in outputs.items() if len(rows) == 0}
        if short:
            repeated, duration_s = self._run(path, "repeat")
            outputs |= {source: repeated[source] for source in short}
        predictions = []
        for request in self.requests:
            rows = self._rows_of(request, outputs)
            notes: tuple[str, ...] = ()
            if request.patch_source in short:
                front_end = request.front_end
                seconds = front_end.patch_samples / front_end.sample_rate_hz
                notes = (f"padded: {duration_s:.1f} s repeated to one patch of {seconds:.2f} s",)
            spread = self._measure_spread(request, outputs)
            predictions.append(
                Prediction(path, request.name, request.card.classes, rows.mean(axis=0), rows, duration_s, notes, spread)
            )
        return predictions

    def _measure_spread(self, request: Request, outputs: dict[tuple[str, str], np.ndarray]) -> dict[str, float]:
        """Return the mean over patches of each entropy that a graph has."""
        nodes = self._spreads.get(request.name, [])
        rows = {node: outputs[request.graph, node] for node in nodes if request.extractor is None}
        if nodes and request.extractor is not None:
            head, embeddings = self._spread_heads[request.graph], outputs[request.patch_source]
            rows = measure_rows(head, request.graph, request.card.input_name, embeddings, nodes)
        return {node.rpartition("/")[2]: float(values.mean()) for node, values in rows.items()}

    def _rows_of(self, request: Request, outputs: dict[tuple[str, str], np.ndarray]) -> np.ndarray:
        rows = outputs[request.patch_source]
        if request.extractor is not None:
            rows = self._run_head(request, rows)
        if rows.ndim != 2 or rows.shape[1] != len(request.card.classes):
            raise GraphError(
                explain(
                    "graph",
                    f"{len(request.card.classes)} outputs, as its card names",
                    rows.shape,
                    request.name,
                    "Export or copy it again.",
                )
            )
        return rows

    def _run(self, path: str, last_patch: str) -> tuple[dict[tuple[str, str], np.ndarray], float]:
        def connect(source: Source) -> None:
            for rate_hz in {e.front_end.sample_rate_hz for e in self._embedders.values()}:
                connect_signal(source, rate_hz)
            for key, front_end in self._front_ends.items():
                if front_end.kind == "embedding":
                    continue
                graphs = [(graph, nodes) for (owner, graph), nodes in self._nodes.items() if owner == key]
                self._connect_graphs(source, front_end, graphs, last_patch)

        rates_hz = tuple(sorted({front_end.sample_rate_hz for front_end in self._front_ends.values()}))
        quality = next(iter(self._front_ends.values())).resample_quality
        pool, duration_s = stream_audio(path, rates_hz, connect, quality)
        names = set(pool.descriptorNames())
        outputs = {}
        for (key, graph), nodes in self._nodes.items():
            for node in nodes:
                if (key, graph, node) in self._embedders:
                    rate_hz = self._front_ends[key].sample_rate_hz
                    embedder = self._embedders[key, graph, node]
                    outputs[graph, node] = embedder(pool[f"{SIGNAL}.{rate_hz}"], last_patch)
                    continue
                name = _pool_name(graph, node)
                rows = np.array(pool[name], dtype=np.float32) if name in names else np.zeros((0, 0), np.float32)
                outputs[graph, node] = rows
        return outputs, duration_s

    def _connect_graphs(
        self, source: Source, front_end: FrontEnd, graphs: list[tuple[str, list[str]]], last_patch: str
    ) -> None:
        bands = connect_bands(source, front_end)
        patches = source.keep(
            ess.VectorRealToTensor(
                shape=[BATCH_PATCHES, 1, front_end.patch_frames, front_end.n_bands],
                patchHopSize=front_end.patch_hop_frames,
                lastPatchMode=last_patch,
            )
        )
        bands >> patches.frame
        for graph, nodes in graphs:
            to_pool = source.keep(ess.TensorToPool(namespace=self._inputs[graph]))
            network = source.keep(
                ess.TensorflowPredict(graphFilename=graph, inputs=[self._inputs[graph]], outputs=nodes, squeeze=True)
            )
            patches.tensor >> to_pool.tensor
            to_pool.pool >> network.poolIn
            for node in nodes:
                from_pool = source.keep(ess.PoolToTensor(namespace=node))
                rows = source.keep(ess.TensorToVectorReal())
                network.poolOut >> from_pool.pool
                from_pool.tensor >> rows.tensor
                rows.frame >> (source.pool, _pool_name(graph, node))

    def _try_graph(self, key: str, graph: str, nodes: list[str]) -> dict[str, np.ndarray]:
        front_end = self._front_ends[key]
        if front_end.kind != "embedding":
            return _check_graph(graph, self._inputs[graph], nodes, front_end)
        # EffNet's algorithm gives back a patch less than there are when the last one ends with the signal
        silence = np.zeros(front_end.patch_samples + 2 * front_end.hop_samples, np.float32)
        return {node: self._embedders[key, graph, node](silence) for node in nodes}

    def _run_head(self, request: Request, embeddings: np.ndarray) -> np.ndarray:
        head = self._heads[request.graph]
        try:
            return np.array(head(embeddings), dtype=np.float32)
        except RuntimeError as error:
            head.reset()  # after an exception the next call would silently return nothing
            raise GraphError(
                explain(
                    "head",
                    f"an extractor with {request.card.name}'s embedding size",
                    str(error)[:200],
                    request.name,
                    "Use the extractor that its card names.",
                )
            ) from None


def _pool_name(graph: str, node: str) -> str:
    """Name of a node's rows in the pool, which reads dots as levels and so must not see those of a file name."""
    return f"out.{abs(hash((graph, node)))}"


def _load_head(request: Request) -> Any:
    try:
        return es.TensorflowPredict2D(
            graphFilename=request.graph, input=request.card.input_name, output=request.card.output("predictions")
        )
    except RuntimeError as error:
        raise _broken_graph(request.graph, error) from None


def _check_graph(graph: str, input_name: str, nodes: list[str], front_end: FrontEnd) -> dict[str, np.ndarray]:
    """Load a graph and run one patch of silence, so that a broken one is refused before any audio is read."""
    try:
        network = es.TensorflowPredict(graphFilename=graph, inputs=[input_name], outputs=nodes, squeeze=True)
        pool = essentia.Pool()
        pool.set(input_name, np.zeros((1, 1, front_end.patch_frames, front_end.n_bands), np.float32))
        answers = network(pool)
    except RuntimeError as error:
        raise _broken_graph(graph, error) from None
    return {node: np.array(answers[node], dtype=np.float32).reshape(1, -1) for node in nodes}


def _broken_graph(graph: str, error: RuntimeError) -> GraphError:
    reason = str(error).split("\n")[0].replace("Error while configuring TensorflowPredict: ", "")[:200]
    return GraphError(explain("graph", "a frozen graph with the nodes of its card", reason, graph, "Export it again."))


def _answers(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    requests = [Request.from_json(model) for model in job["models"]]
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0" and not job.get("onednn_accepted"):
        # oneDNN kills this process on some processors: better now than in the middle of a file that takes the blame
        requests = [dataclasses.replace(request, proved=False) for request in requests]
    predictor = Predictor(requests, job.get("patch_hop_frames"), job.get("uncertainty", False))
    yield {"ready": True}
    for path in job["files"]:
        yield {"start": path}
        try:
            predictions = predictor.predict(path)
        except (EssentiaLdlError, OSError, RuntimeError, MemoryError, ValueError) as error:
            reason = str(error) if isinstance(error, EssentiaLdlError) else f"{type(error).__name__}: {error} ({path})"
            yield {"failure": path, "reason": reason}
            continue
        yield {
            "result": path,
            "predictions": [
                {
                    **{key: getattr(prediction, key) for key in ANSWERED},
                    "segments": prediction.segments.tolist(),
                }
                for prediction in predictions
            ],
        }


def main(job_file: TextIO) -> int:
    """Read a job, answer in lines of json on the standard output, and return the exit status."""
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # whatever the libraries print must not reach the answers
    job = job_file.read()
    if not job:  # nobody wants anything any more
        return 0
    try:
        for answer in _answers(json.loads(job)):
            answers.write(json.dumps(answer) + "\n")
    except EssentiaLdlError as error:
        answers.write(json.dumps({"error": str(error), "type": type(error).__name__}) + "\n")
        return 1
    except BrokenPipeError:
        return 1
    return 0


if __name__ == "__main__":
    follow_parent()
    status = main(sys.stdin)
    sys.stdout.flush()
    os._exit(status)  # without the destructors of loaders that failed, which abort the process
