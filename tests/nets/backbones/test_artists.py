"""The network of artist labels: its count, its poolings, and its clip."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.frontends import ARTISTS
from essentia_ldl.nets.backbones import artists


@pytest.fixture(scope="module")
def body():
    return artists.build()


def test_the_trunk_has_as_many_numbers_as_the_authors_code(body):
    assert sum(int(np.prod(v.shape)) for v in body.trainable_variables) == 264448


def test_129_frames_become_one_position(body):
    shapes = [tuple(body.get_layer(f"pool_{n}").output.shape[1:]) for n in range(1, 5)]
    assert shapes == [(32, 128), (8, 128), (2, 128), (1, 128)]
    assert body.output_shape == (None, 256)


def test_a_clip_of_30_s_has_ten_patches():
    n_frames = 1291  # of a clip, in the authors' code
    assert n_frames // ARTISTS.patch_frames == 10
    assert ARTISTS.patch_hop_frames == ARTISTS.patch_frames
    assert ARTISTS.patch_frames * ARTISTS.hop_samples / ARTISTS.sample_rate_hz == pytest.approx(3, abs=0.01)
