"""What a frozen network makes of tracks: asked for here, computed once in a zone's process, read from the store.

In: the network of a recipe and a collection whose features are in the store. Out: embeddings (n_patches, d), float32,
of the patch grid of every track, under ``<store>/<front-end key>-<network>-<data set>-<digest of the weights>/``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from essentia_ldl import frontends
from essentia_ldl.collection import Collection
from essentia_ldl.errors import RecipeError, StoreError, explain
from essentia_ldl.recipe import NetworkSettings
from essentia_ldl.store import graphs_folder, open_store, write_json
from essentia_ldl.zones import run_zone

NAME = "embedding"  # what a label source calls these features
REMEDY = "Run the same command again."


def embedding_folder(network: NetworkSettings) -> Path:
    """Return where the embeddings of a network are kept; the digest of its weights is in the name.

    Raises
    ------
    RecipeError
        When the network is trained from scratch, so that there is nothing frozen to ask.
    StoreError
        When its weights are missing.
    """
    if network.fine_tune == "none":
        remedy = "Use fine_tune head or all, or other labels."
        raise RecipeError(explain("embeddings", "a pretrained network", "fine_tune none", network.backbone, remedy))
    weights = graphs_folder() / f"{network.pretrained}-{network.backbone}-1.weights.h5"
    if not weights.is_file():
        remedy = "Run essentia-ldl graphs build."
        raise StoreError(explain("pretrained weights", "an existing file", "nothing there", weights, remedy))
    front_end = frontends.of_network(network.backbone)
    return open_store().embeddings(front_end, network.backbone, network.pretrained, weights)


def make_embeddings(collection: Collection, network: NetworkSettings) -> None:
    """Compute the embeddings that are not there yet, in the nets zone.

    Parameters
    ----------
    collection : Collection
        Its mel bands are in the store.
    network : NetworkSettings
        Which frozen network.

    Raises
    ------
    RecipeError, StoreError
        As `embedding_folder`.
    """
    folder = embedding_folder(network)
    contents = [collection.contents[track.id] for track in collection.tracks]
    missing = [content for content in contents if not _path(folder, content).is_file()]
    if not missing:
        return
    with tempfile.TemporaryDirectory() as scratch:
        job = Path(scratch) / "embed.json"
        parts = {"backbone": network.backbone, "dataset": network.pretrained, "contents": missing}
        write_json(job, {"store": str(open_store().root), "graphs": str(graphs_folder()), **parts})
        run_zone("essentia_ldl.nets.embed", str(job))


def read_embeddings(collection: Collection, network: NetworkSettings) -> dict[str, np.ndarray]:
    """Read the embeddings of every track.

    Returns
    -------
    dict[str, np.ndarray [shape=(n_patches, d), float32]]
        By track id.

    Raises
    ------
    RecipeError
        As `embedding_folder`.
    StoreError
        When those of a track are missing or damaged.
    """
    folder = embedding_folder(network)
    paths = {track.id: _path(folder, collection.contents[track.id]) for track in collection.tracks}
    missing = sum(not path.is_file() for path in paths.values())
    if missing:
        found = f"{missing} of {len(paths)} missing"
        raise StoreError(explain("embeddings", "those of every track", found, folder, REMEDY))
    return {track_id: _read(path) for track_id, path in paths.items()}


def _path(folder: Path, content: str) -> Path:
    return folder / content[:2] / f"{content}.npy"


def _read(path: Path) -> np.ndarray:
    try:
        array = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        path.unlink(missing_ok=True)
        raise StoreError(explain("embeddings", "a readable array", str(error), path, REMEDY)) from None
    if array.ndim != 2 or not len(array) or not np.all(np.isfinite(array)):
        path.unlink()
        raise StoreError(explain("embeddings", "finite (n_patches, d)", array.shape, path, REMEDY))
    return array
