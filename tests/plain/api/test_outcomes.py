"""Results as plain values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.api.outcomes import (
    CrossValidated,
    EvaluatedModel,
    PredictedFile,
    TrainedModel,
    WrittenPredictions,
    WrittenReport,
    as_plain,
)
from essentia_ldl.records import Failure

FAILURE = Failure("x.mp3", "predict", "x.mp3 is silent.")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(0.5), 0.5),
        (np.eye(2), [[1, 0], [0, 1]]),
        (Path("a") / "b", "a/b"),
        ({1: ("x", None)}, {"1": ["x", None]}),
        (FAILURE, {"path": "x.mp3", "step": "predict", "reason": "x.mp3 is silent."}),
        ("text", "text"),
    ],
)
def test_a_value_becomes_plain(value, plain):
    assert as_plain(value) == plain
    json.dumps(as_plain(value))


def test_a_training_is_a_dict():
    done = TrainedModel(Path("/r/1"), ("m",), {"valid": {"accuracy": 1.0}}, (FAILURE,))
    assert done.as_dict() == {
        "run": "/r/1",
        "models": ["m"],
        "scores": {"valid": {"accuracy": 1.0}},
        "failures": [as_plain(FAILURE)],
        "repeated": False,
    }


def test_a_cross_validation_leaves_its_tracks_out(collection):
    collection.failures = (FAILURE,)
    done = CrossValidated(Path("/r/1"), {"n_folds": 2}, collection, (), "f")
    assert done.as_dict() == {"run": "/r/1", "scores": {"n_folds": 2}, "failures": [as_plain(FAILURE)], "final": None}


def test_an_evaluation_and_a_report_are_dicts():
    assert EvaluatedModel(Path("/r"), {"accuracy": 1.0}, ()).as_dict()["folder"] == "/r"
    done = WrittenReport((), (), Path("/r/report.html"), Path("/r/audit.csv"))
    assert done.as_dict() == {"notes": [], "pictures": [], "page": "/r/report.html", "audit": "/r/audit.csv"}


def test_a_file_has_its_predictions_or_its_failure(make_prediction):
    one = PredictedFile.of([make_prediction(), make_prediction(model="party-1", notes=("padded",))])
    assert one.probabilities["sad-1"] == pytest.approx({"non_sad": 0.2, "sad": 0.8})
    plain = one.as_dict()
    assert list(plain["probabilities"]) == ["sad-1", "party-1"]
    assert (plain["path"], plain["failure"], plain["duration_s"]) == ("a.mp3", "", 4.5)
    assert plain["uncertainty"]["sad-1"] == {"predictive": 0.5}
    json.dumps(plain)
    bad = PredictedFile.of(FAILURE)
    assert (bad.path, bad.predictions, bad.failure) == ("x.mp3", (), "x.mp3 is silent.")
    assert bad.as_dict()["probabilities"] == {}


def test_what_was_written_says_where(check_html):
    done = WrittenPredictions(2, 1, path="out <1>.csv")
    assert done.as_dict() == {"n_failures": 2, "n_kept": 1, "n_noted": 0, "path": "out <1>.csv"}
    check_html(done._repr_html_())
    assert "out &lt;1&gt;.csv" in done._repr_html_()
    check_html(WrittenReport((), (), Path("/r/report.html"), Path("/r/audit.csv"))._repr_html_())
