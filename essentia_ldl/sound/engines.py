"""What runs patches through graphs while a file is decoded. In: a pass over a file; out: rows by graph and node.

A file is decoded once for all graphs. `PatchGraph` reads the mel patches that its front-end shares with others;
`SignalGraph` is a published extractor that only its own algorithm of Essentia feeds, and gets the whole signal. Both
are asked the same way: `want` nodes, `try_silence` before the first file, and after the pass `collect` the rows.
Another engine is another class with these three, chosen in `open_graph`.

Small batches: 1 to 8 patches are as fast as 64 on a CPU and need a third of the memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import essentia.streaming as ess
import numpy as np

from essentia_ldl.records import FrontEnd
from essentia_ldl.sound.decoder import Source
from essentia_ldl.sound.extractors import SIGNAL, Embedder, connect_signal
from essentia_ldl.sound.features import connect_bands
from essentia_ldl.sound.graph import load_graph, run_graph

BATCH_PATCHES = 2


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


def open_graph(graph: str, input_name: str, front_end: FrontEnd) -> PatchGraph | SignalGraph:
    """Choose what runs a graph, by what its front-end reads."""
    kind = SignalGraph if front_end.kind == "embedding" else PatchGraph
    return kind(graph, input_name, front_end)


def connect_graphs(source: Source, graphs: Sequence[PatchGraph | SignalGraph], last_patch: str) -> None:
    """Attach graphs to a pass; those of one front-end share its patches, those of one rate its signal.

    Parameters
    ----------
    source : Source
        The pass.
    graphs : sequence of PatchGraph or SignalGraph
        Any number.
    last_patch : str
        "discard", or "repeat" to fill an unfinished patch, as Essentia's parameter `lastPatchMode`.
    """
    for rate_hz in {graph.front_end.sample_rate_hz for graph in graphs if isinstance(graph, SignalGraph)}:
        connect_signal(source, rate_hz)
    readers = [graph for graph in graphs if isinstance(graph, PatchGraph)]
    for front_end in {graph.front_end.key: graph.front_end for graph in readers}.values():
        patches = _connect_patches(source, front_end, last_patch)
        for graph in readers:
            if graph.front_end.key == front_end.key:
                graph.connect(source, patches)


def _connect_patches(source: Source, front_end: FrontEnd, last_patch: str) -> ess.VectorRealToTensor:
    bands = connect_bands(source, front_end)
    patches = source.keep(
        ess.VectorRealToTensor(
            shape=[BATCH_PATCHES, 1, front_end.patch_frames, front_end.n_bands],
            patchHopSize=front_end.patch_hop_frames,
            lastPatchMode=last_patch,
        )
    )
    bands >> patches.frame
    return patches
