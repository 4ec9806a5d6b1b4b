"""Layouts: what they read, what they refuse, and the contract that every one of them keeps."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path

import pytest

from essentia_ldl import datasets, discover
from essentia_ldl.datasets import folder, table
from essentia_ldl.errors import DataError, UnknownNameError
from essentia_ldl.records import Track

LAYOUTS = discover.names("essentia_ldl.datasets")


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


# --- the contract ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_keeps_the_contract(name, tmp_path):
    layout = discover.load("essentia_ldl.datasets", name)
    assert isinstance(layout.EXPECTED, str)
    assert list(inspect.signature(layout.matches).parameters) == ["path"]
    path, *options = inspect.signature(layout.read_tracks).parameters.values()
    assert path.name == "path"
    assert all(option.default is not option.empty for option in options)
    assert layout.matches(tmp_path / "nowhere") is False
    with pytest.raises(DataError, match=r": expected .*; got .* \(.*\)\. .*\.$"):
        layout.read_tracks(tmp_path / "nowhere")
    assert layout.read_tracks.__doc__ is not None
    assert "Raises" in layout.read_tracks.__doc__


def test_the_fallback_is_a_layout_and_private_modules_are_not():
    assert datasets.FALLBACK in LAYOUTS
    assert {"demo", "folder", "table"} <= set(LAYOUTS)
    assert not any(name.startswith("_") for name in LAYOUTS)


# --- choosing the layout --------------------------------------------------------------------------------------------


def test_read_tracks_chooses_the_layout_and_sorts_by_id(tmp_path):
    write_files(tmp_path / "music", "b/2.mp3", "a/1.mp3")
    path = write_table(tmp_path, "path,label\nmusic/b/2.mp3,b\nmusic/a/1.mp3,a\n")
    assert [track.id for track in datasets.read_tracks(tmp_path / "music")] == ["a/1.mp3", "b/2.mp3"]
    assert [track.id for track in datasets.read_tracks(str(path))] == ["music/a/1.mp3", "music/b/2.mp3"]
    assert datasets.find_layout(path) == "table"
    assert datasets.find_layout(tmp_path / "music") == "folder"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "data: expected a folder or a table; got ''"),
        ("  ", "expected a folder or a table"),
        ("/no/such/place", "a path that exists; got '/no/such/place'.*Check the spelling"),
    ],
)
def test_read_tracks_refuses_a_path_that_is_not_there(path, message):
    with pytest.raises(DataError, match=message):
        datasets.read_tracks(path)


def test_an_unknown_file_is_refused_with_what_every_layout_expects(tmp_path):
    path = write_files(tmp_path, "notes.pdf") / "notes.pdf"
    with pytest.raises(DataError, match=r"demo\.json.*path and label.*sub-folder.*ends in '\.pdf'"):
        datasets.read_tracks(path)


def test_a_layout_can_be_named(tmp_path):
    path = write_table(tmp_path, "path,label\na.wav,x\n", name="index.dat")
    assert datasets.read_tracks(path, layout="table")[0].label == "x"
    with pytest.raises(UnknownNameError, match="Did you mean 'table'"):
        datasets.read_tracks(path, layout="tabel")


def test_ids_that_repeat_and_ambiguous_layouts_are_refused(tmp_path, monkeypatch):
    write_files(tmp_path, "a/1.wav", "b/1.wav")
    monkeypatch.setattr(folder, "read_tracks", lambda path: [Track("x", "/x", "a"), Track("x", "/x", "b")])
    with pytest.raises(DataError, match="track id: expected each id once; got 'x'"):
        datasets.read_tracks(tmp_path)
    monkeypatch.setattr(folder, "read_tracks", lambda path: [])
    with pytest.raises(DataError, match="at least one track"):
        datasets.read_tracks(tmp_path)
    monkeypatch.setattr(table, "matches", lambda path: True)
    assert datasets.find_layout(tmp_path) == "table"  # the fallback gives way
    monkeypatch.setattr(datasets.discover.load("essentia_ldl.datasets", "demo"), "matches", lambda path: True)
    with pytest.raises(DataError, match=r"one layout that matches; got .*demo.*table"):
        datasets.find_layout(tmp_path)


def test_summarise_counts_tracks_and_artists():
    tracks = [
        Track("1", "/1", "b", artist="x"),
        Track("2", "/2", "b", artist="y"),
        Track("3", "/3", "a", artist="x"),
        Track("4", "/4", "a"),
    ]
    summary = datasets.summarise(tracks)
    assert summary.classes == ("a", "b")
    assert dict(summary.tracks) == {"a": 2, "b": 2}
    assert dict(summary.artists) == {"a": 1, "b": 2}
    assert (summary.n_tracks, summary.n_artists, summary.n_without_artist) == (4, 2, 1)


# --- folder ---------------------------------------------------------------------------------------------------------


def test_folder_reads_classes_artists_and_every_extension(tmp_path):
    write_files(
        tmp_path,
        *("sad/one.MP3", "sad/nina/two.Flac", "sad/nina/album/three.opus", "happy/four.webm", "happy/cover.jpg"),
        *("happy/.hidden.mp3", "happy/._four.mp3", "happy/.trash/five.mp3", ".git/six.wav", "happy/scans/page.png"),
    )
    tracks = folder.read_tracks(tmp_path)
    assert [(track.id, track.label, track.artist) for track in tracks] == [
        ("happy/four.webm", "happy", None),
        ("sad/nina/album/three.opus", "sad", "nina"),
        ("sad/nina/two.Flac", "sad", "nina"),
        ("sad/one.MP3", "sad", None),
    ]
    assert all(os.path.isabs(track.path) and os.path.isfile(track.path) for track in tracks)


def test_folder_keeps_empty_files_and_broken_links_for_the_failures(tmp_path):
    write_files(tmp_path, "a/1.wav", "b/2.wav")
    (tmp_path / "a/0.wav").write_bytes(b"")
    (tmp_path / "b/9.wav").symlink_to(tmp_path / "gone.wav")
    assert [track.id for track in folder.read_tracks(tmp_path)] == ["a/0.wav", "a/1.wav", "b/2.wav", "b/9.wav"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "two sub-folders or more, one a class; got '0 sub-folders and 0 files'"),
        (("1.mp3", "2.mp3"), "got '0 sub-folders and 2 files'.*Make one sub-folder a class"),
        (("sad/1.mp3",), "got '1 sub-folders and 0 files'"),
        (("audio/1.mp3", "index.tsv"), r"Give the table '.*index\.tsv' instead"),
        (("sad/1.mp3", "happy/notes.txt"), r"sub-folder: expected audio files; got 'none' \(.*happy\)"),
    ],
)
def test_folder_refuses(names, message, tmp_path):
    write_files(tmp_path, *names)
    with pytest.raises(DataError, match=message):
        datasets.read_tracks(tmp_path)


def test_folder_refuses_a_loop_of_links_and_follows_others(tmp_path):
    write_files(tmp_path, "data/a/1.wav", "data/b/2.wav", "elsewhere/3.wav")
    (tmp_path / "data/b/nina").symlink_to(tmp_path / "elsewhere")
    assert [track.id for track in folder.read_tracks(tmp_path / "data")] == ["a/1.wav", "b/2.wav", "b/nina/3.wav"]
    (tmp_path / "data/b/loop").symlink_to(tmp_path / "data")
    with pytest.raises(DataError, match=r"no link to a folder above it.*b/loop\)\. Remove the link"):
        folder.read_tracks(tmp_path / "data")


# --- table ----------------------------------------------------------------------------------------------------------


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
