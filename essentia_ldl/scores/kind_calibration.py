"""Calibration of tags and numbers. In: answers on tracks that a network was not trained on; out: what to make of them.

Tags: each has a factor and an offset of its own before the sigmoid (Platt), fitted to the likelihood of the mean over a
track's patches, and a threshold with the best F1. Numbers: an interval around the estimate that holds the truth for a
share of other tracks, by the residuals of these (split conformal prediction).

References
----------
J. Platt, "Probabilistic outputs for support vector machines", 1999. J. Lei et al., "Distribution-free predictive
inference for regression", Journal of the American Statistical Association 113, 2018, algorithm 2.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, StoreError, explain
from essentia_ldl.files import read_object, write_json
from essentia_ldl.scores.logits import sum_tracks
from essentia_ldl.scores.multi_label import choose_thresholds
from essentia_ldl.scores.regression import check_numbers

PLATT, INTERVAL = "platt", "interval"
LEVEL = 0.9  # share of other tracks that an interval holds
MIN_TRACKS = 20
MIN_EACH = 8  # tracks that have a tag, and that have not, before it has a factor and an offset
SPREAD = 1.0  # standard deviation of the normal prior of the factor's logarithm, and of the offset
REMEDY = "Calibrate the run again."


@dataclasses.dataclass(frozen=True)
class KindCalibration:
    """What is known of a model of tags or numbers beside its weights.

    Parameters
    ----------
    kind : str
        "platt" or "interval".
    classes : tuple[str, ...]
        Tags or dimensions, in the order of the columns.
    scale, bias : tuple[float, ...]
        Of tags: sigmoid(scale * logit + bias). Of numbers 1 and 0.
    thresholds : tuple[float, ...]
        Of tags: probability from which a track has it; empty of numbers.
    half_widths : tuple[float, ...]
        Of numbers: half of the interval of each dimension, in its unit; empty where tracks are too few.
    level : float
        Share of other tracks that the interval holds.
    n_tracks : int
        Tracks that it was fitted on.
    model : str
        Digest of the weights that it belongs to.
    fitted_on : str
        Which tracks, in words.
    nll_before, nll_after : float or None
        Mean log loss of a tag in nats; None of numbers.
    reason : str
        Why something is missing; empty when nothing is.

    Raises
    ------
    DataError
        When the numbers do not fit one another.
    """

    kind: str
    classes: tuple[str, ...]
    scale: tuple[float, ...]
    bias: tuple[float, ...]
    thresholds: tuple[float, ...] = ()
    half_widths: tuple[float, ...] = ()
    level: float = LEVEL
    n_tracks: int = 0
    model: str = ""
    fitted_on: str = ""
    nll_before: float | None = None
    nll_after: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.kind not in (PLATT, INTERVAL):
            raise DataError(explain("calibration kind", f"{PLATT} or {INTERVAL}", self.kind, "calibration", REMEDY))
        object.__setattr__(self, "classes", tuple(self.classes))
        for name in ("scale", "bias", "thresholds", "half_widths"):
            values = tuple(getattr(self, name))
            sizes = (len(self.classes),) if name in ("scale", "bias") else (0, len(self.classes))
            whole = all(isinstance(v, int | float) and math.isfinite(v) for v in values)
            if len(values) not in sizes or not whole:
                rule = f"{len(self.classes)} finite numbers"
                raise DataError(explain(f"calibration {name}", rule, values, "calibration", REMEDY))
            object.__setattr__(self, name, tuple(float(value) for value in values))

    @property
    def is_identity(self) -> bool:
        """True when it changes no answer."""
        return set(self.scale) == {1.0} and not any(self.bias)

    @property
    def limits(self) -> np.ndarray:
        """Thresholds of tags, .5 where there are none, or half widths of intervals, NaN where there are none."""
        own, other = (self.thresholds, 0.5) if self.kind == PLATT else (self.half_widths, math.nan)
        return np.array(own or (other,) * len(self.classes))

    @property
    def name(self) -> str:
        """What it is, in few words."""
        if self.kind == PLATT:
            return "tags not calibrated" if self.is_identity else "each tag calibrated"
        return f"intervals of {self.level:.0%}" if self.half_widths else "no intervals"

    def describe(self) -> str:
        """Return one line for people."""
        text = self.name
        if self.half_widths:
            pairs = zip(self.classes, self.half_widths, strict=True)
            text += ": " + ", ".join(f"{name} +- {value:.3g}" for name, value in pairs)
        if self.n_tracks:
            text += f", from {self.n_tracks} {self.fitted_on or 'tracks'}"
        if self.nll_before is not None and self.nll_after is not None and not self.is_identity:
            text += f", log loss of a tag {self.nll_before:.3f} -> {self.nll_after:.3f}"
        return f"{text} ({self.reason})" if self.reason else text

    def describe_for_card(self) -> dict[str, Any]:
        """Return what a card says of it."""
        facts: dict[str, Any] = {"method": self.kind, "n_tracks": self.n_tracks, "fitted_on": self.fitted_on}
        if self.kind == PLATT:
            facts |= {"scale": list(self.scale), "bias": list(self.bias), "thresholds": self._by_class(self.thresholds)}
            facts["nll"] = {"before": self.nll_before, "after": self.nll_after}
        else:
            facts |= {"level": self.level, "half_widths": self._by_class(self.half_widths)}
        return {**facts, "reason": self.reason}

    def _by_class(self, values: Sequence[float]) -> dict[str, float]:
        return dict(zip(self.classes, values, strict=True)) if values else {}


def make_identity(kind: str, classes: Sequence[str], reason: str = "", **fields: Any) -> KindCalibration:
    """Return the calibration of a kind that changes nothing, with the reason for it.

    Examples
    --------
    >>> make_identity(INTERVAL, ("valence",)).half_widths
    ()
    """
    n = len(classes)
    return KindCalibration(kind, tuple(classes), (1.0,) * n, (0.0,) * n, reason=reason, **fields)


def answer_tags(
    patch_logits: np.ndarray, n_patches: np.ndarray, calibration: KindCalibration | None = None
) -> np.ndarray:
    """Return the probabilities of tracks' tags, (n_tracks, n_tags) float64: the mean over patches of the sigmoid.

    Examples
    --------
    >>> answer_tags(np.array([[0.0], [0.0]]), np.array([2]))
    array([[0.5]])
    """
    logits = np.asarray(patch_logits, dtype=np.float64)
    if calibration is not None:
        logits = logits * np.array(calibration.scale) + np.array(calibration.bias)
    counts = np.asarray(n_patches)
    return sum_tracks(_sigmoid(logits), counts) / counts[:, None]


def answer_numbers(patch_values: np.ndarray, n_patches: np.ndarray) -> np.ndarray:
    """Return the numbers of tracks, (n_tracks, n_dimensions) float64: the mean over patches.

    Examples
    --------
    >>> answer_numbers(np.array([[1.0], [3.0]]), np.array([2]))
    array([[2.]])
    """
    counts = np.asarray(n_patches)
    return sum_tracks(np.asarray(patch_values, dtype=np.float64), counts) / counts[:, None]


def fit_platt(
    targets: np.ndarray, patch_logits: np.ndarray, n_patches: np.ndarray, classes: Sequence[str], **fields: Any
) -> KindCalibration:
    """Fit a factor, an offset and a threshold of every tag.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks, n_tags)]
        0 and 1.
    patch_logits : np.ndarray [shape=(sum of n_patches, n_tags)]
        Track after track.
    n_patches : np.ndarray [shape=(n_tracks,), int]
        Patches of each track.
    classes : sequence of str
        Tags.
    **fields
        model and fitted_on of the `KindCalibration`.

    Returns
    -------
    KindCalibration
        A tag that fewer than `MIN_EACH` tracks have, or have not, keeps its logits.

    Examples
    --------
    >>> draws = np.random.default_rng(0)
    >>> targets = draws.integers(0, 2, (200, 1))
    >>> logits = 4 * draws.normal(2.0 * targets - 1)  # four times too sure
    >>> fit_platt(targets, logits, np.ones(200, int), ("rock",)).scale[0] < 0.8
    True
    """
    truth, counts = np.asarray(targets, dtype=np.float64), np.asarray(n_patches)
    logits = np.asarray(patch_logits, dtype=np.float64)
    scale, bias, few = np.ones(len(classes)), np.zeros(len(classes)), []
    for k, name in enumerate(classes):
        n_with = int(truth[:, k].sum())
        if len(truth) < MIN_TRACKS or min(n_with, len(truth) - n_with) < MIN_EACH:
            few.append(name)
        else:
            scale[k], bias[k] = _fit_tag(truth[:, k], logits[:, k], counts)
    if few:
        fields["reason"] = f"too few tracks to calibrate {', '.join(few[:3])}{' and others' if len(few) > 3 else ''}"
    plain = make_identity(PLATT, classes)
    found = dataclasses.replace(
        plain, scale=tuple(scale), bias=tuple(bias), n_tracks=len(truth), **{"fitted_on": "", **fields}
    )
    after = answer_tags(logits, counts, found)
    return dataclasses.replace(
        found,
        thresholds=tuple(choose_thresholds(truth, after)),
        nll_before=score_log_loss(truth, answer_tags(logits, counts)),
        nll_after=score_log_loss(truth, after),
    )


def score_log_loss(targets: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean log loss of tags, in nats; probabilities nearer than 1e-12 to 0 or 1 count as that.

    Examples
    --------
    >>> round(score_log_loss(np.array([[1.0]]), np.array([[0.5]])), 3)
    0.693
    """
    values = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-12, 1 - 1e-12)
    truth = np.asarray(targets, dtype=np.float64)
    return float(-(truth * np.log(values) + (1 - truth) * np.log(1 - values)).mean())


def _fit_tag(truth: np.ndarray, logits: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    from scipy.optimize import minimize

    def cost(values: np.ndarray) -> float:
        rows = answer_tags(logits[:, None] * math.exp(values[0]) + values[1], counts)
        return score_log_loss(truth[:, None], rows) + float(values @ values) / (2 * SPREAD**2 * len(truth))

    found = minimize(cost, np.zeros(2), method="L-BFGS-B", bounds=[(-4.0, 4.0), (-10.0, 10.0)])
    values = found.x if cost(found.x) < cost(np.zeros(2)) else np.zeros(2)
    return math.exp(values[0]), float(values[1])


def fit_interval(targets: np.ndarray, estimates: np.ndarray, classes: Sequence[str], **fields: Any) -> KindCalibration:
    """Fit the interval of every dimension by the residuals of tracks that the model was not trained on.

    Parameters
    ----------
    targets, estimates : np.ndarray [shape=(n_tracks, n_dimensions)]
        What is true, and what the model says.
    classes : sequence of str
        Dimensions.
    **fields
        model and fitted_on of the `KindCalibration`.

    Returns
    -------
    KindCalibration
        Without half widths, with a reason, where tracks are too few for the level.

    Examples
    --------
    >>> residuals = np.arange(1.0, 20.0)[:, None]
    >>> fit_interval(residuals, np.zeros((19, 1)), ("valence",)).half_widths
    (18.0,)
    """
    truth, found = check_numbers(targets, estimates)
    n = len(truth)
    place = math.ceil((n + 1) * LEVEL)
    if place > n:
        reason = f"{n} tracks are too few for intervals of {LEVEL:.0%}"
        return make_identity(INTERVAL, classes, reason, n_tracks=n, **fields)
    half_widths = np.sort(np.abs(truth - found), axis=0)[place - 1]
    return dataclasses.replace(
        make_identity(INTERVAL, classes, n_tracks=n, **fields), half_widths=tuple(map(float, half_widths))
    )


def write_kind_calibration(path: Path, calibration: KindCalibration) -> None:
    """Write it as json.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "calibration.json")
    ...     write_kind_calibration(path, make_identity(PLATT, ("rock",)))
    ...     read_kind_calibration(path).classes
    ('rock',)
    """
    write_json(path, dataclasses.asdict(calibration))


def read_kind_calibration(path: Path, model: str = "") -> KindCalibration:
    """Read what `write_kind_calibration` wrote.

    Parameters
    ----------
    path : Path
        The json file.
    model : str
        Digest of the weights that it is for; empty accepts any.

    Raises
    ------
    StoreError
        When the file is missing or no json object.
    DataError
        When it is not such a calibration, or that of another model.

    Examples
    --------
    >>> read_kind_calibration(Path("missing.json"))
    Traceback (most recent call last):
    ...
    essentia_ldl.errors.StoreError: calibration: expected a file; got 'no file' (missing.json). Calibrate the run again.
    """
    if not Path(path).is_file():
        raise StoreError(explain("calibration", "a file", "no file", path, REMEDY))
    value: Mapping[str, Any] = read_object(path)
    names = {field.name for field in dataclasses.fields(KindCalibration)}
    if set(value) != names:
        raise DataError(explain("calibration", ", ".join(sorted(names)), sorted(value), path, REMEDY))
    try:
        found = KindCalibration(**value)
    except (TypeError, ValueError) as error:
        raise DataError(explain("calibration", "valid fields", error, path, REMEDY)) from None
    if model and found.model != model:
        raise DataError(explain("calibration", f"the one of the weights {model[:12]}", found.model[:12], path, REMEDY))
    return found


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(values / 2))
