"""Parameters of a trained network: what is trained is counted, what is kept is not."""

from __future__ import annotations

import numpy as np

from essentia_ldl.studies.parameters import count_parameters


def test_statistics_are_not_counted(tmp_path):
    shapes = {"fc/kernel": (3, 4), "fc/bias": (4,), "norm/gamma": (4,), "norm/moving_mean": (4,)}
    arrays = {name: np.zeros(shape) for name, shape in {**shapes, "norm/moving_variance": (4,)}.items()}
    np.savez(tmp_path / "weights.npz", **arrays)
    assert count_parameters(tmp_path / "weights.npz") == 3 * 4 + 4 + 4
