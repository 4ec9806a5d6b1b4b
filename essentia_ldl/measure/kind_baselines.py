"""The baseline of tags and numbers: a support vector machine per tag, a regression per dimension, on MFCC.

In: means and deviations of the MFCC of tracks, and the folds of a cross-validation. Out: ``predictions.npz`` of each
fold, as a network leaves it, and ``baseline.json`` with the setting that was chosen. Kernel, cost and scaling are
chosen by folds of whole artists inside the training tracks, from the grid of `machines.fit`; the machine is then fitted
on training and validation tracks. Decision values of tags are squashed, which keeps their order and calibrates nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from essentia_ldl.choices import MULTI_LABEL
from essentia_ldl.errors import EssentiaLdlError
from essentia_ldl.files import write_json
from essentia_ldl.labels.one_hot import make_rows
from essentia_ldl.linear.choose import FeatureSet, Tracks, choose
from essentia_ldl.linear.span import Block
from essentia_ldl.machines.explore import explore, fit
from essentia_ldl.machines.fit import MachineGrid, MachineSetting
from essentia_ldl.measure.baselines import write_answers
from essentia_ldl.records import Track
from essentia_ldl.runs.folder import Fold
from essentia_ldl.runs.predictions import FILE as PREDICTIONS
from essentia_ldl.scores.bootstrap import group_tracks
from essentia_ldl.train.choice import draw_parts

NAME = "mfcc-svm"
FEATURES = FeatureSet(("mfcc",), (), "", 0.0)
USUAL = MachineSetting(FEATURES, "rbf", 2.0)  # where inner folds cannot be made


def run_kind_baseline(
    read: Callable[[], Mapping[str, np.ndarray]],
    run: Path,
    folds: Sequence[Fold],
    tracks: Sequence[Track],
    classes: Sequence[str],
    say: Callable[[str], None],
) -> dict[str, str]:
    """Run the baseline on every fold that has not had it.

    Parameters
    ----------
    read : callable
        Reads the features, one vector per track id; asked only when a fold is to do.
    run : Path
        Folder of the cross-validation.
    folds : Sequence[Fold]
        Of all repetitions.
    tracks : Sequence[Track]
        The collection, of tags or numbers.
    classes : Sequence[str]
        Tags or dimensions.
    say : callable
        Gets a line while the work goes on.

    Returns
    -------
    dict[str, str]
        Why the baseline was left out, by its name; empty where it was not.
    """
    waiting = [fold for fold in folds if not (fold.cell(run, NAME) / PREDICTIONS).is_file()]
    if not waiting:
        return {}
    try:
        features = read()
        say(f"{NAME}: {len(waiting)} folds")
        for fold in waiting:
            run_fold(features, fold.cell(run, NAME), fold, tracks, classes)
    except EssentiaLdlError as error:
        return {NAME: str(error)}
    return {}


def run_fold(
    features: Mapping[str, np.ndarray], cell: Path, fold: Fold, tracks: Sequence[Track], classes: Sequence[str]
) -> None:
    """Fit the baseline on one fold and write its predictions, the last file; parameters as of `run_kind_baseline`."""
    by_id = {track.id: track for track in tracks}
    inside = [by_id[name] for name in fold.split.train]
    setting = choose_setting(_gather(features, inside, classes), draw_parts(inside, fold.seed))
    fitted = _gather(features, [*inside, *(by_id[name] for name in fold.split.valid)], classes)
    solution = fit(fitted, np.arange(len(fitted.targets)), setting).solution
    ids = [*fold.split.train, *fold.split.valid, *fold.split.test]
    asked = [by_id[name] for name in ids]
    answers = solution.score(np.stack([features[name] for name in ids]))
    if fitted.kind == MULTI_LABEL:
        answers = 0.5 * (1 + np.tanh(answers))
    write_json(cell / "baseline.json", {"name": NAME, "settings": setting.plain, "n_fitted": len(fitted.targets)})
    write_answers(cell, fold.split, asked, classes, answers, make_rows(asked, classes)[0])


def choose_setting(tracks: Tracks, parts: np.ndarray) -> MachineSetting:
    """Choose the setting by folds inside tracks; `USUAL` where there is one part only."""
    grid, numbers = MachineGrid((FEATURES,)), sorted(set(parts.tolist()))
    explored = [explore(tracks, parts, (number,), grid) for number in numbers] if len(numbers) > 1 else []
    return choose(tracks, parts, explored).best.setting if explored and None not in explored else USUAL


def _gather(features: Mapping[str, np.ndarray], tracks: Sequence[Track], classes: Sequence[str]) -> Tracks:
    rows, kind = make_rows(tracks, classes)
    block = Block("mfcc", (np.stack([features[track.id] for track in tracks]),))
    return Tracks({"mfcc": block}, np.asarray(rows, dtype=np.float64), len(classes), group_tracks(tracks), kind)
