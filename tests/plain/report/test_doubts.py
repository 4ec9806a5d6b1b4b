"""The label audit: labels that were flipped on purpose come first, and nobody judges a track by its own label."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.report import doubts as audit
from essentia_ldl.report.doubts import find_neighbors, fit_classifier
from essentia_ldl.report.map import place_tracks


def make_clouds(n_tracks: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two clouds of points, their classes, and which tenth of the labels is flipped."""
    random = np.random.default_rng(seed)
    truth = np.arange(n_tracks) % 2
    points = random.normal(size=(n_tracks, 20)) + 1.2 * truth[:, None]
    flipped = np.zeros(n_tracks, dtype=bool)
    flipped[random.choice(n_tracks, n_tracks // 10, replace=False)] = True
    return points, np.where(flipped, 1 - truth, truth), flipped


def test_neighbours_are_the_nearest_others():
    points = np.array([[0.0], [1.0], [3.0], [3.0], [7.0]])
    assert find_neighbors(points, 2).tolist() == [[1, 2], [0, 2], [3, 1], [2, 1], [2, 3]]
    assert find_neighbors(points, 10).shape == (5, 4)


def test_neighbours_agree_with_scikit_learn():
    from sklearn.neighbors import NearestNeighbors

    points, _, _ = make_clouds()
    expected = NearestNeighbors(n_neighbors=10).fit(points).kneighbors(return_distance=False)
    assert np.array_equal(find_neighbors(points, 10), expected)


@pytest.mark.parametrize("seed", range(3))
def test_flipped_labels_are_found_by_neighbours_and_by_the_classifier(seed):
    from sklearn.metrics import roc_auc_score

    points, labels, flipped = make_clouds(seed=seed)
    near = 1 - (labels[find_neighbors(points, 10)] == labels[:, None]).mean(axis=1)
    guessed = fit_classifier(points, labels, [str(n) for n in range(len(points))], 2, seed)
    assert roc_auc_score(flipped, near) > 0.95
    assert roc_auc_score(flipped, 1 - guessed[np.arange(len(points)), labels]) > 0.95


def test_the_classifier_has_seen_no_track_of_the_artist():
    """Each artist is a place of its own with labels by chance: who has seen the artist would be right."""
    random = np.random.default_rng(0)
    artist = np.repeat(np.arange(30), 6)
    points = random.normal(size=(30, 40))[artist] * 5 + random.normal(size=(180, 40)) * 0.1
    targets = random.integers(0, 2, 30)[artist]
    right = (fit_classifier(points, targets, [str(n) for n in artist], 2, 0).argmax(axis=1) == targets).mean()
    seen = (fit_classifier(points, targets, [str(n) for n in range(180)], 2, 0).argmax(axis=1) == targets).mean()
    assert seen > 0.95
    assert right < 0.75


def test_the_classifier_says_nothing_of_few_artists():
    points, labels, _ = make_clouds(20)
    assert fit_classifier(points, labels, ["one", "two"] * 10, 2, 0) is None
    assert fit_classifier(points, np.zeros(20, dtype=int), [str(n) for n in range(20)], 2, 0) is None
    rows = fit_classifier(points, labels, [str(n) for n in range(20)], 3, 0)
    assert np.allclose(rows.sum(axis=1), 1)
    assert not rows[:, 2].any()


def test_a_tie_suggests_nothing():
    from essentia_ldl.records import Track

    row = audit._judge(Track("a", "", "x"), 1, {"model": np.array([0.5, 0.5])}, (), ("w", "x"), "")
    assert (row.suggestion, row.disagreement) == ("x", 0.5)


@pytest.mark.parametrize("n_tracks", [1, 2, 3, 4, 5, 6, 40])
def test_any_number_of_tracks_has_a_map(n_tracks):
    points = np.random.default_rng(0).normal(size=(n_tracks, 7))
    places = place_tracks(points, 0)
    assert places.shape == (n_tracks, 2)
    assert np.all(np.isfinite(places))
    assert np.array_equal(places, place_tracks(points, 0))
    assert np.array_equal(place_tracks(np.ones((n_tracks, 7)), 0), np.zeros((n_tracks, 2)))


def test_the_map_keeps_clouds_apart():
    points, _, _ = make_clouds(60)
    points = points + 8 * (np.arange(60) % 2)[:, None]
    places = place_tracks(points, 0)
    near = find_neighbors(places, 5) % 2
    assert (near == (np.arange(60) % 2)[:, None]).mean() > 0.95
