"""Features of a collection as arrays, and a solved classifier's answers to the patches of its tracks.

In: a collection whose joint features are in the store. Out: `linear.choose.Tracks`, one row per track, its features
averaged over its patches, in every resampling quality; and logits of single patches. A classifier is fitted on means
of tracks and asked of patches, whose probabilities are averaged, as `predict` does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from essentia_ldl import taps
from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.collection.read import Collection
from essentia_ldl.features.beside import find_networks
from essentia_ldl.features.joint import QUALITIES, joint_folders, read_joint
from essentia_ldl.labels.one_hot import make_rows
from essentia_ldl.linear.choose import FeatureSet, Fitted, Tracks
from essentia_ldl.linear.span import Block
from essentia_ldl.scores.bootstrap import group_tracks
from essentia_ldl.scores.calibration import apply, identity
from essentia_ldl.taps import Network

LAYERS = (taps.EMBEDDING, taps.DEEP)
# Milliseconds of a network on a patch, as multiples of those of msd-musicnn; see `nets.timing`. An extractor counts as
# one of these whatever it takes: a choice that went by a clock would be another one in the next run.
COSTS = {"musicnn": 1.0, "vgg": 0.7}
COST_OF_EXTRACTOR = 1.0


def name_block(backbone: str, layers: str) -> str:
    """Name the features of some layers of a network, such as "msd-vgg deep"."""
    return f"{backbone} {layers}"


def make_feature_set(backbones: Sequence[str], layers: str) -> FeatureSet:
    """Describe some layers of some networks side by side; deep layers go before embeddings that are as good and dear.

    They cost the same at prediction, and hold better on music of another kind (docs, Measured, "The default").
    """
    cost = sum(COSTS[taps.NETWORKS[name][0]] if name in taps.NETWORKS else COST_OF_EXTRACTOR for name in backbones)
    return FeatureSet(
        tuple(name_block(name, layers) for name in backbones), tuple(backbones), layers, cost, int(layers == taps.DEEP)
    )


def gather_tracks(collection: Collection, sets: Sequence[FeatureSet], classes: Sequence[str]) -> Tracks:
    """Read the features of every track, averaged over its patches.

    Parameters
    ----------
    collection : Collection
        Its joint features are in the store.
    sets : sequence of FeatureSet
        What is needed.
    classes : sequence of str
        In the order of the class indices.

    Returns
    -------
    Tracks
        Rows in the order of the collection.

    Raises
    ------
    StoreError
        When features are missing or damaged.
    """
    kind = collection.tracks[0].kind
    if kind != SINGLE_LABEL:
        targets = make_rows(collection.tracks, classes)[0]
        groups = group_tracks(collection.tracks)
        return Tracks(gather_blocks(collection, sets), targets, len(classes), groups, kind)
    index = {name: number for number, name in enumerate(classes)}
    targets = np.array([index[track.label] for track in collection.tracks], dtype=np.int64)
    return Tracks(gather_blocks(collection, sets), targets, len(classes), group_tracks(collection.tracks))


def gather_blocks(collection: Collection, sets: Sequence[FeatureSet]) -> dict[str, Block]:
    """Read the features of every track, averaged over its patches, by name of the block; as `gather_tracks`."""
    contents = [collection.contents[track.id] for track in collection.tracks]
    wanted = {(name, features.layers) for features in sets for name in features.backbones}
    names = sorted({name for name, _ in wanted})
    networks = dict(zip(names, _find(collection, names), strict=True))
    blocks: dict[str, Block] = {}
    for stored in sorted({taps.find_stored(layers) for _, layers in wanted}):
        for backbone in sorted({name for name, layers in wanted if taps.find_stored(layers) == stored}):
            means = [_average(collection, networks[backbone], stored, contents, quality) for quality in QUALITIES]
            for layers in sorted(layers for name, layers in wanted if name == backbone):
                if taps.find_stored(layers) == stored:
                    columns, name = taps.slice_layers(networks[backbone], layers), name_block(backbone, layers)
                    blocks[name] = Block(name, tuple(mean[:, columns] for mean in means))
    return blocks


def _find(collection: Collection, names: Sequence[str]) -> tuple[Network, ...]:
    return find_networks(names, collection.home.graphs)


def _average(
    collection: Collection, network: Network, stored: str, contents: Sequence[str], quality: int
) -> np.ndarray:
    folders = joint_folders((network,), stored, collection.home, quality)
    return np.stack([np.asarray(read_joint(folders, content), dtype=np.float64).mean(axis=0) for content in contents])


@dataclasses.dataclass(frozen=True, eq=False)
class PatchAnswers:
    """Logits of patches: (sum of n_patches, n_classes) float64, and the patches of each track, (n_tracks,) int64."""

    logits: np.ndarray
    n_patches: np.ndarray

    @classmethod
    def join(cls, parts: Sequence[np.ndarray]) -> PatchAnswers:
        """Make them of the logits (n_patches, n_classes) of each track."""
        return cls(np.concatenate(parts), np.array([len(part) for part in parts], dtype=np.int64))

    def split(self) -> list[np.ndarray]:
        """Return the logits (n_patches, n_classes) of each track."""
        return np.split(self.logits, np.cumsum(self.n_patches)[:-1])

    def average(self) -> np.ndarray:
        """Return the mean of the probabilities of each track's patches, (n_tracks, n_classes) float64."""
        plain = identity([str(column) for column in range(self.logits.shape[1])])
        return apply(plain, self.logits, self.n_patches)


def answer_patches(
    collection: Collection, classifiers: Sequence[Fitted], rows: Sequence[int], quality: int = QUALITIES[0]
) -> list[PatchAnswers]:
    """Ask classifiers of every patch of some tracks, each of which is read once for those that share networks.

    Parameters
    ----------
    collection : Collection
        Its joint features are in the store.
    classifiers : sequence of Fitted
        One or more.
    rows : sequence of int
        Tracks, as places in the collection.
    quality : int
        Of resampling.

    Returns
    -------
    list[PatchAnswers]
        Of each classifier, in the order of the rows.
    """
    sources = [
        (_find(collection, one.setting.features.backbones), taps.find_stored(one.setting.features.layers))
        for one in classifiers
    ]
    folders = {source: joint_folders(*source, collection.home, quality) for source in dict.fromkeys(sources)}
    columns = [
        taps.slice_joint(networks, one.setting.features.layers, stored)
        for one, (networks, stored) in zip(classifiers, sources, strict=True)
    ]
    parts: list[list[np.ndarray]] = [[] for _ in classifiers]
    for row in rows:
        content = collection.contents[collection.tracks[row].id]
        read = {source: read_joint(found, content) for source, found in folders.items()}
        for number, one in enumerate(classifiers):
            parts[number].append(one.solution.score(read[sources[number]][:, columns[number]]))
    return [PatchAnswers.join(one) for one in parts]
