"""What published collections share: the folder of the audio, and official splits that part artists."""

from __future__ import annotations

import pytest

from essentia_ldl.datasets._official import check_choice, find_audio, free_artists, require_audio
from essentia_ldl.errors import DataError
from essentia_ldl.records import Track


def test_audio_is_where_the_option_says_or_in_the_first_place_that_is_there(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    places = (tmp_path / "a", tmp_path / "b", tmp_path / "c")
    assert find_audio("X", None, places) == tmp_path / "b"
    assert find_audio("X", tmp_path / "c", places) == tmp_path / "c"
    with pytest.raises(DataError, match=r"audio of X: expected a folder; got 'nowhere' \(option audio\)"):
        find_audio("X", "nowhere", places)
    with pytest.raises(DataError, match=r"a folder a or z; got '2 folders \(b, c\) and 0 files'"):
        find_audio("X", None, (tmp_path / "a", tmp_path / "z"))


def test_one_file_is_enough_and_none_is_refused(tmp_path):
    (tmp_path / "1.wav").write_bytes(b"x")
    there, away = Track("1", str(tmp_path / "1.wav"), "a"), Track("2", "/nowhere/2.wav", "a")
    require_audio("X", [away, there], tmp_path)
    with pytest.raises(DataError, match=r"audio of X: expected files that exist; got '/nowhere/2.wav'"):
        require_audio("X", [away], tmp_path)
    with pytest.raises(DataError, match="X: expected at least one track; got 0"):
        require_audio("X", [], tmp_path)


def test_a_choice_is_one_of_those_known():
    check_choice("split", "all", ("all", "folders"), "x")
    with pytest.raises(DataError, match=r"option split: expected all or folders; got 'mine' \(x\)"):
        check_choice("split", "mine", ("all", "folders"), "x")


def make(artists: str, sides: str) -> list[Track]:
    roles = {"r": "train", "v": "valid", "t": "test"}
    pairs = enumerate(zip(artists, sides, strict=True))
    return [Track(str(i), f"/{i}", "x", None if a == "-" else a, roles[side]) for i, (a, side) in pairs]


def test_artists_on_one_side_stay_artists():
    said: list[str] = []
    tracks = make("aab-", "rrvt")
    assert free_artists(tracks, said.append) is tracks
    assert not said


def test_artists_on_two_sides_count_once_per_side_and_are_told():
    said: list[str] = []
    found = free_artists(make("aabb-", "rtvvt"), said.append)
    assert [track.artist for track in found] == ["a (train)", "a (test)", "b", "b", None]
    assert [track.columns["artist"] for track in found] == ["a", "a", "b", "b", ""]
    assert [track.split for track in found] == ["train", "test", "valid", "valid", "test"]
    assert said[0].startswith("the official split has 1 of 2 artists on more than one side")
