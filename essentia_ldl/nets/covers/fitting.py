"""Training of small parts: batches in, the weights of the best epoch stay. Every draw is a function of seed and epoch.

A part is a Keras model with a function that makes its loss of a batch; how good an epoch was is the mean of that loss
over the validation rows, in inference mode.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import TrainingError, explain
from essentia_ldl.nets.runtime import keras, tf

Load = Callable[[np.ndarray, int | None], Sequence[np.ndarray]]  # rows and epoch (None: to evaluate) -> a batch
Measure = Callable[..., tf.Tensor]  # a batch and whether it trains -> losses (n,)


@dataclasses.dataclass(frozen=True)
class Limits:
    """When a training ends, and how it steps.

    Parameters
    ----------
    epochs, patience : int
        At most, and without a smaller validation loss.
    batch_size : int
        Rows per step.
    rate : float
        Learning rate of Adam.
    seed : int
        Of the order of the rows.
    """

    epochs: int
    patience: int
    batch_size: int
    rate: float
    seed: int


def fit_part(
    model: keras.Model, load: Load, measure: Measure, rows: tuple[np.ndarray, np.ndarray], limits: Limits
) -> dict[str, Any]:
    """Train a model.

    Parameters
    ----------
    model : keras.Model
        Its trainable variables change.
    load : callable
        From rows and the number of the epoch to a batch of arrays; None in place of the epoch is for evaluation, where
        nothing is drawn.
    measure : callable
        From the arrays, and `training`, to a loss per row.
    rows : tuple of np.ndarray
        Those that train, and those that validate.
    limits : Limits
        When it ends.

    Returns
    -------
    dict
        best_epoch, from 1; valid_loss, of the best; epochs, how many there were.

    Raises
    ------
    TrainingError
        When the loss is no number.
    """
    optimizer, variables = keras.optimizers.Adam(limits.rate), model.trainable_variables

    @tf.function(reduce_retracing=True)
    def step(batch: Sequence[tf.Tensor]) -> None:
        with tf.GradientTape() as tape:
            cost = tf.reduce_mean(measure(*batch, training=True))
        optimizer.apply(tape.gradient(cost, variables), variables)

    @tf.function(reduce_retracing=True)
    def evaluate(batch: Sequence[tf.Tensor]) -> tf.Tensor:
        return tf.reduce_sum(measure(*batch, training=False))

    train, valid = rows
    best, kept, best_epoch, epoch = np.inf, [weight.numpy() for weight in model.weights], 0, 0
    while epoch < limits.epochs and epoch - best_epoch < limits.patience:
        order = np.random.default_rng([limits.seed, epoch]).permutation(train)
        for some in cut(order, limits.batch_size):
            step([tf.convert_to_tensor(array) for array in load(some, epoch)])
        batches = [load(some, None) for some in cut(valid, limits.batch_size)]
        loss = sum(float(evaluate([tf.convert_to_tensor(array) for array in batch])) for batch in batches) / len(valid)
        epoch += 1
        if not np.isfinite(loss):
            raise TrainingError(explain("validation loss", "a number", loss, model.name, "Lower the learning rate."))
        if loss < best:
            best, best_epoch, kept = loss, epoch, [weight.numpy() for weight in model.weights]
    model.set_weights(kept)
    return {"best_epoch": best_epoch, "valid_loss": best, "epochs": epoch}


def cut(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut rows into batches of at most a size."""
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def score_labels(targets: tf.Tensor, logits: tf.Tensor, is_single: bool) -> tf.Tensor:
    """Return the cross-entropy of logits (n, n_classes) per row: of a softmax, or the mean of those of sigmoids."""
    if is_single:
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=-1)
