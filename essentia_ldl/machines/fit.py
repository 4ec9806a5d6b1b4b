"""A support vector machine per class against all others, per tag, or per dimension, with one kernel for all.

In: features of tracks, targets, a kind of `choices.KINDS`, and a `MachineSetting`. Out: a `linear.solution.Solution` of
a linear kernel, a `RadialSolution` of a radial one. scikit-learn solves them on a kernel that was computed before, so
that settings which share it cost little. Decision values are the logits: a calibration after the fit makes them
probabilities, as a temperature, or as a factor and an offset per class, which of two classes is Platt's.

Each machine of a class weighs the tracks of the class as much as all others together; of tags every track weighs the
same. Numbers are fitted as deviations from their mean, in units of their deviation, with a tube of a tenth of it.

References
----------
K. Choi, G. Fazekas, M. Sandler and K. Cho, "Transfer learning for music classification and regression tasks" (ISMIR
2017), section 4: kernels and their grid, whose values are those of the authors' code.
J. Platt, "Probabilistic outputs for support vector machines", 1999.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from essentia_ldl.choices import KERNELS, MULTI_LABEL, RBF, REGRESSION, SINGLE_LABEL
from essentia_ldl.errors import DataError, explain
from essentia_ldl.linear.choose import FeatureSet
from essentia_ldl.linear.solution import ColumnSolution, Solution
from essentia_ldl.linear.span import Block, measure
from essentia_ldl.machines.radial import RadialSolution, measure_distances

COSTS = (0.1, 2.0, 8.0, 32.0)
AUTO_GAMMA = 0.0  # one over the number of features
GAMMAS = (*(2.0**power for power in range(-3, -14, -2)), AUTO_GAMMA)
TUBE = 0.1  # deviations of a number within which an error costs nothing: scikit-learn's default
MAX_STEPS = 200_000  # of one machine, which is taken as it is then


@dataclasses.dataclass(frozen=True)
class MachineSetting:
    """What a machine needs beside the tracks.

    Parameters
    ----------
    features : FeatureSet
        What it reads.
    kernel : str
        "linear" or "rbf".
    c : float
        What an error costs, C in the literature.
    gamma : float
        Of a radial kernel, `AUTO_GAMMA` for one over the number of features; 0 of a linear one.
    standardize : bool
        Whether features have zero mean and unit deviation over the training tracks.
    """

    features: FeatureSet
    kernel: str
    c: float
    gamma: float = AUTO_GAMMA
    standardize: bool = True
    share: ClassVar[float] = 0.0  # of the neighbours in the targets, which linear settings have

    @property
    def strength(self) -> float:
        """Strength of the penalty on the weights: the inverse of the cost of errors."""
        return 1 / self.c

    @property
    def plain(self) -> dict[str, Any]:
        """What a linear classifier's setting has not, ready for json."""
        width = {"gamma": self.gamma or "auto"} if self.kernel == RBF else {}
        return {"kernel": self.kernel, "C": self.c, **width, "standardized": self.standardize}

    def describe(self) -> str:
        """Say the machine in words, such as "rbf kernel, C 2, gamma auto, features standardised"."""
        gamma = f"{self.gamma:g}" if self.gamma else "auto"
        width = f", gamma {gamma}" if self.kernel == RBF else ""
        scaled = "features standardised" if self.standardize else "features as they are"
        return f"{self.kernel} kernel, C {self.c:g}{width}, {scaled}"


@dataclasses.dataclass(frozen=True)
class MachineGrid:
    """What is tried: every combination; a linear kernel has no gamma."""

    features: tuple[FeatureSet, ...]
    kernels: tuple[str, ...] = KERNELS
    costs: tuple[float, ...] = COSTS
    gammas: tuple[float, ...] = GAMMAS
    standardize: tuple[bool, ...] = (True, False)

    @property
    def size(self) -> int:
        """Number of settings."""
        return len(self.list_settings())

    def list_settings(self) -> list[MachineSetting]:
        """List every setting."""
        return [
            MachineSetting(features, kernel, c, gamma, standardize)
            for features in self.features
            for standardize in self.standardize
            for kernel in self.kernels
            for gamma in (self.gammas if kernel == RBF else (AUTO_GAMMA,))
            for c in self.costs
        ]


@dataclasses.dataclass(frozen=True, eq=False)
class Machines:
    """What was solved on a kernel of n tracks: dual (n, n_columns) and bias (n_columns,), float64."""

    dual: np.ndarray
    bias: np.ndarray


def join_blocks(blocks: Sequence[Block]) -> np.ndarray:
    """Put the features of blocks side by side, (q, n_tracks, d) float64, quality after quality."""
    qualities = range(len(blocks[0].values))
    return np.stack([np.concatenate([block.values[q] for block in blocks], axis=1) for q in qualities]).astype(float)


def measure_scaling(rows: np.ndarray, standardize: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and scale (d,) of features (n, d); a scale is 1 where they are not standardised."""
    scaling = measure(Block("features", (rows,)), np.arange(len(rows)))
    return scaling.mean, scaling.deviation if standardize else np.ones_like(scaling.mean)


def compute_kernel(rows: np.ndarray, train: np.ndarray, setting: MachineSetting) -> np.ndarray:
    """Return the kernel (n, n_train) of features (n, d) with those of training tracks (n_train, d), all scaled."""
    if setting.kernel != RBF:
        return rows @ train.T
    return np.exp(-find_gamma(setting, rows.shape[1]) * measure_distances(rows, train))


def find_gamma(setting: MachineSetting, n_features: int) -> float:
    """Return the gamma of a setting on so many features."""
    return setting.gamma or 1 / n_features


def solve_machines(kernel: np.ndarray, targets: np.ndarray, kind: str, c: float) -> Machines:
    """Solve one machine per column on the kernel of the training tracks.

    Parameters
    ----------
    kernel : np.ndarray [shape=(n, n), float64]
        Of the training tracks with one another.
    targets : np.ndarray [shape=(n, n_columns), float64]
        Classes as rows of zeros and a one, tags as 0 and 1, or numbers.
    kind : str
        One of `choices.KINDS`.
    c : float
        Cost of an error.

    Returns
    -------
    Machines
        A tag that all tracks have, or none, gets no vector and the bias 1 or -1.

    Raises
    ------
    DataError
        When a class has all tracks or none, or a dimension has one value only.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import SVC, SVR

    columns = targets[:, :1] if kind == SINGLE_LABEL and targets.shape[1] == 2 else targets
    dual, bias = np.zeros((len(kernel), columns.shape[1])), np.zeros(columns.shape[1])
    for k in range(columns.shape[1]):
        values = columns[:, k]
        if values.min() == values.max():
            if kind != MULTI_LABEL:
                refuse_constant(kind, f"column {k}", float(values[0]))
            bias[k] = 1.0 if values[0] > 0 else -1.0
            continue
        centre, unit = (values.mean(), values.std()) if kind == REGRESSION else (0.0, 1.0)
        if kind == REGRESSION:
            model, wanted = SVR(kernel="precomputed", C=c, epsilon=TUBE, max_iter=MAX_STEPS), (values - centre) / unit
        else:
            weights = "balanced" if kind == SINGLE_LABEL else None
            model = SVC(kernel="precomputed", C=c, class_weight=weights, max_iter=MAX_STEPS)
            wanted = values > 0.5
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(kernel, wanted)
        dual[model.support_, k] = unit * model.dual_coef_[0]
        bias[k] = centre + unit * model.intercept_[0]
    if columns is not targets:  # of two classes one machine tells both
        dual, bias = np.concatenate([dual, -dual], axis=1), np.concatenate([bias, -bias])
    return Machines(dual, bias)


def refuse_constant(kind: str, where: str, value: float) -> None:
    """Raise the `DataError` of a column that has one value only."""
    if kind == REGRESSION:
        remedy = "Leave the dimension out: there is nothing to learn in it."
        raise DataError(explain("numbers", "two or more different ones", f"{value:g} for every track", where, remedy))
    rule, remedy = "training tracks of two classes at least", "Add tracks of another class."
    raise DataError(explain("support vector machine", rule, "one class", where, remedy))


def check_targets(targets: np.ndarray, kind: str, classes: Sequence[str]) -> None:
    """Refuse targets that a machine cannot learn, by the name of the column.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks, n_columns), float64]
        Of all training tracks, as those of `solve_machines`.
    kind : str
        One of `choices.KINDS`.
    classes : sequence of str
        Names of the columns.

    Raises
    ------
    DataError
        When a class or a tag has all tracks or none, or a dimension one value only.
    """
    for name, values in zip(classes, targets.T, strict=True):
        if values.min() == values.max():
            if kind == MULTI_LABEL:
                rule, remedy = "tracks with it and tracks without", "Leave the tag out, or add tracks without it."
                found = "all tracks have it" if values[0] > 0 else "no track has it"
                raise DataError(explain(f"tag {name}", rule, found, "support vector machine", remedy))
            refuse_constant(kind, name, float(values[0]))


def fit_machine(
    blocks: Sequence[Block], targets: np.ndarray, kind: str, setting: MachineSetting
) -> Solution | RadialSolution:
    """Fit a machine on the means of the tracks' features over the resampling qualities.

    Parameters
    ----------
    blocks : sequence of Block
        Of the training tracks alone.
    targets : np.ndarray [shape=(n_tracks, n_columns), float64]
        As those of `solve_machines`, which says what is raised.
    kind : str
        One of `choices.KINDS`.
    setting : MachineSetting
        Kernel, cost and scaling.

    Returns
    -------
    Solution or RadialSolution
        Of a linear kernel, of a radial one.
    """
    rows = join_blocks(blocks).mean(axis=0)
    mean, scale = measure_scaling(rows, setting.standardize)
    rows = (rows - mean) / scale
    found = solve_machines(compute_kernel(rows, rows, setting), targets, kind, setting.c)
    if setting.kernel != RBF:
        make = Solution if kind == SINGLE_LABEL else ColumnSolution
        return make(mean, scale, rows.T @ found.dual, found.bias)
    used = np.flatnonzero(np.any(found.dual != 0, axis=1))
    if not len(used):  # tags that are the same for all: one vector keeps the shapes
        used = np.arange(1)
    gamma = find_gamma(setting, rows.shape[1])
    return RadialSolution(mean, scale, rows[used], found.dual[used], found.bias, gamma)
