"""Tags and numbers in the columns of a table, and what is said of a table that is of another kind."""

from __future__ import annotations

import pytest

from essentia_ldl import datasets
from essentia_ldl.errors import DataError, UnknownNameError


@pytest.fixture
def write(tmp_path):
    for name in ("a.wav", "b.wav", "c.wav"):
        (tmp_path / name).touch()

    def write(*lines):
        path = tmp_path / "table.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def read_tags(path, **settings):
    return [track.tags for track in datasets.read_tracks(path, kind="multi_label", **settings)]


def read_numbers(path, **settings):
    return [dict(track.numbers) for track in datasets.read_tracks(path, kind="regression", **settings)]


@pytest.mark.parametrize("separator", [", ", ";", "|"])
def test_a_column_of_lists(write, separator):
    path = write("path,tags", f'a.wav,"rock{separator}guitar"', "b.wav,", 'c.wav,"rock"')
    assert read_tags(path) == [("guitar", "rock"), (), ("rock",)]


def test_a_list_in_another_column_is_named(write):
    path = write("path,label", 'a.wav,"rock,live"', "b.wav,jazz")
    assert read_tags(path, options={"tags": "label"}) == [("live", "rock"), ("jazz",)]
    with pytest.raises(UnknownNameError, match="column of the table"):
        read_tags(path, options={"tags": "tag"})


def test_a_column_per_tag(write):
    path = write("path,rock,guitar,year", "a.wav,1,0,1999", "b.wav,0,1,2000", "c.wav,yes,no,2001")
    assert read_tags(path) == [("rock",), ("guitar",), ("rock",)]
    assert read_tags(path, classes=("rock",)) == [("rock",), (), ("rock",)]
    assert read_tags(path, options={"columns": "guitar"}) == [(), ("guitar",), ()]


def test_a_cell_that_is_neither_is_told_with_its_row(write):
    path = write("path,rock", "a.wav,1", "b.wav,0.5")
    with pytest.raises(DataError, match=r"^tag 'rock': expected 1 or 0; got '0\.5' \(.*table\.csv, row 3\)"):
        read_tags(path, classes=("rock",))


def test_columns_with_numbers_are_dimensions_in_their_order(write):
    path = write("path,valence,arousal,title", "a.wav,5.5,3,x", "b.wav,-1,4e-1,y")
    expected = [{"valence": 5.5, "arousal": 3.0}, {"valence": -1.0, "arousal": 0.4}]
    assert read_numbers(path) == expected
    assert [list(one) for one in read_numbers(path)] == [["valence", "arousal"]] * 2
    assert read_numbers(path, options={"columns": "arousal"}) == [{"arousal": 3.0}, {"arousal": 0.4}]


@pytest.mark.parametrize("cell", ["nan", "", "inf", "five"])
def test_a_number_that_is_none_is_told_with_its_row(write, cell):
    path = write("path,valence", "a.wav,1", f"b.wav,{cell}")
    with pytest.raises(DataError, match=rf"^valence: expected a finite number; got '{cell}' \(.*table\.csv, row 3\)"):
        read_numbers(path, classes=("valence",))


def test_a_table_of_another_kind_is_told_by_its_remedy(write):
    tags = write("path,tags", "a.wav,rock", "b.wav,")
    with pytest.raises(DataError, match=r"header: expected a column 'label'; .* For its tags set kind to multi_label"):
        datasets.read_tracks(tags, kind="single_label")
    labels = write("path,label", "a.wav,rock", "b.wav,jazz")
    for kind, message in (("multi_label", "leave kind out"), ("regression", "is of single_label: leave kind out")):
        with pytest.raises(DataError, match=message):
            datasets.read_tracks(labels, kind=kind)
    numbers = write("path,valence", "a.wav,1", "b.wav,2.5")
    with pytest.raises(DataError, match="For numbers such as 'valence' set kind to regression"):
        datasets.read_tracks(numbers, kind="single_label")


def test_a_folder_of_classes_is_no_collection_of_tags(tmp_path):
    for name in ("rock/a.wav", "jazz/b.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    with pytest.raises(DataError, match="collection: expected tracks of the kind multi_label, as the recipe says; got"):
        datasets.read_tracks(tmp_path, kind="multi_label")


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (("path,label", "a.wav,1", "b.wav,0"), "single_label"),
        (("path,tags", "a.wav,x", "b.wav,"), "multi_label"),
        (("path,rock", "a.wav,1", "b.wav,0"), "multi_label"),
        (("path,valence", "a.wav,1", "b.wav,3"), "regression"),
    ],
)
def test_whoever_does_not_ask_gets_what_the_table_looks_like(write, lines, kind):
    assert {track.kind for track in datasets.read_tracks(write(*lines))} == {kind}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["rock (live)", "'80s", "vocals (female)"], [("rock (live)",), ("'80s",), ("vocals (female)",)]),
        (["Air horn, truck horn; Car", "Car", "nan"], [("Air horn, truck horn", "Car"), ("Car",), ()]),
        (["['rock', 'guitar']", '["jazz"]', "[]"], [("guitar", "rock"), ("jazz",), ()]),
        (["None", "n/a", "rock,"], [(), (), ("rock",)]),
    ],
)
def test_names_of_tags_stay_as_they_are_written(write, cells, expected):
    rows = [f'{name}.wav,"{cell.replace(chr(34), chr(34) * 2)}"' for name, cell in zip("abc", cells, strict=True)]
    assert read_tags(write("path,tags", *rows)) == expected
