"""Which settings of the solved classifier are tried, and what a cross-validation inside the training tracks chooses.

In: a recipe and the tracks that train, with their features. Out: a `Chosen`: the classifier, fitted on all of them with
the settings that were chosen; what it and its like said of tracks that they had not seen; and all of it as a report.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.choices import JOINT, JOINT_ONE_HOT, KERNELS, MULTI_LABEL, SINGLE_LABEL, SVM
from essentia_ldl.collection import columns, splits
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import DataError
from essentia_ldl.features.joint import QUALITIES
from essentia_ldl.linear import choose as linear
from essentia_ldl.linear.choose import (
    WITHIN_ERRORS,
    Explored,
    FeatureSet,
    Fitted,
    Picked,
    Setting,
    SettingGrid,
    Tracks,
    Tried,
    choose,
    find_training,
    list_left_out,
)
from essentia_ldl.linear.kinds import STRENGTHS as KIND_STRENGTHS
from essentia_ldl.machines import explore as machines
from essentia_ldl.machines.fit import MachineGrid, MachineSetting, check_targets
from essentia_ldl.progress import hides_bars
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Track
from essentia_ldl.taps import DEEP, EMBEDDING, NETWORKS
from essentia_ldl.train.solved import PatchAnswers, answer_patches, gather_tracks, make_feature_set

Grid = SettingGrid | MachineGrid
N_PARTS = 5
SCORES_OF = {SINGLE_LABEL: ("log_loss", "balanced_accuracy"), MULTI_LABEL: ("log_loss", "roc_auc")}
HALF = 0.5
SHARES = {"same": (0.0, 0.3), "other": (HALF,)}
SHARES_BY_COLUMN = (0.0, 0.15, 0.3, HALF)  # where folds show what smoothing is worth on other music
DEFAULT_STRENGTH = 0.01  # where tracks are too few for a choice
BASE = "msd-musicnn"
EVERY = "12345"
MANY_TRACKS = 1000
# From the cheapest to the dearest; each with both choices of layers.
COMBINATIONS = ((BASE,), tuple(NETWORKS))


@dataclasses.dataclass(frozen=True, eq=False)
class Chosen:
    """A classifier whose settings were chosen.

    Parameters
    ----------
    fitted : Fitted
        On all training tracks.
    choice : Picked or None
        What it was chosen among; None where tracks are too few for folds.
    parts : np.ndarray [shape=(n_tracks,), int]
        Part of each training track; all 0 where there are no folds.
    own : PatchAnswers or None
        What fits with the chosen setting, each without one part, say of the patches of that part, in the order of the
        tracks.
    nested : PatchAnswers or None
        The same, except for each part with the setting that the others chose.
    nested_settings : tuple[Setting, ...]
        These settings, by part.
    changed : float or None
        Share of the tracks whose most probable class, nested, is another one at the other resampling quality.
    reason : str
        Why there was no choice; empty where there was one.
    """

    fitted: Fitted
    choice: Picked | None
    parts: np.ndarray
    own: PatchAnswers | None = None
    nested: PatchAnswers | None = None
    nested_settings: tuple[Setting, ...] = ()
    changed: float | None = None
    reason: str = ""


def list_feature_sets(recipe: Recipe) -> tuple[FeatureSet, ...]:
    """List the features that a recipe lets a choice try, the cheapest first."""
    network = recipe.network
    if network.backbones:
        return (make_feature_set(network.backbones, network.layers),)
    if recipe.labels in (JOINT, JOINT_ONE_HOT):
        return (make_feature_set(tuple(NETWORKS), DEEP),)
    combinations = COMBINATIONS[:1] if recipe.choice.speed == "fast" else COMBINATIONS
    if recipe.choice.networks:
        combinations = tuple((name,) for name in recipe.choice.networks)
        if len(combinations) > 1:
            combinations = (*combinations, recipe.choice.networks)
    usual = (EVERY,) if recipe.labels == SVM else (EMBEDDING, DEEP)
    layers = (recipe.choice.layers,) if recipe.choice.layers else usual
    return tuple(
        make_feature_set(names, one)
        for names in combinations
        for one in (layers if any(name in NETWORKS for name in names) else layers[:1])  # extractors have one layer
    )


def make_grid(recipe: Recipe) -> Grid:
    """Return everything that a recipe lets a choice try."""
    if recipe.labels == SVM:
        return MachineGrid(list_feature_sets(recipe), recipe.choice.kernels or KERNELS)
    shares = SHARES_BY_COLUMN if recipe.choice.leave_out else SHARES[recipe.choice.music]
    if recipe.choice.smoothing != "auto":
        shares = (float(recipe.choice.smoothing),)
    elif recipe.labels == JOINT:
        shares = (HALF,)
    elif recipe.labels == JOINT_ONE_HOT:
        shares = (0.0,)
    if recipe.kind != SINGLE_LABEL:
        return SettingGrid(list_feature_sets(recipe), shares, KIND_STRENGTHS)
    return SettingGrid(list_feature_sets(recipe), shares)


def draw_parts(tracks: Sequence[Track], seed: int, leave_out: str = "") -> np.ndarray:
    """Divide tracks into parts for a choice: whole artists, every class in each.

    Parameters
    ----------
    tracks : sequence of Track
        Those that train.
    seed : int
        Another seed is another division.
    leave_out : str
        A column of the collection, whose values are the parts instead; empty for none.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), int]
        0 to 4; fewer parts where a class has fewer artists, and all 0 where it has one.

    Raises
    ------
    DataError
        When the column is missing, is not filled for every track or has one value only.
    """
    if leave_out:
        values = columns.list_values(tracks, leave_out)
        return np.array([values.index(track.columns[leave_out]) for track in tracks], dtype=np.int64)
    for n_parts in range(N_PARTS, 1, -1):
        try:
            folds = splits.fold_tracks(tracks, n_parts, 0.0, seed)
        except DataError:
            continue
        part_of = {track_id: number for number, fold in enumerate(folds) for track_id in fold.test}
        return np.array([part_of[track.id] for track in tracks], dtype=np.int64)
    return np.zeros(len(tracks), dtype=np.int64)


def make_choice(recipe: Recipe, collection: Collection, nest: bool = True) -> Chosen:
    """Choose settings by folds inside the tracks of a collection, and fit all of them with these.

    Parameters
    ----------
    recipe : Recipe
        What may be chosen.
    collection : Collection
        The training tracks alone, with joint features.
    nest : bool
        Whether the choice is made again inside each part, for a score of tracks that no choice has seen.

    Returns
    -------
    Chosen
    """
    grid = make_grid(recipe)
    tracks = gather_tracks(collection, grid.features, recipe.classes)
    parts = draw_parts(collection.tracks, recipe.split.seed, recipe.choice.leave_out)
    if recipe.labels == SVM and (nest or tracks.kind != MULTI_LABEL):  # a fold may lack a rare tag
        check_targets(tracks.one_hot, tracks.kind, recipe.classes)
    tolerance = 0.0 if recipe.choice.speed == "best" else WITHIN_ERRORS
    explored = explore_all(tracks, parts, grid, nest)
    singles = {one.left_out[0]: one for one in explored if len(one.left_out) == 1}
    whole, unchosen = np.arange(len(parts)), _take_usual(grid)
    if not singles or len(singles) < len(set(parts.tolist())):
        reason = _explain(collection.tracks, parts, singles, recipe.choice.leave_out)
        return Chosen(_fit(tracks, whole, unchosen), None, parts, reason=reason)
    choice = choose(tracks, parts, explored, tolerance=tolerance)
    fitted = _fit(tracks, whole, choice.setting)
    fits = {(part, choice.setting): _fit_without(tracks, parts, part, choice.setting) for part in singles}
    if not nest:
        (own,) = _answer(collection, parts, [lambda part: fits[part, choice.setting]])
        return Chosen(fitted, choice, parts, own)
    settings = {}
    for part in singles:
        # of two parts no fit leaves out both, and a choice that has seen the part must not be scored on it
        has_pairs = any(part in one.left_out and len(one.left_out) == 2 for one in explored)
        settings[part] = choose(tracks, parts, explored, part, tolerance).setting if has_pairs else unchosen
        if (part, settings[part]) not in fits:
            fits[part, settings[part]] = _fit_without(tracks, parts, part, settings[part])
    asked = [lambda part: fits[part, choice.setting], lambda part: fits[part, settings[part]]]
    own, told = _answer(collection, parts, asked)
    (other,) = _answer(collection, parts, asked[1:], QUALITIES[1])
    changed = None
    if tracks.kind == SINGLE_LABEL:
        changed = float(np.mean(told.average().argmax(axis=1) != other.average().argmax(axis=1)))
    return Chosen(fitted, choice, parts, own, told, tuple(settings[part] for part in sorted(settings)), changed)


def _fit_without(tracks: Tracks, parts: np.ndarray, part: int, setting: Setting) -> Fitted:
    return _fit(tracks, find_training(tracks, parts, [part]), setting)


def _fit(tracks: Tracks, train: np.ndarray, setting: Setting | MachineSetting) -> Fitted:
    solver = machines if isinstance(setting, MachineSetting) else linear
    return solver.fit(tracks, train, setting)


def _take_usual(grid: Grid) -> Setting | MachineSetting:
    """Return what is taken where tracks are too few for a choice: a linear kernel at the second cost of its grid."""
    if isinstance(grid, MachineGrid):
        return MachineSetting(grid.features[-1], grid.kernels[0], grid.costs[1])
    return Setting(grid.features[-1], grid.shares[0], DEFAULT_STRENGTH)


def _explain(tracks: Sequence[Track], parts: np.ndarray, singles: Mapping[int, Explored], column: str) -> str:
    """Say why there are no folds, or one of them has no fit."""
    if not column:
        return "a class has too few artists for folds"
    missing = next(track for track, part in zip(tracks, parts.tolist(), strict=True) if part not in singles)
    return f"without {column} {missing.columns[column]} a class has no track left to train on"


def explore_all(tracks: Tracks, parts: np.ndarray, grid: Grid, nest: bool = True) -> list[Explored]:
    """Explore every entry of `list_left_out`, pairs only to nest, with a bar; what lacks a class is left out."""
    from threadpoolctl import threadpool_limits
    from tqdm import tqdm

    found, solver = [], machines if isinstance(grid, MachineGrid) else linear
    with threadpool_limits(1 if len(parts) < MANY_TRACKS else None):  # threads cost more than they give on few tracks
        todo = [left_out for left_out in list_left_out(parts) if nest or len(left_out) == 1]
        for left_out in tqdm(todo, desc="settings", unit="fit", disable=hides_bars()):
            one = solver.explore(tracks, parts, left_out, grid)
            if one is not None:
                found.append(one)
    return found


def _answer(
    collection: Collection, parts: np.ndarray, finders: Sequence[Callable[[int], Fitted]], quality: int = QUALITIES[0]
) -> list[PatchAnswers]:
    """Ask of every track, of each way to find a fit by part, the one that has not seen the track's part."""
    pieces: list[dict[int, np.ndarray]] = [{} for _ in finders]
    for part in sorted(set(parts.tolist())):
        rows = np.flatnonzero(parts == part)
        asked = answer_patches(collection, [find(part) for find in finders], rows.tolist(), quality)
        for found, own in zip(asked, pieces, strict=True):
            own |= dict(zip(rows.tolist(), found.split(), strict=True))
    ordered = [[own[row] for row in range(len(parts))] for own in pieces]
    return [PatchAnswers.join(one) for one in ordered]


def describe_setting(setting: Setting | MachineSetting) -> str:
    """Say a setting in words, such as "msd-musicnn and msd-vgg, deep layers, targets 30 % smoothed, strength 0.1"."""
    names = setting.features.backbones
    networks = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    layers = {EMBEDDING: "embeddings", DEEP: "deep layers"}.get(
        setting.features.layers, f"layers {setting.features.layers}"
    )
    if isinstance(setting, MachineSetting):
        return f"{networks}, {layers}, {setting.describe()}"
    share = f"targets {setting.share:.0%} smoothed" if setting.share else "targets not smoothed"
    return f"{networks}, {layers}, {share}, strength {setting.strength:g}"


def report_choice(chosen: Chosen, grid: Grid, kind: str = SINGLE_LABEL) -> dict[str, Any]:
    """Return what a choice was made among and how, ready for json; the scores are those of the kind of the targets."""
    report: dict[str, Any] = {
        "n_settings": grid.size,
        "chosen": _plain(chosen.fitted.setting),
        "changed": chosen.changed,
    }
    if chosen.choice is None:
        return {**report, "reason": chosen.reason}
    return {
        **report,
        "n_folds": len(set(chosen.parts.tolist())),
        **{name: _tell(getattr(chosen.choice, name), kind) for name in ("chosen", "best", "cheapest")},
        "by_fold": [_plain(setting) for setting in chosen.nested_settings],
        "tried": [_tell(one, kind) for one in chosen.choice.tried],
    }


def _plain(setting: Setting | MachineSetting) -> dict[str, Any]:
    return {
        "backbones": list(setting.features.backbones),
        "layers": setting.features.layers,
        "smoothing": setting.share,
        "strength": setting.strength,
        **(setting.plain if isinstance(setting, MachineSetting) else {}),
    }


def _tell(tried: Tried, kind: str) -> Mapping[str, Any]:
    names = SCORES_OF.get(kind, ("squared_error", "r2"))
    scores = dict(zip(names, (round(tried.log_loss, 4), round(tried.balanced_accuracy, 4)), strict=True))
    return {**_plain(tried.setting), **scores, "cost": tried.setting.features.cost}
