"""Tags and numbers in the columns of a table, and what is said of a table that is of another kind."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def test_a_dimension_without_a_column_is_told_with_the_nearest(write):
    path = write("path,valence", "a.wav,1", "b.wav,2.5")
    with pytest.raises(
        UnknownNameError, match=r"^dimension 'valance': .*\(.*table\.csv\)\. Did you mean 'valence'\? Add the"
    ):
        read_numbers(path, classes=("valance",))
    other = write("path", "a.wav", "b.wav")
    with pytest.raises(
        UnknownNameError, match=r"^dimension 'valence': expected a column of its name; got \[\] .*\. Add"
    ):
        read_numbers(other, classes=("valence",))


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


# --- tables that can be read in two ways ----------------------------------------------------------------------------


def test_a_list_goes_before_columns_that_say_nothing_of_its_tags_and_it_is_told(write):
    path, said = write("path,tags,live,year", "a.wav,rock,1,1999", "b.wav,jazz,0,2000", "c.wav,,1,2001"), []
    assert read_tags(path, say=said.append) == [("rock",), ("jazz",), ()]
    assert said == ["tags are those of the column 'tags'; the column live is passed over (option columns=A,B)"]
    assert read_tags(path, options={"columns": "live"}) == [("live",), (), ("live",)]
    said.clear()
    assert read_tags(path, options={"tags": "tags"}, say=said.append) == [("rock",), ("jazz",), ()]
    assert said == []


def test_columns_are_read_where_all_tags_of_the_task_are_columns_and_none_is_in_the_list(write):
    path, said = write("path,tags,live,fast", "a.wav,rock,1,0", "b.wav,jazz,0,1", "c.wav,,1,1"), []
    assert read_tags(path, classes=("live", "fast"), say=said.append) == [("live",), ("fast",), ("fast", "live")]
    assert said == ["tags are the columns of 1 and 0; the column 'tags' has none of the task's (option tags=tags)"]
    assert read_tags(path, classes=("rock", "live")) == [("rock",), ("jazz",), ()]


def test_a_list_and_columns_that_contradict_each_other_are_refused_with_the_row(write):
    path = write("path,tags,rock", 'a.wav,"rock,live",1', "b.wav,rock,0", "c.wav,,0")
    with pytest.raises(DataError, match=r"^tag 'rock': expected the same in both columns; got .*0.* \(.*csv, row 3\)"):
        read_tags(path)
    assert read_tags(path, options={"tags": "tags"}) == [("live", "rock"), ("rock",), ()]
    assert read_tags(path, options={"columns": "rock"}) == [("rock",), (), ()]
    alike = write("path,tags,rock", 'a.wav,"rock,live",1', "b.wav,,0", "c.wav,rock,yes")
    assert read_tags(alike) == [("live", "rock"), (), ("rock",)]


@pytest.mark.parametrize(
    "name",
    [
        "track_id",
        "id",
        "songId",
        "TrackID",
        "year",
        "Year",
        "duration",
        "duration_s",
        "start (s)",
        "end",
        "segment start",
    ],
)
def test_columns_that_are_plainly_no_dimension_are_left_out_and_told(write, name):
    path, said = write(f"path,{name},valence", "a.wav,7.5,5.5", "b.wav,9.5,1", "c.wav,1.5,2"), []
    assert [list(one) for one in read_numbers(path, say=said.append)] == [["valence"]] * 3
    assert said == [f"dimensions are valence; the column {name} is no dimension and left out (option columns=A,B)"]
    assert list(read_numbers(path, options={"columns": f"{name},valence"})[0]) == [name, "valence"]
    assert list(read_numbers(path, classes=(name,))[0]) == [name]


def test_numbers_of_the_rows_are_no_dimension_and_what_is_taken_is_told(tmp_path):
    for n in range(5):
        (tmp_path / f"{n}.wav").touch()
    path, said = tmp_path / "table.csv", []
    rows = [f"{n}.wav,{1000 + 7 * n},{(n * 3) % 5},{n / 2}" for n in range(5)]
    path.write_text("\n".join(["path,msd,valid,idle", *rows]) + "\n")
    assert [list(one) for one in read_numbers(path, say=said.append)] == [["valid", "idle"]] * 5
    assert said == ["dimensions are valid, idle; the column msd is no dimension and left out (option columns=A,B)"]


def test_a_year_is_a_dimension_where_there_is_no_other(write):
    path, said = write("path,year", "a.wav,1990", "b.wav,2001", "c.wav,1985"), []
    assert read_numbers(path, say=said.append)[0] == {"year": 1990.0}
    assert said == ["dimensions are year"]


# --- any tags -------------------------------------------------------------------------------------------------------

NAME = st.text("abcé&-' ", min_size=1, max_size=8).map(str.strip).filter(lambda name: name.strip("'"))
LISTS = st.lists(st.lists(NAME.filter(lambda name: "'" not in (name[0], name[-1])), max_size=4), min_size=3, max_size=3)


@settings(max_examples=40, deadline=None, database=None, derandomize=True)
@given(LISTS, st.sampled_from([",", ", ", ";", " | "]), st.booleans())
def test_lists_of_any_tags_are_read_as_they_were_written(lists, separator, as_python):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["path", "tags"])
            for name, tags in zip("abc", lists, strict=True):
                rows.writerow([f"{name}.wav", str(tags) if as_python else separator.join(tags)])
                path.with_name(f"{name}.wav").touch()
        assert read_tags(path) == [tuple(sorted(set(tags))) for tags in lists]


@settings(max_examples=25, deadline=None, database=None, derandomize=True)
@given(LISTS)
def test_columns_of_any_tags_say_what_their_list_says(lists):
    names = sorted({tag for tags in lists for tag in tags})
    truths = {name: [name in tags for tags in lists] for name in names}
    both = [name for name in names if len(set(truths[name])) == 2]
    if not both:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["path", *both])
            for number, name in enumerate("abc"):
                rows.writerow([f"{name}.wav", *(int(truths[tag][number]) for tag in both)])
                path.with_name(f"{name}.wav").touch()
        assert read_tags(path) == [tuple(sorted(set(tags) & set(both))) for tags in lists]
