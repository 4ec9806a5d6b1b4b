"""Label sources as lines of text."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from essentia_ldl import labels
from essentia_ldl.cli.text.labels import describe_labelled
from essentia_ldl.records import LabelTable
from essentia_ldl.train.show_labels import Labelled

TABLE = LabelTable(("a", "b"), ("non_sad", "sad"), np.array([[0.75, 0.25], [0.5, 0.5]]))
TRUE = {"a": "non_sad", "b": "sad"}
DONE = Labelled({"sa": TABLE}, {"sa": {}}, {"sa": Path("/x/sa.csv")}, TRUE, Path("/x/histogram.png"))


def test_a_source_is_told_by_its_file_its_histogram_and_the_picture():
    lines = describe_labelled(DONE)
    assert (lines[0], lines[-1]) == ("sa: /x/sa.csv", "/x/histogram.png")
    assert lines[1] == labels.text_histogram({"sa": TABLE}, TRUE)
    assert lines[2:-1] == labels.describe_own_mass(TABLE, TRUE)


def test_what_lmnn_learned_from_is_told():
    report = {"n_iter": 7, "converged": True, "n_filtered": {"sad": 3, "non_sad": 1}, "n_put_back": {"sad": 2}}
    lines = describe_labelled(dataclasses.replace(DONE, reports={"sa": report}, picture=None))
    assert lines[-3:] == [
        "LMNN converged after 7 iterations",
        "LMNN did not learn from 3 sad, 1 non_sad: most neighbours contradict",
        "it learned from 2 sad all the same: too few were left",
    ]
    report = {"n_iter": 7, "n_filtered": {"sad": 0}, "n_put_back": {"sad": 0}}
    lines = describe_labelled(dataclasses.replace(DONE, reports={"sa": report}, picture=None))
    assert lines[-2].startswith("LMNN stopped after 7")
