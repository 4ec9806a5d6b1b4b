"""Do artist groups beat the genre: trainings sorted, differences and intervals against scipy, wrong rows told."""

from __future__ import annotations

import math

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.studies.artist_groups import comparison as comparison_module
from essentia_ldl.studies.artist_groups.comparison import RATIO, Kind, collect, compare, correct_holm

FIRST = (0.9, 0.8, 0.95, 0.85, 0.7)
SECOND = (0.85, 0.7, 0.96, 0.8, 0.65)


def make_row(targets="g", seed=0, log_loss=0.9, **changed):
    row = {"networks": "separate", "targets": targets, "split": "artist", "seed": seed, "log_loss": log_loss}
    row |= {"macro_f1": 1 - log_loss / 2, "accuracy": 0.5, "n_test": 30, "parameters": 1000}
    return row | changed


def make_rows(**changed):
    return [
        make_row(targets, seed, value, **changed)
        for targets, values in (("g", FIRST), ("gs", SECOND))
        for seed, value in enumerate(values)
    ]


def test_the_interval_of_one_split_is_that_of_the_paired_t_test():
    stats = pytest.importorskip("scipy.stats")
    (row,) = compare(make_rows(redrawn=False))
    expected = stats.ttest_rel(SECOND, FIRST)
    found = row["metrics"]["log_loss"]
    assert row["ratio"] == 0
    assert found["p"] == found["p_holm"] == pytest.approx(expected.pvalue)
    assert (found["low"], found["high"]) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found["difference"] == pytest.approx(np.mean(SECOND) - np.mean(FIRST))


@pytest.mark.parametrize(("changed", "ratio"), [({}, RATIO), ({"n_train": 120}, 0.25), ({"n_train": 0}, RATIO)])
def test_redrawn_splits_widen_the_interval_as_nadeau_and_bengio_do(changed, ratio):
    (plain,) = compare(make_rows(redrawn=False))
    (row,) = compare(make_rows(**changed))
    assert row["ratio"] == pytest.approx(ratio)
    for metric in ("log_loss", "macro_f1"):
        first, second = plain["metrics"][metric], row["metrics"][metric]
        widths = [one["high"] - one["low"] for one in (first, second)]
        assert widths[1] / widths[0] == pytest.approx(math.sqrt(1 + 5 * ratio))
        assert second["difference"] == first["difference"]
        assert second["p"] > first["p"]


def test_an_interval_and_its_p_agree_about_0():
    rng = np.random.default_rng(0)
    for shift in np.linspace(-0.1, 0.1, 21):
        rows = [make_row("g", seed, 0.8) for seed in range(5)]
        rows += [make_row("gm", seed, 0.8 + shift + rng.normal(0, 0.03)) for seed in range(5)]
        found = compare(rows)[0]["metrics"]["log_loss"]
        assert (found["low"] <= 0 <= found["high"]) == (found["p"] >= 0.05)


def test_only_seeds_that_both_have_are_compared_and_one_is_too_few():
    rows = [
        *make_rows(),
        make_row("gm", 3, 0.7),
        make_row("gm", 4, 0.6),
        make_row("gm", 9, 0.1),
        make_row("ge", 1, 0.5),
    ]
    found = {row["targets"]: row for row in compare(rows)}
    assert set(found) == {"gs", "gm"}
    assert found["gm"]["n_seeds"] == 2
    assert found["gm"]["metrics"]["log_loss"]["difference"] == pytest.approx((0.7 + 0.6 - 0.85 - 0.7) / 2)


def test_splits_are_compared_each_for_itself_and_the_baseline_is_a_choice():
    rows = make_rows() + [row | {"split": "stratified", "log_loss": 1.0} for row in make_rows()]
    assert [row["split"] for row in compare(rows)] == ["stratified", "artist"]
    assert compare(rows)[0]["metrics"]["log_loss"] == {"difference": 0, "low": 0, "high": 0, "p": 1, "p_holm": 1}
    (row,) = compare(make_rows(), baseline="gs")
    assert row["targets"] == "g"
    assert compare(make_rows(), baseline="gmdes") == []


def test_holm_is_that_of_the_textbook():
    assert correct_holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert correct_holm([0.6, 0.7]) == [1, 1]
    assert correct_holm([]) == []


def test_trainings_are_sorted_by_split_kind_and_seed():
    rows = [make_row("gmdes", 1, networks="shared"), make_row("g", 1), make_row("gmdes"), make_row("g")]
    rows += [make_row("g", networks="wide", n=3), make_row("g", networks="wide", n=2), make_row("g", split="album")]
    rows += [make_row("g", split="stratified"), make_row("m")]
    found = collect(rows)
    assert list(found) == ["stratified", "artist", "album"]
    assert list(found["artist"]) == [
        Kind("separate", "g", 1),
        Kind("separate", "m", 1),
        Kind("separate", "gmdes", 5),
        Kind("shared", "gmdes", 5),
        Kind("wide", "g", 2),
        Kind("wide", "g", 3),
    ]
    assert found["artist"][Kind("separate", "g", 1)].seeds == (0, 1)
    assert collect([]) == {"": {}}


def test_means_and_deviations_are_over_seeds():
    (kinds,) = collect(make_rows()).values()
    one = kinds[Kind("separate", "g", 1)]
    assert one.mean("log_loss") == pytest.approx(np.mean(FIRST))
    assert one.deviation("log_loss") == pytest.approx(np.std(FIRST, ddof=1))
    assert one.score == pytest.approx((np.mean(FIRST), 1 - np.mean(FIRST) / 2))
    (kinds,) = collect([make_row()]).values()
    assert kinds[Kind("separate", "g", 1)].deviation("log_loss") is None
    assert set(comparison_module.average_seeds(kinds)) == {("separate", "g")}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"networks": "mtn"}, r"networks: expected one of separate, shared, wide; got 'mtn' \(row 2\)"),
        ({"targets": "sg"}, "targets: expected letters of gmdes in this order, each once; got 'sg'"),
        ({"targets": "gg"}, "targets: expected letters of gmdes"),
        ({"targets": ""}, "targets: expected letters of gmdes"),
        ({"targets": "gx"}, "targets: expected letters of gmdes"),
        ({"networks": "wide"}, "n: expected 2 to 5; got None"),
        ({"networks": "wide", "n": 6}, "n: expected 2 to 5; got 6"),
        ({"log_loss": float("nan")}, "log_loss: expected a finite number; got nan"),
        ({"accuracy": None}, "accuracy: expected a finite number; got None"),
        ({"seed": "0"}, "seed: expected a whole number; got '0'"),
        ({"n_test": 0}, "n_test: expected a whole number of 1 or more; got 0"),
        ({"parameters": None}, "parameters: expected a whole number of 1 or more; got None"),
        ({}, r"training: expected each once; got 'separate g, artist split, seed 0' \(row 2\)"),
    ],
)
def test_a_wrong_row_is_told(changed, message):
    with pytest.raises(DataError, match=message):
        collect([make_row(), make_row(**changed)])


def test_a_missing_key_is_told():
    row = make_row()
    del row["macro_f1"]
    with pytest.raises(DataError, match=r"training: expected the keys networks, .*; got 'no macro_f1' \(row 1\)"):
        collect([row])
