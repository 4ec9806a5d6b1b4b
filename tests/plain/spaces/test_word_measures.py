"""Retrieval and annotation by words, against scikit-learn, and the words that are near."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from essentia_ldl.spaces import word_measures
from essentia_ldl.spaces.word_measures import list_nearest, list_rows, measure_words


@pytest.fixture
def case():
    random = np.random.default_rng(3)
    truth = (random.random((60, 4)) < 0.3).astype(int)
    return truth, np.clip(random.normal(0.2 * truth, 0.3), -1, 1)


def test_the_examples_run():
    assert doctest.testmod(word_measures).attempted == 1


def test_both_ways_are_those_of_scikit_learn(case):
    truth, cosines = case
    found = measure_words(truth, cosines)
    assert (found["n_words"], found["n_tracks"]) == (4, int(truth.any(axis=1).sum()))
    assert found["auc"] == pytest.approx(roc_auc_score(truth, cosines, average="macro"))
    assert found["tracks_map"] == pytest.approx(average_precision_score(truth, cosines, average="macro"))
    rows = truth.any(axis=1)
    by_track = [average_precision_score(one, other) for one, other in zip(truth[rows], cosines[rows], strict=True)]
    assert found["tags_map"] == pytest.approx(np.mean(by_track))
    assert found["chance"] == pytest.approx(truth.mean())


def test_a_word_that_all_or_no_tracks_have_is_not_measured(case):
    truth, cosines = case
    truth[:, 0], truth[:, 1] = 0, 1
    assert measure_words(truth, cosines)["n_words"] == 2
    assert measure_words(truth[:, :2], cosines[:, :2]) == {"n_words": 0, "n_tracks": 0}


def test_every_word_has_a_row(case):
    truth, cosines = case
    truth[:, 1] = 0
    rows = list_rows(["a", "b", "c", "d"], truth, cosines, ["a", "b"])
    assert [row["seen"] for row in rows] == [True, True, False, False]
    assert rows[1] == {"word": "b", "seen": True, "n_tracks": 0, "auc": None}
    assert rows[2]["auc"] == pytest.approx(roc_auc_score(truth[:, 2], cosines[:, 2]))
    assert rows[2]["average_precision"] == pytest.approx(average_precision_score(truth[:, 2], cosines[:, 2]))
    best = np.argsort(-cosines[:, 2])[:10]
    assert rows[2]["precision_at_10"] == pytest.approx(truth[best, 2].mean())


def test_there_are_fewer_neighbours_than_words():
    assert list_nearest(["a", "b"], np.eye(2), 5) == {"a": ["b"], "b": ["a"]}
