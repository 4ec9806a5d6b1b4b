"""Tags and numbers of a collection: what cannot be learned is told in one sentence."""

from __future__ import annotations

import pytest

from essentia_ldl.collection.targets import check_tags_and_numbers
from essentia_ldl.errors import DataError
from essentia_ldl.records import Track


def tagged(*lists):
    return [Track(f"{n}.wav", f"/{n}.wav", "", tags=tags) for n, tags in enumerate(lists)]


def numbered(*values):
    return [Track(f"{n}.wav", f"/{n}.wav", "", numbers=numbers) for n, numbers in enumerate(values)]


def test_tags_that_the_task_does_not_list_are_passed_over_and_told():
    said = []
    tracks = tagged(("rock", "live"), ("jazz",), ("Rock",))
    found = check_tags_and_numbers(tracks, ("jazz", "rock"), {"Rock": "rock"}, "here", said.append)
    assert [track.tags for track in found] == [("rock",), ("jazz",), ("rock",)]
    assert said == ["1 tags are not among the recipe's classes and are passed over: live (1)"]


@pytest.mark.parametrize(
    ("tracks", "classes", "message"),
    [
        (tagged(("rok",), ()), ("rock",), r"^tag 'rock': expected at least one track that has it; got 0 \(here\)"),
        (tagged(("rock",), ("rock",)), ("rock",), "^tag 'rock': expected at least one track without it; got 'all have"),
        (numbered({"x": 1}, {"x": 1}), ("x",), "^numbers of 'x': expected two or more that differ; got '1 everywhere'"),
        (numbered({"x": 1}, {"y": 1}), ("x",), r"^dimension: expected a number of 'x' for every track; .* \(1\.wav\)"),
    ],
)
def test_what_cannot_be_learned_is_refused(tracks, classes, message):
    with pytest.raises(DataError, match=message):
        check_tags_and_numbers(tracks, classes, {}, "here")


def test_other_dimensions_are_left_out():
    found = check_tags_and_numbers(numbered({"x": 1, "y": 2}, {"x": 3, "y": 2}), ("x",), {}, "here")
    assert [dict(track.numbers) for track in found] == [{"x": 1.0}, {"x": 3.0}]


@pytest.mark.parametrize(
    "values",
    [
        (0.0, 1e39),
        (0.0, 1e30),
        (-1e39, 0.0),
        (1e-50, 2e-50),
        (0.0, 1e-30),
        (1e9, 1e9 + 1),
        (1e6, 1e6 + 0.01, 1e6 + 0.02),
    ],
)
def test_numbers_beyond_32_bits_are_refused_in_one_sentence(values):
    """Networks standardise in float32: such numbers became infinite, or all the same."""
    message = "^numbers of 'x': expected numbers that 32 bits tell apart and hold; got .* to .*here.* Shift and scale"
    with pytest.raises(DataError, match=message):
        check_tags_and_numbers(numbered(*({"x": value} for value in values)), ("x",), {}, "here")


@pytest.mark.parametrize("values", [(0.0, 1e-9), (1e15, 3e15), (1989.0, 1990.0), (44100.0, 44101.0), (-5.0, 1e6)])
def test_numbers_that_32_bits_hold_are_taken(values):
    tracks = numbered(*({"x": value} for value in values))
    assert [track.numbers["x"] for track in check_tags_and_numbers(tracks, ("x",), {}, "here")] == list(values)
