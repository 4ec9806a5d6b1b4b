"""One space for music and its pictures. In: embeddings of both, by track; out: two projections, and what they make.

Triplets on the cosine distance: a track is to be nearer to its own picture than to that of a track that shares no genre
with it, by a margin, and a picture nearer to its own track. Projections are linear, each on embeddings that are shifted
and scaled by mean and deviation of the training tracks, so that the mean of a track's patches goes where the mean of
their vectors is. The networks below stay as they were trained: what is learned here takes seconds.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.nets.classifier import STANDARDIZE, VARIANCE_FLOOR, set_statistics
from essentia_ldl.nets.covers.fitting import Limits, fit_part
from essentia_ldl.nets.layers import FixedBatchNormalization
from essentia_ldl.nets.metric.losses import measure_distance, score_triplet
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.runs.covers import CoversPlan

FLOOR_SHARE = 0.01  # of the mean variance: the least that a number is divided by the root of
SPACE = "space"  # name of the layer whose output is the vector


def build_projection(embeddings: np.ndarray, size: int, name: str) -> keras.Model:
    """Build a linear map that begins at random.

    Parameters
    ----------
    embeddings : np.ndarray [shape=(n_tracks, d), float32]
        Of the training tracks, for mean and deviation.
    size : int
        Numbers of the space.
    name : str
        Of the model.

    Returns
    -------
    keras.Model
        Embeddings (batch, d) float32 -> vectors (batch, size) float32.
    """
    inputs = keras.Input((embeddings.shape[1],), name="embeddings")
    scaled = FixedBatchNormalization(center=False, scale=False, epsilon=VARIANCE_FLOOR, name=STANDARDIZE)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(size, name=SPACE)(scaled), name=name)
    variance = embeddings.var(axis=0)
    # a number that training tracks leave at rest must not drown the others where one of another track moves it
    set_statistics(model, embeddings.mean(axis=0), np.maximum(variance, FLOOR_SHARE * variance.mean()))
    return model


def draw_others(targets: np.ndarray, rows: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Draw another row for each, one that shares no label with it.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks, n_classes), float32]
        Labels as 0 and 1.
    rows : np.ndarray [shape=(n,), int64]
        Those to draw for, and among: those of a step.
    seed, epoch : int
        Other ones are other draws.

    Returns
    -------
    np.ndarray [shape=(n,), int64]
        -1 where every other row shares a label.
    """
    random, others = np.random.default_rng([seed, epoch]), np.full(len(rows), -1)
    for place, row in enumerate(rows):
        able = rows[(targets[rows] @ targets[row]) == 0]
        if len(able):
            others[place] = able[random.integers(len(able))]
    return others


def learn_space(plan: CoversPlan, audio: np.ndarray, image: np.ndarray) -> tuple[keras.Model, np.ndarray, np.ndarray]:
    """Learn the space of both.

    Parameters
    ----------
    plan : CoversPlan
        With labels and sides.
    audio, image : np.ndarray [shape=(n_tracks, d), float32]
        Embeddings of all tracks, and of their pictures.

    Returns
    -------
    projection : keras.Model
        Of the audio's embeddings.
    heard, seen : np.ndarray [shape=(n_tracks, size), float32]
        Visually informed audio, and aurally informed pictures, of all tracks.

    Raises
    ------
    DataError
        When no two training tracks differ in their genres.
    """
    settings, train, targets = plan.settings, plan.rows("train"), plan.targets
    keras.utils.set_random_seed(settings.seed + 2)
    sides = [build_projection(e[train], settings.size, n) for e, n in ((audio, "audio"), (image, "image"))]
    inputs = [keras.Input(side.input_shape[1:], name=f"{side.name}_embeddings") for side in sides]
    model = keras.Model(inputs, [side(x) for side, x in zip(sides, inputs, strict=True)], name="space")
    if np.all(draw_others(targets, train, settings.seed, 0) < 0):
        remedy = "Add music of others, or fewer labels per track."
        raise DataError(explain("genres", "training tracks that share none", "all share one", "covers", remedy))

    def load(rows: np.ndarray, epoch: int | None) -> list[np.ndarray]:
        others = draw_others(targets, rows, settings.seed, 0 if epoch is None else epoch + 1)
        has = (others >= 0).astype(np.float32)
        others = np.where(others >= 0, others, rows)
        return [audio[rows], image[rows], audio[others], image[others], has]

    def measure(a: tf.Tensor, v: tf.Tensor, other_a: tf.Tensor, other_v: tf.Tensor, has: tf.Tensor, training: bool):
        (heard, seen), (far_heard, far_seen) = model([a, v], training=training), model([other_a, other_v])
        near = measure_distance(heard, seen)
        by_sound = score_triplet(near, measure_distance(heard, far_seen), settings.margin)
        return has * (by_sound + score_triplet(near, measure_distance(seen, far_heard), settings.margin))

    limits = Limits(settings.epochs, settings.patience, settings.batch_size, settings.rate, settings.seed + 2)
    found = fit_part(model, load, measure, (train, plan.rows("valid")), limits)
    print(f"{plan.name}: space, {found['epochs']} epochs, best is {found['best_epoch']}", flush=True)
    heard, seen = (np.asarray(side(e)) for side, e in zip(sides, (audio, image), strict=True))
    return sides[0], heard, seen
