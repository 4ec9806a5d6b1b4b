"""A graph that reads samples, fed with patches of the signal. In: the signal of a pass; out: rows by node.

Any Essentia pipeline runs such a graph: MonoLoader >> FrameCutter >> VectorRealToTensor >> TensorToPool >>
TensorflowPredict, where a frame is a patch. FrameCutter has to begin at the first sample and to keep whole frames only
(``startFromZero=True, validFrameThresholdRatio=1, silentFrames="keep"``), and VectorRealToTensor makes tensors
(batch, 1, 1, n_samples), of which TensorflowPredict drops the axes of length 1. The patches here are the same, cut in
numpy, because both engines, and audio shorter than a patch, want them at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import essentia
import essentia.streaming as ess
import numpy as np

from essentia_ldl.errors import GraphError, explain
from essentia_ldl.records import FrontEnd
from essentia_ldl.sound.compiled import CompiledNetwork
from essentia_ldl.sound.decoder import Source
from essentia_ldl.sound.graph import BATCH_PATCHES, load_graph, run_graph
from essentia_ldl.sound.patches import StoredBands, cut_patches, find_stored

WAVES = "waves"


class WaveGraph:
    """A graph on patches of samples, in Essentia or in OpenVINO.

    Parameters
    ----------
    graph : str
        Path of the .pb.
    input_name : str
        Its input node.
    front_end : FrontEnd
        Of kind "waveform".
    precision : str or None
        "f32" or "bf16" of OpenVINO; None runs the graph in Essentia.
    """

    def __init__(self, graph: str, input_name: str, front_end: FrontEnd, precision: str | None = None) -> None:
        self.graph, self.input_name, self.front_end, self._precision = graph, input_name, front_end, precision
        self.nodes: list[str] = []
        self._network: Any = None

    @property
    def is_compiled(self) -> bool:
        """True when OpenVINO runs it."""
        return self._precision is not None

    def want(self, nodes: Sequence[str]) -> None:
        """Ask for the rows of some nodes too."""
        self.nodes += [node for node in nodes if node not in self.nodes]
        self._network = None

    def try_silence(self) -> dict[str, np.ndarray]:
        """Load the graph and run one patch of silence; (1, size) float32 by node, or `GraphError`."""
        return self._run(np.zeros((1, *self.front_end.patch_shape), np.float32))

    def collect(self, pool: Mapping[str, np.ndarray], last_patch: str) -> dict[str, np.ndarray]:
        """Return the rows (n_patches, size) float32 of the signal of a pass by node; none when no patch was filled."""
        signal = pool.get(f"{WAVES}.{self.front_end.sample_rate_hz}", np.zeros(0, np.float32))
        parts = [self._run(block) for block in cut_signal(signal, self.front_end, last_patch)]
        none = [np.zeros((0, 0), np.float32)]
        return {node: np.concatenate([part[node] for part in parts] or none) for node in self.nodes}

    def _run(self, patches: np.ndarray) -> dict[str, np.ndarray]:
        if self._precision is not None:
            if self._network is None:
                self._network = CompiledNetwork(self.graph, self.input_name, self.nodes, BATCH_PATCHES, self._precision)
            return self._network.run(patches)
        if self._network is None:
            self._network = load_graph(self.graph, self.input_name, self.nodes)
        return run_graph(self._network, self.graph, self.input_name, patches, self.nodes)


def connect_waves(source: Source, rate_hz: int, folder: Path | None = None) -> None:
    """Collect the resampled signal of a pass in its pool, or in a file of a folder for `find_stored_signal`."""
    name = f"{WAVES}.{rate_hz}"
    source.collect(source.signals[rate_hz], name, folder and folder / name)


def find_stored_signal(pool: Mapping[str, np.ndarray], rate_hz: int, folder: Path) -> StoredBands:
    """Find the signal that a pass, which must be gone, has written to a folder: frames of one sample."""
    name = f"{WAVES}.{rate_hz}"
    return find_stored(pool, name, folder / name, 1)


def cut_signal(
    signal: np.ndarray | StoredBands, front_end: FrontEnd, last_patch: str = "discard"
) -> Iterator[np.ndarray]:
    """Cut a signal (n_samples,) into blocks of patches (n, patch_frames), float32; see `cut_patches`."""
    frames = signal if isinstance(signal, StoredBands) else np.asarray(signal, dtype=np.float32)[:, np.newaxis]
    size, hop = front_end.patch_frames, front_end.patch_hop_frames
    for block in cut_patches(frames, size, hop, BATCH_PATCHES, last_patch):
        yield np.ascontiguousarray(block[..., 0])


def stream_file(path: str, graph: str, input_name: str, node: str, front_end: FrontEnd) -> np.ndarray:
    """Run a graph on a file as a plain Essentia pipeline does, with the chain that its card tells.

    Parameters
    ----------
    path : str
        Audio that MonoLoader opens.
    graph, input_name, node : str
        The .pb, its input and its output.
    front_end : FrontEnd
        Of kind "waveform".

    Returns
    -------
    np.ndarray [shape=(n_patches, size), float32]

    Raises
    ------
    GraphError
        When the pipeline makes nothing of the file.
    """
    pool, size = essentia.Pool(), front_end.patch_frames
    loader = ess.MonoLoader(
        filename=path, sampleRate=front_end.sample_rate_hz, resampleQuality=front_end.resample_quality
    )
    cutter = ess.FrameCutter(
        frameSize=size,
        hopSize=front_end.patch_hop_frames,
        startFromZero=True,
        validFrameThresholdRatio=1,
        silentFrames="keep",
    )
    patches = ess.VectorRealToTensor(shape=[1, 1, 1, size], patchHopSize=1, lastPatchMode="discard")
    to_pool = ess.TensorToPool(namespace=input_name)
    network = ess.TensorflowPredict(graphFilename=graph, inputs=[input_name], outputs=[node], squeeze=True)
    from_pool, rows = ess.PoolToTensor(namespace=node), ess.TensorToVectorReal()
    loader.audio >> cutter.signal
    cutter.frame >> patches.frame
    patches.tensor >> to_pool.tensor
    to_pool.pool >> network.poolIn
    network.poolOut >> from_pool.pool
    from_pool.tensor >> rows.tensor
    rows.frame >> (pool, "rows")
    essentia.run(loader)
    if "rows" not in pool.descriptorNames():
        rule = f"audio of at least {front_end.patch_samples / front_end.sample_rate_hz:.2f} s"
        raise GraphError(explain("pipeline", rule, "no patch", path, "Use a longer file."))
    return np.array(pool["rows"], dtype=np.float32)
