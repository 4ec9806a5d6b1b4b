"""Frame-level CNN: filters, strides and the published count of its twin, and what narrow ones learn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.nets.backbones import framecnn, load_backbone
from essentia_ldl.nets.classifier import build_tagger


@pytest.mark.parametrize(("length", "stride"), frontends.FRAME_LEVEL)
def test_filters_and_windows(length, stride):
    """Filters of 256 to 1024 samples, no further apart than they are long; the twin sees as many bands as they are."""
    wave, twin = (load_backbone(f"framecnn{kind}-{length}-{stride}") for kind in ("", "-mel"))
    stem = wave.build(wave.FRONT_END).get_layer("stem")
    assert (stem.kernel_size, stem.strides, stem.filters) == ((length,), (stride,), 128)
    assert stride <= length
    front_end = twin.FRONT_END
    assert (front_end.frame_samples, front_end.hop_samples, front_end.n_bands) == (length, stride, 128)
    assert twin.build(front_end).output_shape == (None, 100)


def test_the_published_twin_has_66_thousand_numbers():
    """Of 96 bands and 187 frames, as https://github.com/jordipons/musicnn-training says of "dieleman"."""
    module = type(framecnn)("published")
    vars(module).update({**vars(framecnn), "FRONT_END": frontends.MUSICNN})
    tagger = build_tagger(module)
    assert sum(int(np.prod(weight.shape)) for weight in tagger.trainable_weights) // 1000 == 66


def test_it_learns_by_heart(overfit):
    assert overfit("framecnn-256-256", patch_frames=12288, width=8, n_steps=30) < 0.1


def test_its_twin_learns_by_heart(overfit):
    assert overfit("framecnn-mel-256-256", patch_frames=64, width=8, n_steps=30) < 0.1


def test_few_steps_are_pooled_as_far_as_they_go():
    few = dataclasses.replace(frontends.FRAME_TWINS["framecnn-mel-1024-1024"], patch_frames=40)
    assert framecnn.build(few).get_layer("pool_2").output.shape[1] == 1
