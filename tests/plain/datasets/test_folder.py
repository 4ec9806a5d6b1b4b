"""A folder with one sub-folder per class: every extension, artists, links, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import folder
from essentia_ldl.errors import DataError


def write_files(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_folder_reads_classes_artists_and_every_extension(tmp_path):
    write_files(
        tmp_path,
        *("sad/one.MP3", "sad/nina/two.Flac", "sad/nina/album/three.opus", "happy/four.webm", "happy/cover.jpg"),
        *("happy/.hidden.mp3", "happy/._four.mp3", "happy/.trash/five.mp3", ".git/six.wav", "happy/scans/page.png"),
    )
    tracks = folder.read_tracks(tmp_path)
    assert [(track.id, track.label, track.artist) for track in tracks] == [
        ("happy/four.webm", "happy", None),
        ("sad/nina/album/three.opus", "sad", "nina"),
        ("sad/nina/two.Flac", "sad", "nina"),
        ("sad/one.MP3", "sad", None),
    ]
    assert all(os.path.isabs(track.path) and os.path.isfile(track.path) for track in tracks)


def test_folder_keeps_empty_files_and_broken_links_for_the_failures(tmp_path):
    write_files(tmp_path, "a/1.wav", "b/2.wav")
    (tmp_path / "a/0.wav").write_bytes(b"")
    (tmp_path / "b/9.wav").symlink_to(tmp_path / "gone.wav")
    assert [track.id for track in folder.read_tracks(tmp_path)] == ["a/0.wav", "a/1.wav", "b/2.wav", "b/9.wav"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "two sub-folders or more, one per class; got '0 sub-folders and 0 files'"),
        (("1.mp3", "2.mp3"), "got '0 sub-folders and 2 files'.*Make one sub-folder per class"),
        (("sad/1.mp3",), "got '1 sub-folders and 0 files'"),
        (("audio/1.mp3", "index.tsv"), r"Give the table '.*index\.tsv' instead"),
        (("sad/1.mp3", "happy/notes.txt"), r"sub-folder: expected audio files; got 'none' \(.*happy\)"),
    ],
)
def test_folder_refuses(names, message, tmp_path):
    write_files(tmp_path, *names)
    with pytest.raises(DataError, match=message):
        datasets.read_tracks(tmp_path)


def test_folder_passes_over_a_loop_of_links_and_follows_others_b6(tmp_path):
    write_files(tmp_path, "data/a/1.wav", "data/b/2.wav", "elsewhere/3.wav")
    (tmp_path / "data/b/nina").symlink_to(tmp_path / "elsewhere")
    assert [track.id for track in folder.read_tracks(tmp_path / "data")] == ["a/1.wav", "b/2.wav", "b/nina/3.wav"]
    (tmp_path / "data/b/loop").symlink_to(tmp_path / "data")
    (tmp_path / "data/b/self.wav").symlink_to(tmp_path / "data/b/self.wav")
    said = []
    tracks = folder.read_tracks(tmp_path / "data", said.append)
    assert [track.id for track in tracks] == ["a/1.wav", "b/2.wav", "b/nina/3.wav"]
    assert said == ["passed over: 2 links to a folder above it (b/loop, b/self.wav)"]


def test_folders_are_walked_as_they_are_asked_for_and_to_any_depth(tmp_path):
    depth, top = 1100, tmp_path / "d"
    top.mkdir()
    (top / "a.wav").touch()
    below = top
    for _ in range(depth):
        below = below / "d"
        below.mkdir()
    (below / "b.wav").touch()
    found = folder.walk_audio(top)
    assert next(found) == top / "a.wav"
    (below / "c.txt").touch()
    assert list(found) == [below / "b.wav"]
    (below / "b.wav").unlink()
    (below / "c.txt").unlink()
    for _ in range(depth):  # what takes temporary folders away is recursive
        below.rmdir()
        below = below.parent


@pytest.mark.parametrize("system", ["__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found", "System Volume Information"])
@pytest.mark.parametrize("where", ["", "sad/"])
def test_folders_of_systems_are_no_part_of_a_collection_b6(system, where, tmp_path):
    write_files(tmp_path, "sad/1.wav", "happy/2.wav", f"{where}{system}/3.wav")
    said = []
    assert [track.id for track in folder.read_tracks(tmp_path, said.append)] == ["happy/2.wav", "sad/1.wav"]
    assert said == [f"passed over: 1 folder of the system ({where}{system})"]


def test_an_empty_class_is_passed_over_where_others_remain_b6(tmp_path):
    write_files(tmp_path, "sad/1.wav", "happy/2.wav", "calm/notes.txt", "top.wav")
    (tmp_path / "angry").mkdir()
    said = []
    assert len(folder.read_tracks(tmp_path, said.append)) == 2
    assert said == [
        "passed over: 1 file beside the sub-folders (top.wav)",
        "passed over: 1 file that is no audio (calm/notes.txt)",
        "passed over: 2 folders without audio (angry, calm)",
    ]


# heads of files whose suffix says nothing, as ffmpeg and sox write them
HEADS = {
    "a.mov": b"\0\0\0\x14ftypqt  ",
    "b.avi": b"RIFF\x24\x08\0\0AVI LIST",
    "c.ts": b"\x47" + bytes(187) + b"\x47" + bytes(187),
    "d": b"ID3\x04\0\0\0",
    "e.MP3.bak": b"\xff\xfb\x90\x64",
    "f.dat": b"fLaC\0\0\0\x22",
    "g.old.quicktime": b"\0\0\x10\0moov\0\0",
    "h.m2ts": bytes(4) + b"\x47" + bytes(191) + b"\x47" + bytes(187),
    "i.flv": b"FLV\x01\x05\0\0\0\x09",
    "j.aac.part": b"\xff\xf1\x50\x80\0",
}


@pytest.mark.parametrize("name", HEADS)
def test_audio_without_its_suffix_is_found_a3(name, tmp_path):
    """A3: what a file is, its content says."""
    write_files(tmp_path, "sad/1.wav", "happy/2.wav")
    (tmp_path / "sad" / name).write_bytes(HEADS[name] + bytes(16))
    assert f"sad/{name}" in [track.id for track in folder.read_tracks(tmp_path)]


@pytest.mark.parametrize("suffix", ["mpga", "tta", "bwf", "3gp", "dsf", "w64", "spx"])
def test_suffixes_of_audio_are_believed_a3(suffix, tmp_path):
    """A3: a broken file of such a name is reported by the step that opens it, and not left out."""
    write_files(tmp_path, f"sad/1.{suffix}", "happy/2.wav")
    assert len(folder.read_tracks(tmp_path)) == 2


def test_what_is_no_audio_is_counted_a3(tmp_path):
    names = ("cover.jpg", "list.m3u", "notes.txt", "scan.pdf", "album.cue")
    write_files(tmp_path, "sad/1.wav", "happy/2.wav", *(f"sad/{name}" for name in names))
    os.mkfifo(tmp_path / "sad/pipe")  # which nobody writes to
    said = []
    folder.read_tracks(tmp_path, said.append)
    assert said == ["passed over: 6 files that are no audio (sad/album.cue, sad/cover.jpg, sad/list.m3u, ...)"]


SIDES = [
    ("train", "valid", "test"),
    ("Training", "Validation", "Testing"),
    ("TRAIN", "DEV", "EVAL"),
    ("train_set", "val-set", "test set"),
    ("entrenamiento", "validación", "prueba"),
    ("trainset", "Validierung", "Test"),
]


@pytest.mark.parametrize("names", SIDES)
def test_folders_of_a_split_are_its_sides_a4(names, tmp_path):
    """A4: `d/{train,valid,test}/{sad,non_sad}`, in the words of others too."""
    classes = ("non_sad", "sad")
    write_files(tmp_path, *(f"{side}/{name}/nina/{i}.wav" for side in names for name in classes for i in "12"))
    said = []
    tracks = folder.read_tracks(tmp_path, said.append)
    assert {track.label for track in tracks} == set(classes)
    assert {track.split for track in tracks} == {"train", "valid", "test"}
    assert {track.artist for track in tracks} == {"nina"}
    shown = ", ".join(sorted(names))
    assert said == [f"6 folders: 3 splits ({shown}) of 2 classes (non_sad, sad)"]


def test_sides_below_the_classes_are_sides_and_no_artists_a4(tmp_path):
    write_files(
        tmp_path, *(f"{name}/{side}/{i}.wav" for side in ("train", "test") for name in ("sad", "gay") for i in "12")
    )
    said = []
    tracks = folder.read_tracks(tmp_path, said.append)
    assert {(track.label, track.split, track.artist) for track in tracks} == {
        *(("sad", "train", None), ("sad", "test", None), ("gay", "train", None), ("gay", "test", None))
    }
    assert said == ["4 folders: 2 splits (test, train) of 2 classes (gay, sad)"]


@pytest.mark.parametrize(
    "names", [("fold1", "fold2", "fold3"), ("000", "001"), ("00", "0a", "ff"), ("CD 1", "CD 2"), ("part-1", "part-2")]
)
@pytest.mark.parametrize("is_below", [False, True])
def test_folds_and_shards_are_no_classes_and_no_artists_a4(names, is_below, tmp_path):
    places = [(name, part) if is_below else (part, name) for part in names for name in ("sad", "gay")]
    write_files(tmp_path, *(f"{first}/{second}/1.wav" for first, second in places))
    said = []
    tracks = folder.read_tracks(tmp_path, said.append)
    assert {track.label for track in tracks} == {"sad", "gay"}
    assert {track.artist for track in tracks} == {None}
    assert {track.split for track in tracks} == {None}
    assert {track.columns["part"] for track in tracks} == set(names)
    assert said[0].startswith(f"{2 * len(names)} folders: {len(names)} parts (")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("000/1.mp3", "001/2.mp3"), "a class for every track: 000, 001 are names of parts; got '2 folders of 2 files"),
        (("00/1.mp3", "01/2.mp3", "02/3.mp3"), "names of parts"),
        (("train/1.mp3", "test/2.mp3"), "test, train are names of splits"),
        (("fold1/1.mp3", "fold2/2.mp3"), "names of parts"),
        (("train/a/1.mp3", "test/b/2.mp3"), "names of splits"),  # artists, who are on one side each
        (("train/1.mp3", "test/2.mp3", "sad/3.mp3"), "classes, or that are splits; got 'both: sad, test, train'"),
    ],
)
def test_folders_that_two_readings_fit_are_refused_a4(names, message, tmp_path):
    write_files(tmp_path, *names)
    with pytest.raises(DataError, match=message):
        folder.read_tracks(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        *(("train", "bus", "tram"), ("0", "1"), ("1980", "1990"), ("Q1", "Q2", "Q3"), ("sad", "non_sad")),
        *(("80s", "90s"), ("dev", "ops")),
    ],
)
def test_classes_with_such_names_stay_classes_a4(names, tmp_path):
    write_files(tmp_path, *(f"{name}/Train/1.wav" for name in names[:1]), *(f"{name}/Nina/1.wav" for name in names))
    tracks = folder.read_tracks(tmp_path)
    assert {track.label for track in tracks} == set(names)
    assert {track.artist for track in tracks} == {"Train", "Nina"}
    assert {track.split for track in tracks} == {None}
