"""Scores of predictions: closed forms, and each side of a run apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.files import write_json
from essentia_ldl.runs.score import choose_best, score_predictions, score_run


def test_scores_are_those_of_the_closed_form():
    targets = np.array([0, 0, 0, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
    assert score_predictions(targets, probabilities, ["non_sad", "sad"]) == {
        "n_tracks": 4,
        "balanced_accuracy": pytest.approx((2 / 3 + 1) / 2),
        "accuracy": 0.75,
        "recall": {"non_sad": pytest.approx(2 / 3), "sad": 1.0},
        "confusion": [[2, 1], [0, 1]],
    }


def test_a_class_without_a_track_has_no_recall_and_the_scores_are_json():
    scores = score_predictions(np.array([0, 0]), np.array([[0.9, 0.1], [0.2, 0.8]]), ["a", "b"])
    assert scores["recall"] == {"a": 0.5, "b": None}
    assert scores["balanced_accuracy"] == 0.5
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


PLAN = {
    **{"task": "mood-sad", "name": "mood sad", "description": "", "front_end": "musicnn", "training": {"epochs": 1}},
    **{"network": {"backbone": "musicnn", "pretrained": "msd"}, "store": "store", "graphs": "graphs"},
    **{"classes": ["non_sad", "sad"], "tracks": [{"id": "t0", "content": "0", "role": "train", "label": "sad"}]},
}


def write_predictions(
    run: Path, roles: list[str], labels: list[str], probabilities: list[list[float]], **more: np.ndarray
) -> None:
    run.mkdir(parents=True, exist_ok=True)
    np.savez(
        run / "predictions.npz",
        ids=np.array([f"t{n}" for n in range(len(roles))]),
        roles=np.array(roles),
        labels=np.array(labels),
        probabilities=np.array(probabilities, dtype=np.float32),
        classes=np.array(["non_sad", "sad"]),
        **more,
    )


def test_a_run_is_scored_on_each_side_apart(tmp_path):
    write_json(tmp_path / "plan.json", PLAN)
    good, bad = [0.9, 0.1], [0.1, 0.9]
    roles = ["train", "valid", "valid", "train", "test", "test"]
    labels = ["sad", "non_sad", "sad", "sad", "non_sad", "sad"]
    write_predictions(tmp_path, roles, labels, [good, good, good, good, bad, good])
    scores = score_run(tmp_path)
    assert scores["classes"] == ["non_sad", "sad"]
    assert scores["valid"]["n_tracks"] == 2
    assert scores["valid"]["recall"] == {"non_sad": 1.0, "sad": 0.0}
    assert scores["test"]["balanced_accuracy"] == 0.0
    assert "train" not in scores


def test_a_side_without_tracks_has_no_score(tmp_path):
    write_json(tmp_path / "plan.json", PLAN)
    write_predictions(tmp_path, ["train", "train"], ["sad", "non_sad"], [[1, 0], [0, 1]])
    assert score_run(tmp_path) == {"classes": ["non_sad", "sad"]}


def test_the_best_labels_are_the_first_of_equals():
    rows = {"none": 0.5, "sa": 0.7, "sb": 0.7}
    assert choose_best({"sources": {name: {"balanced_accuracy_mean": value} for name, value in rows.items()}}) == "sa"
