"""Tracks as words of descriptors: every track is one word, the cluster that its MusicExtractor descriptors fall into.

In: training tracks and their stored descriptors; out: `Bags`. The rank of a value among the training tracks becomes a
value of a normal distribution, so that descriptors of any unit and shape weigh alike.

References
----------
Kim, Won, Serra, Liem, "Transfer learning of artist group factors to musical genre classification" (WWW 2018
companion), section 3.1.3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.labels._words import (
    Bags,
    ReadFeatures,
    find_nearest,
    list_artists,
    name_clusters,
    refuse_clusters,
    show_progress,
)
from essentia_ldl.records import Track

DESCRIPTORS = "descriptors"  # stands for a front-end, as "embedding" does
TRACKS_A_BATCH = 2048  # as the authors' code
TRACKS_FOR_QUANTILES = 10_000  # as scikit-learn, and no more than that in memory


@dataclasses.dataclass(frozen=True, eq=False)
class Dictionary:
    """Words of descriptors, learned.

    Parameters
    ----------
    kept : np.ndarray [shape=(n_columns,), bool]
        Columns that serve.
    quantiles : QuantileTransformer
        Brings them to a normal distribution.
    centers : np.ndarray [shape=(n_clusters, n_kept), float32]
        The words.
    """

    kept: np.ndarray
    quantiles: Any
    centers: np.ndarray

    def find_words(self, vectors: np.ndarray) -> np.ndarray:
        """Return the index of each track's word, (n_tracks,) int, of descriptors (n_tracks, n_columns)."""
        return find_nearest(self.quantiles.transform(vectors[:, self.kept].astype(np.float32)), self.centers)


def bag_descriptors(
    tracks: Sequence[Track],
    read_features: ReadFeatures,
    settings: Mapping[str, Any],
    *,
    seed: int = 0,
    where: str = "labels.agf-e",
) -> Bags:
    """Learn a dictionary of descriptors, brought to a normal distribution by their ranks; a track is one word.

    Dropped are columns with a value that is not finite in any training track, and columns that never change. A track
    without any finite value has no word. Memory: ``min(tracks, 10,000) x columns x 4`` bytes for the quantiles, and
    scikit-learn's copy of them (4,374 columns: 350 MB), and batches of 2,048 tracks.

    Parameters
    ----------
    tracks : Sequence[Track]
        Training tracks; those without artist are left out.
    read_features : Callable[[Track, str], np.ndarray]
        Gives (1, d) float32 for `DESCRIPTORS`, all NaN for a file that has none.
    settings : Mapping[str, Any]
        n_clusters.
    seed : int
        Of the order of the tracks, of the tracks that make the quantiles when there are too many, and of k-means.
    where : str
        Key of the settings in a recipe, for messages.

    Returns
    -------
    Bags
        Counts over tracks.

    Raises
    ------
    DataError
        When fewer tracks than clusters have descriptors, or tracks have different numbers of descriptors.

    References
    ----------
    Section 3.1.3; batches of 2,048 files are those of the authors' code.
    """
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.preprocessing import QuantileTransformer

    known, artists, rows = list_artists(tracks)
    usable, kept, n_columns = _choose_columns(known, read_features)
    n_clusters = settings["n_clusters"]
    if len(usable) < n_clusters:
        refuse_clusters(f"{len(usable)} training tracks with descriptors", len(usable), n_clusters, where)
    if not kept.any():
        rule, found = "a descriptor that is finite in every track and not constant", f"none of {n_columns}"
        raise DataError(explain("descriptors", rule, found, where, "Leave this source out."))

    def read_rows(indices: Sequence[int]) -> np.ndarray:
        read = np.empty((len(indices), int(kept.sum())), dtype=np.float32)
        for row, index in zip(read, indices, strict=True):
            row[:] = _read_vector(known[index], read_features)[kept]
        return read

    generator = np.random.default_rng(seed)
    order = usable[generator.permutation(len(usable))]
    chosen = np.sort(order[:TRACKS_FOR_QUANTILES])
    quantiles = QuantileTransformer(
        n_quantiles=min(1000, len(chosen)), output_distribution="normal", subsample=None, random_state=seed
    ).fit(read_rows(chosen))
    model = MiniBatchKMeans(n_clusters, random_state=seed)
    size = max(TRACKS_A_BATCH, n_clusters)  # the first batch makes every centre
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    for batch in show_progress(batches, "dictionary"):
        model.partial_fit(quantiles.transform(read_rows(batch)))
    counts = np.zeros((len(artists), n_clusters))
    for batch in batches:
        nearest = find_nearest(quantiles.transform(read_rows(batch)), model.cluster_centers_)
        np.add.at(counts, (rows[batch], nearest), 1)
    report = {
        "n_tracks_without_descriptors": len(known) - len(usable),
        "n_columns": n_columns,
        "n_dropped_columns": n_columns - int(kept.sum()),
    }
    n_tracks = tuple(np.bincount(rows, minlength=len(artists)).tolist())
    dictionary = Dictionary(kept, quantiles, model.cluster_centers_)
    return Bags(artists, n_tracks, name_clusters(n_clusters), counts, report, dictionary)


def _choose_columns(tracks: Sequence[Track], read_features: ReadFeatures) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the indices of the tracks that have descriptors, which columns serve, and how many there are."""
    usable: list[int] = []
    finite = lowest = highest = None
    for index, track in enumerate(show_progress(tracks, "descriptors")):
        vector = _read_vector(track, read_features)
        if finite is None:
            finite = np.ones(len(vector), dtype=bool)
            lowest, highest = np.full(len(vector), np.inf), np.full(len(vector), -np.inf)
        if vector.shape != finite.shape:
            remedy = "The descriptors come from different versions of Essentia: extract all of them again."
            raise DataError(explain("descriptors", f"{len(finite)} numbers", len(vector), track.id, remedy))
        if np.isnan(vector).all():
            continue
        usable.append(index)
        finite &= np.isfinite(vector)
        lowest, highest = np.minimum(lowest, vector), np.maximum(highest, vector)
    if finite is None:
        return np.zeros(0, np.int64), np.zeros(0, bool), 0
    with np.errstate(invalid="ignore"):
        return np.array(usable, np.int64), finite & (lowest < highest), len(finite)


def _read_vector(track: Track, read_features: ReadFeatures) -> np.ndarray:
    return np.asarray(read_features(track, DESCRIPTORS), dtype=np.float32).reshape(-1)
