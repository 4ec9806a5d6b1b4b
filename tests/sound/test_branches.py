"""MusiCNN's front end in a model: found by its structure, in our form and in the published one, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.sound.branches import find_front_layers
from essentia_ldl.sound.compiled import open_core

openvino = pytest.importorskip("openvino")
from openvino import opset13 as ops  # noqa: E402

N_FRAMES, N_BANDS, N_CHANNELS, N_TAPS, N_SPAN = 20, 12, 3, 5, 4
SIGNS = np.array([1, -1, 1], np.float32)


def constant(value) -> object:
    return ops.constant(np.array(value, np.float32))


def whole(value) -> object:
    return ops.constant(np.array(value, np.int64))


def build(**changes) -> object:
    """Build a model of one timbral and one temporal branch; changes break one property."""
    random = np.random.default_rng(1)
    patches = ops.parameter([-1, N_FRAMES, N_BANDS], np.float32)
    x = ops.add(ops.multiply(ops.unsqueeze(patches, whole([1])), constant(2.0)), constant(changes.get("shift", -1.0)))
    timbral = changes.get("timbral", (N_TAPS, N_SPAN))
    pad = timbral[0] // 2
    fill = constant(changes.get("fill", 0.0))
    padded = ops.pad(x, whole([0, 0, pad, 0]), whole([0, 0, changes.get("after", pad), 0]), "constant", fill)
    answers = []
    for source, kernel, auto in ((padded, timbral, "explicit"), (x, (8, 1), "same_upper")):
        weights = constant(random.standard_normal((N_CHANNELS, 1, *kernel)))
        strides = [changes.get("stride", 1), 1]
        y = ops.convolution(source, weights, strides, [0, 0], [0, 0], [1, 1], auto)
        y = ops.relu(ops.add(y, constant(random.standard_normal((1, N_CHANNELS, 1, 1)))))
        if changes.get("curve"):
            y = ops.sin(y)
        scale = SIGNS[:, np.newaxis, np.newaxis] * random.uniform(1, 2, (N_CHANNELS, 1, 1))
        y = ops.divide(ops.subtract(y, constant(np.ones((1, N_CHANNELS, 1, 1)))), constant(scale[np.newaxis]))
        width = N_BANDS - kernel[1] + 1
        pool = [1, width - changes.get("left_over", 0)]
        if changes.get("by_frame"):
            y = ops.multiply(y, constant(np.arange(N_FRAMES).reshape(1, 1, -1, 1)))
        pooled = ops.max_pool(y, [1, width], [1, 1], [0, 0], [0, 0], pool, "floor", "explicit", "i64", 0).output(0)
        answers.append(ops.reduce_mean(pooled, whole([3]), False))
    return openvino.Model(answers, [patches])


def test_branches_are_found_with_their_filters_padding_and_signs():
    front = find_front_layers(build(), N_BANDS)
    assert (front.scale, front.shift) == (2.0, -1.0)
    [timbral], [temporal] = front.timbral, front.temporal
    assert (timbral.n_channels, timbral.n_taps, timbral.n_span, timbral.n_before) == (N_CHANNELS, N_TAPS, N_SPAN, 2)
    assert (temporal.n_channels, temporal.n_taps, temporal.n_span, temporal.n_before) == (N_CHANNELS, 8, 1, 3)
    for branch in (timbral, temporal):
        np.testing.assert_array_equal(branch.sign, SIGNS)
        filters = branch.convolution.input_value(1).get_node().get_data()[:, 0]
        np.testing.assert_allclose(branch.kernel, filters * SIGNS[:, np.newaxis, np.newaxis], atol=1e-7)


@pytest.mark.parametrize(
    "changes",
    [
        {"fill": 1.0},
        {"after": 1},
        {"stride": 2},
        {"curve": True},
        {"left_over": 1},
        {"by_frame": True},
        {"timbral": (4, 4)},
        {"timbral": (5, 1)},
        {"shift": np.ones(N_BANDS)},
    ],
    ids=str,
)
def test_what_is_no_front_end_is_left_alone(changes):
    assert find_front_layers(build(**changes), N_BANDS) is None


def test_bands_are_those_of_the_patch():
    assert find_front_layers(build(), N_BANDS + 1) is None


@pytest.mark.parametrize("name", ["msd-musicnn-1", "mtt-musicnn-1", "published"])
def test_musicnn_has_two_timbral_and_three_temporal_branches(graphs, published, name):
    path = published if name == "published" else graphs / f"{name}.pb"
    front = find_front_layers(open_core().read_model(path), 96)
    assert [(b.n_channels, b.n_taps, b.n_span, b.n_before) for b in front.timbral] == [(204, 7, 38, 3), (204, 7, 67, 3)]
    shapes = [(b.n_channels, b.n_taps, b.n_span, b.n_before) for b in front.temporal]
    assert sorted(shapes) == [(51, 32, 1, 15), (51, 64, 1, 31), (51, 128, 1, 63)]
    assert any((branch.sign < 0).any() for branch in front.timbral) == (name == "published")  # ours has turned them


def test_vgg_has_none(graphs):
    assert find_front_layers(open_core().read_model(graphs / "msd-vgg-1.pb"), 96) is None
