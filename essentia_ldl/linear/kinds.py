"""Tags and numbers, solved in the span of the training tracks: a logistic regression per tag, a ridge regression.

In: inner products of tracks, targets and strengths of the penalty, as `solve` has them. Out: combinations of the
training tracks and a bias per column. Every track weighs the same: what a tag's logistic regression answers is how
frequent the tag is among such tracks.

References
----------
A. Hoerl and R. Kennard, "Ridge regression: biased estimation for nonorthogonal problems", Technometrics 12, 1970.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from essentia_ldl.choices import MULTI_LABEL
from essentia_ldl.linear.solve import GRADIENT_TOLERANCE, JITTER, Loss, descend, take_steps
from essentia_ldl.scores.multi_label import score_roc_auc
from essentia_ldl.scores.regression import score_numbers

STRENGTHS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
Answer = tuple[np.ndarray, np.ndarray]


def mix_neighbors(products: np.ndarray, targets: np.ndarray, share: float, n_neighbors: int = 30) -> np.ndarray:
    """Mix the tags or numbers of each training track with the mean of its nearest neighbours'.

    Parameters
    ----------
    products : np.ndarray [shape=(n, n), float64]
        Inner products of the training tracks.
    targets : np.ndarray [shape=(n, n_columns), float64]
        Their tags or numbers.
    share : float
        Share of the neighbours, from 0 to 1.
    n_neighbors : int
        Neighbours that are averaged; a track is not its own.

    Returns
    -------
    np.ndarray [shape=(n, n_columns), float64]
    """
    count = min(n_neighbors, len(targets) - 1)
    if share <= 0 or count < 1:
        return np.array(targets, dtype=np.float64)
    distances = np.diagonal(products)[None, :] - 2 * products
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return (1 - share) * targets + share * targets[nearest].mean(axis=1)


def solve_kind(kind: str, products: np.ndarray, targets: np.ndarray, strengths: Sequence[float]) -> list[Answer]:
    """Solve tags or numbers for several strengths of the penalty.

    Parameters
    ----------
    kind : str
        "multi_label" or "regression".
    products : np.ndarray [shape=(n, n), float64]
        Inner products of the training tracks.
    targets : np.ndarray [shape=(n, n_columns), float64]
        From 0 to 1, or numbers.
    strengths : sequence of float
        Above 0.

    Returns
    -------
    list of (dual, bias)
        dual (n, n_columns) and bias (n_columns,), float64, for each strength in its order.

    Raises
    ------
    DataError
        When a solution of tags is not reached.
    """
    solve = _solve_tags if kind == MULTI_LABEL else _solve_numbers
    return solve(products, targets, strengths)


def _solve_numbers(products: np.ndarray, targets: np.ndarray, strengths: Sequence[float]) -> list[Answer]:
    """Minimise the mean squared error / 2 plus strength / 2 times the squared length of the weights."""
    n = len(products)
    values, vectors = np.linalg.eigh(products + JITTER * np.trace(products) / n * np.eye(n))
    rotated, ones = vectors.T @ targets, vectors.sum(axis=0)
    found = []
    for strength in strengths:
        inverse = 1 / (np.maximum(values, 0) + n * strength)
        bias = (ones * inverse) @ rotated / ((ones * inverse) @ ones)
        dual = vectors @ (inverse[:, None] * (rotated - ones[:, None] * bias))
        found.append((dual, bias))
    return found


def _solve_tags(products: np.ndarray, targets: np.ndarray, strengths: Sequence[float]) -> list[Answer]:
    """Minimise the mean binary cross-entropy of each tag plus strength / 2 times the squared length of its weights."""
    from scipy.linalg import cholesky, solve_triangular

    n, n_tags = targets.shape
    root = cholesky(products + JITTER * np.trace(products) / n * np.eye(n), lower=True)
    prior = np.clip(targets.mean(axis=0), 0.5 / n, 1 - 0.5 / n)
    start = np.concatenate([np.zeros((n, n_tags)), np.log(prior / (1 - prior))[None]])
    found: dict[float, Answer] = {}
    for strength in sorted(set(strengths), reverse=True):
        start = _descend(root, targets, strength, start)
        found[strength] = solve_triangular(root, start[:-1], lower=True, trans="T"), start[-1].copy()
    return [found[strength] for strength in strengths]


def _descend(root: np.ndarray, targets: np.ndarray, strength: float, start: np.ndarray) -> np.ndarray:
    """Return coordinates, the bias in the last row, (n + 1, n_tags), from where to begin.

    All tags at once, which is one product of matrices per step; a tag that needs more steps than the others goes on by
    itself.
    """
    n, n_tags = targets.shape
    bounds = [(None, None)] * (n * n_tags) + [(-15.0, 15.0)] * n_tags  # of a tag that no training track has
    found = take_steps(_make_loss(root, targets, strength), start.ravel(), bounds)
    solved = found.x.reshape(n + 1, n_tags)
    if not found.success:
        slopes = np.abs(found.jac).reshape(n + 1, n_tags).max(axis=0)
        for k in np.flatnonzero(~(slopes < GRADIENT_TOLERANCE)):
            loss = _make_loss(root, targets[:, [k]], strength)
            solved[:, k] = descend(loss, solved[:, k].copy(), strength, bounds[: n * n_tags : n_tags] + bounds[-1:])
    return solved


def _make_loss(root: np.ndarray, targets: np.ndarray, strength: float) -> Loss:
    n, n_tags = targets.shape

    def evaluate(values: np.ndarray) -> tuple[float, np.ndarray]:
        coordinates, bias = values[: n * n_tags].reshape(n, n_tags), values[n * n_tags :]
        logits = root @ coordinates + bias
        loss = (np.logaddexp(0, logits) - targets * logits).sum() / n
        slopes = (0.5 * (1 + np.tanh(logits / 2)) - targets) / n
        gradient = root.T @ slopes + strength * coordinates
        total = loss + strength / 2 * np.sum(coordinates**2)
        return float(total), np.concatenate([gradient.ravel(), slopes.sum(axis=0)])

    return evaluate


def score_kind(
    kind: str, targets: np.ndarray, answers: np.ndarray, temperatures: Sequence[float]
) -> tuple[np.ndarray, float]:
    """Score what a setting said of tracks that it was not fitted on.

    Parameters
    ----------
    kind : str
        "multi_label" or "regression".
    targets : np.ndarray [shape=(n, n_columns), float64]
        Tags as 0 and 1, or numbers.
    answers : np.ndarray [shape=(q, n, n_columns), float64]
        Logits or numbers, of each resampling quality.
    temperatures : sequence of float
        Of which the logits of tags take the best, because a calibration follows.

    Returns
    -------
    losses : np.ndarray [shape=(n,), float64]
        What each track adds to the loss: the mean binary cross-entropy in nats, or the mean squared error over the
        variance.
    score : float
        Mean ROC-AUC, or mean R2.
    """
    n = len(targets)
    if kind != MULTI_LABEL:
        deviation = targets.std(axis=0)
        error = (answers - targets) / np.where(deviation > 0, deviation, 1)
        known = score_numbers(targets, answers.mean(axis=0))["r2"]
        return np.square(error).mean(axis=(0, 2)) / n, _average(known)
    losses = None
    for temperature in temperatures:
        logits = answers / temperature
        found = (np.logaddexp(0, logits) - targets * logits).mean(axis=(0, 2)) / n
        losses = found if losses is None or found.sum() < losses.sum() else losses
    return losses, _average(score_roc_auc(targets, 0.5 * (1 + np.tanh(answers.mean(axis=0) / 2))))


def _average(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0
