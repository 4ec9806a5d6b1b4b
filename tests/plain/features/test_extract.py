"""The store filled: every track has its features, copies are dropped, and every file left out has a reason."""

from __future__ import annotations

import hashlib
from pathlib import Path

from essentia_ldl.collection.read import Source, read_labelled
from essentia_ldl.features.extract import extract
from essentia_ldl.files import Home
from essentia_ldl.frontends import MFCC, MUSICNN
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Track

RECIPE = Recipe("mood-sad", ("non_sad", "sad"))


def make_folder(root: Path, **files: str) -> Path:
    """Write files; a key ``sad__a`` is the file sad/a.wav, its value the content."""
    for name, content in files.items():
        path = root / (name.replace("__", "/") + ".wav")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- extraction -----------------------------------------------------------------------------------------------------


def test_every_track_has_its_features_and_the_second_time_nothing_is_asked(tmp_path, home, asked):
    tracks = read_labelled(Source(make_folder(tmp_path / "d", non_sad__a="1", non_sad__b="2", sad__c="3")), RECIPE)
    first = extract(tracks, home, [MUSICNN])
    assert [job["path"] for job in asked] == [track.path for track in reversed(tracks)]
    assert asked[0]["front_ends"] == ["musicnn"]
    assert [track.id for track in first.tracks] == ["non_sad/a.wav", "non_sad/b.wav", "sad/c.wav"]
    assert first.contents["sad/c.wav"] == digest("3")
    assert first.durations_s["sad/c.wav"] == 10.0
    assert first.failures == ()
    asked.clear()
    assert extract(tracks, home, [MUSICNN]) == first
    assert asked == []
    assert extract(tracks, home, [MUSICNN, MFCC]).tracks == first.tracks
    assert len(asked) == 3


def test_features_without_their_duration_are_made_again(tmp_path, home, asked):
    tracks = read_labelled(Source(make_folder(tmp_path / "d", non_sad__a="1", sad__c="3")), RECIPE)
    first = extract(tracks, home, [MUSICNN])
    for info in (home.store / "audio").rglob("*.json"):
        info.unlink()
    asked.clear()
    assert extract(tracks, home, [MUSICNN]) == first
    assert len(asked) == 2


def test_a_file_that_fails_is_left_out_with_its_reason(tmp_path, home, asked):
    folder = make_folder(tmp_path / "d", non_sad__a="1", sad__c="3", sad__z="", non_sad__z="")
    done = extract(read_labelled(Source(folder), RECIPE), home, [MUSICNN])
    assert [track.id for track in done.tracks] == ["non_sad/a.wav", "sad/c.wav"]
    assert [failure.path for failure in done.failures] == [str(folder / "non_sad/z.wav"), str(folder / "sad/z.wav")]
    assert {failure.step for failure in done.failures} == {"features"}


def test_of_copies_with_one_label_one_is_kept(tmp_path, home, asked):
    folder = make_folder(tmp_path / "d", non_sad__a="1", sad__b="same", sad__c="same", sad__d="same")
    done = extract(read_labelled(Source(folder), RECIPE), home, [MUSICNN])
    assert [track.id for track in done.tracks] == ["non_sad/a.wav", "sad/b.wav"]
    assert [(Path(failure.path).name, failure.step) for failure in done.failures] == [
        ("c.wav", "duplicates"),
        ("d.wav", "duplicates"),
    ]
    assert "expected each recording once; got 'the same bytes as sad/b.wav (sad)'" in done.failures[0].reason


def test_of_copies_with_other_tags_or_numbers_none_is_kept(tmp_path, home, asked):
    folder = make_folder(tmp_path / "d", x__a="same", x__b="same", x__c="1")
    paths = [str(folder / "x" / f"{name}.wav") for name in "abc"]
    tagged = [Track(path[-5], path, "", tags=tags) for path, tags in zip(paths, (("y",), (), ("y",)), strict=True)]
    assert [track.id for track in extract(tagged, home, [MUSICNN]).tracks] == ["c"]
    values = (1234567.0, 1234568.0, 1.0)
    numbered = [Track(path[-5], path, "", numbers={"v": v}) for path, v in zip(paths, values, strict=True)]
    assert [track.id for track in extract(numbered, home, [MUSICNN]).tracks] == ["c"]


def test_of_copies_with_two_labels_none_is_kept(tmp_path, home, asked):
    folder = make_folder(tmp_path / "d", non_sad__a="same", non_sad__x="1", sad__b="same", sad__c="2", sad__d="same")
    done = extract(read_labelled(Source(folder), RECIPE), home, [MUSICNN])
    assert [track.id for track in done.tracks] == ["non_sad/x.wav", "sad/c.wav"]
    assert sorted(Path(failure.path).name for failure in done.failures) == ["a.wav", "b.wav", "d.wav"]
    reasons = {Path(failure.path).name: failure.reason for failure in done.failures}
    assert "expected one label per recording; got 'the same bytes as sad/b.wav (sad)'" in reasons["a.wav"]
    assert reasons["b.wav"].endswith("(sad/b.wav (sad)). Decide which label is right.")


def test_tracks_are_as_the_collection_wrote_them(tmp_path, home, asked):
    folder = make_folder(tmp_path / "d", non_sad__x__a="1", sad__c="3")
    done = extract(read_labelled(Source(folder), RECIPE), home, [MUSICNN])
    assert done.tracks[0] == Track("non_sad/x/a.wav", str(folder / "non_sad/x/a.wav"), "non_sad", "x")


def test_another_home_is_another_store(tmp_path, home, asked):
    tracks = read_labelled(Source(make_folder(tmp_path / "d", non_sad__a="1", sad__c="3")), RECIPE)
    other = Home(tmp_path / "other")
    first, second = (extract(tracks, place, [MUSICNN]) for place in (home, other))
    assert [job["store"] for job in asked] == [str(home.store)] * 2 + [str(other.store)] * 2
    assert (first.home, second.home) == (home, other)
    assert first.contents == second.contents


def test_what_another_essentia_made_is_computed_again_and_counted(tmp_path, home, asked):
    tracks = read_labelled(Source(make_folder(tmp_path / "d", non_sad__a="1", sad__c="3")), RECIPE)
    said: list[str] = []
    extract(tracks, home, [MUSICNN], say=said.append)
    assert (len(asked), said) == (2, [])
    (home.store / MUSICNN.key).rename(home.store / f"{MUSICNN.numbers_key}-2.1b5.dev1")
    asked.clear()
    extract(tracks, home, [MUSICNN], say=said.append)
    assert len(asked) == 2
    (told,) = said
    assert told.startswith("features of 2 tracks were made by another Essentia (2 by 2.1b5.dev1): computed again")
    extract(tracks, home, [MUSICNN], say=said.append)
    assert (len(asked), len(said)) == (2, 1)
