"""The word side of a space: places of words, and a file that comes back as it was."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.words.side import WordSide, read_side, write_side

KERNEL = np.array([[3, 0], [0, 1], [0, 0]], np.float32)
SIDE = WordSide(KERNEL, np.array([0, 4], np.float32), ("sad", "schön"), np.eye(2, dtype=np.float32))


def test_a_place_is_that_of_a_dense_layer_of_length_one():
    assert SIDE.place(np.array([[1, 0, 0], [0, 1, 0]], np.float32)) == pytest.approx(np.array([[0.6, 0.8], [0, 1]]))
    still = WordSide(KERNEL, np.zeros(2, np.float32), (), np.zeros((0, 2), np.float32))
    assert still.place(np.array([[0, 0, 1]], np.float32)).tolist() == [[0, 0]]
    with pytest.raises(DataError, match="vectors of 3 numbers, as in training; got 2"):
        SIDE.place(np.ones((1, 2), np.float32))


def test_it_comes_back_as_it_was(tmp_path):
    write_side(tmp_path / "m.words.npz", SIDE)
    found = read_side(tmp_path / "m.words.npz")
    assert found.words == SIDE.words
    for name in ("kernel", "bias", "units"):
        assert np.array_equal(getattr(found, name), getattr(SIDE, name))


def test_what_is_damaged_or_missing_is_told(tmp_path):
    path = tmp_path / "m.words.npz"
    with pytest.raises(StoreError, match="word side: expected a readable file"):
        read_side(path)
    write_side(path, SIDE)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StoreError, match="word side"):
        read_side(path)
    np.savez(path, kernel=KERNEL, bias=np.zeros(3, np.float32), units=np.eye(2), words=np.zeros(1, np.uint8))
    with pytest.raises(StoreError, match="a whole file of a space of words"):
        read_side(path)


@pytest.mark.parametrize(
    "changes",
    [{"bias": np.zeros(3, np.float32)}, {"words": ("one",)}, {"kernel": KERNEL * np.nan}, {"kernel": np.zeros(2)}],
)
def test_parts_that_do_not_fit_are_refused(changes):
    with pytest.raises(DataError, match="finite arrays of one size"):
        WordSide(**{**vars(SIDE), **changes})
