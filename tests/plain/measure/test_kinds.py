"""Tags and numbers over folds, and of an exported graph."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError, UnknownNameError
from essentia_ldl.measure import evaluate
from essentia_ldl.measure.kinds import (
    compare_kind_rows,
    gather_kind_row,
    match_tracks,
    score_model,
    summarize_kind,
    write_answers,
)
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model
from essentia_ldl.records import Split, Track
from essentia_ldl.runs.folder import Fold
from essentia_ldl.runs.predictions import Predictions, write_predictions
from essentia_ldl.scores import multi_label
from essentia_ldl.scores.calibration import FILE
from essentia_ldl.scores.kind_calibration import fit_platt, write_kind_calibration

TAGS = ("guitar", "rock")
RANDOM = np.random.default_rng(0)


def make_card(kind, classes, calibration=None):
    types = {"multi_label": "multi-label classifier", "regression": "regression model"}
    return GraphCard(
        {
            "name": "x",
            "type": types[kind],
            "classes": list(classes),
            "schema": {
                "inputs": [{"name": "model/Placeholder", "shape": [200]}],
                "outputs": [{"name": "model/Sigmoid", "output_purpose": "predictions", "shape": [len(classes)]}],
            },
            "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredict2D"},
            "essentia_ldl": {"calibration": calibration or {}},
        }
    )


@pytest.fixture
def folds(tmp_path):
    """Two folds, whose cells hold what was said of twenty tracks each."""
    found = []
    for number in range(2):
        ids = tuple(f"{number}-{n}" for n in range(20))
        fold = Fold(0, 0, number, None, Split(("other",), (), ids))
        truth = RANDOM.integers(0, 2, (20, 2)).astype(np.float32)
        logits = (2 * truth - 1 + RANDOM.normal(0, 1, (20, 2))).astype(np.float32)
        for name, shift in (("none", 0.0), ("sa", 2.0)):
            said = (logits - shift * (1 - 2 * truth)).astype(np.float32)
            cell = fold.cell(tmp_path, name)
            write_predictions(
                cell,
                Predictions(
                    ids=np.array(ids),
                    roles=np.array(["test"] * 20),
                    labels=np.array([""] * 20),
                    classes=np.array(TAGS),
                    probabilities=1 / (1 + np.exp(-said)),
                    patch_logits=said,
                    n_patches=np.ones(20, int),
                    truth=truth,
                ),
            )
            write_kind_calibration(cell / FILE, fit_platt(truth, said, np.ones(20, int), TAGS))
        found.append(fold)
    return tmp_path, found


def test_a_row_has_each_fold_their_mean_and_all_pooled(folds):
    run, cells = folds
    row = gather_kind_row(run, "multi_label", TAGS, "none", cells, {})
    values = [fold["roc_auc"] for fold in row["folds"]]
    assert row["roc_auc_mean"] == pytest.approx(np.mean(values))
    assert row["roc_auc_std"] == pytest.approx(np.std(values, ddof=1))
    assert row["pooled"][0]["n_tracks"] == 40
    assert row["roc_auc_pooled"] == row["pooled"][0]["roc_auc"]
    summary = summarize_kind("multi_label", row)
    assert (summary["kind"], summary["roc_auc"]) == ("multi_label", row["roc_auc_pooled"])


def test_rows_are_compared_on_their_folds(folds):
    run, cells = folds
    rows = {name: gather_kind_row(run, "multi_label", TAGS, name, cells, {}) for name in ("none", "sa")}
    sizes = {"n_test": 20, "n_train": 60, "n_valid": 20}
    found = compare_kind_rows("multi_label", {"sources": rows, "folds": [sizes, sizes]})
    assert [(one["name"], one["against"]) for one in found] == [("sa", "none")]
    assert found[0]["difference"] == pytest.approx(rows["sa"]["roc_auc_mean"] - rows["none"]["roc_auc_mean"])
    assert compare_kind_rows("multi_label", {"sources": {"none": rows["none"]}, "folds": [sizes]}) == []


def test_a_graph_is_scored_with_the_thresholds_of_its_card():
    tracks = [Track(f"{n}", f"/{n}", "", tags=tags) for n, tags in enumerate((("rock",), (), ("guitar", "rock"), ()))]
    answers = np.array([[0.1, 0.6], [0.2, 0.4], [0.9, 0.8], [0.3, 0.5]])
    card = make_card("multi_label", TAGS, {"thresholds": {"guitar": 0.5, "rock": 0.7}})
    score = score_model(card, match_tracks(tracks, card, "here"), answers)
    assert score["roc_auc"] == 1
    truth = np.array([[0, 1], [0, 0], [1, 1], [0, 0]])
    assert score["f1"] == pytest.approx(multi_label.score_f1(truth, answers, [0.5, 0.7]).mean())


def test_a_graph_of_numbers_is_scored_with_its_intervals():
    tracks = [Track(f"{n}", f"/{n}", "", numbers={"x": float(n)}) for n in range(4)]
    card = make_card("regression", ("x",), {"half_widths": {"x": 0.6}})
    score = score_model(card, tracks, np.array([[0.5], [1.0], [2.0], [4.0]]))
    assert score["coverage"] == 0.75
    assert score["mae"] == pytest.approx(1.5 / 4)


def test_a_collection_of_another_kind_or_without_its_tags_is_refused():
    card = make_card("multi_label", TAGS)
    with pytest.raises(DataError, match="expected tracks of the kind multi_label; got 'single_label'"):
        match_tracks([Track("a", "/a", "rock")], card, "here")
    with pytest.raises(DataError, match=r"tags: expected one of guitar, rock at least; got \['pop'\]"):
        match_tracks([Track("a", "/a", "", tags=("pop",))], card, "here")


def test_answers_stand_beside_the_truth(tmp_path):
    tracks = [Track("a,b", "/a", "", numbers={"x": 1.5})]
    write_answers(tmp_path / "p.csv", tracks, np.array([[2.25]]), ("x",))
    assert (tmp_path / "p.csv").read_text() == 'id,"x, true",x\n"a,b",1.5,2.25\n'


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("multi_label", "path,label\na.wav,rock\n", True),  # a published graph whose classes are asked one by one
        ("multi_label", "path,tags\na.wav,rock\n", False),
        ("multi_label", "path,label,tags\na.wav,x,rock\n", False),
        ("regression", "path,label\na.wav,rock\n", False),
    ],
)
def test_a_model_of_tags_can_be_asked_of_classes(tmp_path, kind, text, expected):
    (tmp_path / "a.wav").touch()
    (tmp_path / "t.csv").write_text(text)
    model = Model("m", "m.pb", make_card(kind, TAGS))
    found = None
    refused = pytest.raises(
        UnknownNameError, match=r"dimension 'guitar': expected a column .* whose kind is single_label"
    )
    with refused if kind == "regression" else contextlib.nullcontext():
        found = evaluate._read_tracks(model, Source(tmp_path / "t.csv"), {})[0].kind
    assert (found == "single_label") is expected


def test_aliases_of_a_recipe_are_tags_of_the_model():
    card = make_card("multi_label", TAGS)
    tracks = [Track("a", "/a", "", tags=("gtr",)), Track("b", "/b", "", tags=("rock", "x"))]
    assert [track.tags for track in match_tracks(tracks, card, "t.csv", {"gtr": "guitar"})] == [
        ("guitar",),
        ("rock", "x"),
    ]


def test_a_tag_that_nobody_looked_for_spoils_no_score():
    card = make_card("multi_label", TAGS)
    tracks = [Track("a", "/a", "", tags=("rock",)), Track("b", "/b", "", tags=())]
    scores = score_model(card, tracks, np.array([[0.9, 0.9], [0.9, 0.1]]))
    assert scores["tags_of_no_track"] == ["guitar"]
    assert scores["instance_f"] == 1.0
    assert scores["log_loss"] == pytest.approx(-np.log(0.9))
    assert scores["by_class"]["guitar"]["roc_auc"] is None
