"""The features of trained networks: penultimate layers, side by side.

In: folders of networks that `training.train` left (plan.json, weights.npz), of one target or several. Out: a model
from patches to what every network's last dense layer reads, side by side, in inference mode, and what it makes of the
patch grid of tracks, kept in the folder of each network under ``embeddings-<hop>/<two digits>/<content>.npy``, float32
(n_patches, d), so that a classifier on any set of networks reads what was computed once.

References
----------
Kim, Won, Serra and Liem, "Transfer learning of artist group factors to musical genre classification", WWW 2018, 3.2.3.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from essentia_ldl.arrays import read_array
from essentia_ldl.errors import StoreError
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import digest_file, read_json, replacing, write_json
from essentia_ldl.nets.inputs.embeddings import FrozenNetwork, StoredEmbeddings, open_embeddings
from essentia_ldl.nets.inputs.patches import cut_grid
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.trained_weights import count_features, read_weights
from essentia_ldl.progress import hides_bars
from essentia_ldl.records import FrontEnd
from essentia_ldl.runs.names import WEIGHTS
from essentia_ldl.runs.plan import Plan, read_plan

EMBEDDING = "embedding"  # name of the layer that puts the networks side by side
BATCH_PATCHES = 64
REMEDY = "Run the same command again."


def build_features(plan: Plan, name: str) -> keras.Model:
    """Build a trained network up to the input of its last dense layers.

    Parameters
    ----------
    plan : Plan
        Of a network, trained.
    name : str
        Of the model.

    Returns
    -------
    keras.Model
        What the network reads, patches (batch, time, n_bands) or, of a head, embeddings (batch, n), float32 -> features
        (batch, d) float32; of a network with several targets, those of every branch in their order.

    Raises
    ------
    StoreError
        When its weights are missing or damaged.
    """
    model = build_model(plan, pretrained=False)
    read_weights(plan.folder / WEIGHTS, model)
    names = [f"{task.name}_logits" for task in plan.tasks] or ["logits"]
    parts = [model.get_layer(layer).input for layer in names]
    joined = parts[0] if len(parts) == 1 else keras.layers.Concatenate(name="branches")(parts)
    return keras.Model(model.input, joined, name=name)


class TrainedFeatures:
    """Frozen networks with what they make of tracks.

    Parameters
    ----------
    store : Path
        Where mel bands are.
    folders : Sequence[Path]
        Of trained networks, in the order of their features.
    front_end : FrontEnd
        Whose patches they read, and whose hop is the distance between patches.

    Raises
    ------
    StoreError
        When a network is not trained.
    """

    lazy = True  # too many for memory where tracks are many

    def __init__(self, store: Path, folders: Sequence[Path], front_end: FrontEnd) -> None:
        self.front_end = front_end
        self._store = Store(store)
        self._folders = tuple(Path(folder) for folder in folders)
        self._sizes = [count_features(folder) for folder in self._folders]
        self._kept = [folder / f"embeddings-{front_end.patch_hop_frames}" for folder in self._folders]
        for folder, kept in zip(self._folders, self._kept, strict=True):
            _check_digest(kept, digest_file(folder / WEIGHTS))
        self._plans = {folder: read_plan(folder) for folder in self._folders}
        self._networks: dict[Path, keras.Model] = {}
        self._bodies: dict[
            tuple[str, ...], FrozenNetwork | StoredEmbeddings
        ] = {}  # frozen networks, each once for all heads on it
        self._model: keras.Model | None = None

    @property
    def model(self) -> keras.Model:
        """The networks on one input: patches -> features, its last layer called `EMBEDDING`."""
        if self._model is None:
            known: dict[int, keras.KerasTensor] = {}
            patches, parts = None, []
            for folder in self._folders:
                network, body = self._network(folder), self._body(folder)
                first = network if body is None else body.model
                patches = keras.Input(first.input_shape[1:], name="patches") if patches is None else patches
                if body is not None and id(body) not in known:
                    known[id(body)] = keras.Model(first.input, first.output, name=f"body_{len(known)}")(patches)
                parts.append(network(patches if body is None else known[id(body)]))
            if len(parts) > 1:
                joined = keras.layers.Concatenate(name=EMBEDDING)(parts)
            else:
                joined = keras.layers.Identity(name=EMBEDDING)(parts[0])
            self._model = keras.Model(patches, joined, name="backbone")
        return self._model

    def load(self, contents: Sequence[str]) -> list[np.ndarray]:
        """Return the features of some tracks, computing those that are not there yet.

        Parameters
        ----------
        contents : Sequence[str]
            sha256 of the audio files.

        Returns
        -------
        list[np.ndarray [shape=(n_patches, d), float32]]
            One array per track, in their order.

        Raises
        ------
        StoreError
            When the mel bands of a track are missing, or the disk is full.
        """
        self.count(contents)
        return [self.read(content) for content in contents]

    def count(self, contents: Sequence[str]) -> np.ndarray:
        """Compute what is not there yet of some tracks; return how many patches each has, (n_tracks,) int64."""
        for folder, kept, size in zip(self._folders, self._kept, self._sizes, strict=True):
            missing = [content for content in dict.fromkeys(contents) if not _is_whole(array_path(kept, content), size)]
            if missing:
                self._compute(folder, kept, missing)
        return np.array([_measure(array_path(self._kept[0], content)) for content in contents], dtype=np.int64)

    def read(self, content: str) -> np.ndarray:
        """Return the features of one track that `count` has seen, (n_patches, d) float32."""
        parts = []
        for kept in self._kept:
            parts.append(read_array(array_path(kept, content), "features", REMEDY, mapped=True))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def _network(self, folder: Path) -> keras.Model:
        if folder not in self._networks:
            self._networks[folder] = build_features(self._plans[folder], f"network_of_{folder.name}")
        return self._networks[folder]

    def _body(self, folder: Path) -> FrozenNetwork | StoredEmbeddings | None:
        """Return the frozen network below a head; None for a network that reads patches."""
        plan = self._plans[folder]
        if plan.network.fine_tune != "head":
            return None
        return open_embeddings(plan, self._bodies, self.front_end.patch_hop_frames)

    def _read_inputs(self, folder: Path, content: str) -> np.ndarray:
        """Return what a network reads of every patch of a track."""
        body = self._body(folder)
        if body is not None:
            return body.load([content])[0]
        # The key of stored bands holds the front-end's own hop.
        return cut_grid(self._store.read(content, self._plans[folder].front_end), self.front_end)

    def _compute(self, folder: Path, kept: Path, contents: Sequence[str]) -> None:
        model = self._network(folder)

        @tf.function(input_signature=[tf.TensorSpec(model.input_shape, tf.float32)], autograph=False)
        def embed(inputs: tf.Tensor) -> tf.Tensor:
            return model(inputs, training=False)

        for content in tqdm(contents, desc=f"features {folder.name}", unit="track", disable=hides_bars()):
            inputs = self._read_inputs(folder, content)
            pieces = [
                embed(np.ascontiguousarray(inputs[start : start + BATCH_PATCHES])).numpy()
                for start in range(0, len(inputs), BATCH_PATCHES)
            ]
            with replacing(array_path(kept, content)) as file:
                np.save(file, np.concatenate(pieces))


def _check_digest(kept: Path, digest: str) -> None:
    """Forget what other weights have made: a folder that was trained anew."""
    path = kept / "weights.json"
    with contextlib.suppress(StoreError):
        if read_json(path) == digest:
            return
    for array in kept.glob("*/*.npy"):
        array.unlink()
    write_json(path, digest)


def _is_whole(path: Path, size: int) -> bool:
    """Tell whether a file holds features; one that is damaged does not."""
    with contextlib.suppress(StoreError):
        array = read_array(path, "features", mapped=True)
        return array.ndim == 2 and len(array) > 0 and array.shape[1] == size and array.dtype == np.float32
    return False


def _measure(path: Path) -> int:
    return len(read_array(path, "features", REMEDY, mapped=True))
