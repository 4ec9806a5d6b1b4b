"""A machine with a radial kernel as numbers: features x are scored by their distances to support vectors.

In: arrays of whoever fitted it. Out: a frozen `RadialSolution`, whose logits are
``exp(-gamma * |z - v|^2) @ dual + bias`` with ``z = (x - mean) / scale`` and v the support vectors.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.linear.solution import REMEDY, check_arrays, digest_arrays, freeze_arrays


@dataclasses.dataclass(frozen=True, eq=False)
class RadialSolution:
    """A machine per column that share their support vectors.

    Parameters
    ----------
    mean, scale : np.ndarray [shape=(d,), float64]
        Of each feature; a scale is above 0.
    vectors : np.ndarray [shape=(n_vectors, d), float64]
        Support vectors, of features less their mean over their scale.
    dual : np.ndarray [shape=(n_vectors, n_classes), float64]
        Their weights; 0 where a vector supports another column's machine alone.
    bias : np.ndarray [shape=(n_classes,), float64]
        Of each column.
    gamma : np.ndarray [shape=(), float64]
        Width of the kernel, above 0.

    Raises
    ------
    DataError
        When shapes do not fit, a number is not finite, or scale or gamma is not positive.
    """

    mean: np.ndarray
    scale: np.ndarray
    vectors: np.ndarray
    dual: np.ndarray
    bias: np.ndarray
    gamma: np.ndarray

    def __post_init__(self) -> None:
        freeze_arrays(self)
        if self.vectors.ndim != 2 or self.dual.ndim != 2 or 0 in (*self.vectors.shape, *self.dual.shape):
            shapes = (self.vectors.shape, self.dual.shape)
            raise DataError(explain("vectors and dual", "(n, d) and (n, n_classes)", shapes, "solution", REMEDY))
        (n_vectors, d), n_classes = self.vectors.shape, self.dual.shape[1]
        shapes = {"mean": (d,), "scale": (d,), "dual": (n_vectors, n_classes), "bias": (n_classes,), "gamma": ()}
        check_arrays(self, shapes, ("scale", "gamma"))

    @property
    def n_features(self) -> int:
        """Features that the machine reads."""
        return self.vectors.shape[1]

    @property
    def n_vectors(self) -> int:
        """Support vectors, of all columns together."""
        return self.vectors.shape[0]

    @property
    def n_classes(self) -> int:
        """Columns that it answers."""
        return self.dual.shape[1]

    @property
    def n_numbers(self) -> int:
        """Numbers that a graph of it holds: support vectors and their weights, shift and scale of the features."""
        return self.vectors.size + self.dual.size + self.bias.size + self.mean.size + self.scale.size

    @property
    def digest(self) -> str:
        """Return the sha256 of its numbers."""
        return digest_arrays(self, (*self.vectors.shape, self.n_classes))

    def fold(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Put gamma into the features: the kernel is ``exp(-|(x - shift) * factor - v|^2)``.

        Returns
        -------
        shift, factor : np.ndarray [shape=(d,), float64]
        vectors : np.ndarray [shape=(n_vectors, d), float64]
        """
        root = np.sqrt(self.gamma)
        return self.mean, root / self.scale, root * self.vectors

    def score(self, features: np.ndarray) -> np.ndarray:
        """Return the logits (n, n_classes) of features (n, d), float64."""
        rows = (np.asarray(features, dtype=np.float64) - self.mean) / self.scale
        return np.exp(-self.gamma * measure_distances(rows, self.vectors)) @ self.dual + self.bias


def measure_distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the squared distances (n, m) of rows (n, d) from others (m, d), float64.

    Examples
    --------
    >>> measure_distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]))
    array([[25.,  1.]])
    """
    squares = np.square(rows).sum(axis=1)[:, None] + np.square(others).sum(axis=1)[None]
    return np.maximum(squares - 2 * rows @ others.T, 0)
