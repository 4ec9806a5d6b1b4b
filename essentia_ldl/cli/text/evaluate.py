"""What the terminal shows of a model on another collection. In: `Evaluated`; out: lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from essentia_ldl.cli.text.kinds import describe_evaluated
from essentia_ldl.collection.class_map import IGNORE
from essentia_ldl.measure.evaluate import Evaluated
from essentia_ldl.runs.names import SCORES
from essentia_ldl.scores.bootstrap import LEVEL


def describe_evaluation(done: Evaluated) -> list[str]:
    """Write the scores, how sure they are, and what was left out."""
    if "kind" in done.scores:
        failed = [f"failed: {failure.reason}" for failure in done.failures]
        return [*describe_evaluated(done.scores), *failed, f"scores: {done.folder / SCORES}"]
    scores, limits = done.scores, done.scores["intervals"]
    n_tracks, n_of = scores["n_tracks"], scores["n_by_class"]
    counts = ", ".join(f"{n} {name}" for name, n in n_of.items())
    lines = [f"{scores['model']} on {scores['data']}: {n_tracks} tracks ({counts}), {scores['n_failed']} failed"]
    renamed = [f"{label} as {name}" for label, name in scores["mapping"].items() if name not in (label, IGNORE)]
    lines += [f"labels: {', '.join(renamed)}"] if renamed else []
    if scores["n_ignored"]:
        left_out = ", ".join(f"{n} {label}" for label, n in scores["n_ignored"].items())
        lines.append(f"ignored: {left_out}")
    if scores["n_seen_in_training"]:
        lines.append(
            f"WARNING: the model was made with {scores['n_seen_in_training']} of these tracks: scores too high"
        )
    if missing := [name for name, n in n_of.items() if n == 0]:
        lines.append(f"WARNING: no track of {', '.join(missing)}: the balanced accuracy is over the other classes")
    for key in ("balanced_accuracy", "accuracy"):
        interval = limits[key]
        known = "no interval" if interval is None else f"{limits['level']:.0%} {interval[0]:.3f} to {interval[1]:.3f}"
        lines.append(f"{key.replace('_', ' ')} {scores[key]:.3f} ({known}; n {n_tracks})")
    lines += _describe_reliability(scores.get("calibration"), limits["level"])
    if limits["n_without_artist"]:
        lines.append(f"{limits['n_without_artist']} tracks without artist: the intervals may be too narrow")
    else:
        lines.append(f"intervals over {limits['n_artists']} artists")
    recall = scores["recall"].items()
    lines.append(
        "recall: " + ", ".join(f"{k} {'-' if v is None else format(v, '.3f')} (n {n_of[k]})" for k, v in recall)
    )
    width = max(len(name) for name in (*scores["classes"], "true / predicted"))
    lines.append("  ".join([f"{'true / predicted':<{width}}", *scores["classes"]]))
    for name, row in zip(scores["classes"], scores["confusion"], strict=True):
        cells = [f"{n:>{len(column)}}" for n, column in zip(row, scores["classes"], strict=True)]
        lines.append("  ".join([f"{name:<{width}}", *cells]))
    if "listeners" in scores:
        lines += describe_shares(scores["listeners"])
    lines += [f"failed: {failure.reason}" for failure in done.failures]
    lines.append(f"scores: {done.folder / SCORES}")
    return lines


def describe_shares(scores: Mapping[str, Any]) -> list[str]:
    """Write how close the model comes to the shares of listeners (`listeners.score_shares`)."""
    divergence, spearman = scores["divergence"], scores["spearman"]
    limits = divergence["interval"]
    known = "" if limits is None else f" ({LEVEL:.0%} interval {limits[0]:+.4f} to {limits[1]:+.4f})"
    parts = [("all", spearman["all"]), *((f"within {name}", part) for name, part in spearman["within"].items())]
    ranks = ", ".join(
        f"{name} {'-' if part['value'] is None else format(part['value'], '.3f')} (n {part['n']})"
        for name, part in parts
    )
    return [
        f"listeners: share of {scores['class']} on {scores['n_tracks']} tracks, mean {scores['mean_share']:.3f};"
        f" mean of the model {scores['mean_probability']:.3f}",
        f"  Jensen-Shannon divergence in {divergence['unit']}: model {divergence['model']:.4f},"
        f" constant {scores['mean_share']:.3f} gives {divergence['constant']:.4f};"
        f" difference {divergence['difference']:+.4f}{known}",
        f"  Spearman correlation: {ranks}",
    ]


def _describe_reliability(scores: Mapping[str, Any] | None, level: float) -> list[str]:
    """Write calibration errors with their intervals."""
    lines = []
    for key, name in (("ece", "ECE, 10 bins"), ("ece_15", "ECE, 15 bins"), ("nll", "NLL"), ("brier", "Brier score")):
        if scores:
            value, interval = scores[key]["value"], scores[key]["interval"]
            known = "no interval" if interval is None else f"{level:.0%} {interval[0]:.3f} to {interval[1]:.3f}"
            lines.append(f"{name} {value:.3f} ({known})")
    if scores:
        lines[0] += f"; chance alone gives {scores['ece_if_calibrated']:.3f} to calibrated probabilities"
    return lines
