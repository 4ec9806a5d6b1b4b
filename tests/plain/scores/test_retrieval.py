"""Retrieval by tags: against scikit-learn, closed forms, and both ways round."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score

from essentia_ldl.scores.bootstrap import draw_weights
from essentia_ldl.scores.multi_label import draw_scores, score_average_precision
from essentia_ldl.scores.retrieval import draw_retrieval, score_precision_at, score_retrieval


@pytest.fixture
def drawn():
    random = np.random.default_rng(0)
    targets = random.integers(0, 2, (40, 6))
    targets[:, 0], targets[0] = 1, 0
    targets[0, 1] = 1
    return targets, random.random((40, 6))


@pytest.mark.parametrize("k", [1, 3, 10, 40, 100])
def test_precision_is_the_share_of_hits_among_the_first(drawn, k):
    targets, rows = drawn
    orders = np.argsort(-rows, axis=0)[:k]
    expected = np.take_along_axis(targets, orders, axis=0).mean(axis=0)
    np.testing.assert_allclose(score_precision_at(*drawn, k), expected)


def test_ties_count_as_the_mean_over_their_orders():
    """Two of four equal tracks have the tag, so a list of any length has half."""
    targets = [[1], [0], [1], [0]]
    for k in (1, 2, 3):
        assert score_precision_at(targets, [[0.5]] * 4, k) == [0.5]
    assert score_precision_at(targets, [[0.9], [0.5], [0.5], [0.5]], 2) == [(1 + 1 / 3) / 2]


def test_a_tag_of_no_track_has_no_precision():
    assert np.isnan(score_precision_at([[0], [0]], [[0.1], [0.2]], 1)).all()


def test_tags_of_tracks_are_scikit_learns_label_ranking(drawn):
    """Without ties, and with a tag for every track, the two are the same number."""
    assert score_retrieval(*drawn)["tags_map"] == pytest.approx(label_ranking_average_precision_score(*drawn))


def test_tracks_of_tags_are_the_mean_pr_auc(drawn):
    assert score_retrieval(*drawn)["tracks_map"] == pytest.approx(np.nanmean(score_average_precision(*drawn)))


def test_turned_around_the_queries_are_the_others(drawn):
    targets, rows = drawn
    one, other = score_retrieval(targets, rows), score_retrieval(targets.T, rows.T)
    assert (one["tracks_map"], one["tags_map"]) == pytest.approx((other["tags_map"], other["tracks_map"]))


def test_a_draw_is_scored_as_its_tracks_repeated(drawn):
    """Tracks as often as they were drawn, through the functions that know of no weights."""
    targets, rows = drawn[0], np.round(drawn[1], 1)  # with ties
    groups = np.arange(40) // 4
    weights = np.concatenate(list(draw_weights(groups, seed=3)))
    found = {**draw_retrieval(targets, rows, groups, 3), **draw_scores(targets, rows, groups, 3)}
    for draw in (0, 5, 1999):
        tracks = np.repeat(np.arange(40), weights[draw].astype(int))
        expected = score_retrieval(targets[tracks], rows[tracks])
        for name in ("tracks_precision", "tags_precision", "tags_map"):
            assert found[name][draw] == pytest.approx(expected[name]), name
        assert found["pr_auc"][draw] == pytest.approx(expected["tracks_map"])


def test_one_group_makes_no_draws(drawn):
    assert {len(values) for values in draw_retrieval(*drawn, np.zeros(40, dtype=int)).values()} == {0}
