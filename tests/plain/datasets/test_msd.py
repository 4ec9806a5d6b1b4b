"""Tags of the Million Song Dataset: lists in several forms, last.fm's files, and audio found by id."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import msd
from essentia_ldl.errors import DataError

IDS = ("TRAAAAK128F9318786", "TRAAAAV128F421A322", "TRAAABD128F429CF47")
ROWS = {IDS[0]: ("rock", "mellow"), IDS[1]: ("jazz",), IDS[2]: ("bagpipes", "80s")}
FORMS = {
    "tabs.tsv": "".join(f"{number}\t" + "\t".join(tags) + "\n" for number, tags in ROWS.items()),
    "tagtraum.cls": "# comment\n" + "".join(f"{number}\t" + "\t".join(tags) + "\n" for number, tags in ROWS.items()),
    "one-cell.csv": "".join(f"{number},{';'.join(tags)}\n" for number, tags in ROWS.items()),
    "named.csv": "track_id,title,tags,artist\n" + "".join(f'{i},Song,"{",".join(t)}",A\n' for i, t in ROWS.items()),
}


def write_audio(root: Path, ids=IDS) -> Path:
    for number in ids:
        path = root / "audio" / number[2] / f"{number}-clip.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def write_lastfm(root: Path, artists=("Nina", "Ada", "Nina")) -> Path:
    sides = ("lastfm_train", "lastfm_train", "lastfm_test")
    for number, artist, side in zip(IDS, artists, sides, strict=True):
        path = root / side / number[2] / number[3] / number[4] / f"{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        tags = [[tag, "100"] for tag in ROWS[number]]
        path.write_text(json.dumps({"artist": artist, "title": "Song", "tags": tags, "track_id": number}))
    return root


@pytest.mark.parametrize("name", FORMS)
def test_lists_in_every_form_are_read(name, tmp_path):
    path = write_audio(tmp_path) / name
    path.write_text(FORMS[name])
    assert datasets.find_layout(path) == "msd"
    tracks = {track.id: track for track in datasets.read_tracks(path)}
    assert {number: track.tags for number, track in tracks.items()} == {
        IDS[0]: ("Mellow", "rock"),  # as the released networks write it
        IDS[1]: ("jazz",),
        IDS[2]: ("80s",),
    }
    assert all(track.id in track.path for track in tracks.values())
    assert {track.artist for track in tracks.values()} == ({"A"} if name == "named.csv" else {None})
    everything = datasets.read_tracks(path, options={"tags": "all"})
    assert {track.id: track.tags for track in everything}[IDS[2]] == ("80s", "bagpipes")


def test_only_tracks_with_audio_and_only_audio_with_tags_are_read(tmp_path):
    write_audio(tmp_path, (*IDS[:2], "TRZZZZZ128F9318786"))
    (tmp_path / "audio" / "other.mp3").write_bytes(b"x")
    path, said = tmp_path / "tags.tsv", []
    path.write_text(FORMS["tabs.tsv"])
    assert [track.id for track in msd.read_tracks(path, say=said.append)] == sorted(IDS[:2])
    assert said == [
        "left out: 1 tracks of the list, whose audio is not there",
        "left out: 1 audio files, which have no tags",
    ]
    of_task = datasets.read_tracks(path, options={"drop_untagged": "yes"}, classes=("jazz", "soul"))
    assert [(track.id, track.tags) for track in of_task] == [(IDS[1], ("jazz",))]


def test_files_of_lastfm_have_artists_and_sides(tmp_path):
    root, said = write_audio(write_lastfm(tmp_path / "a")), []
    assert datasets.find_layout(root) == "msd"
    tracks = {track.id: track for track in datasets.read_tracks(root)}
    assert (tracks[IDS[0]].tags, tracks[IDS[0]].artist, tracks[IDS[0]].split) == (("Mellow", "rock"), "Nina", None)
    parted = datasets.read_tracks(root, options={"split": "official"}, say=said.append)
    assert [track.split for track in parted] == ["train", "train", "test"]
    assert "1 of 2 artists" in said[0]
    apart = write_audio(write_lastfm(tmp_path / "b", ("Nina", "Ada", "Bach")))
    tracks = datasets.read_tracks(apart, options={"split": "official"})
    assert [track.artist for track in tracks] == ["Nina", "Ada", "Bach"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{IDS[0]}\trock\nx\tjazz\n", r"track id: expected an id such as TRAAAAK128F9318786; got 'x' \(.*row 2\)"),
        (f"{IDS[0]}\trock\n{IDS[0]}\tjazz\n", "each track once; got 'TRAAAAK.*in row 1"),
        (f"{IDS[0]}\trock\n{IDS[1]}\t\n", "row: expected an id and a tag or more; got 'TRAAAAV"),
        (f"track_id\tgenre\n{IDS[0]}\trock\n", "header: expected a column tags; got 'track_id, genre'"),
        (f"track_id\ttags\tsplit\n{IDS[0]}\trock\tmine\n", "split: expected train, valid or test; got 'mine'"),
        (f"track_id\ttags\n{IDS[0]}\trock\tjazz\n", "row: expected 2 cells; got 3"),
        ("TRZZZZZ128F9318786\trock\n", "files with the id of a track in their names; got '3 with other ids'"),
    ],
)
def test_broken_lists_are_refused(text, message, tmp_path):
    path = write_audio(tmp_path) / "tags.tsv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        msd.read_tracks(path)


def test_two_files_of_one_id_and_broken_files_of_lastfm_are_refused(tmp_path):
    root = write_audio(write_lastfm(tmp_path))
    file = root / "lastfm_train" / "A" / "A" / "A" / f"{IDS[0]}.json"
    file.write_text('{"tags": ["rock"]}')
    with pytest.raises(DataError, match=r"file of last.fm: expected tags as pairs of a name and a weight; got .ValueE"):
        msd.read_tracks(root)
    file.write_text("{")
    with pytest.raises(DataError, match=r"file of last\.fm"):
        msd.read_tracks(root)
    (root / "audio" / f"{IDS[0]}.wav").write_bytes(b"x")
    with pytest.raises(DataError, match="audio of the MSD: expected one file per id; got"):
        msd.read_tracks(root)
    with pytest.raises(DataError, match="option split: expected all or official; got 'x'"):
        msd.read_tracks(root, split="x")


def test_sides_that_a_list_does_not_tell_are_asked_for(tmp_path):
    path = write_audio(tmp_path) / "list.tsv"
    path.write_text("track_id\ttags\n" + "".join(f"{number}\trock\n" for number in IDS))
    with pytest.raises(DataError, match="split: expected a column split that tells the sides; got 'none'"):
        datasets.read_tracks(path, options={"split": "official", "tags": "all"})


def test_a_table_with_paths_is_a_table(tmp_path):
    path = write_audio(tmp_path) / "list.csv"
    path.write_text("track_id,path,label\n" + "".join(f"{number},audio/{number}.mp3,x\n" for number in IDS))
    assert datasets.find_layout(path) == "table"
