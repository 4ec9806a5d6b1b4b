"""GTZAN: its folders, its class names, and the fault-filtered lists."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import gtzan
from essentia_ldl.errors import DataError

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")


def write_gtzan(root: Path, numbers=range(3), suffix: str = "wav") -> Path:
    for genre in GENRES:
        (root / genre).mkdir(parents=True)
        for number in numbers:
            (root / genre / f"{genre}.{number:05d}.{suffix}").write_bytes(b"x")
    return root


@pytest.mark.parametrize("below", ["", "genres", "genres_original", "Data/genres_original"])
@pytest.mark.parametrize("suffix", ["au", "wav", "mp3"])
def test_every_edition_is_found_and_read(below, suffix, tmp_path):
    root = write_gtzan(tmp_path / "gtzan" / below, suffix=suffix)
    (root / "bextract_single.mf").write_bytes(b"x")
    (root / "blues" / "._blues.00000.wav").write_bytes(b"x")
    assert datasets.find_layout(tmp_path / "gtzan") == "gtzan"
    tracks = datasets.read_tracks(tmp_path / "gtzan")
    assert len(tracks) == 30
    assert tracks[0].id == f"blues/blues.00000.{suffix}"
    assert tracks[0].path == str(root / "blues" / f"blues.00000.{suffix}")
    assert {track.split for track in tracks} == {track.artist for track in tracks} == {None}
    assert tracks == datasets.read_tracks(tmp_path / "gtzan", layout="gtzan")


def test_labels_are_the_class_names_of_essentia(tmp_path):
    tracks = gtzan.read_tracks(write_gtzan(tmp_path / "g"))
    classes = ("blues", "classic", "country", "disco", "hip hop", "jazz", "metal", "pop", "reggae", "rock")
    assert classes == gtzan.CLASSES
    assert Counter(track.label for track in tracks) == dict.fromkeys(classes, 3)
    assert {track.label for track in tracks if track.id.startswith("hiphop/")} == {"hip hop"}
    assert {track.label for track in tracks if track.id.startswith("classical/")} == {"classic"}


def test_fault_filtered_gives_the_splits(tmp_path):
    root = write_gtzan(tmp_path / "genres", numbers=range(100), suffix="au")
    tracks = gtzan.read_tracks(tmp_path, split="fault-filtered")
    assert Counter(track.split for track in tracks) == {"train": 443, "valid": 197, "test": 290}
    split_of = {track.id: track.split for track in tracks}
    assert [split_of[f"blues/blues.000{n}.au"] for n in ("00", "12", "29")] == ["valid", "test", "train"]
    assert "classical/classical.00042.au" not in split_of
    assert "jazz/jazz.00054.au" in split_of, "the corrupt copy is left to the step that opens it"
    assert all(Path(track.path).is_file() for track in tracks)
    assert len(gtzan.read_tracks(root)) == 1000


def test_a_listed_track_that_is_missing_is_left_to_the_failures(tmp_path):
    root = write_gtzan(tmp_path / "genres", numbers=range(100))
    (root / "blues" / "blues.00029.wav").unlink()
    tracks = {track.id: track for track in gtzan.read_tracks(tmp_path, split="fault-filtered")}
    assert len(tracks) == 930
    assert not Path(tracks["blues/blues.00029.wav"].path).exists()


def test_other_collections_are_not_gtzan(tmp_path):
    for genre in GENRES:
        (tmp_path / "mine" / genre).mkdir(parents=True)
        (tmp_path / "mine" / genre / "song.mp3").write_bytes(b"x")
    assert datasets.find_layout(tmp_path / "mine") == "folder"
    root = write_gtzan(tmp_path / "genres")
    for file in (root / "rock").iterdir():
        file.unlink()
    (root / "rock").rmdir()
    assert datasets.find_layout(root) == "folder"
    with pytest.raises(
        DataError,
        match=r"GTZAN: expected .*blues/blues\.00000\.wav; got '9 folders \(blues, classical, .*\) and 0 files'",
    ):
        datasets.read_tracks(root, layout="gtzan")


def test_bad_input(tmp_path):
    root = write_gtzan(tmp_path / "genres")
    with pytest.raises(DataError, match="split: expected all or fault-filtered; got 'filtered'"):
        gtzan.read_tracks(root, split="filtered")
    with pytest.raises(DataError, match=r"GTZAN: expected .* got 'No such file or directory'"):
        gtzan.read_tracks(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"GTZAN: expected .* got 'a file'"):
        gtzan.read_tracks(root / "rock" / "rock.00000.wav")
    (root / "rock" / "rock.00001.au").write_bytes(b"x")
    with pytest.raises(DataError, match=r"track: expected each track once; .*rock\.00001"):
        gtzan.read_tracks(root)
    (root / "rock" / "rock.00001.au").unlink()
    for name in ("rock.00100.wav", "pop.00001.wav", "copy of rock.00001.wav"):
        (root / "rock" / name).write_bytes(b"x")
        with pytest.raises(DataError, match=rf"file name: expected rock\.00000 to rock\.00099 .* got '{name}'"):
            gtzan.read_tracks(root)
        (root / "rock" / name).unlink()
