"""Runs with a report, as the tests of the report write them by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location(
    "annotate_report_writer", Path(__file__).parents[1] / "report" / "conftest.py"
)
_report = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_report)

home, make_writer, judge_run, read_audit = _report.home, _report.make_writer, _report.judge_run, _report.read_audit
