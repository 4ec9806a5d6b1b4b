"""The papers' experiments as lines of text."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.cli.text.studies import describe_artist_groups, describe_table2
from essentia_ldl.studies.artist_groups.command import Experiment
from essentia_ldl.studies.table2.command import Table
from essentia_ldl.studies.table2.tables import fill_rows


def test_a_dry_run_says_where_the_costs_are():
    assert describe_table2(Table(Path("/r"))) == ["nothing trained; the measured costs are in /r/costs.json"]
    assert describe_artist_groups(Experiment(Path("/r"))) == []


def test_a_table_begins_with_its_heading_and_ends_with_its_file():
    lines = describe_table2(Table(Path("/r"), ("sets: 5 folds",), tuple(fill_rows({}))))
    assert (lines[0], lines[-1]) == ("sets: 5 folds", "/r/table2.md")
    assert sum(line.startswith("vgg ") for line in lines) == 20
