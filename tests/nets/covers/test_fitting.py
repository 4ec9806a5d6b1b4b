"""Training of small parts: the best epoch stays, and the same seed gives the same weights."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import TrainingError
from essentia_ldl.nets.covers.fitting import Limits, cut, fit_part, score_labels
from essentia_ldl.nets.runtime import keras, tf

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5]])).astype(np.float32)
TRAIN, VALID = np.arange(30), np.arange(30, 40)


def fit(rate: float = 0.1, patience: int = 20, target: np.ndarray = Y):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])

    def measure(inputs, truth, training):
        return tf.reduce_mean(tf.square(model(inputs, training=training) - truth), axis=-1)

    limits = Limits(200, patience, 8, rate, 0)
    return model, fit_part(model, lambda rows, epoch: [X[rows], target[rows]], measure, (TRAIN, VALID), limits)


def test_a_linear_map_is_found_and_again_the_same():
    model, found = fit()
    assert found["valid_loss"] < 1e-4
    np.testing.assert_allclose(model.layers[-1].get_weights()[0].ravel(), [1, -2, 0.5], atol=0.02)
    again, _ = fit()
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_ends_when_patience_does_and_keeps_the_best():
    """What validates is the opposite of what trains, so that the first epoch is the best."""
    target = Y.copy()
    target[VALID] *= -1
    model, found = fit(patience=3, target=target)
    assert (found["best_epoch"], found["epochs"]) == (1, 4)
    loss = float(np.mean((np.asarray(model(X[VALID])) - target[VALID]) ** 2))
    assert found["valid_loss"] == pytest.approx(loss, rel=1e-5)


def test_a_loss_that_is_no_number_is_told():
    target = Y.copy()
    target[VALID[0]] = np.nan
    with pytest.raises(TrainingError, match="validation loss: expected a number; got nan"):
        fit(target=target)


def test_losses_of_labels_are_cross_entropies():
    logits, truth = np.array([[2.0, -1.0]], np.float32), np.array([[1.0, 0.0]], np.float32)
    assert float(score_labels(truth, logits, True)[0]) == pytest.approx(np.log(1 + np.exp(-3)), rel=1e-5)
    expected = np.mean([np.log(1 + np.exp(-2)), np.log(1 + np.exp(-1))])
    assert float(score_labels(truth, logits, False)[0]) == pytest.approx(expected, rel=1e-5)


def test_rows_are_cut_into_batches():
    assert [part.tolist() for part in cut(np.arange(5), 2)] == [[0, 1], [2, 3], [4]]
