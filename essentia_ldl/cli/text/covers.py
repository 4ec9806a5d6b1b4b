"""What the terminal shows of `covers`. In: what was measured; out: lines of text."""

from __future__ import annotations

from typing import Any

from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.studies.covers.command import Covered
from essentia_ldl.studies.covers.table import BASE, FILE

SHOWN = {"balanced_accuracy": "balanced accuracy", "accuracy": "accuracy", "roc_auc": "ROC-AUC", "pr_auc": "PR-AUC"}


def describe_covers(done: Covered) -> list[str]:
    """Write the systems with their intervals, what they gain on audio alone, and where things are."""
    found = done.found
    names = [name for name in SHOWN if name in found["systems"][BASE]]
    heading = f"{'':<32}" + "".join(f"{SHOWN[name]:>24}" for name in names)
    gains = found["kind"] == SINGLE_LABEL
    lines = [heading + (f"{'less ' + BASE:>26}" if gains else "")]
    for name, row in found["systems"].items():
        cells = "".join(f"{_show(row[key], row['intervals'][key], ''):>24}" for key in names)
        gain = f"{_show(row['gain'], row['intervals']['gain'], '+'):>26}" if gains and name != BASE else ""
        lines.append(f"{name:<32}{cells}{gain}".rstrip())
    grouped = f"of whole artists, {found['n_artists']} in all"
    if found["n_without_artist"]:
        grouped = f"NOT grouped by artist: {found['n_without_artist']} tracks have none"
    told = f"{found['n_tracks']} tracks with pictures, {found['n_folds']} folds {grouped}; intervals of 95 %"
    lines.append(told + ("; a demo, which shows that the installation works" if found["demo"] else ""))
    return [*lines, str(done.folder / FILE), *[f"graphs/{name}.pb" for name in done.models]]


def _show(value: float, interval: Any, sign: str) -> str:
    """Write a score and its interval, such as "0.612 [0.550, 0.670]"."""
    form = f"{sign}.3f"
    if interval is None:
        return f"{value:{form}}"
    return f"{value:{form}} [{interval[0]:{form}}, {interval[1]:{form}}]"
