"""A solved head as numbers: what folding keeps, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.linear.solution import Solution


@pytest.fixture
def solution():
    random = np.random.default_rng(0)
    mean, scale = random.normal(size=7), random.uniform(0.1, 3, 7)
    return Solution(mean, scale, random.normal(size=(7, 3)), random.normal(size=3))


def test_folding_gives_the_same_logits(solution):
    features = np.random.default_rng(1).normal(size=(5, 7))
    kernel, bias = solution.fold()
    np.testing.assert_allclose(features @ kernel + bias, solution.score(features), atol=1e-12)
    expected = ((features - solution.mean) / solution.scale) @ solution.kernel + solution.bias
    np.testing.assert_allclose(solution.score(features), expected, atol=1e-12)


def test_the_digest_knows_every_number(solution):
    digests = {solution.digest}
    for name in ("mean", "scale", "kernel", "bias"):
        values = {key: np.array(getattr(solution, key)) for key in ("mean", "scale", "kernel", "bias")}
        values[name].flat[0] += 1e-9
        digests.add(Solution(**values).digest)
    assert len(digests) == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": np.zeros(3)}, r"mean: expected shape \(7,\)"),
        ({"bias": np.zeros((3, 1))}, r"bias: expected shape \(3,\)"),
        ({"kernel": np.zeros(7)}, r"kernel: expected \(d, n_classes\)"),
        ({"kernel": np.zeros((7, 1))}, "two classes at least"),
        ({"kernel": np.full((7, 3), np.nan)}, "kernel: expected finite numbers"),
        ({"scale": np.r_[0.0, np.ones(6)]}, "scale: expected above 0; got 0"),
        ({"bias": ["a", "b", "c"]}, "bias: expected numbers"),
    ],
)
def test_what_is_no_solution(solution, changes, message):
    values = {key: getattr(solution, key) for key in ("mean", "scale", "kernel", "bias")}
    with pytest.raises(DataError, match=message):
        Solution(**{**values, **changes})


def test_numbers_cannot_be_changed_afterwards(solution):
    with pytest.raises(ValueError, match="read-only"):
        solution.bias[0] = 1
