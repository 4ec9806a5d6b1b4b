"""DEAM: two tables with spaces in their headers, and a table of metadata per year."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import deam
from essentia_ldl.errors import DataError

FIRST = "song_id, valence_mean, valence_std, arousal_mean, arousal_std\n2,3.1,0.94,3,0.63\n1001,3.5,1.75,3.3,1.62\n"
SECOND = "song_id, valence_mean, valence_std, valence_max_mean, arousal_mean, arousal_std\n2001,5.7,1.42,6,5.5,1.63\n"
METADATA = {
    "2013": "song_id,file_name,Artist,Song title,start,end,Genre\n2,2.mp3\t,\tNina  Simone\t,Song\t,0.1,0.5,Blues\t\n",
    "2014": "Id, Artist, Album, Track, Genre, start, end\n1001,Kevin,One,Song,Rock,0.1,0.5,rock,pop,80s\n",
    "2015": "id,Filename,title,artist,album,genre\n2001,2001.mp3,Song,Ada,n/a,Folk,Folk-Rock\n",
}
WITHIN = "annotations/annotations averaged per song/song_level"


def write_deam(root: Path, first: str = FIRST, within: str = WITHIN, metadata: dict = METADATA) -> Path:
    (root / within).mkdir(parents=True)
    (root / "MEMD_audio").mkdir()
    for song in (2, 1001, 2001):
        (root / "MEMD_audio" / f"{song}.mp3").write_bytes(b"x")
    (root / within / deam.FILES[0]).write_text(first)
    (root / within / deam.FILES[1]).write_text(SECOND)
    for year, text in metadata.items():
        (root / "metadata").mkdir(exist_ok=True)
        (root / "metadata" / f"metadata_{year}.csv").write_text(text)
    return root


@pytest.mark.parametrize("within", [WITHIN, f"DEAM_Annotations/{WITHIN}", "song_level"])
def test_songs_of_both_tables_have_numbers_and_artists(within, tmp_path):
    root = write_deam(tmp_path / "deam", within=within)
    for path in (root, root / within, root / within / deam.FILES[0]):
        assert datasets.find_layout(path) == "deam"
        tracks = {track.id: track for track in datasets.read_tracks(path)}
        assert list(tracks) == ["1001.mp3", "2.mp3", "2001.mp3"]
    assert dict(tracks["2.mp3"].numbers) == {"arousal": 3.0, "valence": 3.1}
    assert dict(tracks["2001.mp3"].numbers) == {"arousal": 5.5, "valence": 5.7}
    assert {name: track.artist for name, track in tracks.items()} == {
        "2.mp3": "Nina Simone",
        "1001.mp3": "Kevin",
        "2001.mp3": "Ada",
    }
    assert dict(tracks["2.mp3"].columns) == {"arousal_std": "0.63", "valence_std": "0.94"}


def test_without_metadata_artists_are_not_known(tmp_path):
    root, said = write_deam(tmp_path / "a", metadata={}), []
    assert {track.artist for track in deam.read_tracks(root, say=said.append)} == {None}
    assert said == ["there is no metadata beside the annotations, so artists are not known"]
    other = write_deam(tmp_path / "b") / "metadata"
    assert None not in {track.artist for track in deam.read_tracks(root, metadata=other)}


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (FIRST.replace("3.1", "high"), r"valence_mean: expected a number; got 'high' \(.*_1_2000.csv, row 2\)"),
        (FIRST.replace("1001", "2001"), r"each song once; got '2001' \(.*2000_2058.csv, row 2\)"),
        (FIRST.replace("arousal_mean", "arousal"), "header: expected columns .*got 'no arousal_mean'"),
    ],
)
def test_broken_tables_are_refused(first, message, tmp_path):
    with pytest.raises(DataError, match=message):
        deam.read_tracks(write_deam(tmp_path, first))


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"DEAM: expected DEAM: static_annotations.*got '0 folders and 0 files'"):
        deam.read_tracks(tmp_path)
    root = write_deam(tmp_path / "a", metadata={"2013": "song_id,title\n2,x\n"})
    with pytest.raises(DataError, match="header: expected a column of songs and one of artists"):
        deam.read_tracks(root)
    (root / "MEMD_audio").rename(root / "audio")
    with pytest.raises(DataError, match="audio of DEAM: expected a folder MEMD_audio; got"):
        deam.read_tracks(root)
    with pytest.raises(DataError, match="audio of DEAM: expected files that exist"):
        deam.read_tracks(write_deam(tmp_path / "b"), audio=root)
