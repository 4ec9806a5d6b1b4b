"""A report as lines of text."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.cli.text.report import describe_report
from essentia_ldl.report.command import Reported


def test_notes_come_first_and_the_files_last():
    run = Path("/runs/r")
    done = Reported(("There is no map.",), (run / "a.png", run / "b.png"), run / "report.html", run / "audit.csv")
    assert describe_report(done) == [
        "There is no map.",
        "picture: /runs/r/a.png",
        "picture: /runs/r/b.png",
        "report: /runs/r/report.html",
        "labels to listen to again: /runs/r/audit.csv",
    ]
