"""MTG-Jamendo's annotations: agreement, what is dropped, and the names that leave."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import mtg_jamendo
from essentia_ldl.errors import DataError, UnknownNameError
from essentia_ldl.recipe.toml import list_tasks, read_recipe

HEADER = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tANNOTATIONS"
SAD = ("mood_sad---sad,sad,sad", "mood_sad---not_sad,not_sad,not_sad", "mood_sad---sad,not_sad,sad")
CLEAN, RAW = mtg_jamendo.FILES


def write_annotations(folder: Path, *rows, name: str = CLEAN, audio: str = "{}.mp3", header: str = HEADER) -> Path:
    """Write one track for each row, a string or the strings of its taxonomies."""
    lines = [header]
    for i, cells in enumerate(rows):
        cells = (cells,) if isinstance(cells, str) else cells
        lines.append(
            "\t".join((f"track_{i:07d}", f"artist_{i % 2:06d}", "album_000001", f"{i:02d}/{i}.mp3", "9.5", *cells))
        )
        if audio:
            path = folder / audio.format(f"{i:02d}/{i}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def labels_of(path: Path, taxonomy: str | None = None) -> dict[str, str]:
    return {track.id: track.label for track in mtg_jamendo.read_tracks(path, taxonomy=taxonomy)}


def count_labels(path: Path) -> dict[str, dict[str, int]]:
    """Count the tracks of every taxonomy that a file has, by label."""
    counts = {}
    for taxonomy in mtg_jamendo.CLASSES:
        with contextlib.suppress(DataError, UnknownNameError):
            counts[taxonomy] = dict(Counter(labels_of(path, taxonomy).values()))
    return counts


def test_a_file_with_one_taxonomy_is_found_and_read(tmp_path):
    path = write_annotations(tmp_path, *SAD)
    assert datasets.find_layout(path) == "mtg_jamendo"
    assert datasets.find_layout(tmp_path) == "mtg_jamendo"
    tracks = datasets.read_tracks(path)
    assert tracks == datasets.read_tracks(tmp_path) == datasets.read_tracks(path, layout="mtg_jamendo")
    assert [(t.id, t.label, t.artist, t.split) for t in tracks] == [
        ("00/0.mp3", "sad", "artist_000000", None),
        ("01/1.mp3", "non_sad", "artist_000001", None),
    ]
    assert tracks[0].path == str(tmp_path / "00" / "0.mp3")
    assert dict(tracks[0].columns) == {"track_id": "track_0000000", "album": "album_000001", "duration_s": "9.5"}


@pytest.mark.parametrize("header", [HEADER, HEADER.replace("ANNOTATIONS", "TAGS"), HEADER.lower() + "\tMORE"])
def test_annotations_are_read_by_position(header, tmp_path):
    row = ("genre_dortmund---unmatched,pop,pop", SAD[1], "mood_happy---happy,happy,happy")
    path = write_annotations(tmp_path, row, header=header)
    assert mtg_jamendo.matches(path)
    assert labels_of(path, "mood_sad") == {"00/0.mp3": "non_sad"}
    assert labels_of(path, "mood_happy") == {"00/0.mp3": "happy"}


@pytest.mark.parametrize(
    "answers",
    ["sad,sad,not_sad", "sad,sad", "sad", "sad,sad,sad,sad", "unmatched,unmatched,unmatched", "sad,unmatched,sad"],
)
def test_only_three_answers_that_agree_count(answers, tmp_path):
    path = write_annotations(tmp_path, SAD[0], f"mood_sad---{answers}")
    assert labels_of(path) == {"00/0.mp3": "sad"}
    assert count_labels(path) == {"mood_sad": {"sad": 1}}


def test_instrumental_counts_in_voice_instrumental_only(tmp_path):
    rows = [(f"gender---{x},{x},{x}", f"voice_instrumental---{y},{y},{y}") for x, y in (("male", "voice"),) * 2]
    rows += [("gender---" + ",".join(["instrumental"] * 3), "voice_instrumental---" + ",".join(["instrumental"] * 3))]
    path = write_annotations(tmp_path, *rows)
    assert labels_of(path, "gender") == {"00/0.mp3": "male", "01/1.mp3": "male"}
    assert labels_of(path, "voice_instrumental")["02/2.mp3"] == "instrumental"
    assert count_labels(path) == {
        "voice_instrumental": {"instrumental": 1, "voice": 2},
        "gender": {"male": 2},
    }


def test_a_taxonomy_that_stands_twice_must_agree_with_itself(tmp_path):
    path = write_annotations(tmp_path, (SAD[0], SAD[0]), (SAD[0], SAD[1]))
    assert labels_of(path) == {"00/0.mp3": "sad"}


@pytest.mark.parametrize(
    ("task", "taxonomy"),
    [
        ("mood-sad", "mood_sad"),
        ("mood_sad", "mood_sad"),
        ("sad", "mood_sad"),
        ("genre-dortmund", "genre_dortmund"),
        ("Tzanetakis", "genre_tzanetakis"),
        ("electronic", "mood_electronic"),
        ("genre-electronic", "genre_electronic"),
        ("genre_acoustic", "mood_acoustic"),
        ("voice_instrumental", "voice_instrumental"),
    ],
)
def test_taxonomy_of_accepts_both_spellings(task, taxonomy):
    assert mtg_jamendo.taxonomy_of(task) == taxonomy


@pytest.mark.parametrize("task", list_tasks())
def test_every_task_has_the_classes_of_its_recipe(task):
    try:
        taxonomy = mtg_jamendo.taxonomy_of(task)
    except UnknownNameError:
        pytest.skip("no annotations for this task")
    assert tuple(sorted(mtg_jamendo.CLASSES[taxonomy])) == read_recipe(task).classes


def test_there_are_fifteen_taxonomies():
    assert len(mtg_jamendo.CLASSES) == 15
    assert all(mtg_jamendo.taxonomy_of(name) == name for name in mtg_jamendo.CLASSES)


@pytest.mark.parametrize("written", ["mood_sad", "sad", "mood-sad", "Mood_Sad"])
@pytest.mark.parametrize("asked", ["mood-sad", "sad"])
def test_the_file_may_write_either_spelling(written, asked, tmp_path):
    path = write_annotations(tmp_path, f"{written}---sad,sad,sad")
    assert labels_of(path, asked) == {"00/0.mp3": "sad"}


@pytest.mark.parametrize(
    ("taxonomy", "written", "label"),
    [
        ("mood_sad", "not_sad", "non_sad"),
        ("mood_sad", "non sad", "non_sad"),
        ("mood_aggressive", "not_aggressive", "not_aggressive"),
        ("mood_aggressive", "non_aggressive", "not_aggressive"),
        ("genre_tzanetakis", "hip hop", "hip hop"),
        ("genre_tzanetakis", "hiphop", "hip hop"),
        ("genre_tzanetakis", "hip", "hip hop"),
        ("genre_tzanetakis", "classical", "classic"),
        ("genre_tzanetakis", "cla", "classic"),
        ("genre_tzanetakis", "blu", "blues"),
        ("genre_rosamerica", "rhythm and blues", "rhy"),
        ("genre_rosamerica", "rnb", "rhy"),
        ("genre_rosamerica", "rhy", "rhy"),
        ("genre_rosamerica", "classic", "cla"),
        ("genre_rosamerica", "hip-hop", "hip"),
        ("genre_rosamerica", "Speech", "spe"),
        ("genre_dortmund", "folk/country", "folkcountry"),
        ("genre_dortmund", "folk-country", "folkcountry"),
        ("genre_dortmund", "rap/hip hop", "raphiphop"),
        ("genre_dortmund", "funksoulrnb", "funksoulrnb"),
        ("genre_electronic", "ambeint", "ambient"),
        ("danceability", "not_danceable", "not_danceable"),
    ],
)
def test_labels_leave_with_the_class_names_of_essentia(taxonomy, written, label, tmp_path):
    path = write_annotations(tmp_path, f"{taxonomy}---{written},{written},{written}")
    assert labels_of(path, taxonomy) == {"00/0.mp3": label}


def test_unknown_labels_are_listed(tmp_path):
    rows = [f"mood_sad---{label},{label},{label}" for label in ("sad", "gloomy", "blue", "gloomy")]
    path = write_annotations(tmp_path, *rows)
    with pytest.raises(
        DataError, match=r"labels: expected sad, non_sad in mood_sad; got {'blue': 1, 'gloomy': 2} .*row 3"
    ):
        mtg_jamendo.read_tracks(path)


def test_clean_is_taken_before_raw(tmp_path):
    write_annotations(tmp_path, SAD[1], name=RAW)
    assert labels_of(tmp_path) == {"00/0.mp3": "non_sad"}
    write_annotations(tmp_path, SAD[0], name=CLEAN)
    assert labels_of(tmp_path) == {"00/0.mp3": "sad"}
    assert labels_of(tmp_path / RAW) == {"00/0.mp3": "non_sad"}


@pytest.mark.parametrize("audio", ["{}.mp3", "{}.low.mp3", "audio/{}.mp3", "audio-low/{}.low.mp3"])
def test_audio_is_found_beside_the_file_or_where_it_is_given(audio, tmp_path):
    path = write_annotations(tmp_path / "a", *SAD, audio=audio)
    assert [t.path for t in mtg_jamendo.read_tracks(path)] == [
        str(tmp_path / "a" / audio.format(name)) for name in ("00/0", "01/1")
    ]
    bare = write_annotations(tmp_path / "b", *SAD, audio="")
    assert len(mtg_jamendo.read_tracks(bare, audio=tmp_path / "a")) == 2
    (tmp_path / "a" / audio.format("00/0")).unlink()
    first, second = mtg_jamendo.read_tracks(bare, audio=str(tmp_path / "a"))
    assert first.path == str(tmp_path / "a" / "00" / "0.mp3"), "left to the step that opens it"
    assert Path(second.path).is_file()
    with pytest.raises(DataError, match=r"audio of MTG-Jamendo: expected files such as .*low\.mp3.* got '.*00/0\.mp3'"):
        mtg_jamendo.read_tracks(bare)
    with pytest.raises(DataError, match=r"audio of MTG-Jamendo: expected a folder; got '.*nowhere'"):
        mtg_jamendo.read_tracks(bare, audio=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("t\ta\tb\t09/9.mp3\t9", r"annotation row: expected 6 columns or more.*; got 5 \(.*clean\.tsv, row 3\)"),
        ("t", r"annotation row: expected 6 columns .* got 1 \(.*clean\.tsv, row 3\)"),
        ("t\ta\tb\t\t9\tmood_sad---sad,sad,sad", r"PATH: expected the path of an audio file; got '' .*row 3\)"),
        ("t\ta\tb\t00/0.mp3\t9\tmood_sad---sad,sad,sad", r"PATH: expected each track once; .*row 3\).*also in row 2"),
        ("t\ta\tb\t09/9.mp3\t9\tsad", r"annotation: expected <taxonomy>---a1,a2,a3; got 'sad' \(.*row 3\)"),
        ("t\ta\tb\t09/9.mp3\t9\tmood_sad---", r"annotation: expected <taxonomy>---a1,a2,a3; got 'mood_sad---'"),
    ],
)
def test_a_bad_row_is_named_with_its_file(row, message, tmp_path):
    path = write_annotations(tmp_path, SAD[0])
    path.write_text(path.read_text() + row + "\n")
    with pytest.raises(DataError, match=message):
        mtg_jamendo.read_tracks(path)


def test_a_taxonomy_must_be_chosen_and_be_there(tmp_path):
    path = write_annotations(tmp_path, (SAD[0], "mood_happy---happy,happy,not_happy"), (SAD[1],))
    held = r"taxonomy: expected one of the file's: mood_happy \(0 tracks\), mood_sad \(2 tracks\); got"
    with pytest.raises(DataError, match=f"{held} None .*--option taxonomy=mood-sad"):
        datasets.read_tracks(path)
    with pytest.raises(DataError, match=f"{held} 'mood-party'"):
        mtg_jamendo.read_tracks(path, taxonomy="mood-party")
    with pytest.raises(DataError, match="a track of mood_happy on which 3 annotators agree; got 0"):
        mtg_jamendo.read_tracks(path, taxonomy="mood-happy")
    with pytest.raises(UnknownNameError, match="Did you mean 'mood_sad'"):
        mtg_jamendo.read_tracks(path, taxonomy="mood_sadd")


def test_what_is_not_these_annotations(tmp_path):
    tags = write_annotations(tmp_path / "a", ("genre---rock", "mood/theme---sad"), name="autotagging-test.tsv")
    assert not mtg_jamendo.matches(tags)
    with pytest.raises(DataError, match=r"one of the file's: genre \(0 tracks\), mood/theme \(0 tracks\)"):
        mtg_jamendo.read_tracks(tags, taxonomy="mood_sad")
    own = tmp_path / "index.tsv"
    own.write_text("path\tlabel\na.wav\tsad\n")
    assert datasets.find_layout(own) == "table"
    with pytest.raises(DataError, match=r"a header that begins with TRACK_ID .* got \['path', 'label'\] .*row 1\)"):
        datasets.read_tracks(own, layout="mtg_jamendo")
    own.write_text("")
    with pytest.raises(DataError, match="a header that begins with TRACK_ID"):
        mtg_jamendo.read_tracks(own)
    with pytest.raises(DataError, match=r"MTG-Jamendo: expected .*clean\.tsv.* got '1 folders \(a\) and 1 files'"):
        datasets.read_tracks(tmp_path, layout="mtg_jamendo")
    own.write_text(HEADER + "\n")
    with pytest.raises(DataError, match="one of the file's: no annotations; got None"):
        mtg_jamendo.read_tracks(own)
