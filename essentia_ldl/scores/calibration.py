"""Calibration: make a classifier's probabilities as large as its share of right answers.

In: the logits of the patches of tracks that the network was not trained on, and their true classes. Out: a
`Calibration`, one factor and one offset per class, to be put between the logits and the softmax, and a
``calibration.json`` that keeps it.

A track's probabilities are the mean of the softmax of its patches, here as in `predict`, so the likelihood that is
maximised is the one of these means, and not the one of patches. Temperature scaling divides all logits by one T; no
patch changes its most probable class, a track may (`count_changed`). Vector scaling gives every class a factor and an
offset; the offsets sum to 0, because a softmax does not see what is added to all classes.

References
----------
Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017, sections 4.1 and 4.2.
Lukashevich, Grollmisch and Abesser, "Quantifying uncertainty in music genre classification": temperatures, and in its
conclusion the wish for an individual calibration of classes.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.scores import metrics
from essentia_ldl.scores.logits import PatchLogits, check_logits, mean_nll, mean_nll_and_gradient, sum_tracks

TEMPERATURE, VECTOR, NONE = "temperature", "vector", "none"
KINDS = (TEMPERATURE, VECTOR)
METHODS = (*KINDS, NONE)  # what may be asked for
NOT_ASKED = "calibration was not asked for"
FILE = "calibration.json"
# Where hardly any calibration is needed, fits on fewer tracks make others' likelihood worse as often as better.
MIN_TRACKS = 20
MIN_TRACKS_PER_CLASS = 20
BOUNDS = (0.01, 100.0)  # of T
# Standard deviations of the normal priors: of log(T) around 0, and of what classes add to it. The likelihood alone
# sends T to 0 where all tracks are right, which some 30 tracks are by chance.
SPREAD = 1.0
SELECTED_SPREAD = 0.5  # of log(T) below 0, for tracks that also chose the epoch
CLASS_SPREAD = 0.5
_N_GRID = 93  # some 10 % from one T to the next; the likelihood of means may have two valleys, so all are looked at


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What stands between the logits and the softmax: softmax(logits * scale + bias).

    Parameters
    ----------
    kind : str
        "temperature" or "vector".
    classes : tuple[str, ...]
        In the order of the logits.
    scale : tuple[float, ...]
        One factor per class, larger than 0; all are 1 / T for a temperature.
    bias : tuple[float, ...]
        One offset per class; all are 0 for a temperature.
    n_tracks : int
        Tracks that it was fitted on.
    nll_before, nll_after : float or None
        Mean negative log-likelihood of these tracks in nats; None when there were none.
    ece_before, ece_after : float or None
        Expected calibration error of these tracks, 10 bins; None where `nll_before` is.
    model : str
        Digest of the weights that it belongs to; empty when none was named.
    fitted_on : str
        Which tracks, in words for the card, such as "validation tracks".
    reason : str
        Why it is not what was asked for, such as too few tracks; empty when all went well.

    Raises
    ------
    DataError
        When the numbers do not fit one another.
    """

    kind: str
    classes: tuple[str, ...]
    scale: tuple[float, ...]
    bias: tuple[float, ...]
    n_tracks: int = 0
    nll_before: float | None = None
    nll_after: float | None = None
    ece_before: float | None = None
    ece_after: float | None = None
    model: str = ""
    fitted_on: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            self._refuse("kind", " or ".join(KINDS), self.kind)
        for name in ("classes", "scale", "bias"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("scale", "bias"):
            values = getattr(self, name)
            if len(values) != len(self.classes) or not all(_is_finite(value) for value in values):
                self._refuse(name, f"{len(self.classes)} finite numbers, one per class", values)
            object.__setattr__(self, name, tuple(float(value) for value in values))
        if len(self.classes) < 2 or not all(isinstance(name, str) for name in self.classes):
            self._refuse("classes", "two names or more", self.classes)
        if min(self.scale) <= 0:
            self._refuse("scale", "numbers larger than 0", self.scale)
        if self.kind == TEMPERATURE and (len(set(self.scale)) > 1 or any(self.bias)):
            self._refuse("temperature", "one factor for all classes and no offset", (self.scale, self.bias))
        if isinstance(self.n_tracks, bool) or not isinstance(self.n_tracks, int) or self.n_tracks < 0:
            self._refuse("n_tracks", "a number of tracks", self.n_tracks)
        for name in ("nll_before", "nll_after", "ece_before", "ece_after"):
            value = getattr(self, name)
            if value is not None and not (_is_finite(value) and value >= 0):
                self._refuse(name, "nats, from 0" if name.startswith("nll") else "a share, from 0", value)
        for name in ("model", "fitted_on", "reason"):
            if not isinstance(getattr(self, name), str):
                self._refuse(name, "text", getattr(self, name))

    @staticmethod
    def _refuse(name: str, rule: str, value: object) -> None:
        raise DataError(explain(f"calibration {name}", rule, value, "Calibration", "Calibrate the run again."))

    @property
    def temperature(self) -> float | None:
        """T of a temperature; None of vector scaling, which has no one T."""
        return 1 / self.scale[0] if self.kind == TEMPERATURE else None

    @property
    def is_identity(self) -> bool:
        """True when it changes nothing."""
        return set(self.scale) == {1.0} and not any(self.bias)

    @property
    def name(self) -> str:
        """What it is, in two words: "T = 1.25" or "vector scaling"."""
        return f"T = {self.temperature:.3g}" if self.kind == TEMPERATURE else "vector scaling"

    def describe(self) -> str:
        """Return one line for people: what it does, from which tracks, and why when it is not what was asked for."""
        text = self.name
        if self.kind == VECTOR:
            parts = zip(self.classes, self.scale, self.bias, strict=True)
            text += ", " + ", ".join(f"{name} x {s:.3g} {b:+.3g}" for name, s, b in parts)
        if self.n_tracks:
            text += f", from {self.n_tracks} {self.fitted_on or 'tracks'}"
        if self.nll_before is not None and self.nll_after is not None and not self.is_identity:
            text += f", NLL {self.nll_before:.3f} -> {self.nll_after:.3f}"
            if self.ece_before is not None and self.ece_after is not None:
                text += f", ECE {self.ece_before:.3f} -> {self.ece_after:.3f}"
        return f"{text} ({self.reason})" if self.reason else text


def identity(classes: Sequence[str], reason: str = "", **fields: Any) -> Calibration:
    """Return the calibration that changes nothing, T = 1, with the reason for it.

    Examples
    --------
    >>> identity(("non_sad", "sad")).temperature
    1.0
    """
    n_classes = len(classes)
    return Calibration(TEMPERATURE, tuple(classes), (1.0,) * n_classes, (0.0,) * n_classes, reason=reason, **fields)


def fit(
    sample: PatchLogits, kind: str = TEMPERATURE, model: str = "", fitted_on: str = "", *, selected: bool = False
) -> Calibration:
    """Fit a calibration of one of `KINDS`; see `fit_temperature` and `fit_vector_scaling`.

    Examples
    --------
    >>> draws = np.random.default_rng(0)
    >>> targets = draws.integers(0, 2, 200)
    >>> logits = 4 * draws.normal(np.eye(2)[targets])
    >>> sample = PatchLogits(tuple(map(str, range(200))), targets, ("a", "b"), logits, np.ones(200, int))
    >>> found = fit(sample)
    >>> found.temperature > 2, found.nll_after < found.nll_before
    (True, True)
    """
    if kind not in KINDS:
        raise DataError(explain("calibration", " or ".join(KINDS), kind, "kind", "Name one of these."))
    found = (fit_temperature if kind == TEMPERATURE else fit_vector_scaling)(
        sample, model, fitted_on, selected=selected
    )
    if found.nll_before is None:
        return found
    arrays = sample.patch_logits, sample.n_patches
    before, after = (
        metrics.score_ece(sample.targets, apply(one, *arrays)) for one in (identity(sample.classes), found)
    )
    return dataclasses.replace(found, ece_before=before, ece_after=after)


def fit_temperature(
    sample: PatchLogits, model: str = "", fitted_on: str = "", *, selected: bool = False, spread: float = SPREAD
) -> Calibration:
    """Find the temperature with the smallest negative log-likelihood of the tracks' mean probabilities.

    Parameters
    ----------
    sample : PatchLogits
        Tracks that the network was not trained on; of every class one at least.
    model : str
        Digest of the weights.
    fitted_on : str
        Which tracks these are, for the card.
    selected : bool
        True for a validation side that also chose the epoch. It flatters the network it chose, which looks more often
        right than it is, so a T below 1 needs more tracks to be believed: `SELECTED_SPREAD` is then its spread.
        Never to believe it loses more than it saves, as networks drawn with a known T show
        (`tests/calibration_study.py`): also because a mean over patches that agree is less sure than it is right.
    spread : float
        Standard deviation of log(T) before any track is seen, around T = 1: a track more weighs more, and a hundred
        hide it. Infinite is the likelihood alone, as in Guo et al.

    Returns
    -------
    Calibration
        T = 1 with a reason when there are fewer than `MIN_TRACKS` different tracks; T at a bound, with a reason, when
        no T inside is best.

    Raises
    ------
    DataError
        When a class has no track.

    Examples
    --------
    >>> draws = np.random.default_rng(0)
    >>> targets = draws.integers(0, 2, 200)
    >>> logits = 4 * draws.normal(np.eye(2)[targets])
    >>> sample = PatchLogits(tuple(map(str, range(200))), targets, ("a", "b"), logits, np.ones(200, int))
    >>> 2 < fit_temperature(sample).temperature < 6
    True
    """
    from scipy.optimize import minimize_scalar

    facts = {"n_tracks": sample.n_distinct, "model": model, "fitted_on": fitted_on}
    if sample.n_distinct < MIN_TRACKS:
        reason = f"{sample.n_distinct} tracks are too few to fit a temperature, {MIN_TRACKS} are needed"
        return identity(sample.classes, reason, **facts)
    _check_classes(sample)

    sharp = min(spread, SELECTED_SPREAD) if selected else spread

    def cost(log_t: float) -> float:
        prior = (log_t / (sharp if log_t < 0 else spread)) ** 2 / (2 * sample.n_distinct)
        return mean_nll(sample, math.exp(-log_t), 0.0) + prior

    grid = np.linspace(*np.log(BOUNDS), _N_GRID)
    costs = np.array([cost(log_t) for log_t in grid])
    best, reason = int(costs.argmin()), ""
    log_t = float(grid[best])
    if best in (0, _N_GRID - 1):
        reason = f"no temperature from {BOUNDS[0]} to {BOUNDS[1]} is best, so it is the last one"
    else:
        around, options = (grid[best - 1], grid[best + 1]), {"xatol": 1e-8}
        log_t = float(minimize_scalar(cost, bounds=around, method="bounded", options=options).x)
    if cost(0.0) <= cost(log_t) + 1e-12:  # as where the logits are the same for every class
        log_t, reason = 0.0, ""
    n_classes = len(sample.classes)
    facts["nll_before"], facts["nll_after"] = mean_nll(sample, 1.0, 0.0), mean_nll(sample, math.exp(-log_t), 0.0)
    scale, bias = (math.exp(-log_t),) * n_classes, (0.0,) * n_classes
    return Calibration(TEMPERATURE, sample.classes, scale, bias, reason=reason, **facts)


def fit_vector_scaling(
    sample: PatchLogits, model: str = "", fitted_on: str = "", *, selected: bool = False, spread: float = CLASS_SPREAD
) -> Calibration:
    """Find a factor and an offset of every class, near the temperature unless the tracks say otherwise.

    Parameters
    ----------
    sample : PatchLogits
        Tracks that the network was not trained on; of every class one at least.
    model, fitted_on : str
        Digest of the weights, and which tracks these are, for the card.
    selected : bool
        True for a validation side that also chose the epoch: the temperature, which is fitted first, is then believed
        less where it is below 1.
    spread : float
        Standard deviation of the factors' logarithms around -log(T), and of the offsets around 0, before any track is
        seen. Infinite is the likelihood alone, as in Guo et al.

    Returns
    -------
    Calibration
        The temperature, with a reason, when that has one or a class has fewer than `MIN_TRACKS_PER_CLASS` different
        tracks.

    Raises
    ------
    DataError
        When a class has no track.

    Examples
    --------
    >>> draws = np.random.default_rng(0)
    >>> targets = draws.integers(0, 2, 200)
    >>> logits = draws.normal(np.eye(2)[targets]) + [1.0, 0.0]  # it says the first class too often
    >>> sample = PatchLogits(tuple(map(str, range(200))), targets, ("a", "b"), logits, np.ones(200, int))
    >>> bias = fit_vector_scaling(sample).bias
    >>> bias[0] < bias[1]
    True
    """
    from scipy.optimize import minimize

    start = fit_temperature(sample, model, fitted_on, selected=selected)
    if start.reason:
        return start
    counts = sample.count_classes()
    if min(counts) < MIN_TRACKS_PER_CLASS:
        few = f"{min(counts)} tracks of {sample.classes[int(np.argmin(counts))]} are too few to calibrate each class"
        return dataclasses.replace(start, reason=f"{few}, {MIN_TRACKS_PER_CLASS} are needed")
    n_classes, centre, weight = len(sample.classes), math.log(start.scale[0]), 1 / sample.n_distinct

    def cost(values: np.ndarray) -> tuple[float, np.ndarray]:
        scale, bias = np.exp(values[:n_classes]), values[n_classes:]
        nll, of_scale, of_bias = mean_nll_and_gradient(sample, scale, bias)
        distance = np.concatenate([values[:n_classes] - centre, bias]) / spread
        gradient = np.concatenate([of_scale * scale, of_bias]) + weight * distance / spread
        return nll + weight * float(distance @ distance) / 2, gradient

    first = np.concatenate([np.full(n_classes, centre), np.zeros(n_classes)])
    limits = [tuple(-np.log(BOUNDS[::-1]))] * n_classes + [(None, None)] * n_classes
    options = {"maxiter": 1000, "ftol": 1e-12, "gtol": 1e-8}
    found = minimize(cost, first, jac=True, method="L-BFGS-B", bounds=limits, options=options)
    scale, bias = np.exp(found.x[:n_classes]), found.x[n_classes:] - found.x[n_classes:].mean()
    after = mean_nll(sample, scale, bias)
    return dataclasses.replace(start, kind=VECTOR, scale=tuple(scale), bias=tuple(bias), nll_after=after)


def apply(calibration: Calibration, patch_logits: np.ndarray, n_patches: np.ndarray) -> np.ndarray:
    """Return the calibrated probabilities of tracks: the mean over a track's patches.

    Parameters
    ----------
    calibration : Calibration
        `identity(classes)` for the probabilities as they are.
    patch_logits : np.ndarray [shape=(sum of n_patches, n_classes), float]
        Uncalibrated logits, track after track.
    n_patches : np.ndarray [shape=(n_tracks,), int]
        Patches of each track.

    Returns
    -------
    np.ndarray [shape=(n_tracks, n_classes), float64]
        Rows that sum to 1.

    Raises
    ------
    DataError
        When the arrays do not fit, a number is not finite, or there is another number of classes.

    Examples
    --------
    >>> apply(identity(("a", "b")), np.log([[0.9, 0.1], [0.7, 0.3]]), np.array([2])).round(3)
    array([[0.8, 0.2]])
    """
    logits, counts = check_logits(patch_logits, n_patches, len(calibration.classes))
    values = logits * np.array(calibration.scale) + np.array(calibration.bias)
    values = np.exp(values - values.max(axis=1, keepdims=True))
    return sum_tracks(values / values.sum(axis=1, keepdims=True), counts) / counts[:, None]


def count_changed(calibration: Calibration, patch_logits: np.ndarray, n_patches: np.ndarray) -> int:
    """Count the tracks whose most probable class the calibration changes; see `apply`.

    A temperature changes no patch; but a small T lets each patch vote, and a large T lets a few sure patches
    outweigh many that are not, so that the mean of a track may change.

    Examples
    --------
    >>> count_changed(identity(("a", "b")), np.log([[0.9, 0.1], [0.7, 0.3]]), np.array([1, 1]))
    0
    """
    before = apply(identity(calibration.classes), patch_logits, n_patches).argmax(axis=1)
    return int((apply(calibration, patch_logits, n_patches).argmax(axis=1) != before).sum())


def _is_finite(value: object) -> bool:
    number = isinstance(value, int | float | np.floating | np.integer) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _check_classes(sample: PatchLogits) -> None:
    lacking = [name for name, count in zip(sample.classes, sample.count_classes(), strict=True) if not count]
    if lacking:
        found = f"none of {', '.join(lacking)} among {sample.n_distinct}"
        remedy = "Give the validation side tracks of every class, or calibrate on the folds of a cross-validation."
        raise DataError(explain("calibration tracks", "one of every class at least", found, sample.where, remedy))
