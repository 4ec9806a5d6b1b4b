"""Baselines on the folds of a cross-validation: a network that does not beat them is a finding to explain.

In: features of the store and a split; out: ``predictions.npz`` as a network leaves it, and ``baseline.json`` with the
settings chosen. Four of them: "logreg", logistic regression on the mean embedding of the pretrained network over a
track's patches; "joint-logreg", the same on the features of the several networks that a solved classifier may read,
which checks that one by another's code; "descriptors-svm", a support vector machine on the descriptors of
MusicExtractor, which is what Essentia's users trained before there were networks; and "mfcc-svm", one on means and
deviations of the MFCC.

Settings are chosen by balanced accuracy on inner folds of the training tracks, grouped by artist; the model is then
fitted on training and validation tracks. Features are scaled on the tracks that are fitted on, inner folds included:
standardised, and for descriptors-svm put between 0 and 1 as Gaia does, constant ones dropped, because its grid of
gamma was made for that. Classes weigh the same; test tracks are only predicted. The probabilities of a support vector
machine are its decision values squashed, good for the most probable class and not calibrated.

References
----------
Kernels and grid of descriptors-svm: template ``classification_project_template_2.1-beta5.yaml`` of Gaia
(https://github.com/MTG/gaia), preprocessing "normalized" and balanced classes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import frontends
from essentia_ldl.collection import splits
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import DataError, EssentiaLdlError, StoreError, explain
from essentia_ldl.features.store import Store
from essentia_ldl.files import write_json
from essentia_ldl.labels import summarize_frames
from essentia_ldl.progress import hides_bars
from essentia_ldl.records import Split, Track
from essentia_ldl.runs.folder import Fold
from essentia_ldl.runs.predictions import FILE as PREDICTIONS
from essentia_ldl.runs.predictions import Predictions, write_predictions
from essentia_ldl.scores import metrics
from essentia_ldl.zones import StepFailed

N_INNER_FOLDS = 3
LINEAR = ("logreg", "joint-logreg")
GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "logreg": {"C": (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)},
    "joint-logreg": {"C": (1e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 1e-2, 1e-1)},
    "descriptors-svm": {
        "kernel": ("poly", "rbf"),
        "C": tuple(2.0**power for power in range(-5, 12, 2)),
        "gamma": tuple(2.0**power for power in range(-11, 4, 2)),
    },
    "mfcc-svm": {"C": (0.1, 1.0, 10.0, 100.0), "gamma": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)},
}

# Taken where inner folds cannot be made.
USUAL: dict[str, dict[str, Any]] = {
    "logreg": {"C": 0.1},
    "joint-logreg": {"C": 1e-4},
    "descriptors-svm": {"kernel": "rbf", "C": 2.0, "gamma": 2.0**-7},
    "mfcc-svm": {"C": 10.0, "gamma": 0.03},
}


def average(embeddings: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the mean over patches of every track's embeddings: (n_patches, d) -> (d,) float64, by track id."""
    return {track_id: rows.mean(axis=0, dtype=np.float64) for track_id, rows in embeddings.items()}


def read_mfcc(collection: Collection, store: Store) -> dict[str, np.ndarray]:
    """Read means and deviations of the MFCC of every track, shape (26,), by track id.

    Raises
    ------
    StoreError
        When the MFCC of a track are missing or damaged.
    DataError
        When they are not finite.
    """
    missing = sum(not store.has(collection.contents[track.id], frontends.MFCC) for track in collection.tracks)
    if missing:
        found = f"{missing} of {len(collection.tracks)} missing"
        raise StoreError(explain("MFCC", "those of every track", found, store.root, "See failures.csv of a training."))
    return {
        track.id: summarize_frames(store.read(collection.contents[track.id], frontends.MFCC), track.id)
        for track in collection.tracks
    }


def run_baselines(
    readers: Mapping[str, Callable[[], Mapping[str, np.ndarray]]],
    run: Path,
    folds: Sequence[Fold],
    fit: Callable[[str, Mapping[str, np.ndarray], Path, Fold], None],
    say: Callable[[str], None],
) -> dict[str, str]:
    """Run every baseline on every fold that has not had it.

    Parameters
    ----------
    readers : Mapping[str, callable]
        By name of the baseline, what reads its features, one vector per track id; asked only when a fold is to do.
    run : Path
        Folder of the cross-validation.
    folds : Sequence[Fold]
        Of all repetitions.
    fit : callable
        Fits one, by its name and features, on a fold, and writes predictions.npz into a folder, the last file.
    say : callable
        Gets lines while the work goes on.

    Returns
    -------
    dict[str, str]
        Why a baseline was left out, by its name: its features cannot be read, or it cannot be fitted on them.
    """
    from threadpoolctl import threadpool_limits
    from tqdm import tqdm

    problems = {}
    for name, read in readers.items():
        waiting = [fold for fold in folds if not (fold.cell(run, name) / PREDICTIONS).is_file()]
        if not waiting:
            continue
        try:
            features = read()
            say(f"{name}: {len(waiting)} folds")
            with threadpool_limits(1):  # threads cost more than they give on so few tracks
                for fold in tqdm(waiting, desc=name, unit="fold", disable=hides_bars()):
                    fit(name, features, fold.cell(run, name), fold)
        except StepFailed:  # a process that was killed, or has said why: no property of the features
            raise
        except EssentiaLdlError as error:
            problems[name] = str(error)
    return problems


def run_baseline(
    name: str,
    features: Mapping[str, np.ndarray],
    cell: Path,
    fold: Fold,
    tracks: Sequence[Track],
    classes: Sequence[str],
) -> None:
    """Fit a baseline on one fold and write its predictions as a network's: predictions.npz, the last file.

    Parameters
    ----------
    name : str
        One of `GRIDS`.
    features : Mapping[str, np.ndarray]
        One vector per track id, all of one length.
    cell : Path
        Folder of the baseline on this fold; made when missing.
    fold : Fold
        Its split, and the seed of the inner folds.
    tracks : Sequence[Track]
        At least those of the split.
    classes : Sequence[str]
        Columns of the probabilities.
    """
    split = fold.split
    by_id = {track.id: track for track in tracks}
    ids = [*split.train, *split.valid, *split.test]
    fitted = [by_id[track_id] for track_id in (*split.train, *split.valid)]
    settings, inner = choose_settings(name, features, [by_id[track_id] for track_id in split.train], classes, fold.seed)
    model = fit_baseline(name, settings, features, fitted, classes)
    probabilities = predict_baseline(model, np.stack([features[track_id] for track_id in ids]), len(classes))
    write_json(
        cell / "baseline.json",
        {"name": name, "settings": settings, "inner_balanced_accuracy": inner, "n_fitted": len(fitted)},
    )
    write_answers(cell, split, [by_id[track_id] for track_id in ids], classes, probabilities)


def write_answers(
    cell: Path,
    split: Split,
    tracks: Sequence[Track],
    classes: Sequence[str],
    answers: np.ndarray,
    truth: np.ndarray | None = None,
) -> None:
    """Write what a baseline answers on a fold as a network's predictions.npz.

    Parameters
    ----------
    cell : Path
        Folder of the baseline on this fold.
    split : Split
        Of the fold; it has all of the tracks.
    tracks : Sequence[Track]
        In the order of the answers.
    classes : Sequence[str]
        Columns of the answers.
    answers : np.ndarray [shape=(n_tracks, n_classes)]
        Probabilities, or numbers.
    truth : np.ndarray [shape=(n_tracks, n_classes)] or None
        Tags or numbers of the tracks; None where they have one class each.
    """
    found = Predictions(
        ids=np.array([track.id for track in tracks]),
        roles=np.array([split.role(track.id) for track in tracks]),
        labels=np.array([track.label for track in tracks]),
        classes=np.array(list(classes)),
        probabilities=answers.astype(np.float32),
        truth=None if truth is None else truth.astype(np.float32),
    )
    write_predictions(cell, found)


def choose_settings(
    name: str, features: Mapping[str, np.ndarray], tracks: Sequence[Track], classes: Sequence[str], seed: int
) -> tuple[dict[str, Any], float | None]:
    """Choose the settings of a baseline on inner folds, grouped by artist, of the training tracks.

    Returns
    -------
    settings : dict[str, Any]
        The best; of equally good ones the first in logistic regression, which is the simplest, and the nearest to the
        middle of the grid in a support vector machine; the `USUAL` ones when inner folds cannot be made of so few
        artists.
    score : float or None
        Their mean balanced accuracy on the inner folds; None without inner folds.
    """
    grid = GRIDS[name]
    candidates = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    inner = _fold_inside(tracks, seed)
    if not inner:
        return dict(USUAL[name]), None
    if name not in LINEAR:
        # A support vector machine whose vectors all are at their bound has a threshold of no meaning: keep off corners.
        candidates.sort(key=lambda settings: _measure_distance(grid, settings))
    by_id = {track.id: track for track in tracks}
    best, best_score = candidates[0], -1.0
    for settings in candidates:
        scores = []
        for split in inner:
            model = fit_baseline(name, settings, features, [by_id[i] for i in split.train], classes)
            rows = np.stack([features[track_id] for track_id in split.test])
            targets = np.array([classes.index(by_id[track_id].label) for track_id in split.test])
            scores.append(metrics.score_balanced_accuracy(targets, predict_baseline(model, rows, len(classes))))
        if np.mean(scores) > best_score + 1e-12:
            best, best_score = settings, float(np.mean(scores))
    return best, best_score


def _measure_distance(grid: Mapping[str, Sequence[Any]], settings: Mapping[str, Any]) -> int:
    """Count the steps from the middle of a grid."""
    return sum(abs(grid[key].index(value) - len(grid[key]) // 2) for key, value in settings.items())


def _fold_inside(tracks: Sequence[Track], seed: int) -> list[Split]:
    """Make inner folds, fewer where a class has few artists; none when they cannot be made."""
    for n_folds in range(N_INNER_FOLDS, 1, -1):
        try:
            return splits.fold_tracks(tracks, n_folds, 0.0, seed)
        except DataError:
            continue
    return []


def fit_baseline(
    name: str,
    settings: Mapping[str, Any],
    features: Mapping[str, np.ndarray],
    tracks: Sequence[Track],
    classes: Sequence[str],
) -> Any:
    """Fit scaler and classifier on some tracks and nothing else; return the scikit-learn pipeline."""
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler
    from sklearn.svm import SVC

    if name in LINEAR:
        model = LogisticRegression(**settings, class_weight="balanced", max_iter=5000)
    else:
        model = SVC(**settings, class_weight="balanced", decision_function_shape="ovr", break_ties=len(classes) > 2)
    gaia = (SimpleImputer(), VarianceThreshold(), MinMaxScaler())
    scaling = gaia if name == "descriptors-svm" else (StandardScaler(),)
    pipeline = make_pipeline(*scaling, model)
    rows = np.stack([features[track.id] for track in tracks])
    return pipeline.fit(rows, [list(classes).index(track.label) for track in tracks])


def predict_baseline(model: Any, rows: np.ndarray, n_classes: int) -> np.ndarray:
    """Return probabilities (n_tracks, n_classes) of rows (n_tracks, d), a column of zeros for a class never seen."""
    from scipy.special import softmax

    classifier = model[-1]
    if hasattr(classifier, "predict_proba"):
        seen = model.predict_proba(rows)
    else:
        values = model.decision_function(rows)
        seen = softmax(np.stack([-values, values], axis=1) / 2 if values.ndim == 1 else values, axis=1)
    probabilities = np.zeros((len(rows), n_classes))
    probabilities[:, classifier.classes_] = seen
    return probabilities
