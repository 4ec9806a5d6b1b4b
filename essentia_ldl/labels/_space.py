"""The space in which labels are smoothed: training points in, distributions of any points out.

Points are standardised and, where that is asked for, mapped by LMNN; a distribution is the mean one-hot row of the
nearest training points. Distances are Euclidean, and equal ones go by the order of the training points.

References
----------
Buisson, Alonso-Jiménez, Bogdanov, "Ambiguity modelling with label distribution learning for music classification"
(ICASSP 2022), sections 3.2 and 3.3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.labels._editing import edit_tracks
from essentia_ldl.labels._lmnn import count_least_tracks, fit_lmnn


@dataclasses.dataclass(frozen=True, eq=False)
class Space:
    """Training points, and how any point gets there.

    Parameters
    ----------
    settings : Mapping[str, Any]
        n_neighbors, include_self and self_weight of the labels, as `smoothing.EXPLANATIONS` has them.
    mean, scale : np.ndarray [shape=(n_features,), float64]
        What is subtracted, and what then divides.
    components : np.ndarray [shape=(n_components, n_features), float64] or None
        LMNN's map.
    points : np.ndarray [shape=(n_tracks, d), float64]
        The training points in this space.
    one_hot : np.ndarray [shape=(n_tracks, n_classes), float64]
        Their classes.
    """

    settings: Mapping[str, Any]
    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray | None
    points: np.ndarray
    one_hot: np.ndarray

    def embed(self, points: np.ndarray) -> np.ndarray:
        """Return where points, (n_features,) or (n, n_features), lie in this space."""
        return _embed(points, self.mean, self.scale, self.components)

    def smooth(self, point: np.ndarray) -> np.ndarray:
        """Return the distribution (n_classes,) float64 of a point (n_features,) that did not train."""
        return self._average(np.square(self.points - self.embed(point)).sum(axis=1))

    def smooth_own(self, row: int) -> np.ndarray:
        """Return the distribution (n_classes,) float64 of a training point, which is no neighbour of its own.

        With include_self it is its own first neighbour; self_weight keeps a part of its own label.
        """
        # Differences, not the expansion of the square, so that equal tracks are at distance 0 exactly.
        distances = np.square(self.points - self.points[row]).sum(axis=1)
        distances[row] = -1.0 if self.settings["include_self"] else np.inf
        weight = self.settings["self_weight"]
        return weight * self.one_hot[row] + (1 - weight) * self._average(distances)

    def _average(self, distances: np.ndarray) -> np.ndarray:
        nearest = np.argsort(distances, kind="stable")[: self.settings["n_neighbors"]]
        return self.one_hot[nearest].mean(axis=0)


def fit_space(
    points: np.ndarray,
    targets: np.ndarray,
    classes: Sequence[str],
    settings: Mapping[str, Any],
    seed: int = 0,
    where: str = "labels",
) -> tuple[Space, dict[str, Any]]:
    """Learn standardisation and LMNN from training points.

    Parameters
    ----------
    points : np.ndarray [shape=(n_tracks, n_features), float64]
        Features of the training tracks.
    targets : np.ndarray [shape=(n_tracks,), int64]
        Class index of each.
    classes : Sequence[str]
        Class names.
    settings : Mapping[str, Any]
        All of `smoothing.EXPLANATIONS` but the features.
    seed : int
        Seed of LMNN's initial map.
    where : str
        Key of the settings in a recipe, for messages.

    Returns
    -------
    space : Space
    report : dict[str, Any]
        With LMNN its n_iter, converged, objective and lmnn_seconds; with its filter n_filtered and n_put_back by class.

    Raises
    ------
    DataError
        When there are too few points for LMNN.
    """
    mean, scale = np.zeros(points.shape[1]), np.ones(points.shape[1])
    if settings["standardize"]:
        mean, deviation = points.mean(axis=0), points.std(axis=0)
        # A feature that never changes tells nothing; its deviation is rounding noise, which must not be blown up.
        constant = deviation <= 1e-12 * np.abs(points).max(axis=0)
        scale = np.where(constant, 1.0, deviation)
    components, report = None, {}
    if settings["lmnn"]:
        components, report = _fit_lmnn((points - mean) / scale, targets, classes, settings, seed, where)
    # One by one, as a new point is: equal tracks get equal bits whatever the matrix product does with blocks.
    embedded = np.stack([_embed(point, mean, scale, components) for point in points])
    return Space(settings, mean, scale, components, embedded, np.eye(len(classes))[targets]), report


def check_size(n_tracks: int, key: str, limit: int, settings: Mapping[str, Any], where: str) -> None:
    """Raise `DataError` when a number of neighbours is larger than the training tracks allow."""
    if limit < settings[key]:
        rule = f"at most {limit}, as the {n_tracks} training tracks give"
        remedy = f"Lower {where}.{key}, add tracks, or train with labels none."
        raise DataError(explain("neighbours of label smoothing", rule, settings[key], f"{where}.{key}", remedy))


def _embed(points: np.ndarray, mean: np.ndarray, scale: np.ndarray, components: np.ndarray | None) -> np.ndarray:
    standard = (points - mean) / scale
    return standard if components is None else standard @ components.T


def _fit_lmnn(
    points: np.ndarray,
    targets: np.ndarray,
    classes: Sequence[str],
    settings: Mapping[str, Any],
    seed: int,
    where: str,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Learn the map from the tracks that the filter keeps; return it and what to report."""
    report: dict[str, Any] = {}
    kept = np.ones(len(points), dtype=bool)
    if settings["lmnn_filter"] == "wilson":
        least = count_least_tracks(points.shape[1], len(classes), settings)
        sizes = settings["lmnn_filter_neighbors"], settings["lmnn_neighbors"] + 1, least
        kept, put_back = edit_tracks(points, targets, *sizes)
        for key, chosen in (("n_filtered", ~kept), ("n_put_back", put_back)):
            report[key] = {name: int(chosen[targets == k].sum()) for k, name in enumerate(classes)}
    components, found = fit_lmnn(points[kept], targets[kept], classes, settings, seed, where)
    return components, {**found, **report}
