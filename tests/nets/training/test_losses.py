"""Losses: against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.choices import AUTO_LOSS, LOSSES_OF
from essentia_ldl.nets.training.losses import LOSSES, LOSSES_BY_KIND


def test_losses_against_closed_forms():
    targets = np.array([[1.0, 0.0], [0.7, 0.3]], np.float32)
    logits = np.array([[2.0, -1.0], [0.1, 0.4]], np.float32)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    cross = -(targets * np.log(p)).sum(1)
    entropy = np.array([0.0, -(0.7 * np.log(0.7) + 0.3 * np.log(0.3))])
    np.testing.assert_allclose(LOSSES["mae"](targets, logits), np.abs(p - targets).mean(1), rtol=1e-5)
    np.testing.assert_allclose(LOSSES["cross_entropy"](targets, logits), cross, rtol=1e-5)
    np.testing.assert_allclose(LOSSES["kl"](targets, logits), cross - entropy, rtol=1e-4)


@pytest.mark.parametrize("name", ["mae", "kl"])
def test_the_best_prediction_is_the_target(name):
    targets = np.random.default_rng(0).dirichlet(np.ones(5), 8).astype(np.float32)
    np.testing.assert_allclose(LOSSES[name](targets, np.log(targets)), 0, atol=1e-6)
    others = np.random.default_rng(1).normal(size=(8, 5)).astype(np.float32)
    assert np.all(LOSSES[name](targets, others).numpy() > 0)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_one_number_per_row_and_bears_certain_targets(name):
    targets, logits = np.eye(3, dtype=np.float32), np.array([[90.0, 0, 0], [0, 0, 90.0], [0, 0, 0]], np.float32)
    values = LOSSES[name](targets, logits).numpy()
    assert values.shape == (3,)
    assert np.all(np.isfinite(values))
    assert values[0] == pytest.approx(0, abs=1e-6)
    assert values[1] > values[2] > values[0]


# --- tags and numbers -----------------------------------------------------------------------------------------------


def test_losses_of_tags_are_means_over_the_tags():
    targets, logits = np.array([[1.0, 0.0]], np.float32), np.array([[2.0, -1.0]], np.float32)
    probabilities = 1 / (1 + np.exp(-logits))
    expected = -np.mean([np.log(probabilities[0, 0]), np.log(1 - probabilities[0, 1])])
    losses = LOSSES_BY_KIND["multi_label"]
    assert float(losses["cross_entropy"](targets, logits)[0]) == pytest.approx(expected, rel=1e-6)
    assert float(losses["mae"](targets, logits)[0]) == pytest.approx(np.abs(probabilities - targets).mean(), rel=1e-6)


def test_losses_of_numbers_and_where_huber_bends():
    targets, values = np.array([[0.0, 0.0]], np.float32), np.array([[0.5, 3.0]], np.float32)
    losses = LOSSES_BY_KIND["regression"]
    assert float(losses["mae"](targets, values)[0]) == pytest.approx(1.75)
    assert float(losses["squared_error"](targets, values)[0]) == pytest.approx((0.25 + 9) / 2)
    assert float(losses["huber"](targets, values)[0]) == pytest.approx((0.125 + 2.5) / 2)


def test_every_loss_that_a_recipe_can_name_is_there():
    for kind, names in LOSSES_OF.items():
        assert set(names) - {"auto"} == set(LOSSES_BY_KIND[kind])
        assert AUTO_LOSS.get(kind, "cross_entropy") in LOSSES_BY_KIND[kind]
