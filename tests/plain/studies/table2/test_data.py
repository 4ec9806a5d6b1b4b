"""A folder of data sets: one entry per task, in whatever layout."""

from __future__ import annotations

import re

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import dortmund, gtzan
from essentia_ldl.errors import DataError
from essentia_ldl.studies.table2.data import find_collections
from essentia_ldl.studies.table2.paper import TASKS


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_folders_tables_and_published_layouts_are_found(tmp_path):
    touch(tmp_path / "mood-sad" / "sad" / "a.wav", tmp_path / "mood-sad" / "non_sad" / "b.wav")
    touch(tmp_path / "mood-happy" / "audio" / "a.wav")
    (tmp_path / "mood-happy" / "index.tsv").write_text("path\tlabel\naudio/a.wav\thappy\n")
    (tmp_path / "mood-party.csv").write_text("path,label\nmood-happy/audio/a.wav,party\n")
    for genre in gtzan.CLASS_OF:
        touch(tmp_path / "genre_tzanetakis" / "genres" / genre / f"{genre}.00000.wav")
    for genre in dortmund.CLASSES:
        touch(tmp_path / "genre-dortmund" / genre / "Artist-title.mp3")
    found = find_collections(tmp_path, TASKS)
    assert found.problems == {}
    assert found.external is None
    assert {task: str(path.relative_to(tmp_path)) for task, path in found.collections.items()} == {
        "genre-dortmund": "genre-dortmund",
        "genre-tzanetakis": "genre_tzanetakis",
        "mood-happy": "mood-happy/index.tsv",
        "mood-sad": "mood-sad",
        "mood-party": "mood-party.csv",
    }
    assert len(datasets.read_tracks(found.collections["genre-tzanetakis"])) == 10


def test_notes_beside_the_classes_are_no_table_but_a_table_that_is_named_so_is(tmp_path):
    folder = tmp_path / "mood-sad"
    touch(folder / "sad" / "a.wav", folder / "non_sad" / "b.wav", folder / "notes.csv")
    assert find_collections(tmp_path, TASKS).collections == {"mood-sad": folder}
    touch(folder / "table.csv")
    assert find_collections(tmp_path, TASKS).collections == {"mood-sad": folder / "table.csv"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            ["mood-sad/audio/a.wav", "mood-sad/a.csv", "mood-sad/b.csv"],
            "one table in the folder; got .*'a.csv', 'b.csv'",
        ),
        (["mood-sad/sad/a.wav", "mood-sad.csv"], r"one entry per task; got \['mood-sad', 'mood-sad.csv'\]"),
        (["mood-sad"], "a folder or a table; got 'a file'"),
    ],
)
def test_an_entry_that_is_not_clear_is_a_problem_of_its_task(tmp_path, files, message):
    touch(*(tmp_path / name for name in files))
    found = find_collections(tmp_path, TASKS)
    assert found.collections == {}
    assert list(found.problems) == ["mood-sad"]
    assert re.search(message, found.problems["mood-sad"])


def test_a_folder_without_any_entry_says_what_is_expected_and_found(tmp_path):
    touch(tmp_path / "sad" / "a.wav", tmp_path / "non_sad" / "b.wav")
    with pytest.raises(DataError, match=r"one entry per task, such as genre-dortmund/.*2 folders \(non_sad, sad\)"):
        find_collections(tmp_path, TASKS)
    with pytest.raises(DataError, match="No such file"):
        find_collections(tmp_path / "nothing", TASKS)
