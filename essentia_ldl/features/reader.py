"""Stored features of tracks, as label sources read them. In: a collection; out: arrays by track and front-end.

An instance can be sent to another process. `narrow` keeps what some tracks need, so that little is sent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from essentia_ldl import frontends
from essentia_ldl import labels as label_sources
from essentia_ldl.collection.read import Collection
from essentia_ldl.features import descriptors, embeddings
from essentia_ldl.features.store import Store
from essentia_ldl.recipe.recipe import NetworkSettings
from essentia_ldl.records import Track


class TrackFeatures:
    """Reads what the store holds of a collection's tracks.

    Parameters
    ----------
    collection : Collection
        Its features are in the store.
    network : NetworkSettings
        Whose embeddings are meant.
    """

    def __init__(self, collection: Collection, network: NetworkSettings) -> None:
        self._collection, self._network = collection, network
        self._contents = {track.id: collection.contents[track.id] for track in collection.tracks}
        self._store = Store(collection.home.store)
        self._embedded: dict[str, np.ndarray] = {}

    def __call__(self, track: Track, front_end: str) -> np.ndarray:
        """Return the frames of a track, (n_frames, n) float32; one row for descriptors, of NaN where there are none."""
        if front_end == embeddings.NAME:
            if not self._embedded:
                self._embedded.update(embeddings.read_embeddings(self._collection, self._network))
            return self._embedded[track.id]
        content = self._contents[track.id]
        if front_end == label_sources.DESCRIPTORS:
            return descriptors.read_vector(self._store, content)[None, :]
        return self._store.read(content, frontends.get(front_end))

    def narrow(self, tracks: Sequence[Track]) -> TrackFeatures:
        """Return a reader of some of the tracks, without embeddings."""
        reader = TrackFeatures.__new__(TrackFeatures)
        reader._collection = reader._network = None
        reader._contents = {track.id: self._contents[track.id] for track in tracks}
        reader._store, reader._embedded = self._store, {}
        return reader
