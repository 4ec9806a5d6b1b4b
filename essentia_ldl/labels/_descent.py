"""LMNN's optimisation: training points in, the learned map out.

The algorithm is that of metric-learn 0.7, step by step: gradient descent whose step grows by 1 % after a success and
halves after a failure, and that stops when the objective of one step changes by less than a tolerance. Its numbers are
metric-learn's too, but for the order of sums. What differs is the work in a step. metric-learn sums one outer product
of all features per active pair, and counts pairs in a dictionary; here the gradient is 2 (M Y)'X, with X the points, Y
the mapped ones and M a weighted graph Laplacian: sums go over pairs in the few dimensions of the map, and the features
come in once. All distances between classes are needed only to find the pairs that may be impostors, some in a hundred;
the rest is done for these alone. Large arrays are allocated once, because the system clears new ones page by page.

scikit-learn's principal components and discriminants are the first map; metric-learn itself is not needed, and so
neither is the old scikit-learn that it calls.

References
----------
Weinberger and Saul, "Distance metric learning for large margin nearest neighbor classification" (JMLR 10, 2009);
metric-learn 0.7, `LMNN`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

_BLOCK = 1 << 17  # distances that are looked at together: a megabyte, which stays in the cache


@dataclasses.dataclass(frozen=True, eq=False)
class Descended:
    """Where a descent ended.

    Parameters
    ----------
    components : np.ndarray [shape=(n_components, n_features), float64]
        The map.
    n_iter : int
        Maps that it went through, the first one too.
    objective : float
        Of the map, as the descent sums it; not finite when a number overflowed, which ends it.
    """

    components: np.ndarray
    n_iter: int
    objective: float


def descend(points: np.ndarray, targets: np.ndarray, settings: Mapping[str, Any], seed: int) -> Descended:
    """Go down LMNN's objective from the first map.

    Parameters
    ----------
    points : np.ndarray [shape=(n_tracks, n_features), float64]
        Features of the training tracks.
    targets : np.ndarray [shape=(n_tracks,), int64]
        Class index of each; of every class as many as `lmnn_neighbors` + 1.
    settings : Mapping[str, Any]
        n_components, lmnn_neighbors, max_iter, min_iter, learn_rate, convergence_tol, lambda_, init.
    seed : int
        Of the first map.

    Returns
    -------
    Descended
    """
    components = start_map(points, targets, settings["init"], settings["n_components"], seed)
    margins = Margins(points, targets, settings["lmnn_neighbors"], settings["lambda_"])
    objective, rate, n_iter = margins.measure(components), settings["learn_rate"], 1
    if not np.isfinite(objective):
        return Descended(components, n_iter, objective)
    slope = margins.find_slope()
    for n_iter in range(2, settings["max_iter"]):
        while True:
            following = components - rate * slope  # a step of no length ends where it began, so this ends
            reached = margins.measure(following)
            if np.isnan(reached):
                return Descended(following, n_iter, reached)
            if reached <= objective:
                break
            rate /= 2
        change, components, objective = objective - reached, following, reached
        slope = margins.find_slope()
        rate *= 1.01
        if n_iter > settings["min_iter"] and change < settings["convergence_tol"]:
            break
    return Descended(components, n_iter, objective)


def start_map(points: np.ndarray, targets: np.ndarray, init: str, n_components: int, seed: int) -> np.ndarray:
    """Return the first map, as metric-learn makes it; parameters are those of `descend` and two of its settings.

    Returns
    -------
    np.ndarray [shape=(n_components, n_features), float64]
        Principal components, discriminants, the first rows of the identity, or normal numbers.
    """
    n_tracks, n_features = points.shape
    if init == "auto":
        if n_components <= min(n_features, len(np.unique(targets)) - 1):
            init = "lda"
        else:
            init = "pca" if n_components < min(n_features, n_tracks) else "identity"
    if init == "lda":
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        return LinearDiscriminantAnalysis(n_components=n_components).fit(points, targets).scalings_.T[:n_components]
    if init == "pca":
        from sklearn.decomposition import PCA

        return PCA(n_components=n_components, random_state=seed).fit(points).components_
    if init == "identity":
        return np.eye(n_components, n_features)
    return np.random.RandomState(seed).standard_normal((n_components, n_features))


def find_target_neighbors(points: np.ndarray, targets: np.ndarray, n_neighbors: int) -> np.ndarray:
    """Return the nearest points of each point's class, (n_tracks, n_neighbors), nearest first."""
    from sklearn.metrics import euclidean_distances

    found = np.empty((len(points), n_neighbors), dtype=np.int64)
    for target in np.unique(targets):
        members = np.flatnonzero(targets == target)
        distances = euclidean_distances(points[members], squared=True)
        np.fill_diagonal(distances, np.inf)
        found[members] = members[np.argsort(distances)[:, :n_neighbors]]
    return found


class Margins:
    """LMNN's objective and its slope, for one set of training points.

    Parameters
    ----------
    points : np.ndarray [shape=(n_tracks, n_features), float64]
        Features of the training tracks.
    targets : np.ndarray [shape=(n_tracks,), int64]
        Class index of each; of every class as many as `n_neighbors` + 1.
    n_neighbors : int
        Target neighbours per track.
    lambda_ : float
        Weight of the push term; that of the pull term is the rest to 1.
    """

    def __init__(self, points: np.ndarray, targets: np.ndarray, n_neighbors: int, lambda_: float) -> None:
        order = np.argsort(targets, kind="stable")  # a class is a range of rows, and two classes are a block
        rows = np.empty(len(order), dtype=np.int64)
        rows[order] = np.arange(len(order))
        self._points = np.ascontiguousarray(points[order])
        self._neighbors = rows[find_target_neighbors(points, targets, n_neighbors)[order]]
        self._edges = np.stack([np.repeat(np.arange(len(order)), n_neighbors), self._neighbors.ravel()])
        self._lambda = lambda_
        self._blocks = _list_blocks(np.bincount(targets))
        largest = max(((last - first) * (len(order) - others) for first, last, others in self._blocks), default=0)
        self._distances, self._is_near = np.empty(largest), np.empty((2, largest), dtype=bool)
        self._pairs = np.empty(0)

    def measure(self, components: np.ndarray) -> float:
        """Return the objective of a map, (n_components, n_features), and keep what `find_slope` needs."""
        self._mapped = mapped = self._points @ components.T
        n_tracks, n_neighbors = self._neighbors.shape
        # What leads to the target neighbours: (n_tracks, n_neighbors, n_components)
        if self._pairs.shape != (self._neighbors.size, len(components)):
            self._pairs = np.empty((self._neighbors.size, len(components)))
        np.take(mapped, self._neighbors.ravel(), axis=0, out=self._pairs, mode="clip")  # clip: no copy between
        pairs = self._pairs.reshape(n_tracks, n_neighbors, -1)
        pairs -= mapped[:, None]
        pull = np.einsum("ijk,ijk->ij", pairs, pairs)
        radii = 1 + pull
        first, second, distances = self._find_impostors(radii.max(axis=1))
        sees, is_seen = distances[:, None] < radii[first], distances[:, None] < radii[second]
        # How often the radius of each target neighbour is entered, and how often each pair does so.
        entered = [
            (rows[:, None] * n_neighbors + np.arange(n_neighbors))[by]
            for rows, by in ((first, sees), (second, is_seen))
        ]
        self._counts = np.bincount(np.concatenate(entered), minlength=radii.size)
        self._weights = sees.sum(axis=1) + is_seen.sum(axis=1)
        self._first, self._second = first, second
        push = float(self._counts @ radii.ravel()) - float(self._weights @ distances)
        return (1 - self._lambda) * float(pull.sum()) + self._lambda * push

    def find_slope(self) -> np.ndarray:
        """Return the gradient at the map that was measured last, (n_components, n_features)."""
        pull = (1 - self._lambda) + self._lambda * self._counts
        weights = np.concatenate([pull, -self._lambda * self._weights])
        rows, columns = np.concatenate([self._edges, (self._first, self._second)], axis=1)
        return 2 * (_multiply_laplacian(weights, rows, columns, self._mapped).T @ self._points)

    def _find_impostors(self, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the pairs of two classes that one of them reaches: rows, other rows, square distances."""
        mapped, n_tracks = self._mapped, len(self._mapped)
        squares = np.einsum("ij,ij->i", mapped, mapped)
        # One product gives square distances: (y, y'y, 1) times (-2 z, 1, z'z).
        left, right = np.empty((2, n_tracks, mapped.shape[1] + 2))
        left[:, :-2], left[:, -2], left[:, -1] = mapped, squares, 1
        right[:, :-2], right[:, -2], right[:, -1] = -2 * mapped, 1, squares
        found = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))]
        for first, last, others in self._blocks:
            shape = last - first, n_tracks - others
            distances = self._distances[: shape[0] * shape[1]]
            is_near, is_seen = self._is_near[:, : len(distances)].reshape(2, *shape)
            np.matmul(left[first:last], right[others:].T, out=distances.reshape(shape))
            np.less(distances.reshape(shape), reach[first:last, None], out=is_near)
            is_near |= np.less(distances.reshape(shape), reach[others:], out=is_seen)
            places = np.flatnonzero(is_near)
            rows, columns = np.divmod(places, shape[1])
            found.append((rows + first, columns + others, distances[places]))
        first, second, distances = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return first, second, distances


def _list_blocks(counts: np.ndarray) -> list[tuple[int, int, int]]:
    """Cut the pairs of two classes into blocks: rows from first to last, of one class, with all rows from others on."""
    blocks, n_tracks, first = [], int(counts.sum()), 0
    for others in np.cumsum(counts)[:-1].tolist():
        step = max(1, _BLOCK // max(1, n_tracks - others))
        blocks += [(start, min(start + step, others), others) for start in range(first, others, step)]
        first = others
    return [block for block in blocks if block[2] < n_tracks]


def _multiply_laplacian(weights: np.ndarray, rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return L values, where values' L values is the sum over edges of weight times squared difference.

    Parameters
    ----------
    weights : np.ndarray [shape=(n_edges,), float64]
        One per edge.
    rows, columns : np.ndarray [shape=(n_edges,), int64]
        The points that each edge joins; quick where rows are sorted, or are two sorted lists.
    values : np.ndarray [shape=(n_points, n), float64]
        Coordinates.
    """
    from scipy.sparse import csr_array

    n_points = len(values)
    order = np.argsort(rows, kind="stable")
    counts = np.bincount(rows, minlength=n_points)
    starts = np.concatenate([[0], np.cumsum(counts)])
    edges = csr_array((weights[order], columns[order], starts), shape=(n_points, n_points))
    product = (np.bincount(rows, weights, n_points) + np.bincount(columns, weights, n_points))[:, None] * values
    product -= edges @ values
    product -= edges.T @ values
    return product
