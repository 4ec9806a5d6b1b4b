"""scores.json and history.json: they read back as they were written, and damage is one sentence."""

from __future__ import annotations

import json

import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.files import read_json
from essentia_ldl.runs.folder import find_finished, tell_kind
from essentia_ldl.runs.outcome import (
    CROSSVAL,
    TRAIN,
    copy_history,
    read_history,
    read_scores,
    tell_outcome,
    write_history,
    write_scores,
)

SIDE = {
    "n_tracks": 3,
    "balanced_accuracy": 0.75,
    "accuracy": 2 / 3,
    "recall": {"a": 0.5, "b": None},
    "confusion": [[1, 1], [0, 1]],
}
ROW = {
    "balanced_accuracy_mean": 0.75,
    "balanced_accuracy_std": 0.1,
    "balanced_accuracy_pooled": 1,
    "own_mass_mean": None,
    "pooled": [SIDE],
    "folds": [SIDE, SIDE],
}
TRAINED = {"classes": ["a", "b"], "valid": {**SIDE, "chose_epoch": False}, "crossval": {"run": "x"}}
MEASURED = {
    "classes": ["a", "b"],
    "n_tracks": 6,
    "n_folds": 2,
    "n_repeats": 1,
    "leave_out": None,
    "seeds": [0],
    "grouped_by_artist": False,
    "warnings": [],
    "folds": [{"repeat": 0, "seed": 0, "fold": number, "held_out": None} for number in range(2)],
    "sources": {"none": ROW, "sa": ROW},
    "baselines": {"logreg": ROW},
    "baselines_left_out": {"mfcc-svm": "no MFCC"},
    "listeners": None,
    "comparisons": [],
    "findings": [],
}
EPOCHS = [{"epoch": 1, "learning_rate": 0.1, "train_loss": 2, "valid_loss": None, "valid_accuracy": None}]
HISTORY = {"loss": "mae", "best_epoch": 1, "stopped": "epochs", "epochs": EPOCHS}


@pytest.mark.parametrize(("scores", "kind"), [(TRAINED, TRAIN), (MEASURED, CROSSVAL), ({"networks": "wide"}, "")])
def test_scores_read_back_as_they_were(tmp_path, scores, kind):
    write_scores(tmp_path / "run", scores)
    assert read_scores(tmp_path / "run") == read_scores(tmp_path / "run", shown=True) == scores
    assert tell_outcome(scores) == kind


@pytest.mark.parametrize("text", ["[]", "null", "3", '"a"', "{", "", "[" * 100_000])
def test_scores_that_are_no_object_are_one_sentence(tmp_path, text):
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(StoreError, match=r"^file: expected .* \(.*scores\.json\)\. Delete it and run again\.$"):
        read_scores(tmp_path)


@pytest.mark.parametrize(
    ("changes", "what", "rule"),
    [
        ({"folds": 5}, "folds", "a list of objects"),
        ({"folds": {}}, "folds", "a list of objects"),
        ({"folds": ["0"]}, "folds", "a list of objects"),
        ({"folds": [{}]}, "folds.0.seed", "a whole number"),
        ({"folds": [{"seed": 0, "fold": 0}, {"seed": 0}]}, "folds.1.fold", "a whole number"),
        ({"folds": [{"seed": "../x", "fold": 0}]}, "folds.0.seed", "a whole number"),
        ({"folds": None}, "folds", "a list of objects"),
        ({"sources": []}, "sources", "an object of objects"),
        ({"sources": {"none": 3}}, "sources", "an object of objects"),
        ({"sources": {"none": {}}}, "sources.none.balanced_accuracy_mean", "a number"),
        (
            {"sources": {"none": {**ROW, "balanced_accuracy_mean": "x"}}},
            "sources.none.balanced_accuracy_mean",
            "a numb",
        ),
        ({"sources": {"none": {**ROW, "pooled": {}}}}, "sources.none.pooled", "a list of objects"),
        ({"sources": {"none": {**ROW, "pooled": [{**SIDE, "recall": 3}]}}}, "sources.none.pooled.0.recall", "an obj"),
        ({"baselines": {"x": {**ROW, "folds": [{**SIDE, "accuracy": None}]}}}, "baselines.x.folds.0.accuracy", "a n"),
        ({"baselines": 3}, "baselines", "an object of objects"),
        ({"classes": [1, 2]}, "classes", "a list of texts"),
        ({"valid": 3}, "valid", "an object"),
        ({"test": {**SIDE, "confusion": [1]}}, "test.confusion", "rows of whole numbers"),
        ({"calibration": []}, "calibration", "an object"),
        ({"crossval": "x"}, "crossval", "an object"),
        ({"comparisons": {}}, "comparisons", "a list of objects"),
        ({"n_repeats": "1"}, "n_repeats", "a whole number"),
        ({"seeds": 0}, "seeds", "a list of whole numbers"),
    ],
)
def test_damaged_scores_are_one_sentence(tmp_path, changes, what, rule):
    """Case C1: scores of another type."""
    write_scores(tmp_path / "cv", {**MEASURED, **changes})
    for read in (read_scores, tell_kind, lambda folder: find_finished("cv", folder.parent)):
        with pytest.raises(StoreError) as caught:
            read(tmp_path / "cv")
        message = str(caught.value)
        assert message.startswith(f"{what}: expected {rule}")
        assert "scores.json). Give its command again; " in message
        assert "\n" not in message


@pytest.mark.parametrize(
    ("scores", "what"),
    [
        ({"folds": [], "sources": {}}, "n_folds"),
        ({**MEASURED, "sources": {"none": {"balanced_accuracy_mean": 0.5}}}, "sources.none.balanced_accuracy_std"),
        ({**MEASURED, "baselines": {"x": {**ROW, "pooled": [{}]}}}, "baselines.x.pooled.0.n_tracks"),
        ({"classes": ["a", "b"], "test": {}}, "test.n_tracks"),
    ],
)
def test_what_a_report_needs_is_asked_for(tmp_path, scores, what):
    write_scores(tmp_path, scores)
    assert read_scores(tmp_path) == scores
    with pytest.raises(StoreError, match=rf"^{what}: expected .*; got 'nothing' \(.*scores\.json\)\. Give its command"):
        read_scores(tmp_path, shown=True)


def test_a_history_reads_back_and_is_copied(tmp_path):
    write_history(tmp_path / "one", HISTORY)
    assert read_history(tmp_path / "one") == read_history(tmp_path / "one", curves=True) == HISTORY
    copy_history(tmp_path / "one", tmp_path / "two")
    assert read_json(tmp_path / "two" / "history.json") == HISTORY


@pytest.mark.parametrize(
    ("changes", "only_curves"),
    [
        ({"best_epoch": None}, False),
        ({"best_epoch": 1.5}, False),
        ({"epochs": []}, False),
        ({"epochs": 3}, False),
        ({"epochs": [3]}, False),
        ({"epochs": [{}]}, False),
        ({"epochs": [{**EPOCHS[0], "learning_rate": "x"}]}, False),
        ({"epochs": [{**EPOCHS[0], "train_loss": None}]}, True),
        ({"epochs": [{"epoch": 1, "learning_rate": 0.1}]}, True),
        ({"loss": 3}, True),
    ],
)
def test_a_damaged_history_is_one_sentence(tmp_path, changes, only_curves):
    (tmp_path / "history.json").write_text(json.dumps({**HISTORY, **changes}))
    if only_curves:
        read_history(tmp_path)
    for curves in {only_curves, True}:
        with pytest.raises(StoreError, match=r"^history: expected .*best_epoch.* \(.*history\.json\)\. Delete"):
            read_history(tmp_path, curves)


def test_a_history_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StoreError, match=r"history\.json"):
        read_history(tmp_path)
    with pytest.raises(StoreError, match=r"history\.json"):
        copy_history(tmp_path, tmp_path / "two")
