"""A survey as lines of text."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.cli.text.data import describe_demo, describe_survey
from essentia_ldl.features.survey import Surveyed
from essentia_ldl.records import Failure


def test_a_survey_as_text():
    report = Surveyed(
        classes={"non_sad": 3, "sad": 4},
        artists={"non_sad": 2},
        n_without_artist=4,
        durations_s=(1.0, 20.0, 7179.0),
        duplicates=(("e", "f"),),
        conflicts=(("c (non_sad)", "d (sad)"),),
        too_short=("b",),
        failures=(Failure("g", "files", "g is empty."),),
    )
    assert describe_survey(report) == [
        "7 tracks, 2 classes",
        "  non_sad       3 tracks, 2 artists",
        "  sad           4 tracks",
        "4 tracks without artist: folds cannot keep one artist on one side, and scores may come out too high",
        "2.0 hours: shortest 1 s, median 20 s, longest 7179 s",
        "same bytes: e, f",
        "same bytes, different labels: c (non_sad), d (sad)",
        "too short: b",
        "unusable: g is empty.",
    ]


def test_a_collection_of_nothing_but_short_tracks_names_the_first_of_them():
    short = tuple(f"{number:03}.wav" for number in range(300))
    lines = describe_survey(Surveyed({"a": 150, "b": 150}, {}, 0, (1.0,), (), (), short, ()))
    named = [line for line in lines if line.startswith("too short: ")]
    assert named[:20] == [f"too short: {number:03}.wav" for number in range(20)]
    assert len(named) == 21
    assert named[20].startswith("too short: 280 more;")


def test_a_survey_without_a_problem_says_so():
    clean = Surveyed({"a": 1, "b": 1}, {"a": 1, "b": 1}, 0, (), (), (), (), ())
    assert describe_survey(clean) == [
        "2 tracks, 2 classes",
        "  a       1 tracks, 1 artists",
        "  b       1 tracks, 1 artists",
        "by their headers and bytes: nothing unreadable, too short or twice",
    ]


def test_a_demo_is_told_by_its_folder():
    assert describe_demo(Path("/x/demo")) == ["/x/demo"]


def test_tags_and_dimensions_are_called_so():
    tags = Surveyed({"live": 1, "rock": 2}, {}, 0, (), (), (), (), (), n_tracks=2, kind="multi_label")
    assert describe_survey(tags)[0] == "2 tracks, 2 tags"
    numbers = Surveyed({}, {}, 0, (), (), (), (), (), n_tracks=5, kind="regression", dimensions=("valence", "arousal"))
    assert describe_survey(numbers)[0] == "5 tracks with numbers: valence, arousal"
