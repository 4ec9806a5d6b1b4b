"""Scores of tags against scikit-learn and closed forms."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from sklearn import metrics

from essentia_ldl.errors import DataError
from essentia_ldl.scores import multi_label
from essentia_ldl.scores.bootstrap import draw_weights

RANDOM = np.random.default_rng(0)
TARGETS = RANDOM.integers(0, 2, (60, 3))
# one tag with many equal probabilities, as few patches give
PROBABILITIES = np.clip(0.3 * TARGETS + RANDOM.random((60, 3)) * 0.7, 0, 1)
PROBABILITIES[:, 2] = np.round(PROBABILITIES[:, 2], 1)
THRESHOLDS = np.array([0.4, 0.5, 0.6])


def test_areas_are_those_of_scikit_learn():
    np.testing.assert_allclose(
        multi_label.score_roc_auc(TARGETS, PROBABILITIES), metrics.roc_auc_score(TARGETS, PROBABILITIES, average=None)
    )
    np.testing.assert_allclose(
        multi_label.score_average_precision(TARGETS, PROBABILITIES),
        metrics.average_precision_score(TARGETS, PROBABILITIES, average=None),
    )


def test_f_scores_are_those_of_scikit_learn():
    said = PROBABILITIES >= THRESHOLDS
    np.testing.assert_allclose(
        multi_label.score_f1(TARGETS, PROBABILITIES, THRESHOLDS), metrics.f1_score(TARGETS, said, average=None)
    )
    assert multi_label.score_instance_f(TARGETS, PROBABILITIES, THRESHOLDS) == pytest.approx(
        metrics.f1_score(TARGETS, said, average="samples", zero_division=1.0)
    )


def test_thresholds_have_the_best_f1_of_all():
    chosen = multi_label.choose_thresholds(TARGETS, PROBABILITIES)
    best = multi_label.score_f1(TARGETS, PROBABILITIES, chosen)
    for value in np.linspace(0, 1, 101):
        assert np.all(best >= multi_label.score_f1(TARGETS, PROBABILITIES, np.full(3, value)) - 1e-12)
    assert multi_label.choose_thresholds([[0], [0]], [[0.2], [0.9]]) == [0.5]  # a tag that no track has


def test_a_tag_that_no_track_has_or_all_have_is_not_known():
    targets, probabilities = np.array([[0, 1], [0, 1]]), np.array([[0.1, 0.2], [0.3, 0.4]])
    assert np.isnan(multi_label.score_roc_auc(targets, probabilities)).all()
    precision = multi_label.score_average_precision(targets, probabilities)
    assert np.isnan(precision[0])
    assert precision[1] == 1
    assert np.isnan(multi_label.score_f1(targets, probabilities, [0.5, 0.5])[0])


def test_intervals_hold_the_score_and_are_wider_over_artists():
    groups = np.arange(60) // 6
    found = multi_label.score_intervals(TARGETS, PROBABILITIES, groups)
    mean = multi_label.score_roc_auc(TARGETS, PROBABILITIES).mean()
    assert found["roc_auc"][0] < mean < found["roc_auc"][1]
    weights = next(draw_weights(groups))  # one draw by hand: tracks repeated as often as they were drawn
    rows = np.repeat(np.arange(60), weights[0].astype(int))
    expected = metrics.roc_auc_score(TARGETS[rows, 0], PROBABILITIES[rows, 0])
    assert multi_label._weigh_roc_auc(TARGETS[:, 0], PROBABILITIES[:, 0], weights[:1])[0] == pytest.approx(expected)
    expected = metrics.average_precision_score(TARGETS[rows, 0], PROBABILITIES[rows, 0])
    assert multi_label._weigh_precision(TARGETS[:, 0], PROBABILITIES[:, 0], weights[:1])[0] == pytest.approx(expected)
    assert multi_label.score_intervals(TARGETS, PROBABILITIES, np.zeros(60, int)) == {"roc_auc": None, "pr_auc": None}


def test_the_memory_of_intervals_grows_with_the_tracks_and_not_with_their_square():
    targets, probabilities = np.arange(4000)[:, None] % 2, np.random.default_rng(2).random((4000, 1))
    tracemalloc.start()
    try:
        assert multi_label.score_intervals(targets, probabilities, np.arange(4000))["roc_auc"] is not None
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6  # 4000 x 4000 numbers are 128 MB, and 2000 draws of them 64 MB


def test_intervals_are_percentiles_of_the_scores_of_each_draw():
    """All draws at once, as scikit-learn scores them."""
    groups = np.arange(60) // 3
    weights = np.concatenate(list(draw_weights(groups)))[:, :60]
    found = multi_label.score_intervals(TARGETS, PROBABILITIES, groups)
    areas = [multi_label._weigh_roc_auc(TARGETS[:, k], PROBABILITIES[:, k], weights) for k in range(3)]
    assert found["roc_auc"] == pytest.approx(np.percentile(np.mean(areas, axis=0), [2.5, 97.5]).tolist())
    for row in (0, 17, 1999):
        rows = np.repeat(np.arange(60), weights[row].astype(int))
        expected = metrics.roc_auc_score(TARGETS[rows], PROBABILITIES[rows], average=None)
        np.testing.assert_allclose([area[row] for area in areas], expected)


@pytest.mark.parametrize(
    ("targets", "probabilities", "message"),
    [
        ([[0.5]], [[0.5]], "targets: expected 0 or 1"),
        ([[1]], [[1.5]], "probabilities: expected from 0 to 1"),
        ([[1]], [[np.nan]], "probabilities: expected from 0 to 1"),
        ([[1, 0]], [[0.5]], "two arrays of one shape"),
        ([1], [0.5], "two arrays of one shape"),
    ],
)
def test_arrays_that_are_no_tags_are_refused(targets, probabilities, message):
    with pytest.raises(DataError, match=message):
        multi_label.score_roc_auc(targets, probabilities)


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_is_the_best_of_all(seed):
    draw = np.random.default_rng(seed)
    truth, rows = draw.integers(0, 2, (40, 2)), draw.integers(0, 12, (40, 2)) / 11  # with ties
    for k, found in enumerate(multi_label.choose_thresholds(truth, rows)):
        tried = [multi_label.score_f1(truth[:, [k]], rows[:, [k]], [value])[0] for value in np.unique(rows)]
        assert multi_label.score_f1(truth[:, [k]], rows[:, [k]], [found])[0] == max(tried)


def test_thresholds_of_many_tracks_take_no_long_time():
    draw = np.random.default_rng(0)
    start = time.monotonic()
    multi_label.choose_thresholds(draw.integers(0, 2, (50_000, 2)), draw.random((50_000, 2)))
    assert time.monotonic() - start < 5
