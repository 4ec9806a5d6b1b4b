"""Audio at URLs, through fsspec: told from files, listed, described and copied."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

import pytest

from essentia_ldl.errors import AudioError, DataError, DiskError
from essentia_ldl.urls import is_url, list_url, local_copy, stat_url

SUFFIXES = (".wav", ".mp3")


@pytest.fixture
def music(tmp_path) -> str:
    """The URL of a folder."""
    for name in ("b.wav", "a.mp3", "sub/c.WAV", "notes.txt", "sub/.d.wav"):
        path = tmp_path / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return (tmp_path / "music").as_uri()


@pytest.fixture
def memory():
    """An empty file system in memory."""
    import fsspec

    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://bucket/a.mp3", True),
        ("https://host/a.mp3", True),
        ("file:///music/a.mp3", True),
        ("zip://a.mp3::https://host/b.zip", True),
        ("simplecache::s3://bucket/a.mp3", True),
        ("/music/a.mp3", False),
        ("a.mp3", False),
        ("Title: song.mp3", False),
        ("C:\\music\\a.mp3", False),
        ("music/a://b.mp3", False),
    ],
)
def test_urls_are_told_from_files(path, expected):
    assert is_url(path) is expected


def test_folders_and_patterns_give_their_audio(music):
    assert list(list_url(music, SUFFIXES)) == [f"{music}/{name}" for name in ("a.mp3", "b.wav", "sub/c.WAV")]
    assert list(list_url(f"{music}/*.wav", SUFFIXES)) == [f"{music}/b.wav"]
    assert list(list_url(f"{music}/none.wav", SUFFIXES)) == [f"{music}/none.wav"], (
        "who opens it says that it is missing"
    )


def test_a_file_in_memory_is_copied_for_the_block(memory):
    memory.pipe_file("/music/a.wav", b"sound")
    assert list(list_url("memory://music/", SUFFIXES)) == ["memory:///music/a.wav"]
    with local_copy("memory://music/a.wav") as path:
        assert Path(path).read_bytes() == b"sound"
        assert path.endswith(".wav"), "some loaders go by the suffix"
    assert not os.path.exists(path)


def test_a_file_of_this_machine_is_not_copied():
    with local_copy("music/a.wav") as path:
        assert path == "music/a.wav"


def test_what_is_not_there_is_said_of_the_url(memory):
    expected = r"existing file; got 'nothing there' \(memory://music/a\.wav\)"
    with pytest.raises(AudioError, match=expected), local_copy("memory://music/a.wav"):
        pass


def test_what_a_file_system_says_is_one_sentence(memory, monkeypatch):
    def deny(*arguments):
        raise PermissionError("Access\nDenied")

    monkeypatch.setattr(type(memory), "get_file", deny)
    told = r"^memory://a\.wav cannot be read: Access Denied\. Check the URL, and the right to read it\.$"
    with pytest.raises(AudioError, match=told), local_copy("memory://a.wav"):
        pass


def test_a_full_disk_is_not_the_urls(memory, monkeypatch):
    def fill(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(memory), "get_file", fill)
    with pytest.raises(DiskError, match="A disk is full"), local_copy("memory://a.wav"):
        pass


def test_an_error_of_the_block_names_the_url(memory):
    memory.pipe_file("/a.wav", b"sound")
    with pytest.raises(AudioError, match=r"^no sound \(memory://a\.wav\)$"), local_copy("memory://a.wav") as path:
        raise AudioError(f"no sound ({path})")
    with pytest.raises(KeyError), local_copy("memory://a.wav"):
        raise KeyError("x")


@pytest.mark.parametrize("url", ["nothing-like-it://host/a.wav"])
def test_a_kind_that_nobody_knows_is_one_sentence(url):
    with pytest.raises(DataError, match="URL: expected one that fsspec opens; got "), local_copy(url):
        pass


def test_without_fsspec_the_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(DataError, match=r"the library fsspec; got 'none'.*pip install fsspec"):
        list(list_url("memory://music", SUFFIXES))


def test_a_changed_file_is_another_version(music, memory):
    url = f"{music}/b.wav"
    first = stat_url(url)
    assert first is not None
    assert stat_url(url) == first
    time.sleep(0.02)
    Path(url.removeprefix("file://")).write_text("b.wax")
    second = stat_url(url)
    assert second[0] == first[0]
    assert second != first
    assert stat_url(f"{music}/none.wav") is None
    memory.pipe_file("/a.wav", b"sound")
    assert stat_url("memory://a.wav")[0] == 5
