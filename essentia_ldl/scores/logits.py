"""What trained networks said of the patches of tracks.

In: arrays, read back from runs by `runs.predictions`. Out: a `PatchLogits`, the logits of one side's tracks with their
true classes, and how likely they make these classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from essentia_ldl.errors import DataError, explain

_TRAIN_AGAIN = "Train the run again."


@dataclasses.dataclass(frozen=True, eq=False)
class PatchLogits:
    """Logits of the patches of labelled tracks.

    Parameters
    ----------
    ids : tuple[str, ...]
        Of each track; one that several networks were tested on stands there several times.
    targets : np.ndarray [shape=(n_tracks,), int]
        True classes, as indices.
    classes : tuple[str, ...]
        In the order of the logits.
    patch_logits : np.ndarray [shape=(sum of n_patches, n_classes), float]
        Track after track, before softmax; kept as float64.
    n_patches : np.ndarray [shape=(n_tracks,), int]
        Patches of each track, 1 at least.
    where : str
        Where they are from, for messages.

    Raises
    ------
    DataError
        When the arrays do not fit, or a logit is not finite.
    """

    ids: tuple[str, ...]
    targets: np.ndarray
    classes: tuple[str, ...]
    patch_logits: np.ndarray
    n_patches: np.ndarray
    where: str = "patch logits"

    def __post_init__(self) -> None:
        for name in ("ids", "classes"):
            object.__setattr__(self, name, tuple(str(value) for value in getattr(self, name)))
        logits, counts = check_logits(self.patch_logits, self.n_patches, len(self.classes), self.where)
        targets = np.asarray(self.targets)
        if not len(self.ids) == len(targets) == len(counts):
            found = (len(self.ids), len(targets), len(counts))
            raise DataError(explain("tracks", "as many ids as targets and n_patches", found, self.where, _TRAIN_AGAIN))
        if targets.dtype.kind not in "iu" or targets.min() < 0 or targets.max() >= len(self.classes):
            rule, found = f"class indices from 0 to {len(self.classes) - 1}", np.unique(targets).tolist()
            raise DataError(explain("targets", rule, found, self.where, "Give class indices."))
        for name, value in (("patch_logits", logits), ("n_patches", counts), ("targets", targets.astype(np.int64))):
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    @property
    def n_distinct(self) -> int:
        """Number of different tracks."""
        return len(set(self.ids))

    def count_classes(self) -> list[int]:
        """Return the number of different tracks of every class."""
        return [len({self.ids[row] for row in np.flatnonzero(self.targets == k)}) for k in range(len(self.classes))]


def check_logits(
    patch_logits: np.ndarray, n_patches: np.ndarray, n_classes: int, where: str = "patch logits"
) -> tuple[np.ndarray, np.ndarray]:
    """Check that patches and tracks fit.

    Returns
    -------
    patch_logits : np.ndarray [shape=(sum of n_patches, n_classes), float64]
        A copy.
    n_patches : np.ndarray [shape=(n_tracks,), int64]
        A copy.

    Raises
    ------
    DataError
        When there is no track, a track has no patch, the numbers of patches or classes differ, or a logit is NaN or
        infinite.

    Examples
    --------
    >>> check_logits([[0.0, 1.0], [2.0, 3.0]], [2], n_classes=2)[1]
    array([2])
    """
    logits, counts = np.asarray(patch_logits), np.asarray(n_patches)
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or counts.size == 0 or counts.min() < 1:
        found = (counts.shape, str(counts.dtype), int(counts.min()) if counts.size and counts.dtype.kind in "iu" else 0)
        rule = "whole numbers of shape (n_tracks,), 1 or more, of one track at least"
        raise DataError(explain("n_patches", rule, found, where, "Give the number of patches of each track."))
    expected = (int(counts.sum()), n_classes)
    if logits.shape != expected or logits.dtype.kind not in "fiu":
        rule = f"numbers of shape {expected}, one row per patch"
        raise DataError(explain("patch_logits", rule, (logits.shape, str(logits.dtype)), where, _TRAIN_AGAIN))
    finite = np.isfinite(logits).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        track = int(np.searchsorted(np.cumsum(counts), row, side="right"))
        remedy = "The training diverged: lower its learning rate and train again."
        place = f"{where}, track {track}, patch {row - int(counts[:track].sum())}"
        raise DataError(explain("patch_logits", "finite numbers", logits[row].tolist(), place, remedy))
    return logits.astype(np.float64), counts.astype(np.int64)


def sum_tracks(values: np.ndarray, n_patches: np.ndarray) -> np.ndarray:
    """Sum patches (sum of n_patches, ...) over each track: (n_tracks, ...).

    Examples
    --------
    >>> sum_tracks(np.array([1.0, 2.0, 4.0]), np.array([2, 1]))
    array([3., 4.])
    """
    return np.add.reduceat(values, np.cumsum(n_patches) - n_patches, axis=0)


def join(samples: Sequence[PatchLogits]) -> PatchLogits:
    """Put several samples of the same classes behind one another.

    Examples
    --------
    >>> one = PatchLogits(("a",), np.array([0]), ("x", "y"), np.zeros((2, 2)), np.array([2]))
    >>> join([one, one]).ids
    ('a', 'a')
    """
    first = samples[0]
    for other in samples[1:]:
        if other.classes != first.classes:
            rule = f"the classes of {first.where}, {list(first.classes)}"
            raise DataError(explain("classes", rule, list(other.classes), other.where, "Name cells of one task."))
    return PatchLogits(
        sum((sample.ids for sample in samples), ()),
        np.concatenate([sample.targets for sample in samples]),
        first.classes,
        np.concatenate([sample.patch_logits for sample in samples]),
        np.concatenate([sample.n_patches for sample in samples]),
        first.where if len(samples) == 1 else f"{len(samples)} sides, the first in {first.where}",
    )


def mean_nll(sample: PatchLogits, scale: float | np.ndarray, bias: float | np.ndarray) -> float:
    """Return the mean negative log-likelihood of tracks, in nats, when softmax reads logits * scale + bias.

    Examples
    --------
    >>> one = PatchLogits(("a",), np.array([0]), ("x", "y"), np.zeros((2, 2)), np.array([2]))
    >>> round(mean_nll(one, 1.0, 0.0), 3)
    0.693
    """
    return max(0.0, float(-_log_probabilities(sample, scale, bias)[2].mean()))  # rounding makes log(1) positive


def mean_nll_and_gradient(
    sample: PatchLogits, scale: np.ndarray, bias: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return `mean_nll`, and how it changes with each class's scale and bias, (n_classes,) both.

    Examples
    --------
    >>> one = PatchLogits(("a",), np.array([0]), ("x", "y"), np.zeros((2, 2)), np.array([2]))
    >>> mean_nll_and_gradient(one, np.ones(2), np.zeros(2))[2]
    array([-0.5,  0.5])
    """
    values, of_truth, means = _log_probabilities(sample, scale, bias)
    counts = sample.n_patches
    # Each patch's share of its track's probability weighs its own gradient, softmax minus truth.
    shares = np.exp(of_truth - np.repeat(means, counts)) / np.repeat(counts, counts)
    slopes = np.exp(values)
    slopes[np.arange(len(values)), np.repeat(sample.targets, counts)] -= 1
    slopes *= (shares / len(means))[:, None]
    return float(-means.mean()), (slopes * sample.patch_logits).sum(axis=0), slopes.sum(axis=0)


def _log_probabilities(
    sample: PatchLogits, scale: float | np.ndarray, bias: float | np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return log softmax of patches (n, k), log p of each patch's true class (n,), and log of the tracks' means."""
    values = sample.patch_logits * scale + bias
    values -= values.max(axis=1, keepdims=True)
    values -= np.log(np.exp(values).sum(axis=1, keepdims=True))
    counts = sample.n_patches
    of_truth = values[np.arange(len(values)), np.repeat(sample.targets, counts)]
    # The mean is taken of logarithms, because at a small T every patch of a wrong track rounds to 0.
    most = np.maximum.reduceat(of_truth, np.cumsum(counts) - counts)
    means = most + np.log(sum_tracks(np.exp(of_truth - np.repeat(most, counts)), counts) / counts)
    return values, of_truth, means
