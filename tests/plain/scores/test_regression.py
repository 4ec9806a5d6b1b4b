"""Scores of numbers against scikit-learn, scipy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn import metrics

from essentia_ldl.errors import DataError
from essentia_ldl.scores import regression

RANDOM = np.random.default_rng(0)
TARGETS = RANDOM.normal(5, 2, (50, 2))
ESTIMATES = 0.6 * TARGETS + RANDOM.normal(1, 1, (50, 2))


def test_scores_are_those_of_other_libraries():
    found = regression.score_numbers(TARGETS, ESTIMATES)
    assert tuple(found) == regression.NAMES
    for k in range(2):
        truth, said = TARGETS[:, k], ESTIMATES[:, k]
        assert found["r2"][k] == pytest.approx(metrics.r2_score(truth, said))
        assert found["pearson"][k] == pytest.approx(pearsonr(truth, said)[0])
        assert found["mae"][k] == pytest.approx(metrics.mean_absolute_error(truth, said))
        assert found["rmse"][k] == pytest.approx(metrics.root_mean_squared_error(truth, said))
        bias = (truth.mean() - said.mean()) ** 2  # Lin 1989, equation 4
        expected = 2 * np.cov(truth, said, ddof=0)[0, 1] / (truth.var() + said.var() + bias)
        assert found["ccc"][k] == pytest.approx(expected)


def test_the_mean_has_an_r2_of_zero_and_no_correlation():
    found = regression.score_numbers(TARGETS, np.tile(TARGETS.mean(axis=0), (50, 1)))
    np.testing.assert_allclose(found["r2"], 0, atol=1e-12)
    np.testing.assert_allclose(found["ccc"], 0, atol=1e-12)
    assert np.isnan(found["pearson"]).all()
    same = regression.score_numbers(np.ones((4, 1)), np.zeros((4, 1)))
    assert np.isnan(same["r2"]).all()
    assert same["mae"] == 1


def test_a_shift_costs_concordance_and_not_correlation():
    found = regression.score_numbers(TARGETS, TARGETS + 3)
    np.testing.assert_allclose(found["pearson"], 1)
    assert np.all(found["ccc"] < 0.6)
    assert np.all(found["r2"] < 0)


def test_intervals_hold_the_score():
    groups = np.arange(50) // 5
    found = regression.score_intervals(TARGETS, ESTIMATES, groups)
    scores = regression.score_numbers(TARGETS, ESTIMATES)
    for name in regression.NAMES:
        assert found[name][0] < scores[name].mean() < found[name][1], name
    assert regression.score_intervals(TARGETS, ESTIMATES, np.zeros(50, int))["r2"] is None


@pytest.mark.parametrize(
    ("estimates", "message"), [([[np.nan]], "expected finite ones"), ([[1, 2]], "two arrays of one shape")]
)
def test_arrays_that_do_not_fit_are_refused(estimates, message):
    with pytest.raises(DataError, match=message):
        regression.score_numbers([[1.0]], estimates)
