"""Run graphs on audio files. In: models with their cards and paths; out: probabilities of patches, one record per file.

One pass per file: one decoding, one set of bands per front-end, every patch graph fed by the same patches, and heads
run on the embeddings of the one extractor that they share (`engines` runs the graphs). Full models on one network run
as one graph (`merged`). As a program (``python -m essentia_ldl.sound.predict``) it reads one job as a line of json and
answers in lines of json, so that the process that asked survives a file that kills this one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from essentia_ldl.errors import CardError, EssentiaLdlError, GraphError, Reason, explain, find_full_disk
from essentia_ldl.records import FrontEnd, Prediction
from essentia_ldl.sound.audio import is_long
from essentia_ldl.sound.choice import Chooser
from essentia_ldl.sound.compiled import is_installed, open_core
from essentia_ldl.sound.decoder import Decoder, Source
from essentia_ldl.sound.engines import (
    CompiledGraph,
    Graph,
    PatchGraph,
    connect_graphs,
    find_stored_bands,
    open_graph,
)
from essentia_ldl.sound.heads import CompiledHead, Head
from essentia_ldl.sound.merged import merge_graphs
from essentia_ldl.sound.request import Request
from essentia_ldl.sound.waves import WaveGraph
from essentia_ldl.urls import local_copy
from essentia_ldl.zones import follow_parent

THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
ANSWERED = ("path", "model", "classes", "duration_s", "notes", "uncertainty")
Outputs = dict[tuple[str, str], np.ndarray]  # rows by graph and node
Opening = tuple[str, FrontEnd, str | None, bool]  # all but the file that `open_graph` is told


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
    chooser : Chooser or None
        What says which engine runs a graph; None takes Essentia.

    Raises
    ------
    GraphError, CardError
        When a graph cannot be loaded or a card does not fit it.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        patch_hop_frames: int | None = None,
        uncertainty: bool = False,
        chooser: Chooser | None = None,
    ) -> None:
        self.requests = list(requests)
        self._chooser = chooser or Chooser()
        self._spreads = {request.name: request.spread_nodes for request in self.requests if uncertainty}
        self._places: dict[tuple[str, str], tuple[str, str]] = {}  # what runs each graph and node, and their name there
        self._graphs = self._open_graphs(patch_hop_frames)
        self._heads = {request.graph: self._open_head(request) for request in self.requests if request.extractor}
        self._decoders: dict[str, Decoder] = {}
        self._resample_quality = self._agree_on_quality()
        unproved = [request for request in self.requests if not request.is_proved]
        silence: Outputs = {}
        for name in dict.fromkeys(self._places[request.patch_source][0] for request in unproved):
            silence |= self._name_rows(name, self._graphs[name].try_silence())
        for request in unproved:
            self._rows_of(request, silence)

    @property
    def runs_essentia(self) -> bool:
        """True when a graph has run, or will run, in Essentia's TensorFlow."""
        runners = [*self._graphs.values(), *self._heads.values()]
        return self._chooser.ran_essentia or not all(_is_compiled(one) for one in runners)

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
        repeated: Outputs = {}
        with self._decode(path, "discard") as (pool, duration_s):
            outputs = self._collect(pool, self._graphs, "discard")
            short = {source for source, rows in outputs.items() if len(rows) == 0}
            again = {name: self._graphs[name] for name, _ in map(self._places.__getitem__, short)}
            passed = {name: graph for name, graph in again.items() if not isinstance(graph, PatchGraph)}
            repeated |= self._collect(pool, passed, "repeat")  # what they read needs no second pass
        if len(passed) < len(again):
            with self._decode(path, "repeat") as (pool, duration_s):
                repeated |= self._collect(pool, again, "repeat")
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

    def _agree_on_quality(self) -> int:
        """Return the resampling quality that all graphs share, because a file is decoded once."""
        qualities = {graph.front_end.resample_quality for graph in self._graphs.values()}
        if len(qualities) > 1:
            names = ", ".join(request.name for request in self.requests)
            remedy = "Run them one by one."
            raise CardError(explain("resample_quality", "one for all models", sorted(qualities), names, remedy))
        return qualities.pop()

    def _open_graphs(self, patch_hop_frames: int | None) -> dict[str, Graph]:
        """Open every graph that reads audio, with all nodes that are wanted of it."""
        wanted: dict[str, list[str]] = {}
        sources: dict[str, Request] = {}
        for request in self.requests:
            graph, node = request.patch_source
            spread = self._spreads.get(request.name, []) if request.extractor is None else []
            wanted[graph] = list(dict.fromkeys([*wanted.get(graph, []), node, *spread]))
            sources.setdefault(graph, request)
        groups: dict[Opening, dict[str, list[str]]] = {}
        for graph, request in sources.items():
            input_name = request.source.card.input_name
            front_end = _set_hop(request.front_end, patch_hop_frames)
            precision = None
            if front_end.kind == "embedding":
                self._chooser.leave(graph)
            elif self._chooser.choose(graph, input_name, wanted[graph], front_end.patch_shape):
                precision = self._chooser.precision
            opening = (input_name, front_end, precision, graph in self._chooser.shared)
            groups.setdefault(opening, {})[graph] = wanted[graph]
        opened: dict[str, Graph] = {}
        for opening, some in groups.items():
            opened |= self._open_group(opening, some)
        return opened

    def _open_group(self, opening: Opening, wanted: Mapping[str, list[str]]) -> dict[str, Graph]:
        """Open graphs that differ in their files alone; those that have most of their weights in common run as one."""
        opened: dict[str, Graph] = {}
        alone = dict(wanted)
        for merged in merge_graphs(wanted, opening[0]) if opening[1].kind == "mel" else ():
            runner = open_graph(merged.path, *opening)
            runner.want(list(dict.fromkeys(merged.nodes.values())))
            with contextlib.suppress(GraphError):  # which of them does not run is told by each alone
                runner.try_silence()
                opened[merged.path] = runner
                self._places |= {source: (merged.path, node) for source, node in merged.nodes.items()}
                alone = {graph: nodes for graph, nodes in alone.items() if graph not in merged.graphs}
        for graph, nodes in alone.items():
            opened[graph] = open_graph(graph, *opening)
            opened[graph].want(nodes)
            self._places |= {(graph, node): (graph, node) for node in nodes}
        return opened

    def _open_head(self, request: Request) -> Head | CompiledHead:
        spread = self._spreads.get(request.name, [])
        nodes = [request.card.output("predictions"), *spread]
        if self._chooser.choose(request.graph, request.card.input_name, nodes):
            return CompiledHead(request, spread, self._chooser.precision)
        return Head(request, spread)

    @contextlib.contextmanager
    def _decode(self, path: str, last_patch: str) -> Iterator[tuple[Mapping[str, Any], float]]:
        """Decode a file once; yield what the graphs read of it, and the seconds of audio."""
        if not (is_long(path) and any(isinstance(g, CompiledGraph | WaveGraph) for g in self._graphs.values())):
            yield self._decoder(last_patch).decode(path)
            return
        with tempfile.TemporaryDirectory(prefix="essentia-ldl-") as name:
            folder = Path(name)
            pool, duration_s = self._make_decoder(last_patch, folder).decode(path)
            gc.collect()  # frees the network, which then writes its last frames
            yield {**pool, **find_stored_bands(pool, self._graphs.values(), folder)}, duration_s

    def _collect(self, pool: Mapping[str, Any], graphs: Mapping[str, Graph], last_patch: str) -> Outputs:
        outputs: Outputs = {}
        for name, graph in graphs.items():
            outputs |= self._name_rows(name, graph.collect(pool, last_patch))
        return outputs

    def _name_rows(self, name: str, rows: Mapping[str, np.ndarray]) -> Outputs:
        """Name what one of the opened graphs says by the graphs and nodes that were asked for."""
        return {source: rows[node] for source, (runner, node) in self._places.items() if runner == name}

    def _decoder(self, last_patch: str) -> Decoder:
        """Return the network of a way to end a file, made when the first file needs it."""
        if last_patch not in self._decoders:
            self._decoders[last_patch] = self._make_decoder(last_patch)
        return self._decoders[last_patch]

    def _make_decoder(self, last_patch: str, folder: Path | None = None) -> Decoder:
        def connect(source: Source) -> None:
            connect_graphs(source, list(self._graphs.values()), last_patch, folder)

        rates_hz = tuple(sorted({graph.front_end.sample_rate_hz for graph in self._graphs.values()}))
        return Decoder(rates_hz, connect, self._resample_quality)

    def _rows_of(self, request: Request, outputs: Outputs) -> np.ndarray:
        """Return a model's probabilities (n_patches, n_classes), which must be as many as its card names classes."""
        rows = outputs[request.patch_source]
        if request.extractor is not None:
            rows = self._heads[request.graph].classify(rows)
        if rows.ndim != 2 or rows.shape[1] != len(request.card.classes):
            rule = f"{len(request.card.classes)} outputs, as its card names"
            raise GraphError(explain("graph", rule, rows.shape, request.name, "Export or copy it again."))
        return rows

    def _measure_spread(self, request: Request, outputs: Outputs) -> dict[str, float]:
        """Return the mean over patches of each entropy that a graph has."""
        if request.extractor is None:
            rows = {node: outputs[request.graph, node] for node in self._spreads.get(request.name, [])}
        else:
            rows = self._heads[request.graph].measure_spread(outputs[request.patch_source])
        return {node.rpartition("/")[2]: float(values.mean()) for node, values in rows.items()}


def _is_compiled(runner: Graph | Head | CompiledHead) -> bool:
    """Tell whether OpenVINO runs it."""
    return isinstance(runner, CompiledGraph | CompiledHead) or (isinstance(runner, WaveGraph) and runner.is_compiled)


def _set_hop(front_end: FrontEnd, patch_hop_frames: int | None) -> FrontEnd:
    if patch_hop_frames is None:
        return front_end
    if front_end.kind == "waveform":
        rule, remedy = (
            "none for a network that hears samples",
            "Leave it out, or name models that read bands by --model.",
        )
        raise GraphError(explain("patch hop", rule, patch_hop_frames, front_end.name, remedy))
    return dataclasses.replace(front_end, patch_hop_frames=patch_hop_frames, patch_hop_samples=None)


def _answers(job: dict[str, Any], files: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield what is said of a job: "ready", then of each file that it is begun, and its predictions or its failure."""
    if job.get("n_threads"):
        os.environ.update(dict.fromkeys(THREADS, str(job["n_threads"])))  # read when the first network is made
    requests = [Request.from_json(model) for model in job["models"]]
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0" and not job["onednn_accepted"]:
        # oneDNN kills this process on some processors: better now than in the middle of a file that takes the blame
        requests = [dataclasses.replace(request, proved=False) for request in requests]
    chooser = Chooser(job.get("engine", "essentia"), job.get("precision", "f32"), job.get("remembered"))
    predictor = Predictor(requests, job["patch_hop_frames"], job["uncertainty"], chooser)
    found = {"found": chooser.found, "warnings": chooser.warnings, "runs_essentia": predictor.runs_essentia}
    yield {"ready": True, **found}
    for path in files:
        yield {"start": path}
        try:
            with local_copy(path) as local:
                predictions = [dataclasses.replace(one, path=path) for one in predictor.predict(local)]
        except (EssentiaLdlError, OSError, RuntimeError, MemoryError, ValueError) as error:
            full = find_full_disk(error)
            if full is not None:
                raise full from None
            reason = str(error) if isinstance(error, EssentiaLdlError) else _describe(error, path)
            yield {"failure": path, "reason": reason}
            continue
        yield {"result": path, "predictions": [_as_json(prediction) for prediction in predictions]}


def _describe(error: Exception, path: str) -> str:
    if isinstance(error, MemoryError) or "bad_alloc" in str(error):
        return f"{path}: memory ran out. Close other programs, or use fewer --jobs."
    return f"{path}: {type(error).__name__}, {Reason(error)}. Re-encode the file, or leave it out."


def _as_json(prediction: Prediction) -> dict[str, Any]:
    return {**{key: getattr(prediction, key) for key in ANSWERED}, "segments": prediction.segments.tolist()}


def main(job_file: TextIO) -> int:
    """Read a job, answer in lines of json on the standard output, and return the exit status.

    A job whose files are null is followed by one line per file, each after the answer to the one before.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # whatever the libraries print must not reach the answers
    line = job_file.readline()
    if not line:  # nobody wants anything any more
        return 0
    try:
        job = json.loads(line)
        files = map(json.loads, iter(job_file.readline, "")) if job["files"] is None else job["files"]
        for answer in _answers(job, files):
            answers.write(json.dumps(answer) + "\n")
    except EssentiaLdlError as error:
        answers.write(json.dumps({"error": str(error), "type": type(error).__name__}) + "\n")
        return 1
    except MemoryError:
        sentence = "Memory ran out while the models were loaded. Close other programs, or use fewer --jobs."
        answers.write(json.dumps({"error": sentence, "type": "GraphError"}) + "\n")
        return 1
    except BrokenPipeError:
        return 1
    except (RuntimeError, ValueError, OSError) as error:  # of Essentia, or of an engine
        sentence = f"The models cannot run: {Reason(error)}. Export or copy them again, or try `essentia-ldl doctor`."
        answers.write(json.dumps({"error": sentence, "type": "GraphError"}) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    follow_parent()
    if os.environ.get("ESSENTIA_LDL_ENGINE", "essentia") != "essentia" and is_installed():
        with contextlib.suppress(GraphError):  # the job is told of it
            open_core()
    status = main(sys.stdin)
    sys.stdout.flush()
    os._exit(status)  # without the destructors of loaders that failed, which abort the process
