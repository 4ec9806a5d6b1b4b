"""The choice of settings by cross-validation inside the tracks that train.

In: blocks of features, classes, and a division of the tracks into parts. Out: what every setting says of tracks that
its fit has not seen (`explore`), and the setting that this chooses (`pick`). Every fit standardises, smooths and solves
on its own training tracks alone.

The parts serve twice. A setting is chosen by fits that leave one part out. How good such a choice is shows on a part
that it has not seen: inside the others it is made again, by fits that leave two parts out (`choose` with `without`). A
fit without the parts i and j serves both of them, so that five parts need five fits and ten, and not thirty.

References
----------
S. Varma and R. Simon, "Bias in error estimation when using cross-validation for model selection", BMC Bioinformatics 7,
2006: why the score of the chosen setting on its own folds is too good, and the nested one is not. L. Breiman et al.,
"Classification and regression trees", 1984, section 3.4.3: the cheapest within a share of a standard error of the best.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.linear.kinds import mix_neighbors, score_kind, solve_kind
from essentia_ldl.linear.solution import ColumnSolution, Solution
from essentia_ldl.linear.solve import smooth_targets, solve, weigh_tracks
from essentia_ldl.linear.span import Block, Span, multiply, to_weights, whiten

STRENGTHS = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
SHARES = (0.0, 0.3)
TEMPERATURES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
WITHIN_ERRORS = 0.5  # standard errors that a cheaper setting may be behind


@dataclasses.dataclass(frozen=True)
class FeatureSet:
    """Features that are tried together.

    Parameters
    ----------
    blocks : tuple[str, ...]
        Keys of `Tracks.blocks`, added with equal weight.
    backbones : tuple[str, ...]
        The networks that must run for them.
    layers : str
        Which of their layers.
    cost : float
        Of a patch at prediction, as a multiple of the cheapest.
    rank : int
        Of features that cost the same and are near the best, those of the highest rank are taken.
    """

    blocks: tuple[str, ...]
    backbones: tuple[str, ...]
    layers: str
    cost: float
    rank: int = 0


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a fit needs beside the tracks: features, share of the neighbours in the targets, strength of the penalty."""

    features: FeatureSet
    share: float
    strength: float


@dataclasses.dataclass(frozen=True)
class SettingGrid:
    """What is tried: every combination."""

    features: tuple[FeatureSet, ...]
    shares: tuple[float, ...] = SHARES
    strengths: tuple[float, ...] = STRENGTHS

    @property
    def size(self) -> int:
        """Number of settings."""
        return len(self.features) * len(self.shares) * len(self.strengths)


@dataclasses.dataclass(frozen=True, eq=False)
class Tracks:
    """Labelled tracks with their features.

    Parameters
    ----------
    blocks : Mapping[str, Block]
        Rows are tracks.
    targets : np.ndarray [shape=(n_tracks,), int] or [shape=(n_tracks, n_classes), float64]
        Class indices; or tags as 0 and 1, or numbers.
    n_classes : int
        Number of classes, tags or dimensions.
    artists : np.ndarray [shape=(n_tracks,), int] or None
        A number per artist; None: every track is of another one.
    kind : str
        One of `choices.KINDS`.
    """

    blocks: Mapping[str, Block]
    targets: np.ndarray
    n_classes: int
    artists: np.ndarray | None = None
    kind: str = SINGLE_LABEL

    def select(self, rows: np.ndarray, names: Sequence[str]) -> Tracks:
        """Return some tracks with some of their blocks."""
        blocks = {name: Block(name, tuple(values[rows] for values in self.blocks[name].values)) for name in names}
        return Tracks(blocks, self.targets[rows], self.n_classes, kind=self.kind)

    @property
    def one_hot(self) -> np.ndarray:
        """The classes as rows, (n_tracks, n_classes) float64."""
        if self.kind != SINGLE_LABEL:
            return self.targets
        return np.eye(self.n_classes)[self.targets]


@dataclasses.dataclass(frozen=True, eq=False)
class Tried:
    """One setting with its scores over all folds and qualities, every class weighing the same.

    Parameters
    ----------
    setting : Setting
        What was tried.
    log_loss : float
        Mean negative log-likelihood in nats, at the best of `TEMPERATURES`: a calibration follows anyway, and smoothed
        targets must not lose for being less sure. It is what a choice goes by, because it sees how near each track is
        to the border, where an accuracy jumps.
    balanced_accuracy : float
        Mean recall; of tags the mean ROC-AUC, of numbers the mean R2, whose log loss is `linear.kinds.score_kind`'s.
    losses : np.ndarray [shape=(n,), float64]
        What each track adds to `log_loss`.
    """

    setting: Setting
    log_loss: float
    balanced_accuracy: float
    losses: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Explored:
    """What settings say of tracks that they were not fitted on.

    Parameters
    ----------
    left_out : tuple[int, ...]
        The parts whose tracks they are.
    rows : np.ndarray [shape=(n,), int]
        These tracks.
    logits : Mapping[Setting, np.ndarray [shape=(q, n, n_classes), float64]]
        Of their mean features, in every resampling quality.
    """

    left_out: tuple[int, ...]
    rows: np.ndarray
    logits: Mapping[Setting, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Picked:
    """What a cross-validation chose.

    Parameters
    ----------
    chosen : Tried
        The chosen setting with its scores on the folds that chose it, which are on the high side.
    best : Tried
        The one with the least log loss, whatever it costs.
    cheapest : Tried
        The best among those of the least cost.
    tried : tuple[Tried, ...]
        Everything.
    """

    chosen: Tried
    best: Tried
    cheapest: Tried
    tried: tuple[Tried, ...]

    @property
    def setting(self) -> Setting:
        """The chosen setting."""
        return self.chosen.setting


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """A setting, solved, with the distributions (n_train, n_classes) float64 that it was fitted on."""

    setting: Setting
    solution: Solution
    targets: np.ndarray


def make_span(tracks: Tracks, features: FeatureSet, train: np.ndarray, products: Mapping[str, np.ndarray]) -> Span:
    """Add the inner products of the blocks of a feature set, and take differences between qualities off."""
    total = sum(products[name] for name in features.blocks) / len(features.blocks)
    return whiten(total, train, len(tracks.blocks[features.blocks[0]].values))


def list_left_out(parts: np.ndarray) -> list[tuple[int, ...]]:
    """List what fits leave out: each part, and each pair where there are three parts or more."""
    numbers = sorted(set(np.asarray(parts).tolist()))
    pairs = list(itertools.combinations(numbers, 2)) if len(numbers) > 2 else []
    return [*((number,) for number in numbers), *pairs] if len(numbers) > 1 else []


def find_training(tracks: Tracks, parts: np.ndarray, left_out: Sequence[int]) -> np.ndarray:
    """Return the rows that train where some parts are left out: the others, without artists of these parts."""
    asked = np.isin(parts, left_out)
    if tracks.artists is not None:
        asked |= np.isin(tracks.artists, tracks.artists[asked])
    return np.flatnonzero(~asked)


def explore(tracks: Tracks, parts: np.ndarray, left_out: Sequence[int], grid: SettingGrid) -> Explored | None:
    """Fit every setting without some parts, and ask it of their tracks.

    Parameters
    ----------
    tracks : Tracks
        All tracks.
    parts : np.ndarray [shape=(n_tracks,), int]
        Part of each track.
    left_out : sequence of int
        The parts that are not trained on.
    grid : SettingGrid
        What is tried.

    Returns
    -------
    Explored or None
        None when a class has no track left to train on.
    """
    train, rows = find_training(tracks, parts, left_out), np.flatnonzero(np.isin(parts, left_out))
    if len(train) < 2 or (tracks.kind == SINGLE_LABEL and len(set(tracks.targets[train].tolist())) < tracks.n_classes):
        return None
    names = sorted({name for features in grid.features for name in features.blocks})
    part = tracks.select(np.concatenate([train, rows]), names)
    local = np.arange(len(train))
    products = {name: multiply(block, local) for name, block in part.blocks.items()}
    logits: dict[Setting, np.ndarray] = {}
    for features in grid.features:
        span = make_span(part, features, local, products)
        for share in grid.shares:
            found = _solve(part, span, share, grid.strengths)[1]
            for strength, (dual, bias) in zip(grid.strengths, found, strict=True):
                logits[Setting(features, share, strength)] = span.of_all[:, len(train) :] @ dual + bias
    return Explored(tuple(left_out), rows, logits)


def choose(
    tracks: Tracks,
    parts: np.ndarray,
    explored: Sequence[Explored],
    without: int | None = None,
    tolerance: float = WITHIN_ERRORS,
) -> Picked:
    """Choose a setting by what was explored.

    Parameters
    ----------
    tracks : Tracks
        All tracks.
    parts : np.ndarray [shape=(n_tracks,), int]
        Part of each track.
    explored : sequence of Explored
        Of every entry of `list_left_out`.
    without : int or None
        A part that must have no say, because the choice is tested on it; None: all have.
    tolerance : float
        Standard errors that a cheaper setting may be behind the best one.

    Returns
    -------
    Picked
    """
    own = set() if without is None else {without}
    used = [one for one in explored if own < set(one.left_out) and len(one.left_out) == len(own) + 1]
    answers, rows = {}, []
    for one in used:
        kept = np.flatnonzero(~np.isin(parts[one.rows], list(own)))
        rows.append(one.rows[kept])
        for setting, logits in one.logits.items():
            answers.setdefault(setting, []).append(logits[:, kept])
    targets = tracks.targets[np.concatenate(rows)]
    joined = {setting: np.concatenate(found, axis=1) for setting, found in answers.items()}
    if tracks.kind != SINGLE_LABEL:
        return pick([_score_kind(one, tracks.kind, targets, found) for one, found in joined.items()], tolerance)
    tried = tuple(score(setting, targets, found, tracks.n_classes) for setting, found in joined.items())
    return pick(tried, tolerance)


def _score_kind(setting: Setting, kind: str, targets: np.ndarray, answers: np.ndarray) -> Tried:
    losses, main = score_kind(kind, targets, answers, TEMPERATURES)
    return Tried(setting, float(losses.sum()), main, losses)


def _solve(
    tracks: Tracks, span: Span, share: float, strengths: Sequence[float]
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    one_hot = tracks.one_hot[span.train]
    if tracks.kind != SINGLE_LABEL:
        targets = mix_neighbors(span.own, one_hot, share)
        return targets, solve_kind(tracks.kind, span.own, targets, strengths)
    targets = smooth_targets(span.own, one_hot, share)
    return targets, solve(span.own, targets, weigh_tracks(one_hot), strengths)


def score(setting: Setting, targets: np.ndarray, logits: np.ndarray, n_classes: int) -> Tried:
    """Score what a setting said of tracks.

    Parameters
    ----------
    setting : Setting
        Which.
    targets : np.ndarray [shape=(n,), int]
        Class indices.
    logits : np.ndarray [shape=(q, n, n_classes), float]
        Of each quality.
    n_classes : int
        Number of classes.

    Returns
    -------
    Tried
        Classes without tracks do not count.
    """
    counts = np.bincount(targets, minlength=n_classes)
    weights = 1 / (counts[targets] * np.count_nonzero(counts))
    right = (logits.argmax(axis=2) == targets).mean(axis=0)
    losses = None
    for temperature in TEMPERATURES:
        values = logits / temperature
        values = values - values.max(axis=2, keepdims=True)
        values -= np.log(np.exp(values).sum(axis=2, keepdims=True))
        found = -weights * values[:, np.arange(len(targets)), targets].mean(axis=0)
        losses = found if losses is None or found.sum() < losses.sum() else losses
    return Tried(setting, float(losses.sum()), float(weights @ right), losses)


def pick(tried: Sequence[Tried], tolerance: float = WITHIN_ERRORS) -> Picked:
    """Pick a setting: the cheapest features that are near the best, of these the highest rank, and the least log loss.

    A setting is near when its log loss is at most `tolerance` standard errors above the best one, where the error is
    that of the difference between the two on the same tracks. Of equal losses the stronger penalty and the smaller
    share win.
    """

    def rank(one: Tried) -> tuple[float, float, float]:
        return one.log_loss, -one.setting.strength, one.setting.share

    best = min(tried, key=rank)
    near = [one for one in tried if _is_near(one, best, tolerance)]
    least = min(one.setting.features.cost for one in near)
    cheap = [one for one in near if one.setting.features.cost == least]
    highest = max(one.setting.features.rank for one in cheap)
    chosen = min((one for one in cheap if one.setting.features.rank == highest), key=rank)
    lowest = min(one.setting.features.cost for one in tried)
    cheapest = min((one for one in tried if one.setting.features.cost == lowest), key=rank)
    return Picked(chosen, best, cheapest, tuple(tried))


def _is_near(one: Tried, best: Tried, tolerance: float) -> bool:
    differences = one.losses - best.losses
    error = np.sqrt(np.sum((differences - differences.mean()) ** 2))
    return differences.sum() <= tolerance * error


def fit(tracks: Tracks, train: np.ndarray, setting: Setting) -> Fitted:
    """Solve a setting on training tracks, and return weights of features."""
    part = tracks.select(train, setting.features.blocks)
    local = np.arange(len(train))
    products = {name: multiply(block, local) for name, block in part.blocks.items()}
    span = make_span(part, setting.features, local, products)
    targets, ((dual, bias),) = _solve(part, span, setting.share, [setting.strength])
    weights = to_weights([part.blocks[name] for name in setting.features.blocks], span, dual)
    make = Solution if tracks.kind == SINGLE_LABEL else ColumnSolution
    return Fitted(setting, make(*weights, bias), targets)
