"""Layouts: what they read, what they refuse, and the contract that every one of them keeps."""

from __future__ import annotations

import inspect
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
    # about a value, or, where the system refuses, an event: each with its place and a remedy
    forms = r": expected .*; got .* \(.*\)\. .*\.$|^.*nowhere\S* cannot be (read|listed): [^.]+\. [^.]+\.$"
    with pytest.raises(DataError, match=forms):
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


def test_summarise_counts_tags():
    tracks = [Track("1", "/1", "", "x", tags=("b", "a")), Track("2", "/2", "", "x", tags=("b",))]
    tracks.append(Track("3", "/3", "", tags=()))
    summary = datasets.summarise(tracks)
    assert (dict(summary.tracks), dict(summary.artists)) == ({"a": 1, "b": 2}, {"a": 1, "b": 1})
    assert (summary.n_tracks, summary.n_artists, summary.n_without_artist) == (3, 1, 1)
    numbers = datasets.summarise([Track("1", "/1", "", numbers={"valence": 1.5, "arousal": -2})])
    assert (dict(numbers.tracks), numbers.n_tracks) == ({}, 1)


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
