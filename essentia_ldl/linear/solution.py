"""A linear classifier as numbers: logits of features x are ``(x - mean) / scale @ kernel + bias``.

In: arrays of whoever solved it. Out: a frozen `Solution`, which answers, and folds into one dense layer.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from essentia_ldl.errors import DataError, explain

REMEDY = "Solve the head again."


def freeze_arrays(record: Any) -> None:
    """Make every field of a frozen record an array of float64 that is not written to; `DataError` where it is none."""
    for field in dataclasses.fields(record):
        try:
            values = np.array(getattr(record, field.name), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(explain(field.name, "numbers", error, "solution", REMEDY)) from None
        values.setflags(write=False)
        object.__setattr__(record, field.name, values)


def check_arrays(record: Any, shapes: Mapping[str, tuple[int, ...]], positive: Sequence[str]) -> None:
    """Raise `DataError` when arrays have other shapes, are not finite, or not above 0 where they must be."""
    for name, shape in shapes.items():
        if getattr(record, name).shape != shape:
            raise DataError(explain(name, f"shape {shape}", getattr(record, name).shape, "solution", REMEDY))
    for field in dataclasses.fields(record):
        if not np.all(np.isfinite(getattr(record, field.name))):
            raise DataError(explain(field.name, "finite numbers", "NaN or infinite", "solution", REMEDY))
    for name in positive:
        if np.any(getattr(record, name) <= 0):
            raise DataError(explain(name, "above 0", float(getattr(record, name).min()), "solution", REMEDY))


def digest_arrays(record: Any, shape: tuple[int, ...]) -> str:
    """Return the sha256 of a shape and of the arrays of a record."""
    parts = [getattr(record, field.name).tobytes() for field in dataclasses.fields(record)]
    return hashlib.sha256(b"".join([repr(shape).encode(), *parts])).hexdigest()


@dataclasses.dataclass(frozen=True, eq=False)
class Solution:
    """A linear head on standardised features.

    Parameters
    ----------
    mean, scale : np.ndarray [shape=(d,), float64]
        Of each feature; a scale is above 0.
    kernel : np.ndarray [shape=(d, n_classes), float64]
        Weights of standardised features.
    bias : np.ndarray [shape=(n_classes,), float64]
        Of each class.

    Raises
    ------
    DataError
        When shapes do not fit, a number is not finite, or a scale is not positive.
    """

    mean: np.ndarray
    scale: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray
    LEAST: ClassVar[int] = 2  # columns

    def __post_init__(self) -> None:
        freeze_arrays(self)
        if self.kernel.ndim != 2 or 0 in self.kernel.shape or self.kernel.shape[1] < self.LEAST:
            rule = "(d, n_classes), of one feature and two classes at least"
            raise DataError(explain("kernel", rule, self.kernel.shape, "solution", REMEDY))
        d, n_classes = self.kernel.shape
        check_arrays(self, {"mean": (d,), "scale": (d,), "bias": (n_classes,)}, ("scale",))

    @property
    def n_features(self) -> int:
        """Features that the head reads."""
        return self.kernel.shape[0]

    @property
    def n_classes(self) -> int:
        """Classes that it tells apart."""
        return self.kernel.shape[1]

    @property
    def digest(self) -> str:
        """Return the sha256 of its numbers."""
        return digest_arrays(self, self.kernel.shape)

    def fold(self) -> tuple[np.ndarray, np.ndarray]:
        """Return kernel and bias of one dense layer on features that are not standardised.

        Returns
        -------
        kernel : np.ndarray [shape=(d, n_classes), float64]
        bias : np.ndarray [shape=(n_classes,), float64]
        """
        kernel = self.kernel / self.scale[:, np.newaxis]
        return kernel, self.bias - self.mean @ kernel

    def score(self, features: np.ndarray) -> np.ndarray:
        """Return the logits (n, n_classes) of features (n, d), float64."""
        return (np.asarray(features, dtype=np.float64) - self.mean) / self.scale @ self.kernel + self.bias


class ColumnSolution(Solution):
    """A linear head for tags or numbers, of which one is enough."""

    LEAST = 1
