"""MFCC of a track as one vector: by hand, and frames that will not do."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.labels._mfcc import pool_frames, summarize_frames


def test_summary_is_mean_and_deviation_of_all_frames():
    frames = np.random.default_rng(0).normal(size=(1293, 13)).astype(np.float32)
    summary = summarize_frames(frames)
    assert summary.shape == (26,)
    np.testing.assert_allclose(summary[:13], frames.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(summary[13:], frames.std(axis=0), atol=1e-6)


def test_pooling_goes_window_after_window_and_drops_spare_frames():
    frames = np.arange(1293, dtype=np.float64)[:, None] + 10000 * np.arange(13)
    frames[1290:] = 1e9
    pooled = pool_frames(frames)
    # The mean index of window w is 86 w + 42.5.
    expected = 86 * np.arange(15)[:, None] + 42.5 + 10000 * np.arange(13)
    np.testing.assert_allclose(pooled, expected.ravel())


@pytest.mark.parametrize(
    ("shape", "describe", "rule"),
    [
        ((1289, 13), pool_frames, "1290 or more frames of 13 coefficients"),
        ((0, 13), summarize_frames, "1 or more frames"),
        ((1293, 20), pool_frames, "1290 or more frames of 13 coefficients"),
        ((1293,), summarize_frames, "1 or more frames of 13 coefficients"),
    ],
)
def test_frames_of_another_shape_are_refused(shape, describe, rule):
    with pytest.raises(DataError, match=rf"MFCC: expected {rule}.*song\.mp3"):
        describe(np.zeros(shape), "song.mp3")


def test_a_nan_that_signals_is_refused_without_a_warning(recwarn):
    frames = np.zeros((1293, 13), np.float32)
    frames.view(np.uint32)[7, 3] = 0x7FA00000
    with pytest.raises(DataError, match="MFCC: expected finite numbers"):
        summarize_frames(frames)
    assert list(recwarn) == []
