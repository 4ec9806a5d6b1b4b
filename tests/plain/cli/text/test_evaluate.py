"""A model on another collection as lines of text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from essentia_ldl.cli.text.evaluate import describe_evaluation, describe_shares
from essentia_ldl.measure.evaluate import Evaluated
from essentia_ldl.records import Failure
from essentia_ldl.scores import listeners

LIMITS = {"level": 0.95, "n_artists": 3, "n_without_artist": 0, "balanced_accuracy": [0.5, 1.0], "accuracy": None}
SCORES = {
    "model": "m-1",
    "data": "/data",
    "mapping": {"gai": "non_sad", "sad": "sad", "x": "ignore"},
    "n_ignored": {"x": 2},
    "n_failed": 1,
    "n_seen_in_training": None,
    "classes": ["non_sad", "sad"],
    "n_tracks": 4,
    "balanced_accuracy": 0.75,
    "accuracy": 0.75,
    "recall": {"non_sad": 1.0, "sad": None},
    "confusion": [[2, 0], [1, 1]],
    "n_by_class": {"non_sad": 2, "sad": 2},
    "intervals": LIMITS,
}


def test_scores_intervals_and_what_was_left_out():
    done = Evaluated(Path("/out"), SCORES, (Failure("/a", "predict", "a is bad."),))
    assert describe_evaluation(done) == [
        "m-1 on /data: 4 tracks (2 non_sad, 2 sad), 1 failed",
        "labels: gai as non_sad",
        "ignored: 2 x",
        "balanced accuracy 0.750 (95% 0.500 to 1.000; n 4)",
        "accuracy 0.750 (no interval; n 4)",
        "intervals over 3 artists",
        "recall: non_sad 1.000 (n 2), sad - (n 2)",
        "true / predicted  non_sad  sad",
        "non_sad                 2    0",
        "sad                     1    1",
        "failed: a is bad.",
        "scores: /out/scores.json",
    ]


def test_what_makes_a_score_doubtful_is_a_warning():
    n_by_class, limits = {"non_sad": 4, "sad": 0}, {**LIMITS, "n_without_artist": 4}
    scores = {**SCORES, "n_seen_in_training": 2, "n_by_class": n_by_class, "intervals": limits}
    lines = describe_evaluation(Evaluated(Path("/out"), scores, ()))
    assert "WARNING: the model was made with 2 of these tracks: scores too high" in lines
    assert "WARNING: no track of sad: the balanced accuracy is over the other classes" in lines
    assert "4 tracks without artist: the intervals may be too narrow" in lines


def test_ranks_that_a_constant_does_not_have_are_told_as_a_dash():
    answers = listeners.Answers(np.array([0.1, 0.2, 0.7, 1.0]), ("non_sad", "sad"), 1)
    scores = listeners.score_shares(answers, np.full((4, 2), 0.5), np.array([0, 0, 1, 1]), np.arange(4))
    lines = describe_shares(scores)
    assert lines[0] == "listeners: share of sad on 4 tracks, mean 0.500; mean of the model 0.500"
    assert "all - (n 4)" in lines[-1]
