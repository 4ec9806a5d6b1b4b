"""Tracks as words of descriptors: counts by scikit-learn, whatever the units, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import MiniBatchKMeans
from sklearn.preprocessing import QuantileTransformer

from essentia_ldl.errors import DataError
from essentia_ldl.labels import _descriptors
from essentia_ldl.labels._descriptors import bag_descriptors
from essentia_ldl.records import Track


class Stored:
    """Frames by track id; can be sent to a worker."""

    def __init__(self, arrays):
        self.arrays = arrays

    def __call__(self, track, front_end):
        return self.arrays[track.id]


def make_tracks(n_tracks, n_artists, **columns):
    return [
        Track(f"t{i:03d}", f"/t{i:03d}", "a", artist=f"artist {i % n_artists}", columns=columns)
        for i in range(n_tracks)
    ]


def make_descriptors(tracks, n_columns=30, seed=3):
    generator = np.random.default_rng(seed)
    units = 10.0 ** generator.integers(-3, 4, n_columns)
    return Stored({track.id: (generator.gamma(1, 1, (1, n_columns)) * units).astype(np.float32) for track in tracks})


def test_descriptors_are_counted_as_scikit_learn_does():
    tracks = make_tracks(90, 7)
    read = make_descriptors(tracks)
    read.arrays["t005"][0, 3] = np.nan
    for array in read.arrays.values():
        array[0, 8] = 4
    bags = bag_descriptors(tracks, read, {"n_clusters": 6}, seed=2)
    matrix = np.concatenate([read.arrays[t.id] for t in tracks])
    matrix = np.delete(matrix, [3, 8], axis=1)
    matrix = QuantileTransformer(n_quantiles=90, output_distribution="normal", random_state=2).fit_transform(matrix)
    order = np.random.default_rng(2).permutation(90)
    words = MiniBatchKMeans(n_clusters=6, random_state=2).partial_fit(matrix[order]).predict(matrix)
    counts = np.zeros((7, 6))
    for i, word in enumerate(words):
        counts[i % 7, word] += 1
    np.testing.assert_array_equal(bags.counts, counts)
    assert bags.report == {"n_tracks_without_descriptors": 0, "n_columns": 30, "n_dropped_columns": 2}


def test_descriptors_do_not_depend_on_units_or_monotone_maps():
    tracks = make_tracks(60, 7)
    read = make_descriptors(tracks)
    mapped = Stored({i: np.log(array) * 7 for i, array in read.arrays.items()})
    first, second = (bag_descriptors(tracks, reader, {"n_clusters": 6}).counts for reader in (read, mapped))
    np.testing.assert_array_equal(first, second)


def test_tracks_without_descriptors_have_no_word():
    tracks = make_tracks(30, 10)
    read = make_descriptors(tracks)
    for i in (4, 14, 24, 7):  # all of artist 4, one of artist 7
        read.arrays[f"t{i:03d}"][:] = np.nan
    bags = bag_descriptors(tracks, read, {"n_clusters": 5})
    np.testing.assert_array_equal(bags.counts.sum(axis=1), [3, 3, 3, 3, 0, 3, 3, 2, 3, 3])
    assert bags.report["n_tracks_without_descriptors"] == 4
    assert bags.report["n_dropped_columns"] == 0
    with pytest.raises(DataError, match=r"at most 26, as 26 training tracks with descriptors give; got 27 \(labels"):
        bag_descriptors(tracks, read, {"n_clusters": 27})


def test_descriptors_of_many_tracks_are_taken_in_batches(monkeypatch):
    sizes = []
    real = MiniBatchKMeans.partial_fit

    def fit(self, rows, *more):
        sizes.append(len(rows))
        return real(self, rows, *more)

    monkeypatch.setattr(MiniBatchKMeans, "partial_fit", fit)
    monkeypatch.setattr(_descriptors, "TRACKS_A_BATCH", 16)
    monkeypatch.setattr(_descriptors, "TRACKS_FOR_QUANTILES", 20)
    tracks = make_tracks(50, 10)
    bags = bag_descriptors(tracks, make_descriptors(tracks), {"n_clusters": 5})
    assert sizes == [16, 16, 16, 2]
    assert bags.counts.sum() == 50


def test_infinite_descriptors_drop_their_column_only():
    tracks = make_tracks(30, 10)
    read = make_descriptors(tracks)
    read.arrays["t001"][0, 0], read.arrays["t002"][0, 1] = np.inf, -np.inf
    report = bag_descriptors(tracks, read, {"n_clusters": 5}).report
    assert report["n_dropped_columns"] == 2
    assert report["n_tracks_without_descriptors"] == 0


def test_descriptors_of_two_sizes_are_refused():
    tracks = make_tracks(30, 10)
    read = make_descriptors(tracks)
    read.arrays["t011"] = read.arrays["t011"][:, :29]
    with pytest.raises(DataError, match=r"expected 30 numbers; got 29 \(t011\)\. The descriptors come from different"):
        bag_descriptors(tracks, read, {"n_clusters": 5})


def test_descriptors_that_never_change_are_refused():
    tracks = make_tracks(30, 10)
    read = Stored({track.id: np.ones((1, 4), np.float32) for track in tracks})
    with pytest.raises(DataError, match="finite in every track and not constant; got 'none of 4'"):
        bag_descriptors(tracks, read, {"n_clusters": 5})
