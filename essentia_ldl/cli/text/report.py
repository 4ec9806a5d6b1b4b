"""What the terminal shows of a report. In: `Reported`; out: lines of text."""

from __future__ import annotations

from essentia_ldl.report.command import Reported


def describe_report(done: Reported) -> list[str]:
    """Write what is missing, and where everything is."""
    return [
        *done.notes,
        *(f"picture: {path}" for path in done.pictures),
        f"report: {done.page}",
        *([] if done.audit is None else [f"labels to listen to again: {done.audit}"]),
    ]
