"""A solved head on disk: what comes back, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.runs.solution import FILE, RadialSolution, Solution, read_solution, write_solution


@pytest.fixture
def solution():
    random = np.random.default_rng(0)
    mean, scale = random.normal(size=7), random.uniform(0.1, 3, 7)
    return Solution(mean, scale, random.normal(size=(7, 3)), random.normal(size=3))


def test_what_is_written_is_read(tmp_path, solution):
    write_solution(tmp_path, solution)
    again = read_solution(tmp_path)
    for name in ("mean", "scale", "kernel", "bias"):
        assert np.array_equal(getattr(again, name), getattr(solution, name))
    assert again.digest == solution.digest
    assert (again.n_features, again.n_classes) == (7, 3)


def test_a_radial_machine_is_read_as_one(tmp_path):
    random = np.random.default_rng(0)
    numbers = {"mean": (7,), "vectors": (4, 7), "dual": (4, 3), "bias": (3,)}
    machine = RadialSolution(**{k: random.normal(size=v) for k, v in numbers.items()}, scale=np.ones(7), gamma=0.5)
    write_solution(tmp_path, machine)
    again = read_solution(tmp_path)
    assert type(again) is RadialSolution
    assert again.digest == machine.digest


def test_files_that_hold_no_solution(tmp_path, solution):
    with pytest.raises(StoreError, match="solution: expected a readable file"):
        read_solution(tmp_path)
    (tmp_path / FILE).write_bytes(b"nothing")
    with pytest.raises(StoreError, match="Solve the head again"):
        read_solution(tmp_path)
    np.savez(tmp_path / FILE, mean=solution.mean, scale=solution.scale, kernel=solution.kernel)
    with pytest.raises(StoreError, match="the arrays bias, kernel, mean, scale"):
        read_solution(tmp_path)
    np.savez(tmp_path / FILE, mean=solution.mean, scale=-solution.scale, kernel=solution.kernel, bias=solution.bias)
    with pytest.raises(StoreError, match="above 0"):
        read_solution(tmp_path)
