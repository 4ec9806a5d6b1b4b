"""Machines: scikit-learn's decision values, their grid, and what cannot be learned."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from essentia_ldl.errors import DataError
from essentia_ldl.linear.choose import FeatureSet
from essentia_ldl.linear.solution import ColumnSolution, Solution
from essentia_ldl.linear.span import Block
from essentia_ldl.machines.fit import (
    AUTO_GAMMA,
    TUBE,
    MachineGrid,
    MachineSetting,
    check_targets,
    fit_machine,
    solve_machines,
)
from essentia_ldl.machines.radial import RadialSolution

FEATURES = FeatureSet(("a", "b"), ("a", "b"), "12345", 1.0)
KINDS = ("single_label", "multi_label", "regression")


def draw(kind: str, n_tracks: int = 60, n_columns: int = 3):
    """Two blocks of features in one quality, and targets that they tell something of."""
    random = np.random.default_rng(4)
    rows = random.normal(2, (1, 3, 1, 1, 1, 1, 0.5, 1), (n_tracks, 8))
    values = rows[:, :n_columns] + 0.5 * random.normal(size=(n_tracks, n_columns))
    targets = {
        "single_label": np.eye(n_columns)[values.argmax(axis=1)],
        "multi_label": (values > 2).astype(float),
        "regression": 10 * values + 100,
    }[kind]
    return (Block("a", (rows[:, :5],)), Block("b", (rows[:, 5:],))), rows, targets


def ask_sklearn(setting: MachineSetting, rows: np.ndarray, targets: np.ndarray, kind: str) -> np.ndarray:
    """Decision values of scikit-learn's own machines, one per column, of the same rows."""
    x = StandardScaler().fit_transform(rows) if setting.standardize else rows
    own = {"kernel": setting.kernel, "C": setting.c, "gamma": setting.gamma or "auto"}
    if kind == "single_label":
        return OneVsRestClassifier(SVC(**own, class_weight="balanced")).fit(x, targets.argmax(1)).decision_function(x)
    found = []
    for values in targets.T:
        if kind == "multi_label":
            found.append(SVC(**own).fit(x, values).decision_function(x))
        else:
            mean, deviation = values.mean(), values.std()
            found.append(SVR(**own, epsilon=TUBE).fit(x, (values - mean) / deviation).predict(x) * deviation + mean)
    return np.stack(found, axis=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize(("kernel", "gamma"), [("linear", AUTO_GAMMA), ("rbf", AUTO_GAMMA), ("rbf", 2.0**-5)])
def test_decision_values_are_those_of_scikit_learn(kind, kernel, gamma, standardize):
    blocks, rows, targets = draw(kind)
    setting = MachineSetting(FEATURES, kernel, 2.0, gamma, standardize)
    solution = fit_machine(blocks, targets, kind, setting)
    expected = ask_sklearn(setting, rows, targets, kind)
    np.testing.assert_allclose(solution.score(rows), expected, atol=2e-2 * np.std(expected))
    wanted = RadialSolution if kernel == "rbf" else Solution if kind == "single_label" else ColumnSolution
    assert type(solution) is wanted


def test_of_two_classes_one_machine_tells_both():
    blocks, rows, targets = draw("single_label", n_columns=2)
    for kernel in ("linear", "rbf"):
        solution = fit_machine(blocks, targets, "single_label", MachineSetting(FEATURES, kernel, 2.0))
        found = solution.score(rows)
        np.testing.assert_allclose(found[:, 0], -found[:, 1], atol=1e-9)
        single = SVC(kernel=kernel, C=2.0, gamma="auto", class_weight="balanced")
        x = StandardScaler().fit_transform(rows)
        expected = single.fit(x, targets[:, 1]).decision_function(x)
        np.testing.assert_allclose(found[:, 1], expected, atol=2e-2 * np.std(expected))


def test_a_radial_machine_keeps_its_support_vectors_alone():
    blocks, rows, targets = draw("single_label", n_columns=2)
    solution = fit_machine(blocks, targets, "single_label", MachineSetting(FEATURES, "rbf", 32.0, 2.0**-3))
    x = StandardScaler().fit_transform(rows)
    known = SVC(C=32.0, gamma=2.0**-3, class_weight="balanced").fit(x, targets[:, 1])
    assert abs(solution.n_vectors - len(known.support_)) <= 2
    assert solution.n_vectors < len(rows)


def test_the_grid_is_that_of_the_paper():
    """Sections and code of Choi et al.: two kernels, four costs, seven widths, features scaled or not."""
    grid = MachineGrid((FEATURES,))
    settings = grid.list_settings()
    assert grid.size == len(set(settings)) == 2 * (4 + 4 * 7)
    assert {one.c for one in settings} == {0.1, 2, 8, 32}
    assert {one.gamma for one in settings if one.kernel == "rbf"} == {0, *(2.0**-n for n in (3, 5, 7, 9, 11, 13))}
    assert MachineGrid((FEATURES,), ("linear",)).size == 8
    assert settings[-1].strength == 1 / 32


def test_settings_in_words_and_for_json():
    assert MachineSetting(FEATURES, "rbf", 2.0).describe() == "rbf kernel, C 2, gamma auto, features standardised"
    plain = MachineSetting(FEATURES, "linear", 0.1, standardize=False).plain
    assert plain == {"kernel": "linear", "C": 0.1, "standardized": False}


@pytest.mark.parametrize(
    ("kind", "targets", "message"),
    [
        ("single_label", np.array([[1.0, 0.0]] * 4), "support vector machine: expected training tracks of two classes"),
        ("regression", np.array([[3.0]] * 4), "numbers: expected two or more different ones; got '3 for every track'"),
        ("multi_label", np.array([[1.0]] * 4), "tag calm: expected tracks with it and tracks without; got 'all tracks"),
        ("multi_label", np.array([[0.0]] * 4), "tag calm: expected .* got 'no track has it'"),
    ],
)
def test_one_class_and_constant_columns_are_refused_by_name(kind, targets, message):
    with pytest.raises(DataError, match=message):
        check_targets(targets, kind, ("calm", "tense")[: targets.shape[1]])
    if kind != "multi_label":
        with pytest.raises(DataError, match=message):
            solve_machines(np.eye(4), targets, kind, 1.0)


def test_a_tag_that_no_track_of_a_fold_has_is_a_constant():
    """Inside folds it may happen; the machine says what it saw."""
    _, _, targets = draw("multi_label")
    targets[:, 1] = 0
    found = solve_machines(np.eye(len(targets)), targets, "multi_label", 1.0)
    assert not found.dual[:, 1].any()
    assert found.bias[1] == -1
