"""Patches: the grid, the padding, the random draw."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.frontends import MUSICNN
from essentia_ldl.nets.inputs.patches import count_grid, cut_grid, cut_patch, draw_epoch, pad_bands


def ramp(n_frames: int) -> np.ndarray:
    return np.repeat(np.arange(n_frames, dtype=np.float32)[:, None], 96, axis=1)


@pytest.mark.parametrize(
    ("n_frames", "starts"), [(187, [0]), (279, [0]), (280, [0, 93]), (373, [0, 93, 186]), (50, [0])]
)
def test_grid(n_frames, starts):
    grid = cut_grid(ramp(n_frames), MUSICNN)
    assert grid.shape == (len(starts), 187, 96)
    assert grid.dtype == np.float32
    assert grid[:, 0, 0].tolist() == starts
    assert count_grid(n_frames, MUSICNN) == len(starts)
    for start, patch in zip(starts, grid, strict=True):
        assert np.array_equal(patch, cut_patch(ramp(n_frames), start, MUSICNN))


def test_short_track_repeats():
    assert cut_grid(ramp(50), MUSICNN)[0, :, 0].tolist() == [i % 50 for i in range(187)]
    with pytest.raises(DataError, match="one frame or more"):
        pad_bands(ramp(0), 187)


def test_draw_depends_on_seed_and_epoch_alone():
    n_choices = np.array([1, 5, 100, 7])
    order, choices = draw_epoch(0, 3, n_choices)
    again = draw_epoch(0, 3, n_choices)
    assert np.array_equal(order, again[0])
    assert np.array_equal(choices, again[1])
    assert sorted(order) == [0, 1, 2, 3]
    assert all(draw_epoch(0, epoch, n_choices)[1][2] < 100 for epoch in range(50))
    assert len({tuple(draw_epoch(0, epoch, n_choices)[1]) for epoch in range(20)}) > 10
    assert len({tuple(draw_epoch(seed, 3, n_choices)[1]) for seed in range(20)}) > 10


def test_draw_reaches_every_patch():
    drawn = {int(draw_epoch(1, epoch, np.array([4]))[1][0]) for epoch in range(100)}
    assert drawn == {0, 1, 2, 3}
