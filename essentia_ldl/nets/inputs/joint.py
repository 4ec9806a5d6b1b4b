"""Several pretrained networks side by side below a head, with what they have made of tracks.

In: weights of `graphs/`, and the arrays that `features.joint` keeps in the store. Out: a model from patches to
features, and features (n_patches, d) float32 of the patch grid of a track. What is not in the store yet is computed
here and kept in the folders of TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from essentia_ldl import taps
from essentia_ldl.errors import StoreError
from essentia_ldl.features.joint_store import TENSORFLOW, FeaturePlaces, find_folders, read_front_end, read_joint
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import replacing
from essentia_ldl.nets.inputs.embeddings import BATCH_PATCHES
from essentia_ldl.nets.inputs.patches import read_grid
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.tapped import build_tapped
from essentia_ldl.progress import hides_bars
from essentia_ldl.taps import Network


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which features of networks are wanted.

    Parameters
    ----------
    backbones : tuple[str or Network, ...]
        Networks such as "msd-musicnn", in the order of the features.
    layers : str
        A choice of layers: "embedding", "deep", "all", or some of the digits 1 to 5.
    quality : int
        Of resampling.
    hop_frames : int or None
        Frames between the starts of patches; None is the networks' own, `taps.HOP_FRAMES` of the released ones.
    """

    backbones: tuple[str | Network, ...]
    layers: str
    quality: int
    hop_frames: int | None = None


class JointNetwork:
    """Frozen networks side by side.

    Parameters
    ----------
    store, graphs : Path
        Where mel bands, or samples, and features are, and where the weights are.
    wanted : Wanted
        Which features.

    Raises
    ------
    WeightsError
        When weights are missing.
    """

    lazy = True  # thousands of numbers per patch are too many for memory where tracks are many

    def __init__(self, store: Path, graphs: Path, wanted: Wanted) -> None:
        self.graphs, self.wanted = Path(graphs), wanted
        self._store, self._places = Store(store), FeaturePlaces(Path(store), Path(graphs))
        first = taps.describe_network(wanted.backbones[0])  # all read the same
        self._front_end = first.front_end
        hop = first.hop_frames if wanted.hop_frames is None else wanted.hop_frames
        self._grid = read_front_end(wanted.quality, hop, first.front_end)
        named = (wanted.backbones, wanted.layers, self._places, wanted.quality, wanted.hop_frames)
        self._made = find_folders(*named)
        self._own = find_folders(*named, engine=TENSORFLOW)
        self._model: keras.Model | None = None
        self._tapped: dict[str, keras.Model] = {}

    @property
    def model(self) -> keras.Model:
        """The networks on one input: patches -> features, its last layer called "embedding"."""
        if self._model is None:
            names = self.wanted.backbones
            if len(names) == 1 and names[0] in taps.NETWORKS and self.wanted.layers == taps.EMBEDDING:
                tagger = load_tagger(self.graphs, *taps.get_network(names[0]))
                self._model = keras.Model(tagger.input, tagger.get_layer("embedding").output, name="backbone")
            else:
                self._model = self._tap(self.wanted.layers)
        return self._model

    def _tap(self, layers: str) -> keras.Model:
        """Build the networks with a choice of layers, once."""
        if layers not in self._tapped:
            self._tapped[layers] = build_tapped(self.graphs, self.wanted.backbones, layers)
        return self._tapped[layers]

    def load(self, contents: Sequence[str]) -> list[np.ndarray]:
        """Return the features of some tracks, computing those that are not there yet.

        Parameters
        ----------
        contents : sequence of str
            sha256 of the audio files.

        Returns
        -------
        list[np.ndarray [shape=(n_patches, d), float32]]
            One array per track, in their order.

        Raises
        ------
        StoreError
            When the mel bands or samples of a track are missing, or the disk is full.
        """
        self._make(contents)
        return [self._recall(content) for content in contents]

    def read(self, content: str) -> np.ndarray:
        """Return the features of a track, (n_patches, d) float32; raises as `load`."""
        return self.load([content])[0]

    def count(self, contents: Sequence[str]) -> list[int]:
        """Return how many patches tracks have; raises as `load`."""
        self._make(contents)
        return [len(self._recall(content)) for content in contents]

    def _recall(self, content: str) -> np.ndarray:
        with contextlib.suppress(StoreError):
            return read_joint(self._made, content, self.wanted.layers)
        return read_joint(self._own, content, self.wanted.layers)

    def _make(self, contents: Sequence[str]) -> None:
        missing = [content for content in dict.fromkeys(contents) if not self._is_there(content)]
        if not missing:
            return
        stored = taps.find_stored(self.wanted.layers)
        model = self._tap(stored)
        stored_as = read_front_end(self.wanted.quality, None, self._front_end)

        @tf.function(input_signature=[tf.TensorSpec(model.input_shape, tf.float32)], autograph=False)
        def compute(patches: tf.Tensor) -> tf.Tensor:
            return model(patches, training=False)

        ends = np.cumsum([taps.count_columns(name, stored) for name in self.wanted.backbones])
        for content in tqdm(missing, desc="features", unit="track", disable=hides_bars()):
            patches = read_grid(self._store.read(content, stored_as), self._grid)
            starts = range(0, len(patches), BATCH_PATCHES)
            pieces = [compute(np.ascontiguousarray(patches[i : i + BATCH_PATCHES])).numpy() for i in starts]
            parts = np.split(np.concatenate(pieces), ends[:-1], axis=1)
            for folder, part in zip(self._own.values(), parts, strict=True):
                with replacing(array_path(folder, content)) as file:
                    np.save(file, np.ascontiguousarray(part))

    def _is_there(self, content: str) -> bool:
        """Tell whether a track can be read; what is damaged is removed by that and made again."""
        try:
            self._recall(content)
        except StoreError:
            return False
        return True
