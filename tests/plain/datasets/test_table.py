"""A table of tracks: separators, quotes, relative paths, and errors with file and row."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import table
from essentia_ldl.errors import DataError


def write_files(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def write_table(root: Path, text: str | bytes, name: str = "index.csv", audio: tuple[str, ...] = ("a.wav",)) -> Path:
    write_files(root, *audio)
    path = root / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "separator", "start"),
    [("i.csv", ",", ""), ("i.csv", ";", ""), ("i.tsv", "\t", ""), ("i.txt", "\t", ""), ("i.csv", ",", "\ufeff")],
)
def test_table_reads_every_separator_and_a_byte_order_mark(name, separator, start, tmp_path):
    rows = [["Path", "LABEL", "Artist", "split", "Title"], ["a.wav", "sad", "Björk", "Test", "x"], ["b.wav", "happy"]]
    rows[2] += ["", "", ""]
    text = start + "\r\n".join(separator.join(row) for row in rows) + "\r\n\r\n"
    first, second = table.read_tracks(write_table(tmp_path, text, name))
    assert (first.id, first.label, first.artist, first.split) == ("a.wav", "sad", "Björk", "test")
    assert dict(first.columns) == {"Title": "x"}
    assert first.path == str(tmp_path / "a.wav")
    assert (second.artist, second.split) == (None, None)


def test_table_resolves_paths_against_itself_and_keeps_quoted_cells(tmp_path, monkeypatch):
    text = f'path,label,title\n../x/a.wav,sad,"one, two"\n{tmp_path}/x/b.wav,sad,"say ""hi"""\n'
    write_files(tmp_path, "x/a.wav")
    (tmp_path / "t").mkdir()
    path = write_table(tmp_path / "t", text)
    monkeypatch.chdir(tmp_path)
    tracks = table.read_tracks(Path("t/index.csv"))
    assert [track.path for track in tracks] == [str(tmp_path / "x/a.wav"), str(tmp_path / "x/b.wav")]
    assert [track.columns["title"] for track in tracks] == ["one, two", 'say "hi"']
    assert table.read_tracks(path)[0].id == "../x/a.wav"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a header and rows; got 'an empty file'"),
        ("path,label\n", "rows below the header; got 'only a header'"),
        ("filename,label\na.wav,x\n", r"a column 'path'; .*row 1\)\. Rename the column 'filename' to 'path'"),
        ("path,Genre\na.wav,x\n", "a column 'label'; .*Rename the column 'Genre' to 'label'"),
        ("path,notes\na.wav,x\n", "a column 'label'; .*Add a column named 'label'"),
        ("path,label,PATH\na.wav,x,y\n", "header: expected each column once; got 'path'"),
        ("path,label,artist\na.wav,x\n", r"expected 3 columns \(path, label, artist\); got 2 \(.*index\.csv, row 2\)"),
        ("path,label\na.wav,x,y\n", r"2 columns .*got 3 .*row 2\).*quotes"),
        ("path,label\na.wav,x\nb.wav, \n", r"label: expected a class name; got '' \(.*index\.csv, row 3\)"),
        ("path,label\n,x\n", "path: expected the path of an audio file; .*row 2"),
        ("path,label\na.wav,x\n\na.wav,y\n", r"each file once; got 'a\.wav' \(.*row 4\)\. .*also in row 2"),
        ("path,label\na.wav,x\n./b/../a.wav,y\n", r"each file once; .*row 3\)\. .*also in row 2"),
        ("path,label,split\na.wav,x,holiday\n", "train, valid, test or nothing; got 'holiday' .*row 2"),
        ('path,label\na.wav,"x\n', "closed quotes"),
        ("path,label\nå.wav,x\n".encode("latin-1"), "encoding of the table: expected UTF-8; got 'byte 0xe5 at 11'"),
        ("path,label\na.wav,\xe9\n".encode("utf-16")[:-1], "encoding of the table: expected UTF-8"),
        ("path,label\na.wav,x\0\n", "got 'a zero byte'"),
        ("path,label\nz/a.wav,x\nz/b.wav,x\n", r"files that exist; got '.*z/a\.wav' .*resolve against the folder"),
    ],
)
def test_table_refuses_with_file_and_row(text, message, tmp_path):
    path = write_table(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        datasets.read_tracks(path)
    assert re.search(r"index\.csv", str(caught.value))


def test_table_leaves_a_single_missing_file_to_the_failures(tmp_path):
    assert len(table.read_tracks(write_table(tmp_path, "path,label\nmissing.wav,x\na.wav,y\n"))) == 2


def test_names_of_files_need_not_be_utf8_where_they_are_there(tmp_path):
    name = os.fsdecode(b"caf\xe9.wav")
    path = write_table(tmp_path, b"path,label,artist\ncaf\xe9.wav,x,Bj\xc3\xb6rk\na.wav,y,\n", audio=(name, "a.wav"))
    first, second = table.read_tracks(path)
    assert (first.id, first.path, first.artist) == (name, str(tmp_path / name), "Björk")
    assert second.id == "a.wav"
    too_long = b"path,label\n" + 300 * b"\xe9" + b".wav,x\n"
    for text in (b"path,label\ncaf\xe9.wav,x\n\xe8.wav,y\n", b"path,label\ncaf\xe9.wav,\xe9\n", too_long):
        with pytest.raises(DataError, match="encoding of the table: expected UTF-8"):
            table.read_tracks(write_table(tmp_path, text))


# What programs write, and are read alike; the row of the fault that each is of.
WRITTEN = {
    "B5 Excel's empty columns": "path;label;artist;;\na.wav;sad;n;;\nb.wav;happy;m;;\n",
    "B5 Excel's first line": "sep=;\npath;label;artist\na.wav;sad;n\nb.wav;happy;m\n",
    "B5 Excel's first line, quoted and filled": '"sep=;";;\npath;label;artist\na.wav;sad;n\nb.wav;happy;m\n',
    "B5 PowerShell": '#TYPE System.Management.Automation.PSCustomObject\n"path","label","artist"\n'
    '"a.wav","sad","n"\n"b.wav","happy","m"\n',
    "B5 a bar": "path|label|artist\na.wav|sad|n\nb.wav|happy|m\n",
    "B5 a colon": "path:label:artist\na.wav:sad:n\nb.wav:happy:m\n",
    "B5 comments": "# by hand\n# twice, and then, again\npath,label,artist\na.wav,sad,n\n#b.wav\nb.wav,happy,m\n",
    "B5 a header that is a comment": "#path,label,artist\na.wav,sad,n\nb.wav,happy,m\n",
    "B5 the index of pandas": ",path,label,artist\n0,a.wav,sad,n\n1,b.wav,happy,m\n",
    "B5 semicolons and commas in cells": 'path;label;artist\na.wav;sad;n\n"b.wav";"happy";m\n',
    "B5 blank rows of separators": "path,label,artist\n,,\na.wav,sad,n\n,,\nb.wav,happy,m\n,,\n",
    "B5 ends of lines of old Macs": "path,label,artist\ra.wav,sad,n\rb.wav,happy,m\r",
    "B5 UTF-16 of Excel": "path\tlabel\tartist\r\na.wav\tsad\tn\r\nb.wav\thappy\tm\r\n".encode("utf-16"),
    "B5 UTF-16 without a mark": "path\tlabel\tartist\r\na.wav\tsad\tn\r\nb.wav\thappy\tm\r\n".encode("utf-16-be"),
    "B5 UTF-32": "path,label,artist\na.wav,sad,n\nb.wav,happy,m\n".encode("utf-32"),
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt"])
def test_tables_of_every_program_are_read_alike_b5(name, suffix, tmp_path):
    path = write_table(tmp_path, WRITTEN[name], f"index.{suffix}", ("a.wav", "b.wav"))
    found = [(track.id, track.label, track.artist, dict(track.columns)) for track in datasets.read_tracks(path)]
    assert found == [("a.wav", "sad", "n", {}), ("b.wav", "happy", "m", {})]


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_titles_in_quotes_and_long_cells_are_kept_b5(separator, tmp_path):
    """B5: a title that begins with a quote is no cell in quotes, and a cell may have 200 kB."""
    long = "x" * 200_000
    rows = [["path", "label", "title", "text"], ["a.wav", "sad", '"Heroes" (2017 remaster)', long]]
    rows.append(["b.wav", "happy", '12" single', '"""quoted"""'])
    text = "\n".join(separator.join(row) for row in rows)
    first, second = datasets.read_tracks(write_table(tmp_path, text, "i.tsv", ("a.wav", "b.wav")))
    assert dict(first.columns) == {"title": '"Heroes" (2017 remaster)', "text": long}
    assert dict(second.columns) == {"title": '12" single', "text": '"quoted"'}


def test_cells_in_quotes_hold_separators_and_lines_and_rows_keep_their_number(tmp_path):
    text = 'path,label,note\na.wav,sad,"one, two\nthree"\nb.wav,happy\n'
    with pytest.raises(DataError, match=r"3 columns .*got 2 .*row 4"):
        datasets.read_tracks(write_table(tmp_path, text))
    found = datasets.read_tracks(write_table(tmp_path, text.replace("happy", "happy,")))
    assert found[0].columns["note"] == "one, two\nthree"


@pytest.mark.parametrize(
    ("written", "side"),
    [
        *(("validation", "valid"), ("training", "train"), ("dev", "valid"), ("Test Set", "test"), ("VAL", "valid")),
        *(
            ("entrenamiento", "train"),
            ("validación", "valid"),
            ("Prüfung", None),
            ("eval", "test"),
            ("x_train", "train"),
        ),
        *(("nan", ""), ("", ""), ("训练", "train")),
    ],
)
def test_names_of_sides_b7(written, side, tmp_path):
    """B7: sides in other words; a name that is none is refused, and what is empty stays empty."""
    path = write_table(tmp_path, f"path,label,split\na.wav,x,{written}\n")
    if side is None:
        with pytest.raises(DataError, match="train, valid, test or nothing"):
            table.read_tracks(path)
    else:
        assert table.read_tracks(path)[0].split == (side or None)


@pytest.mark.parametrize(
    ("written", "on_disk", "said"),
    [
        ("audio\\t01.wav", "audio/t01.wav", r"1 paths are there with slashes, not backslashes: 'audio\\\\t01.wav'"),
        (".\\audio\\deep\\a.wav", "audio/deep/a.wav", "with slashes"),
        ("a.WAV", "a.wav", "1 paths are there in another case: 'a.WAV'"),
        ("Audio\\A.wav", "audio/a.wav", "in another case"),
        ("caf\u00e9.wav", "cafe\u0301.wav", "in another case"),
    ],
)
def test_paths_in_another_spelling_are_found_and_told_b8(written, on_disk, said, tmp_path):
    path = write_table(tmp_path, f"path,label\n{written},x\n", audio=(on_disk,))
    told = []
    (track,) = table.read_tracks(path, told.append)
    assert (track.id, track.path) == (written, str(tmp_path / on_disk))
    assert re.search(said, "\n".join(told))


def test_paths_that_are_not_there_are_told_with_a_hint_b8(tmp_path):
    text = "path,label\nD:\\music\\a.wav,x\n"
    with pytest.raises(DataError, match=r"files that exist; .*is a path of Windows: write it relative to the table"):
        table.read_tracks(write_table(tmp_path, text, audio=()))
    told = []
    assert len(table.read_tracks(write_table(tmp_path, text + "a.wav,y\n"), told.append)) == 2
    assert told[0].startswith("1 files are not there: 'D:\\\\music\\\\a.wav'")
    assert "Windows" in told[0]


def test_a_name_in_two_cases_is_not_guessed_b8(tmp_path):
    path = write_table(tmp_path, "path,label\nA.wav,x\nc.wav,x\n", audio=("a.wav", "a.WAV", "c.wav"))
    assert [os.path.exists(track.path) for track in table.read_tracks(path)] == [False, True]


@pytest.mark.parametrize(
    ("text", "labels", "names"),
    [
        ("path,artist\na.wav,Nina\nb.wav,\n", ["", ""], [(), ()]),
        ("path,label\na.wav,sad\nb.wav,\n", ["sad", ""], [("sad",), ()]),
        ("path,tags\na.wav,slow\nb.wav,\n", ["", ""], [("slow",), ()]),
    ],
)
def test_music_need_not_be_labelled_where_that_is_said(text, labels, names, tmp_path):
    path = write_table(tmp_path, text, audio=("a.wav", "b.wav"))
    with pytest.raises(DataError, match="label"):
        table.read_tracks(path)
    tracks = table.read_tracks(path, kind=table.UNLABELLED)
    assert [track.label for track in tracks] == labels
    assert [track.names for track in tracks] == names
