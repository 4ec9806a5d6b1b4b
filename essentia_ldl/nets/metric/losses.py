"""The losses of metric learning, as functions of embeddings and not of networks: any two encoders may have made them.

In: embeddings (n, d), or distances (n,). Out: one loss per row. A pair is alike (0) or not (1), as in the first
reference; a margin is in the unit of the distance. On the cosine distance, 1 - cos, a hinge of distances is the hinge
of similarities of the third reference: ``max(0, margin - cos(a, p) + cos(a, n))``.

References
----------
R. Hadsell, S. Chopra and Y. LeCun, "Dimensionality reduction by learning an invariant mapping" (CVPR 2006), equation 4:
the contrastive loss. K. Weinberger, J. Blitzer and L. Saul, "Distance metric learning for large margin nearest neighbor
classification" (NIPS 2006): the hinge of triplets. J. Park, J. Lee, J. Park, J.-W. Ha and J. Nam, "Representation
learning of music using artist labels" (ISMIR 2018), section 2.2: hinges of 4 negatives, summed, margin 0.4.
"""

from __future__ import annotations

from essentia_ldl.choices import CONTRASTIVE, COSINE, DISTANCES, L2, SIAMESE, TRIPLET
from essentia_ldl.discover import unknown
from essentia_ldl.nets.runtime import tf

FLOOR = 1e-12  # of squared lengths and distances, whose roots have no slope at 0


def measure_distance(one: tf.Tensor, other: tf.Tensor, distance: str = COSINE) -> tf.Tensor:
    """Measure how far embeddings are from one another.

    Parameters
    ----------
    one, other : tf.Tensor [shape=(..., d), float32]
        Embeddings; axes before the last are broadcast.
    distance : str
        "cosine", 1 less the cosine of their angle, from 0 to 2; or "l2", the length of their difference.

    Returns
    -------
    tf.Tensor [shape=(...), float32]

    Raises
    ------
    UnknownNameError
        When there is no such distance.
    """
    if distance not in DISTANCES:
        raise unknown("distance", distance, DISTANCES)
    if distance == L2:
        return tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(one - other), axis=-1), FLOOR))
    one, other = (tf.math.l2_normalize(value, axis=-1, epsilon=FLOOR) for value in (one, other))
    return 1.0 - tf.reduce_sum(one * other, axis=-1)


def score_contrastive(distance: tf.Tensor, differs: tf.Tensor, margin: float) -> tf.Tensor:
    """Score pairs: half the squared distance of two that are alike, half the squared lack of margin of two others.

    Parameters
    ----------
    distance, differs : tf.Tensor [shape=(...), float32]
        Distances, and 0 for a pair that is alike, 1 for one that is not.
    margin : float
        Distance from which on a pair that is not alike costs nothing.
    """
    near, far = tf.square(distance), tf.square(tf.maximum(0.0, margin - distance))
    return 0.5 * (1.0 - differs) * near + 0.5 * differs * far


def score_triplet(positive: tf.Tensor, negative: tf.Tensor, margin: float) -> tf.Tensor:
    """Score triplets by what a negative is nearer to the anchor than its positive and a margin, 0 for one that is not.

    Parameters
    ----------
    positive, negative : tf.Tensor [shape=(...), float32]
        Distances of the positive and the negative from their anchor.
    margin : float
        In the unit of the distances.
    """
    return tf.maximum(0.0, positive - negative + margin)


def score_hinges(positive: tf.Tensor, negatives: tf.Tensor, margin: float) -> tf.Tensor:
    """Score anchors by the sum of the hinges of several negatives.

    Parameters
    ----------
    positive, negatives : tf.Tensor [shape=(n,) and (n, n_negatives), float32]
        Distances from the anchor.
    margin : float
        In the unit of the distances.

    Returns
    -------
    tf.Tensor [shape=(n,), float32]
    """
    return tf.reduce_sum(score_triplet(positive[:, tf.newaxis], negatives, margin), axis=-1)


def score_anchors(loss: str, positive: tf.Tensor, negatives: tf.Tensor, margin: float) -> tf.Tensor:
    """Score anchors by a loss of its name.

    Parameters
    ----------
    loss : str
        "siamese", the sum of the hinges; "triplet", their mean, which is the hinge itself where there is one negative;
        or "contrastive", the pair that is alike and the mean of those that are not.
    positive, negatives : tf.Tensor [shape=(n,) and (n, n_negatives), float32]
        Distances from the anchor.
    margin : float
        In the unit of the distances.

    Returns
    -------
    tf.Tensor [shape=(n,), float32]

    Raises
    ------
    UnknownNameError
        When pairs and triplets have no such loss.
    """
    if loss == SIAMESE:
        return score_hinges(positive, negatives, margin)
    if loss == TRIPLET:
        return tf.reduce_mean(score_triplet(positive[:, tf.newaxis], negatives, margin), axis=-1)
    if loss == CONTRASTIVE:
        far = score_contrastive(negatives, tf.ones_like(negatives), margin)
        return score_contrastive(positive, tf.zeros_like(positive), margin) + tf.reduce_mean(far, axis=-1)
    raise unknown("loss", loss, (SIAMESE, TRIPLET, CONTRASTIVE))
