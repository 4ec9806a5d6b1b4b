"""What a network, a baseline or an ensemble said of its tracks: ``predictions.npz``, written and read here alone.

In: arrays in the order of a plan's tracks. Out: `Predictions`, checked when they are made, and the `PatchLogits` of one
side. A baseline has no logits; what the folds of a cross-validation said, kept for a calibration, has no probabilities.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from essentia_ldl.arrays import REMEDY, read_arrays
from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import replacing
from essentia_ldl.records import ROLES
from essentia_ldl.scores.logits import PatchLogits, check_logits, join

FILE = "predictions.npz"
_LOGITS = ("patch_logits", "n_patches")
_NEEDED = ("ids", "roles", "labels", "classes")
_ALL = (*_NEEDED, "probabilities", *_LOGITS, "truth")  # in the order in which they are written


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """Opinions on labelled tracks.

    Parameters
    ----------
    ids, roles, labels : np.ndarray [shape=(n_tracks,), str]
        Of each track; roles are "train", "valid" or "test", labels are classes.
    classes : np.ndarray [shape=(n_classes,), str]
        In the order of the columns.
    probabilities : np.ndarray [shape=(n_tracks, n_classes), float32] or None
        The mean over the patches of each track.
    patch_logits : np.ndarray [shape=(sum of n_patches, n_classes), float32] or None
        Track after track, before calibration and softmax; None of a baseline.
    n_patches : np.ndarray [shape=(n_tracks,), int64] or None
        Patches of each track; given with the logits.
    truth : np.ndarray [shape=(n_tracks, n_classes), float32] or None
        The tags or numbers of each track, whose labels are empty then; None where a track has one class.
    where : str
        Where they are from, for messages.

    Raises
    ------
    DataError
        When the arrays do not fit one another.
    """

    ids: np.ndarray
    roles: np.ndarray
    labels: np.ndarray
    classes: np.ndarray
    probabilities: np.ndarray | None = None
    patch_logits: np.ndarray | None = None
    n_patches: np.ndarray | None = None
    truth: np.ndarray | None = None
    where: str = FILE

    def __post_init__(self) -> None:
        for name in _NEEDED:
            array = np.asarray(getattr(self, name))
            if array.ndim != 1 or not (array.dtype.kind == "U" or array.size == 0):
                self._refuse(name, "texts, one per track or class", (array.shape, str(array.dtype)))
            object.__setattr__(self, name, array)
        if not len(self.ids) == len(self.roles) == len(self.labels):
            self._refuse("tracks", "as many roles and labels as ids", (len(self.roles), len(self.labels)))
        for name, known in (("roles", ROLES), ("labels", self.classes if self.truth is None else ("",))):
            unknown = sorted({str(value) for value in getattr(self, name)} - {str(value) for value in known})
            if unknown:
                self._refuse(name, f"one of {', '.join(map(str, known))}", unknown)
        if (self.patch_logits is None) != (self.n_patches is None):
            self._refuse("predictions", " and ".join(_LOGITS), "one of them")
        if self.n_patches is not None:
            counts = np.asarray(self.n_patches)
            if counts.shape != (len(self.ids),) or counts.dtype.kind not in "iu" or (counts < 1).any():
                rule = f"whole numbers of shape ({len(self.ids)},), 1 or more"
                self._refuse("n_patches", rule, (counts.shape, str(counts.dtype)))
            self._check("patch_logits", (int(np.sum(self.n_patches)), len(self.classes)))
        for name in ("probabilities", "truth"):
            self._check(name, (len(self.ids), len(self.classes)))

    def _check(self, name: str, shape: tuple[int, int]) -> None:
        array = getattr(self, name)
        if array is not None and (np.shape(array) != shape or np.asarray(array).dtype.kind != "f"):
            self._refuse(name, f"numbers of shape {shape}", (np.shape(array), str(np.asarray(array).dtype)))

    def _refuse(self, what: str, rule: str, found: object) -> None:
        raise DataError(explain(what, rule, found, self.where, REMEDY))

    @property
    def targets(self) -> np.ndarray:
        """The classes of the tracks as indices, shape (n_tracks,), int64; or else their tags or numbers."""
        if self.truth is not None:
            return self.truth
        index = {str(name): number for number, name in enumerate(self.classes)}
        return np.array([index[str(label)] for label in self.labels], dtype=np.int64)

    def select(self, side: str) -> Predictions:
        """Return ids, labels and probabilities of the tracks of one side, without logits.

        Raises
        ------
        DataError
            When there are no probabilities.
        """
        if self.probabilities is None:
            self._refuse("predictions", "probabilities", "logits alone")
        rows = self.roles == side
        return Predictions(
            self.ids[rows],
            self.roles[rows],
            self.labels[rows],
            self.classes,
            self.probabilities[rows],
            truth=None if self.truth is None else self.truth[rows],
            where=self.where,
        )

    def select_patches(self, side: str) -> Predictions:
        """Return the tracks of one side with the answers of their patches; `DataError` when there are no such."""
        if self.patch_logits is None or self.n_patches is None:
            self._refuse("predictions", " and ".join(_LOGITS), "none")
        rows = self.roles == side
        return dataclasses.replace(
            self,
            ids=self.ids[rows],
            roles=self.roles[rows],
            labels=self.labels[rows],
            probabilities=None if self.probabilities is None else self.probabilities[rows],
            patch_logits=self.patch_logits[np.repeat(rows, self.n_patches)],
            n_patches=self.n_patches[rows],
            truth=None if self.truth is None else self.truth[rows],
        )

    def select_logits(self, side: str) -> PatchLogits:
        """Return the logits of the tracks of one side.

        Raises
        ------
        DataError
            When there are no logits (a baseline has none), no track of that side, or numbers that do not fit.
        """
        if side not in ROLES:
            raise DataError(explain("side", ", ".join(ROLES), side, "select_logits", "Name one of these."))
        if self.patch_logits is None or self.n_patches is None:
            remedy = "Name a network's run: a baseline has no logits."
            raise DataError(explain("predictions", ", ".join(_LOGITS), f"no {', '.join(_LOGITS)}", self.where, remedy))
        rows = self.roles == side
        if not rows.any():
            remedy = "Name a run with tracks on that side."
            raise DataError(explain("tracks", f"one of the {side} side at least", 0, self.where, remedy))
        # Checked before patches are picked, because a wrong count would pick another track's.
        logits, counts = check_logits(self.patch_logits, self.n_patches, len(self.classes), self.where)
        picked = logits[np.repeat(rows, counts)]
        return PatchLogits(
            tuple(self.ids[rows]), self.targets[rows], tuple(self.classes), picked, counts[rows], self.where
        )


def write_predictions(folder: Path, predictions: Predictions) -> None:
    """Write predictions into a run folder, atomically."""
    values = {name: getattr(predictions, name) for name in _ALL}
    with replacing(Path(folder) / FILE) as file:
        np.savez(file, **{name: value for name, value in values.items() if value is not None})


def read_predictions(folder: Path) -> Predictions:
    """Read the predictions of a run folder, of the cell of a cross-validation, or of a baseline.

    Raises
    ------
    StoreError
        When there is no readable predictions.npz.
    DataError
        When arrays are missing or do not fit one another.
    """
    path = Path(folder) / FILE
    arrays = read_arrays(path, "predictions")
    lacking = [name for name in _NEEDED if name not in arrays]
    if lacking:
        raise DataError(explain("predictions", ", ".join(_NEEDED), f"no {', '.join(lacking)}", path, REMEDY))
    return Predictions(**{name: arrays[name] for name in _ALL if name in arrays}, where=str(path))


def read_side(folder: Path, side: str) -> PatchLogits:
    """Read the logits of one side of a run.

    Parameters
    ----------
    folder : Path
        A run folder, or the cell of a cross-validation.
    side : str
        "train", "valid" or "test".

    Returns
    -------
    PatchLogits

    Raises
    ------
    StoreError
        When there is no readable predictions.npz.
    DataError
        When arrays are missing or do not fit one another, or no track is on that side.
    """
    return read_predictions(folder).select_logits(side)


def gather_out_of_fold(cells: Sequence[Path]) -> PatchLogits:
    """Pool the test sides of the cells of a cross-validation: each track's logits are of a network that never saw it.

    Parameters
    ----------
    cells : sequence of Path
        Folders of one label source, of one repetition or of several; a track is tested once per repetition.

    Returns
    -------
    PatchLogits
        In the order of the cells.

    Raises
    ------
    StoreError
        When the predictions of a cell cannot be read.
    DataError
        When there is no cell, one has no test tracks, or the classes of two differ.
    """
    if not cells:
        raise DataError(explain("cells", "one at least", 0, "gather_out_of_fold", "Run a cross-validation first."))
    return join([read_side(Path(cell), "test") for cell in cells])
