"""Speech Commands: words, lists, speakers, and recordings that are no commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.collection.splits import split_tracks
from essentia_ldl.datasets import speech_commands
from essentia_ldl.errors import DataError

FILES = {
    "bed": ("0c40e715_nohash_0", "0c40e715_nohash_1", "1a994c9f_nohash_0", "3b4f8f24_nohash_0"),
    "cat": ("0c40e715_nohash_0", "3b4f8f24_nohash_0", "5ff3f9a1_nohash_0"),
}
VALID = "bed/1a994c9f_nohash_0.wav\n"
TEST = "bed/3b4f8f24_nohash_0.wav\ncat/3b4f8f24_nohash_0.wav\n"


def write_commands(root: Path, valid: str = VALID, test: str = TEST) -> Path:
    names = [f"{word}/{name}.wav" for word, files in FILES.items() for name in files]
    for name in (*names, "_background_noise_/running_tap.wav", "_background_noise_/README.md", "bed/notes.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    for name in ("README.md", "LICENSE"):
        (root / name).write_text("text")
    (root / "validation_list.txt").write_text(valid)
    (root / "testing_list.txt").write_text(test)
    return root


def test_words_lists_and_speakers_are_read(tmp_path):
    root, said = write_commands(tmp_path / "speech"), []
    assert datasets.find_layout(root) == "speech_commands"
    tracks = datasets.read_tracks(root, say=said.append)
    assert [track.id for track in tracks] == sorted(f"{word}/{n}.wav" for word, names in FILES.items() for n in names)
    assert {track.label for track in tracks} == set(FILES)
    sides = {track.id: track.split for track in tracks}
    assert sides["bed/1a994c9f_nohash_0.wav"] == "valid"
    assert [name for name, side in sides.items() if side == "test"] == TEST.split()
    assert {track.artist for track in tracks} == {"0c40e715", "1a994c9f", "3b4f8f24", "5ff3f9a1"}
    split = split_tracks(tracks)  # refuses a speaker on two sides
    assert split.valid == ("bed/1a994c9f_nohash_0.wav",)
    assert said[0] == "left out: 1 recording in _background_noise_, which are no commands"
    assert any("bed/notes.txt" in line for line in said)


def test_files_of_the_lists_that_are_not_there_are_told(tmp_path):
    root, said = write_commands(tmp_path, VALID + "bed/ffffffff_nohash_0.wav\n"), []
    assert len(speech_commands.read_tracks(root, say=said.append)) == 7
    assert "1 files of the lists are not there, such as bed/ffffffff_nohash_0.wav" in said


@pytest.mark.parametrize(
    ("valid", "message"),
    [
        ("", r"list: expected one file per line; got 'no line' \(.*validation_list.txt\)"),
        ("bed\n", r"file of a list: expected word/file.*got 'bed' \(.*validation_list.txt, line 1\)"),
        (TEST, r"each file in one list, once; got 'bed/3b4f8f24_nohash_0.wav' \(.*testing_list.txt, line 1\)"),
    ],
)
def test_broken_lists_are_refused(valid, message, tmp_path):
    with pytest.raises(DataError, match=message):
        speech_commands.read_tracks(write_commands(tmp_path, valid))


def test_lists_that_are_no_text_and_folders_without_words_are_refused(tmp_path):
    root = write_commands(tmp_path / "a")
    (root / "testing_list.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"testing_list.txt cannot be read: it is not UTF-8\. Unpack"):
        speech_commands.read_tracks(root)
    (tmp_path / "b").mkdir()
    for name, text in (("validation_list.txt", VALID), ("testing_list.txt", TEST)):
        (tmp_path / "b" / name).write_text(text)
    with pytest.raises(DataError, match="two words or more with audio; got '0 folders with 0 files'"):
        speech_commands.read_tracks(tmp_path / "b")
    (root / "testing_list.txt").unlink()
    with pytest.raises(DataError, match=r"Speech Commands: expected .*; got '3 folders \(_background_noise_, bed, cat"):
        speech_commands.read_tracks(root)
