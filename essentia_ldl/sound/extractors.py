"""Embeddings of audio by a published extractor, exactly as its published usage makes them.

In: a path and an extractor's graph. Out: embeddings (n_patches, d) float32, also written to the store. The signal goes
whole through the standard-mode algorithm that the card names, with its own patches, batches and padding:
TensorflowPredictEffnetDiscogs keeps its fixed batch of 64, fills the last one up and gives back what belongs to the
signal. OpenL3's graphs have no algorithm of their own: `mel` makes the patches of their published usage, and
TensorflowPredict runs them. MAEST's layers have four axes (patch, 1, token, d): the classification token, the
distillation token and the mean of the others stand next to each other in the embedding (3 d numbers), the order in
which its authors stack them.

References
----------
https://essentia.upf.edu/reference/std_TensorflowPredictMAEST.html for the tokens; Alonso-Jiménez et al. (ISMIR 2023),
section 3, for stacking them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import essentia
import essentia.standard as es
import numpy as np

from essentia_ldl.errors import AudioError, GraphError, Reason, explain
from essentia_ldl.features.store import array_path
from essentia_ldl.files import replacing
from essentia_ldl.frontends import GENERAL
from essentia_ldl.records import FrontEnd
from essentia_ldl.sound.cqt import compute_bins
from essentia_ldl.sound.decoder import Decoder, Source
from essentia_ldl.sound.graph import run_graph
from essentia_ldl.sound.mel import compute_bands, compute_patches
from essentia_ldl.sound.patches import cut_patches
from essentia_ldl.sound.waves import cut_signal
from essentia_ldl.urls import local_copy

# less memory than the defaults (64, and 60 in the usage of OpenL3), the same numbers
BATCHES = {"TensorflowPredictMusiCNN": 8, "TensorflowPredictVGGish": 8, GENERAL: 8}
SIGNAL = "embed.signal"


class Embedder:
    """A graph ready to run on one signal after another.

    Parameters
    ----------
    graph : str
        Path of the .pb.
    input_name, node : str
        Input and output node.
    front_end : FrontEnd
        With the algorithm, the patch and the hop.

    Raises
    ------
    GraphError
        When the graph cannot be loaded, or lacks a node.
    """

    def __init__(self, graph: str, input_name: str, node: str, front_end: FrontEnd) -> None:
        self.graph, self.input_name, self.node, self.front_end = graph, input_name, node, front_end
        self._algorithms: dict[str, Any] = {}
        self._algorithm("discard")

    def __call__(self, signal: np.ndarray, last_patch: str = "discard") -> np.ndarray:
        """Embed a signal.

        Parameters
        ----------
        signal : np.ndarray [shape=(n_samples,), float32]
            Mono, at the front-end's rate.
        last_patch : str
            "discard", or "repeat" to fill an unfinished patch, as Essentia's parameter `lastPatchMode`.

        Returns
        -------
        np.ndarray [shape=(n_patches, d), float32]
            No row when the signal does not fill a patch.

        Raises
        ------
        GraphError
            When the graph does not run, or does not answer with numbers per patch.
        """
        algorithm = self._algorithm(last_patch)
        try:
            values = self._answer(algorithm, np.ascontiguousarray(signal, dtype=np.float32), last_patch)
        except RuntimeError as error:
            self._algorithms.clear()  # after an exception the next call would silently return nothing
            if "too short" in str(error):  # MAEST's; the others give an empty list
                return np.zeros((0, 0), np.float32)
            reason = Reason(str(error).split("\n")[0])
            raise GraphError(explain("graph", "one that runs", reason, self.graph, "Copy it again.")) from None
        values = np.asarray(values, dtype=np.float32)
        return stack_tokens(values, self.graph) if values.size else np.zeros((0, 0), np.float32)

    def _answer(self, algorithm: Any, signal: np.ndarray, last_patch: str) -> np.ndarray:
        """Run an algorithm on a signal; the general one gets patches, because none of Essentia's makes them."""
        if self.front_end.predict_algorithm != GENERAL:
            return algorithm(signal)
        if not signal.size:
            return np.zeros((0, 0), np.float32)
        if self.front_end.kind != "embedding":
            blocks = [self._run_own(algorithm, some) for some in self._cut(signal, last_patch)]
            return np.concatenate(blocks) if blocks else np.zeros((0, 0), np.float32)
        size, patches = BATCHES[GENERAL], compute_patches(signal, self.front_end)
        batches = [patches[start : start + size] for start in range(0, len(patches), size)]
        return np.concatenate([self._run_patches(algorithm, batch) for batch in batches])

    def _cut(self, signal: np.ndarray, last_patch: str) -> Iterator[np.ndarray]:
        """Cut a signal into blocks of the patches that a network of ours reads: samples, bands or bins."""
        front_end = self.front_end
        if front_end.kind == "waveform":
            return cut_signal(signal, front_end, last_patch)
        rows = compute_bins(signal, front_end) if front_end.kind == "cqt" else compute_bands(signal, front_end)
        lengths = front_end.patch_frames, front_end.patch_hop_frames
        return cut_patches(rows, *lengths, BATCHES[GENERAL], last_patch)

    def _run_own(self, network: Any, patches: np.ndarray) -> np.ndarray:
        """Run patches through a graph that reads them as they are, (n, n_frames, n_bands)."""
        return run_graph(network, self.graph, self.input_name, patches, [self.node])[self.node]

    def _run_patches(self, network: Any, patches: np.ndarray) -> np.ndarray:
        """Run patches (n, n_frames, n_bands) through a graph that reads (n, n_bands, n_frames, 1)."""
        pool = essentia.Pool()
        pool.set(self.input_name, es.TensorTranspose(permutation=[0, 3, 2, 1])(patches[:, np.newaxis]))
        return np.array(network(pool)[self.node], dtype=np.float32).reshape(len(patches), -1)

    def _algorithm(self, last_patch: str) -> Any:
        if last_patch not in self._algorithms:
            name = self.front_end.predict_algorithm
            batch = {"batchSize": BATCHES[name]} if name in BATCHES else {}
            parameters = {
                "input": self.input_name,
                "output": self.node,
                "patchSize": self.front_end.patch_frames,
                "patchHopSize": self.front_end.patch_hop_frames,
                "lastPatchMode": last_patch,
                **batch,
            }
            if name == GENERAL:
                whole = {"squeeze": self.front_end.kind != "embedding"}
                parameters = {"inputs": [self.input_name], "outputs": [self.node], **whole}
            try:
                self._algorithms[last_patch] = getattr(es, name)(graphFilename=self.graph, **parameters)
            except RuntimeError as error:
                reason = Reason(str(error).split("\n")[0])
                rule = "a frozen graph with the nodes of its card"
                raise GraphError(explain("graph", rule, reason, self.graph, "Copy it again.")) from None
        return self._algorithms[last_patch]


def stack_tokens(values: np.ndarray, where: object) -> np.ndarray:
    """Make one row per patch of what a graph answers.

    Parameters
    ----------
    values : np.ndarray [shape=(n_patches, d) or (n_patches, 1, n_tokens, d), float32]
        Rows, or the tokens of a transformer: CLS, DIST, and those of the signal.
    where : object
        For the message.

    Returns
    -------
    np.ndarray [shape=(n_patches, d) or (n_patches, 3 * d), float32]
        CLS, DIST and the mean of the others, next to each other; a single token as it is.

    Raises
    ------
    GraphError
        For any other shape.
    """
    if values.ndim == 2:
        return values
    if values.ndim == 4 and values.shape[1] == 1 and values.shape[2] == 1:
        return values[:, 0, 0]
    if values.ndim == 4 and values.shape[1] == 1 and values.shape[2] > 2:
        tokens = values[:, 0]
        return np.concatenate([tokens[:, 0], tokens[:, 1], tokens[:, 2:].mean(axis=1)], axis=1)
    rule = "(n_patches, d), or (n_patches, 1, n_tokens, d) with two tokens and those of the signal"
    raise GraphError(explain("embeddings", rule, values.shape, where, "Choose another output of the extractor."))


def connect_signal(source: Source, rate_hz: int) -> None:
    """Collect the resampled signal of a pass in its pool."""
    source.signals[rate_hz] >> (source.pool, f"{SIGNAL}.{rate_hz}")


@functools.cache
def make_decoder(rate_hz: int, quality: int) -> Decoder:
    """Make the network that decodes whole signals, once per process: Essentia frees none."""
    return Decoder((rate_hz,), lambda source: connect_signal(source, rate_hz), quality)


@functools.lru_cache(maxsize=2)
def load_embedder(graph: str, input_name: str, node: str, front_end: FrontEnd) -> Embedder:
    """Make an embedder once per process: a worker embeds many tracks, and graphs are large."""
    return Embedder(graph, input_name, node, front_end)


def embed_file(path: str, embedder: Embedder) -> tuple[np.ndarray, float]:
    """Decode and embed a file.

    Parameters
    ----------
    path : str
        Audio file.
    embedder : Embedder
        The extractor.

    Returns
    -------
    embeddings : np.ndarray [shape=(n_patches, d), float32]
    duration_s : float
        Seconds of audio decoded.

    Raises
    ------
    AudioError
        When the file is missing, not audio, truncated, silent, or holds NaN, or when the track does not fill one patch.
    GraphError
        When the extractor does not run on the signal, or an embedding is not finite.
    """
    front_end = embedder.front_end
    rate_hz = front_end.sample_rate_hz
    pool, duration_s = make_decoder(rate_hz, front_end.resample_quality).decode(path)
    embeddings = embedder(pool[f"{SIGNAL}.{rate_hz}"])
    if not len(embeddings):
        seconds = front_end.patch_samples / rate_hz
        rule = f"at least {seconds:.2f} s, one patch of {Path(embedder.graph).stem}"
        remedy = "Leave the file out, or use a longer excerpt."
        raise AudioError(explain("audio", rule, f"{duration_s:.2f} s", path, remedy))
    if not np.all(np.isfinite(embeddings)):
        raise GraphError(explain("embeddings", "finite numbers", "NaN", path, "Check the audio and the extractor."))
    return embeddings, duration_s


def embed_content(path: str, content: str, extractor: dict[str, Any]) -> float:
    """Embed a file into the store; return its duration in seconds.

    Parameters
    ----------
    path, content : str
        Audio file and the sha256 of its bytes.
    extractor : dict
        From `features.extractors.Extractor.as_job`.
    """
    front_end = FrontEnd(**extractor["front_end"])
    embedder = load_embedder(extractor["graph"], extractor["input_name"], extractor["node"], front_end)
    embeddings, duration_s = embed_file(path, embedder)
    with replacing(array_path(extractor["folder"], content)) as file:
        np.save(file, np.ascontiguousarray(embeddings, dtype=np.float32))
    return duration_s


def embed_track(job: dict[str, Any]) -> str:
    """Embed one file whose content is known; the job of a worker. The job has path, content and extractor."""
    with local_copy(job["path"]) as local:
        embed_content(local, job["content"], job["extractor"])
    return job["content"]
