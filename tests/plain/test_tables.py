"""Rows of tables: separators, encodings, quotes and what stands above the header."""

from __future__ import annotations

import csv
import io

import pytest

from essentia_ldl.tables import QuoteError, change_column, decode, read_table

WANTED = ("path", "label")


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_what_python_writes_is_read_as_it_was_b5(separator, quoting):
    rows = [("a", "x"), ("b, c;d", 'say "hi"'), ("two\nlines", '"'), ("", "x"), ("|\t", '""a""')]
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator, quoting=quoting, lineterminator="\n")
    writer.writerows([WANTED, *rows])
    found = read_table(stream.getvalue(), WANTED)
    assert found.header == WANTED
    assert [cells for _, cells in found.rows] == rows
    assert [line for line, _ in found.rows] == [2, 3, 4, 6, 7]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_b5(encoding):
    assert decode("path;label\né.wav;x\n".encode(encoding)) == "path;label\né.wav;x\n"


def test_an_open_quote_is_an_error_with_its_line():
    with pytest.raises(QuoteError) as caught:
        read_table('path,label\na,x\nb,"y\nc,z\n', WANTED)
    assert caught.value.line == 3


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", ",,\n;;\n", "# only a comment"])
def test_nothing_is_no_table(text):
    assert read_table(text, WANTED) is None


def test_rows_with_too_few_or_too_many_cells_keep_them():
    found = read_table("path,label\na\nb,x,y\nc,x,,\n", WANTED)
    assert found.rows == ((2, ("a",)), (3, ("b", "x", "y")), (4, ("c", "x")))


# --- changing a column ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_a_changed_cell_is_read_back_and_all_other_lines_are_as_they_were(separator, end, quoting):
    rows = [("a", "x"), ("b, c;d", 'say "hi"'), ("two\nlines", '"'), ("e", ""), ("|\t", '""a""')]

    def render(*rows: tuple[str, str]) -> bytes:
        stream = io.StringIO()
        csv.writer(stream, delimiter=separator, quoting=quoting, lineterminator=end).writerows(rows)
        return stream.getvalue().encode()

    data = render(WANTED, *rows)
    lines = [line for line, _ in read_table(decode(data), WANTED).rows]
    for n, line in enumerate(lines):
        for new in ("y", "", 'a "new" one', "; , | \t", "two\nnew lines"):
            changed = change_column(data, WANTED, "label", {line: new})
            assert changed.startswith(render(WANTED, *rows[:n]))
            assert changed.endswith(render(*rows[n + 1 :]))
            found = read_table(decode(changed), WANTED).rows
            assert [cells for _, cells in found] == [*rows[:n], (rows[n][0], new), *rows[n + 1 :]]
    assert change_column(data, WANTED, "label", {}) == data


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_an_encoding_stays(encoding):
    data = "path;label\né.wav;x\nb.wav;x\n".encode(encoding)
    changed = change_column(data, WANTED, "label", {3: "ü"}, [{"path": "c.wav"}])
    assert changed == "path;label\né.wav;x\nb.wav;ü\nc.wav;\n".encode(encoding)


def test_what_is_no_cell_of_the_table_stays():
    text = "sep=;\n# mine\n\n Path ;;LABEL;\na;1;x;\n# b;x\n\nc;2;y"
    changed = change_column(text.encode(), WANTED, "label", {5: "z", 8: "z"}, [{"label": "x", "path": "d"}])
    assert changed.decode() == "sep=;\n# mine\n\n Path ;;LABEL;\na;1;z;\n# b;x\n\nc;2;z\nd;;x;\n"


def test_bytes_that_are_not_utf8_stay():
    data = b"path,label\ncaf\xe9,x\n\xff,y"
    assert change_column(data, WANTED, "label", {2: "z"}) == data.replace(b"x", b"z")
