"""The word side of a space that words and audio share: from vectors of words to places in the space.

In: what a training writes, or ``<model>.words.npz`` beside a graph. Out: `WordSide`. It is a table of numbers and no
graph: a kernel, a bias, and the words of the training with their places, so that these need no file of vectors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.arrays import read_arrays
from essentia_ldl.errors import DataError, StoreError, explain
from essentia_ldl.files import replacing

SUFFIX = ".words.npz"
REMEDY = "Copy it again from where the model was made, or train the space again."


@dataclasses.dataclass(frozen=True)
class WordSide:
    """Where words are in a space.

    Parameters
    ----------
    kernel : np.ndarray [shape=(d, size), float32]
        From unit vectors of words to the space.
    bias : np.ndarray [shape=(size,), float32]
        What is added.
    words : tuple[str, ...]
        Those of the training, seen or not.
    units : np.ndarray [shape=(n_words, size), float32]
        Their places, of length 1.

    Raises
    ------
    DataError
        When the parts do not fit, or are not finite.
    """

    kernel: np.ndarray
    bias: np.ndarray
    words: tuple[str, ...]
    units: np.ndarray

    def __post_init__(self) -> None:
        arrays = {"kernel": self.kernel, "bias": self.bias, "units": self.units}
        size = self.kernel.shape[-1] if self.kernel.ndim == 2 else -1
        fits = self.bias.shape == (size,) and self.units.shape == (len(self.words), size)
        finite = all(array.dtype == np.float32 and np.all(np.isfinite(array)) for array in arrays.values())
        if not (fits and finite):
            found = {name: array.shape for name, array in arrays.items()}
            raise DataError(explain("word side", "finite arrays of one size, in float32", found, "space", REMEDY))

    def place(self, units: np.ndarray) -> np.ndarray:
        """Return the places of words, of length 1.

        Parameters
        ----------
        units : np.ndarray [shape=(n, d), float32]
            Their unit vectors.

        Returns
        -------
        np.ndarray [shape=(n, size), float32]

        Raises
        ------
        DataError
            When the vectors have another width than those of the training.
        """
        if units.shape[-1] != len(self.kernel):
            rule, remedy = f"vectors of {len(self.kernel)} numbers, as in training", "Take the file of the training."
            raise DataError(explain("word vectors", rule, units.shape[-1], "space", remedy))
        places = units @ self.kernel + self.bias
        lengths = np.linalg.norm(places, axis=1, keepdims=True)
        return places / np.where(lengths > 0, lengths, 1)


def write_side(path: Path, side: WordSide) -> None:
    """Write a word side."""
    names = np.frombuffer("\n".join(side.words).encode(), np.uint8)
    with replacing(path) as file:
        np.savez(file, kernel=side.kernel, bias=side.bias, units=side.units, words=names)


def read_side(path: Path) -> WordSide:
    """Read a word side.

    Raises
    ------
    StoreError
        When it is missing or damaged.
    """
    arrays: Mapping[str, Any] = read_arrays(path, "word side", REMEDY)
    try:
        words = tuple(bytes(arrays["words"]).decode().split("\n"))
        return WordSide(arrays["kernel"], arrays["bias"], words, arrays["units"])
    except (KeyError, UnicodeDecodeError, DataError, AttributeError) as error:
        raise StoreError(explain("word side", "a whole file of a space of words", error, path, REMEDY)) from None
