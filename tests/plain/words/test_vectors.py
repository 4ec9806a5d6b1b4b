"""Words and phrases: how they are spelled, what the mean of a phrase is, and what has no vector."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from essentia_ldl.errors import DataError, UnknownNameError
from essentia_ldl.words import vectors
from essentia_ldl.words.vectors import WordVectors, read_vectors

FILE = "female 3 0\nvocal 0 5\nhip 1 0\nhop 0 1\nMelancholic 1 1\nR&B 2 0\nrock 0 1\nzero 0 0\nupside 1 0\nanti -1 0\n"


@pytest.fixture
def find(tmp_path):
    """A function (phrase) -> the phrase with its vector, of a file of two numbers per word."""
    (tmp_path / "glove.txt").write_text(FILE)
    return lambda text: read_vectors(tmp_path / "glove.txt", [text]).find(text)


def test_the_examples_run():
    assert doctest.testmod(vectors).attempted == 2


@pytest.mark.parametrize(
    ("text", "spelled", "unit", "note"),
    [
        ("rock", ["rock"], [0, 1], ""),
        ("Rock", ["rock"], [0, 1], "Rock is read as rock."),
        ("melancholic", ["Melancholic"], [0.5**0.5, 0.5**0.5], "melancholic is read as Melancholic."),
        ("female vocal", ["female", "vocal"], [0.5**0.5, 0.5**0.5], "female vocal is the mean of female and vocal."),
        ("Hip-Hop", ["hip", "hop"], [0.5**0.5, 0.5**0.5], "Hip-Hop is the mean of hip and hop."),
        ("r&b", ["R&B"], [1, 0], "r&b is read as R&B."),
        ("hip  rock vocal", ["hip", "rock", "vocal"], [0.2**0.5, 0.8**0.5], None),
    ],
)
def test_a_phrase_is_the_mean_of_the_unit_vectors_of_its_words(find, text, spelled, unit, note):
    found = find(text)
    assert list(found.spelled) == spelled
    assert found.unit.tolist() == pytest.approx(unit)
    assert note is None or found.note == note


def test_a_phrase_that_the_file_has_whole_goes_before_its_words(tmp_path):
    (tmp_path / "news.txt").write_text("hip_hop 1 0\nfemale 0 1\nvocalist 1 0\nFemale_Vocalist 3 4\n")
    found = read_vectors(tmp_path / "news.txt", ["Hip-Hop", "female vocalist"])
    assert found.find("Hip-Hop").spelled == ("hip_hop",)
    assert found.find("female vocalist").unit.tolist() == pytest.approx([0.6, 0.8])
    assert found.find("female vocalist").note == "female vocalist is read as Female_Vocalist."


def test_a_word_without_a_vector_is_told_with_the_nearest_spellings(find):
    with pytest.raises(UnknownNameError, match=r"one that has a vector; got 'melancolic'.*Did you mean 'Melancholic'"):
        find("melancolic rock")
    with pytest.raises(UnknownNameError, match=r"got 'xylophone'.*Take another word, or another file"):
        find("xylophone")


def test_words_that_say_nothing_are_refused(find):
    with pytest.raises(DataError, match="one that is not zero"):
        find("zero")
    with pytest.raises(DataError, match="one that is not zero"):
        find("upside anti")
    with pytest.raises(UnknownNameError, match="one that has a vector; got ''"):
        find("")


def test_rows_and_words_fit():
    with pytest.raises(DataError, match="one row for each of 2 words"):
        WordVectors("x", ("a", "b"), np.zeros((1, 3), np.float32))
