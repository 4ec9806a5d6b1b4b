"""Self-attention: its heads against Keras' own, the step in front, and the steps that are left of time."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.nets.backbones import attention
from essentia_ldl.nets.runtime import keras

N_STEPS, N_CHANNELS, N_HEADS = 5, 16, 8


def test_heads_answer_what_keras_own_attention_answers():
    x = np.random.default_rng(0).normal(size=(3, N_STEPS, N_CHANNELS)).astype(np.float32)
    known = keras.layers.MultiHeadAttention(N_HEADS, N_CHANNELS // N_HEADS)
    expected = known(x, x).numpy()
    parts = {}
    for weight in known.weights:
        parts[tuple(weight.path.split("/")[-2:])] = weight.numpy()
    query, key, value = (
        x @ parts[name, "kernel"].reshape(N_CHANNELS, -1) + parts[name, "bias"].reshape(-1)
        for name in ("query", "key", "value")
    )
    found = attention.HeadSums()([attention.HeadWeights(N_HEADS)([query, key]), value])
    out = found @ parts["attention_output", "kernel"].reshape(-1, N_CHANNELS) + parts["attention_output", "bias"]
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_weights_of_a_step_sum_to_one():
    x = np.random.default_rng(1).normal(size=(2, N_STEPS, N_CHANNELS)).astype(np.float32)
    weights = attention.HeadWeights(N_HEADS)([x, x])
    assert weights.shape == (2, N_HEADS, N_STEPS, N_STEPS)
    np.testing.assert_allclose(weights.numpy().sum(axis=-1), 1, atol=1e-6)


def test_a_fixed_step_goes_before_all_others():
    x = np.random.default_rng(2).normal(size=(2, N_STEPS, N_CHANNELS)).astype(np.float32)
    found = attention.FirstStep()(x).numpy()
    assert np.array_equal(found[:, 1:], x)
    assert np.array_equal(found[0, 0], found[1, 0])
    assert 0 <= found[0, 0].min() < found[0, 0].max() < 1


def test_118_steps_are_left_of_15_seconds():
    """938 frames, halved three times; 128 bands, halved seven times."""
    assert attention.build(width=4).get_layer("steps").output.shape == (None, 118, 8)


@pytest.mark.parametrize(("share", "width"), [(1, 128), (0.125, 16), (0.01, 4), (0.05, 8)])
def test_a_narrow_one_leaves_every_head_a_channel(share, width):
    assert attention.narrow(share) == {"width": width}
    assert 2 * width % attention.N_HEADS == 0


@pytest.mark.slow
def test_noise_is_learnt_by_heart(overfit):
    assert overfit("attention", patch_frames=64, width=8, n_steps=80, rate=3e-3) < 0.5
