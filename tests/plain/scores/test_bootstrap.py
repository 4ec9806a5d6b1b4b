"""Intervals by resampling: scipy's for single tracks, wider where tracks of an artist agree."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

from essentia_ldl.records import Track
from essentia_ldl.scores import bootstrap


def draw_rows(n_tracks: int, n_classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), n_tracks)


def test_the_interval_of_single_tracks_is_scipys():
    from scipy import stats

    probabilities = draw_rows(200, 2)
    targets = np.random.default_rng(3).integers(0, 2, 200)
    hits = (targets == probabilities.argmax(axis=1)).astype(float)
    ours = bootstrap.score_intervals(targets, probabilities, np.arange(200), 10_000)["accuracy"]
    golden = stats.bootstrap((hits,), np.mean, method="percentile", n_resamples=10_000, rng=0).confidence_interval
    assert ours == pytest.approx([golden.low, golden.high], abs=0.01)


def test_artists_whose_tracks_agree_widen_the_interval():
    targets, groups = np.tile([0, 1], 100), np.repeat(np.arange(20), 10)
    right = np.repeat(np.arange(20) % 2, 10)
    probabilities = np.eye(2)[np.where(right, targets, 1 - targets)]
    alone = bootstrap.score_intervals(targets, probabilities, np.arange(200))["accuracy"]
    grouped = bootstrap.score_intervals(targets, probabilities, groups)["accuracy"]
    assert np.ptp(grouped) == pytest.approx(np.ptp(alone) * math.sqrt(10), rel=0.25)  # the design effect of 10 copies


def test_groups_are_artists_and_tracks_without_one():
    tracks = [Track(str(i), f"/{i}", "sad", artist) for i, artist in enumerate(["x", None, "x", None, "y"])]
    assert bootstrap.group_tracks(tracks).tolist() == [0, 1, 0, 2, 3]


def test_one_artist_gives_no_interval():
    scores = bootstrap.score_intervals(np.array([0, 1]), np.eye(2), np.array([0, 0]))
    assert scores == {"balanced_accuracy": None, "accuracy": None}


# --- sums over groups -----------------------------------------------------------------------------------------------


def test_as_many_groups_are_drawn_as_there_are():
    sums = bootstrap.resample_sums(np.ones(30), np.arange(30), 50)
    np.testing.assert_allclose(sums, 30)
    pairs = bootstrap.resample_sums(np.ones((30, 2, 3)), np.repeat(np.arange(15), 2), 50)
    assert pairs.shape == (50, 2, 3)
    np.testing.assert_allclose(pairs, 30)


def test_sums_have_the_mean_and_the_variance_of_drawing_with_replacement():
    """n draws of n groups: the mean is the total, the variance n times that of the groups' totals."""
    values, groups = np.random.default_rng(0).normal(size=200), np.repeat(np.arange(40), 5)
    totals = values.reshape(40, 5).sum(axis=1)
    sums = bootstrap.resample_sums(values, groups, 20_000)
    deviation = np.sqrt(40 * totals.var())
    assert sums.mean() == pytest.approx(totals.sum(), abs=4 * deviation / np.sqrt(20_000))
    assert sums.std() == pytest.approx(deviation, rel=0.03)


def test_the_same_seed_draws_the_same_groups_for_every_score():
    values, groups = np.random.default_rng(1).normal(size=12), np.arange(12) // 2
    first, second = (
        bootstrap.resample_sums(part, groups, 150) for part in (values, np.column_stack([values, -values]))
    )
    np.testing.assert_allclose(second, np.column_stack([first, -first]), atol=1e-12)
    assert not np.array_equal(first, bootstrap.resample_sums(values, groups, 150, seed=1))
    np.testing.assert_array_equal(first[:100], bootstrap.resample_sums(values, groups, 100))


def test_an_artist_with_the_name_of_a_track_is_another_group():
    assert bootstrap.group_ids(["a", "b", "c", "d"], {"b": "a", "c": "a"}).tolist() == [0, 1, 1, 2]


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_an_interval_leaves_the_same_share_on_both_sides(level):
    low, high = bootstrap.find_interval(np.arange(10_001) / 10_000, level)
    assert (low, high) == pytest.approx(((1 - level) / 2, (1 + level) / 2))


# --- draws for scores that are no sums ------------------------------------------------------------------------------


def test_weights_are_the_draws_of_the_sums_however_many_are_held_at_once(monkeypatch):
    groups = np.arange(30) // 2
    whole = np.concatenate(list(bootstrap.draw_weights(groups, 150, seed=2)))
    assert whole.shape == (150, 30)
    np.testing.assert_array_equal(whole[:, ::2], bootstrap.resample_sums(np.eye(15), np.arange(15), 150, seed=2))
    monkeypatch.setattr(bootstrap, "_N_WEIGHTS", 7 * 30)
    parts = list(bootstrap.draw_weights(groups, 150, seed=2))
    assert max(len(part) for part in parts) == 7
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert list(bootstrap.draw_weights(np.zeros(3, int))) == []


def test_drawing_needs_no_square_of_the_groups():
    tracemalloc.start()
    try:
        assert sum(weights[0, 0] >= 0 for weights in bootstrap.draw_weights(np.arange(8000), 101)) == 2
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50e6  # 8000 x 8000 numbers are 512 MB
