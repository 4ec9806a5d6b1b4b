"""MTG-Jamendo's splits for autotagging: subsets, sides, tags with and without categories."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.collection.splits import split_tracks
from essentia_ldl.datasets import jamendo_autotagging
from essentia_ldl.errors import DataError

HEADER = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n"
ROWS = {
    "train": "track_0000214\tartist_000014\talbum_000031\t14/214.mp3\t124.6\tmood/theme---happy\tmood/theme---film\n"
    "track_0000215\tartist_000014\talbum_000031\t15/215.mp3\t151.4\tmood/theme---sad\n",
    "validation": "track_0917542\tartist_378901\talbum_108650\t42/917542.mp3\t184.8\tmood/theme---happy\n",
    "test": "track_1026811\tartist_370789\talbum_120715\t11/1026811.mp3\t215.3\tmood/theme---slow\tmood/theme---sad\n",
}
PATHS = ("11/1026811.mp3", "14/214.mp3", "15/215.mp3", "42/917542.mp3")


def write_split(folder: Path, subset: str = "_moodtheme", rows: dict[str, str] = ROWS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for side, text in rows.items():
        (folder / f"autotagging{subset}-{side}.tsv").write_text(HEADER + text)
    return folder


@pytest.fixture
def audio(tmp_path):
    for path in PATHS:
        low = tmp_path / "audio" / path.replace(".mp3", ".low.mp3")
        low.parent.mkdir(parents=True, exist_ok=True)
        low.write_bytes(b"x")
    return tmp_path / "audio"


def test_sides_tags_and_artists_are_read(tmp_path, audio):
    folder = write_split(tmp_path / "repo" / "data" / "splits" / "split-0")
    for path in (folder, tmp_path / "repo", folder / "autotagging_moodtheme-test.tsv"):
        assert datasets.find_layout(path) == "jamendo_autotagging"
        tracks = {track.id: track for track in datasets.read_tracks(path, options={"audio": audio})}
        assert list(tracks) == sorted(PATHS)
    first = tracks["14/214.mp3"]
    assert (first.tags, first.artist, first.split) == (("film", "happy"), "artist_000014", "train")
    assert dict(first.columns) == {"track_id": "track_0000214", "album": "album_000031", "duration_s": "124.6"}
    assert first.path == str(audio / "14" / "214.low.mp3")
    split = split_tracks(list(tracks.values()))
    assert (split.valid, split.test) == (("42/917542.mp3",), ("11/1026811.mp3",))


def test_a_subset_is_chosen_and_categories_are_kept(tmp_path, audio):
    folder = write_split(tmp_path / "split-0")
    write_split(folder, "", {side: text.replace("mood/theme---sad", "genre---rock") for side, text in ROWS.items()})
    with pytest.raises(DataError, match=r"option subset: expected one of autotagging, moodtheme; got None.*--option"):
        jamendo_autotagging.read_tracks(folder, audio=audio)
    options = {"audio": audio, "subset": "autotagging", "categories": "yes"}
    tags = {track.id: track.tags for track in datasets.read_tracks(folder, options=options)}
    assert tags["15/215.mp3"] == ("genre---rock",)
    assert tags["11/1026811.mp3"] == ("genre---rock", "mood/theme---slow")
    of_task = datasets.read_tracks(folder, options={"audio": audio, "subset": "moodtheme"}, classes=("happy", "sad"))
    assert {track.id: track.tags for track in of_task}["14/214.mp3"] == ("happy",)


def test_a_side_that_is_not_there_is_told(tmp_path, audio):
    folder, said = write_split(tmp_path / "split-0", rows={"train": ROWS["train"], "test": ROWS["test"]}), []
    assert len(jamendo_autotagging.read_tracks(folder, audio=audio, say=said.append)) == 3
    assert said == ["there is no autotagging_moodtheme-validation.tsv: that side is not read"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("track_1\tartist_1\talbum_1\t00/1.mp3\t1.0\n", r"a tag or more; got '5 cells' \(.*-train.tsv, row 2\)"),
        ("track_1\tartist_1\talbum_1\t00/1.mp3\t1.0\thappy\n", "tag: expected category---tag; got 'happy'"),
        (ROWS["train"] + ROWS["train"], "PATH: expected each track once; got '14/214.mp3'"),
        (ROWS["train"].replace("theme---sad", "theme---sad\tgenre---sad"), "each name in one category; got 'genre---s"),
    ],
)
def test_broken_tables_are_refused(text, message, tmp_path, audio):
    folder = write_split(tmp_path / "split-0", rows={**ROWS, "train": text})
    with pytest.raises(DataError, match=message):
        jamendo_autotagging.read_tracks(folder, audio=audio)


def test_the_music_classification_annotations_are_another_layout(tmp_path):
    table = tmp_path / "music-classification-annotations-clean.tsv"
    table.write_text(HEADER + "t\ta\tl\t00/1.mp3\t1.0\tmood_sad---sad,sad,sad\n")
    assert datasets.find_layout(table) == "mtg_jamendo"
    assert not jamendo_autotagging.matches(table)
    (tmp_path / "autotagging-train.tsv").write_text("path\tlabel\n")
    with pytest.raises(DataError, match=r"MTG-Jamendo: expected a header that begins with TRACK_ID.*row 1"):
        jamendo_autotagging.read_tracks(tmp_path)
