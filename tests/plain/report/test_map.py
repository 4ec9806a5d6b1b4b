"""The map: any number of tracks has places, the same ones every time, and what is alike is near."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.report.doubts import find_neighbors
from essentia_ldl.report.map import place_tracks


@pytest.mark.parametrize("n_tracks", [1, 2, 3, 4, 5, 6, 40])
def test_any_number_of_tracks_has_a_map(n_tracks):
    points = np.random.default_rng(0).normal(size=(n_tracks, 7))
    places = place_tracks(points, 0)
    assert places.shape == (n_tracks, 2)
    assert np.all(np.isfinite(places))
    assert np.array_equal(places, place_tracks(points, 0))
    assert np.array_equal(place_tracks(np.ones((n_tracks, 7)), 0), np.zeros((n_tracks, 2)))


def test_the_map_keeps_clouds_apart():
    points = np.random.default_rng(0).normal(size=(60, 20)) + 9.2 * (np.arange(60) % 2)[:, None]
    places = place_tracks(points, 0)
    near = find_neighbors(places, 5) % 2
    assert (near == (np.arange(60) % 2)[:, None]).mean() > 0.95


def test_features_that_damage_made_huge_have_places_without_a_warning(recwarn):
    points = np.random.default_rng(0).normal(size=(12, 7))
    points[3, 2] = 3e38
    assert np.all(np.isfinite(place_tracks(points, 0)))
    assert list(recwarn) == []
