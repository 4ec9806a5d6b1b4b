"""What the terminal shows of a cross-validation. In: `Measured`; out: tables as lines of text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.cli.text.kinds import describe_rows
from essentia_ldl.measure.crossval import Measured
from essentia_ldl.runs.names import FAILURES, SCORES
from essentia_ldl.train.train import Trained


def describe_measured(done: Measured) -> list[str]:
    """Write the tables of a cross-validation, what was left out, and where the scores are."""
    lines = describe_rows(done.scores) if "kind" in done.scores else describe_scores(done.scores)
    if done.collection.failures:
        lines.append(f"{len(done.collection.failures)} files were left out: see {done.run / FAILURES}")
    if done.refused is not None:
        lines.append(f"files that MusicExtractor refused count as average there: see {done.refused}")
    return [*lines, str(done.run / SCORES)]


def describe_final(done: Trained, graphs: Path) -> list[str]:
    """Write where the final model of a cross-validation is."""
    return [*(f"final model: {graphs / name}.pb and .json" for name in done.models), f"run: {done.run}"]


def describe_scores(scores: Mapping[str, Any]) -> list[str]:
    """Write the scores of a cross-validation as tables."""
    times = f", {scores['n_repeats']} times" if scores["n_repeats"] > 1 else ""
    kind = f", each a {scores['leave_out']} left out" if scores["leave_out"] else ""
    grouping = ", grouped by artist" if scores["grouped_by_artist"] else ""
    hop = f"; networks scored every {scores['patch_hop_frames']} frames"
    rows, classes = {**scores["sources"], **scores["baselines"]}, scores["classes"]
    width = max(8, *(len(name) for name in (*rows, *scores["baselines_left_out"])))
    counts = ", ".join(f"{n} {name}" for name, n in scores["class_counts"].items())
    sizes = [_span([fold[f"n_{side}"] for fold in scores["folds"]]) for side in ("train", "valid", "test")]
    lines = [
        f"{scores['task']}: {scores['n_folds']} folds{kind}{times}{grouping}",
        *scores["warnings"],
        f"{scores['n_tracks']} tracks ({counts}); a fold trains on {sizes[0]}, validates on {sizes[1]}, tests on "
        f"{sizes[2]}; seeds {', '.join(map(str, scores['seeds']))}{hop}",
        f"{'labels':<{width}}  balanced accuracy      pooled   " + "   ".join(f"recall {name}" for name in classes),
    ]
    for name, score in rows.items():
        if name == next(iter(scores["baselines"]), None):
            lines.append("baselines, on the same folds:")
        shown = []
        for label in classes:
            recalls = [pooled["recall"][label] for pooled in score["pooled"]]
            text = "-" if None in recalls else f"{np.mean(recalls):.3f}"
            shown.append(f"{text:>{len('recall ' + label)}}")
        mean, deviation = score["balanced_accuracy_mean"], score["balanced_accuracy_std"]
        pooled = score["balanced_accuracy_pooled"]
        lines.append(f"{name:<{width}}  {mean:.3f} +- {deviation:.3f}         {pooled:.3f}    {'   '.join(shown)}")
    lines += [f"{name:<{width}}  left out: {reason}" for name, reason in scores["baselines_left_out"].items()]
    if scores["leave_out"]:
        lines += _describe_held_out(scores, rows, width)
    lines += _describe_calibrations(scores["sources"], width)
    if scores["listeners"]:
        lines += _describe_listeners(scores["listeners"], rows, classes, width)
    if scores["comparisons"]:
        lines += _describe_comparisons(scores["comparisons"], width)
    lines += _describe_confusion(scores)
    return lines + [f"finding: {finding}" for finding in scores["findings"]]


def _span(numbers: Sequence[int]) -> str:
    return str(min(numbers)) if min(numbers) == max(numbers) else f"{min(numbers)} to {max(numbers)}"


def _describe_held_out(scores: Mapping[str, Any], rows: Mapping[str, Any], width: int) -> list[str]:
    """Write the balanced accuracy on each value that was left out, the mean of the repetitions."""
    held_out = [fold["held_out"] for fold in scores["folds"]]
    values = list(dict.fromkeys(held_out))
    lines = [f"{'left out':<{width}}  " + "   ".join(f"{value:>5}" for value in values)]
    for name, score in rows.items():
        means = []
        for value in values:
            pairs = zip(held_out, score["folds"], strict=True)
            means.append(np.mean([fold["balanced_accuracy"] for held, fold in pairs if held == value]))
        cells = (f"{mean:>{max(5, len(value))}.3f}" for mean, value in zip(means, values, strict=True))
        lines.append(f"{name:<{width}}  " + "   ".join(cells))
    return lines


def _describe_calibrations(rows: Mapping[str, Any], width: int) -> list[str]:
    """Write how far probabilities are from shares of right answers, before and after calibration."""
    known = {name: row["calibration"] for name, row in rows.items() if "calibration" in row}
    if not known:
        return []
    lines = [f"{'calibration':<{max(width, 11)}}  {'by fold':<15} ECE before  after     NLL before  after     Brier"]
    for name, found in known.items():
        values = [fold["temperature"] for fold in found["folds"] if "temperature" in fold]
        kind = f"T {min(values):.2f} to {max(values):.2f}" if len(values) == len(found["folds"]) else "vector scaling"
        cells = []
        for score in ("ece", "nll", "brier"):
            before, after = (found[side][score]["value"] for side in ("before", "after"))
            cells.append(f"{before:.3f} -> {after:.3f}")
        changed = f"   {found['n_changed']} tracks change class" if found["n_changed"] else ""
        lines.append(f"{name:<{max(width, 11)}}  {kind:<15} {'     '.join(cells)}{changed}")
    reasons = [fold["reason"] for found in known.values() for fold in found["folds"] if fold["reason"]]
    kinds: dict[str, list[str]] = {}
    for reason in reasons:
        kinds.setdefault(re.sub(r"[\d.]+", "", reason), []).append(reason)
    n_folds = sum(len(found["folds"]) for found in known.values())
    return [*lines, *(f"({len(same)} of {n_folds} folds, such as: {same[0]})" for same in kinds.values())]


def _describe_listeners(
    what: Mapping[str, str], rows: Mapping[str, Any], classes: Sequence[str], width: int
) -> list[str]:
    """Write how close the rows come to listeners, and how close the constant of each fold comes."""

    def show(value: float | None, length: int, form: str = ".3f") -> str:
        return f"{'-' if value is None else format(value, form):>{length}}"

    heads = ["divergence", "constant", "Spearman", *(f"within {name}" for name in classes)]
    lines = [f"{'listeners':<{width}}  {'   '.join(heads)}"]
    for name, row in rows.items():
        found = row["listeners"]
        values = [found["divergence"]["model"], found["divergence"]["constant"]]
        cells = [show(value, len(head), ".4f") for value, head in zip(values, heads, strict=False)]
        ranks = [found["spearman"], *(found["spearman_within"][label] for label in classes)]
        cells += [show(value, len(head)) for value, head in zip(ranks, heads[2:], strict=True)]
        lines.append(f"{name:<{width}}  {'   '.join(cells)}")
    lines.append(
        f"(share of listeners for {what['class']}, column {what['column']}; mean Jensen-Shannon divergence in nats, "
        "0 is best; constant: the mean share of the tracks that a fold learned from)"
    )
    return lines


def _describe_confusion(scores: Mapping[str, Any]) -> list[str]:
    """Write the confusion matrix of the best label source, all folds and repetitions together."""
    name = max(scores["sources"], key=lambda one: scores["sources"][one]["balanced_accuracy_mean"])
    matrix = np.sum([pooled["confusion"] for pooled in scores["sources"][name]["pooled"]], axis=0)
    classes = scores["classes"]
    title = f"{name}: true / predicted"
    width = max(map(len, (title, *classes)))
    lines = ["  ".join([f"{title:<{width}}", *(f"{label:>5}" for label in classes)])]
    for label, counts in zip(classes, matrix, strict=True):
        cells = [f"{count:>{max(5, len(column))}}" for count, column in zip(counts, classes, strict=True)]
        lines.append("  ".join([f"{label:<{width}}", *cells]))
    return lines


def _describe_comparisons(comparisons: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    tests = ("independent", "paired", "corrected")
    lines = [f"{'against ' + comparisons[0]['against']:<{width + 6}}  difference   p t-test   p paired   p corrected"]
    for row in comparisons:
        # Without any deviation there is no t, and what it would say of so few folds is not to be believed.
        known = {test: row[test]["p"] is not None and row[test]["t"] is not None for test in tests}
        p = [f"{row[test]['p']:.3f}" if known[test] else "-" for test in tests]
        lines.append(f"{row['name']:<{width + 6}}  {row['difference']:>+10.3f}   {p[0]:>8}   {p[1]:>8}   {p[2]:>11}")
    df = [comparisons[0][test]["df"] for test in tests]
    lines.append(
        f"(t-test: independent samples, df {df[0]}, as in the paper; paired: the same folds, df {df[1]}; corrected: "
        "paired, for training sets that overlap, Nadeau and Bengio 2003)"
    )
    return lines
