"""MusiCNN: which frames and bands its filters see, and how what they find is pooled."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.nets.backbones import musicnn
from essentia_ldl.nets.runtime import keras


@pytest.fixture(scope="module")
def body() -> keras.Model:
    return musicnn.build()


def draw(n_frames: int = 187, n: int = 1) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 5, (n, n_frames, 96)).astype(np.float32)


def test_timbral_filters_are_tall_and_temporal_ones_long(body):
    kernels = {name: body.get_layer(name).kernel.shape for name in (*musicnn.TIMBRAL_BANDS, *musicnn.TEMPORAL_FRAMES)}
    assert kernels == {
        "timbral_74": (7, int(0.4 * 96), 1, 204),
        "timbral_77": (7, int(0.7 * 96), 1, 204),
        "temporal_128": (1, 128, 1, 51),
        "temporal_64": (1, 64, 1, 51),
        "temporal_32": (1, 32, 1, 51),
    }


def test_the_front_keeps_every_frame_and_the_middle_adds_to_itself(body):
    names = ("front", "midend_1_norm", "midend_2_norm", "midend_2_sum", "midend_3_sum", "features")
    front, first, second, sum_2, sum_3, features = keras.Model(body.input, [body.get_layer(n).output for n in names])(
        draw(100), training=False
    )
    assert front.shape == (1, 100, 2 * 204 + 3 * 51)
    np.testing.assert_allclose(sum_2, first + second, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(features, np.concatenate([front, first, sum_2, sum_3], axis=2), rtol=1e-6)


def test_more_of_the_same_frame_leaves_the_maximum_as_it_is(body):
    patches = np.repeat(draw(1), 187, axis=1)
    longer = np.repeat(draw(1), 250, axis=1)
    maximum = keras.Model(body.input, body.get_layer("max_over_time").output)
    np.testing.assert_allclose(maximum(patches), maximum(longer), rtol=1e-4, atol=1e-4)


def test_the_tail_rectifies_before_it_normalises():
    x = keras.Input((200,))
    model = keras.Model(x, musicnn.tail(x))
    assert [layer.name for layer in model.layers[1:]] == ["tail_relu", "tail_norm", "tail_dropout"]
    assert np.all(model(np.full((2, 200), -3.0, np.float32)).numpy() == 0), "fresh statistics leave zero where it is"
