"""Machines as baselines: what they predict, what they must not see, and why they are left out."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.choices import LAYER_BASELINES, MFCC_SVM
from essentia_ldl.errors import StoreError
from essentia_ldl.files import read_json
from essentia_ldl.measure.baselines import run_baselines
from essentia_ldl.measure.kinds import gather_kind_row
from essentia_ldl.measure.machine_baselines import choose_setting, run_machine, squash
from essentia_ldl.measure.rows import gather_row
from essentia_ldl.records import Split, Track
from essentia_ldl.runs.folder import Fold
from essentia_ldl.runs.predictions import read_predictions

N_TRACKS = 60
IDS = [f"t{n:02}" for n in range(N_TRACKS)]
ROWS = np.random.default_rng(3).normal(size=(N_TRACKS, 5))
FOLD = Fold(0, 0, 0, None, Split(tuple(IDS[:40]), tuple(IDS[40:45]), tuple(IDS[45:])))


def make_tracks(kind: str, flip: bool = False) -> list[Track]:
    found = []
    for n, (name, row) in enumerate(zip(IDS, ROWS, strict=True)):
        sign = -1 if flip and n >= 45 else 1
        label = "ab"[int(sign * row[0] > 0)] if kind == "single_label" else ""
        facts = {"numbers": {"arousal": sign * (3 * row[0] + 5), "valence": row[1]}}
        if kind == "multi_label":
            facts = {"tags": tuple(tag for tag, value in zip(("a", "b"), sign * row[:2], strict=True) if value > 0)}
        if kind == "single_label":
            facts = {}
        found.append(Track(name, f"/{name}", label, artist=f"artist{n // 2}", **facts))
    return found


def read():
    return dict(zip(IDS, ROWS, strict=True))


def fit_on(tracks, classes):
    return lambda *given: run_machine(*given, tracks, classes)


def run(folder, tracks, classes, name=MFCC_SVM):
    said = []
    problems = run_baselines({name: read}, folder, [FOLD], fit_on(tracks, classes), said.append)
    assert problems == {}
    return said


@pytest.mark.parametrize(
    ("kind", "classes", "main"),
    [("multi_label", ("a", "b"), "roc_auc"), ("regression", ("arousal", "valence"), "r2")],
)
def test_it_tells_what_the_features_tell_and_is_there_once(kind, classes, main, tmp_path):
    tracks = make_tracks(kind)
    assert run(tmp_path, tracks, classes) == ["mfcc-svm: 1 folds"]
    row = gather_kind_row(tmp_path, kind, classes, MFCC_SVM, [FOLD], {})
    assert row[f"{main}_mean"] > (0.8 if kind == "multi_label" else 0.5)
    assert read_json(FOLD.cell(tmp_path, MFCC_SVM) / "baseline.json")["n_fitted"] == 45
    assert run(tmp_path, tracks, classes) == []


def test_classes_get_probabilities_and_features_of_which_half_tell_nothing_do_no_harm(tmp_path):
    name, tracks = LAYER_BASELINES[1], make_tracks("single_label")
    assert run(tmp_path, tracks, ("a", "b"), name) == [f"{name}: 1 folds"]
    answers = read_predictions(FOLD.cell(tmp_path, name)).probabilities
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)
    assert gather_row(tmp_path, ("a", "b"), name, [FOLD], tracks)["balanced_accuracy_mean"] > 0.7


def test_a_softmax_of_two_decision_values_is_a_logistic_function_of_their_difference():
    values = np.array([[0.3, -0.3], [2.0, -1.0]])
    expected = 1 / (1 + np.exp(values[:, 1] - values[:, 0]))
    np.testing.assert_allclose(squash(values, "single_label")[:, 0], expected)


def test_test_tracks_are_only_predicted(tmp_path):
    told = []
    for flip in (False, True):
        run(tmp_path / str(flip), make_tracks("multi_label", flip), ("a", "b"))
        told.append(read_predictions(FOLD.cell(tmp_path / str(flip), MFCC_SVM)).probabilities)
    np.testing.assert_array_equal(*told)


def test_features_that_cannot_be_read_are_a_reason(tmp_path):
    def refuse():
        raise StoreError("MFCC: missing.")

    fit = fit_on(make_tracks("regression"), ("arousal", "valence"))
    assert run_baselines({MFCC_SVM: refuse}, tmp_path, [FOLD], fit, print) == {MFCC_SVM: "MFCC: missing."}


def test_without_inner_folds_the_usual_setting_is_taken():
    assert choose_setting(None, np.zeros(5, dtype=int)).describe().startswith("rbf kernel, C 2")
