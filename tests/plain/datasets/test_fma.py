"""FMA: its three rows of header, its subsets, splits and known broken clips."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.collection.read import Source, read_labelled
from essentia_ldl.collection.splits import split_tracks
from essentia_ldl.datasets import fma
from essentia_ldl.errors import DataError
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import read_recipe

HEADER = (
    ("", "album", "artist", "artist", "artist", "set", "set", "track", "track", "track", "track"),
    ("", "id", "bio", "id", "name", "split", "subset", "genre_top", "genres", "genres_all", "title"),
    ("track_id", *[""] * 10),
)
BIO = '<p>One "quoted", line</p>\n<p>and a second, third\r\nline</p>'
ROWS = (
    (2, 1, BIO, 1, "AWOL", "training", "small", "Hip-Hop", "[21]", "[21]", "Food"),
    (5, 1, BIO, 1, "AWOL", "training", "medium", "Hip-Hop", "[21]", "[21]", "This World"),
    (20, 4, "", 4, "Nicky", "training", "large", "", "[76, 103]", "[17, 10, 76, 103]", "Spiritual Level"),
    (140, 61, "x" * 140_000, 54, "Alec", "validation", "small", "Folk", "[17]", "[17]", 'Queen of "the" Wires'),
    (98565, 7, "", 7, "Short", "training", "small", "Pop", "[10]", "[10]", "Short"),
    (133297, 8, "", 8, "Broken", "test", "small", "Rock", "[12]", "[12]", "Broken"),
    (155066, 9, "", "", "", "test", "small", "Rock", "[]", "[12, 25]", "Yellow"),
)


def write_fma(root: Path, rows=ROWS, header=HEADER, audio=("fma_small",)) -> Path:
    folder = root / "fma_metadata"
    folder.mkdir(parents=True)
    with open(folder / "tracks.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows((*header, *rows))
    for name in audio:
        for row in rows:
            path = root / name / f"{int(row[0]) // 1000:03d}" / f"{int(row[0]):06d}.mp3"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    return root


def write_genres(root: Path, *rows: tuple, header=("genre_id", "#tracks", "parent", "title", "top_level")) -> Path:
    with open(root / "fma_metadata" / "genres.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows((header, *rows))
    return root


def changed(row: int, **cells: object) -> list[tuple]:
    names = {"id": 0, "split": 5, "subset": 6, "genres": 8, "genres_all": 9}
    rows = [list(cells_) for cells_ in ROWS]
    for name, value in cells.items():
        rows[row][names[name]] = value
    return [tuple(cells_) for cells_ in rows]


def test_it_is_found_as_file_folder_or_folder_above_and_read(tmp_path):
    root = write_fma(tmp_path / "fma")
    paths = (root, root / "fma_metadata", root / "fma_metadata" / "tracks.csv")
    assert [datasets.find_layout(path) for path in paths] == ["fma"] * 3
    first, *others = [datasets.read_tracks(path) for path in paths]
    assert others == [first, first]
    assert first == datasets.read_tracks(root, layout="fma")
    assert [(t.id, t.label, t.artist, t.split) for t in first] == [
        ("000/000002.mp3", "Hip-Hop", "1", "train"),
        ("000/000140.mp3", "Folk", "54", "valid"),
        ("155/155066.mp3", "Rock", None, "test"),
    ]
    assert first[0].path == str(root / "fma_small" / "000" / "000002.mp3")
    assert dict(first[1].columns) == {
        "track_id": "140",
        "subset": "small",
        "genres": "17",
        "genres_all": "17",
        "subgenres": "17",
        "artist_name": "Alec",
        "title": 'Queen of "the" Wires',
        "album": "61",
    }
    assert (first[2].columns["genres"], first[2].columns["genres_all"]) == ("", "12 25")


def test_subsets_hold_one_another_and_tracks_without_top_genre_are_left_out(tmp_path):
    root = write_fma(tmp_path, audio=("fma_large",))
    numbers = {
        subset: [track.columns["track_id"] for track in fma.read_tracks(root, subset=subset)] for subset in fma.SUBSETS
    }
    assert numbers == {"small": ["2", "140", "155066"], "medium": ["2", "5", "140", "155066"]} | {
        "large": ["2", "5", "140", "155066"]
    }


def test_a_recipe_of_more_classes_reads_the_larger_subset(tmp_path):
    """Sixteen classes are those of the medium subset; an option says otherwise."""
    root = write_fma(tmp_path, audio=("fma_large",))
    classes = ("Folk", "Hip-Hop", "Rock")
    small = Recipe("x", classes)
    assert {t.columns["track_id"] for t in read_labelled(Source(root), small)} == {"2", "140", "155066"}
    more = [*ROWS, (7, 1, "", 3, "Blue", "training", "medium", "Blues", "[5]", "[5]", "Slow")]
    root = write_fma(tmp_path / "more", more, audio=("fma_large",))
    large = Recipe("y", ("Blues", *classes))
    assert {t.columns["track_id"] for t in read_labelled(Source(root), large)} == {"2", "5", "7", "140", "155066"}
    with pytest.raises(DataError, match="Blues"):
        read_labelled(Source(root, options={"subset": "small"}), large)


def test_subgenres_are_the_titles_of_all_genres_or_their_ids(tmp_path):
    root = write_fma(tmp_path, audio=("fma_large",))
    read = {track.columns["track_id"]: track.columns["subgenres"] for track in fma.read_tracks(root)}
    assert read == {"2": "21", "140": "17", "155066": "12;25"}
    write_genres(root, (21, 8000, 0, "Hip-Hop", 21), (25, 9261, 12, "Punk", 12), (17, 12706, 0, 'Folk, "old"', 17))
    read = {track.columns["track_id"]: track.columns["subgenres"] for track in fma.read_tracks(root)}
    assert read == {"2": "Hip-Hop", "140": 'Folk, "old"', "155066": "12;Punk"}
    assert {track.columns["genres_all"] for track in fma.read_tracks(root)} == {"21", "17", "12 25"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (((1, 2, 0, "Pop", 1), ("1a", 2, 0, "Rock", 1)), r"genre_id: expected a number; got '1a' .*row 3\)"),
        (((1, 2, 0, "Pop", 1), (1, 2, 0, "Rock", 1)), r"genre_id: expected each genre once; got '1' .*row 3\)"),
        (((1, 2, 0, "", 1),), r"title: expected a name without semicolon; got '' .*row 2\)"),
        (((1, 2, 0, "Pop;Rock", 1),), r"title: expected a name without semicolon; got 'Pop;Rock' .*row 2\)"),
        (((1, 2, 0, "Pop"),), r"row: expected 5 columns; got 4 .*row 2\)"),
    ],
)
def test_a_bad_row_of_genres_is_named_with_its_file(rows, message, tmp_path):
    root = write_genres(write_fma(tmp_path), *rows)
    with pytest.raises(DataError, match=rf"{message}\. Download fma_metadata\.zip again\.") as caught:
        fma.read_tracks(root)
    assert "genres.csv, row" in str(caught.value)


@pytest.mark.parametrize(("text", "found"), [("", "no genre_id, title"), ("genre_id,name\n1,Pop\n", "no title")])
def test_a_table_of_genres_with_another_header_is_refused(text, found, tmp_path):
    root = write_fma(tmp_path)
    (root / "fma_metadata" / "genres.csv").write_text(text)
    with pytest.raises(DataError, match=rf"header of FMA's genres\.csv: .*got '{found}' \(.*genres\.csv, row 1\)"):
        fma.read_tracks(root)


def test_known_broken_clips_are_left_out_unless_asked_for(tmp_path):
    root = write_fma(tmp_path)
    kept = {track.id for track in fma.read_tracks(root, keep_broken=True)}
    assert kept - {track.id for track in fma.read_tracks(root)} == {"098/098565.mp3", "133/133297.mp3"}
    assert len(fma.UNREADABLE | fma.SHORT) == 6
    assert len(fma.BROKEN) == 16


def test_audio_is_found_or_given(tmp_path):
    root = write_fma(tmp_path / "a", audio=("fma_medium", "fma_large"))
    assert fma.read_tracks(root)[0].path == str(root / "fma_medium" / "000" / "000002.mp3")
    assert fma.read_tracks(root, subset="large")[0].path.startswith(str(root / "fma_large"))
    other = write_fma(tmp_path / "b", audio=("clips",))
    assert fma.read_tracks(other, audio=other / "clips")[0].path == str(other / "clips" / "000" / "000002.mp3")
    with pytest.raises(
        DataError, match=r"expected fma_small or fma_medium or fma_large .* got '2 folders \(clips, fma_metadata\)"
    ):
        fma.read_tracks(other)
    with pytest.raises(DataError, match=r"audio of FMA: expected a folder; got '.*nowhere'"):
        fma.read_tracks(other, audio=other / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"files such as 000/000002\.mp3; got '.*empty/000/000002\.mp3'"):
        fma.read_tracks(other, audio=tmp_path / "empty")


def test_a_single_missing_clip_is_left_to_the_failures(tmp_path):
    root = write_fma(tmp_path)
    (root / "fma_small" / "000" / "000002.mp3").unlink()
    assert len(fma.read_tracks(root)) == 3


def test_a_table_without_the_third_row_is_read_too(tmp_path):
    assert len(fma.read_tracks(write_fma(tmp_path, header=HEADER[:2]))) == 3


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (changed(0, id="2a"), r"track_id: expected a number .* got '2a' \(.*tracks\.csv, row 4\)"),
        (changed(0, id="1234567"), "track_id: expected a number of six digits or fewer"),
        (changed(1, subset="full"), r"set\.subset: expected small or medium or large; got 'full' .*row 7\)"),
        (changed(2, split="valid"), r"set\.split: expected training or validation or test; got 'valid' .*row 10\)"),
        (changed(3, genres="21"), r"track\.genres: expected a list such as \[21, 33\]; got '21' .*row 11\)"),
        (changed(3, genres="__import__('os')"), r"track\.genres: expected a list"),
        (changed(3, genres_all="['a']"), r"track\.genres_all: expected a list"),
        (changed(3, id=2), r"track_id: expected each track once; got '2' .*row 11\)"),
        ((*ROWS, (7, "x")), r"row: expected 11 columns; got 2 \(.*row 15\)"),
        ((ROWS[2],), "FMA: expected tracks of the subset small; got 0"),
        ((), "FMA: expected tracks of the subset small; got 0"),
    ],
)
def test_a_bad_row_is_named_with_its_file(rows, message, tmp_path):
    root = write_fma(tmp_path, audio=())
    with open(root / "fma_metadata" / "tracks.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows((*HEADER, *rows))
    (root / "fma_small").mkdir()
    with pytest.raises(DataError, match=message) as caught:
        fma.read_tracks(root)
    assert re.search(r"tracks\.csv", str(caught.value))


def test_what_is_not_fma(tmp_path):
    with pytest.raises(DataError, match="subset: expected small or medium or large; got 'tiny'"):
        fma.read_tracks(tmp_path, subset="tiny")
    with pytest.raises(DataError, match=r"FMA: expected .* got '0 folders and 0 files'"):
        fma.read_tracks(tmp_path)
    own = tmp_path / "tracks.csv"
    own.write_text("path,label\na.wav,x\n")
    (tmp_path / "a.wav").write_bytes(b"x")
    assert datasets.find_layout(own) == "table"
    assert datasets.find_layout(tmp_path) == "folder"
    with pytest.raises(DataError, match=r"header of FMA's tracks\.csv: .*set\.split.*got 'no set\.split, set\.subset"):
        datasets.read_tracks(own, layout="fma")
    own.write_text("")
    assert not fma.matches(own)
    own.write_bytes(b"\xff\xfe,a\n")
    assert not fma.matches(own)
    with pytest.raises(DataError, match="encoding: expected UTF-8; got 'byte 0xff'"):
        fma.read_tracks(own)
    header = [row[:5] + row[6:] for row in HEADER]
    with pytest.raises(DataError, match=r"got 'no set\.split' "):
        fma.read_tracks(write_fma(tmp_path / "b", header=header, rows=()))


def test_a_quote_that_is_not_closed_is_named(tmp_path):
    root = write_fma(tmp_path)
    with open(root / "fma_metadata" / "tracks.csv", "a", encoding="utf-8") as file:
        file.write('7,"never closed\n')
    with pytest.raises(DataError, match=r"row: expected cells with closed quotes; .*row 15\)"):
        fma.read_tracks(root)


def test_reading_leaves_the_limit_of_the_csv_module_alone(tmp_path):
    limit = csv.field_size_limit()
    datasets.read_tracks(write_fma(tmp_path))
    assert csv.field_size_limit() == limit


# --- the whole header, and the recipes --------------------------------------------------------------------------------

COLUMNS = {  # of fma_metadata.zip, in its order
    "album": "comments date_created date_released engineer favorites id information listens producer tags title tracks "
    "type",
    "artist": "active_year_begin active_year_end associated_labels bio comments date_created favorites id latitude "
    "location longitude members name related_projects tags website wikipedia_page",
    "set": "split subset",
    "track": "bit_rate comments composer date_created date_recorded duration favorites genre_top genres genres_all "
    "information interest language_code license listens lyricist number publisher tags title",
}


def write_whole_header(root: Path) -> Path:
    """Write tracks.csv with all its 52 columns: two training, one validation and one test track a genre."""
    names = [(top, name) for top, texts in COLUMNS.items() for name in texts.split()]
    assert len(names) == 52
    header = (("", *(top for top, _ in names)), ("", *(name for _, name in names)), ("track_id", *[""] * len(names)))
    rows = []
    for number, (genre, split) in enumerate(
        (genre, split) for genre in fma.CLASSES_SMALL for split in ("training", "training", "validation", "test")
    ):
        values = {
            **{("set", "split"): split, ("set", "subset"): "small", ("artist", "id"): 100 + number},
            **{("track", "genre_top"): genre, ("track", "genres"): "[1]", ("track", "genres_all"): "[1, 2]"},
            **{("album", "id"): 7, ("track", "tags"): "['a', 'b']", ("artist", "bio"): BIO},
        }
        rows.append((2 + number, *(values.get(name, "") for name in names)))
    return write_fma(root, rows, header)


def test_the_official_sides_are_those_of_a_training(tmp_path):
    tracks = datasets.read_tracks(write_whole_header(tmp_path))
    assert tuple(sorted({track.label for track in tracks})) == fma.CLASSES_SMALL
    split = split_tracks(tracks, valid_share=0.2, seed=3)
    official = {side: {track.id for track in tracks if track.split == side} for side in ("train", "valid", "test")}
    assert {side: len(ids) for side, ids in official.items()} == {"train": 16, "valid": 8, "test": 8}
    assert {side: set(getattr(split, side)) for side in official} == official


@pytest.mark.parametrize("task", ["genre-fma-small", "genre-fma-small-openl3"])
def test_the_recipes_have_its_classes(task):
    """Pop, where the paper's section on its data says Classical; its results say Pop too."""
    recipe = read_recipe(task)
    assert recipe.classes == fma.CLASSES_SMALL
    assert recipe.labels == "none"
    assert "Pop" in recipe.classes
    assert "Classical" not in recipe.classes


def test_the_recipes_are_the_two_networks_of_the_paper():
    resnet, mlp = (read_recipe(task).network for task in ("genre-fma-small", "genre-fma-small-openl3"))
    assert (resnet.backbone, resnet.fine_tune, resnet.hidden) == ("resnet", "none", 0)
    assert (mlp.extractor, mlp.fine_tune) == ("openl3-music-mel128-emb512-3", "head")
    assert mlp.hidden > 0
