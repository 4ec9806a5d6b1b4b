"""A linear head that was solved, not trained by descent: ``solution.npz`` of a run folder, written and read here alone.

In: a `linear.solution.Solution`, or a run folder. Out: the file, or the `Solution` in it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from essentia_ldl.arrays import read_arrays
from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.errors import DataError, StoreError, explain
from essentia_ldl.files import replacing
from essentia_ldl.linear.solution import REMEDY, ColumnSolution, Solution

__all__ = ["FILE", "Solution", "read_solution", "write_solution"]

FILE = "solution.npz"


def write_solution(folder: Path, solution: Solution) -> None:
    """Write the solution.npz of a run folder, whole or not at all."""
    with replacing(Path(folder) / FILE) as file:
        np.savez(file, **{field.name: getattr(solution, field.name) for field in dataclasses.fields(solution)})


def read_solution(folder: Path, kind: str = SINGLE_LABEL) -> Solution:
    """Read the solution.npz of a run folder whose targets are of a kind of `choices.KINDS`.

    Raises
    ------
    StoreError
        When it is missing or damaged.
    """
    path = Path(folder) / FILE
    arrays, names = read_arrays(path, "solution", REMEDY), {field.name for field in dataclasses.fields(Solution)}
    if set(arrays) != names:
        raise StoreError(explain("solution", f"the arrays {', '.join(sorted(names))}", sorted(arrays), path, REMEDY))
    try:
        return (Solution if kind == SINGLE_LABEL else ColumnSolution)(**arrays)
    except DataError as error:
        raise StoreError(f"{error} The file is {path}.") from None
