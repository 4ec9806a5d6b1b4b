"""Table 2 beside the paper's: every number at its place, in text, Markdown, CSV and json."""

from __future__ import annotations

import csv

import pytest

from essentia_ldl.files import read_json
from essentia_ldl.studies.table2.paper import NETWORKS, REASONS, TABLE_2, TASKS, Cell
from essentia_ldl.studies.table2.tables import (
    FIELDS,
    describe_rows,
    fill_rows,
    score_external_cell,
    score_fold_cell,
    write_files,
)

CELL = Cell("musicnn", "mood-happy", "scratch", "5f", "sa")
SCORES = {
    "n_tracks": 12,
    "sources": {
        "none": {"balanced_accuracy_mean": 0.5, "balanced_accuracy_std": 0.1},
        "sa": {"balanced_accuracy_mean": 0.751, "balanced_accuracy_std": 0.04},
    },
    "comparisons": [
        {"name": "sa", "against": "none", "corrected": {"p": 0.01}},
        {"name": "logreg", "against": "none", "corrected": {"p": 0.5}},
    ],
}


def test_a_fold_cell_is_its_source_with_the_corrected_test_against_none():
    assert score_fold_cell(SCORES, "sa") == {"measured": 0.751, "deviation": 0.04, "n_tracks": 12, "p": 0.01}
    assert score_fold_cell(SCORES, "none")["p"] is None, "nothing is compared with itself"
    with pytest.raises(KeyError):
        score_fold_cell(SCORES, "sb")


def test_an_external_cell_has_one_score():
    found = score_external_cell({"balanced_accuracy": 0.6, "n_tracks": 9, "accuracy": 0.7})
    assert found == {"measured": 0.6, "deviation": None, "n_tracks": 9, "p": None}


def test_every_cell_of_the_paper_has_a_row_with_or_without_a_measurement():
    rows = fill_rows({CELL: {**score_fold_cell(SCORES, "sa"), "scores": "runs/x/scores.json"}})
    assert all(set(row) == set(FIELDS) for row in rows)
    assert [Cell(*(row[name] for name in Cell._fields)) for row in rows] == list(TABLE_2)
    (measured,) = [row for row in rows if row["measured"] is not None]
    assert (measured["paper"], measured["scores"]) == (0.76, "runs/x/scores.json")


def test_the_lines_have_both_values_at_their_column_and_a_star_where_they_differ():
    lines = describe_rows(fill_rows({CELL: score_fold_cell(SCORES, "sa")}), ["a heading"])
    assert lines[0] == "a heading"
    starts = [number for number, line in enumerate(lines) if line.startswith("trained from scratch")]
    line = next(line for line in lines[starts[0] :] if line.startswith("musicnn  mood-happy"))
    assert line.split()[2:4] == ["-|0.72", "0.75*|0.76"]
    assert sum(line.startswith(NETWORKS) for line in lines) == 2 * len(NETWORKS) * len(TASKS)
    weak = {**SCORES, "comparisons": [{"name": "sa", "against": "none", "corrected": {"p": 0.05}}]}
    assert not any("0.75*" in line for line in describe_rows(fill_rows({CELL: score_fold_cell(weak, "sa")})))


def test_the_files_hold_the_same_rows(tmp_path):
    rows = fill_rows({CELL: score_fold_cell(SCORES, "sa")})
    write_files(tmp_path, {"heading": ["of nothing"], "cells": rows, "more": 1})
    content = read_json(tmp_path / "table2.json")
    assert (content["cells"], content["more"], content["reasons"]) == (rows, 1, REASONS)
    with open(tmp_path / "table2.csv", newline="") as file:
        written = list(csv.DictReader(file))
    assert len(written) == 240
    assert [row["measured"] for row in written if row["measured"]] == ["0.751"]
    text = (tmp_path / "table2.md").read_text()
    assert text.startswith("# Table 2, measured / paper\n\nof nothing\n")
    assert "| musicnn | mood-happy | - / 0.72 | 0.75\\* ± 0.04 / 0.76 |" in text
    heads = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    assert set(heads) == {9}
