"""Losses between targets and what a network answers, one value per row, by the kind of the targets.

In: targets (n, n_classes) that sum to 1 and logits (n, n_classes), float32. Out: (n,) float32. "mae" is the mean over
classes of the absolute difference of the probabilities, as in section 4.3 of Buisson et al. (ICASSP 2022);
"cross_entropy" takes soft targets too; "kl" is the cross-entropy less the entropy of the targets. Of tags, each with a
probability of its own, both are means over the tags; of numbers, in units of their deviation, "huber" bends at 1.
"""

from __future__ import annotations

from essentia_ldl.choices import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from essentia_ldl.nets.runtime import tf


def score_mae(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Score by the mean absolute difference of probabilities; 0 is best."""
    return tf.reduce_mean(tf.abs(tf.nn.softmax(logits) - targets), axis=-1)


def score_cross_entropy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Score by the cross-entropy in nats."""
    return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


def score_kl(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Score by the Kullback-Leibler divergence from the prediction to the target in nats; 0 is best."""
    entropy = -tf.reduce_sum(tf.math.xlogy(targets, targets), axis=-1)
    return score_cross_entropy(targets, logits) - entropy


def score_tags_mae(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Score tags by the mean absolute difference of probabilities."""
    return tf.reduce_mean(tf.abs(tf.nn.sigmoid(logits) - targets), axis=-1)


def score_tags_cross_entropy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Score tags by the mean binary cross-entropy in nats."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits), axis=-1)


def score_numbers_mae(targets: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Score numbers by the mean absolute error."""
    return tf.reduce_mean(tf.abs(values - targets), axis=-1)


def score_squared_error(targets: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Score numbers by the mean squared error."""
    return tf.reduce_mean(tf.square(values - targets), axis=-1)


def score_huber(targets: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Score numbers by half the squared error where it is below 1, and linearly above, so that outliers weigh less."""
    error = tf.abs(values - targets)
    return tf.reduce_mean(tf.where(error < 1, 0.5 * tf.square(error), error - 0.5), axis=-1)


LOSSES = {"mae": score_mae, "cross_entropy": score_cross_entropy, "kl": score_kl}
LOSSES_BY_KIND = {
    SINGLE_LABEL: LOSSES,
    MULTI_LABEL: {"mae": score_tags_mae, "cross_entropy": score_tags_cross_entropy},
    REGRESSION: {"mae": score_numbers_mae, "squared_error": score_squared_error, "huber": score_huber},
}
