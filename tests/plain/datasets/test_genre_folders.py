"""Collections with a folder per genre: the folder that holds all of them is found, and what is there is said."""

from __future__ import annotations

import os
import re

import pytest

from essentia_ldl.datasets._genre_folders import N_SHOWN, describe, find_root, layout_error
from essentia_ldl.errors import DataError

GENRES = ("blues", "jazz")
PATTERN = re.compile(r"[a-z]+\.\d{5}\.wav")


def make(root, genres=GENRES, name="{}.00000.wav"):
    for genre in genres:
        (root / genre).mkdir(parents=True)
        (root / genre / name.format(genre)).touch()
    return root


@pytest.mark.parametrize("below", [".", "genres", "Data/genres_original"])
def test_the_root_is_where_every_genre_is(tmp_path, below):
    made = make(tmp_path / below)
    assert find_root(tmp_path, GENRES, PATTERN, (".", "genres", "Data/genres_original")) == made
    assert find_root(tmp_path, reversed(GENRES), PATTERN, iter((below,))) == made


def test_the_first_folder_that_fits_counts_and_it_is_absolute(tmp_path, monkeypatch):
    make(tmp_path / "a")
    make(tmp_path / "b")
    monkeypatch.chdir(tmp_path)
    found = find_root(tmp_path.__class__("."), GENRES, PATTERN, ("c", "b", "a"))
    assert found == tmp_path / "b"
    assert os.path.isabs(found)


@pytest.mark.parametrize(
    ("genres", "name"),
    [
        (("blues",), "{}.00000.wav"),  # one genre lacks
        (GENRES, "{}.00000.wav.txt"),  # the whole name has to match
        (GENRES, "x{}.000.wav"),
    ],
)
def test_what_is_another_collection_is_not_found(tmp_path, genres, name):
    make(tmp_path, genres, name)
    assert find_root(tmp_path, GENRES, PATTERN) is None
    assert find_root(tmp_path / "none", GENRES, PATTERN) is None


def test_what_stands_at_a_path_is_said_in_a_few_words(tmp_path):
    assert describe(tmp_path) == "0 folders and 0 files"
    make(tmp_path)
    (tmp_path / "readme").touch()
    (tmp_path / ".hidden").mkdir()
    assert describe(tmp_path) == "2 folders (blues, jazz) and 1 files"
    assert describe(tmp_path / "readme") == "a file"
    assert describe(tmp_path / "none") == "No such file or directory"
    for number in range(N_SHOWN):
        (tmp_path / f"z{number:02d}").mkdir()
    assert describe(tmp_path).endswith(f"z{N_SHOWN - 3:02d} and 2 more) and 1 files")


def test_the_error_says_what_was_found_instead(tmp_path):
    error = layout_error("GTZAN", "a folder of ten genres", make(tmp_path))
    assert isinstance(error, DataError)
    expected = (
        f"^GTZAN: expected a folder of ten genres; got '2 folders \\(blues, jazz\\) and 0 files' \\({tmp_path}\\)"
    )
    assert re.match(expected, str(error))
