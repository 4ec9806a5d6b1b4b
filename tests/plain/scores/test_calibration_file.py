"""The file of a calibration: what is written is read, and what is another model's or broken is told."""

from __future__ import annotations

import json

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.scores import calibration
from essentia_ldl.scores.calibration import fit, identity
from essentia_ldl.scores.calibration_file import read_calibration, write_calibration
from essentia_ldl.scores.logits import PatchLogits

THREE = ("a", "b", "c")


@pytest.mark.parametrize("kind", calibration.KINDS)
def test_what_is_written_is_read(tmp_path, kind):
    path = tmp_path / calibration.FILE
    random = np.random.default_rng(0)
    targets = random.integers(0, 3, 200)
    logits = 3 * random.normal(np.eye(3)[targets])
    sample = PatchLogits(tuple(map(str, range(200))), targets, THREE, logits, np.ones(200, int))
    written = fit(sample, kind, "abc", "out-of-fold tracks")
    write_calibration(path, written)
    assert read_calibration(path, "abc", THREE) == written
    value = json.loads(path.read_text())
    assert value["kind"] == kind
    assert value["temperature"] == written.temperature


def test_a_calibration_of_another_model_is_refused(tmp_path):
    path = tmp_path / calibration.FILE
    write_calibration(path, identity(("a", "b"), model="0123456789abcdef"))
    assert read_calibration(path).is_identity
    with pytest.raises(DataError, match=r"the one of the weights fedcba98.*that of 0123456789ab.*ldl calibrate"):
        read_calibration(path, "fedcba9876543210")
    with pytest.raises(DataError, match=r"classes \['b', 'a'\]; got \['a', 'b'\]"):
        read_calibration(path, classes=("b", "a"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.pop("scale"), r"calibration: expected bias, classes.*; got \['bias'"),
        (lambda v: v.update(extra=1), "got .*extra"),
        (lambda v: v.update(scale=None), "valid fields"),
        (lambda v: v.update(scale=[1, -1]), "larger than 0"),
        (lambda v: v.update(classes=5), "valid fields"),
        (lambda v: v.update(kind=["vector"]), "kind: expected"),
    ],
)
def test_a_broken_file_is_told(tmp_path, change, message):
    path = tmp_path / calibration.FILE
    write_calibration(path, identity(("a", "b")))
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    with pytest.raises(DataError, match=message):
        read_calibration(path)


def test_a_file_that_is_not_there_or_not_json(tmp_path):
    path = tmp_path / calibration.FILE
    with pytest.raises(StoreError, match=r"calibration: expected a file.*essentia-ldl calibrate"):
        read_calibration(path)
    path.write_text("{")
    with pytest.raises(StoreError, match="readable json"):
        read_calibration(path)
    path.write_text("[]")
    with pytest.raises(DataError, match="got 'list'"):
        read_calibration(path)
