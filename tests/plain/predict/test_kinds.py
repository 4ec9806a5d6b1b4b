"""What predictions of tags and numbers hold beside the outputs of a graph."""

from __future__ import annotations

import json

import numpy as np
import pytest

from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model
from essentia_ldl.predict.ask import Question
from essentia_ldl.predict.kinds import describe_kind, describe_uncertainty, list_intervals, list_tags, write_numbers
from essentia_ldl.predict.write import Writer
from essentia_ldl.records import Prediction

TYPES = {
    "single_label": "multi-class classifier",
    "multi_label": "multi-label classifier",
    "regression": "regression model",
}


def make_card(kind, calibration=None, classes=("guitar", "rock")):
    return GraphCard(
        {
            "name": "x",
            "type": TYPES[kind],
            "classes": list(classes),
            "schema": {
                "inputs": [{"name": "model/Placeholder", "shape": [187, 96]}],
                "outputs": [{"name": "model/Sigmoid", "output_purpose": "predictions", "shape": [2]}],
            },
            "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN"},
            "essentia_ldl": {} if calibration is None else {"calibration": calibration},
        }
    )


def make_prediction(values, classes=("guitar", "rock")):
    rows = np.array([values], dtype=np.float32)
    return Prediction("a.mp3", "model", classes, rows[0], rows, 3.0)


def write(form, kind, values, calibration=None, **asked):
    parts = []
    card = make_card(kind, calibration)
    model = Model("model", None, card)
    writer = Writer(parts.append, form, [model], Question(**asked))
    writer.add([make_prediction(values)])
    writer.close()
    return "".join(parts)


@pytest.mark.parametrize("kind", TYPES)
def test_a_card_tells_its_kind(kind):
    assert make_card(kind).kind == kind


def test_a_track_has_the_tags_that_reach_their_thresholds():
    prediction = make_prediction([0.4, 0.6])
    assert list_tags(prediction, make_card("multi_label")) == ["rock"]
    found = list_tags(prediction, make_card("multi_label", {"thresholds": {"guitar": 0.3, "rock": 0.5}}))
    assert found == ["rock", "guitar"]
    for broken in ("none", {"thresholds": "none"}, {"thresholds": {"guitar": "low"}}):
        assert list_tags(prediction, make_card("multi_label", broken)) == ["rock"]


def test_numbers_have_intervals_in_the_order_of_their_dimensions():
    card = make_card("regression", {"half_widths": {"guitar": 1.0}})
    prediction = make_prediction([-2.5, 30.0])
    assert list_intervals(prediction, card) == {"guitar": (-3.5, -1.5)}
    assert write_numbers(prediction, card) == "guitar -2.5 (-3.5 to -1.5)   rock 30"


def test_json_has_tags_or_numbers():
    calibration = {"thresholds": {"guitar": 0.3}, "half_widths": {"guitar": 1.0}}
    tags = json.loads(write("json", "multi_label", [0.4, 0.75], calibration))[0]
    assert (tags["probabilities"], tags["tags"]) == ({"guitar": 0.4, "rock": 0.75}, ["rock", "guitar"])
    numbers = json.loads(write("json", "regression", [0.5, 2.0], calibration))[0]
    assert numbers["numbers"] == {"guitar": 0.5, "rock": 2.0}
    assert numbers["intervals"] == {"guitar": [-0.5, 1.5]}
    assert "probabilities" not in numbers
    assert set(describe_kind(make_prediction([0.5, 0.5]), make_card("single_label"))) == {"probabilities"}


def test_text_says_which_tags_a_track_has_and_ranks_no_numbers():
    assert "tags: rock" in write("text", "multi_label", [0.4, 0.75])
    assert "tags: none" in write("text", "multi_label", [0.4, 0.3])
    assert write("text", "regression", [0.5, 2.0]).endswith("model   guitar 0.5   rock 2\n")


def test_csv_has_the_same_columns_for_every_kind():
    lines = write("csv", "regression", [0.5, -2.0]).splitlines()
    assert lines == ["path,model,class,probability", "a.mp3,model,guitar,0.500000", "a.mp3,model,rock,-2.000000"]


@pytest.mark.parametrize("kind", ["multi_label", "regression"])
def test_no_label_and_no_entropy_of_what_is_no_distribution(kind):
    found = json.loads(write("json", kind, [0.5, 0.5], uncertainty=True, min_confidence=0.1))[0]
    assert found["label"] is None
    assert set(found["uncertainty"].values()) == {None}
    known = describe_uncertainty(make_prediction([0.5, 0.5]), make_card("single_label"))
    assert known["entropy"] == pytest.approx(np.log(2))
