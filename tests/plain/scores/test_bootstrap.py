"""Intervals by resampling: scipy's for single tracks, wider where tracks of an artist agree."""

from __future__ import annotations

import math

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
