"""The tables of a cross-validation: every row, every remark, and nothing that scores.json does not hold."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from essentia_ldl.cli.text.crossval import _describe_comparisons, describe_final, describe_measured, describe_scores
from essentia_ldl.collection.read import Collection
from essentia_ldl.files import Home
from essentia_ldl.measure.crossval import Measured
from essentia_ldl.records import Failure
from essentia_ldl.scores.statistics import compare_all
from essentia_ldl.train.train import Trained


def make_scores(**changes) -> dict:
    def source(*values):
        folds = [{"balanced_accuracy": value} for value in values]
        recall = {"a": 0.25, "b": 0.75}
        pooled = [{"balanced_accuracy": values[0], "recall": recall, "confusion": [[1, 4], [2, 5]]}] * 2
        mean = float(np.mean(values))
        names = ("balanced_accuracy_mean", "balanced_accuracy_std", "balanced_accuracy_pooled")
        return {**dict(zip(names, (mean, 0.1, values[0]), strict=True)), "pooled": pooled, "folds": folds}

    fold = {"n_train": 6, "n_valid": 2, "n_test": 4, "held_out": None}
    scores = {
        "task": "t",
        "classes": ["a", "b"],
        "n_tracks": 12,
        "class_counts": {"a": 5, "b": 7},
        "n_folds": 2,
        "n_repeats": 1,
        "leave_out": None,
        "seeds": [0],
        "grouped_by_artist": True,
        "warnings": [],
        "folds": [fold, {**fold, "n_test": 5}],
        "sources": {"none": source(0.5, 0.7), "sa": source(0.6, 0.9)},
        "baselines": {"logreg": source(0.61, 0.62)},
        "baselines_left_out": {"mfcc-svm": "MFCC: expected those of every track."},
        "patch_hop_frames": 93,
        "listeners": None,
        "findings": [],
        **changes,
    }
    values = {n: [f["balanced_accuracy"] for f in s["folds"]] for n, s in scores["sources"].items()}
    return {**scores, "comparisons": compare_all(values, "none", 0.5)}


def test_the_table_shows_every_row_and_why_one_is_missing():
    lines = describe_scores(make_scores())
    assert lines[0] == "t: 2 folds, grouped by artist"
    assert lines[1].startswith("12 tracks (5 a, 7 b); a fold trains on 6, validates on 2, tests on 4 to 5; seeds 0")
    assert [line.split()[0] for line in lines[3:8]] == ["none", "sa", "baselines,", "logreg", "mfcc-svm"]
    assert lines[3].split()[1:] == ["0.600", "+-", "0.100", "0.500", "0.250", "0.750"]
    assert lines[7].endswith("left out: MFCC: expected those of every track.")
    assert lines[8].startswith("against none")
    assert lines[9].split()[:2] == ["sa", "+0.150"]
    assert "df 2, as in the paper; paired: the same folds, df 1" in lines[10]
    assert lines[1].endswith("; networks scored every 93 frames")


def test_the_table_ends_with_the_confusion_of_the_best_source_over_all_repetitions_and_the_findings():
    lines = describe_scores(make_scores(findings=["no network beats every baseline: …"]))
    assert [line.split() for line in lines[-4:-1]] == [
        ["sa:", "true", "/", "predicted", "a", "b"],
        ["a", "2", "8"],
        ["b", "4", "10"],
    ]
    assert lines[-1] == "finding: no network beats every baseline: …"


def test_listeners_stand_in_a_table_of_their_own_and_a_correlation_that_does_not_exist_is_a_dash():
    scores = make_scores(listeners={"column": "share_of_b", "class": "b"})
    for number, row in enumerate((*scores["sources"].values(), *scores["baselines"].values())):
        row["listeners"] = {
            "divergence": {"unit": "nats", "model": 0.0123 + number, "constant": 0.04, "difference": 0.0},
            "spearman": 0.5,
            "spearman_within": {"a": None, "b": -0.25},
        }
    lines = describe_scores(scores)
    start = next(number for number, line in enumerate(lines) if line.startswith("listeners"))
    assert lines[start + 1].split() == ["none", "0.0123", "0.0400", "0.500", "-", "-0.250"]
    assert [line.split()[0] for line in lines[start + 1 : start + 4]] == ["none", "sa", "logreg"]
    assert "for b, column share_of_b" in lines[start + 4]


def test_the_table_says_what_is_not_grouped_and_what_was_left_out():
    folds = [{"n_train": 6, "n_valid": 2, "n_test": 4, "held_out": value} for value in ("pop", "classical")]
    warning = "NOT grouped by artist: …"
    scores = make_scores(grouped_by_artist=False, warnings=[warning], leave_out="genre", folds=folds)
    scores["sources"]["sa"]["pooled"][0]["recall"]["a"] = None
    lines = describe_scores(scores)
    assert lines[:2] == ["t: 2 folds, each a genre left out", warning]
    assert lines[5].split()[5:] == ["-", "0.750"], "a class that no test side has"
    start = next(number for number, line in enumerate(lines) if line.startswith("left out"))
    assert lines[start].split() == ["left", "out", "pop", "classical"]
    assert lines[start + 1].split() == ["none", "0.500", "0.700"]


def test_a_difference_without_any_deviation_is_no_evidence():
    values = {"none": [0.5, 0.5], "sb": [0.75, 0.75]}
    rows = compare_all(values, "none", 0.25)
    line = _describe_comparisons(rows, 8)[1]
    assert line.split() == ["sb", "+0.250", "-", "-", "-"]


def test_what_was_left_out_comes_before_the_place_of_the_scores():
    failures = (Failure("/a.wav", "features", "a is bad."), Failure("/b.wav", "features", "b is bad."))
    collection = Collection((), {}, {}, failures, Home("/music"))
    run = Path("/music/runs/r")
    done = Measured(run, make_scores(), collection, (), "f", run / "descriptors-failures.csv")
    lines = describe_measured(done)
    assert lines[:-3] == describe_scores(done.scores)
    assert lines[-3:] == [
        "2 files were left out: see /music/runs/r/failures.csv",
        "files that MusicExtractor refused count as average there: see /music/runs/r/descriptors-failures.csv",
        "/music/runs/r/scores.json",
    ]
    whole = dataclasses.replace(done, refused=None, collection=dataclasses.replace(collection, failures=()))
    assert describe_measured(whole)[-2] == lines[-4]


def test_a_final_model_is_told_by_its_place():
    done = Trained(Path("/runs/r"), ("a-1", "b-1"), {}, ())
    assert describe_final(done, Path("/graphs")) == [
        "final model: /graphs/a-1.pb and .json",
        "final model: /graphs/b-1.pb and .json",
        "run: /runs/r",
    ]
