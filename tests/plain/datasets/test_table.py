"""A table of tracks: separators, quotes, relative paths, and errors with file and row."""

from __future__ import annotations

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
        ("path,label,split\na.wav,x,validation\n", "train, valid, test or nothing; got 'validation' .*row 2"),
        ('path,label\na.wav,"x\n', "closed quotes"),
        ("path,label\nå.wav,x\n".encode("latin-1"), "encoding of the table: expected UTF-8; got 'byte 0xe5 at 11'"),
        ("path,label\na.wav,x\n".encode("utf-16"), "encoding of the table: expected UTF-8"),
        ("path,label\na.wav,x\n".encode("utf-16-le"), "got 'a zero byte'"),
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
