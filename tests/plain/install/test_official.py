"""Essentia's names, taken apart, and the classes that they promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl.errors import UnknownNameError
from essentia_ldl.install.official import CLASSES, EXTRACTOR, FULL, HEAD, Official, parse_name
from essentia_ldl.recipe.recipe import Recipe

REPOSITORY = Path(__file__).parents[3]
# From the published tree of models and from the scripts of 2020.
NAMES = {
    "mood_sad-msd-musicnn-1": (Official(HEAD, "mood_sad", "msd", "musicnn", 1), "classification-heads/mood_sad"),
    "mood_sad-audioset-vggish-1": (
        Official(HEAD, "mood_sad", "audioset", "vggish", 1),
        "classification-heads/mood_sad",
    ),
    "mood_sad-musicnn-msd-2": (Official(FULL, "mood_sad", "msd", "musicnn", 2), "legacy/classifiers/mood_sad"),
    "genre_dortmund-vgg-mtt-2": (
        Official(FULL, "genre_dortmund", "mtt", "vgg", 2),
        "legacy/classifiers/genre_dortmund",
    ),
    "mood_happy-vggish-audioset-1": (
        Official(FULL, "mood_happy", "audioset", "vggish", 1),
        "legacy/classifiers/mood_happy",
    ),
    "msd-musicnn-1": (Official(EXTRACTOR, "", "msd", "musicnn", 1), "feature-extractors/musicnn"),
    "audioset-vggish-3": (Official(EXTRACTOR, "", "audioset", "vggish", 3), "feature-extractors/vggish"),
    "msd-msd-musicnn-1": (Official(HEAD, "msd", "msd", "musicnn", 1), "classification-heads/msd"),
    "mood_sad-msd-musicnn": (Official(HEAD, "mood_sad", "msd", "musicnn", 0), "classification-heads/mood_sad"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_taken_apart_and_put_together(name):
    known, folder = NAMES[name]
    assert parse_name(name) == known
    assert known.folder == folder
    assert known.stem + (f"-{known.version}" if known.version else "") == name


def test_heads_that_programs_read_by_other_nodes():
    served = {"genre_discogs400", "moods_mirex", "msd", "mtt"}
    assert {task for task in (*CLASSES, *served) if parse_name(f"{task}-msd-musicnn-1").is_served} == served
    assert not parse_name("moods_mirex-musicnn-msd-1").is_served


@pytest.mark.parametrize("name", ["my-model", "mood_sad", "mood_sad-1", "musicnn", "mood_sad-joint-4-1"])
def test_other_names_are_none_of_essentias(name):
    assert parse_name(name) is None


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("mood_sadd-msd-musicnn-1", "Did you mean mood_sad-msd-musicnn-1?"),
        ("moodhappy-musicnn-msd-2", "Did you mean mood_happy-musicnn-msd-2?"),
        ("xyz-msd-musicnn", "Tasks are danceability, gender"),
    ],
)
def test_an_unknown_task_is_refused_with_the_nearest(name, near):
    with pytest.raises(UnknownNameError) as raised:
        parse_name(name)
    assert near in str(raised.value)
    assert parse_name(name, name.split("-")[0]).task == name.split("-")[0]


def test_classes_follow_the_alphabet_and_the_recipes():
    assert all(list(classes) == sorted(classes) for classes in CLASSES.values())
    known = [path.stem for path in (REPOSITORY / "recipes").glob("*.toml")]
    shared = {task.replace("-", "_"): Recipe.read(task).classes for task in known}
    both = set(shared) & set(CLASSES)
    assert len(both) == 9
    assert {name: shared[name] for name in both} == {name: CLASSES[name] for name in both}
