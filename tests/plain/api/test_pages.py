"""What a notebook shows: every number is there, every text is escaped, and nothing is asked for from elsewhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.api import pages
from essentia_ldl.api.outcomes import CrossValidated, EvaluatedModel, PredictedFile, TrainedModel
from essentia_ldl.records import Failure
from essentia_ldl.scores.reliability import measure

SIDE = {"n_tracks": 12, "balanced_accuracy": 0.875, "recall": {"non_sad": 0.75, "sad": 1.0}}
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def _diagram(monkeypatch):
    """Let every run have a diagram."""

    class Diagrams:
        name = "the validation tracks"
        overall = (measure(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])),)

    monkeypatch.setattr(pages, "read_results", lambda run, home: (run, home.root))
    monkeypatch.setattr(pages, "measure_diagrams", lambda results: Diagrams)


@pytest.mark.usefixtures("_diagram")
def test_a_training_shows_its_models_its_scores_and_a_diagram(check_html):
    failures = (Failure("a", "features", "silent"),)
    done = TrainedModel(Path("/h/runs/sad-1"), ("sad-musicnn-1",), {"valid": SIDE, "test": SIDE}, failures)
    text = done._repr_html_()
    tags = check_html(text)
    assert {"svg", "table", "h4"} <= set(tags)
    for words in ("sad-musicnn-1", "validation", "0.875", "0.750", "1.000", "files left out", "the validation tracks"):
        assert words in text
    assert "Reliability diagram" in text


def test_a_training_whose_run_is_gone_shows_its_scores(check_html, tmp_path):
    nested = {"n_tracks": 9, "balanced_accuracy_mean": 0.5, "recall": {"non_sad": None, "sad": 1.0}}
    text = TrainedModel(tmp_path / "runs" / "gone", ("m",), {"crossval": nested}, ())._repr_html_()
    assert "svg" not in check_html(text)
    assert "<td>–</td>" in text


@pytest.mark.usefixtures("_diagram")
def test_a_cross_validation_shows_every_row(check_html, collection):
    row = {
        "pooled": [{"recall": {"a": 0.5, "b": None}}, {"recall": {"a": 1.0, "b": None}}],
        "balanced_accuracy_mean": 0.75,
        "balanced_accuracy_std": 0.125,
    }
    scores = {"sources": {"none": row}, "baselines": {"logreg": row}, "classes": ["a", "b"], "n_tracks": 8}
    done = CrossValidated(Path("/h/runs/c"), {**scores, "n_folds": 5, "grouped_by_artist": True}, collection, (), "")
    text = done._repr_html_()
    assert "svg" in check_html(text)
    assert text.count("0.750") == 4
    assert text.count("0.750 ± 0.125") == 2
    assert "<td>yes</td>" in text
    assert "logreg" in text
    final = dataclasses.replace(done, final=TrainedModel(Path("/h/runs/f"), ("final-1",), {}, ()))
    assert "final-1" in final._repr_html_()


def test_an_evaluation_shows_intervals_and_the_diagram_of_its_predictions(check_html, tmp_path):
    scores = {
        **SIDE,
        "model": NASTY,
        "n_failed": 1,
        "accuracy": 0.9,
        "intervals": {"balanced_accuracy": [0.7, 0.95], "accuracy": None},
        "calibration": {"ece": {"value": 0.123}},
        "classes": ["non_sad", "sad"],
    }
    done = EvaluatedModel(tmp_path, scores, ())
    assert "svg" not in check_html(done._repr_html_())
    (tmp_path / "predictions.csv").write_text(
        "id,label,prediction,non_sad,sad\na,sad,sad,0.2,0.8\nb,non_sad,sad,0.4,0.6\n"
    )
    text = done._repr_html_()
    assert "svg" in check_html(text)
    assert "0.875 (0.700 to 0.950)" in text
    assert "0.123" in text
    assert NASTY not in text
    (tmp_path / "predictions.csv").write_text("id,label\na,other\n")
    assert "svg" not in check_html(done._repr_html_())


def test_a_file_shows_its_classes_the_most_probable_first(check_html, make_prediction):
    classes = [f"tag {n}" for n in range(20)]
    many = make_prediction(NASTY, "tagger", classes, np.linspace(0, 0.95, 20), ("padded",))
    text = PredictedFile.of([make_prediction(NASTY), many])._repr_html_()
    assert check_html(text).count("svg") == 2 + pages.N_CLASSES
    assert text.index(">sad<") < text.index(">non_sad<")
    assert "tag 19" in text
    assert "tag 3<" not in text
    assert "padded" in text
    assert NASTY not in text
    assert "silent &lt;b&gt;" in PredictedFile.of(Failure("a", "predict", "silent <b>"))._repr_html_()
