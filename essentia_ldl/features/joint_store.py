"""Where the store keeps what several pretrained networks make of tracks, and how it is read side by side.

In: networks, a choice of layers, and a home. Out: folders, and arrays (n_patches, d) float32. A folder is one network,
one stored set of layers, one resampling quality and one engine:
``<front-end key>-<backbone>-<data set>-<deep or all>-<digest>[-openvino]/<two digits>/<content>.npy``, with
``extractor-<name>`` in place of backbone, data set and layers for a published extractor, which has one layer. The
digest is that of the weights and of the list of layers, or of the graph and its nodes, and the key of the front-end
holds the quality. No engine in the name is TensorFlow, Essentia's or Keras's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from essentia_ldl import taps
from essentia_ldl.arrays import read_array
from essentia_ldl.errors import StoreError, explain
from essentia_ldl.features.beside import find_network
from essentia_ldl.features.store import array_path
from essentia_ldl.files import digest_file, read_object
from essentia_ldl.models.folder import require_weights
from essentia_ldl.records import FrontEnd
from essentia_ldl.taps import Network

Named = TypeVar("Named", str, Network, str | Network)  # folders are told by what was asked for
GRAPHS = "networks"  # folder of the store with the frozen graphs and the engines that run them
TENSORFLOW, OPENVINO = ENGINES = ("tensorflow", "openvino")
FORMAT = 1  # of what an extractor's graph is made into: raised when the same file would give other numbers
REMEDY = "Run the same command again."


@dataclasses.dataclass(frozen=True)
class FeaturePlaces:
    """The folders that features of networks are made from and kept in: the store, and that of the weights."""

    store: Path
    graphs: Path


def read_front_end(quality: int, hop_frames: int | None = None, own: FrontEnd = taps.FRONT_END) -> FrontEnd:
    """Return what the networks read, at a resampling quality, with another hop between patches where one is given.

    Stored bands are those of the hop of the front-end itself, which is `own`.
    """
    hop = own.patch_hop_frames if hop_frames is None else hop_frames
    return dataclasses.replace(own, resample_quality=quality, patch_hop_frames=hop)


def name_network(network: str | Network, layers: str, graphs: Path) -> str:
    """Name a network with its stored set of layers and a digest of all that decides its numbers.

    Raises
    ------
    WeightsError
        When its weights are missing.
    UnknownNameError, CardError, GraphError
        As `beside.find_networks`.
    """
    found = find_network(network, graphs)
    if (published := found.published) is not None:
        parts = [FORMAT, published.sha256, published.input_name, published.node, published.size]
        return f"extractor-{found.name}-{_digest(parts)}"
    network = found.name
    stored, (backbone, dataset) = taps.find_stored(layers), taps.get_network(network)
    listed = [[tap.layer, tap.pooling, tap.size] for tap in taps.list_taps(backbone, stored)]
    weights = digest_file(require_weights(graphs, backbone, dataset))
    return f"{backbone}-{dataset}-{stored}-{_digest([weights, listed])}"


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]


def find_graph(name: str, store: Path) -> Path:
    """Return where the frozen graph of a name of `name_network` is."""
    return store / GRAPHS / f"{name}.pb"


def find_choice(name: str, store: Path) -> Path:
    """Return the file that says which engine was chosen for a network."""
    return store / GRAPHS / f"{name}.json"


def find_engine(name: str, store: Path) -> str:
    """Return the engine that runs a network on this store; TensorFlow where none was chosen."""
    with contextlib.suppress(StoreError):
        engine = read_object(find_choice(name, store)).get("engine")
        return engine if engine in ENGINES else TENSORFLOW
    return TENSORFLOW


def is_shared(name: str, store: Path) -> bool:
    """Tell whether OpenVINO runs the front end of a network as products of matrices, as was found on this store."""
    with contextlib.suppress(StoreError):
        return read_object(find_choice(name, store)).get("shared") is True
    return False


def find_folders(
    networks: Sequence[Named],
    layers: str,
    places: FeaturePlaces,
    quality: int,
    hop_frames: int | None = None,
    engine: str | None = None,
) -> dict[Named, Path]:
    """Return the folder of every network; whether it exists or not.

    Parameters
    ----------
    networks : sequence of str or Network
        Such as ("msd-musicnn", "msd-vgg").
    layers : str
        A choice of layers: "embedding", "deep", "all", or some of the digits 1 to 5.
    places : FeaturePlaces
        Store and graphs.
    quality : int
        Of resampling.
    hop_frames : int or None
        Frames between patches; None is each network's own, `taps.HOP_FRAMES` of the released ones.
    engine : str or None
        One of `ENGINES`; None is the one that was chosen for each network on this store.

    Returns
    -------
    dict[str or Network, Path]
        By what was given for each network, in their order.

    Raises
    ------
    WeightsError
        When weights are missing.
    UnknownNameError, CardError, GraphError
        As `beside.find_networks`.
    """
    found = {}
    for network in networks:
        known = find_network(network, places.graphs)
        hop = known.hop_frames if hop_frames is None else hop_frames
        key = read_front_end(quality, hop, known.front_end).key
        name = name_network(network, layers, places.graphs)
        made_by = engine or find_engine(name, places.store)
        found[network] = places.store / f"{key}-{name}{'' if made_by == TENSORFLOW else f'-{made_by}'}"
    return found


def read_joint(folders: Mapping[Named, Path], content: str, layers: str | None = None) -> np.ndarray:
    """Read what networks make of a track, side by side.

    Parameters
    ----------
    folders : Mapping[str or Network, Path]
        From `find_folders`; an extractor is known as a `Network` alone.
    content : str
        sha256 of the audio file.
    layers : str or None
        Keep the columns of this choice; None keeps the whole stored set.

    Returns
    -------
    np.ndarray [shape=(n_patches, d), float32]
        In the order of `folders`.

    Raises
    ------
    StoreError
        When an array is missing or damaged (the file is removed then), or the networks do not have as many patches.
    """
    parts = [_read(array_path(folder, content), network, layers) for network, folder in folders.items()]
    counts = {len(part) for part in parts}
    if len(counts) != 1:
        raise StoreError(explain("features", "as many patches of every network", sorted(counts), content, REMEDY))
    return np.concatenate(parts, axis=1)


def _read(path: Path, network: str | Network, layers: str | None) -> np.ndarray:
    array = read_array(path, "features", REMEDY)
    sizes = {taps.count_columns(network, stored) for stored in (taps.DEEP, taps.ALL)}
    whole = array.ndim == 2 and len(array) and array.shape[1] in sizes and array.dtype == np.float32
    if not whole or not np.all(np.isfinite(array)):
        path.unlink()
        rule = f"finite float32 (n_patches, {' or '.join(map(str, sorted(sizes)))})"
        raise StoreError(explain("features", rule, (array.dtype.name, array.shape), path, REMEDY))
    return array if layers is None else array[:, taps.slice_layers(network, layers)]
