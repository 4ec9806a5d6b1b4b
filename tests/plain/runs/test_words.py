"""The words of a run come back as they were written, and damage is one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.runs.words import PLANNED, read_planned_words, write_planned_words


def test_they_come_back_as_they_were(tmp_path):
    units = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    write_planned_words(tmp_path, ("sad", "schön", "calm"), units, ("sad", "calm"))
    words, found, is_seen = read_planned_words(tmp_path)
    assert (words, is_seen.tolist()) == (("sad", "schön", "calm"), [True, False, True])
    assert np.array_equal(found, units)


@pytest.mark.parametrize(
    "change",
    [{"units": np.eye(2)}, {"units": np.eye(2, dtype=np.float32)[:1]}, {"is_seen": np.ones(3, bool)}, {"words": None}],
)
def test_what_does_not_fit_is_told(tmp_path, change):
    arrays = {"words": np.frombuffer(b"a\nb", np.uint8), "units": np.eye(2, dtype=np.float32)}
    arrays = {**arrays, "is_seen": np.ones(2, bool), **change}
    np.savez(tmp_path / PLANNED, **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(StoreError, match="words of a run: expected a whole file"):
        read_planned_words(tmp_path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(StoreError, match="words of a run: expected a readable file"):
        read_planned_words(tmp_path)
