"""Arrays of .npz files: whole, or one sentence with the path."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.arrays import read_arrays
from essentia_ldl.errors import StoreError


def test_every_array_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3), y=np.array(["sad"]))
    found = read_arrays(tmp_path / "a.npz", "weights")
    assert sorted(found) == ["x", "y"]
    assert found["x"].tolist() == [0, 1, 2]


@pytest.mark.slow
def test_every_flipped_bit_is_read_or_told(tmp_path):
    """A flip in a name or a time of the archive may leave the arrays whole; none leaves a traceback."""
    path = tmp_path / "predictions.npz"
    np.savez(path, ids=np.array(["a", "b"]), probabilities=np.eye(2, dtype=np.float32))
    whole, told = path.read_bytes(), []
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            read_arrays(path, "predictions")
        except StoreError as error:
            told.append(str(error))
    assert len(told) > len(whole) / 4
    assert all(text.startswith("predictions: expected a readable file; got ") for text in told)
    assert all(text.endswith(f"({path}). Train the run again.") for text in told)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x93NUMPY\x01\x00", b"no archive"])
def test_what_is_no_archive_is_one_sentence(tmp_path, content):
    path = tmp_path / "weights.npz"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"^weights: expected a readable file; got .*weights\.npz\)\. Do it again\.$"):
        read_arrays(path, "weights", "Do it again.")


def test_pickled_objects_and_single_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}], dtype=object))
    with pytest.raises(StoreError, match="allow_pickle"):
        read_arrays(tmp_path / "a.npz", "weights")
    with open(tmp_path / "b.npz", "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(StoreError, match="a single array"):
        read_arrays(tmp_path / "b.npz", "weights")
    with pytest.raises(StoreError, match=r"No such file.*c\.npz"):
        read_arrays(tmp_path / "c.npz", "weights")
