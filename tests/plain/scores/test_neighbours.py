"""Neighbours in an embedding: against scikit-learn, brute force, and the artist filter."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.neighbors import KNeighborsClassifier

from essentia_ldl.errors import DataError
from essentia_ldl.scores import neighbours
from essentia_ldl.scores.neighbours import rank_neighbours, summarise, vote_neighbours

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(60, 5))
GROUPS = RANDOM.integers(0, 7, 60)
ARTISTS = RANDOM.integers(0, 12, 60)


def list_cosines(row: int) -> np.ndarray:
    lengths = np.linalg.norm(VECTORS, axis=1)
    return VECTORS @ VECTORS[row] / lengths / lengths[row]


def test_average_precision_is_scikit_learn_s():
    found = rank_neighbours(VECTORS, GROUPS)
    for row in range(len(VECTORS)):
        others = np.arange(len(VECTORS)) != row
        expected = average_precision_score(GROUPS[others] == GROUPS[row], list_cosines(row)[others])
        assert found.average_precision[row] == pytest.approx(expected)


def test_precision_is_the_share_among_the_first():
    found = rank_neighbours(VECTORS, GROUPS, k=4).precision
    for row in range(len(VECTORS)):
        nearest = [other for other in np.argsort(-list_cosines(row)) if other != row][:4]
        assert found[row] == pytest.approx(np.mean(GROUPS[nearest] == GROUPS[row]))


def test_the_artist_filter_leaves_out_the_tracks_of_the_artist_alone():
    found = rank_neighbours(VECTORS, GROUPS, apart=ARTISTS)
    for row in range(len(VECTORS)):
        others = ARTISTS[row] != ARTISTS
        expected = average_precision_score(GROUPS[others] == GROUPS[row], list_cosines(row)[others])
        assert found.average_precision[row] == pytest.approx(expected)


def test_an_artist_who_is_not_known_is_left_out_of_no_list():
    unknown = np.full(len(VECTORS), -1)
    filtered, plain = rank_neighbours(VECTORS, GROUPS, apart=unknown), rank_neighbours(VECTORS, GROUPS)
    np.testing.assert_array_equal(filtered.average_precision, plain.average_precision)


def test_who_is_alone_or_not_known_asks_nothing_and_is_never_relevant():
    groups = np.array([0, 0, 1, -1, -1])
    found = rank_neighbours(VECTORS[:5], groups).average_precision
    assert np.isfinite(found).tolist() == [True, True, False, False, False]
    assert summarise(found)[1] == 3
    assert np.isnan(summarise(found[2:])[0])
    alone = rank_neighbours(VECTORS[:2], groups[:2], apart=np.array([4, 4]))
    assert summarise(alone.average_precision)[1] == 2


def test_blocks_change_nothing(monkeypatch):
    whole = rank_neighbours(VECTORS, GROUPS).average_precision
    votes = vote_neighbours((VECTORS[:40], GROUPS[:40]), (VECTORS[40:], GROUPS[40:]))
    monkeypatch.setattr(neighbours, "N_BLOCK", 7)
    np.testing.assert_allclose(rank_neighbours(VECTORS, GROUPS).average_precision, whole)
    np.testing.assert_array_equal(vote_neighbours((VECTORS[:40], GROUPS[:40]), (VECTORS[40:], GROUPS[40:])), votes)


@pytest.mark.parametrize("k", [1, 2])
def test_votes_are_those_of_scikit_learn(k):
    """Of unit vectors the order by the Euclidean distance is that by the cosine; ties are the nearest voter's."""
    units = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    classifier = KNeighborsClassifier(k, weights=lambda d: 1 + 1e-9 * (d == d.min(axis=1, keepdims=True)))
    expected = classifier.fit(units[:40], GROUPS[:40]).predict(units[40:]) == GROUPS[40:]
    found = vote_neighbours((VECTORS[:40], GROUPS[:40]), (VECTORS[40:], GROUPS[40:]), k)
    np.testing.assert_array_equal(found, expected)


def test_an_artist_does_not_vote_for_her_own_tracks():
    known, asked = (np.eye(2), np.array([0, 1])), (np.array([[1.0, 0.1]]), np.array([0]))
    assert vote_neighbours(known, asked, 1).tolist() == [1]
    assert vote_neighbours(known, asked, 1, (np.array([5, 6]), np.array([5]))).tolist() == [0]
    assert np.isnan(vote_neighbours((np.eye(2)[:1], np.array([0])), asked, 1, (np.array([5]), np.array([5])))).all()


def test_a_space_with_one_direction_per_group_is_perfect():
    vectors = np.repeat(np.eye(4), 5, axis=0) + 0.01 * np.random.default_rng(1).normal(size=(20, 4))
    groups = np.repeat(np.arange(4), 5)
    found = rank_neighbours(vectors, groups, k=4)
    assert summarise(found.average_precision) == (1.0, 0)
    assert summarise(found.precision) == (1.0, 0)


@pytest.mark.parametrize("vectors", [np.ones((3, 2)), np.ones(4), np.array([[np.nan, 1.0]] * 4)])
def test_vectors_that_do_not_fit(vectors):
    with pytest.raises(DataError, match=r"vectors: expected finite \(n_tracks, d\)"):
        rank_neighbours(vectors, np.zeros(4, int))
