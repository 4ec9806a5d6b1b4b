"""What the terminal shows of label sources. In: `Labelled`; out: lines of text.

Sources whose columns are the classes are told by the mass on a track's own class; auxiliary ones, groups of artists,
by the groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from essentia_ldl import labels as label_sources
from essentia_ldl.train.show_labels import Labelled


def describe_labelled(done: Labelled) -> list[str]:
    """Write where the tables are and what is in them."""
    lines = []
    for name, table in done.tables.items():
        report = done.reports[name]
        lines.append(f"{name}: {done.files[name]}")
        if label_sources.is_auxiliary(name):
            lines += label_sources.tell_groups(report)
            continue
        lines.append(label_sources.text_histogram({name: table}, done.true_labels))
        lines += label_sources.describe_own_mass(table, done.true_labels)
        lines += _describe_learning(report)
    return lines if done.picture is None else [*lines, str(done.picture)]


def _describe_learning(report: Mapping[str, Any]) -> list[str]:
    """Write how LMNN came out, where it learned anything."""
    lines = []
    if "n_iter" in report:
        state = "converged" if report.get("converged") else "stopped"
        lines.append(f"LMNN {state} after {report['n_iter']} iterations")
    if "n_filtered" in report:
        lines.append(f"LMNN did not learn from {_count(report['n_filtered'])}: most neighbours contradict")
        if any(report["n_put_back"].values()):
            lines.append(f"it learned from {_count(report['n_put_back'])} all the same: too few were left")
    return lines


def _count(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items())
