"""The baseline of tags and numbers: what it predicts, what it must not see, and why it is left out."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.files import read_json
from essentia_ldl.measure.kind_baselines import NAME, choose_setting, run_kind_baseline
from essentia_ldl.measure.kinds import gather_kind_row
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
        facts = {"numbers": {"arousal": sign * (3 * row[0] + 5), "valence": row[1]}}
        if kind == "multi_label":
            facts = {"tags": tuple(tag for tag, value in zip(("a", "b"), sign * row[:2], strict=True) if value > 0)}
        found.append(Track(name, f"/{name}", "", artist=f"artist{n // 2}", **facts))
    return found


def read():
    return dict(zip(IDS, ROWS, strict=True))


def run(folder, tracks, classes):
    said = []
    problems = run_kind_baseline(read, folder, [FOLD], tracks, classes, said.append)
    assert problems == {}
    return said


@pytest.mark.parametrize(
    ("kind", "classes", "main"),
    [("multi_label", ("a", "b"), "roc_auc"), ("regression", ("arousal", "valence"), "r2")],
)
def test_it_tells_what_the_features_tell_and_is_there_once(kind, classes, main, tmp_path):
    tracks = make_tracks(kind)
    assert run(tmp_path, tracks, classes) == ["mfcc-svm: 1 folds"]
    row = gather_kind_row(tmp_path, kind, classes, NAME, [FOLD], {})
    assert row[f"{main}_mean"] > (0.8 if kind == "multi_label" else 0.5)
    assert read_json(FOLD.cell(tmp_path, NAME) / "baseline.json")["n_fitted"] == 45
    assert run(tmp_path, tracks, classes) == []


def test_test_tracks_are_only_predicted(tmp_path):
    told = []
    for flip in (False, True):
        run(tmp_path / str(flip), make_tracks("multi_label", flip), ("a", "b"))
        told.append(read_predictions(FOLD.cell(tmp_path / str(flip), NAME)).probabilities)
    np.testing.assert_array_equal(*told)


def test_features_that_cannot_be_read_are_a_reason(tmp_path):
    def refuse():
        raise StoreError("MFCC: missing.")

    found = run_kind_baseline(refuse, tmp_path, [FOLD], make_tracks("regression"), ("arousal", "valence"), print)
    assert found == {NAME: "MFCC: missing."}


def test_without_inner_folds_the_usual_setting_is_taken():
    assert choose_setting(None, np.zeros(5, dtype=int)).describe().startswith("rbf kernel, C 2")
