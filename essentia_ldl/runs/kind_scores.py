"""Calibration and scores of runs of tags and numbers.

In: a run folder or the cell of a cross-validation, or arrays; out: its ``calibration.json``, ``predictions.npz`` with
calibrated answers, and what ``scores.json`` says of a side, ready for json. A run is calibrated on tracks that its
network was not trained on: those of the folds where these are kept, or its validation tracks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.choices import MULTI_LABEL
from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import digest_file
from essentia_ldl.runs.names import WEIGHTS
from essentia_ldl.runs.plan import Plan
from essentia_ldl.runs.predictions import FILE as PREDICTIONS
from essentia_ldl.runs.predictions import Predictions, read_predictions, write_predictions
from essentia_ldl.scores import bootstrap, multi_label, regression
from essentia_ldl.scores.calibration import FILE, NONE, NOT_ASKED
from essentia_ldl.scores.kind_calibration import (
    INTERVAL,
    PLATT,
    KindCalibration,
    answer_numbers,
    answer_tags,
    fit_interval,
    fit_platt,
    make_identity,
    read_kind_calibration,
    score_log_loss,
    write_kind_calibration,
)

OUT_OF_FOLD = "out-of-fold"
MAIN = {MULTI_LABEL: "roc_auc"}  # of the scores of a kind the one that chooses; "r2" of numbers


def name_main(kind: str) -> str:
    """Return the key of the score of a kind that chooses among models: roc_auc or r2."""
    return MAIN.get(kind, "r2")


def calibrate_kind_run(plan: Plan, method: str, *, strict: bool = False) -> KindCalibration:
    """Fit the calibration of a run of tags or numbers, and give its tracks the answers that follow.

    Parameters
    ----------
    plan : Plan
        Of a trained run or cell.
    method : str
        "none", or anything else for the one that its kind has.
    strict : bool
        Whether a run without tracks to calibrate on is an error.

    Returns
    -------
    KindCalibration

    Raises
    ------
    StoreError
        When a file of the run is missing or broken.
    DataError
        When there are no tracks to calibrate on, with `strict`.
    """
    run, digest = plan.folder, digest_file(plan.folder / WEIGHTS)
    pooled = (run / OUT_OF_FOLD / PREDICTIONS).is_file()
    sample = read_predictions(run / OUT_OF_FOLD if pooled else run).select_patches("test" if pooled else "valid")
    if method == NONE:
        found = leave_kind(plan.kind, plan.classes, NOT_ASKED, model=digest)
    elif not len(sample.ids):
        if strict:
            remedy = "Train with split.valid_share above 0, or by crossval --refit."
            raise DataError(explain("tracks to calibrate on", "one at least", 0, run, remedy))
        found = leave_kind(plan.kind, plan.classes, "no track was kept for validation", model=digest)
    else:
        found = fit_kind(plan.kind, sample, digest, f"{OUT_OF_FOLD if pooled else 'validation'} tracks")
    whole = read_predictions(run)
    values = answer_patches(plan.kind, whole, found).astype(np.float32)
    write_predictions(run, dataclasses.replace(whole, probabilities=values))
    write_kind_calibration(run / FILE, found)
    return found


def leave_kind(kind: str, classes: Sequence[str], reason: str, model: str = "") -> KindCalibration:
    """Return the calibration of tags or numbers that changes nothing, and why."""
    return make_identity(PLATT if kind == MULTI_LABEL else INTERVAL, classes, reason, model=model)


def fit_kind(kind: str, sample: Predictions, model: str = "", fitted_on: str = "") -> KindCalibration:
    """Fit the calibration of tags or numbers to what was said of tracks with patches and truth."""
    classes = tuple(str(name) for name in sample.classes)
    facts = {"model": model, "fitted_on": fitted_on}
    if kind == MULTI_LABEL:
        return fit_platt(sample.truth, sample.patch_logits, sample.n_patches, classes, **facts)
    return fit_interval(sample.truth, answer_numbers(sample.patch_logits, sample.n_patches), classes, **facts)


def read_kind_run(run: Path) -> KindCalibration | None:
    """Read the calibration of a run of tags or numbers; None where it has none. Raises as `read_kind_calibration`."""
    path, weights = Path(run) / FILE, Path(run) / WEIGHTS
    if not path.is_file():
        return None
    return read_kind_calibration(path, digest_file(weights) if weights.is_file() else "")


def answer_patches(kind: str, found: Predictions, calibration: KindCalibration | None) -> np.ndarray:
    """Return the answers of tracks, (n_tracks, n_classes) float64, that follow from those of their patches."""
    if kind == MULTI_LABEL:
        return answer_tags(found.patch_logits, found.n_patches, calibration)
    return answer_numbers(found.patch_logits, found.n_patches)


def score_kind_run(plan: Plan) -> dict[str, Any]:
    """Score the predictions of a run on its validation and test tracks; see `score_answers`.

    Returns
    -------
    dict
        classes, kind, valid and test, as far as there are such tracks, and calibration.
    """
    predictions, calibration = read_predictions(plan.folder), read_kind_run(plan.folder)
    scores: dict[str, Any] = {"classes": list(plan.classes), "kind": plan.kind}
    for side in ("valid", "test"):
        found = predictions.select(side)
        if len(found.ids):
            groups = bootstrap.group_ids([str(name) for name in found.ids], plan.places.artists)
            limits = None if calibration is None else calibration.limits
            scores[side] = score_answers(plan.kind, found.truth, found.probabilities, plan.classes, groups, limits)
    if "valid" in scores and plan.training.halvings is not None:
        scores["valid"]["chose_epoch"] = False
    if calibration is not None:
        scores["calibration"] = {**calibration.describe_for_card(), "text": calibration.describe()}
    return scores


def score_answers(
    kind: str,
    truth: np.ndarray,
    answers: np.ndarray,
    classes: Sequence[str],
    groups: np.ndarray,
    limits: np.ndarray | None = None,
) -> dict[str, Any]:
    """Score tags or numbers, ready for json.

    Parameters
    ----------
    kind : str
        "multi_label" or "regression".
    truth, answers : np.ndarray [shape=(n_tracks, n_classes), float]
        What is known, and what a model says.
    classes : sequence of str
        Tags or dimensions.
    groups : np.ndarray [shape=(n_tracks,), int]
        Artists.
    limits : np.ndarray [shape=(n_classes,) or (n_tracks, n_classes), float] or None
        Thresholds of tags, or half widths of intervals, made of other tracks; NaN for none.

    Returns
    -------
    dict
        n_tracks; of tags roc_auc and pr_auc (means over the tags that are known), log_loss, f1 and instance_f at the
        thresholds; of numbers r2, pearson, ccc, mae, rmse (means over dimensions) and coverage of the intervals;
        by_class with the same of each, and intervals. What is not known is None.
    """
    truth, answers = np.asarray(truth, dtype=np.float64), np.asarray(answers, dtype=np.float64)
    if kind == MULTI_LABEL:
        return _score_tags(truth, answers, classes, groups, limits)
    found = regression.score_numbers(truth, answers)
    by_class = {
        name: {"n_tracks": len(truth), **{key: _tell(values[k]) for key, values in found.items()}}
        for k, name in enumerate(classes)
    }
    scores: dict[str, Any] = {"n_tracks": len(truth), **{key: _average(values) for key, values in found.items()}}
    if limits is not None and np.isfinite(limits).all():
        inside = np.abs(truth - answers) <= limits
        scores["coverage"] = float(inside.mean())
        for k, name in enumerate(classes):
            by_class[name]["coverage"] = float(inside[:, k].mean())
    return {**scores, "by_class": by_class, "intervals": regression.score_intervals(truth, answers, groups)}


def _score_tags(
    truth: np.ndarray,
    answers: np.ndarray,
    classes: Sequence[str],
    groups: np.ndarray,
    limits: np.ndarray | None,
) -> dict[str, Any]:
    found = {
        "roc_auc": multi_label.score_roc_auc(truth, answers),
        "pr_auc": multi_label.score_average_precision(truth, answers),
    }
    thresholds = np.full(len(classes), 0.5) if limits is None else np.asarray(limits)
    found["f1"] = multi_label.score_f1(truth, answers, thresholds)
    by_class = {
        name: {
            "n_tracks": int(truth[:, k].sum()),
            **{key: _tell(values[k]) for key, values in found.items()},
            "threshold": float(np.mean(thresholds[..., k])),
        }
        for k, name in enumerate(classes)
    }
    return {
        "n_tracks": len(truth),
        **{key: _average(values) for key, values in found.items()},
        "instance_f": multi_label.score_instance_f(truth, answers, thresholds),
        "log_loss": score_log_loss(truth, answers),
        "by_class": by_class,
        "intervals": multi_label.score_intervals(truth, answers, groups),
    }


def keep_kind_out_of_fold(run: Path, cells: Sequence[Path]) -> None:
    """Copy what the folds of a cross-validation said of their test tracks into the run of the final model.

    A track counts once, with what the first repetition said: an interval made of copies would promise too much.
    """
    parts, seen = [], set()
    for cell in cells:
        part = read_predictions(cell).select_patches("test")
        if seen.isdisjoint(part.ids.tolist()):
            parts.append(part)
            seen.update(part.ids.tolist())
    names = ("ids", "roles", "labels", "patch_logits", "n_patches", "truth")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    write_predictions(Path(run) / OUT_OF_FOLD, Predictions(classes=parts[0].classes, **joined))


def describe_scores(kind: str, score: Mapping[str, Any]) -> str:
    """Write the scores of a side in a few words, such as "ROC-AUC 0.81, PR-AUC 0.55"."""
    words = (
        (("roc_auc", "ROC-AUC"), ("pr_auc", "PR-AUC"), ("f1", "F1"), ("instance_f", "instance-based F"))
        if kind == MULTI_LABEL
        else (("r2", "R2"), ("pearson", "Pearson"), ("ccc", "CCC"), ("mae", "MAE"), ("rmse", "RMSE"))
    )
    forms = {"mae": ".3g", "rmse": ".3g"}  # in the unit of the numbers
    told = [f"{word} {score[key]:{forms.get(key, '.2f')}}" for key, word in words if score.get(key) is not None]
    return ", ".join(told) or "nothing that can be scored"


def _tell(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _average(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
