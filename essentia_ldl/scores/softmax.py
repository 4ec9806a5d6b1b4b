"""A linear softmax on vectors of tracks, by gradient descent: how well a straight cut tells classes apart.

In: vectors and classes of three sides. Out: one number per tested track. Features are shifted and scaled by mean and
deviation of the training side; plain gradient descent with a rate of 0.01 and batches of 16 ends when 8 epochs were no
better on the validation side, and the best epoch answers; ten trials from other weights and orders are averaged.

References
----------
J. Park, J. Lee, J. Park, J.-W. Ha and J. Nam, "Representation learning of music using artist labels" (ISMIR 2018),
section 4.3, with the numbers of the authors' code (https://github.com/jongpillee/ismir2018-artist). What "better" means
is not told: here the cross-entropy of the validation side.
"""

from __future__ import annotations

import dataclasses

import numpy as np

RATE, BATCH, PATIENCE, N_TRIALS, MOST_EPOCHS = 0.01, 16, 8, 10, 500
FLOOR = 1e-6  # of a variance


@dataclasses.dataclass(frozen=True)
class Side:
    """Vectors (n_tracks, d) and classes (n_tracks,), numbered from 0, of one side of a split."""

    vectors: np.ndarray
    classes: np.ndarray


def score_softmax(train: Side, valid: Side, test: Side, n_classes: int, n_trials: int = N_TRIALS) -> np.ndarray:
    """Train on one side, stop by another, and answer a third.

    Parameters
    ----------
    train, valid, test : Side
        Without validation tracks the training side stops.
    n_classes : int
        Classes of all sides.
    n_trials : int
        Trainings that are averaged.

    Returns
    -------
    np.ndarray [shape=(n_test,), float64]
        The share of trials whose answer is right.

    Examples
    --------
    >>> side = Side(np.repeat([[1.0, 0.0], [0.0, 1.0]], 8, axis=0), np.repeat([0, 1], 8))
    >>> score_softmax(side, side, Side(np.eye(2), np.array([0, 1])), 2, n_trials=2).tolist()
    [1.0, 1.0]
    """
    mean = train.vectors.mean(axis=0, dtype=np.float64)
    scale = 1 / np.sqrt(train.vectors.var(axis=0, dtype=np.float64) + FLOOR)
    train, valid, test = (Side((one.vectors - mean) * scale, one.classes) for one in (train, valid, test))
    valid = valid if len(valid.classes) else train
    right = np.zeros(len(test.classes))
    for trial in range(n_trials):
        weights = _train(train, valid, n_classes, np.random.default_rng(trial))
        right += _answer(test.vectors, weights).argmax(axis=1) == test.classes
    return right / n_trials


def _train(train: Side, valid: Side, n_classes: int, random: np.random.Generator) -> np.ndarray:
    """Return the weights (d + 1, n_classes) of the best epoch; the last row is the bias."""
    n_tracks, size = train.vectors.shape
    limit = np.sqrt(6 / (size + n_classes))  # Glorot and Bengio (2010), as Keras begins
    weights = np.vstack([random.uniform(-limit, limit, (size, n_classes)), np.zeros(n_classes)])
    targets = np.eye(n_classes)[train.classes]
    best, best_cost, n_worse = weights.copy(), np.inf, 0
    for _ in range(MOST_EPOCHS):
        order = random.permutation(n_tracks)
        for start in range(0, n_tracks, BATCH):
            rows = order[start : start + BATCH]
            error = (_answer(train.vectors[rows], weights) - targets[rows]) / len(rows)
            weights[:-1] -= RATE * train.vectors[rows].T @ error
            weights[-1] -= RATE * error.sum(axis=0)
        chances = _answer(valid.vectors, weights)[np.arange(len(valid.classes)), valid.classes]
        cost = -np.mean(np.log(np.maximum(chances, 1e-300)))
        n_worse = 0 if cost < best_cost else n_worse + 1
        if n_worse == 0:
            best, best_cost = weights.copy(), cost
        elif n_worse >= PATIENCE:
            break
    return best


def _answer(vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the probabilities (n, n_classes) of vectors."""
    logits = vectors @ weights[:-1] + weights[-1]
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    return chances / chances.sum(axis=1, keepdims=True)
