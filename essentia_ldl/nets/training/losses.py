"""Losses between label distributions and logits, one value per row.

In: targets (n, n_classes) that sum to 1 and logits (n, n_classes), float32. Out: (n,) float32. "mae" is the mean over
classes of the absolute difference of the probabilities, as in section 4.3 of Buisson et al. (ICASSP 2022);
"cross_entropy" takes soft targets too; "kl" is the cross-entropy less the entropy of the targets.
"""

from __future__ import annotations

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


LOSSES = {"mae": score_mae, "cross_entropy": score_cross_entropy, "kl": score_kl}
