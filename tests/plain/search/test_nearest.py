"""Exact search against scikit-learn, and the graph of neighbours against exact search."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from essentia_ldl.errors import StoreError
from essentia_ldl.search import nearest


def draw_clusters(n: int, d: int = 40, seed: int = 0) -> np.ndarray:
    """Draw vectors about centres, as tracks lie about artists and genres; (n, d) unit vectors."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(1, n // 50), d))
    return nearest.normalise(centres[rng.integers(0, len(centres), n)] + 0.5 * rng.normal(size=(n, d)))


def test_scores_are_the_cosines_of_scikit_learn(monkeypatch):
    rng = np.random.default_rng(1)
    vectors, query = rng.normal(size=(23, 7)), rng.normal(size=(1, 7))
    monkeypatch.setattr(nearest, "BLOCK_ROWS", 5)
    scores = nearest.score_tracks(nearest.normalise(vectors), np.arange(23), nearest.normalise(query))
    assert scores == pytest.approx(cosine_similarity(vectors, query)[:, 0], abs=1e-6)


def test_a_track_of_several_vectors_has_the_mean_of_the_best_cosines():
    units = nearest.normalise(np.array([[1, 0], [0, 1], [1, 1]]))
    query = nearest.normalise(np.array([[1, 0], [0, 1]]))
    scores = nearest.score_tracks(units, np.array([0, 2]), query)
    assert scores == pytest.approx([1.0, np.sqrt(0.5)], abs=1e-6)


def test_rows_of_zeros_are_like_nothing():
    units = nearest.normalise(np.array([[0, 0], [0, 2]]))
    assert nearest.score_tracks(units, np.arange(2), units[1:]).tolist() == [0, 1]


def test_no_track_has_no_score():
    assert nearest.score_tracks(np.zeros((0, 2), np.float32), np.zeros(0, int), np.ones((1, 2))).shape == (0,)


def test_scores_are_in_order_however_many_are_sorted_at_first(monkeypatch):
    scores = np.random.default_rng(0).integers(0, 50, 500).astype(np.float32)
    expected = np.argsort(-scores, kind="stable").tolist()
    for n_sorted in (1, 7, 100, 1000):
        monkeypatch.setattr(nearest, "N_SORTED", n_sorted)
        assert list(nearest.order_scores(scores)) == expected


def test_the_graph_recalls_nearly_all_of_the_nearest():
    units = draw_clusters(3000)
    graph = nearest.open_graph(nearest.build_graph(units), len(units), "lib.index")
    n_found = 0
    for row in range(0, 3000, 60):
        rows = nearest.find_candidates(graph, units[row : row + 1], nearest.EF_QUERY)
        found = rows[np.argsort(-(units[rows] @ units[row]))[:10]]
        n_found += len({*found} & {*np.argsort(-(units @ units[row]))[:10]})
    assert n_found / 500 >= 0.95


def test_candidates_are_rows_in_order_and_never_more_than_there_are():
    units = draw_clusters(30)
    graph = nearest.open_graph(nearest.build_graph(units), 30, "lib.index")
    assert nearest.find_candidates(graph, units[:2], 100).tolist() == list(range(30))


def test_a_damaged_graph_and_one_of_other_vectors_are_one_sentence():
    data = nearest.build_graph(draw_clusters(30))
    with pytest.raises(StoreError, match=r"graph of neighbours: expected a whole one; .*lib\.index\). .*--again"):
        nearest.open_graph(data[:50], 30, "lib.index")
    with pytest.raises(StoreError, match="expected 31 vectors; got 30"):
        nearest.open_graph(data, 31, "lib.index")
