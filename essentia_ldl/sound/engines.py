"""What runs patches through graphs while a file is decoded. In: a pass over a file; out: rows by graph and node.

A file is decoded once for all graphs. `PatchGraph` reads the mel patches that its front-end shares with others;
`CompiledGraph` gets the bands after the pass, and runs their patches in OpenVINO; `SignalGraph`, a published extractor
that only its own algorithm of Essentia feeds, and `waves.WaveGraph` get the whole signal. All are asked the same way:
`want` nodes, `try_silence` before the first file, and after the pass `collect` the rows.

Bands of a long file go to a folder and not to the pool.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import essentia.streaming as ess
import numpy as np

from essentia_ldl.records import FrontEnd
from essentia_ldl.sound.compiled import CompiledNetwork
from essentia_ldl.sound.decoder import Source
from essentia_ldl.sound.extractors import SIGNAL, Embedder, connect_signal
from essentia_ldl.sound.features import connect_bands
from essentia_ldl.sound.graph import BATCH_PATCHES, load_graph, run_graph
from essentia_ldl.sound.patches import StoredBands, cut_blocks, cut_patches, find_stored
from essentia_ldl.sound.shared import BLOCK_PATCHES, SharedNetwork, open_shared
from essentia_ldl.sound.waves import WAVES, WaveGraph, connect_waves, find_stored_signal


class PatchGraph:
    """A graph on patches of mel bands, in Essentia's streaming mode.

    Parameters
    ----------
    graph : str
        Path of the .pb.
    input_name : str
        Its input node.
    front_end : FrontEnd
        Of kind "mel"; with the patches and the distance between them.
    """

    def __init__(self, graph: str, input_name: str, front_end: FrontEnd) -> None:
        self.graph, self.input_name, self.front_end = graph, input_name, front_end
        self.nodes: list[str] = []

    def want(self, nodes: Sequence[str]) -> None:
        """Ask for the rows of some nodes too."""
        self.nodes += [node for node in nodes if node not in self.nodes]

    def try_silence(self) -> dict[str, np.ndarray]:
        """Load the graph and run one patch of silence, so that a broken one is refused before any audio is read.

        Returns
        -------
        dict[str, np.ndarray]
            (1, size) float32 by node.

        Raises
        ------
        GraphError
            When it does not load, lacks a node, or does not run.
        """
        network = load_graph(self.graph, self.input_name, self.nodes)
        silence = np.zeros((1, self.front_end.patch_frames, self.front_end.n_bands), np.float32)
        return run_graph(network, self.graph, self.input_name, silence, self.nodes)

    def connect(self, source: Source, patches: ess.VectorRealToTensor) -> None:
        """Attach the graph to the patches of a pass; its rows go to the pool."""
        to_pool = source.keep(ess.TensorToPool(namespace=self.input_name))
        network = source.keep(
            ess.TensorflowPredict(graphFilename=self.graph, inputs=[self.input_name], outputs=self.nodes, squeeze=True)
        )
        patches.tensor >> to_pool.tensor
        to_pool.pool >> network.poolIn
        for node in self.nodes:
            from_pool = source.keep(ess.PoolToTensor(namespace=node))
            rows = source.keep(ess.TensorToVectorReal())
            network.poolOut >> from_pool.pool
            from_pool.tensor >> rows.tensor
            rows.frame >> (source.pool, self._pool_name(node))

    def collect(self, pool: Mapping[str, np.ndarray], last_patch: str) -> dict[str, np.ndarray]:
        """Return the rows (n_patches, size) float32 of a pass by node; none when no patch was filled."""
        del last_patch  # the pass has cut the patches
        none = np.zeros((0, 0), np.float32)
        return {node: np.array(pool.get(self._pool_name(node), none), dtype=np.float32) for node in self.nodes}

    def _pool_name(self, node: str) -> str:
        """Name a node's rows in the pool, which reads dots as levels and so must not see those of a file name."""
        return f"out.{abs(hash((self.graph, node)))}"


class CompiledGraph:
    """A graph on patches of mel bands, in OpenVINO.

    Parameters
    ----------
    graph : str
        Path of the .pb.
    input_name : str
        Its input node.
    front_end : FrontEnd
        Of kind "mel"; with the patches and the distance between them.
    precision : str
        "f32" or "bf16".
    shared : bool
        Whether patches share their front end, where the graph has one that can be shared.
    """

    def __init__(
        self, graph: str, input_name: str, front_end: FrontEnd, precision: str = "f32", shared: bool = False
    ) -> None:
        self.graph, self.input_name, self.front_end, self._precision = graph, input_name, front_end, precision
        self._shared = shared and front_end.patch_hop_frames <= front_end.patch_frames
        self.nodes: list[str] = []
        self._network: CompiledNetwork | SharedNetwork | None = None

    def want(self, nodes: Sequence[str]) -> None:
        """Ask for the rows of some nodes too."""
        self.nodes += [node for node in nodes if node not in self.nodes]
        self._network = None

    def try_silence(self) -> dict[str, np.ndarray]:
        """Compile the graph and run one patch of silence; (1, size) float32 by node, or `GraphError`."""
        silence = np.zeros((1, self.front_end.patch_frames, self.front_end.n_bands), np.float32)
        return self._open().run(silence)

    def collect(self, pool: Mapping[str, Any], last_patch: str) -> dict[str, np.ndarray]:
        """Return the rows (n_patches, size) float32 of the bands of a pass by node; none when no patch was filled."""
        bands = pool.get(name_bands(self.front_end), np.zeros((0, self.front_end.n_bands), np.float32))
        frames, hop, network = self.front_end.patch_frames, self.front_end.patch_hop_frames, self._open()
        if isinstance(network, SharedNetwork):
            blocks = cut_blocks(bands, frames, hop, BLOCK_PATCHES, last_patch)
            parts = [network.run_frames(block, hop) for block in blocks]
        else:
            parts = [network.run(block) for block in cut_patches(bands, frames, hop, BATCH_PATCHES, last_patch)]
        none = [np.zeros((0, 0), np.float32)]
        return {node: np.concatenate([part[node] for part in parts] or none) for node in self.nodes}

    def _open(self) -> CompiledNetwork | SharedNetwork:
        if self._network is None:
            shape = (self.front_end.patch_frames, self.front_end.n_bands)
            shared = self._shared and self._precision == "f32"
            network = open_shared(self.graph, self.input_name, self.nodes, shape) if shared else None
            self._network = network or CompiledNetwork(
                self.graph, self.input_name, self.nodes, BATCH_PATCHES, self._precision
            )
        return self._network


class SignalGraph:
    """A published extractor, fed by the algorithm of its card; see `PatchGraph`.

    Parameters
    ----------
    graph : str
        Path of the .pb.
    input_name : str
        Its input node.
    front_end : FrontEnd
        Of kind "embedding".
    """

    def __init__(self, graph: str, input_name: str, front_end: FrontEnd) -> None:
        self.graph, self.input_name, self.front_end = graph, input_name, front_end
        self._embedders: dict[str, Embedder] = {}

    def want(self, nodes: Sequence[str]) -> None:
        """Load the graph for some nodes too; raises `GraphError` as `Embedder`."""
        for node in nodes:
            if node not in self._embedders:
                self._embedders[node] = Embedder(self.graph, self.input_name, node, self.front_end)

    def try_silence(self) -> dict[str, np.ndarray]:
        """Run silence of one patch; (n_patches, size) float32 by node."""
        # EffNet's algorithm gives back a patch less than there are when the last one ends with the signal
        silence = np.zeros(self.front_end.patch_samples + 2 * self.front_end.hop_samples, np.float32)
        return {node: embedder(silence) for node, embedder in self._embedders.items()}

    def collect(self, pool: Mapping[str, np.ndarray], last_patch: str) -> dict[str, np.ndarray]:
        """Return the rows (n_patches, size) float32 of the signal of a pass by node; see `Embedder`."""
        signal = pool[f"{SIGNAL}.{self.front_end.sample_rate_hz}"]
        return {node: embedder(signal, last_patch) for node, embedder in self._embedders.items()}


Graph = PatchGraph | CompiledGraph | SignalGraph | WaveGraph


def open_graph(
    graph: str, input_name: str, front_end: FrontEnd, precision: str | None = None, shared: bool = False
) -> Graph:
    """Choose what runs a graph, by what its front-end reads; a precision asks for OpenVINO, where that is possible."""
    if front_end.kind == "embedding":
        return SignalGraph(graph, input_name, front_end)
    if front_end.kind == "waveform":
        return WaveGraph(graph, input_name, front_end, precision)
    if precision is not None:
        return CompiledGraph(graph, input_name, front_end, precision, shared)
    return PatchGraph(graph, input_name, front_end)


def connect_graphs(source: Source, graphs: Sequence[Graph], last_patch: str, folder: Path | None = None) -> None:
    """Attach graphs to a pass; those of one front-end share its bands, those of one rate its signal.

    Parameters
    ----------
    source : Source
        The pass.
    graphs : sequence of PatchGraph, CompiledGraph, SignalGraph or WaveGraph
        Any number.
    last_patch : str
        "discard", or "repeat" to fill an unfinished patch, as Essentia's parameter `lastPatchMode`.
    folder : Path or None
        Where bands of compiled graphs and signals go, for `find_stored_bands`; such a pass serves one file. None takes
        the pool.
    """
    for rate_hz in {graph.front_end.sample_rate_hz for graph in graphs if isinstance(graph, SignalGraph)}:
        connect_signal(source, rate_hz)
    for rate_hz in _list_rates(graphs):
        connect_waves(source, rate_hz, folder)
    for key, front_end in _list_front_ends(graphs, PatchGraph | CompiledGraph).items():
        bands = connect_bands(source, front_end)
        readers = [graph for graph in graphs if graph.front_end.key == key]
        streaming = [graph for graph in readers if isinstance(graph, PatchGraph)]
        if streaming:
            patches = _connect_patches(source, bands, front_end, last_patch)
            for graph in streaming:
                graph.connect(source, patches)
        if any(isinstance(graph, CompiledGraph) for graph in readers):
            source.collect(bands, name_bands(front_end), folder and folder / key)


def find_stored_bands(pool: Mapping[str, np.ndarray], graphs: Iterable[Graph], folder: Path) -> dict[str, StoredBands]:
    """Find the bands and signals that a pass has written to a folder, by their name in the pool.

    Parameters
    ----------
    pool : Mapping[str, np.ndarray]
        Of the pass, which must be gone: Essentia writes the last frames when it is freed.
    graphs : iterable
        The graphs of the pass.
    folder : Path
        Where `connect_graphs` was told to put the bands.
    """
    found = {}
    for key, front_end in _list_front_ends(graphs, CompiledGraph).items():
        name = name_bands(front_end)
        found[name] = find_stored(pool, name, folder / key, front_end.n_bands)
    return found | {f"{WAVES}.{rate_hz}": find_stored_signal(pool, rate_hz, folder) for rate_hz in _list_rates(graphs)}


def name_bands(front_end: FrontEnd) -> str:
    """Name the bands of a front-end in the pool of a pass."""
    return f"bands.{abs(hash(front_end.key))}"


def _list_rates(graphs: Iterable[Graph]) -> list[int]:
    """List the sampling rates of the graphs that read samples."""
    return sorted({graph.front_end.sample_rate_hz for graph in graphs if isinstance(graph, WaveGraph)})


def _list_front_ends(graphs: Iterable[Graph], kind: Any) -> dict[str, FrontEnd]:
    return {graph.front_end.key: graph.front_end for graph in graphs if isinstance(graph, kind)}


def _connect_patches(source: Source, bands: Any, front_end: FrontEnd, last_patch: str) -> ess.VectorRealToTensor:
    patches = source.keep(
        ess.VectorRealToTensor(
            shape=[BATCH_PATCHES, 1, front_end.patch_frames, front_end.n_bands],
            patchHopSize=front_end.patch_hop_frames,
            lastPatchMode=last_patch,
        )
    )
    bands >> patches.frame
    return patches
