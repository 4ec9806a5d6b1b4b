"""A collection read: where it comes from, and labels that were checked against the recipe."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from essentia_ldl.collection.read import Collection, Source, keep_split, read_labelled
from essentia_ldl.errors import DataError
from essentia_ldl.files import Home
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Failure, Split, Track

RECIPE = Recipe("mood-sad", ("non_sad", "sad"), aliases={"not_sad": "non_sad"})


def make_folder(root: Path, **files: str) -> Path:
    """Write files; a key ``sad__a`` is the file sad/a.wav, its value the content."""
    for name, content in files.items():
        path = root / (name.replace("__", "/") + ".wav")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_a_source_takes_a_path_and_says_where_it_is(tmp_path):
    assert Source(tmp_path) == Source(str(tmp_path))
    assert Source(tmp_path).place == str(tmp_path)


def test_reading_without_data_is_one_sentence():
    with pytest.raises(DataError, match=r"^data: expected a folder or a table; got None \(no data\)\. Give the path"):
        read_labelled(Source(), RECIPE)


def test_a_collection_without_a_file_that_can_be_used_says_why(tmp_path):
    failures = tuple(Failure(f"/{n}.wav", "features", f"audio: number {n} is no audio.") for n in range(3))
    with pytest.raises(DataError, match=r"one that can be used; got 0 \(of 3 files\)\. First: audio: number 0 is no"):
        Collection((), {}, {}, failures, Home(tmp_path)).require_some()
    Collection((Track("a", "/a.wav", "sad"),), {}, {}, failures, Home(tmp_path)).require_some()


# --- labels ---------------------------------------------------------------------------------------------------------


def test_aliases_become_classes(tmp_path):
    folder = make_folder(tmp_path, not_sad__a="1", sad__b="2", non_sad__c="3")
    tracks = read_labelled(Source(folder), RECIPE)
    assert {track.id: track.label for track in tracks} == {
        "not_sad/a.wav": "non_sad",
        "sad/b.wav": "sad",
        "non_sad/c.wav": "non_sad",
    }


def test_a_label_that_is_no_class_gets_the_nearest_and_the_alias_as_a_way_out(tmp_path):
    folder = make_folder(tmp_path, nonsad__a="1", sad__b="2")
    with pytest.raises(DataError) as caught:
        read_labelled(Source(folder), RECIPE)
    message = str(caught.value)
    assert message.startswith(
        "label: expected one of non_sad, sad, as the recipe mood-sad lists; got 'nonsad' (nonsad/a.wav)."
    )
    assert message.endswith("Did you mean 'non_sad'? Correct it, or map it under [aliases] in the recipe.")


def test_a_class_without_a_track_is_an_error(tmp_path):
    folder = make_folder(tmp_path, non_sad__a="1", not_sad__b="2")
    with pytest.raises(DataError, match=r"class: expected at least one track; got 0 \(sad in "):
        read_labelled(Source(folder), RECIPE)


# --- records --------------------------------------------------------------------------------------------------------


def test_a_source_is_a_value_whose_place_is_text(tmp_path):
    assert Source(tmp_path) == Source(str(tmp_path), None, {}, None)
    assert Source().data is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        Source().data = "x"


def test_tracks_of_no_side_leave_a_collection_and_the_rest_of_it_stays(tmp_path):
    tracks = tuple(Track(name, f"/{name}", "sad") for name in "abc")
    whole = Collection(tracks, dict.fromkeys("abc", "0"), dict.fromkeys("abc", 1.0), (), Home(tmp_path), is_demo=True)
    kept = keep_split(whole, Split(("c",), ("a",)))
    assert [track.id for track in kept.tracks] == ["a", "c"]
    assert dataclasses.replace(kept, tracks=tracks) == whole


def test_aliases_of_tags_may_be_columns_of_their_own(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.wav").touch()
    (tmp_path / "t.csv").write_text("path,rock,vocal,voice\na.wav,1,0,1\nb.wav,0,1,0\nc.wav,0,0,0\n")
    recipe = Recipe("tags", ("rock", "vocal"), aliases={"voice": "vocal"}, kind="multi_label")
    tracks = read_labelled(Source(tmp_path / "t.csv"), recipe)
    assert [track.tags for track in tracks] == [("rock", "vocal"), ("vocal",), ()]
