"""Linear classifiers of genres on parts side by side. In: parts by name; out: probabilities of every track.

Each part has length 1, so that none is louder than another; then come a dropout and a linear layer.

References
----------
Oramas et al. (2018), and https://github.com/sergiooramas/tartarus, for the fusion: lengths of 1, side by side, dropout.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.nets.covers.fitting import Limits, fit_part, score_labels
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.runs.covers import SYSTEMS, CoversPlan


def join_parts(parts: Mapping[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    """Put parts (n_tracks, d) side by side, each with rows of length 1; a row of zeros stays one.

    Examples
    --------
    >>> join_parts({"a": np.array([[3.0, 4.0]]), "b": np.array([[0.0]])}, ("a", "b")).tolist()
    [[0.6, 0.8, 0.0]]
    """
    rows = [(parts[name], np.linalg.norm(parts[name], axis=1, keepdims=True)) for name in names]
    return np.concatenate([part / np.where(length > 0, length, 1) for part, length in rows], axis=1)


def classify(plan: CoversPlan, parts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Train a linear classifier for each of `runs.covers.SYSTEMS` on the training tracks.

    Parameters
    ----------
    plan : CoversPlan
        With labels and sides.
    parts : Mapping[str, np.ndarray [shape=(n_tracks, d), float32]]
        By name of `runs.covers.PARTS`, of all tracks.

    Returns
    -------
    dict[str, np.ndarray [shape=(n_tracks, n_classes), float32]]
        Probabilities, by system.
    """
    return {name: _classify(plan, join_parts(parts, names).astype(np.float32)) for name, names in SYSTEMS.items()}


def _classify(plan: CoversPlan, features: np.ndarray) -> np.ndarray:
    settings, targets, is_single = plan.settings, plan.targets, plan.kind == SINGLE_LABEL
    keras.utils.set_random_seed(settings.seed + 3)  # of the dropout: the layer begins at zeros
    inputs = keras.Input((features.shape[1],), name="features")
    dropped = keras.layers.Dropout(settings.dropout, name="dropout")(inputs)
    model = keras.Model(
        inputs, keras.layers.Dense(targets.shape[1], kernel_initializer="zeros", name="genres")(dropped), name="fusion"
    )

    def load(rows: np.ndarray, epoch: int | None) -> list[np.ndarray]:
        del epoch
        return [features[rows], targets[rows]]

    def measure(some: tf.Tensor, truth: tf.Tensor, training: bool) -> tf.Tensor:
        return score_labels(truth, model(some, training=training), is_single)

    limits = Limits(
        settings.linear_epochs, settings.linear_patience, settings.batch_size, settings.linear_rate, settings.seed + 3
    )
    fit_part(model, load, measure, (plan.rows("train"), plan.rows("valid")), limits)
    logits = model(features, training=False)
    return np.asarray(tf.nn.softmax(logits) if is_single else tf.nn.sigmoid(logits))
