"""Multinomial logistic regression on label distributions, solved in the span of the training tracks.

In: inner products, targets and a strength. Out: a combination of the training tracks and a bias per class. The loss is
the mean cross-entropy, each class weighing the same however many tracks it has, plus strength / 2 times the squared
length of the weights.

References
----------
D. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical Programming 45,
1989.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, explain

JITTER = 1e-7  # of the mean of the diagonal: centred tracks are one dimension short of their number
GRADIENT_TOLERANCE = 1e-6
MAX_STEPS = 500  # of a descent, which goes on from there
MAX_DESCENTS = 10
STEEPEST = 1e-3  # slope that is left where these end: with a steeper one, nothing was solved
MAX_SCALINGS = 1000
SCALING_TOLERANCE = 1e-9
Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]


def smooth_targets(products: np.ndarray, one_hot: np.ndarray, share: float, n_neighbors: int = 30) -> np.ndarray:
    """Mix the label of each training track with those of its nearest neighbours among the others.

    Afterwards classes are scaled until each has the same share of all targets, tracks weighed by `weigh_tracks`: a
    strong penalty would otherwise give up a class that loses more to its neighbours than it gets from them.

    Parameters
    ----------
    products : np.ndarray [shape=(n, n), float64]
        Inner products of the training tracks.
    one_hot : np.ndarray [shape=(n, n_classes), float64]
        Their labels.
    share : float
        Share of the neighbours, from 0 (the label alone) to 1.
    n_neighbors : int
        Neighbours that are averaged; at most n - 1 are there. A track is not its own neighbour.

    Returns
    -------
    np.ndarray [shape=(n, n_classes), float64]
        Rows that sum to one. Neighbours count by the inverse of the size of their class, so that what is frequent is
        not taken for what is near.

    References
    ----------
    Buisson, Alonso-Jiménez and Bogdanov, "Ambiguity modelling with label distribution learning for music
    classification", ICASSP 2022, section 3.
    """
    count = min(n_neighbors, len(one_hot) - 1)
    if share <= 0 or count < 1:
        return one_hot.copy()
    lengths = np.diagonal(products)
    distances = lengths[None, :] - 2 * products  # but for a number per row
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :count]
    weights = one_hot / np.maximum(one_hot.sum(axis=0), 1)
    votes = weights[nearest].sum(axis=1)
    votes /= votes.sum(axis=1, keepdims=True)
    return balance_targets((1 - share) * one_hot + share * votes, weigh_tracks(one_hot))


def balance_targets(targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Scale classes until each has the same share of weighted targets; rows keep their sum of one.

    Parameters
    ----------
    targets : np.ndarray [shape=(n, n_classes), float64]
        Rows that sum to one.
    weights : np.ndarray [shape=(n,), float64]
        Of the tracks, with the sum one.

    Returns
    -------
    np.ndarray [shape=(n, n_classes), float64]
        A class that no row has stays without.

    References
    ----------
    R. Sinkhorn, "Diagonal equivalence to matrices with prescribed row and column sums", 1967: the alternation.
    """
    balanced = np.array(targets, dtype=np.float64)
    present = weights @ balanced > 0
    for _ in range(MAX_SCALINGS):
        shares = weights @ balanced * present.sum()
        if np.abs(shares[present] - 1).max() < SCALING_TOLERANCE:
            break
        balanced[:, present] /= shares[present]
        balanced /= balanced.sum(axis=1, keepdims=True)
    return balanced


def weigh_tracks(one_hot: np.ndarray) -> np.ndarray:
    """Return weights (n,) of tracks that sum to one, the same sum for every class that is there."""
    counts = one_hot.sum(axis=0)
    weights = (one_hot / np.maximum(counts, 1)).sum(axis=1)
    return weights / weights.sum()


def solve(
    products: np.ndarray, targets: np.ndarray, weights: np.ndarray, strengths: Sequence[float]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Solve for several strengths of the penalty, each beginning at the solution of the one before.

    Parameters
    ----------
    products : np.ndarray [shape=(n, n), float64]
        Inner products of the training tracks.
    targets : np.ndarray [shape=(n, n_classes), float64]
        Rows that sum to one.
    weights : np.ndarray [shape=(n,), float64]
        Of the tracks, with the sum one.
    strengths : sequence of float
        Above 0.

    Returns
    -------
    list of (dual, bias)
        dual is (n, n_classes), bias (n_classes,), both float64, for each strength in its order: logits of tracks are
        their inner products with the training tracks times dual, plus bias.

    Raises
    ------
    DataError
        When a solution is not reached.
    """
    from scipy.linalg import cholesky, solve_triangular

    n = len(targets)
    root = cholesky(products + JITTER * np.trace(products) / n * np.eye(n), lower=True)
    found = solve_rows(root, targets, weights, strengths)
    return [(solve_triangular(root, coordinates, lower=True, trans="T"), bias) for coordinates, bias in found]


def solve_rows(
    rows: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    strengths: Sequence[float],
    start: tuple[np.ndarray, np.ndarray] | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Solve as `solve` does, on features in place of inner products: less work where tracks outnumber them.

    Parameters
    ----------
    rows : np.ndarray [shape=(n, d), float64]
        Features of the training tracks, scaled.
    targets, weights, strengths
        As `solve` takes them.
    start : (kernel, bias) or None
        A solution for nearly the same tracks, from which fewer steps are left; None begins at the classes' shares.

    Returns
    -------
    list of (kernel, bias)
        kernel is (d, n_classes), bias (n_classes,), both float64, for each strength in its order: logits of tracks are
        their features times kernel, plus bias.

    Raises
    ------
    DataError
        When a solution is not reached.
    """
    n_classes, n_numbers = targets.shape[1], rows.shape[1] * targets.shape[1]
    if start is None:
        prior = np.log(np.maximum(weights @ targets, 1e-12))
        start = np.zeros((rows.shape[1], n_classes)), prior - prior.mean()
    values = np.concatenate([start[0].ravel(), start[1]])
    found: dict[float, tuple[np.ndarray, np.ndarray]] = {}
    for strength in sorted(set(strengths), reverse=True):  # strongly penalised solutions are near the start

        def evaluate(values: np.ndarray, strength: float = strength) -> tuple[float, np.ndarray]:
            kernel, bias = values[:n_numbers].reshape(-1, n_classes), values[n_numbers:]
            logits = rows @ kernel + bias
            logits -= logits.max(axis=1, keepdims=True)
            exponentials = np.exp(logits)
            sums = exponentials.sum(axis=1)
            loss = weights @ (np.log(sums) - (targets * logits).sum(axis=1))
            slopes = weights[:, None] * (exponentials / sums[:, None] - targets)
            gradient = rows.T @ slopes + strength * kernel
            total = loss + strength / 2 * np.sum(kernel**2)
            return float(total), np.concatenate([gradient.ravel(), slopes.sum(axis=0)])

        values = descend(evaluate, values, strength)
        found[strength] = values[:n_numbers].reshape(-1, n_classes), values[n_numbers:].copy()
    return [found[strength] for strength in strengths]


def take_steps(evaluate: Loss, start: np.ndarray, bounds: Sequence | None = None) -> Any:
    """Minimise a loss by at most `MAX_STEPS` steps.

    Parameters
    ----------
    evaluate : callable
        Values -> loss and its slopes.
    start : np.ndarray [shape=(n_values,), float64]
        Where to begin.
    bounds : sequence of pairs or None
        Lowest and highest value, or None, of each.

    Returns
    -------
    scipy.optimize.OptimizeResult
        Not all that end are solved: `success` says it, and `status` is 1 where the steps ran out.
    """
    from scipy.optimize import minimize

    options = {"maxiter": MAX_STEPS, "gtol": GRADIENT_TOLERANCE, "ftol": 1e-12, "maxcor": 20}
    return minimize(evaluate, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)


def descend(evaluate: Loss, start: np.ndarray, strength: float, bounds: Sequence | None = None) -> np.ndarray:
    """Minimise a loss as `take_steps` does, going on where steps ran out, and make sure that it was done.

    `strength` is that of the penalty, for the error.

    Raises
    ------
    DataError
        When slopes of `STEEPEST` or more are left.
    """
    for _ in range(MAX_DESCENTS):
        found = take_steps(evaluate, start, bounds)
        start = found.x
        if found.status != 1:
            break
    steepest = float(np.abs(found.jac).max())
    if not found.success and not steepest < STEEPEST:
        where, remedy = f"strength {strength:g} of the penalty", "Look for features that are damaged or far too large."
        raise DataError(explain("slope where the classifier is solved", f"below {STEEPEST:g}", steepest, where, remedy))
    return start
