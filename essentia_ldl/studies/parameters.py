"""How many numbers of a trained network were trained. In: its weights; out: a count."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.arrays import read_arrays

STATISTICS = ("moving_mean", "moving_variance")  # of batch normalisation: kept, and not trained


def count_parameters(path: Path) -> int:
    """Count the numbers of a weights.npz that are trained; raise `StoreError` when it cannot be read."""
    arrays = read_arrays(path, "weights")
    return sum(array.size for name, array in arrays.items() if name.rsplit("/", 1)[-1] not in STATISTICS)
