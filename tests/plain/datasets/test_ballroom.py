"""Ballroom and Extended Ballroom: dances, albums, and songs that repeat others."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import ballroom
from essentia_ldl.errors import DataError

NAMES = ("Albums-Cafe_Paradiso-05.wav", "Albums-Latin_Jam2-05.wav", "Media-104705.wav")
XML = """<?xml version='1.0' encoding='utf-8'?>
<extendedballroom>
 <Chacha>
  <song id="100701" artist="Nina" album="One" title="A" bpm="124" hash="0" />
  <song id="100702" artist="Nina" album="One" title="A" bpm="124" hash="0" exact="100701" />
  <song id="99999" artist="" album="Two" title="B" bpm="120" hash="0" version="100701" />
 </Chacha>
 <Waltz>
  <song id="100703" artist="Ada" album="Two" title="C" bpm="90" hash="0" time="100704" />
  <song id="100704" artist="Ada" album="Two" title="C" bpm="91" hash="0" time="100703" />
 </Waltz>
</extendedballroom>
"""


def write_ballroom(root: Path) -> Path:
    for dance in (*ballroom.DANCES, *ballroom.RUMBAS):
        (root / dance).mkdir(parents=True)
        for name in NAMES:
            (root / dance / name).write_bytes(b"x")
    (root / "allBallroomFiles").write_text("list")
    return root


def write_extended(root: Path, xml: str | None = XML) -> Path:
    songs = {"Chacha": ("100701", "100702", "99999"), "Waltz": ("100703", "100704")}
    for number, dance in enumerate(ballroom.EXTENDED_DANCES):
        (root / dance).mkdir(parents=True)
        for song in songs.get(dance, (f"20000{number}",)):
            (root / dance / f"{song}.mp3").write_bytes(b"x")
    if xml is not None:
        (root / "extendedballroom_v1.1.xml").write_text(xml)
    return root


def test_dances_and_albums_are_read(tmp_path):
    write_ballroom(tmp_path / "BallroomData")
    for root in (tmp_path, tmp_path / "BallroomData"):
        assert datasets.find_layout(root) == "ballroom"
        tracks = datasets.read_tracks(root)
        assert len(tracks) == 10 * len(NAMES)
    assert sorted({track.label for track in tracks}) == sorted((*ballroom.DANCES, "Rumba"))
    albums = {track.id: track.artist for track in tracks if track.label == "Waltz"}
    assert albums == {
        "Waltz/Albums-Cafe_Paradiso-05.wav": "Albums-Cafe_Paradiso",
        "Waltz/Albums-Latin_Jam2-05.wav": "Albums-Latin_Jam2",
        "Waltz/Media-104705.wav": "Media-1047",
    }


def test_the_rumbas_may_stand_apart_and_other_names_have_no_album(tmp_path):
    root = write_ballroom(tmp_path)
    (root / "Tango" / "mine.wav").write_bytes(b"x")
    tracks = datasets.read_tracks(root, options={"rumbas_apart": "yes"})
    assert set(ballroom.RUMBAS) < {track.label for track in tracks}
    assert {track.artist for track in tracks if track.id == "Tango/mine.wav"} == {None}


def test_extended_ballroom_has_artists_and_leaves_copies_out(tmp_path):
    root, said = write_extended(tmp_path / "extended"), []
    assert datasets.find_layout(root) == "ballroom"
    tracks = {track.id: track for track in datasets.read_tracks(root, say=said.append)}
    assert {track.label for track in tracks.values()} == set(ballroom.EXTENDED_DANCES)
    assert [name for name in tracks if name.startswith(("Chacha", "Waltz"))] == [
        *("Chacha/100701.mp3", "Chacha/99999.mp3", "Waltz/100703.mp3")
    ]
    assert said == ["left out: 2 songs that the XML tells to be copies of others"]
    assert tracks["Chacha/100701.mp3"].artist == "Nina"
    assert tracks["Chacha/99999.mp3"].artist is None
    assert dict(tracks["Waltz/100703.mp3"].columns) == {"title": "C", "album": "Two", "bpm": "90"}
    assert len(datasets.read_tracks(root, options={"keep_copies": "yes"})) == len(tracks) + 2


def test_extended_ballroom_without_its_xml_has_no_artists(tmp_path):
    said: list[str] = []
    tracks = ballroom.read_tracks(write_extended(tmp_path, None), say=said.append)
    assert {track.artist for track in tracks} == {None}
    assert "artists and copies are not known" in said[0]


def test_what_is_not_as_expected_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"extendedballroom_v1.1.xml: expected XML.*got 'no element found"):
        ballroom.read_tracks(write_extended(tmp_path / "a", "<extendedballroom>"))
    root = write_ballroom(tmp_path / "b")
    (root / "Jive").rename(root / "Jives")
    assert datasets.find_layout(root) == "folder"
    with pytest.raises(DataError, match=r"Ballroom: expected Ballroom: folders such as .*got '10 folders \(ChaChaCha"):
        ballroom.read_tracks(root)
