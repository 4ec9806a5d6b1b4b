"""A head that was solved, not trained by descent: ``solution.npz`` of a run folder, written and read here alone.

In: a `linear.solution.Solution` or a `machines.radial.RadialSolution`, or a run folder. Out: the file, or what it has.
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
from essentia_ldl.machines.radial import RadialSolution

__all__ = ["FILE", "RadialSolution", "Solution", "read_solution", "write_solution"]

FILE = "solution.npz"


def write_solution(folder: Path, solution: Solution | RadialSolution) -> None:
    """Write the solution.npz of a run folder, whole or not at all."""
    with replacing(Path(folder) / FILE) as file:
        np.savez(file, **{field.name: getattr(solution, field.name) for field in dataclasses.fields(solution)})


def read_solution(folder: Path, kind: str = SINGLE_LABEL) -> Solution | RadialSolution:
    """Read the solution.npz of a run folder whose targets are of a kind of `choices.KINDS`.

    Raises
    ------
    StoreError
        When it is missing or damaged.
    """
    path = Path(folder) / FILE
    arrays = read_arrays(path, "solution", REMEDY)
    make = RadialSolution if "vectors" in arrays else Solution if kind == SINGLE_LABEL else ColumnSolution
    names = {field.name for field in dataclasses.fields(make)}
    if set(arrays) != names:
        raise StoreError(explain("solution", f"the arrays {', '.join(sorted(names))}", sorted(arrays), path, REMEDY))
    try:
        return make(**arrays)
    except DataError as error:
        raise StoreError(f"{error} The file is {path}.") from None
