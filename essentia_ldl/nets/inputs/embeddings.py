"""Embeddings of a frozen network, computed once and kept in the store.

In: mel bands of the store and Keras weights of `graphs/`, or what the sound zone stored of a published extractor. Out:
embeddings (n_patches, d) float32 of the patch grid of a track, our own under ``<store>/<front-end key>-<network>-<data
set>-<digest of the weights>/<two digits>/<content>.npy``, so that other weights never meet old embeddings.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from essentia_ldl import discover
from essentia_ldl.arrays import read_array
from essentia_ldl.errors import StoreError, explain
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import replacing
from essentia_ldl.models.folder import require_weights
from essentia_ldl.nets.inputs.patches import cut_grid
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.progress import hides_bars
from essentia_ldl.runs.plan import BACKBONES, ExtractorPlan, Plan

BATCH_PATCHES = 8  # on a CPU larger batches are no faster and need more memory


class FrozenNetwork:
    """A frozen network with the embeddings it has made.

    Parameters
    ----------
    store, graphs : Path
        Where mel bands and embeddings are, and where the weights are.
    backbone, dataset : str
        Such as "musicnn" and "msd".
    hop_frames : int or None
        Frames between the starts of patches; None is the front-end's. Embeddings of another hop are kept apart, because
        the key of their folder holds a digest of every number of the analysis.
    model : keras.Model or None
        The network, where it is there already.

    Raises
    ------
    WeightsError
        When the weights are missing.
    """

    def __init__(
        self,
        store: Path,
        graphs: Path,
        backbone: str,
        dataset: str,
        hop_frames: int | None = None,
        model: keras.Model | None = None,
    ) -> None:
        self.module = discover.load(BACKBONES, backbone)
        self.graphs, self.backbone, self.dataset = Path(graphs), backbone, dataset
        self._store = Store(store)
        weights = require_weights(graphs, backbone, dataset)
        own = self.module.FRONT_END
        self._grid = own if hop_frames is None else dataclasses.replace(own, patch_hop_frames=hop_frames)
        self._folder = self._store.embeddings(self._grid, backbone, dataset, weights)
        self._model = model
        self._loaded: dict[str, np.ndarray] = {}

    @property
    def model(self) -> keras.Model:
        """The network: patches -> embedding."""
        if self._model is None:
            tagger = load_tagger(self.graphs, self.backbone, self.dataset)
            self._model = keras.Model(tagger.input, tagger.get_layer("embedding").output, name="backbone")
        return self._model

    def load(self, contents: Sequence[str]) -> list[np.ndarray]:
        """Return the embeddings of some tracks, computing those that are not there yet.

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
        missing = [content for content in dict.fromkeys(contents) if not self._recall(content)]
        if missing:
            model = self.model

            @tf.function(input_signature=[tf.TensorSpec(model.input_shape, tf.float32)], autograph=False)
            def embed(patches: tf.Tensor) -> tf.Tensor:
                return model(patches, training=False)

            for content in tqdm(missing, desc="embeddings", unit="track", disable=hides_bars()):
                patches = cut_grid(self._store.read(content, self.module.FRONT_END), self._grid)
                pieces = [
                    embed(np.ascontiguousarray(patches[start : start + BATCH_PATCHES])).numpy()
                    for start in range(0, len(patches), BATCH_PATCHES)
                ]
                self._loaded[content] = np.concatenate(pieces)
                with replacing(array_path(self._folder, content)) as file:
                    np.save(file, self._loaded[content])
        return [self._loaded[content] for content in contents]

    def _recall(self, content: str) -> bool:
        if content not in self._loaded:
            # A damaged file is made again.
            with contextlib.suppress(StoreError):
                array = read_array(array_path(self._folder, content), "embeddings")
                if array.ndim == 2 and array.dtype == np.float32 and np.all(np.isfinite(array)):
                    self._loaded[content] = array
        return content in self._loaded


class StoredEmbeddings:
    """Embeddings that the sound zone made with a published extractor.

    Parameters
    ----------
    store : Path
        Where they are.
    extractor : ExtractorPlan
        Which one.
    """

    def __init__(self, store: Path, extractor: ExtractorPlan) -> None:
        self._folder, self._size = Path(store) / extractor.folder, extractor.size
        self._loaded: dict[str, np.ndarray] = {}

    def load(self, contents: Sequence[str]) -> list[np.ndarray]:
        """Return the embeddings of some tracks.

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
            When those of a track are missing, damaged or of another size.
        """
        for content in dict.fromkeys(contents):
            if content not in self._loaded:
                self._loaded[content] = self._read(content)
        return [self._loaded[content] for content in contents]

    def _read(self, content: str) -> np.ndarray:
        path = array_path(self._folder, content)
        rule, remedy = f"finite float32 (n_patches, {self._size})", "Run the same command again."
        array = read_array(path, "embeddings", remedy, rule)
        whole = array.ndim == 2 and len(array) and array.shape[1] == self._size and array.dtype == np.float32
        if not whole or not np.all(np.isfinite(array)):
            path.unlink()
            raise StoreError(explain("embeddings", rule, (array.dtype.name, array.shape), path, remedy))
        return array


def open_embeddings(
    plan: Plan, known: dict[tuple[str, ...], Any], hop_frames: int | None = None
) -> FrozenNetwork | StoredEmbeddings:
    """Open the embeddings that a plan's extractor or pretrained network makes.

    Parameters
    ----------
    plan : Plan
        With `fine_tune` "head".
    known : dict
        What earlier runs of this process opened; added to.
    hop_frames : int or None
        Frames between patches; None is the front-end's, and an extractor has its own.

    Raises
    ------
    WeightsError
        When the weights of a pretrained network are missing.
    """
    if plan.extractor is not None:
        place = (str(plan.store), plan.extractor.folder)
        return known.setdefault(place, StoredEmbeddings(plan.store, plan.extractor))
    kind = (plan.network.backbone, str(plan.network.pretrained))
    parts = (str(plan.store), str(plan.graphs), *kind, str(hop_frames))
    if parts not in known:
        known[parts] = FrozenNetwork(plan.store, plan.graphs, *kind, hop_frames)
    return known[parts]
