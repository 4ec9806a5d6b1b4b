"""The calibration of a run: fitted after its training, and the probabilities of its tracks with it.

In: a run folder or the cell of a cross-validation with ``plan.json``, ``weights.npz`` and ``predictions.npz``. Out:
``calibration.json`` beside them, and ``predictions.npz`` with the probabilities that the calibrated network answers;
its ``patch_logits`` stay as the network says them, so that what was before is always at hand.

A run is calibrated on tracks that its network was not trained on: the final model of a cross-validation, which has seen
all tracks, on what the networks of the folds said of the tracks that they were tested on (``out-of-fold/``), any other
on its validation tracks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import digest_file
from essentia_ldl.runs.kind_scores import OUT_OF_FOLD, calibrate_kind_run, keep_kind_out_of_fold
from essentia_ldl.runs.names import WEIGHTS
from essentia_ldl.runs.plan import Plan, read_plan
from essentia_ldl.runs.predictions import FILE as PREDICTIONS
from essentia_ldl.runs.predictions import (
    Predictions,
    gather_out_of_fold,
    read_predictions,
    read_side,
    write_predictions,
)
from essentia_ldl.scores import calibration as calibration_module
from essentia_ldl.scores.calibration import METHODS, NONE, NOT_ASKED, Calibration, identity
from essentia_ldl.scores.calibration_file import read_calibration, write_calibration
from essentia_ldl.scores.kind_calibration import KindCalibration
from essentia_ldl.scores.logits import PatchLogits

NESTED = "nested"  # what a solved training says of tracks that neither fit nor choice has seen


def calibrate_run(run: Path, method: str | None = None, *, strict: bool = False) -> Calibration | KindCalibration:
    """Fit the calibration that a run's plan asks for, and give its tracks the probabilities that follow.

    Parameters
    ----------
    run : Path
        A trained run or cell.
    method : str or None
        One of `calibration.METHODS`; None is that of the plan.
    strict : bool
        True refuses tracks that cannot calibrate. Otherwise they leave T = 1 with a reason, because a training must
        not end in nothing for it.

    Returns
    -------
    Calibration, or KindCalibration of tags and numbers
        What calibration.json holds.

    Raises
    ------
    StoreError
        When a file of the run is missing or broken.
    DataError
        When a logit is not finite; with `strict` also when there are no tracks to calibrate on, or none of a class.
    """
    run = Path(run)
    plan = read_plan(run)
    method = method or plan.calibration
    if plan.kind != SINGLE_LABEL:
        return calibrate_kind_run(plan, method, strict=strict)
    digest = digest_weights(run)
    is_none = method == NONE
    found = identity(plan.classes, NOT_ASKED, model=digest) if is_none else _fit(plan, method, digest, strict)
    _write_probabilities(run, found)
    write_calibration(run / calibration_module.FILE, found)  # the last one: it says that all is done
    return found


def read_run(run: Path) -> Calibration | None:
    """Read the calibration of a run; None where it has none, as runs made before there were any.

    Raises
    ------
    DataError
        When it is not a calibration, or that of other weights.
    """
    path = Path(run) / calibration_module.FILE
    if not path.is_file():
        return None
    weights = Path(run) / WEIGHTS
    return read_calibration(path, digest_file(weights) if weights.is_file() else "")


def name_nested(run: Path, part: int) -> Path:
    """Name the folder of a run with what was said of one part of its tracks by who has not seen it."""
    return Path(run) / NESTED / f"part-{part}"


def list_nested(run: Path) -> list[Path]:
    """List the folders of `name_nested` that a run has, none where settings were not chosen or not scored."""
    found = [path.parent for path in (Path(run) / NESTED).glob(f"part-*/{PREDICTIONS}")]
    return sorted(found, key=lambda path: int(path.name.rsplit("-", 1)[1]))


def digest_weights(run: Path) -> str:
    """Return the sha256 of a run's weights, by which a calibration knows what it is for."""
    return digest_file(Path(run) / WEIGHTS)


def keep_out_of_fold(run: Path, cells: Sequence[Path]) -> None:
    """Copy what the folds of a cross-validation said of their test tracks into the run of the final model.

    A copy, so that the run can be calibrated again where the cross-validation is no more.

    Parameters
    ----------
    run : Path
        Run folder of the final model.
    cells : sequence of Path
        Cells of the label source that it is trained with, of all repetitions.

    Raises
    ------
    StoreError
        When the predictions of a cell cannot be read.
    DataError
        When there is no cell, one has no test tracks, or the classes of two differ.
    """
    if cells and read_predictions(cells[0]).truth is not None:
        keep_kind_out_of_fold(run, cells)
        return
    sample = gather_out_of_fold(cells)
    kept = Predictions(
        ids=np.array(sample.ids),
        roles=np.array(["test"] * len(sample.ids)),
        labels=np.array([sample.classes[target] for target in sample.targets]),
        classes=np.array(sample.classes),
        patch_logits=sample.patch_logits.astype(np.float32),
        n_patches=sample.n_patches,
    )
    write_predictions(Path(run) / OUT_OF_FOLD, kept)


def describe_for_card(calibration: Calibration | KindCalibration) -> dict[str, Any]:
    """Return what a card says of the calibration of its graph: probabilities are softmax(scale * logits + bias)."""
    if isinstance(calibration, KindCalibration):
        return calibration.describe_for_card()
    found = calibration
    facts: dict[str, Any] = {"method": NONE if found.is_identity else found.kind}
    if found.temperature is None:
        facts |= {"scale": list(found.scale), "bias": list(found.bias)}
    else:
        facts["temperature"] = found.temperature
    return {
        **facts,
        "n_tracks": found.n_tracks,
        "fitted_on": found.fitted_on,
        "nll": {"before": found.nll_before, "after": found.nll_after},
        "ece": {"before": found.ece_before, "after": found.ece_after},
        "reason": found.reason,
    }


def check_method(method: str, where: object) -> None:
    """Raise `DataError` when it is not one of `calibration.METHODS`."""
    if method not in METHODS:
        raise DataError(explain("calibration method", ", ".join(METHODS), method, where, "Name one of these."))


def _fit(plan: Plan, method: str, digest: str, strict: bool) -> Calibration:
    run, classes = plan.folder, plan.classes
    pooled = (run / OUT_OF_FOLD / PREDICTIONS).is_file()
    check_method(method, run)
    if not pooled and not strict and not plan.rows("valid").size:
        return identity(classes, "no track was kept for validation", model=digest)
    sample = read_side(run / OUT_OF_FOLD, "test") if pooled else read_side(run, "valid")
    if sample.classes != classes:
        remedy = "Train the run again."
        raise DataError(explain("classes", f"those of the plan, {list(classes)}", sample.classes, sample.where, remedy))
    lacking = _find_lacking(sample)
    fitted_on = f"{OUT_OF_FOLD} tracks" if pooled else "validation tracks"
    if lacking and not strict:
        reason = f"no {' and no '.join(lacking)} among the {fitted_on}"
        return identity(classes, reason, n_tracks=sample.n_distinct, model=digest, fitted_on=fitted_on)
    return calibration_module.fit(sample, method, digest, fitted_on, selected=not pooled)


def _find_lacking(sample: PatchLogits) -> list[str]:
    return [name for name, count in zip(sample.classes, sample.count_classes(), strict=True) if not count]


def _write_probabilities(run: Path, calibration: Calibration) -> None:
    """Replace the probabilities of predictions.npz by those that follow from its logits."""
    found = read_predictions(run)
    if found.patch_logits is None:
        remedy = "Name a network's run: a baseline has no logits."
        raise DataError(explain("predictions", "patch_logits", "none", found.where, remedy))
    values = calibration_module.apply(calibration, found.patch_logits, found.n_patches)
    write_predictions(run, dataclasses.replace(found, probabilities=values.astype(np.float32)))
