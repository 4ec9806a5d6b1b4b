"""Checkpoints: what is written is read, and anything else makes a training start anew."""

from __future__ import annotations

import math

import numpy as np
import pytest

from essentia_ldl.nets.training.checkpoints import Checkpoint, read_checkpoint, write_checkpoint


@pytest.fixture
def checkpoint() -> Checkpoint:
    random = np.random.default_rng(0)
    values = [random.normal(size=(3, 4)).astype(np.float32), np.array(7, np.int64), np.array([1, 2], np.uint32)]
    best = [value + 1 for value in values]
    history = [{"epoch": 1, "train_loss": 0.1 + 0.2, "valid_loss": None}]
    return Checkpoint("digest", values, best, history, 1, math.inf, 2, 3.5)


def test_a_checkpoint_is_read_as_it_was_written(checkpoint, tmp_path):
    write_checkpoint(tmp_path / "checkpoint.npz", checkpoint)
    found = read_checkpoint(tmp_path / "checkpoint.npz", "digest")
    for name in ("values", "best"):
        for ours, theirs in zip(getattr(found, name), getattr(checkpoint, name), strict=True):
            assert (ours.dtype, ours.shape, ours.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())
    assert found._replace(values=[], best=[]) == checkpoint._replace(values=[], best=[])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"], "nothing temporary is left"


def test_the_checkpoint_of_another_plan_is_none(checkpoint, tmp_path):
    write_checkpoint(tmp_path / "checkpoint.npz", checkpoint)
    assert read_checkpoint(tmp_path / "checkpoint.npz", "other") is None


def test_no_file_is_no_checkpoint(tmp_path):
    assert read_checkpoint(tmp_path / "checkpoint.npz", "digest") is None


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_file_that_was_cut_is_no_checkpoint(checkpoint, tmp_path, share):
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, checkpoint)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert read_checkpoint(path, "digest") is None


def test_a_file_of_other_arrays_is_no_checkpoint(tmp_path):
    np.savez(tmp_path / "checkpoint.npz", values=np.zeros(3))
    assert read_checkpoint(tmp_path / "checkpoint.npz", "digest") is None
    np.savez(tmp_path / "checkpoint.npz", facts=np.array('{"digest": "digest", "unknown": 1}'))
    assert read_checkpoint(tmp_path / "checkpoint.npz", "digest") is None
