"""Rows of tables: separators, encodings, quotes and what stands above the header."""

from __future__ import annotations

import csv
import io

import pytest

from essentia_ldl.tables import QuoteError, decode, read_table

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
