"""Rows of published metadata: what Python's csv module reads, the line of each row, and errors with file and row."""

from __future__ import annotations

import csv

import pytest

from essentia_ldl.datasets._rows import MAX_CELL_CHARACTERS, read_named, read_number, read_rows, row_error
from essentia_ldl.errors import DataError


@pytest.fixture(autouse=True)
def _limit():
    """Begin with the limit that Python has unasked, whatever was read before."""
    before = csv.field_size_limit(2**17)
    yield
    csv.field_size_limit(before)


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "rows.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_are_those_of_the_csv_module(tmp_path, mark, end):
    rows = [["a", "b, c"], ['say "hi"', "über"], ["", "x"]]
    text = end.join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows) + end
    path = write(tmp_path, mark + text)
    assert [cells for _, cells in read_rows(path, ",", quoted=True)] == rows
    assert [cells for _, cells in read_rows(path, ",", quoted=True)] == list(csv.reader(text.splitlines()))


def test_a_row_is_told_by_the_line_where_it_begins_and_blank_rows_are_passed_over(tmp_path):
    path = write(tmp_path, 'a,b\n\n , \n"one\ntwo",c\nd,e\n')
    assert list(read_rows(path, ",", quoted=True)) == [(1, ["a", "b"]), (4, ["one\ntwo", "c"]), (6, ["d", "e"])]


def test_quotes_are_letters_where_the_metadata_has_none(tmp_path):
    path = write(tmp_path, '"a\t5" disc\nb"\tc\n')
    assert [cells for _, cells in read_rows(path, "\t", quoted=False)] == [['"a', '5" disc'], ['b"', "c"]]


def test_a_cell_may_be_longer_than_python_allows_unasked(tmp_path):
    long = "x" * 2**18
    assert len(long) > csv.field_size_limit()
    assert list(read_rows(write(tmp_path, f"{long},b\n"), ",", quoted=True)) == [(1, [long, "b"])]
    assert csv.field_size_limit() < MAX_CELL_CHARACTERS


def test_the_limit_of_the_csv_module_is_put_back_when_reading_stops_early(tmp_path):
    before = csv.field_size_limit()
    rows = read_rows(write(tmp_path, "a\nb\n"), ",", quoted=True)
    next(rows)
    rows.close()
    assert csv.field_size_limit() == before


def test_rows_are_read_one_at_a_time(tmp_path):
    """What is broken further down does not keep the rows above it back."""
    rows = read_rows(write(tmp_path, 'a\n"b\n'), ",", quoted=True)
    assert next(rows) == (1, ["a"])
    with pytest.raises(DataError, match=r"^row: expected cells with closed quotes; .*rows\.csv, row 2\)"):
        next(rows)


def test_what_cannot_be_read_is_told(tmp_path):
    with pytest.raises(DataError, match=r"encoding: expected UTF-8; got 'byte 0xe9' \(.*row 1\)"):
        list(read_rows(write(tmp_path, "é\n", "latin-1"), ",", quoted=True))
    with pytest.raises(DataError, match=r"^.*none\.csv cannot be read: No such file or directory\. Check the path\.$"):
        list(read_rows(tmp_path / "none.csv", ",", quoted=True))
    error = row_error("track_id", "a number", "x", tmp_path / "t.csv", 7, "Correct it.")
    assert str(error) == f"track_id: expected a number; got 'x' ({tmp_path}/t.csv, row 7). Correct it."


def test_named_rows_are_cells_by_column(tmp_path):
    path = write(tmp_path, "song_id, valence_mean ,arousal_mean\n2, 3.1 ,3\n3,3.5,\n")
    rows = list(read_named(path, ",", ("song_id", "valence_mean")))
    assert rows[0] == (2, {"song_id": "2", "valence_mean": "3.1", "arousal_mean": "3"})
    assert rows[1][1]["arousal_mean"] == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,c\n1,2\n", r"header: expected columns a, b; got 'no b' \(.*rows.csv, row 1\)"),
        ("", "header: expected columns a, b; got 'no a, b'"),
        ("a,b,a\n1,2,3\n", "header: expected each column once; got 'a'"),
        ("a,b\n1,2\n1\n", r"row: expected 2 columns; got 1 \(.*rows.csv, row 3\)"),
    ],
)
def test_named_rows_that_do_not_fit_are_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        list(read_named(write(tmp_path, text), ",", ("a", "b")))


@pytest.mark.parametrize("text", ["", "high", "nan", "inf"])
def test_a_number_is_finite(tmp_path, text):
    assert read_number(" 1e-3", "valence", tmp_path, 2) == 0.001
    with pytest.raises(DataError, match=rf"valence: expected a number; got '{text}' \(.*, row 7\)"):
        read_number(text, "valence", tmp_path, 7)
