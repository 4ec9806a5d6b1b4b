"""The paper's table 2 as it is kept: complete, and the same numbers as in print."""

from __future__ import annotations

import pytest

from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.studies.table2.paper import COLUMNS, MARKS, NETWORKS, REASONS, SOURCES, STARTS, TABLE_2, TASKS, Cell

# Sums of the twelve columns and the number of values in bold, taken from the text of the paper.
SUMS = {
    ("scratch", "5f"): (16.36, 15.99, 16.37),
    ("scratch", "ext"): (13.63, 12.89, 13.53),
    ("pretrained", "5f"): (16.21, 15.90, 16.08),
    ("pretrained", "ext"): (13.85, 13.04, 14.07),
}
N_BOLD = 26


def test_the_table_is_complete():
    axes = [
        Cell(network, task, start, column, source)
        for network in NETWORKS
        for task in TASKS
        for start in STARTS
        for column in COLUMNS
        for source in SOURCES
    ]
    assert set(axes) == set(TABLE_2)
    assert len(TABLE_2) == 240
    for task in TASKS:
        assert read_recipe(task).task == task


@pytest.mark.parametrize(("start", "column"), SUMS)
def test_the_columns_have_the_sums_of_the_print(start, column):
    for source, expected in zip(SOURCES, SUMS[start, column], strict=True):
        total = sum(v for c, v in TABLE_2.items() if (c.start, c.column, c.source) == (start, column, source))
        assert total == pytest.approx(expected)


def test_as_many_external_values_beat_none_as_are_printed_in_bold():
    external = [cell for cell in TABLE_2 if cell.column == "ext" and cell.source != "none"]
    assert sum(TABLE_2[cell] > TABLE_2[cell._replace(source="none")] for cell in external) == N_BOLD


def test_suspicious_cells_are_what_their_reasons_say():
    assert set(MARKS.values()) == set(REASONS)
    for cell, mark in MARKS.items():
        assert (cell.network, cell.start) == ("vgg", "pretrained")
        if mark == "c":
            assert TABLE_2[cell] <= TABLE_2[cell._replace(start="scratch")] - 0.069
        else:
            same = TABLE_2[cell] == TABLE_2[cell._replace(column="5f")]
            assert same or (cell.source == "sa" and TABLE_2[cell] == 0.27)


def test_a_cell_of_the_print():
    assert TABLE_2[Cell("musicnn", "mood-sad", "pretrained", "ext", "none")] == 0.71
    assert TABLE_2[Cell("vgg", "genre-rosamerica", "pretrained", "ext", "sb")] == 0.66
    assert MARKS[Cell("vgg", "genre-rosamerica", "pretrained", "ext", "sb")] == "b"
