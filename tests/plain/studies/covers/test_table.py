"""The table of the comparison: folds put together, and scores against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from essentia_ldl.errors import StoreError
from essentia_ldl.records import Track
from essentia_ldl.runs.covers import ANSWERS, SYSTEMS
from essentia_ldl.studies.covers.table import compare, gather_answers, score_systems

CLASSES = ("folk", "jazz", "rock")
TRACKS = [Track(str(i), "", CLASSES[i % 3], artist=f"artist {i // 2}") for i in range(24)]


def draw(seed: int, n_columns: int = 3) -> np.ndarray:
    values = np.random.default_rng(seed).random((24, n_columns))
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def test_folds_are_put_together_in_the_order_of_the_tracks(tmp_path):
    expected = {name: draw(seed) for seed, name in enumerate(SYSTEMS)}
    folders = [tmp_path / "0", tmp_path / "1"]
    for number, folder in enumerate(folders):
        folder.mkdir()
        rows = np.arange(23 - number, -1, -2)
        np.savez(folder / ANSWERS, ids=rows.astype(str), **{name: some[rows] for name, some in expected.items()})
    found = gather_answers(folders, TRACKS, 3)
    for name in SYSTEMS:
        np.testing.assert_array_equal(found[name], expected[name])
    with pytest.raises(StoreError, match="answers: expected every track once; got '0'"):
        gather_answers(folders[:1], TRACKS, 3)


def test_scores_of_a_label_are_those_of_scikit_learn():
    answers = {name: draw(seed) for seed, name in enumerate(SYSTEMS)}
    found = score_systems(TRACKS, CLASSES, "single_label", answers)
    labels = np.arange(24) % 3
    for name, row in found.items():
        expected = balanced_accuracy_score(labels, answers[name].argmax(axis=1))
        assert row["balanced_accuracy"] == pytest.approx(expected)
        assert row["gain"] == pytest.approx(expected - found["audio"]["balanced_accuracy"])
        low, high = row["intervals"]["gain"]
        assert low <= row["gain"] <= high
    assert found["audio"]["intervals"]["gain"] == [0.0, 0.0]


def test_scores_of_tags_are_those_of_scikit_learn():
    tracks = [Track(str(i), "", "", artist=str(i), tags=tuple(CLASSES[: i % 4])) for i in range(24)]
    truth = np.array([[name in track.tags for name in CLASSES] for track in tracks])
    answers = {name: draw(seed) for seed, name in enumerate(SYSTEMS)}
    found = score_systems(tracks, CLASSES, "multi_label", answers)
    for name, row in found.items():
        assert row["roc_auc"] == pytest.approx(roc_auc_score(truth, answers[name], average="macro"))
        assert set(row["intervals"]) == {"roc_auc", "pr_auc"}
        assert "gain" not in row


def test_the_interval_of_a_difference_draws_the_same_artists_for_both():
    """One system is right where the other is, and in two tracks of each class more: no draw can turn that round."""
    labels = np.arange(24) % 3
    base = np.eye(3)[np.where(np.arange(24) < 18, labels, (labels + 1) % 3)]
    low, high = compare(labels, np.eye(3)[labels], base, np.arange(24))
    assert 0 <= low < 0.25 < high
    assert compare(labels, base, base, np.zeros(24, int)) is None
