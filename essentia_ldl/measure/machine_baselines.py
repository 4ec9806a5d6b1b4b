"""Baselines that are support vector machines of the grid of `machines.fit`: on MFCC, on layers of networks, on both.

In: features of tracks, and the folds of a cross-validation. Out: ``predictions.npz`` of each fold, as a network leaves
it, and ``baseline.json`` with the setting that was chosen. Kernel, cost, gamma and scaling are chosen by folds of whole
artists inside the training tracks; the machine is then fitted on training and validation tracks. Where tracks have
one class, its decision values become probabilities by a softmax; those of tags are squashed. Either keeps their order
and calibrates nothing.

Features of a track are one vector, its layers averaged over all patches, beside which its MFCC can stand. A graph reads
a patch and not a track, so that what is measured here with MFCC cannot be exported.

References
----------
K. Choi, G. Fazekas, M. Sandler and K. Cho, "Transfer learning for music classification and regression tasks" (ISMIR
2017), section 4: MFCC, layers, and both side by side in one machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from essentia_ldl.choices import LAYERS_MFCC_SVM, LAYERS_SVM, MFCC_SVM, MULTI_LABEL, REGRESSION, SINGLE_LABEL
from essentia_ldl.files import write_json
from essentia_ldl.labels.one_hot import make_rows
from essentia_ldl.linear.choose import FeatureSet, Tracks, choose
from essentia_ldl.linear.span import Block
from essentia_ldl.machines.explore import explore, fit
from essentia_ldl.machines.fit import MachineGrid, MachineSetting
from essentia_ldl.measure.baselines import write_answers
from essentia_ldl.records import Track
from essentia_ldl.runs.folder import Fold
from essentia_ldl.scores.bootstrap import group_tracks
from essentia_ldl.train.choice import draw_parts

NAMES = (MFCC_SVM, LAYERS_SVM, LAYERS_MFCC_SVM)
FEATURES = FeatureSet(("features",), (), "", 0.0)
USUAL = MachineSetting(FEATURES, "rbf", 2.0)  # where inner folds cannot be made


def run_machine(
    name: str,
    features: Mapping[str, np.ndarray],
    cell: Path,
    fold: Fold,
    tracks: Sequence[Track],
    classes: Sequence[str],
) -> None:
    """Fit a baseline on one fold and write its predictions, the last file.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    features : Mapping[str, np.ndarray]
        One vector per track id, all of one length.
    cell : Path
        Folder of the baseline on this fold; made when missing.
    fold, tracks, classes
        As those of `baselines.run_baseline`; tracks may have tags or numbers.
    """
    by_id = {track.id: track for track in tracks}
    inside = [by_id[track_id] for track_id in fold.split.train]
    setting = choose_setting(_gather(features, inside, classes), draw_parts(inside, fold.seed))
    fitted = _gather(features, [*inside, *(by_id[track_id] for track_id in fold.split.valid)], classes)
    solution = fit(fitted, np.arange(len(fitted.targets)), setting).solution
    ids = [*fold.split.train, *fold.split.valid, *fold.split.test]
    asked = [by_id[track_id] for track_id in ids]
    answers = squash(solution.score(np.stack([features[track_id] for track_id in ids])), fitted.kind)
    truth = None if fitted.kind == SINGLE_LABEL else make_rows(asked, classes)[0]
    write_json(cell / "baseline.json", {"name": name, "settings": setting.plain, "n_fitted": len(fitted.targets)})
    write_answers(cell, fold.split, asked, classes, answers, truth)


def squash(answers: np.ndarray, kind: str) -> np.ndarray:
    """Return decision values (n_tracks, n_classes) as probabilities of a kind of task; numbers stay as they are.

    Examples
    --------
    >>> squash(np.array([[0.0, 0.0]]), "single_label").tolist(), squash(np.array([[3.0]]), "regression").tolist()
    ([[0.5, 0.5]], [[3.0]])
    """
    from scipy.special import softmax

    if kind == REGRESSION:
        return answers
    return 0.5 * (1 + np.tanh(answers)) if kind == MULTI_LABEL else softmax(answers, axis=1)


def choose_setting(tracks: Tracks, parts: np.ndarray) -> MachineSetting:
    """Choose the setting by folds inside tracks; `USUAL` where there is one part only."""
    grid, numbers = MachineGrid((FEATURES,)), sorted(set(parts.tolist()))
    explored = [explore(tracks, parts, (number,), grid) for number in numbers] if len(numbers) > 1 else []
    return choose(tracks, parts, explored).best.setting if explored and None not in explored else USUAL


def _gather(features: Mapping[str, np.ndarray], tracks: Sequence[Track], classes: Sequence[str]) -> Tracks:
    rows, kind = make_rows(tracks, classes)
    block = Block("features", (np.stack([features[track.id] for track in tracks]),))
    targets = rows.argmax(axis=1) if kind == SINGLE_LABEL else np.asarray(rows, dtype=np.float64)
    return Tracks({"features": block}, targets, len(classes), group_tracks(tracks), kind)
