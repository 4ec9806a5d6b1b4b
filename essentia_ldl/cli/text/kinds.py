"""What the terminal shows of tags and numbers. In: scores of `runs.kind_scores`; out: lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from essentia_ldl.choices import MULTI_LABEL, REGRESSION
from essentia_ldl.runs.kind_scores import describe_scores, name_main

WORDS = {MULTI_LABEL: "ROC-AUC", REGRESSION: "R2"}


def describe_sides(scores: Mapping[str, Any]) -> list[str]:
    """Write how well tags or numbers are told, on each side and in the folds, and of each tag or dimension."""
    kind, lines = scores["kind"], []
    told = scores.get("crossval")
    if told is not None:
        grouped = ", grouped by artist" if told["grouped_by_artist"] else ", NOT grouped by artist"
        where = "on tracks that neither fit nor choice has seen" if "choice" in told else "in the cross-validation"
        lines += describe_score(kind, told, f"{where} ({told['n_folds']} folds{grouped})")
        lines += [f"note: {warning}" for warning in told["warnings"]]
        lines += [f"finding: {finding}" for finding in told["findings"]]
    for side, word in (("valid", "validation"), ("test", "test")):
        if side in scores:
            remark = " (they chose epoch and thresholds, so on the high side)" if side == "valid" else ""
            lines += describe_score(kind, scores[side], f"on {scores[side]['n_tracks']} {word} tracks{remark}")
    return lines


def describe_score(kind: str, score: Mapping[str, Any], where: str) -> list[str]:
    """Write the scores of some tracks, with intervals where there are any, and those of each tag or dimension."""
    main = name_main(kind)
    limits = (score.get("intervals") or {}).get(main)
    known = "" if limits is None else f" ({WORDS[kind]} 95 % {limits[0]:.2f} to {limits[1]:.2f})"
    lines = [f"{describe_scores(kind, score)}{known} {where}"]
    if score.get("coverage") is not None:
        lines.append(f"  the intervals hold {score['coverage']:.0%} of these tracks")
    each = [f"{name} {one[main]:.2f}" for name, one in score["by_class"].items() if one[main] is not None]
    return [*lines, f"  {WORDS[kind]}: {', '.join(each)}"] if each else lines


def describe_rows(scores: Mapping[str, Any]) -> list[str]:
    """Write the table of a cross-validation of tags or numbers."""
    kind, main = scores["kind"], name_main(scores["kind"])
    grouping = ", grouped by artist" if scores["grouped_by_artist"] else ""
    times = f", {scores['n_repeats']} times" if scores["n_repeats"] > 1 else ""
    baselines = scores.get("baselines", {})
    width = max(8, *map(len, (*scores["sources"], *baselines)))
    lines = [
        f"{scores['task']}: {scores['n_folds']} folds{times}{grouping}",
        *scores["warnings"],
        f"{scores['n_tracks']} tracks; seeds {', '.join(map(str, scores['seeds']))}",
        f"{'labels':<{width}}  {WORDS[kind]} over folds     pooled",
    ]
    for name, row in {**scores["sources"], **baselines}.items():
        if name == next(iter(baselines), None):
            lines.append("baselines, on the same folds:")
        mean, deviation, pooled = (row[f"{main}_{key}"] for key in ("mean", "std", "pooled"))
        lines.append(f"{name:<{width}}  {mean:.3f} +- {deviation:.3f}      {pooled:.3f}")
        lines += [f"  {line}" for line in describe_score(kind, row["pooled"][0], "on the test tracks of all folds")]
    for row in scores["comparisons"]:
        p = row["corrected"]["p"]
        shown = "-" if p is None else f"{p:.3f}"
        lines.append(f"{row['name']} against {row['against']}: {row['difference']:+.3f}, p {shown} (corrected t-test)")
    return [*lines, *(f"finding: {finding}" for finding in scores["findings"])]


def describe_evaluated(scores: Mapping[str, Any]) -> list[str]:
    """Write the scores of a model of tags or numbers on another collection."""
    lines = [f"{scores['model']} on {scores['data']}: {scores['n_tracks']} tracks, {scores['n_failed']} failed"]
    if scores["n_seen_in_training"]:
        n_seen = scores["n_seen_in_training"]
        lines.append(f"WARNING: the model was made with {n_seen} of these tracks: scores too high")
    return [*lines, *describe_score(scores["kind"], scores, f"on {scores['n_tracks']} tracks")]
