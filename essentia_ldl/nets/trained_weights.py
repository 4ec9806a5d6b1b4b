"""The trained weights of a run: `weights.npz`, path of a variable -> values.

In: a Keras model, or the file of one. Out: the file, written whole or not at all; the model with these weights; how
many features a trained network offers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from essentia_ldl.errors import StoreError, explain
from essentia_ldl.files import replacing
from essentia_ldl.nets.runtime import keras
from essentia_ldl.runs.arrays import DAMAGE
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
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if set(arrays.files) != {weight.path for weight in model.weights}:
                raise KeyError("other variables")
            for weight in model.weights:
                weight.assign(arrays[weight.path])
    except DAMAGE as error:
        rule, remedy = "those of the plan's network", "Train the run again."
        raise StoreError(explain("weights", rule, error, path, remedy)) from None


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
    try:
        with np.load(path, allow_pickle=False) as arrays:
            kernels = [arrays[name] for name in arrays.files if name.endswith("logits/kernel")]
    except DAMAGE as error:
        raise StoreError(explain("weights", "those of a trained network", error, path, remedy)) from None
    if not kernels:
        raise StoreError(explain("weights", "a dense layer of logits", "none", path, remedy))
    return sum(len(kernel) for kernel in kernels)
