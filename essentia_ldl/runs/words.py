"""What the run of a space of words and audio has beside its plan: vectors of the words, and which of them are seen.

In: what `spaces.words` plans, or a run folder. Out: ``planned_words.npz``; the training leaves the word side as
``words.npz``, and `spaces.words` its measures as ``words.json``.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from essentia_ldl.arrays import read_arrays
from essentia_ldl.errors import StoreError, explain
from essentia_ldl.files import replacing

PLANNED, SIDE, MEASURES = "planned_words.npz", "words.npz", "words.json"


def write_planned_words(folder: Path, words: Collection[str], units: np.ndarray, seen: Collection[str]) -> None:
    """Write the words of a run, their unit vectors (n_words, d) float32, and which are seen in training."""
    names = np.frombuffer("\n".join(words).encode(), np.uint8)
    with replacing(folder / PLANNED) as file:
        np.savez(file, words=names, units=units, is_seen=np.array([word in seen for word in words]))


def read_planned_words(folder: Path) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Read the words of a run: names, unit vectors, and whether each is seen.

    Raises
    ------
    StoreError
        When they are missing or damaged.
    """
    path = folder / PLANNED
    arrays = read_arrays(path, "words of a run")
    try:
        words = tuple(bytes(arrays["words"]).decode().split("\n"))
        units, is_seen = arrays["units"], arrays["is_seen"]
        if units.ndim != 2 or units.dtype != np.float32 or is_seen.dtype != bool or len(units) != len(words):
            raise ValueError("arrays of other shapes")
        if is_seen.shape != (len(words),):
            raise ValueError("arrays of other lengths")
    except (KeyError, ValueError) as error:
        raise StoreError(explain("words of a run", "a whole file", error, path, "Train the run again.")) from None
    return words, units, is_seen
