"""What the terminal shows when a labelling or a review ends. In: its record; out: lines of text."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping

from essentia_ldl.annotate.command import Annotated, Reviewed
from essentia_ldl.errors import Reason, show
from essentia_ldl.runs.names import RECIPE


def describe_annotated(done: Annotated) -> list[str]:
    """Say what was labelled, how far raters agree, and what to do with the table."""
    n = sum(done.counts.values())
    table = os.path.relpath(done.table)
    counts = ", ".join(f"{count} {name}" for name, count in done.counts.items())
    lines = [f"{table}: {n} tracks ({counts})"]
    if done.n_even or done.n_unsure:
        lines.append(f"not in it: {done.n_even} undecided, as votes are even, and {done.n_unsure} unsure")
    if done.agreement is not None:
        scale = "Krippendorff's alpha; 1 is full agreement, 0 is chance"
        lines.append(
            f"agreement of the raters: {done.agreement.alpha:.2f} on {done.agreement.n_tracks} tracks ({scale})"
        )
    lines += _list_silent(done.silent)
    lines += [f"note: {note}" for note in done.notes]
    if sum(count > 0 for count in done.counts.values()) > 1:
        data = f"my-task --data {shlex.quote(table)}"
        lines.append(f"train with it: essentia-ldl new {data}, then essentia-ldl train {data}")
    return lines


def describe_reviewed(done: Reviewed) -> list[str]:
    """Say what became of doubtful labels, and what to do with the file."""
    audit = os.path.relpath(done.audit)
    counts = f"{done.n_changed} labels changed, {done.n_confirmed} confirmed, {done.n_dropped} tracks left out"
    lines = [f"{audit}: {counts}", *_list_silent(done.silent)]
    if done.n_changed or done.n_dropped:
        recipe = os.path.join(os.path.dirname(audit), RECIPE)
        command = f"train {shlex.quote(recipe)} --corrections {shlex.quote(audit)}"
        lines.append(f"train with it: essentia-ldl {command}, and the --data of before")
    return lines


def _list_silent(silent: Mapping[str, str]) -> list[str]:
    return [f"not played: {show(path)}: {Reason(reason)}" for path, reason in silent.items()]
