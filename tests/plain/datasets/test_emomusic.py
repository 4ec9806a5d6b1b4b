"""emoMusic: two numbers per song, artists, and the sets of 2013."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import emomusic
from essentia_ldl.errors import DataError

STATIC = (
    "song_id,mean_arousal,std_arousal,mean_valence,std_valence\n"
    "2,3.1,0.99,3,0.66\n3,3.5,1.84,3.3,1.7\n4,5.7,1.49,5.5,1.71\n"
)
INFO = (
    "song_id,file_name,Artist,Song title,start of the segment (min.sec),end of the segment (min.sec),Genre,"
    "Mediaeval 2013 set\n"
    "2,2.mp3\t,The New Mystikal Troubadours\t,Tonight A Lonely Century\t,00.17,01.02,Blues\t,development\n"
    '3,3.mp3\t,Kevin Barnes\t,"\tSleepless, Nights\t",00.20,01.05,Blues\t,development\n'
    "4,4.mp3\t,Ada\t,Song\t,00.20,01.05,Rock\t,evaluation\n"
)


def write_emomusic(root: Path, static: str = STATIC, info: str | None = INFO) -> Path:
    (root / "clips_45seconds").mkdir(parents=True)
    (root / "annotations").mkdir()
    for song in (2, 3, 4):
        (root / "clips_45seconds" / f"{song}.mp3").write_bytes(b"x")
    (root / "annotations" / "static_annotations.csv").write_text(static)
    if info is not None:
        (root / "annotations" / "songs_info.csv").write_text(info)
    return root


def test_songs_have_two_numbers_and_an_artist(tmp_path):
    root = write_emomusic(tmp_path / "emo")
    for path in (root, root / "annotations", root / "annotations" / "static_annotations.csv"):
        assert datasets.find_layout(path) == "emomusic"
        tracks = datasets.read_tracks(path)
        assert [track.id for track in tracks] == ["2.mp3", "3.mp3", "4.mp3"]
    first = tracks[0]
    assert (first.label, dict(first.numbers)) == ("", {"arousal": 3.1, "valence": 3.0})
    assert (first.artist, first.split) == ("The New Mystikal Troubadours", None)
    assert tracks[1].columns["title"] == "Sleepless, Nights"
    assert first.columns["arousal_std"] == "0.99"
    assert all(Path(track.path).is_file() for track in tracks)


def test_the_sets_of_2013_are_an_option(tmp_path):
    root, said = write_emomusic(tmp_path / "a"), []
    tracks = datasets.read_tracks(root, options={"split": "mediaeval"}, say=said.append)
    assert [track.split for track in tracks] == ["train", "train", "test"]
    assert (tracks[2].artist, said) == ("Ada", [])
    root = write_emomusic(tmp_path / "b", info=INFO.replace("Ada", "Kevin Barnes"))
    tracks = datasets.read_tracks(root, options={"split": "mediaeval"}, say=said.append)
    assert {track.artist for track in tracks} == {
        "Kevin Barnes (test)",
        "Kevin Barnes (train)",
        "The New Mystikal Troubadours",
    }
    assert "1 of 2 artists on more than one side" in said[0]


def test_without_information_artists_are_not_known(tmp_path):
    root, said = write_emomusic(tmp_path, info=None), []
    assert {track.artist for track in emomusic.read_tracks(root, say=said.append)} == {None}
    assert said == ["there is no songs_info.csv beside the annotations, so artists are not known"]
    with pytest.raises(DataError, match=r"songs_info.csv is not there, and the split is in it\. Put it there\."):
        emomusic.read_tracks(root, split="mediaeval")


@pytest.mark.parametrize(
    ("static", "message"),
    [
        (STATIC.replace("3.1,", "nan,"), r"mean_arousal: expected a number; got 'nan' \(.*annotations.csv, row 2\)"),
        (STATIC.replace("\n3,", "\n2,"), "song_id: expected a number, each song once; got '2'.*row 3"),
        (STATIC.replace("mean_valence", "valence"), "header: expected columns .*got 'no mean_valence'"),
        ("song_id,mean_arousal,mean_valence\n9,1,1\n", "audio of emoMusic: expected files that exist; got .*9.mp3"),
    ],
)
def test_broken_tables_are_refused(static, message, tmp_path):
    with pytest.raises(DataError, match=message):
        emomusic.read_tracks(write_emomusic(tmp_path, static))


def test_an_unknown_set_and_other_tables_are_refused(tmp_path):
    root = write_emomusic(tmp_path / "a", info=INFO.replace("evaluation", "both"))
    with pytest.raises(DataError, match="Mediaeval 2013 set of song 4: expected development or evaluation; got 'both'"):
        emomusic.read_tracks(root, split="mediaeval")
    header, *songs = INFO.splitlines(keepends=True)
    turned = write_emomusic(tmp_path / "b", info=header + "".join(reversed(songs)).replace("evaluation", "both"))
    with pytest.raises(DataError, match=r"of song 4: .*got 'both' \(.*songs_info\.csv, row 2\)"):  # 4 in the other
        emomusic.read_tracks(turned, split="mediaeval")
    lacking = write_emomusic(tmp_path / "c", info=header + songs[0] + songs[2])
    with pytest.raises(DataError, match=r"of song 3: .*got 'no row of it in songs_.*static_annotations\.csv, row 3\)"):
        emomusic.read_tracks(lacking, split="mediaeval")
    with pytest.raises(DataError, match="option split: expected all or mediaeval; got 'x'"):
        emomusic.read_tracks(root, split="x")
    (tmp_path / "static_annotations.csv").write_text("musicId,Arousal(mean),Valence(mean)\n1,0.4,0.5\n")  # PMEmo's
    assert not emomusic.matches(tmp_path)
    assert datasets.find_layout(tmp_path / "static_annotations.csv") == "table"
