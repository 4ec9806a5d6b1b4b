"""LMNN: training points in, the learned linear map and what its optimisation did out.

The optimiser, in `_descent`, is metric-learn's, plain gradient descent: the step grows by 1 % after a success and
halves after a failure, and it stops when the objective of one step changes by less than `convergence_tol`, an absolute
number, after `min_iter` steps. So the first step (`learn_rate`) hardly matters: 1e-7 and 1e-5 end at the same
objective. On 202 tracks x 195 (two classes, 32 components) it takes 1,650 steps standardised and 3,071 not, both
stopped by the tolerance; metric-learn's own limit of 1,000 steps is too low, the paper's 10,000 is not reached.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.labels._descent import descend


def fit_lmnn(
    points: np.ndarray,
    targets: np.ndarray,
    classes: Sequence[str],
    settings: Mapping[str, Any],
    seed: int = 0,
    where: str = "labels",
) -> tuple[np.ndarray, dict[str, Any]]:
    """Learn the linear map that brings neighbours of one class close and pushes other classes away.

    Parameters
    ----------
    points : np.ndarray [shape=(n_tracks, n_features), float64]
        Features of the training tracks.
    targets : np.ndarray [shape=(n_tracks,), int64]
        Class index of each.
    classes : Sequence[str]
        Class names.
    settings : Mapping[str, Any]
        n_components, lmnn_neighbors, max_iter, min_iter, learn_rate, convergence_tol, lambda_, init.
    seed : int
        Seed of the initial map.
    where : str
        Key of the settings in a recipe, such as "labels.sb".

    Returns
    -------
    components : np.ndarray [shape=(n_components, n_features), float64]
        The map A; the distance is the Euclidean one between A x and A y.
    report : dict[str, Any]
        n_iter (int), converged (bool: stopped by the tolerance), objective (float, at the end).

    Raises
    ------
    DataError
        When a class has fewer than lmnn_neighbors + 1 tracks, there are too few tracks or features for the
        components, or distances are too large for numbers.

    References
    ----------
    Buisson et al. (ICASSP 2022), section 3.2. The paper's weight of the push term, lambda, is one minus metric-learn's
    `regularization`, the weight of its pull term. The paper asks for A positive semi-definite and for a map onto
    fewer dimensions, which cannot both be; A is the rectangular map, and A'A is positive semi-definite.
    """
    check_classes(targets, classes, settings["lmnn_neighbors"], where)
    check_components(*points.shape, len(classes), settings, where)

    from threadpoolctl import threadpool_limits

    started = time.perf_counter()
    # One thread: the matrices are small, so more threads are slower (5 times on two busy cores), and the sums do not
    # depend on the machine's cores. LDA warns of features that depend on one another, which is nobody's mistake here.
    with threadpool_limits(1), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = descend(points, targets, settings, seed)
        objective = score_objective(found.components, points, targets, settings["lmnn_neighbors"], settings["lambda_"])
    if not np.isfinite(objective):
        rule, remedy = "distances that are numbers", f"Set {where}.standardize to true, or look for broken features."
        raise DataError(explain("LMNN objective", rule, objective, where, remedy))
    return found.components, {
        "n_iter": found.n_iter,
        "converged": found.n_iter < settings["max_iter"] - 1,
        "objective": objective,
        "lmnn_seconds": time.perf_counter() - started,
    }


def score_objective(
    components: np.ndarray, points: np.ndarray, targets: np.ndarray, n_neighbors: int, lambda_: float
) -> float:
    """Return LMNN's objective for a map: (1 - lambda) pull + lambda push.

    Parameters
    ----------
    components : np.ndarray [shape=(n_components, n_features), float64]
        The map.
    points : np.ndarray [shape=(n_tracks, n_features), float64]
        Features.
    targets : np.ndarray [shape=(n_tracks,), int64]
        Class indices.
    n_neighbors : int
        Target neighbours a track: nearest of its class in the space of `points`.
    lambda_ : float
        Weight of the push term.

    Returns
    -------
    float
        Sum over all tracks.

    References
    ----------
    The equation of section 3.2, with squared distances as in metric-learn and in Weinberger and Saul (2009).
    """
    same = targets[:, None] == targets[None]
    inputs = np.where(same, _square_distances(points), np.inf)
    np.fill_diagonal(inputs, np.inf)
    neighbors = np.argsort(inputs, axis=1)[:, :n_neighbors]
    distances = _square_distances(points @ components.T)
    pull = np.take_along_axis(distances, neighbors, axis=1)
    push = sum(np.maximum(0, 1 + pull[:, [column]] - distances)[~same].sum() for column in range(n_neighbors))
    return float((1 - lambda_) * pull.sum() + lambda_ * push)


def _square_distances(points: np.ndarray) -> np.ndarray:
    squares = np.einsum("ij,ij->i", points, points)
    return np.maximum(0, squares[:, None] + squares[None] - 2 * points @ points.T)


def check_classes(targets: np.ndarray, classes: Sequence[str], n_neighbors: int, where: str) -> None:
    """Raise `DataError` when a class has too few tracks for LMNN's target neighbours."""
    counts = np.bincount(targets, minlength=len(classes))
    if counts.min() < n_neighbors + 1:
        smallest = int(counts.argmin())
        raise DataError(
            explain(
                f"class {classes[smallest]!r}",
                f"at least {n_neighbors + 1} training tracks, for a track and its {n_neighbors} LMNN neighbours",
                int(counts[smallest]),
                "training tracks: " + ", ".join(f"{name} {n}" for name, n in zip(classes, counts, strict=True)),
                f"Add tracks of this class, lower {where}.lmnn_neighbors, or train with labels none or sa.",
            )
        )


def count_least_tracks(n_features: int, n_classes: int, settings: Mapping[str, Any]) -> int:
    """Return the fewest training tracks that the initial map of so many components can be made of.

    With init "auto" the first map is LDA, PCA, or, when PCA has too few tracks, the first rows of the identity: that
    would keep the first seconds of the segment and drop the rest, so it is refused.
    """
    n_components, init = settings["n_components"], settings["init"]
    is_lda = n_components <= min(n_features, n_classes - 1)
    if init == "auto" and not is_lda and n_components != n_features:
        return n_components + 1
    return n_components if init == "pca" else 0


def check_components(n_tracks: int, n_features: int, n_classes: int, settings: Mapping[str, Any], where: str) -> None:
    """Raise `DataError` when the features, or the training tracks, are fewer than LMNN's components need."""
    n_components = settings["n_components"]
    remedy = f"Lower {where}.n_components."
    if n_components > n_features:
        rule = f"at most {n_features}, the size of the features"
        raise DataError(explain("LMNN components", rule, n_components, f"{where}.n_components", remedy))
    least = count_least_tracks(n_features, n_classes, settings)
    if n_tracks < least:
        limit = n_tracks - (least - n_components)
        rule = f"at most {limit}, as the {n_tracks} training tracks give"
        remedy = f"Lower {where}.n_components, or add tracks."
        raise DataError(explain("LMNN components", rule, n_components, f"{where}.n_components", remedy))
