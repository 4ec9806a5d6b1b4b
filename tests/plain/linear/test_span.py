"""Inner products of tracks: against the features themselves, with and without the penalty on differences."""

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.linear.span import Block, measure, multiply, to_weights, whiten


def make_blocks(n_tracks=30, sizes=(7, 12), n_qualities=2, seed=0):
    """Draw blocks whose qualities differ along two directions."""
    random = np.random.default_rng(seed)
    blocks = []
    for number, size in enumerate(sizes):
        first = random.normal(3, 2, (n_tracks, size))
        moved = [
            first + random.normal(0, 1, (n_tracks, 2)) @ random.normal(0, 1, (2, size)) for _ in range(1, n_qualities)
        ]
        blocks.append(Block(f"block {number}", (first, *moved)))
    return blocks


def gather(blocks, train, quality):
    """Standardise the features of all blocks side by side, as `to_weights` describes them."""
    parts = []
    for block in blocks:
        scaling = measure(block, train)
        parts.append(scaling.apply(block.values[quality]) / np.sqrt(len(blocks)))
    return np.concatenate(parts, axis=1)


def add(blocks, train):
    return sum(multiply(block, train) for block in blocks) / len(blocks)


TRAIN = np.array([0, 2, 3, 5, 8, 9, 11, 14, 15, 20, 22, 25])


def test_training_tracks_have_zero_mean_and_unit_deviation():
    (block,) = make_blocks(sizes=(5,))
    scaling = measure(block, TRAIN)
    rows = np.concatenate([scaling.apply(values[TRAIN]) for values in block.values]) * np.sqrt(5)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(rows.std(axis=0), 1)


def test_other_tracks_have_no_say_in_the_scaling():
    (block,) = make_blocks(sizes=(5,))
    before = measure(block, TRAIN)
    for values in block.values:
        values[1] = 1e6
    after = measure(block, TRAIN)
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.deviation, after.deviation)


def test_a_feature_that_never_changes_in_training_stays_small_on_other_tracks():
    (block,) = make_blocks(sizes=(5,))
    for values in block.values:
        values[TRAIN, 2] = 4.0
        values[1, 2] = 5.0
    scaled = measure(block, TRAIN).apply(block.values[0])
    assert np.isfinite(scaled).all()
    assert np.all(scaled[TRAIN, 2] == 0)
    assert 1 < scaled[1, 2] < 1e4


def test_a_block_of_constants_is_finite():
    block = Block("constant", (np.full((4, 3), 2.0),))
    assert np.all(measure(block, np.arange(4)).apply(block.values[0]) == 0)


def test_products_are_those_of_the_features():
    blocks = make_blocks()
    span = whiten(add(blocks, TRAIN), TRAIN, 2, invariance=0)
    mean = (gather(blocks, TRAIN, 0) + gather(blocks, TRAIN, 1)) / 2
    np.testing.assert_allclose(span.own, mean[TRAIN] @ mean[TRAIN].T, atol=1e-10)
    for quality in (0, 1):
        np.testing.assert_allclose(span.of_all[quality], gather(blocks, TRAIN, quality) @ mean[TRAIN].T, atol=1e-10)


def test_the_metric_is_the_inverse_of_the_penalty_on_differences():
    blocks, invariance = make_blocks(), 3.0
    span = whiten(add(blocks, TRAIN), TRAIN, 2, invariance)
    first, second = gather(blocks, TRAIN, 0), gather(blocks, TRAIN, 1)
    mean, moved = (first + second)[TRAIN] / 2, (first - second)[TRAIN]
    length = np.mean(np.sum(moved**2, axis=1))
    metric = np.linalg.inv(np.eye(mean.shape[1]) + invariance * moved.T @ moved / (length * len(TRAIN)))
    np.testing.assert_allclose(span.own, mean @ metric @ mean.T, atol=1e-10)
    np.testing.assert_allclose(span.of_all[1], second @ metric @ mean.T, atol=1e-10)


@pytest.mark.parametrize("invariance", [0.0, 10.0])
@pytest.mark.parametrize("n_qualities", [1, 2])
def test_weights_of_features_answer_as_the_span(invariance, n_qualities):
    blocks = make_blocks(n_qualities=n_qualities)
    span = whiten(add(blocks, TRAIN), TRAIN, n_qualities, invariance)
    dual = np.random.default_rng(1).normal(size=(len(TRAIN), 3))
    mean, scale, kernel = to_weights(blocks, span, dual)
    for quality in range(n_qualities):
        features = np.concatenate([block.values[quality] for block in blocks], axis=1)
        np.testing.assert_allclose((features - mean) / scale @ kernel, span.of_all[quality] @ dual, atol=1e-9)


def test_the_stronger_the_penalty_the_less_the_qualities_differ():
    blocks, found = make_blocks(), []
    dual = np.random.default_rng(1).normal(size=(len(TRAIN), 2))
    for invariance in (0.0, 1.0, 100.0):
        span = whiten(add(blocks, TRAIN), TRAIN, 2, invariance)
        logits = span.of_all[:, TRAIN] @ dual
        found.append(np.abs(logits[0] - logits[1]).mean() / np.abs(logits).mean())
    assert found[0] > found[1] > 3 * found[2]


def test_equal_qualities_are_as_one():
    (block,) = make_blocks(sizes=(6,), n_qualities=1)
    twice = Block(block.name, block.values * 2)
    one = whiten(multiply(block, TRAIN), TRAIN, 1)
    two = whiten(multiply(twice, TRAIN), TRAIN, 2)
    np.testing.assert_allclose(two.own, one.own, atol=1e-12)
    assert two.correction is None


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ((np.zeros((3, 2)), np.zeros((4, 2))), "of each quality"),
        ((np.zeros(3),), "of each quality"),
        ((np.array([[1.0, 2.0], [np.nan, 0.0]]),), "track 1"),
    ],
)
def test_features_that_do_not_fit_are_refused(values, match):
    with pytest.raises(DataError, match=match):
        Block("x", values)
