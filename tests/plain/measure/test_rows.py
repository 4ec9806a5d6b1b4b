"""Rows of a cross-validation's table: what of all folds is pooled, and what is pointed out."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.measure.rows import TruthColumn, find_findings, gather_row, read_truth
from essentia_ldl.records import Split, Track
from essentia_ldl.runs.folder import Fold
from essentia_ldl.runs.predictions import Predictions, write_predictions

CLASSES = ("non_sad", "sad")


def test_a_network_that_beats_all_baselines_is_no_finding():
    row = {"balanced_accuracy_mean": 0.8}
    scores = {"sources": {"none": row, "sa": {"balanced_accuracy_mean": 0.9}}, "baselines": {"logreg": row}}
    assert find_findings(scores) == []
    scores["baselines"]["mfcc-svm"] = {"balanced_accuracy_mean": 0.9}
    (finding,) = find_findings(scores)
    assert finding == "no network beats every baseline: sa, the best, has 0.900; mfcc-svm 0.900"


def test_a_row_holds_each_fold_and_all_pooled(tmp_path):
    """Fold 0 has all of its four tracks right, fold 1 half of its two."""
    tracks = [Track(f"t{n}", f"/{n}", CLASSES[n % 2], f"artist {n}", columns={"share": str(n % 2)}) for n in range(6)]
    ids = [track.id for track in tracks]
    folds = [
        Fold(0, 0, 0, None, Split(tuple(ids[4:]), (), tuple(ids[:4]))),
        Fold(0, 0, 1, None, Split(tuple(ids[:4]), (), tuple(ids[4:]))),
    ]
    for fold in folds:
        sure = np.array([[0.9, 0.1], [0.1, 0.9]] * 2 + [[0.9, 0.1]] * 2, dtype=np.float32)
        found = Predictions(
            ids=np.array(ids),
            roles=np.array([fold.split.role(track_id) for track_id in ids]),
            labels=np.array([track.label for track in tracks]),
            classes=np.array(CLASSES),
            probabilities=sure,
        )
        write_predictions(fold.cell(tmp_path, "none"), found)
    row = gather_row(tmp_path, CLASSES, "none", folds, tracks)
    assert [fold["balanced_accuracy"] for fold in row["folds"]] == [1.0, 0.5]
    assert row["balanced_accuracy_mean"] == 0.75
    assert row["balanced_accuracy_pooled"] == pytest.approx((1 + 2 / 3) / 2)
    assert (row["own_mass_mean"], "listeners" in row, "calibration" in row) == (None, False, False)
    truth = read_truth(tracks, CLASSES, TruthColumn("share"), "data")
    assert (truth.positive, truth.shares["t1"]) == (1, 1.0)
    assert "listeners" in gather_row(tmp_path, CLASSES, "none", folds, tracks, truth)
    assert read_truth(tracks, CLASSES, None, "data") is None
