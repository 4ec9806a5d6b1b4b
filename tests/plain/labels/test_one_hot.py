"""One-hot labels: rows by hand, and the columns of labels."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl import labels
from essentia_ldl.errors import DataError
from essentia_ldl.labels.one_hot import OneHot, find_targets
from essentia_ldl.records import Track

CLASSES = ("a", "b", "c")


def make_tracks(targets):
    return [Track(f"t{i:03d}", f"/t{i:03d}", CLASSES[target]) for i, target in enumerate(targets)]


def refuse(track, front_end):
    raise AssertionError("one-hot labels read no features")


def test_one_hot_rows():
    table = labels.build("none", CLASSES, refuse)(make_tracks([2, 0, 1, 2]))
    np.testing.assert_array_equal(table.distributions, np.eye(3)[[2, 0, 1, 2]])


@pytest.mark.parametrize("seed", range(3))
def test_targets_are_the_columns_of_the_rows(seed):
    tracks = make_tracks(np.random.default_rng(seed).integers(0, 3, 50))
    targets = find_targets(tracks, CLASSES)
    assert targets.dtype == np.int64
    np.testing.assert_array_equal(OneHot(CLASSES).fit(tracks)(tracks).distributions.argmax(axis=1), targets)
    np.testing.assert_array_equal(find_targets(tracks, CLASSES[::-1]), 2 - targets)
    assert [CLASSES[target] for target in targets] == [track.label for track in tracks]


def test_a_label_that_is_no_class_is_told_by_every_step():
    tracks = [*make_tracks([0]), Track("x", "/x", "d")]
    source = OneHot(CLASSES)
    for ask in (source.check, source.fit, source):
        with pytest.raises(DataError, match=r"label: expected one of a, b, c; got 'd' \(x\)\. Add the class"):
            ask(tracks)


def test_nothing_is_asked_of_the_collection():
    assert (OneHot.front_ends, OneHot.columns) == ((), ())
    assert find_targets([], CLASSES).shape == (0,)


def test_tags_and_numbers_are_as_they_are():
    tagged = [Track("x", "/x", "", tags=("c", "a", "other")), Track("y", "/y", "", tags=())]
    table = labels.build("none", CLASSES, refuse, kind="multi_label").fit(tagged)(tagged)
    assert (table.kind, table.distributions.tolist()) == ("multi_label", [[1, 0, 1], [0, 0, 0]])
    numbered = [Track("x", "/x", "", numbers={"a": 1.5}), Track("y", "/y", "", numbers={"a": -2})]
    table = labels.build("none", ("a",), refuse, kind="regression").fit(numbered)(numbered)
    assert (table.kind, table.distributions.tolist()) == ("regression", [[1.5], [-2.0]])
    with pytest.raises(DataError, match=r"numbers: expected a number of 'b'; got \['a'\] \(x\)"):
        OneHot(("a", "b")).fit(numbered)
    with pytest.raises(DataError, match="tracks: expected all of one kind"):
        OneHot(CLASSES).fit([tagged[0], numbered[0]])
