"""CRNN: how many steps the recurrent layers read, and that they read them in order."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.nets.backbones import crnn
from essentia_ldl.nets.runtime import keras


def test_eighteen_steps_are_left_of_half_a_minute():
    """1813 frames by poolings of 2, 3, 4 and 4, each of which leaves out a rest; 96 bands become one."""
    assert crnn.build(width=2).get_layer("steps").output.shape == (None, 18, 4)


def test_the_order_of_the_steps_counts():
    model = crnn.build(width=8)
    recurrent = keras.Model(model.get_layer("steps").output, model.output)
    steps = np.random.default_rng(0).normal(size=(1, 18, 16)).astype(np.float32)
    assert not np.allclose(recurrent(steps), recurrent(steps[:, ::-1]), atol=1e-3)


@pytest.mark.slow
def test_noise_is_learnt_by_heart(overfit):
    assert overfit("crnn", patch_frames=192, width=8, n_steps=40) < 0.5
