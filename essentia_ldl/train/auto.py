"""The plan of a classifier that is solved: what `compose.plan_run` writes for labels "auto" and "joint".

In: a recipe, a collection and a split. Out, in the folder of the run: ``solution.npz``, what fits inside the training
tracks said of tracks that they had not seen (``out-of-fold/``, for the calibration; ``nested/``, for the scores), the
targets, their report with
everything that was tried, and the plan, the last. Validation tracks train too, because nothing is left for them to
choose.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.choices import MULTI_LABEL, SINGLE_LABEL, SOLVED
from essentia_ldl.collection.read import Collection, keep_split
from essentia_ldl.errors import DataError, explain
from essentia_ldl.labels.one_hot import make_rows
from essentia_ldl.linear.choose import Fitted
from essentia_ldl.machines.radial import RadialSolution
from essentia_ldl.models.folder import base_name
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import LabelTable, Split
from essentia_ldl.runs.calibrate import OUT_OF_FOLD
from essentia_ldl.runs.plan import Plan
from essentia_ldl.runs.predictions import write_predictions
from essentia_ldl.runs.solution import read_solution, write_solution
from essentia_ldl.runs.targets import name_table, read_report, write_report, write_table, write_truth
from essentia_ldl.taps import EMBEDDING, HOP_FRAMES, NETWORKS, describe_network
from essentia_ldl.train.adapt import adapt, describe_adaptation
from essentia_ldl.train.choice import describe_setting, make_choice, make_grid, report_choice
from essentia_ldl.train.nested import find_kind_findings, make_predictions, write_nested

N_HIDDEN = 100
BYTES = 4  # of a number in a graph


def fit_solved(
    folder: Path, recipe: Recipe, collection: Collection, split: Split, say: Callable[[str], None] | None = print
) -> Recipe:
    """Choose, fit, and write what a plan of a solved classifier needs beside itself.

    Parameters
    ----------
    folder : Path
        Run folder, or the cell of a cross-validation.
    recipe : Recipe
        With solved labels.
    collection : Collection
        Its joint features are in the store.
    split : Split
        Training and validation tracks are fitted, test tracks are not looked at.
    say : callable or None
        Gets a line on what was chosen. None is for the cell of a cross-validation, which needs no folds around its own.

    Returns
    -------
    Recipe
        With the network that was chosen.
    """
    inside = keep_split(collection, Split((*split.train, *split.valid), (), (), dict(split.artists)))
    chosen = make_choice(recipe, inside, nest=say is not None)
    setting = chosen.fitted.setting
    folder.mkdir(parents=True, exist_ok=True)
    report = report_choice(chosen, make_grid(recipe), recipe.kind)
    if chosen.own is not None:
        write_predictions(folder / OUT_OF_FOLD, make_predictions(inside, recipe, chosen.own))
    if chosen.nested is not None:
        report["nested"] = write_nested(folder, inside, recipe, chosen)
    fitted = chosen.fitted
    if say is not None:
        check_size(fitted, collection.home.graphs)
    if collection.target is not None:
        fitted = adapt(fitted, collection.target)
        report["adapted"] = describe_adaptation(collection.target)
    write_solution(folder, fitted.solution)
    write_table(make_table(inside, recipe, split, collection, chosen.fitted), folder / name_table())
    if recipe.kind != SINGLE_LABEL:
        rows, kind = make_rows(collection.tracks, recipe.classes)
        write_truth(folder, LabelTable(tuple(track.id for track in collection.tracks), recipe.classes, rows, kind))
    write_report(folder, {"source": recipe.labels, "setting": describe_setting(setting), "choice": report})
    if say is not None:
        say(describe_choice(report))
    # The embedding of one network has the interface of Essentia's heads, whose first layer has 100 units.
    names = setting.features.backbones
    is_head = len(names) == 1 and names[0] in NETWORKS and setting.features.layers == EMBEDDING
    is_head = is_head and not isinstance(fitted.solution, RadialSolution)
    n_hidden = N_HIDDEN if is_head and 2 * len(recipe.classes) <= N_HIDDEN else 0
    return recipe.override(
        network__layers=setting.features.layers,  # before the backbones: a single embedding needs none
        network__backbones=setting.features.backbones,
        network__hidden=n_hidden,
    )


def make_table(inside: Collection, recipe: Recipe, split: Split, collection: Collection, fitted: Fitted) -> LabelTable:
    """Return what every track was fitted towards; test tracks have their classes."""
    if recipe.kind != SINGLE_LABEL:
        return _make_kind_table(inside, recipe, split, collection, fitted)
    index = {name: number for number, name in enumerate(recipe.classes)}
    known = {track.id: row for track, row in zip(inside.tracks, fitted.targets, strict=True)}
    labels = {track.id: track.label for track in collection.tracks}
    ids = (*split.train, *split.valid, *split.test)
    rows = [known[name] if name in known else np.eye(len(index))[index[labels[name]]] for name in ids]
    return LabelTable(ids, recipe.classes, np.stack(rows))


def _make_kind_table(
    inside: Collection, recipe: Recipe, split: Split, collection: Collection, fitted: Fitted
) -> LabelTable:
    """Do what `make_table` does for tags and numbers; shares of neighbours may leave 0 to 1 by rounding alone."""
    own, kind = make_rows(collection.tracks, recipe.classes)
    known = {track.id: row for track, row in zip(collection.tracks, own, strict=True)}
    targets = np.clip(fitted.targets, 0, 1) if kind == MULTI_LABEL else fitted.targets
    known |= {track.id: row for track, row in zip(inside.tracks, targets, strict=True)}
    ids = (*split.train, *split.valid, *split.test)
    return LabelTable(ids, recipe.classes, np.stack([known[name] for name in ids]), kind)


def summarize_choice(folder: Path, recipe: Recipe, collection: Collection) -> dict[str, Any]:
    """Return what scores and card say of the folds inside a training, as `measure.refit` does of a cross-validation."""
    report = read_report(folder)["choice"]
    nested = report.get("nested")
    if nested is None:
        return {}
    unknown = sum(track.artist is None for track in collection.tracks)
    findings = []
    chance = 1 / len(recipe.classes)
    if recipe.kind != SINGLE_LABEL:
        findings = find_kind_findings(recipe.kind, nested)
    elif nested["balanced_accuracy_pooled"] <= chance + nested["balanced_accuracy_error"]:
        findings = [
            f"nothing beats chance: {nested['balanced_accuracy_pooled']:.2f} where chance is {chance:.2f}; the model "
            "says nothing about these classes"
        ]
    return {
        "run": folder.name,
        "labels": recipe.labels,
        "n_folds": report["n_folds"],
        "n_repeats": 1,
        "leave_out": recipe.choice.leave_out or None,
        "grouped_by_artist": unknown == 0,
        "n_tracks": len(collection.tracks),
        "warnings": [report["adapted"]["note"]] if "adapted" in report else [],
        "findings": findings,
        "baselines": {},
        **_summarize_nested(report),
    }


def summarize_again(folder: Path, measured: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `summarize_choice` says of a second classifier of the same tracks; empty where it says nothing."""
    report = read_report(folder)["choice"]
    if "nested" not in report or "crossval" not in measured:
        return {}
    return {"crossval": {**measured["crossval"], **_summarize_nested(report)}}


def _summarize_nested(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is a classifier's own of a summary: scores of tracks that no choice has seen, and the choice."""
    return {
        **{key: value for key, value in report["nested"].items() if key != "folds"},
        "changed_by_resampling": report["changed"],
        "choice": {key: report[key] for key in ("n_settings", "chosen", "best", "cheapest")},
    }


def describe_choice(report: Mapping[str, Any]) -> str:
    """Say what was chosen, among how much, and what the cheapest would cost in accuracy."""
    if "reason" in report:
        return f"no choice of settings: {report['reason']}"
    chosen, cheapest = report["chosen"], report["cheapest"]
    how = f"{chosen['smoothing']:.0%} smoothed, strength {chosen['strength']:g}"
    if "kernel" in chosen:
        how = f"{chosen['kernel']} kernel, C {chosen['C']:g}"
    text = (
        f"chosen among {report['n_settings']} settings: {', '.join(chosen['backbones'])}, {chosen['layers']} layers, "
        f"{how} ({_show_scores(chosen)} on the folds that chose it)"
    )
    if cheapest["cost"] < chosen["cost"]:
        ratio = chosen["cost"] / cheapest["cost"]
        text += f"; {ratio:.1f} times faster with {', '.join(cheapest['backbones'])}: {_show_scores(cheapest)}"
    return text


def _show_scores(one: Mapping[str, Any]) -> str:
    if "balanced_accuracy" in one:
        return f"log loss {one['log_loss']:.3f}, balanced accuracy {one['balanced_accuracy']:.3f}"
    return f"ROC-AUC {one['roc_auc']:.3f}" if "roc_auc" in one else f"R2 {one['r2']:.3f}"


def check_size(fitted: Fitted, graphs: Path) -> None:
    """Raise `DataError` when the support vectors of a radial machine take more room than the networks below it."""
    solution = fitted.solution
    if not isinstance(solution, RadialSolution):
        return
    stems = [base_name(*NETWORKS[n]) if n in NETWORKS else n for n in fitted.setting.features.backbones]
    below = sum((graphs / f"{stem}.pb").stat().st_size for stem in stems)
    size = BYTES * solution.n_numbers
    if size > below:
        megabytes = f"{size / 1e6:.1f} MB of {solution.n_vectors} support vectors"
        rule = f"at most the {below / 1e6:.1f} MB of the networks below it"
        remedy = "Take the linear kernel, whose graph has none, with --set 'choice.kernels=[\"linear\"]'."
        raise DataError(explain("rbf machine", rule, megabytes, "the graph that it would be", remedy))


def solve_plan(plan: Plan) -> Plan:
    """Mark a plan as solved, its validation tracks as trained."""
    solution = read_solution(plan.folder, plan.kind)
    if isinstance(solution, RadialSolution):
        plan = dataclasses.replace(plan, network=dataclasses.replace(plan.network, n_vectors=solution.n_vectors))
    tracks = tuple(dataclasses.replace(t, role="train") if t.role == "valid" else t for t in plan.tracks)
    training = dataclasses.replace(plan.training, solver=SOLVED)
    hop = describe_network(plan.network.networks[0]).hop_frames if plan.network.networks else HOP_FRAMES
    return dataclasses.replace(plan, tracks=tracks, training=training, evaluation_hop_frames=hop)
