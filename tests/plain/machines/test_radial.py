"""A radial machine as numbers: the kernel of scikit-learn, folding, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

from essentia_ldl.errors import DataError
from essentia_ldl.machines.radial import RadialSolution, measure_distances


@pytest.fixture
def solution():
    random = np.random.default_rng(0)
    vectors, dual = random.normal(size=(5, 7)), random.normal(size=(5, 3))
    scale = random.uniform(0.5, 2, 7)
    return RadialSolution(random.normal(size=7), scale, vectors, dual, random.normal(size=3), np.array(0.2))


def test_distances_are_those_of_scikit_learn():
    random = np.random.default_rng(1)
    rows, others = random.normal(size=(6, 4)), random.normal(size=(3, 4))
    np.testing.assert_allclose(measure_distances(rows, others), euclidean_distances(rows, others, squared=True))
    assert np.all(measure_distances(rows, rows) >= 0)


def test_logits_are_kernels_times_weights(solution):
    features = np.random.default_rng(2).normal(size=(11, 7))
    kernel = rbf_kernel((features - solution.mean) / solution.scale, solution.vectors, gamma=0.2)
    np.testing.assert_allclose(solution.score(features), kernel @ solution.dual + solution.bias)
    shift, factor, vectors = solution.fold()
    folded = rbf_kernel((features - shift) * factor, vectors, gamma=1.0)
    np.testing.assert_allclose(folded, kernel)


def test_sizes(solution):
    assert (solution.n_features, solution.n_vectors, solution.n_classes) == (7, 5, 3)
    assert solution.n_numbers == 5 * 7 + 5 * 3 + 3 + 7 + 7
    assert solution.digest != dataclasses.replace(solution, gamma=np.array(0.3)).digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gamma": np.array(0.0)}, "gamma: expected above 0"),
        ({"scale": np.zeros(7)}, "scale: expected above 0"),
        ({"bias": np.zeros(2)}, r"bias: expected shape \(3,\)"),
        ({"vectors": np.zeros((5, 0))}, "vectors and dual"),
        ({"dual": np.full((5, 3), np.nan)}, "dual: expected finite numbers"),
        ({"mean": "x"}, "mean: expected numbers"),
    ],
)
def test_numbers_that_are_no_machine(changes, message, solution):
    with pytest.raises(DataError, match=message):
        dataclasses.replace(solution, **changes)
