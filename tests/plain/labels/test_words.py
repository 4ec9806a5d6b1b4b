"""Words of artists: counts by hand and by scikit-learn, the same from workers, and bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import pairwise_distances_argmin

from essentia_ldl.errors import DataError
from essentia_ldl.labels import _words
from essentia_ldl.labels._words import FrameSource, bag_frames, bag_subgenres, find_nearest, split_words
from essentia_ldl.records import Track

SETTINGS = {"n_clusters": 8, "batch_files": 4}


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


def make_frames(tracks, n_frames=60, n_coefficients=5, seed=0):
    generator = np.random.default_rng(seed)
    return Stored(
        {
            track.id: (
                generator.normal(0, 3, n_coefficients) + generator.normal(size=(n_frames + i, n_coefficients))
            ).astype(np.float32)
            for i, track in enumerate(tracks)
        }
    )


# --- sub-genres


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hip-Hop Beats;Trip-Hop", ("Hip-Hop Beats", "Trip-Hop")),
        ("21 103", ("21", "103")),
        ("21|103 ; 21", ("21", "103")),
        ("Hip-Hop Beats", ("Hip-Hop Beats",)),
        ("21 103;Drum and Bass", ("21", "103", "Drum and Bass")),
        (" ; |", ()),
        ("", ()),
    ],
)
def test_cells_become_words(text, words):
    assert split_words(text) == words


def test_subgenres_are_counted_by_hand():
    cells = [("b", "Dub;Ska"), ("a", "Dub"), ("b", "Dub|Dub"), (None, "Polka"), ("c", ""), ("b", "Ska")]
    tracks = [Track(f"t{i}", "/t", "x", artist=who, columns={"sub": cell}) for i, (who, cell) in enumerate(cells)]
    bags = bag_subgenres(tracks, "sub")
    assert bags.artists == ("a", "b", "c")
    assert bags.n_tracks == (1, 3, 1)
    assert bags.words == ("Dub", "Ska")
    np.testing.assert_array_equal(bags.counts, [[1, 0], [2, 2], [0, 0]])
    assert bags.report["n_tracks_without_words"] == 1


# --- frames


@pytest.mark.parametrize("deltas", [False, True])
def test_frames_are_counted_as_scikit_learn_does(deltas):
    tracks = make_tracks(11, 3)
    read = make_frames(tracks)
    bags = bag_frames(tracks, FrameSource(read, "mfcc-frames-25", deltas), SETTINGS, seed=5)
    frames = [np.diff(read.arrays[t.id], axis=0) if deltas else read.arrays[t.id] for t in tracks]
    model = MiniBatchKMeans(n_clusters=8, random_state=5)
    order = np.random.default_rng(5).permutation(11)
    for batch in (order[:4], order[4:8], order[8:]):
        model.partial_fit(np.concatenate([frames[i] for i in batch]))
    counts = np.zeros((3, 8))
    for i, found in enumerate(frames):
        counts[i % 3] += np.bincount(model.predict(found), minlength=8)
    np.testing.assert_allclose(bags.counts, counts / np.array([[4], [4], [3]]), rtol=1e-12)
    assert bags.n_tracks == (4, 4, 3)
    assert bags.report["n_frames"] == sum(map(len, frames))


def test_a_first_batch_is_gathered_until_every_cluster_has_a_frame():
    tracks = make_tracks(20, 4)
    read = make_frames(tracks, n_frames=3)  # 3 to 22 frames, 250 in all
    seen = []
    real = MiniBatchKMeans.partial_fit

    def fit(self, frames, *more):
        seen.append(len(frames))
        return real(self, frames, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MiniBatchKMeans, "partial_fit", fit)
        bags = bag_frames(tracks, FrameSource(read, "m"), {"n_clusters": 60, "batch_files": 1}, seed=1)
    sizes = [len(read.arrays[tracks[i].id]) for i in np.random.default_rng(1).permutation(20)]
    n_first = int(np.argmax(np.cumsum(sizes) >= 60)) + 1
    assert n_first > 1
    assert seen == [sum(sizes[:n_first]), *sizes[n_first:]]
    assert (bags.counts * np.array(bags.n_tracks)[:, None]).sum() == pytest.approx(sum(sizes))


@pytest.mark.parametrize("n_clusters", [250, 251])
def test_fewer_frames_than_clusters(n_clusters):
    tracks = make_tracks(20, 4)
    read = make_frames(tracks, n_frames=3)
    settings = {"n_clusters": n_clusters, "batch_files": 256}
    if n_clusters == 250:
        assert bag_frames(tracks, FrameSource(read, "m"), settings).counts.shape == (4, 250)
        return
    rule = r"at most 250, as 250 frames give; got 251 \(labels\.agf-d\.n_clusters\)\. Lower labels\.agf-d\.n_clusters"
    with pytest.raises(DataError, match=rule):
        bag_frames(tracks, FrameSource(read, "m"), settings, where="labels.agf-d")


def test_a_track_of_one_frame_has_no_differences():
    tracks = make_tracks(6, 6)
    read = make_frames(tracks)
    read.arrays["t003"] = read.arrays["t003"][:1]
    bags = bag_frames(tracks, FrameSource(read, "m", deltas=True), SETTINGS)
    assert [row.sum() for row in bags.counts] == [59, 60, 61, 0, 63, 64]


def test_frames_that_are_not_finite_name_the_track():
    tracks = make_tracks(6, 2)
    read = make_frames(tracks)
    read.arrays["t004"][7, 2] = np.nan
    with pytest.raises(DataError, match=r"MFCC: expected finite numbers.*\(t004\)"):
        bag_frames(tracks, FrameSource(read, "m"), SETTINGS)
    read.arrays["t004"] = np.zeros(5, np.float32)
    with pytest.raises(DataError, match=r"frames, \(n_frames, n_coefficients\); got \(5,\) \(t004\)"):
        bag_frames(tracks, FrameSource(read, "m"), SETTINGS)


def test_nearest_centres_are_those_of_scikit_learn():
    generator = np.random.default_rng(2)
    points, centers = (generator.normal(size=(n, 25)).astype(np.float32) for n in (1500, 64))
    np.testing.assert_array_equal(find_nearest(points, centers), pairwise_distances_argmin(points, centers))
    assert find_nearest(points[:0], centers).shape == (0,)


@pytest.mark.slow
def test_workers_count_what_one_process_counts(monkeypatch):
    monkeypatch.setattr(_words, "TRACKS_A_JOB", 4)
    tracks = make_tracks(11, 3, subgenres="x")
    read = make_frames(tracks)
    alone = bag_frames(tracks, FrameSource(read, "m"), SETTINGS, n_jobs=1)
    jobs = []
    real = _words.run_jobs

    def run(function, given, *more):
        jobs.extend(given)
        return real(function, given, *more)

    monkeypatch.setattr(_words, "run_jobs", run)
    together = bag_frames(tracks, FrameSource(read, "m"), SETTINGS, n_jobs=2)
    assert [len(job["tracks"]) for job in jobs] == [4, 4, 3]
    np.testing.assert_array_equal(together.counts, alone.counts)


@pytest.mark.slow
def test_what_goes_wrong_in_a_worker_is_told_as_it_is(monkeypatch):
    monkeypatch.setattr(_words, "TRACKS_A_JOB", 4)
    monkeypatch.setattr(_words, "_cluster_frames", lambda *_: (np.zeros((8, 5), np.float32), 10))
    tracks = make_tracks(11, 3)
    read = make_frames(tracks)
    read.arrays["t006"][0] = np.inf
    with pytest.raises(DataError, match=r"finite numbers.*\(t006\)"):
        bag_frames(tracks, FrameSource(read, "m"), SETTINGS, n_jobs=2)


def test_a_reader_sends_a_worker_what_its_job_needs(monkeypatch):
    class Narrow(Stored):
        def narrow(self, tracks):
            return Stored({track.id: self.arrays[track.id] for track in tracks})

    sent = []

    def run(function, jobs, *more):
        for job in jobs:
            sent.append(sorted(job["source"].read_features.arrays))
            yield job, _words.count_track_words(job)

    monkeypatch.setattr(_words, "TRACKS_A_JOB", 4)
    monkeypatch.setattr(_words, "run_jobs", run)
    tracks = make_tracks(6, 2)
    bag_frames(tracks, FrameSource(Narrow(make_frames(tracks).arrays), "m"), SETTINGS, n_jobs=2)
    assert sent == [["t000", "t001", "t002", "t003"], ["t004", "t005"]]


@pytest.mark.slow
def test_memory_is_bounded_by_the_batch_not_by_the_tracks():
    """Frames are made when they are asked for, so that whatever is held is held by the dictionary."""

    def read(track, front_end):
        return np.random.default_rng(int(track.id[1:])).normal(size=(1000, 25)).astype(np.float32)

    def measure(n_tracks, batch_files):
        tracks = make_tracks(n_tracks, 8)
        tracemalloc.start()
        bag_frames(tracks, FrameSource(read, "m"), {"n_clusters": 32, "batch_files": batch_files}, n_jobs=1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / (1000 * 25 * 4)  # in tracks

    measure(8, 8)  # imports
    few, many, larger = measure(32, 8), measure(160, 8), measure(160, 64)
    assert few < 2 * 8 + 8
    assert many < few + 2
    assert 64 < larger < 2 * 64 + 8
