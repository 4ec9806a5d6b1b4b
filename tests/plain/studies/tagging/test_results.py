"""What a benchmark found: means over folds, another run's file, and the differences."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.files import write_json
from essentia_ldl.studies.tagging.cells import GROUPS, Entry, score_cell
from essentia_ldl.studies.tagging.results import FILE, SCORES, compare, gather, read_benchmark

VARIANTS = ("noise-10", "pitch-up-2")
DRAWS = {**dict.fromkeys(SCORES, np.linspace(0.2, 0.8, 101)), GROUPS: np.array([3])}


def test_folds_are_averaged(make_cell):
    cells = {Entry("crnn", fold): score_cell(make_cell(f"crnn-{fold}", fold), VARIANTS) for fold in range(3)}
    (name, row), *others = gather(cells, dict.fromkeys(cells, DRAWS)).items()
    assert (name, others, row["n_folds"], row["title"]) == ("crnn", [], 3, "CRNN")
    values = [scores["roc_auc"] for scores in cells.values()]
    assert row["scores"]["roc_auc"] == pytest.approx(np.mean(values))
    assert row["deviations"]["roc_auc"] == pytest.approx(np.std(values, ddof=1))
    noisy = [scores["variants"]["noise-10"]["roc_auc"] for scores in cells.values()]
    assert row["variants"]["noise-10"]["roc_auc"] == pytest.approx(np.mean(noisy))


def test_one_fold_has_no_deviation_and_networks_keep_their_order(make_cell):
    cells = {Entry(name, 0): score_cell(make_cell(f"{name}-0"), VARIANTS) for name in ("attention", "fcn")}
    found = gather(cells, dict.fromkeys(cells, DRAWS))
    assert list(found) == ["fcn", "attention"]
    assert found["fcn"]["deviations"] == {}


def test_a_tag_that_no_fold_can_score_has_none(make_cell):
    scores = score_cell(make_cell(), VARIANTS)
    scores["by_tag"]["busy"]["roc_auc"] = None
    cell = Entry("fcn", 0)
    assert gather({cell: scores}, {cell: DRAWS})["fcn"]["by_tag"]["busy"]["roc_auc"] is None


def test_intervals_are_of_the_mean_over_folds_and_of_differences_pair_by_pair(make_cell):
    cells = {
        Entry(name, fold): {**score_cell(make_cell(f"{name}-{fold}", fold), VARIANTS), "roc_auc": score}
        for name, score in (("fcn", 0.5), ("crnn", 0.7))
        for fold in (0, 1)
    }
    random = np.random.default_rng(0)
    same = {fold: random.random(1000) for fold in (0, 1)}  # what is hard for one network is hard for the other
    shift = {"fcn": 0.0, "crnn": 0.2}
    draws = {cell: {**DRAWS, **dict.fromkeys(SCORES, same[cell.fold] + shift[cell.network])} for cell in cells}
    draws[Entry("fcn", 0)] = {**draws[Entry("fcn", 0)], "pr_auc": np.full(1000, np.nan)}
    found = gather(cells, draws)
    expected = np.percentile((same[0] + same[1]) / 2, [2.5, 97.5])
    np.testing.assert_allclose(found["fcn"]["intervals"]["roc_auc"], expected)
    np.testing.assert_allclose(found["fcn"]["intervals"]["pr_auc"], np.percentile(same[1], [2.5, 97.5]))
    np.testing.assert_allclose(found["fcn"]["less_best"], [-0.2, -0.2])
    assert found["crnn"]["less_best"] is None
    assert found["crnn"]["n_groups"] == 2 * 3


def test_one_artist_tells_nothing_of_others(make_cell):
    cell = Entry("fcn", 0)
    found = gather({cell: score_cell(make_cell(), VARIANTS)}, {cell: {**DRAWS, **dict.fromkeys(SCORES, np.empty(0))}})
    assert found["fcn"]["intervals"] == dict.fromkeys(SCORES)


def test_two_runs_are_compared(found):
    other = copy.deepcopy(found)
    other["networks"]["fcn"]["scores"]["roc_auc"] -= 0.05
    other["networks"]["fcn"]["costs"]["ms_per_s"] *= 2
    other["settings"]["folds"] = 5
    del other["networks"]["crnn"]
    del found["networks"]["attention"]
    seen = compare(found, other)
    assert seen["networks"]["fcn"]["roc_auc"] == pytest.approx(0.05)
    assert seen["networks"]["fcn"]["ms_per_s"] == pytest.approx(0.5)
    assert (seen["only_ours"], seen["only_theirs"]) == (["crnn"], ["attention"])
    assert seen["settings"] == "folds 1 in place of 5"
    assert {seen["networks"]["musicnn"][key] for key in SCORES} == {0}


def test_another_run_is_read_by_file_or_folder(found, tmp_path):
    write_json(tmp_path / FILE, found)
    assert read_benchmark(tmp_path) == read_benchmark(str(tmp_path / FILE))


@pytest.mark.parametrize("other", [{}, {"networks": 3, "settings": {}}, {"networks": {"fcn": {"scores": {}}}}])
def test_what_is_no_benchmark_is_told(other, tmp_path):
    write_json(tmp_path / "x.json", other)
    with pytest.raises(DataError, match=r"against: expected the benchmark\.json of a benchmark"):
        read_benchmark(tmp_path / "x.json")
    with pytest.raises(StoreError):
        read_benchmark(tmp_path / "missing.json")
