"""Scatter of embeddings: against numpy and scikit-learn, and what the map does to it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from essentia_ldl.nets.metric.scatter import measure_scatter, solve_map

RANDOM = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(8), 5)
MIX = RANDOM.normal(size=(6, 6))
CENTRES = RANDOM.normal(size=(8, 6)) * 3
TRACKS = [
    (CENTRES[group] + RANDOM.normal(size=6) @ MIX + 0.1 * RANDOM.normal(size=(4, 6)) + 100).astype(np.float32)
    for group in GROUPS
]
MEANS = np.array([track.mean(axis=0, dtype=np.float64) for track in TRACKS])


def test_scatter_is_that_of_whole_arrays():
    found = measure_scatter(iter(TRACKS), GROUPS)
    np.testing.assert_allclose(found.mean, MEANS.mean(axis=0))
    np.testing.assert_allclose(found.variance, MEANS.var(axis=0), rtol=1e-6)
    standard = (MEANS - MEANS.mean(axis=0)) / np.sqrt(MEANS.var(axis=0) + 1e-6)
    np.testing.assert_allclose(found.total, np.cov(standard.T, bias=True), atol=1e-6)
    within = sum(np.cov(standard[one == GROUPS].T) * 4 for one in range(8)) / 32
    scaled = [track / np.sqrt(MEANS.var(axis=0) + 1e-6) for track in TRACKS]
    within += sum(np.cov(track.T) for track in scaled) / len(TRACKS)
    np.testing.assert_allclose(found.within, within, atol=1e-4)


def test_without_shrinkage_the_map_makes_differences_within_groups_alike():
    scatter = measure_scatter(TRACKS, GROUPS)
    kernel = solve_map(scatter, 6, shrinkage=0.0).astype(np.float64)
    after = kernel.T @ scatter.within @ kernel
    np.testing.assert_allclose(after, after[0, 0] * np.eye(6), atol=1e-4 * after[0, 0])
    assert np.sum(kernel**2) == pytest.approx(6, rel=1e-5)


def test_all_of_the_identity_changes_nothing():
    np.testing.assert_allclose(solve_map(measure_scatter(TRACKS, GROUPS), 6, shrinkage=1.0), np.eye(6), atol=1e-6)


def test_the_map_tells_groups_apart_like_a_discriminant_analysis():
    """The first directions span what scikit-learn's do, where nothing is shrunk and patches do not differ."""
    tracks = [mean[None].astype(np.float32) for mean in MEANS]
    kernel = solve_map(measure_scatter(tracks, GROUPS), 3, shrinkage=0.0)
    scales = 1 / np.sqrt(MEANS.var(axis=0) + 1e-6)
    ours = (MEANS - MEANS.mean(axis=0)) * scales @ kernel
    theirs = LinearDiscriminantAnalysis(solver="svd", n_components=3).fit_transform(MEANS, GROUPS)
    cosines = np.linalg.svd(np.linalg.qr(ours - ours.mean(0))[0].T @ np.linalg.qr(theirs - theirs.mean(0))[0])[1]
    assert cosines.min() > 0.999


def test_groups_of_one_track_and_tracks_of_one_patch_have_a_map():
    tracks = [RANDOM.normal(size=(1, 4)).astype(np.float32) for _ in range(3)]
    kernel = solve_map(measure_scatter(tracks, np.arange(3)), 4)
    assert np.all(np.isfinite(kernel))
