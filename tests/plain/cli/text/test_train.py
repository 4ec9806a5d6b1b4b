"""A training as lines of text."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.cli.text.train import (
    describe_calibration,
    describe_models_made,
    describe_nested,
    describe_scores_of,
    describe_test,
    describe_training,
)
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.train.train import Trained

SIDE = {"balanced_accuracy": 0.75, "n_tracks": 8, "recall": {"non_sad": 1.0, "sad": None}}


def test_a_side_that_chose_the_epoch_is_said_to_be_on_the_high_side():
    (line,) = describe_scores_of({"valid": SIDE})
    start, end = "balanced accuracy 0.75 on 8 validation tracks", "; recall: non_sad 1.00"
    assert line == f"{start} (chosen by its best epoch, so on the high side){end}"
    assert describe_scores_of({"valid": {**SIDE, "chose_epoch": False}}) == [start + end]
    assert describe_scores_of({"test": SIDE}) == [f"balanced accuracy 0.75 on 8 test tracks{end}"]


def test_the_last_line_can_be_copied(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["/somewhere/python"])
    done = Trained(tmp_path / "runs" / "r", ("sad-1", "sad-head-1"), {}, ())
    assert describe_models_made(done, tmp_path / "graphs") == [
        "model: graphs/sad-1.pb and .json",
        "model: graphs/sad-head-1.pb and .json",
        "run: runs/r",
        "use it: essentia-ldl predict --model sad-1 track.mp3",
    ]


def test_calibration_is_told_where_there_is_one():
    scores = {"valid": {"n_tracks": 9}, "calibration": {"text": "T = 2", "valid": {"n_changed": 3}}}
    assert describe_calibration(scores) == [
        "calibration: T = 2",
        "calibration changes the class of 3 of 9 validation tracks",
    ]
    assert describe_calibration({}) == []


def test_a_test_side_is_shown_with_its_confusion():
    test = {**SIDE, "accuracy": 0.75, "confusion": [[4, 0], [2, 2]]}
    done = Trained(Path("/runs/r"), ("sad-1",), {"test": test}, ())
    lines = describe_training(done, Recipe("mood-sad", ("non_sad", "sad")), Path("/graphs"))
    assert lines[1:5] == describe_test(test, ("non_sad", "sad"))


def test_a_test_side_has_its_filewise_accuracy_and_its_confusion_in_percent():
    classes = ("Folk", "Instrumental", "Rock")
    score = {"accuracy": 0.625, "n_tracks": 8, "confusion": [[3, 1, 0], [1, 2, 1], [0, 0, 0]]}
    assert describe_test(score, classes) == [
        "filewise accuracy 0.6250: 5 of 8 test tracks right",
        "true / predicted, %   Folk  Instrumental   Rock  tracks",
        "Folk                    75            25      0       4",
        "Instrumental            25            50     25       4",
        "Rock                     -             -      -       0",
    ]


def test_calibration_on_tracks_that_nothing_has_seen_is_told():
    values = {"before": (0.1, 0.6), "after": (0.05, 0.5)}
    scored = {side: {"ece": {"value": ece}, "nll": {"value": nll}} for side, (ece, nll) in values.items()}
    told = {
        **{"balanced_accuracy_mean": 0.8, "balanced_accuracy_std": 0.1, "n_folds": 5, "grouped_by_artist": True},
        **{"recall": {"sad": 0.8}, "findings": [], "calibration": scored},
    }
    assert describe_nested(told)[1] == (
        "calibration on these tracks, fitted without them: ECE 0.100 -> 0.050, log loss 0.600 -> 0.500"
    )
