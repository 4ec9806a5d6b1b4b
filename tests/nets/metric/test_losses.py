"""Losses of metric learning: against closed forms in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import UnknownNameError
from essentia_ldl.nets.metric import losses
from essentia_ldl.nets.runtime import tf

RANDOM = np.random.default_rng(0)
ANCHOR, POSITIVE = RANDOM.normal(size=(2, 5, 7)).astype(np.float32)
NEGATIVES = RANDOM.normal(size=(5, 4, 7)).astype(np.float32)


def measure(one: np.ndarray, other: np.ndarray, distance: str) -> np.ndarray:
    if distance == "l2":
        return np.linalg.norm(one - other, axis=-1)
    return 1 - (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)


@pytest.mark.parametrize("distance", ["cosine", "l2"])
def test_distances_are_those_of_numpy(distance):
    found = losses.measure_distance(ANCHOR[:, None], NEGATIVES, distance).numpy()
    np.testing.assert_allclose(found, measure(ANCHOR[:, None], NEGATIVES, distance), rtol=1e-5)


def test_contrastive_against_its_closed_form():
    near, far = np.float32([0.2, 0.9, 3.0]), np.float32([0.0, 1.0])
    found = losses.score_contrastive(near[:, None], far, 1.0).numpy()
    expected = [[0.5 * d**2, 0.5 * max(0, 1.0 - d) ** 2] for d in near.astype(float)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_a_triplet_costs_what_it_lacks_of_the_margin():
    found = losses.score_triplet(np.float32([0.5, 0.5, 0.5]), np.float32([0.3, 0.7, 2.0]), 0.4).numpy()
    np.testing.assert_allclose(found, [0.6, 0.2, 0.0], atol=1e-6)


@pytest.mark.parametrize("distance", ["cosine", "l2"])
def test_hinges_of_several_negatives_are_summed(distance):
    positive, negatives = measure(ANCHOR, POSITIVE, distance), measure(ANCHOR[:, None], NEGATIVES, distance)
    found = losses.score_hinges(
        losses.measure_distance(ANCHOR, POSITIVE, distance),
        losses.measure_distance(ANCHOR[:, None], NEGATIVES, distance),
        0.4,
    )
    expected = np.maximum(0, positive[:, None] - negatives + 0.4).sum(axis=1)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_on_cosine_the_hinge_is_that_of_similarities():
    cosines = 1 - measure(ANCHOR, POSITIVE, "cosine"), 1 - measure(ANCHOR[:, None], NEGATIVES, "cosine")
    expected = np.maximum(0, 0.4 - cosines[0][:, None] + cosines[1]).sum(axis=1)
    distances = measure(ANCHOR, POSITIVE, "cosine"), measure(ANCHOR[:, None], NEGATIVES, "cosine")
    found = losses.score_anchors("siamese", *(tf.constant(value, tf.float32) for value in distances), 0.4)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_anchors_are_scored_by_the_loss_of_a_name():
    positive, negatives = np.float32([0.5]), np.float32([[0.3, 0.7]])
    names = ("siamese", "triplet", "contrastive")
    found = [float(losses.score_anchors(name, tf.constant(positive), tf.constant(negatives), 0.4)[0]) for name in names]
    expected = [0.6 + 0.2, (0.6 + 0.2) / 2, 0.5 * 0.5**2 + 0.5 * 0.1**2 / 2]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    one = losses.score_anchors("triplet", tf.constant(positive), tf.constant(negatives[:, :1]), 0.4)
    np.testing.assert_allclose(one.numpy(), [0.6], rtol=1e-5)


@pytest.mark.parametrize("distance", ["cosine", "l2"])
def test_two_equal_embeddings_have_a_finite_slope(distance):
    value = tf.Variable(ANCHOR)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(losses.measure_distance(value, tf.constant(ANCHOR), distance))
    assert np.all(np.isfinite(tape.gradient(total, value).numpy()))


def test_names_that_do_not_exist():
    with pytest.raises(UnknownNameError, match="distance: expected one of cosine, l2; got 'l1'"):
        losses.measure_distance(ANCHOR, POSITIVE, "l1")
    with pytest.raises(UnknownNameError, match="Did you mean 'triplet'"):
        losses.score_anchors("triplets", tf.zeros(1), tf.zeros((1, 1)), 0.4)
