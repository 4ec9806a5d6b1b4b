"""A folder with one sub-folder per class: every extension, artists, links, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import folder
from essentia_ldl.errors import DataError


def write_files(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


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
        ((), "two sub-folders or more, one per class; got '0 sub-folders and 0 files'"),
        (("1.mp3", "2.mp3"), "got '0 sub-folders and 2 files'.*Make one sub-folder per class"),
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


def test_folders_are_walked_as_they_are_asked_for_and_to_any_depth(tmp_path):
    depth, top = 1100, tmp_path / "d"
    top.mkdir()
    (top / "a.wav").touch()
    below = top
    for _ in range(depth):
        below = below / "d"
        below.mkdir()
    (below / "b.wav").touch()
    found = folder.walk_audio(top)
    assert next(found) == top / "a.wav"
    (below / "c.txt").touch()
    assert list(found) == [below / "b.wav"]
    (below / "b.wav").unlink()
    (below / "c.txt").unlink()
    for _ in range(depth):  # what takes temporary folders away is recursive
        below.rmdir()
        below = below.parent
