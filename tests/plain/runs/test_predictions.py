"""Predictions of runs: what is written reads back, sides, pooling over folds, and what damage is told."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.runs.predictions import (
    Predictions,
    gather_out_of_fold,
    read_predictions,
    read_side,
    write_predictions,
)
from essentia_ldl.scores.logits import join

CLASSES = ("non_sad", "sad")


def write_cell(folder, roles, first=0, **changes):
    """Write predictions.npz of as many tracks as roles; track i has i + 1 patches, whose logits are (i, patch)."""
    counts = np.arange(1, len(roles) + 1)
    logits = np.concatenate([[(i, patch) for patch in range(n)] for i, n in enumerate(counts)]).astype(np.float32)
    arrays = {
        "ids": np.array([f"t{first + i}" for i in range(len(roles))]),
        "roles": np.array(roles),
        "labels": np.array([CLASSES[i % 2] for i in range(len(roles))]),
        "classes": np.array(CLASSES),
        "probabilities": np.full((len(roles), 2), 0.5, np.float32),
        "patch_logits": logits,
        "n_patches": counts,
    }
    arrays.update(changes)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "predictions.npz", **{name: value for name, value in arrays.items() if value is not None})
    return folder


def test_a_side_has_its_own_patches(tmp_path):
    cell = write_cell(tmp_path / "a", ["train", "test", "valid", "test"])
    sample = read_side(cell, "test")
    assert sample.ids == ("t1", "t3")
    assert sample.targets.tolist() == [1, 1]
    assert sample.n_patches.tolist() == [2, 4]
    assert sample.patch_logits.tolist() == [[1, 0], [1, 1], [3, 0], [3, 1], [3, 2], [3, 3]]
    assert sample.patch_logits.dtype == np.float64
    assert (sample.n_distinct, sample.count_classes()) == (2, [0, 2])
    assert read_side(cell, "valid").targets.tolist() == [0]


def test_pooled_folds_hold_each_track_of_a_test_side_once(tmp_path):
    cells = [
        write_cell(tmp_path / "0", ["test", "test", "train"]),
        write_cell(tmp_path / "1", ["train", "valid", "test"], first=3),
    ]
    sample = gather_out_of_fold(cells)
    assert sample.ids == ("t0", "t1", "t5")
    assert sample.n_patches.tolist() == [1, 2, 3]
    assert len(sample.patch_logits) == 6
    assert "2 sides" in sample.where


def test_a_track_of_several_repetitions_is_one_track(tmp_path):
    cells = [write_cell(tmp_path / name, ["test", "test"]) for name in "ab"]
    sample = gather_out_of_fold(cells)
    assert len(sample.ids) == 4
    assert (sample.n_distinct, sample.count_classes()) == (2, [1, 1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch_logits": None, "n_patches": None}, "no patch_logits, n_patches.*a baseline has no logits"),
        ({"n_patches": np.array([1, 2, 4])}, r"numbers of shape \(7, 2\).*Train the run again"),
        ({"n_patches": np.array([0, 3, 3])}, "1 or more"),
        ({"n_patches": np.array([1.0, 2.0, 3.0])}, "whole numbers"),
        ({"labels": np.array(["sad", "happy", "sad"])}, r"labels: expected one of non_sad, sad; got \['happy'\]"),
        ({"classes": np.array(["non_sad", "sad", "so"])}, r"shape \(6, 3\)"),
    ],
)
def test_predictions_are_checked(tmp_path, changes, message):
    cell = write_cell(tmp_path / "a", ["test"] * 3, **changes)
    with pytest.raises(DataError, match=message):
        read_side(cell, "test")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_no_number_is_told_with_its_track(tmp_path, value):
    logits = np.zeros((6, 2), np.float32)
    logits[4, 1] = value
    cell = write_cell(tmp_path / "a", ["test"] * 3, patch_logits=logits)
    with pytest.raises(DataError, match=r"patch_logits: expected finite numbers; .*track 2, patch 1\).*diverged"):
        read_side(cell, "test")


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(StoreError, match=r"predictions: expected a readable file.*Train the run again"):
        read_side(tmp_path, "test")
    (tmp_path / "predictions.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(StoreError, match="predictions: expected a readable file"):
        read_side(tmp_path, "test")
    with pytest.raises(DataError, match="tracks: expected one of the test side at least; got 0"):
        read_side(write_cell(tmp_path, ["train"] * 3), "test")
    with pytest.raises(DataError, match="side: expected train, valid, test; got 'all'"):
        read_side(tmp_path, "all")


def test_cells_of_two_tasks_are_not_pooled(tmp_path):
    a = write_cell(tmp_path / "a", ["test"] * 2)
    b = write_cell(tmp_path / "b", ["test"] * 2, classes=np.array(["non_sad", "sad"][::-1]))
    with pytest.raises(DataError, match=r"the classes of .*non_sad.*Name cells of one task"):
        gather_out_of_fold([a, b])
    with pytest.raises(DataError, match="cells: expected one at least"):
        gather_out_of_fold([])


def test_joining_one_sample_changes_nothing(tmp_path):
    sample = read_side(write_cell(tmp_path / "a", ["test"] * 2), "test")
    assert join([sample]).where == sample.where
    np.testing.assert_array_equal(join([sample]).patch_logits, sample.patch_logits)


# --- what is written, and damage


def make_arrays(**changes):
    arrays = {
        "ids": np.array(["a", "b", "c"]),
        "roles": np.array(["train", "valid", "test"]),
        "labels": np.array(["sad", "non_sad", "sad"]),
        "classes": np.array(CLASSES),
        "probabilities": np.full((3, 2), 0.5, np.float32),
        "patch_logits": np.arange(12, dtype=np.float32).reshape(6, 2),
        "n_patches": np.array([1, 2, 3]),
    }
    return {name: value for name, value in {**arrays, **changes}.items() if value is not None}


@pytest.mark.parametrize("left_out", [(), ("patch_logits", "n_patches"), ("probabilities",)])
def test_what_is_written_reads_back(tmp_path, left_out):
    arrays = make_arrays(**dict.fromkeys(left_out))
    write_predictions(tmp_path, Predictions(**arrays))
    with np.load(tmp_path / "predictions.npz") as file:
        assert file.files == list(arrays)
        for name, array in arrays.items():
            assert file[name].dtype == array.dtype
            np.testing.assert_array_equal(file[name], array)
    found = read_predictions(tmp_path)
    for name in make_arrays():
        assert (getattr(found, name) is None) == (name in left_out)
    assert found.targets.tolist() == [1, 0, 1]


def test_a_side_keeps_its_tracks_in_order(tmp_path):
    found = Predictions(**make_arrays(roles=np.array(["test", "valid", "test"]))).select("test")
    assert (found.ids.tolist(), found.targets.tolist(), found.probabilities.shape) == (["a", "c"], [1, 1], (2, 2))
    assert len(Predictions(**make_arrays()).select("test").ids) == 1
    with pytest.raises(DataError, match="expected probabilities; got 'logits alone'"):
        Predictions(**make_arrays(probabilities=None)).select("test")


@pytest.mark.parametrize("name", list(make_arrays()))
@pytest.mark.parametrize("damage", ["missing", "scalar", "objects", "longer", "empty", "other type"])
def test_every_damage_is_one_sentence_with_path_and_remedy(tmp_path, name, damage):
    """Case C2: keys missing, scalars, objects, other lengths and types."""
    value = make_arrays()[name]
    values = {
        "missing": None,
        "scalar": value[tuple(0 for _ in value.shape)],
        "objects": np.array([{}] * len(value), dtype=object),
        "longer": np.concatenate([value, value]),
        "empty": value[:0],
        "other type": np.zeros(value.shape, dtype=complex),
    }
    if (damage, name) == ("missing", "probabilities"):  # logits alone are what a calibration keeps
        return
    np.savez(tmp_path / "predictions.npz", **make_arrays(**{name: values[damage]}))
    with pytest.raises((DataError, StoreError)) as caught:
        read_predictions(tmp_path)
    text = str(caught.value)
    assert str(tmp_path / "predictions.npz") in text
    assert text.endswith("Train the run again.")
    assert "\n" not in text
