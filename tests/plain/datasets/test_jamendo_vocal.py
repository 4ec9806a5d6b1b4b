"""Jamendo singing voice: excerpts in three sides, and songs that stay together."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.collection.splits import fold_tracks
from essentia_ldl.datasets import jamendo_vocal
from essentia_ldl.errors import DataError

SONGS = {"train": ("01 - A CONTRE COURANT", "01 - Aur"), "valid": ("05 - Anyway",), "test": ("03 - Say_me Good",)}


def write_excerpts(root: Path) -> Path:
    for role, songs in SONGS.items():
        for song in songs:
            for number, folder in enumerate(("nosing", "sing", "nosing")):
                (root / role / folder).mkdir(parents=True, exist_ok=True)
                (root / role / folder / f"{song}_{number}.wav").write_bytes(b"x")
    return root


def test_excerpts_have_sides_labels_and_songs(tmp_path):
    root = write_excerpts(tmp_path / "jamendo")
    assert datasets.find_layout(root) == "jamendo_vocal"
    tracks = {track.id: track for track in datasets.read_tracks(root)}
    assert len(tracks) == 12
    found = tracks["train/sing/01 - A CONTRE COURANT_1.wav"]
    assert (found.label, found.artist, found.split) == ("voice", "01 - A CONTRE COURANT", "train")
    assert tracks["test/nosing/03 - Say_me Good_2.wav"].artist == "03 - Say_me Good"
    assert {track.label for track in tracks.values()} == {"instrumental", "voice"}


def test_without_the_official_split_songs_still_stay_together(tmp_path):
    tracks = datasets.read_tracks(write_excerpts(tmp_path), options={"split": "all"})
    assert {track.split for track in tracks} == {None}
    song_of = {track.id: track.artist for track in tracks}
    for fold in fold_tracks(tracks, 2):
        assert not {song_of[i] for i in fold.test} & {song_of[i] for i in (*fold.train, *fold.valid)}


def test_what_is_not_as_expected_is_refused(tmp_path):
    root = write_excerpts(tmp_path)
    with pytest.raises(DataError, match="option split: expected official or all; got 'mine'"):
        jamendo_vocal.read_tracks(root, split="mine")
    (root / "valid" / "sing" / "song.wav").write_bytes(b"x")
    with pytest.raises(DataError, match=r"a song and the number of the excerpt.*got 'song.wav'"):
        jamendo_vocal.read_tracks(root)
    (root / "valid").rename(root / "dev")
    with pytest.raises(DataError, match=r"Jamendo singing voice: expected .*got '3 folders \(dev, test, train"):
        jamendo_vocal.read_tracks(root)
