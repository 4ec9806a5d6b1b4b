"""FCN: one place is left of half a minute, and what the poolings leave out on the way."""

from __future__ import annotations

import pytest

from essentia_ldl.nets.backbones import fcn


def test_the_poolings_leave_one_place():
    """1813 x 96 values by poolings of (4, 2) three times, (5, 3) and (4, 4)."""
    places = [tuple(fcn.build(width=1).get_layer(f"block_{n}").output.shape[1:3]) for n in range(1, 6)]
    assert places == [(453, 48), (113, 24), (28, 12), (5, 4), (1, 1)]


def test_a_narrow_one_has_layers_of_that_share():
    assert fcn.narrow(0.25) == {"width": 16}
    model = fcn.build(**fcn.narrow(0.25))
    assert [model.get_layer(f"block_{n}_conv").filters for n in range(1, 6)] == [16, 32, 32, 32, 16]


@pytest.mark.slow
def test_noise_is_learnt_by_heart(overfit):
    assert overfit("fcn", patch_frames=1280, width=4, n_steps=30) < 0.5
