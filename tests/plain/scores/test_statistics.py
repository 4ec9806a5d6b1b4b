"""Tests of fold scores, against scipy.stats and closed forms."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.scores.statistics import compare_all, compare_corrected, compare_independent, compare_paired


def draw_scores(seed: int, n: int) -> list[float]:
    return np.random.default_rng(seed).uniform(0.5, 0.9, n).tolist()


@pytest.mark.parametrize(("n_first", "n_second"), [(5, 5), (10, 10), (2, 7), (15, 3)])
def test_the_independent_test_is_scipys_with_the_papers_degrees_of_freedom(n_first, n_second):
    from scipy.stats import ttest_ind

    first, second = draw_scores(1, n_first), draw_scores(2, n_second)
    result, golden = compare_independent(first, second), ttest_ind(second, first)
    assert result.t == pytest.approx(golden.statistic, rel=1e-10)
    assert result.p == pytest.approx(golden.pvalue, rel=1e-10)
    assert result.df == golden.df == n_first + n_second - 2


@pytest.mark.parametrize("n", [2, 5, 30])
def test_the_paired_test_is_scipys(n):
    from scipy.stats import ttest_rel

    first, second = draw_scores(3, n), draw_scores(4, n)
    result, golden = compare_paired(first, second), ttest_rel(second, first)
    assert (result.t, result.p) == (pytest.approx(golden.statistic), pytest.approx(golden.pvalue))
    assert result.df == golden.df == n - 1


def test_the_corrected_test_by_hand():
    # d = 0.02 0.04 0.06: mean 0.04, s = 0.02; error = 0.02 sqrt(1/3 + 1/4); df 2, whose p is 1 - t / sqrt(2 + t^2)
    result = compare_corrected([0.5, 0.6, 0.7], [0.52, 0.64, 0.76], 0.25)
    t = 0.04 / (0.02 * math.sqrt(1 / 3 + 1 / 4))
    assert (result.t, result.df) == (pytest.approx(t), 2)
    assert result.p == pytest.approx(1 - t / math.sqrt(2 + t**2))


def test_the_correction_never_makes_a_difference_surer():
    for seed in range(20):
        first, second = draw_scores(seed, 10), draw_scores(seed + 100, 10)
        p = [compare_corrected(first, second, ratio).p for ratio in (0.0, 0.1, 0.25, 1.0)]
        assert p == sorted(p)
        assert p[0] == compare_paired(first, second).p


@pytest.mark.parametrize("compare", [compare_independent, compare_paired])
def test_order_turns_the_sign_only(compare):
    first, second = draw_scores(5, 6), draw_scores(6, 6)
    one, two = compare(first, second), compare(second, first)
    assert one.t == pytest.approx(-two.t)
    assert one.p == pytest.approx(two.p)


@pytest.mark.parametrize("compare", [compare_independent, compare_paired])
@pytest.mark.filterwarnings("error")
def test_scores_without_deviation_have_an_answer(compare):
    same = compare([0.7] * 5, [0.7] * 5)
    assert (same.t, same.p) == (0.0, 1.0)
    higher = compare([0.7] * 5, [0.8] * 5)
    assert (higher.t, higher.p) == (math.inf, 0.0)
    assert higher.as_dict()["t"] is None, "json has no infinity"
    assert compare([0.8] * 5, [0.7] * 5).t == -math.inf


def test_a_constant_gain_is_not_a_matter_of_rounding():
    first = [0.1, 0.2, 0.3, 0.7]
    assert compare_paired(first, [score + 0.1 for score in first]).p == 0.0


def test_one_fold_cannot_be_tested():
    for result in (compare_independent([0.5], [0.6]), compare_paired([0.5], [0.6])):
        assert math.isnan(result.p)
        assert result.as_dict() == {"t": None, "df": 0, "p": None}


def test_scores_that_cannot_be_compared_are_refused():
    with pytest.raises(DataError, match=r"one per fold in both lists; got \(2, 3\)"):
        compare_paired([0.5, 0.6], [0.5, 0.6, 0.7])
    with pytest.raises(DataError, match="list of finite numbers"):
        compare_independent([0.5, math.nan], [0.5, 0.6])
    with pytest.raises(DataError, match="ratio: expected 0 or more; got -1"):
        compare_corrected([0.5, 0.6], [0.5, 0.7], -1)


def test_every_row_is_compared_with_the_reference():
    scores = {"none": draw_scores(7, 5), "sa": draw_scores(8, 5), "logreg": draw_scores(9, 5)}
    rows = compare_all(scores, "none", 0.25)
    assert [(row["name"], row["against"]) for row in rows] == [("sa", "none"), ("logreg", "none")]
    assert rows[0]["difference"] == pytest.approx(np.mean(scores["sa"]) - np.mean(scores["none"]))
    assert (rows[0]["independent"]["df"], rows[0]["paired"]["df"], rows[0]["corrected"]["df"]) == (8, 4, 4)
    assert rows[0]["corrected"]["p"] > rows[0]["paired"]["p"]
    json.dumps(rows, allow_nan=False)
