"""GTZAN's speech / music collection: two folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import speech_music
from essentia_ldl.errors import DataError

NAMES = ("music_wav/bagpipe.wav", "music_wav/rock2.wav", "speech_wav/acomic.wav", "speech_wav/my_voice.wav")


def write_music_speech(root: Path) -> Path:
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_both_folders_are_read_from_where_the_archive_puts_them(tmp_path):
    write_music_speech(tmp_path / "gtzan" / "music_speech")
    for root in (tmp_path / "gtzan", tmp_path / "gtzan" / "music_speech"):
        assert datasets.find_layout(root) == "speech_music"
        tracks = datasets.read_tracks(root)
        assert [track.id for track in tracks] == list(NAMES)
        assert [track.label for track in tracks] == ["music", "music", "speech", "speech"]
        assert {(track.artist, track.split) for track in tracks} == {(None, None)}


def test_other_folders_are_not_this_collection(tmp_path):
    root = write_music_speech(tmp_path)
    (root / "speech_wav").rename(root / "talk")
    assert datasets.find_layout(root) == "folder"
    with pytest.raises(
        DataError, match=r"GTZAN speech / music: expected .*music_wav.*got '2 folders \(music_wav, talk"
    ):
        speech_music.read_tracks(root)
