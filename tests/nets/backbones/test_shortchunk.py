"""Short-chunk CNN: how it halves bands and frames, with residual blocks and without."""

from __future__ import annotations

import pytest

from essentia_ldl.nets.backbones import load_backbone, shortchunk


@pytest.mark.parametrize(
    ("residual", "frames"), [(False, (115, 57, 28, 14, 7, 3, 1)), (True, (116, 58, 29, 15, 8, 4, 2))]
)
def test_every_block_halves_frames_and_bands(residual, frames):
    """A pooling of two leaves a rest out, a stride of two with padding does not."""
    model = shortchunk.build(width=1, residual=residual)
    places = [tuple(model.get_layer(f"block_{n}").output.shape[1:3]) for n in range(1, 8)]
    assert places == [(n, 128 >> k) for k, n in enumerate(frames, start=1)]


def test_the_residual_one_has_three_convolutions_a_block():
    names = [layer.name for layer in load_backbone("shortchunk-res").build(width=1).layers]
    assert sum(name.endswith("_conv") for name in names) == 3 * len(shortchunk.FACTORS)


@pytest.mark.slow
@pytest.mark.parametrize("residual", [False, True])
def test_noise_is_learnt_by_heart(overfit, residual):
    assert overfit("shortchunk", patch_frames=128, width=4, residual=residual, n_steps=40) < 0.5


@pytest.mark.slow
def test_the_published_count_is_that_of_the_residual_one_too(count_trained):
    """Without the two numbers of the input's normalisation, which are fixed."""
    assert count_trained("shortchunk-res") == shortchunk.PARAMETERS_50_RES[0] - 2
