"""Rows of measures: what each is, who answers, and the filter."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.collection.alike import number_alike
from essentia_ldl.errors import DataError
from essentia_ldl.scores.neighbours import rank_neighbours
from essentia_ldl.spaces.measure import MeasureTerms, average, choose_columns, draw_sides, measure_vectors


def test_rows_are_columns_without_and_with_the_filter(music):
    tracks, vectors = music
    rows = measure_vectors("m", tracks, vectors, MeasureTerms(("artist", "genre")))
    assert [(row.by, row.filtered) for row in rows] == [("artist", False), ("genre", False), ("genre", True)]
    expected = rank_neighbours(vectors, number_alike(tracks, "genre"), 10, number_alike(tracks, "artist"))
    assert rows[2].scores["map"].value == pytest.approx(expected.average_precision.mean())
    assert rows[2].scores["precision"].value == pytest.approx(expected.precision.mean())
    assert set(rows[0].scores) == {"map", "precision"}
    assert set(rows[1].scores) == {"map", "precision", "knn", "softmax"}
    low, high = rows[1].scores["map"].interval
    assert low <= rows[1].scores["map"].value <= high
    assert rows[1].scores["softmax"].value > 0.8


def test_artists_with_one_track_are_left_out_and_counted(music):
    tracks, vectors = music
    few = [track for n, track in enumerate(tracks) if n not in (1, 3)]
    [row] = measure_vectors("m", few, np.delete(vectors, [1, 3], axis=0), MeasureTerms(("artist",)))
    assert (row.scores["map"].n_asked, row.scores["map"].n_without) == (20, 2)


def test_without_artists_there_is_no_filter(music, monkeypatch):
    tracks, vectors = music
    monkeypatch.setattr("essentia_ldl.spaces.measure.cut_sides", lambda vectors, groups, parts: np.zeros(len(groups)))
    unknown = [dataclasses.replace(track, artist=None) for track in tracks]
    assert choose_columns(unknown, ()) == ("label",)
    assert choose_columns(tracks, ()) == ("artist", "label")
    assert [row.filtered for row in measure_vectors("m", unknown, vectors, MeasureTerms(("genre",)))] == [False]


def test_folds_keep_artists_apart_where_the_filter_is_on(music):
    tracks, _ = music
    groups = number_alike(tracks, "genre")
    parts = draw_sides(tracks, groups, True, 0)
    assert sorted(np.concatenate([part["test"] for part in parts])) == list(range(24))
    for part in parts:
        train, test = ({tracks[row].artist for row in part[role]} for role in ("train", "test"))
        assert not train & test
    assert any(
        {tracks[row].artist for row in part["train"]} & {tracks[row].artist for row in part["test"]}
        for part in draw_sides(tracks, groups, False, 0)
    )


def test_the_sides_of_a_collection_are_taken(music):
    tracks, _ = music
    roles = ["train"] * 12 + ["valid"] * 4 + ["test"] * 8
    fixed = [dataclasses.replace(track, split=role) for track, role in zip(tracks, roles, strict=True)]
    [part] = draw_sides(fixed, number_alike(tracks, "genre"), True, 0)
    assert {role: len(rows) for role, rows in part.items()} == {"train": 12, "valid": 4, "test": 8}


def test_too_few_artists_for_folds_have_no_classifiers(music):
    tracks, vectors = music
    [row, _] = measure_vectors("m", tracks[:6], vectors[:6], MeasureTerms(("genre",)))
    assert set(row.scores) == {"map", "precision"}


def test_a_mean_over_artists_has_an_interval():
    score = average(np.array([1.0, 0.0, np.nan, 1.0]), np.array([0, 1, 2, 3]))
    assert (score.value, score.n_asked, score.n_without) == (pytest.approx(2 / 3), 3, 1)
    assert score.interval[0] < score.value <= score.interval[1]
    assert average(np.array([1.0, 0.0]), np.array([0, 0])).interval is None
    assert average(np.full(2, np.nan), np.array([0, 1])).interval is None


def test_numbers_out_of_range():
    with pytest.raises(DataError, match="k: expected 1 or more; got 0"):
        MeasureTerms(k=0)
    with pytest.raises(DataError, match="pictures: expected a folder; got 'a file'"):
        MeasureTerms(pictures=Path(__file__))
