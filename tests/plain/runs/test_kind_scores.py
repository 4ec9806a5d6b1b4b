"""Calibration and scores of runs of tags and numbers, as files of a run folder."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.errors import DataError, TrainingError
from essentia_ldl.files import digest_file
from essentia_ldl.records import LabelTable
from essentia_ldl.runs import kind_scores
from essentia_ldl.runs.calibrate import calibrate_run, keep_out_of_fold
from essentia_ldl.runs.plan import (
    NetworkPlan,
    Places,
    Plan,
    PlannedTrack,
    TaskPlan,
    TrainingPlan,
    read_plan,
    write_plan,
)
from essentia_ldl.runs.predictions import Predictions, read_predictions, write_predictions
from essentia_ldl.runs.score import choose_best, score_run
from essentia_ldl.runs.targets import read_truth, write_truth

CLASSES = {"multi_label": ("guitar", "rock"), "regression": ("valence",)}


@pytest.fixture
def write_run(tmp_path):
    """Write a run of a kind whose network says the truth with noise."""

    def write(kind, name="run", n_tracks=90, roles=("train", "valid", "test")):
        random, classes = np.random.default_rng(0), CLASSES[kind]
        folder, ids = tmp_path / name, tuple(f"t{n:02}" for n in range(n_tracks))
        if kind == "multi_label":
            truth = random.integers(0, 2, (n_tracks, len(classes))).astype(np.float32)
            answers = 3 * (2 * truth - 1) + random.normal(0, 3, truth.shape)
        else:
            truth = random.normal(5, 2, (n_tracks, len(classes))).astype(np.float32)
            answers = truth + random.normal(0, 1, truth.shape)
        tracks = tuple(PlannedTrack(i, f"{n}", roles[n % len(roles)], "") for n, i in enumerate(ids))
        plan = Plan(
            folder=folder,
            task="x",
            name="x",
            description="",
            classes=classes,
            front_end=frontends.MUSICNN,
            network=NetworkPlan("musicnn", pretrained="msd"),
            training=TrainingPlan(epochs=1),
            tracks=tracks,
            places=Places(tmp_path, tmp_path, artists={i: f"a{n // 2}" for n, i in enumerate(ids)}),
            calibration="temperature",
            kind=kind,
        )
        folder.mkdir()
        write_plan(plan)
        write_truth(folder, LabelTable(ids, classes, truth, kind))
        (folder / "weights.npz").write_bytes(name.encode())
        counts = np.full(n_tracks, 2)
        found = Predictions(
            ids=np.array(ids),
            roles=np.array([track.role for track in tracks]),
            labels=np.array([""] * n_tracks),
            classes=np.array(classes),
            probabilities=np.zeros((n_tracks, len(classes)), np.float32),
            patch_logits=np.repeat(answers, 2, axis=0).astype(np.float32),
            n_patches=counts,
            truth=truth,
        )
        write_predictions(folder, found)
        return plan

    return write


@pytest.mark.parametrize("kind", CLASSES)
def test_a_plan_and_its_truth_come_back(write_run, kind):
    plan = write_run(kind)
    again = read_plan(plan.folder)
    assert (again.kind, again.classes, again.loss) == (
        kind,
        CLASSES[kind],
        {"multi_label": "cross_entropy", "regression": "squared_error"}[kind],
    )
    np.testing.assert_array_equal(read_truth(again), read_predictions(plan.folder).truth)
    assert np.all(again.weights == 1)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_run_is_calibrated_on_its_validation_tracks_and_scored_on_the_others(write_run, kind):
    plan = write_run(kind)
    found = calibrate_run(plan.folder)
    assert (found.n_tracks, found.fitted_on) == (30, "validation tracks")
    assert kind_scores.read_kind_run(plan.folder) == found
    assert found.model == digest_file(plan.folder / "weights.npz")
    scores = score_run(plan.folder)
    assert scores["kind"] == kind
    assert scores["test"]["n_tracks"] == 30
    told = read_predictions(plan.folder)
    test = told.select("test")
    if kind == "multi_label":
        assert found.scale[0] != 1
        assert scores["test"]["roc_auc"] > 0.8
        said = test.probabilities >= np.array(found.thresholds)
        assert scores["test"]["by_class"]["rock"]["threshold"] == pytest.approx(found.thresholds[1])
        expected = 2 * (said * test.truth).sum(0) / (said.sum(0) + test.truth.sum(0))
        assert scores["test"]["f1"] == pytest.approx(expected.mean())
    else:
        np.testing.assert_allclose(told.probabilities[:, 0], told.patch_logits[::2, 0], rtol=1e-6)
        assert scores["test"]["r2"] > 0.5
        inside = np.abs(test.truth - test.probabilities) <= found.half_widths[0]
        assert scores["test"]["coverage"] == pytest.approx(inside.mean())
    assert "test" in scores
    assert kind_scores.describe_scores(kind, scores["test"]).startswith(("ROC-AUC 0.", "R2 0."))


@pytest.mark.parametrize("kind", CLASSES)
def test_without_validation_tracks_nothing_is_calibrated_and_strictly_it_is_an_error(write_run, kind):
    plan = write_run(kind, roles=("train", "test"))
    found = calibrate_run(plan.folder)
    assert found.is_identity
    assert found.reason == "no track was kept for validation"
    with pytest.raises(DataError, match="tracks to calibrate on: expected one at least; got 0"):
        calibrate_run(plan.folder, strict=True)
    assert calibrate_run(plan.folder, "none").reason == "calibration was not asked for"


def test_what_folds_said_calibrates_the_final_model(write_run):
    first, second = write_run("multi_label", "first"), write_run("multi_label", "second")
    keep_out_of_fold(first.folder, [first.folder, second.folder])
    found = calibrate_run(first.folder)
    assert (found.n_tracks, found.fitted_on) == (30, "out-of-fold tracks"), "tracks of a repetition count once"


def test_a_tag_that_no_test_track_has_is_left_out_of_the_mean():
    truth, answers = np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.2], [0.1, 0.3]])
    score = kind_scores.score_answers("multi_label", truth, answers, ("a", "b"), np.array([0, 1]))
    assert score["roc_auc"] == 1
    assert score["by_class"]["b"]["roc_auc"] is None
    assert score["by_class"]["b"]["n_tracks"] == 0


def test_the_best_source_of_tags_has_the_best_area():
    rows = {"none": {"roc_auc_mean": 0.7}, "sa": {"roc_auc_mean": 0.8}}
    assert choose_best({"kind": "multi_label", "sources": rows}) == "sa"
    rows = {"none": {"r2_mean": 0.7}, "sa": {"r2_mean": 0.6}}
    assert choose_best({"kind": "regression", "sources": rows}) == "none"


def test_a_plan_has_a_known_kind_and_of_tags_no_second_target(write_run):
    plan = write_run("multi_label")
    with pytest.raises(TrainingError, match="kind: expected single_label, multi_label or regression"):
        dataclasses.replace(plan, kind="many")
    with pytest.raises(TrainingError, match=r"kind: expected .* of several targets the first; got 'multi_label'"):
        dataclasses.replace(plan, tasks=(TaskPlan("g", ("a", "b")),))
