"""What a frozen network makes of tracks: asked for here, computed once in a zone's process, read from the store.

In: the network of a recipe and a collection whose features are in the store. Out: embeddings (n_patches, d), float32,
of the patch grid of every track, under ``<store>/<front-end key>-<network>-<data set>-<digest of the weights>/`` for a
network of ours and ``<store>/extractor-<name>-<digest>/`` for a published extractor, which the sound zone runs.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import frontends
from essentia_ldl.arrays import read_array
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import RecipeError, StoreError, explain
from essentia_ldl.features.extractors import read_extractor
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import Home, write_json
from essentia_ldl.models.folder import require_weights
from essentia_ldl.parallel import run_jobs
from essentia_ldl.recipe.recipe import NetworkSettings
from essentia_ldl.records import Failure
from essentia_ldl.zones import run_zone

NAME = "embedding"  # what a label source calls these features
N_BLOCK = 64  # tracks that a worker of a cluster embeds at once
REMEDY = "Run the same command again."


def check_network(network: NetworkSettings) -> None:
    """Raise `RecipeError` when a network is trained from scratch, so that there is nothing frozen to ask."""
    if network.fine_tune == "none":
        remedy = "Use fine_tune head or all, or other labels."
        raise RecipeError(explain("embeddings", "a pretrained network", "fine_tune none", network.backbone, remedy))


def embedding_folder(network: NetworkSettings, home: Home, hop_frames: int | None = None) -> Path:
    """Return where the embeddings of a network are kept; the digest of its weights is in the name.

    Parameters
    ----------
    network : NetworkSettings
        Which frozen network.
    home : Home
        Whose store and graphs are meant.
    hop_frames : int or None
        Frames between patches; None is the front-end's, the only one that an extractor has.

    Raises
    ------
    RecipeError
        When the network is trained from scratch, so that there is nothing frozen to ask.
    WeightsError
        When its weights are missing.
    CardError, GraphError
        When the extractor is missing, or cannot be run.
    """
    check_network(network)
    if network.extractor:
        return read_extractor(network, home.graphs).folder(Store(home.store))
    weights = require_weights(home.graphs, network.backbone, network.pretrained)
    front_end = frontends.of_network(network.backbone)
    if hop_frames is not None:
        front_end = dataclasses.replace(front_end, patch_hop_frames=hop_frames)
    return Store(home.store).embeddings(front_end, network.backbone, network.pretrained, weights)


def make_embeddings(collection: Collection, network: NetworkSettings, hop_frames: int | None = None) -> None:
    """Compute the embeddings that are not there yet: in the nets zone, or in workers of the sound zone.

    Parameters
    ----------
    collection : Collection
        Its mel bands are in the store.
    network : NetworkSettings
        Which frozen network.
    hop_frames : int or None
        Frames between patches; None is the front-end's, the only one that an extractor has.

    Raises
    ------
    RecipeError
        When the network is trained from scratch, so that there is nothing frozen to ask.
    WeightsError
        When its weights are missing.
    CardError, GraphError
        When the extractor is missing, or cannot be run.
    StoreError
        When an extractor cannot embed a track any more that was usable before.
    """
    folder = embedding_folder(network, collection.home, hop_frames)
    contents = [collection.contents[track.id] for track in collection.tracks]
    missing = [content for content in contents if not array_path(folder, content).is_file()]
    if not missing:
        return
    if network.extractor:
        _run_extractor(collection, network, set(missing))
        return
    kind = {"backbone": network.backbone, "dataset": network.pretrained, "hop_frames": hop_frames}
    places = {"store": str(collection.home.store), "graphs": str(collection.home.graphs)}
    if collection.home.cluster is not None:
        _spread_network(collection.home, network, missing, {**places, **kind})
        return
    with tempfile.TemporaryDirectory() as scratch:
        job = Path(scratch) / "embed.json"
        write_json(job, {**places, **kind, "contents": missing})
        run_zone("essentia_ldl.nets.embed", str(job))


def _run_extractor(collection: Collection, network: NetworkSettings, missing: set[str]) -> None:
    extractor = read_extractor(network, collection.home.graphs).as_job(Store(collection.home.store))
    jobs = [
        {"path": track.path, "content": collection.contents[track.id], "extractor": extractor}
        for track in collection.tracks
        if collection.contents[track.id] in missing
    ]
    for _, result in run_jobs("essentia_ldl.sound.extractors:embed_track", jobs, "embeddings", home=collection.home):
        if isinstance(result, Failure):
            raise StoreError(result.reason)


def _spread_network(home: Home, network: NetworkSettings, missing: list[str], job: dict[str, Any]) -> None:
    """Let the workers of a cluster run the network on some tracks at a time."""
    store, front_end = Store(home.store), frontends.of_network(network.backbone)
    jobs = []
    for start in range(0, len(missing), N_BLOCK):
        contents = missing[start : start + N_BLOCK]
        bands = [store.path(content, front_end) for content in contents]
        needs = [path.relative_to(store.root).as_posix() for path in bands]
        jobs.append({**job, "path": str(bands[0]), "contents": contents, "needs": needs})
    for _, result in run_jobs("essentia_ldl.nets.embed:embed_block", jobs, "embeddings", home=home):
        if isinstance(result, Failure):
            raise StoreError(result.reason)


def read_embeddings(collection: Collection, network: NetworkSettings) -> dict[str, np.ndarray]:
    """Read the embeddings of every track.

    Returns
    -------
    dict[str, np.ndarray [shape=(n_patches, d), float32]]
        By track id.

    Raises
    ------
    RecipeError
        When the network is trained from scratch, so that there is nothing frozen to ask.
    StoreError
        When those of a track are missing or damaged.
    """
    folder = embedding_folder(network, collection.home)
    paths = {track.id: array_path(folder, collection.contents[track.id]) for track in collection.tracks}
    missing = sum(not path.is_file() for path in paths.values())
    if missing:
        found = f"{missing} of {len(paths)} missing"
        raise StoreError(explain("embeddings", "those of every track", found, folder, REMEDY))
    return {track_id: _read(path) for track_id, path in paths.items()}


def _read(path: Path) -> np.ndarray:
    array = read_array(path, "embeddings", REMEDY)
    if array.ndim != 2 or not len(array) or not np.all(np.isfinite(array)):
        path.unlink()
        raise StoreError(explain("embeddings", "finite (n_patches, d)", array.shape, path, REMEDY))
    return array
