"""Cells: what a trained network said is scored against scikit-learn, and Essentia has to have said the same."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from essentia_ldl.arrays import read_arrays
from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.files import write_json
from essentia_ldl.runs.predictions import Predictions, read_predictions, write_predictions
from essentia_ldl.scores.bootstrap import find_interval
from essentia_ldl.scores.multi_label import score_intervals
from essentia_ldl.studies.tagging.cells import Entry, draw_cell, read_cells, score_cell, score_means
from essentia_ldl.studies.tagging.results import SCORES as SHOWN

VARIANTS = ("noise-10", "pitch-up-2")


def test_scores_are_those_of_scikit_learn(make_cell):
    folder = make_cell()
    scores, tested = score_cell(folder, VARIANTS), read_predictions(folder).select("test")
    assert scores["roc_auc"] == pytest.approx(roc_auc_score(tested.truth, tested.probabilities))
    assert scores["pr_auc"] == pytest.approx(average_precision_score(tested.truth, tested.probabilities))
    assert scores["tracks_map"] == pytest.approx(scores["pr_auc"])
    assert (scores["n_train"], scores["n_test"], scores["parameters"]) == (6, 12, 10)
    assert (scores["training_s"], scores["ms_per_s"]) == (12.5, 2.5)
    assert list(scores["by_tag"]) == ["bright", "busy", "loud"]


def test_variants_are_matched_by_track(make_cell):
    folder = make_cell()
    answers, tested = read_arrays(folder / "variants.npz", "variants"), read_predictions(folder).select("test")
    truth = dict(zip(tested.ids, tested.truth, strict=True))
    expected = roc_auc_score([truth[name] for name in answers["ids"]], answers["noise-10"])
    assert score_cell(folder, VARIANTS)["variants"]["noise-10"]["roc_auc"] == pytest.approx(expected)


def test_a_graph_that_says_otherwise_is_refused(make_cell):
    folder = make_cell()
    answers = read_arrays(folder / "variants.npz", "variants")
    answers["original"][3, 1] += 0.2
    np.savez(folder / "variants.npz", **answers)
    with pytest.raises(StoreError, match=r"answers in Essentia: expected those of the trained network within 0\.001"):
        score_cell(folder, VARIANTS)


def test_a_tag_without_tracks_is_left_out_of_the_means():
    truth = np.array([[0, 0], [1, 0]])
    assert score_means(truth, np.array([[0.1, 0.5], [0.9, 0.5]])) == {"roc_auc": 1.0, "pr_auc": 1.0}


def test_what_has_scores_is_done(tmp_path):
    one, other = Entry("fcn", 0), Entry("crnn", 1)
    one.folder(tmp_path).mkdir()
    write_json(one.folder(tmp_path) / "scores.json", {"roc_auc": 0.5})
    assert [one.is_done(tmp_path), other.is_done(tmp_path)] == [True, False]
    assert read_cells(tmp_path, [one, other]) == {one: {"roc_auc": 0.5}}


def test_test_tracks_that_tell_nothing_are_refused(make_cell):
    folder = make_cell()
    found = read_predictions(folder)
    same = np.ones_like(found.truth)
    write_predictions(
        folder, Predictions(found.ids, found.roles, found.labels, found.classes, found.probabilities, truth=same)
    )
    with pytest.raises(DataError, match="test tracks: expected a tag that some of them have and others have not"):
        score_cell(folder, VARIANTS)


def test_scores_on_draws_are_those_of_whole_artists_and_are_kept(make_cell, tmp_path):
    folder, cell = make_cell("fcn-0"), Entry("fcn", 0)
    tested = read_predictions(folder).select("test")
    artists = {str(name): f"artist {number // 3}" for number, name in enumerate(tested.ids)}
    found = draw_cell(cell, tmp_path, artists)
    groups = np.arange(len(tested.ids)) // 3
    expected = score_intervals(tested.truth, tested.probabilities, groups)["roc_auc"]
    areas = found["roc_auc"]
    assert find_interval(areas[np.isfinite(areas)]) == expected
    assert set(found) == {*SHOWN, "n_groups"}
    assert found["n_groups"].tolist() == [4]
    again = draw_cell(cell, tmp_path, {})
    np.testing.assert_array_equal(again["pr_auc"], found["pr_auc"])
    (folder / "draws.npz").unlink()
    alone = draw_cell(cell, tmp_path, {})["roc_auc"]
    assert not np.array_equal(alone, found["roc_auc"]), "tracks of unknown artists are drawn one by one"
