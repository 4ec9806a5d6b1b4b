"""The Dortmund collection: nine genre folders whose file names hold the artists."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import dortmund
from essentia_ldl.errors import DataError

# the spelling of names in the collection, with invented artists and titles
NAMES = {
    "alternative": ("10_Hours-Colors", "___In_the_Town-Tooth", "Rain_-What_"),
    "blues": ("Ted_Example-let_me_go", "The__Dare_Band-_The_Road__live_"),
    "electronic": ("22-Lonely",),
    "folkcountry": ("A_B_-Song",),
    "funksoulrnb": ("Artist-Song",),
    "jazz": ("Artist-Song",),
    "pop": ("Artist-Song",),
    "raphiphop": ("Artist-Song",),
    "rock": ("Ted_Example-wish_you_were_there", "Untitled"),
}


def write_dortmund(root: Path, suffix: str = "mp3") -> Path:
    for genre, names in NAMES.items():
        (root / genre).mkdir(parents=True)
        for name in names:
            (root / genre / f"{name}.{suffix}").write_bytes(b"x")
    return root


@pytest.mark.parametrize("suffix", ["mp3", "wav"])
def test_it_is_found_and_read(suffix, tmp_path):
    root = write_dortmund(tmp_path / "audio", suffix)
    (root / "features").mkdir()
    assert datasets.find_layout(root) == "dortmund"
    tracks = datasets.read_tracks(root)
    assert tracks == datasets.read_tracks(root, layout="dortmund")
    assert len(tracks) == sum(map(len, NAMES.values()))
    assert sorted({track.label for track in tracks}) == list(dortmund.CLASSES) == sorted(NAMES)
    assert all(track.split is None and Path(track.path).is_file() for track in tracks)
    assert all(track.id == f"{track.label}/{Path(track.path).name}" for track in tracks)


def test_the_artist_is_what_stands_before_the_hyphen(tmp_path):
    tracks = dortmund.read_tracks(write_dortmund(tmp_path / "audio"))
    artists = {track.id: track.artist for track in tracks}
    assert artists["alternative/10_Hours-Colors.mp3"] == "10 Hours"
    assert artists["alternative/___In_the_Town-Tooth.mp3"] == "In the Town"
    assert artists["alternative/Rain_-What_.mp3"] == "Rain"
    assert artists["blues/The__Dare_Band-_The_Road__live_.mp3"] == "The Dare Band"
    assert artists["electronic/22-Lonely.mp3"] == "22"
    assert artists["blues/Ted_Example-let_me_go.mp3"] == artists["rock/Ted_Example-wish_you_were_there.mp3"]
    assert artists["rock/Untitled.mp3"] is None


def test_a_name_with_two_hyphens_has_no_known_artist(tmp_path):
    root = write_dortmund(tmp_path / "audio")
    (root / "rock" / "A-B-C.mp3").write_bytes(b"x")
    (root / "rock" / "-B.mp3").write_bytes(b"x")
    (root / "rock" / "___-B.mp3").write_bytes(b"x")
    artists = {track.id: track.artist for track in dortmund.read_tracks(root)}
    assert [artists[f"rock/{name}.mp3"] for name in ("A-B-C", "-B", "___-B")] == [None, None, None]


def test_other_collections_are_not_dortmund(tmp_path):
    for genre in NAMES:
        (tmp_path / "mine" / genre / "artist").mkdir(parents=True)
        (tmp_path / "mine" / genre / "artist" / "song.mp3").write_bytes(b"x")
    assert datasets.find_layout(tmp_path / "mine") == "folder"
    root = write_dortmund(tmp_path / "audio")
    (root / "jazz").rename(root / "Jazz music")
    assert datasets.find_layout(root) == "folder"
    message = (
        r"Dortmund: expected Dortmund .*nine genre .*\(alternative, .*got .9 folders \(Jazz music, alter.*\. .*\.$"
    )
    with pytest.raises(DataError, match=message):
        datasets.read_tracks(root, layout="dortmund")
    with pytest.raises(DataError, match=r"Dortmund: .* got 'a file'"):
        dortmund.read_tracks(root / "pop" / "Artist-Song.mp3")
