"""What the terminal shows of the papers' experiments. In: what they measured; out: lines of text."""

from __future__ import annotations

from essentia_ldl.studies.artist_groups import tables as artist_groups_tables
from essentia_ldl.studies.artist_groups.command import Experiment
from essentia_ldl.studies.table2 import tables as table2_tables
from essentia_ldl.studies.table2.command import Table


def describe_table2(done: Table) -> list[str]:
    """Write the table, measured beside the paper's; after a dry run, where the measured costs are."""
    if not done.rows:
        return [f"nothing trained; the measured costs are in {done.folder / 'costs.json'}"]
    return [*table2_tables.describe_rows(done.rows, done.heading), str(done.folder / "table2.md")]


def describe_artist_groups(done: Experiment) -> list[str]:
    """Write the tables, measured beside the paper's; nothing after a dry run."""
    if not done.rows:
        return []
    lines = artist_groups_tables.describe(done.rows, is_demo=done.is_demo)
    return [*lines, *done.notes, str(done.folder / "agf.md")]
