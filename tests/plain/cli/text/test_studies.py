"""The papers' experiments as lines of text."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.cli.text.studies import describe_artist_groups, describe_benchmark, describe_table2
from essentia_ldl.studies.artist_groups.command import Experiment
from essentia_ldl.studies.table2.command import Table
from essentia_ldl.studies.table2.tables import fill_rows
from essentia_ldl.studies.tagging.command import Benchmarked


def test_a_dry_run_says_where_the_costs_are():
    assert describe_table2(Table(Path("/r"))) == ["nothing trained; the measured costs are in /r/costs.json"]
    assert describe_artist_groups(Experiment(Path("/r"))) == []


def test_a_table_begins_with_its_heading_and_ends_with_its_file():
    lines = describe_table2(Table(Path("/r"), ("sets: 5 folds",), tuple(fill_rows({}))))
    assert (lines[0], lines[-1]) == ("sets: 5 folds", "/r/table2.md")
    assert sum(line.startswith("vgg ") for line in lines) == 20


def test_networks_come_the_best_first_and_differences_last():
    def make(title, score):
        names = ("roc_auc", "pr_auc", "tracks_precision", "tags_precision")
        costs = {"training_s": 60.0, "ms_per_s": 1.5}
        row = {"title": title, "scores": dict.fromkeys(names, score), "parameters": 3687348, "costs": costs}
        return {**row, "intervals": {"roc_auc": None if title == "FCN" else [score - 0.1, score + 0.1]}}

    networks = {"fcn": make("FCN", 0.7), "crnn": make("CRNN", 0.8)}
    rows = {"fcn": {"roc_auc": 0.01, "pr_auc": -0.02, "ms_per_s": 2.0}}
    told = {"networks": rows, "settings": "folds 1 in place of 5", "only_ours": ["crnn"], "only_theirs": []}
    assert describe_benchmark(Benchmarked(Path("/r"))) == []
    lines = describe_benchmark(Benchmarked(Path("/r"), {"networks": networks}, told))
    assert [line.split()[0] for line in lines[1:3]] == ["CRNN", "FCN"]
    assert lines[1].split()[1:] == ["0.800", "[0.700,", "0.900]", *["0.800"] * 3, "3.7M", "1.50"]
    assert lines[2].split()[1:] == ["0.700"] * 4 + ["3.7M", "1.50"]
    assert lines[4].split() == ["fcn", "+0.010", "-0.020", "time", "x", "2.00"]
    assert lines[5:7] == ["other settings: folds 1 in place of 5", "only in this run: crnn"]
    assert lines[-2:] == ["/r/benchmark.json", "/r/benchmark.html"]
