"""What frozen networks make of patches of a file, several layers of each. In: what the store has; out: arrays there.

The networks are frozen graphs that the nets zone wrote for this purpose. OpenVINO runs one where it agrees with
Essentia's TensorFlow to 1e-5 of the largest value, which is found out once per graph; else Essentia does.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import Any

import numpy as np

from essentia_ldl.errors import GraphError, StoreError, explain
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import replacing
from essentia_ldl.records import FrontEnd
from essentia_ldl.sound.choice import Chooser
from essentia_ldl.sound.compiled import CompiledNetwork
from essentia_ldl.sound.features import extract_track
from essentia_ldl.sound.graph import load_graph, run_graph
from essentia_ldl.sound.patches import cut_stored
from essentia_ldl.sound.shared import SharedNetwork, open_shared

BATCH_PATCHES = {"openvino": 4, "tensorflow": 2}
SHARED_PATCHES = 64


def choose_engine(job: dict[str, Any]) -> dict[str, Any]:
    """Tell which engine runs a graph here; the job of a worker.

    Parameters
    ----------
    job : dict
        path (of the graph), input_name, node, and patch, its frames and bands.

    Returns
    -------
    dict
        engine, "openvino" or "tensorflow", which is Essentia's; and shared, whether OpenVINO runs its front end as
        products of matrices, which is several times faster.
    """
    chooser = Chooser("auto")
    is_compiled = chooser.choose(job["path"], job["input_name"], [job["node"]], tuple(job["patch"]))
    return {"engine": "openvino" if is_compiled else "tensorflow", "shared": job["path"] in chooser.shared}


def compute_track(job: dict[str, Any]) -> str:
    """Compute what networks make of one file into the store; the job of a worker.

    Parameters
    ----------
    job : dict
        path, content, store (folder), front_end (its numbers), hop_frames between patches, n_threads of a network, and
        networks: dicts with graph, input_name, node, engine, shared and folder.

    Returns
    -------
    str
        The content.

    Raises
    ------
    AudioError, GraphError
        When the bands are not there and the file cannot be decoded, or a graph does not run.
    StoreError
        When the file has changed, or the disk is full.
    """
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(job["n_threads"])  # this process is a worker's
    front_end, store = FrontEnd(**job["front_end"]), Store(job["store"])
    if not store.has(job["content"], front_end):
        wanted = {"front_ends": [front_end.name], "quality": front_end.resample_quality}
        found = extract_track({"path": job["path"], "store": job["store"], **wanted})
        if found["content"] != job["content"]:
            raise StoreError(f"{job['path']} has changed while it was read. Run the same command again.")
    bands = store.read(job["content"], front_end)
    grid = dataclasses.replace(front_end, patch_hop_frames=job["hop_frames"])
    for network in job["networks"]:
        values = run_network(bands, grid, network)
        with replacing(array_path(network["folder"], job["content"])) as file:
            np.save(file, values)
    return job["content"]


def run_network(bands: np.ndarray, front_end: FrontEnd, network: dict[str, str]) -> np.ndarray:
    """Run a network on the patches of a track.

    Parameters
    ----------
    bands : np.ndarray [shape=(n_frames, n_bands), float32, or (n_samples, 1), int16]
        Bands or samples, at least one patch.
    front_end : FrontEnd
        Length of a patch and hop between patches.
    network : dict
        graph, input_name, node, engine, and shared: whether OpenVINO runs its front end as products of matrices.

    Returns
    -------
    np.ndarray [shape=(n_patches, d), float32]

    Raises
    ------
    GraphError
        When it does not run, or answers with numbers that are not finite.
    """
    where = (network["graph"], network["input_name"], network["node"])
    if network["engine"] == "openvino" and network["shared"]:
        shared = _open_shared(*where, (front_end.patch_frames, front_end.n_bands))
        if shared is not None:
            return _check(_run_shared(shared, np.asarray(bands), front_end)[where[2]], network["graph"])
    size = BATCH_PATCHES[network["engine"]]
    blocks = cut_stored(bands, front_end, size)
    if network["engine"] == "openvino":
        parts = [_compile(*where).run(block)[network["node"]] for block in blocks]
    else:
        graph, input_name, node = where
        parts = [run_graph(_load(*where), graph, input_name, block, [node])[node] for block in blocks]
    return _check(np.concatenate(parts).astype(np.float32), network["graph"])


def _run_shared(network: SharedNetwork, bands: np.ndarray, front_end: FrontEnd) -> dict[str, np.ndarray]:
    size, hop = front_end.patch_frames, front_end.patch_hop_frames
    n_patches, parts = (len(bands) - size) // hop + 1, []
    for first in range(0, n_patches, SHARED_PATCHES):  # so that a long track needs no more memory
        last = min(first + SHARED_PATCHES, n_patches) - 1
        parts.append(network.run_frames(bands[first * hop : last * hop + size], hop))
    return {node: np.concatenate([part[node] for part in parts]) for node in parts[0]}


def _check(values: np.ndarray, graph: str) -> np.ndarray:
    if not np.all(np.isfinite(values)):
        raise GraphError(explain("features", "finite numbers", "NaN", graph, "Check the audio."))
    return values


@functools.lru_cache(maxsize=8)
def _open_shared(graph: str, input_name: str, node: str, patch: tuple[int, int]) -> SharedNetwork | None:
    return open_shared(graph, input_name, [node], patch)


@functools.lru_cache(maxsize=8)
def _compile(graph: str, input_name: str, node: str) -> CompiledNetwork:
    return CompiledNetwork(graph, input_name, [node], BATCH_PATCHES["openvino"])


@functools.lru_cache(maxsize=8)
def _load(graph: str, input_name: str, node: str) -> Any:
    return load_graph(graph, input_name, [node])
