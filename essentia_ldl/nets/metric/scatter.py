"""How embeddings differ within groups and tracks, and the linear map that makes such differences small.

In: patches of tracks, and their groups. Out: means and covariances, and a matrix. What differs between patches of a
track, or between tracks of an artist, is not what tells artists apart: the map shrinks directions in which there is
much of it, as within-class covariance normalisation does, less the more it is mixed with what is the same everywhere.

References
----------
A. Hatch, S. Kajarekar and A. Stolcke, "Within-class covariance normalization for SVM-based speaker recognition"
(Interspeech 2006), section 3: the root of the inverse. O. Ledoit and M. Wolf, "A well-conditioned estimator for
large-dimensional covariance matrices" (2004): mixed with a multiple of the identity, here by a fixed share.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

SHRINKAGE = 0.5  # share of the identity
VARIANCE_FLOOR = 1e-6


@dataclasses.dataclass(frozen=True)
class Scatter:
    """Means and covariances of tracks.

    Parameters
    ----------
    mean, variance : np.ndarray [shape=(d,), float64]
        Over the means of tracks.
    total, within : np.ndarray [shape=(d, d), float64]
        Covariance of the means of tracks; and within their groups, plus that of patches within tracks. Both of numbers
        that are shifted and scaled by mean and variance.
    """

    mean: np.ndarray
    variance: np.ndarray
    total: np.ndarray
    within: np.ndarray


def measure_scatter(tracks: Iterable[np.ndarray], groups: np.ndarray) -> Scatter:
    """Measure tracks, one after the other.

    Parameters
    ----------
    tracks : iterable of np.ndarray [shape=(n_patches, d), float32]
        Patches of each track.
    groups : np.ndarray [shape=(n_tracks,), int]
        Number of the group of each.

    Returns
    -------
    Scatter
    """
    names, places = np.unique(groups, return_inverse=True)
    counts = np.bincount(places)
    origin: np.ndarray | float = 0.0
    squares = patches = sums = None
    n_free = 0
    for place, track in zip(places, tracks, strict=True):
        track = np.asarray(track, dtype=np.float64)
        if sums is None:
            origin = track.mean(axis=0)  # numbers are near it, so that differences of squares keep their digits
            sums, squares, patches = np.zeros((len(names), len(origin))), *np.zeros((2, len(origin), len(origin)))
        mean = track.mean(axis=0)
        sums[place] += mean - origin
        squares += np.outer(mean - origin, mean - origin)
        patches += (track - mean).T @ (track - mean)
        n_free += len(track) - 1
    n_tracks, shift = len(places), sums.sum(axis=0) / len(places)
    between = (sums / counts[:, None]).T @ sums
    total = squares / n_tracks - np.outer(shift, shift)
    within = (squares - between) / max(1, n_tracks - len(names)) + patches / max(1, n_free)
    variance = np.maximum(np.diagonal(total), 0.0)
    scales = 1 / np.sqrt(variance + VARIANCE_FLOOR)
    return Scatter(origin + shift, variance, total * np.outer(scales, scales), within * np.outer(scales, scales))


def solve_map(scatter: Scatter, size: int, shrinkage: float = SHRINKAGE) -> np.ndarray:
    """Find the map of standardised vectors under which differences within groups are about alike in all directions.

    Parameters
    ----------
    scatter : Scatter
        Of training tracks.
    size : int
        Numbers that are kept, at most d: of fewer, the directions in which tracks differ most after the map.
    shrinkage : float
        Share of the identity that the covariance within groups is mixed with, from 0 to 1; 1 changes no distance.

    Returns
    -------
    np.ndarray [shape=(d, size), float32]
        Row vectors are multiplied from the left. Squares of the whole map sum to d.
    """
    n_inputs = len(scatter.mean)
    scale = max(float(np.trace(scatter.within)) / n_inputs, VARIANCE_FLOOR)
    mixed = (1 - shrinkage) * scatter.within / scale + shrinkage * np.eye(n_inputs)
    values, axes = np.linalg.eigh(mixed)
    root = (axes / np.sqrt(np.maximum(values, VARIANCE_FLOOR))) @ axes.T
    root *= np.sqrt(n_inputs / np.sum(root**2))
    if size < n_inputs:
        directions = np.linalg.eigh(root @ scatter.total @ root)[1][:, ::-1][:, :size]
        signs = np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(size)])
        root = root @ (directions * signs)  # whichever the library's signs
    return root.astype(np.float32)
