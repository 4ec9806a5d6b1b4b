"""Labels as people write them: spellings become one, nothing and several are refused, with counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets._labels import unify_labels
from essentia_ldl.errors import DataError
from essentia_ldl.records import Track


def make_tracks(*labels: str) -> list[Track]:
    return [Track(str(i), f"/{i}", label) for i, label in enumerate(labels)]


def unify(*labels: str, classes: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    said: list[str] = []
    tracks = unify_labels(make_tracks(*labels), classes, Path("index.csv"), said.append)
    return [track.label for track in tracks], said


def test_spellings_of_a_label_are_one_and_told_a7():
    found, said = unify("sad", "sad", "Sad", "SAD ", "happy", "non-sad", "non_sad", "Non Sad", "non_sad")
    assert found == ["sad"] * 4 + ["happy"] + ["non_sad"] * 4
    assert said[1].endswith("'SAD ' (1), 'Sad' (1), 'sad' (2) -> 'sad'")
    assert said[0].startswith("labels that differ in case, spaces or hyphens alone are one: 'Non Sad' (1), 'non-sad'")


def test_the_spelling_of_a_class_goes_before_the_most_frequent_one_a7():
    assert unify("Sad", "Sad", "sad", classes=("sad", "non_sad"))[0] == ["sad"] * 3
    assert unify("Sad", "Sad", "sad", classes=("sad", "Sad")) == (["Sad", "Sad", "sad"], [])


def test_letters_composed_in_two_ways_are_one_label_a7():
    assert len(set(unify("m\u00e9lo", "me\u0301lo", "x")[0])) == 2


@pytest.mark.parametrize("nothing", ["nan", "None", "NULL", "N/A", "<NA>", "?", "-"])
def test_labels_that_say_there_is_none_are_refused_with_their_number_a7(nothing):
    with pytest.raises(
        DataError, match=r"a class name for every track; got '2 tracks of .* \(2\)' \(index.csv\)\. Fill"
    ):
        unify("sad", nothing, "happy", nothing)
    assert unify("sad", nothing, classes=("sad", nothing))[0] == ["sad", nothing]


@pytest.mark.parametrize(
    "cell", ["sad;happy", "sad|calm", "happy, sad", "Sad/Happy", "['sad', 'happy']", "sad + happy", "[sad]"]
)
def test_several_labels_in_a_cell_are_told_as_such_a7(cell):
    with pytest.raises(DataError, match=r"one class name per track; got ['\"]2 tracks of ") as caught:
        unify("sad", "happy", cell, cell)
    assert "(2)" in str(caught.value)


@pytest.mark.parametrize("name", ["rock & roll", "drum+bass", "hip-hop/rap", "R&B; Soul", "a, b"])
def test_a_name_with_a_separator_whose_parts_are_no_labels_is_a_class_a7(name):
    assert unify("sad", name, name)[0] == ["sad", name, name]


def test_folders_and_recipes_see_one_spelling_a7(tmp_path):
    """A7: `sad/ Sad/ "SAD "/` were seven classes of a new recipe."""
    for name in ("sad", "Sad", "SAD ", "happy", "Happy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.wav").touch()
    said = []
    tracks = datasets.read_tracks(tmp_path, say=said.append)
    assert len({track.label for track in tracks}) == 2
    assert [sentence.count("->") for sentence in said] == [1, 1]
