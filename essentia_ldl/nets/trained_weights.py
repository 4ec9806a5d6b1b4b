"""The trained weights of a run: `weights.npz`, path of a variable -> values.

In: a Keras model, or the file of one. Out: the file, written whole or not at all; the model with these weights; how
many features a trained network offers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from essentia_ldl.arrays import opened_arrays
from essentia_ldl.errors import StoreError, explain
from essentia_ldl.files import replacing
from essentia_ldl.nets.runtime import keras
from essentia_ldl.runs.names import WEIGHTS


def write_weights(path: Path, model: keras.Model) -> None:
    """Write the weights of a model by the path of their variables, atomically."""
    with replacing(path) as file:
        np.savez(file, **{weight.path: weight.numpy() for weight in model.weights})


def read_weights(path: Path, model: keras.Model) -> None:
    """Load weights into a model.

    Parameters
    ----------
    path : Path
        Written by `write_weights`.
    model : keras.Model
        Of the same topology.

    Raises
    ------
    StoreError
        When the file is missing, damaged, or of another model.
    """
    with opened_arrays(path, "weights", rule="those of the plan's network") as arrays:
        if set(arrays) != {weight.path for weight in model.weights}:
            raise KeyError("other variables")
        for weight in model.weights:
            weight.assign(arrays[weight.path])


def count_features(folder: Path) -> int:
    """Return how many numbers the last dense layers of a trained network read, over all of its targets.

    Parameters
    ----------
    folder : Path
        Holds `weights.npz`.

    Raises
    ------
    StoreError
        When the file is missing, damaged or without logits.
    """
    path = Path(folder) / WEIGHTS
    remedy = "Run the same command again."
    with opened_arrays(path, "weights", remedy, "those of a trained network") as arrays:
        kernels = [arrays[name] for name in arrays if name.endswith("logits/kernel")]
    if not kernels:
        raise StoreError(explain("weights", "a dense layer of logits", "none", path, remedy))
    return sum(len(kernel) for kernel in kernels)
