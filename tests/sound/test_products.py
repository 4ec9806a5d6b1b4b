"""Products of matrices in the place of convolutions: the same numbers, computed one by one in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.sound.compiled import open_core
from essentia_ldl.sound.products import N_PARTS, plan_transforms


@pytest.mark.parametrize(("n_bands", "n_span"), [(96, 38), (96, 67), (12, 4), (12, 5), (11, 11), (10, 2)])
def test_transforms_give_the_positions_of_a_filter(n_bands, n_span):
    random = np.random.default_rng(n_span)
    kernel, frames = random.standard_normal((3, 7, n_span)), random.standard_normal((7, n_bands))
    forward, real, imaginary, cosines, sines = plan_transforms(kernel, n_bands)
    n_frequencies = len(real)
    spectra = (frames @ forward).reshape(7, n_frequencies, N_PARTS * 2).transpose(1, 0, 2).reshape(n_frequencies, 1, -1)
    even, odd = cosines @ (spectra @ real)[:, 0], sines @ (spectra @ imaginary)[:, 0]
    n_positions = n_bands - n_span + 1
    expected = np.array(
        [np.einsum("ctk,tk->c", kernel, frames[:, first : first + n_span]) for first in range(n_positions)]
    )
    both = np.concatenate([(even - odd)[::-1], even + odd])
    found = np.delete(both, len(even), axis=0) if n_positions % 2 else both  # the middle stands there twice
    # which side is which does not matter to a maximum
    worst = min(np.abs(found - expected).max(), np.abs(found[::-1] - expected).max())
    assert worst < 1e-12
    np.testing.assert_allclose((even + np.abs(odd)).max(axis=0), expected.max(axis=0), atol=1e-12)


def test_the_core_that_builds_them_is_the_one_that_runs_them():
    from openvino import opset13 as ops

    assert ops.constant(np.zeros(1, np.float32)).get_output_size() == 1
    assert open_core().available_devices
