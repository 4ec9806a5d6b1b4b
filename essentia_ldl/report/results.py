"""A finished run, read back: what the report shows, every number as the run wrote it.

In: a run folder of `train` or of `crossval`; out: `Results`. Nothing is scored here: scores come from ``scores.json``,
curves from ``history.json``, label distributions from ``labels.csv``, opinions on tracks from ``predictions.npz``. What
an older run lacks becomes a note, not an error.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.errors import EssentiaLdlError, StoreError, explain
from essentia_ldl.files import Home, read_object
from essentia_ldl.recipe.recipe import NetworkSettings, Recipe, SplitSettings
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import LabelTable, Track
from essentia_ldl.runs.calibrate import list_nested
from essentia_ldl.runs.folder import cell_folder
from essentia_ldl.runs.names import CORRECTIONS, FAILURES, PLAN, RECIPE, SCORES
from essentia_ldl.runs.outcome import CROSSVAL, TRAIN, read_history, read_scores, tell_outcome
from essentia_ldl.runs.plan import Plan, read_plan
from essentia_ldl.runs.predictions import FILE as PREDICTIONS
from essentia_ldl.runs.predictions import read_predictions
from essentia_ldl.runs.targets import name_table, read_report, read_table
from essentia_ldl.tables import read_csv

__all__ = ["CROSSVAL", "TRAIN", "Results", "locate_cell", "read_results"]


@dataclasses.dataclass(frozen=True)
class Results:
    """What a run found.

    Parameters
    ----------
    folder : Path
        The run.
    kind : str
        `TRAIN` or `CROSSVAL`.
    recipe : Recipe
        What was trained, and how.
    scores : Mapping[str, Any]
        ``scores.json``.
    plan : Plan
        That of the run, in a cross-validation that of its first fold.
    tracks : tuple[Track, ...]
        Every track that trained, validated or tested, by id; a path is empty where the run does not tell it.
    contents : Mapping[str, str]
        sha256 of the file, by track id.
    training : frozenset[str]
        Ids of the tracks that the label source was fitted on; in a cross-validation those of its first fold.
    histories : Mapping[str, Sequence[Mapping[str, Any]]]
        ``history.json`` by label source, one per fold.
    tables : Mapping[str, Sequence[LabelTable]]
        Label distributions of the training tracks by label source, one per fold.
    reports : Mapping[str, Sequence[Mapping[str, Any]]]
        ``labels.json`` in the same order.
    opinions : Mapping[str, Mapping[str, np.ndarray]]
        Probabilities (n_classes,) of tracks that a model was not trained on, by row of the scores and track id; the
        mean over repetitions.
    corrections : Mapping[str, Any]
        ``corrections.json``: what a person changed before this run; empty when nothing.
    failures : tuple[Mapping[str, str], ...]
        ``failures.csv``.
    notes : tuple[str, ...]
        What is missing, in sentences.
    home : Home
        Whose store holds the features.
    """

    folder: Path
    kind: str
    recipe: Recipe
    scores: Mapping[str, Any]
    plan: Plan
    tracks: tuple[Track, ...]
    contents: Mapping[str, str]
    training: frozenset[str]
    histories: Mapping[str, Sequence[Mapping[str, Any]]]
    tables: Mapping[str, Sequence[LabelTable]]
    reports: Mapping[str, Sequence[Mapping[str, Any]]]
    opinions: Mapping[str, Mapping[str, np.ndarray]]
    corrections: Mapping[str, Any]
    failures: tuple[Mapping[str, str], ...]
    notes: tuple[str, ...]
    home: Home

    @property
    def rows(self) -> dict[str, Any]:
        """The rows of a cross-validation's table: label sources, then baselines."""
        return {**self.scores.get("sources", {}), **self.scores.get("baselines", {})}

    @property
    def best(self) -> str:
        """The row with the highest mean balanced accuracy, the first of equals."""
        return max(self.rows, key=lambda name: self.rows[name]["balanced_accuracy_mean"])

    @property
    def sources(self) -> tuple[str, ...]:
        """The label sources of the run."""
        return tuple(self.histories)


def read_results(folder: Path, home: Home) -> Results:
    """Read a run folder.

    Parameters
    ----------
    folder : Path
        From `runs.folder.find_finished`.
    home : Home
        Whose store holds the features.

    Returns
    -------
    Results

    Raises
    ------
    StoreError, DataError, TrainingError
        When a file that every run has is missing or damaged, or the folder is no run of `train` or `crossval`.
    UnknownNameError
        When a plan names a network or a front-end that does not exist.
    """
    scores = read_scores(folder, shown=True)
    kind = tell_outcome(scores)
    if not kind:
        rule, remedy = "scores of train or crossval", "Name another folder."
        raise StoreError(explain("run", rule, "others", folder / SCORES, remedy))
    cells = _read_plans(folder, scores, kind)
    plans = [plan for found in cells.values() for plan in found]
    if not plans:
        raise StoreError(explain("run", f"a {PLAN}", "none", folder, "Give its command again."))
    notes: list[str] = []
    recipe = _read_recipe(folder, plans[0], notes)
    tracks, contents = _read_tracks(plans, notes)
    names = dict.fromkeys([*cells, *scores.get("baselines", {})])
    return Results(
        folder=folder,
        kind=kind,
        recipe=recipe,
        scores=scores,
        plan=plans[0],
        tracks=tracks,
        contents=contents,
        training=frozenset(track.id for track in plans[0].tracks if track.role == "train"),
        histories={name: [read_history(plan.folder, curves=True) for plan in own] for name, own in cells.items()},
        tables={name: [_read_table(plan) for plan in own] for name, own in cells.items()},
        reports={name: [read_report(plan.folder) for plan in own] for name, own in cells.items()},
        opinions=_read_opinions(folder, scores, kind, names),
        corrections=_read_optional(folder / CORRECTIONS),
        failures=_read_failures(folder / FAILURES),
        notes=tuple(notes),
        home=home,
    )


def locate_cell(folder: Path, name: str, fold: Mapping[str, Any]) -> Path:
    """Return the folder of a row and a fold of a cross-validation."""
    return cell_folder(folder, name, fold["seed"], fold["fold"])


def _read_plans(folder: Path, scores: Mapping[str, Any], kind: str) -> dict[str, list[Plan]]:
    """Read the plan of every network once: by label source, one per fold that has any."""
    if kind == TRAIN:
        plan = read_plan(folder)
        return {plan.labels_source: [plan]}
    cells = {}
    for name in scores["sources"]:
        paths = [locate_cell(folder, name, fold) for fold in scores["folds"]]
        cells[name] = [read_plan(path) for path in paths if (path / PLAN).is_file()]
    return cells


def _read_recipe(folder: Path, plan: Plan, notes: list[str]) -> Recipe:
    if (folder / RECIPE).is_file():
        try:
            return read_recipe(str(folder / RECIPE))
        except EssentiaLdlError as error:
            notes.append(f"The recipe of this run cannot be read any more, so label settings are the defaults: {error}")
    else:
        notes.append("This run does not hold its recipe, so label settings are the defaults.")
    known = {field.name for field in dataclasses.fields(NetworkSettings)}
    told = dataclasses.asdict(plan.network)
    network = {key: value for key, value in told.items() if key in known and value is not None}
    if plan.features:  # the plan's network is the classifier on the features
        network = {"backbone": network["backbone"], "fine_tune": "none"}
    return Recipe(
        task=plan.task,
        classes=plan.classes,
        labels=plan.labels_source,
        split=SplitSettings(seed=plan.seed),
        network=NetworkSettings(**network),
    )


def _read_tracks(plans: Sequence[Plan], notes: list[str]) -> tuple[tuple[Track, ...], dict[str, str]]:
    """Collect the tracks of all plans: a fold may leave some out."""
    tracks, contents = {}, {}
    for plan in plans:
        paths, artists = plan.places.paths, plan.places.artists
        for track in plan.tracks:
            if track.id not in tracks:
                tracks[track.id] = Track(track.id, paths.get(track.id, ""), track.label, artists.get(track.id))
                contents[track.id] = track.content
    if not any(track.path for track in tracks.values()):
        notes.append("This run was made before runs kept the paths of their files, so that nothing can be played.")
    return tuple(tracks[name] for name in sorted(tracks)), contents


def _read_table(plan: Plan) -> LabelTable:
    """Read the label distributions of the training tracks of one plan."""
    table = read_table(plan.folder / name_table())
    chosen = [track.id for track in plan.tracks if track.role == "train"]
    return LabelTable(tuple(chosen), table.classes, table.rows(chosen))


def _read_opinions(
    folder: Path, scores: Mapping[str, Any], kind: str, names: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    opinions = {}
    for name in names:
        paths = (
            [folder, *list_nested(folder)]
            if kind == TRAIN
            else [locate_cell(folder, name, fold) for fold in scores["folds"]]
        )
        wanted = ("valid", "test") if kind == TRAIN else ("test",)
        found: dict[str, list[np.ndarray]] = {}
        for path in paths:
            if not (path / PREDICTIONS).is_file():
                continue
            predictions = read_predictions(path)
            if predictions.probabilities is None:
                continue
            rows = zip(predictions.ids, predictions.roles, predictions.probabilities, strict=True)
            for track_id, role, probabilities in rows:
                if role in wanted:
                    found.setdefault(str(track_id), []).append(probabilities.astype(np.float64))
        opinions[name] = {track_id: np.mean(rows, axis=0) for track_id, rows in found.items()}
    return opinions


def _read_optional(path: Path) -> dict[str, Any]:
    return read_object(path) if path.is_file() else {}


def _read_failures(path: Path) -> tuple[dict[str, str], ...]:
    """Read the files that were left out, and why; a row that was cut off has empty cells."""
    if not path.is_file():
        return ()
    names, remedy = ["path", "step", "reason"], "Delete it, or give the command of the run again."
    rows = read_csv(path, "failures", remedy)
    if rows[:1] != [names]:
        raise StoreError(explain("failures", f"the header {','.join(names)}", rows[:1], path, remedy))
    return tuple(dict(itertools.zip_longest(names, row[: len(names)], fillvalue="")) for row in rows[1:])
