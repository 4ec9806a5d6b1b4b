"""A finished run, read back: what the report shows, every number as the run wrote it.

In: a run folder of `train` or of `crossval`; out: `Results`. Nothing is scored here: scores come from ``scores.json``,
curves from ``history.json``, label distributions from ``labels.csv``, opinions on tracks from ``predictions.npz``. What
an older run lacks becomes a note, not an error.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import labels as label_sources
from essentia_ldl.errors import EssentiaLdlError, StoreError, UnknownNameError, explain
from essentia_ldl.files import home, read_json
from essentia_ldl.measure.folds import cell_folder
from essentia_ldl.recipe.recipe import NetworkSettings, Recipe, SplitSettings
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import LabelTable, Track

TRAIN, CROSSVAL = "train", "crossval"


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
    plan : Mapping[str, Any]
        ``plan.json``, in a cross-validation that of its first fold.
    tracks : tuple[Track, ...]
        Every track that trained, validated or tested, by id; a path is empty where the run does not tell it.
    contents : Mapping[str, str]
        sha256 of the file, by track id.
    training : frozenset[str]
        Ids of the tracks that the label source was fitted on; in a cross-validation those of its first fold.
    histories : Mapping[str, Sequence[Mapping[str, Any]]]
        ``history.json`` by label source, one a fold.
    tables : Mapping[str, Sequence[LabelTable]]
        Label distributions of the training tracks by label source, one a fold.
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
    """

    folder: Path
    kind: str
    recipe: Recipe
    scores: Mapping[str, Any]
    plan: Mapping[str, Any]
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


def find_finished(name: str | None) -> Path:
    """Find a finished run by its name or path.

    Parameters
    ----------
    name : str or None
        A folder, or a name in runs/; None is the run that ended last.

    Returns
    -------
    Path
        A folder with the scores of a training or a cross-validation.

    Raises
    ------
    UnknownNameError
        When there is none of that name.
    StoreError
        When the run of that name has not ended, is damaged, or is neither a training nor a cross-validation.
    """
    runs = home() / "runs"
    if name is None:
        found = _list_finished(runs)
        if not found:
            remedy = "Run train or crossval first."
            raise UnknownNameError(explain("run", "a finished run", "none", runs, remedy))
        return max(found, key=lambda path: (path.stat().st_mtime, path.parent.name)).parent
    for folder in (Path(name).expanduser(), runs / name):
        if folder.is_dir():
            if not _tell_kind(folder):
                ended = (folder / "scores.json").is_file()
                found = "one that is neither" if ended else "one without scores.json"
                remedy = "Name another folder." if ended else "Give its command again: it goes on where it was."
                raise StoreError(explain("run", "a finished run of train or crossval", found, folder, remedy))
            return folder.resolve()
    known = sorted((path.parent.name for path in _list_finished(runs)), reverse=True)
    rule = "the name of a finished run in runs/, or a folder"
    remedy = f"There are: {', '.join(known[:5])}." if known else "Run train or crossval first."
    raise UnknownNameError(explain("run", rule, name, runs, remedy))


def _list_finished(runs: Path) -> list[Path]:
    """Return the scores of all finished runs; a damaged one that nobody asked for stops nothing."""
    found = []
    for path in runs.glob("*/scores.json"):
        with contextlib.suppress(StoreError):
            found += [path] if _tell_kind(path.parent) else []
    return found


def read_results(folder: Path) -> Results:
    """Read a run folder.

    Parameters
    ----------
    folder : Path
        From `find_finished`.

    Returns
    -------
    Results

    Raises
    ------
    StoreError, DataError
        When a file that every run has is missing or damaged.
    """
    scores, kind = read_json(folder / "scores.json"), _tell_kind(folder)
    cells = _find_cells(folder, scores, kind)
    plans = [read_json(path / "plan.json") for paths in cells.values() for path in paths]
    if not plans:
        raise StoreError(explain("run", "a plan.json", "none", folder, "Give its command again."))
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
        training=frozenset(row["id"] for row in plans[0]["tracks"] if row["role"] == "train"),
        histories={name: [read_json(path / "history.json") for path in paths] for name, paths in cells.items()},
        tables={name: [_read_table(path) for path in paths] for name, paths in cells.items()},
        reports={name: [read_json(path / "labels.json") for path in paths] for name, paths in cells.items()},
        opinions=_read_opinions(folder, scores, kind, names),
        corrections=_read_optional(folder / "corrections.json"),
        failures=_read_failures(folder / "failures.csv"),
        notes=tuple(notes),
    )


def _tell_kind(folder: Path) -> str:
    """Return `TRAIN`, `CROSSVAL`, or nothing for a folder that is neither or has not ended."""
    if not (folder / "scores.json").is_file():
        return ""
    scores = read_json(folder / "scores.json")
    if not isinstance(scores, dict):
        return ""
    if "sources" in scores and "folds" in scores:
        return CROSSVAL
    return TRAIN if (folder / "plan.json").is_file() and "classes" in scores else ""


def locate_cell(folder: Path, name: str, fold: Mapping[str, Any]) -> Path:
    """Return the folder of a row and a fold of a cross-validation."""
    return cell_folder(folder, name, fold["seed"], fold["fold"])


def _find_cells(folder: Path, scores: Mapping[str, Any], kind: str) -> dict[str, list[Path]]:
    if kind == TRAIN:
        return {read_json(folder / "plan.json")["labels_source"]: [folder]}
    cells = {}
    for name in scores["sources"]:
        paths = [locate_cell(folder, name, fold) for fold in scores["folds"]]
        cells[name] = [path for path in paths if (path / "plan.json").is_file()]
    return cells


def _read_recipe(folder: Path, plan: Mapping[str, Any], notes: list[str]) -> Recipe:
    if (folder / "recipe.toml").is_file():
        try:
            return read_recipe(str(folder / "recipe.toml"))
        except EssentiaLdlError as error:
            notes.append(f"The recipe of this run cannot be read any more, so label settings are the defaults: {error}")
    else:
        notes.append("This run does not hold its recipe, so label settings are the defaults.")
    known = {field.name for field in dataclasses.fields(NetworkSettings)}
    network = {key: value for key, value in plan["network"].items() if key in known and value is not None}
    if plan.get("features"):  # the plan's network is the classifier on the features
        network = {"backbone": network["backbone"], "fine_tune": "none"}
    return Recipe(
        task=plan["task"],
        classes=tuple(plan["classes"]),
        labels=plan["labels_source"],
        split=SplitSettings(seed=plan["seed"]),
        network=NetworkSettings(**network),
    )


def _read_tracks(plans: Sequence[Mapping[str, Any]], notes: list[str]) -> tuple[tuple[Track, ...], dict[str, str]]:
    """Collect the tracks of all plans: a fold may leave some out."""
    tracks, contents = {}, {}
    for plan in plans:
        paths, artists = plan.get("paths", {}), plan.get("artists", {})
        for row in plan["tracks"]:
            name = row["id"]
            if name not in tracks:
                tracks[name] = Track(name, paths.get(name, ""), row["label"], artists.get(name))
                contents[name] = row["content"]
    if not any(track.path for track in tracks.values()):
        notes.append("This run was made before runs kept the paths of their files, so that nothing can be played.")
    return tuple(tracks[name] for name in sorted(tracks)), contents


def _read_table(folder: Path) -> LabelTable:
    """Read the label distributions of the training tracks of one plan."""
    table = label_sources.read_table(folder / "labels.csv")
    chosen = [row["id"] for row in read_json(folder / "plan.json")["tracks"] if row["role"] == "train"]
    return LabelTable(tuple(chosen), table.classes, table.rows(chosen))


def _read_opinions(
    folder: Path, scores: Mapping[str, Any], kind: str, names: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    opinions = {}
    for name in names:
        paths = [folder] if kind == TRAIN else [locate_cell(folder, name, fold) for fold in scores["folds"]]
        wanted = ("valid", "test") if kind == TRAIN else ("test",)
        found: dict[str, list[np.ndarray]] = {}
        for path in paths:
            if not (path / "predictions.npz").is_file():
                continue
            with np.load(path / "predictions.npz", allow_pickle=False) as arrays:
                rows = zip(arrays["ids"], arrays["roles"], arrays["probabilities"], strict=True)
                for track_id, role, probabilities in rows:
                    if role in wanted:
                        found.setdefault(str(track_id), []).append(probabilities.astype(np.float64))
        opinions[name] = {track_id: np.mean(rows, axis=0) for track_id, rows in found.items()}
    return opinions


def _read_optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _read_failures(path: Path) -> tuple[dict[str, str], ...]:
    if not path.is_file():
        return ()
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return tuple(csv.DictReader(file))
