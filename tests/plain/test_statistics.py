"""Tests of fold scores, against scipy.stats and closed forms, and the tables made of them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.statistics import (
    compare_all,
    compare_corrected,
    compare_independent,
    compare_paired,
    describe_scores,
)


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
    with pytest.raises(DataError, match=r"one a fold in both lists; got \(2, 3\)"):
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


# --- tables ---------------------------------------------------------------------------------------------------------


def make_scores(**changes) -> dict:
    def source(*values):
        folds = [{"balanced_accuracy": value} for value in values]
        pooled = [{"balanced_accuracy": values[0], "recall": {"a": 0.25, "b": 0.75}}]
        mean = float(np.mean(values))
        names = ("balanced_accuracy_mean", "balanced_accuracy_std", "balanced_accuracy_pooled")
        return {**dict(zip(names, (mean, 0.1, values[0]), strict=True)), "pooled": pooled, "folds": folds}

    fold = {"n_train": 6, "n_valid": 2, "n_test": 4, "held_out": None}
    scores = {
        "task": "t",
        "classes": ["a", "b"],
        "n_tracks": 12,
        "class_counts": {"a": 5, "b": 7},
        "n_folds": 2,
        "n_repeats": 1,
        "leave_out": None,
        "seeds": [0],
        "grouped_by_artist": True,
        "warnings": [],
        "folds": [fold, {**fold, "n_test": 5}],
        "sources": {"none": source(0.5, 0.7), "sa": source(0.6, 0.9)},
        "baselines": {"logreg": source(0.61, 0.62)},
        "baselines_left_out": {"mfcc-svm": "MFCC: expected those of every track."},
        **changes,
    }
    values = {n: [f["balanced_accuracy"] for f in s["folds"]] for n, s in scores["sources"].items()}
    return {**scores, "comparisons": compare_all(values, "none", 0.5)}


def test_the_table_shows_every_row_and_why_one_is_missing():
    lines = describe_scores(make_scores())
    assert lines[0] == "t: 2 folds, grouped by artist"
    assert lines[1].startswith("12 tracks (5 a, 7 b); a fold trains on 6, validates on 2, tests on 4 to 5; seeds 0")
    assert [line.split()[0] for line in lines[3:8]] == ["none", "sa", "baselines,", "logreg", "mfcc-svm"]
    assert lines[3].split()[1:] == ["0.600", "+-", "0.100", "0.500", "0.250", "0.750"]
    assert lines[7].endswith("left out: MFCC: expected those of every track.")
    assert lines[8].startswith("against none")
    assert lines[9].split()[:2] == ["sa", "+0.150"]
    assert "df 2, as in the paper; paired: the same folds, df 1" in lines[-1]


def test_the_table_says_what_is_not_grouped_and_what_was_left_out():
    folds = [{"n_train": 6, "n_valid": 2, "n_test": 4, "held_out": value} for value in ("pop", "classical")]
    warning = "NOT grouped by artist: …"
    scores = make_scores(grouped_by_artist=False, warnings=[warning], leave_out="genre", folds=folds)
    scores["sources"]["sa"]["pooled"][0]["recall"]["a"] = None
    lines = describe_scores(scores)
    assert lines[:2] == ["t: 2 folds, each a genre left out", warning]
    assert lines[5].split()[5:] == ["-", "0.750"], "a class that no test side has"
    start = next(number for number, line in enumerate(lines) if line.startswith("left out"))
    assert lines[start].split() == ["left", "out", "pop", "classical"]
    assert lines[start + 1].split() == ["none", "0.500", "0.700"]
