"""Inner products of tracks, standardised on the training tracks: all that a penalised linear classifier needs.

In: blocks of features (n_tracks, d), of each resampling quality, and the rows that train. Out: a `Span`. With an L2
penalty the best weights are a combination of the training tracks (the representer theorem), so that a fit of n tracks
is a problem of n numbers per class however many features there are, and features of several backbones are added by
adding their inner products.

Differences between resampling qualities of the same track carry nothing about its class. They are penalised: the
metric is the inverse of I + g C, where C is the covariance of these differences over the training tracks, so that a
direction in which the quality moves tracks counts little. By Woodbury's identity this needs inner products only.

References
----------
B. Schölkopf, R. Herbrich and A. Smola, "A generalized representer theorem", COLT 2001. A. Hatch, S. Kajarekar and
A. Stolcke, "Within-class covariance normalization for SVM-based speaker recognition", Interspeech 2006: the inverse of
a nuisance covariance as the metric of a linear classifier.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from essentia_ldl.errors import DataError, explain

DEVIATION_FLOOR = 1e-3  # of the mean deviation of a block: a feature that hardly changes in training stays small later
INVARIANCE = 30.0  # weight of the differences between qualities; see `whiten`


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """Features of one backbone.

    Parameters
    ----------
    name : str
        Such as "msd-musicnn".
    values : tuple[np.ndarray [shape=(n_tracks, d), float], ...]
        One array per resampling quality, rows in the same order; the first is the quality of production.

    Raises
    ------
    DataError
        When shapes differ or a number is not finite.
    """

    name: str
    values: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        shapes = {np.shape(values) for values in self.values}
        if len(shapes) != 1 or len(next(iter(shapes))) != 2:
            raise DataError(explain("features", "(n_tracks, d) of each quality", shapes, self.name, "Extract again."))
        for values in self.values:
            finite = np.isfinite(values).all(axis=1)
            if not finite.all():
                row = int(np.argmin(finite))
                raise DataError(
                    explain("features", "finite numbers", "NaN", f"{self.name}, track {row}", "Leave it out.")
                )


@dataclasses.dataclass(frozen=True, eq=False)
class Scaling:
    """Mean and deviation of the features of a block over training tracks, each (d,) float64."""

    mean: np.ndarray
    deviation: np.ndarray

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return features with zero mean, unit deviation, and a mean squared length of a track of about one."""
        return (values - self.mean) / (self.deviation * np.sqrt(len(self.mean)))


def measure(block: Block, train: np.ndarray) -> Scaling:
    """Measure mean and deviation of every feature over training tracks, all qualities together."""
    rows = np.concatenate([np.asarray(values[train], dtype=np.float64) for values in block.values])
    deviation = rows.std(axis=0)
    floor = DEVIATION_FLOOR * deviation.mean()
    return Scaling(rows.mean(axis=0), np.maximum(deviation, floor if floor > 0 else 1.0))


def multiply(block: Block, train: np.ndarray) -> np.ndarray:
    """Return the inner products of all tracks of a block, standardised on training tracks.

    Parameters
    ----------
    block : Block
        Of n tracks in q qualities.
    train : np.ndarray [shape=(n_train,), int]
        Rows that train.

    Returns
    -------
    np.ndarray [shape=(q * n, q * n), float64]
        Quality after quality.
    """
    scaling = measure(block, train)
    rows = np.concatenate([scaling.apply(values) for values in block.values])
    return rows @ rows.T


@dataclasses.dataclass(frozen=True, eq=False)
class Span:
    """Inner products with the training tracks.

    Parameters
    ----------
    train : np.ndarray [shape=(n_train,), int]
        Rows that train.
    own : np.ndarray [shape=(n_train, n_train), float64]
        Of training tracks, each the mean of its qualities.
    of_all : np.ndarray [shape=(q, n, n_train), float64]
        Of every track in every quality with the training tracks.
    correction : np.ndarray [shape=(n_train, n_train), float64] or None
        What turns training tracks into the combination of differences that the penalty takes off; see `to_weights`.
    """

    train: np.ndarray
    own: np.ndarray
    of_all: np.ndarray
    correction: np.ndarray | None = None


def whiten(products: np.ndarray, train: np.ndarray, n_qualities: int, invariance: float = INVARIANCE) -> Span:
    """Make the span of training tracks, with differences between qualities penalised.

    Parameters
    ----------
    products : np.ndarray [shape=(q * n, q * n), float64]
        From `multiply`, added over blocks and divided by their number.
    train : np.ndarray [shape=(n_train,), int]
        Rows that train.
    n_qualities : int
        q.
    invariance : float
        Weight of the penalty: the metric is the inverse of I + invariance * D'D / (s n_train), where rows of D are
        differences of two qualities and s is the mean of their squared lengths. 0 is none.

    Returns
    -------
    Span
    """
    n = len(products) // n_qualities
    blocks = products.reshape(n_qualities, n, n_qualities, n)
    with_train = blocks[:, :, :, train]
    of_all = with_train.mean(axis=2)  # every track in every quality, with the mean of a training track
    own = of_all[:, train].mean(axis=0)
    if n_qualities < 2 or invariance <= 0:
        return Span(train, own, of_all)
    differences = with_train[:, :, 0] - with_train[:, :, 1]  # every track, with the difference of a training track
    between = differences[0, train] - differences[1, train]
    length = np.trace(between) / len(train)
    if length <= 0:
        return Span(train, own, of_all)
    weight = invariance / (length * len(train))
    of_own = differences[:, train].mean(axis=0)  # training tracks (rows) with differences
    correction = np.linalg.solve(np.eye(len(train)) + weight * between, weight * of_own.T)
    own = own - of_own @ correction
    return Span(train, (own + own.T) / 2, of_all - differences @ correction, correction)


def to_weights(blocks: Sequence[Block], span: Span, dual: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn a solution in the span into weights of features.

    Parameters
    ----------
    blocks : sequence of Block
        Those that the span was made of.
    span : Span
        The span.
    dual : np.ndarray [shape=(n_train, n_classes), float64]
        Logits of tracks are `span.of_all @ dual`, plus a bias.

    Returns
    -------
    mean, scale : np.ndarray [shape=(d,), float64]
        Of all features, block after block.
    kernel : np.ndarray [shape=(d, n_classes), float64]
        Logits are ``(features - mean) / scale @ kernel``, plus the same bias.
    """
    means, scales, kernels = [], [], []
    for block in blocks:
        scaling = measure(block, span.train)
        rows = [scaling.apply(np.asarray(values[span.train], dtype=np.float64)) for values in block.values]
        kernel = np.mean(rows, axis=0).T @ dual
        if span.correction is not None:
            kernel -= (rows[0] - rows[1]).T @ (span.correction @ dual)
        means.append(scaling.mean)
        scales.append(scaling.deviation * np.sqrt(len(scaling.mean)))
        kernels.append(kernel / len(blocks))
    return np.concatenate(means), np.concatenate(scales), np.concatenate(kernels)
