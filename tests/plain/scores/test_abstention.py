"""Accuracy by coverage against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.scores.abstention import measure_coverage, tabulate


def rows(confidences, right):
    """Probabilities of two classes; truth is 0 where the answer is right."""
    confidence = np.array(confidences)
    return np.where(np.array(right), 0, 1), np.stack([confidence, 1 - confidence], axis=1)


def test_the_curve_counts_the_surest_tracks_first():
    curve = measure_coverage(*rows([0.6, 0.9, 0.8, 0.7], [False, True, True, False]))
    assert curve.confidence.tolist() == pytest.approx([0.9, 0.8, 0.7, 0.6])
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.accuracy.tolist() == pytest.approx([1, 1, 2 / 3, 0.5])
    assert curve.area == pytest.approx((1 + 1 + 2 / 3 + 0.5) / 4)
    assert curve.best_area == pytest.approx(curve.area)  # every right answer is surer than every wrong one
    assert curve.overall == 0.5


def test_tracks_of_one_confidence_are_answered_together():
    curve = measure_coverage(*rows([0.8, 0.8, 0.8, 0.6], [True, False, True, True]))
    assert curve.coverage.tolist() == [0.75, 1.0]
    assert curve.accuracy.tolist() == pytest.approx([2 / 3, 0.75])


def test_a_confidence_that_says_nothing_gains_nothing():
    curve = measure_coverage(*rows([0.7] * 8, [True, False] * 4))
    assert curve.area == curve.overall == 0.5
    assert curve.best_area > 0.5


@pytest.mark.parametrize("seed", range(4))
def test_the_area_lies_between_the_worst_and_the_best_ranking(seed):
    random = np.random.default_rng(seed)
    confidence, right = random.uniform(0.5, 1, 50), random.random(50) < 0.7
    curve = measure_coverage(*rows(confidence, right))
    best = measure_coverage(*rows(np.where(right, 0.9, 0.6) + 0.05 * confidence, right))
    worst = measure_coverage(*rows(np.where(right, 0.6, 0.9) + 0.05 * confidence, right))
    assert worst.area <= curve.area <= best.area
    assert best.area == pytest.approx(curve.best_area)


def test_order_does_not_matter_and_one_hot_truth_is_the_same():
    truth, probabilities = rows([0.6, 0.9, 0.8, 0.7], [False, True, True, False])
    curve, other = measure_coverage(truth, probabilities), measure_coverage(np.eye(2)[truth][::-1], probabilities[::-1])
    assert curve.accuracy.tolist() == other.accuracy.tolist()


def test_thresholds_are_those_of_min_confidence():
    curve = measure_coverage(*rows([0.6, 0.9, 0.8, 0.7], [False, True, True, False]))
    assert tabulate(curve, [0.0, 0.8, 0.95]) == [(0.0, 1.0, 0.5), (0.8, 0.5, 1.0), (0.95, 0.0, None)]
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert curve.accuracy.tolist() == pytest.approx([1, 1, 2 / 3, 0.5])


def test_a_threshold_above_one_is_refused():
    curve = measure_coverage(*rows([0.6], [True]))
    with pytest.raises(DataError, match="threshold: expected a probability; got 60"):
        tabulate(curve, [60])


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(DataError):
        measure_coverage(np.array([0, 1]), np.array([[0.5, 0.5]]))


def test_nobody_right_has_no_area():
    curve = measure_coverage(*rows([0.6, 0.7], [False, False]))
    assert curve.best_area == curve.area == 0
