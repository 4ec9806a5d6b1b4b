"""Arrays of a run's .npz files, read whole: damage of any kind is one sentence with the path and a remedy."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from essentia_ldl.errors import StoreError, explain

# What numpy and zipfile raise on files with flipped bits: wrong names, sizes, methods, headers that are no literals.
DAMAGE = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, IndexError, AttributeError, SyntaxError, RuntimeError),
    *(OverflowError, MemoryError, RecursionError, zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
)
REMEDY = "Train the run again."


def read_arrays(path: Path, what: str, remedy: str = REMEDY) -> dict[str, np.ndarray]:
    """Read every array of an .npz file.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it holds, for the message: "predictions", "weights".
    remedy : str
        What to do when it cannot be read.

    Returns
    -------
    dict[str, np.ndarray]
        By name.

    Raises
    ------
    StoreError
        When it is missing or damaged.
    """
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):  # an .npy under this name
            raise ValueError("a single array")
        with found as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except DAMAGE as error:
        raise StoreError(explain(what, "a readable file", error, path, remedy)) from None
