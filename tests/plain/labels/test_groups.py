"""Groups of artists: the report by hand, and the names."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl import labels
from essentia_ldl.labels import _groups, _words

CLASSES = ("a", "b")


def test_report_by_hand():
    bags = _words.Bags(("p", "q", "r"), (1, 3, 1), ("x", "y"), np.array([[1.0, 0], [0, 2], [0, 0]]))
    groups = _groups.Groups(("s1", "s2"), ("p", "q"), np.array([[1.0, 0.0], [0.5, 0.5]]), np.eye(2), 1.5)
    report = _groups.describe_groups(groups, bags)
    assert report.pop("groups") == [
        {
            "name": "s1",
            "share": 0.625,
            "artists": [{"name": "p", "weight": 1.0}, {"name": "q", "weight": 0.5}],
            "words": [{"name": "x", "weight": 1.0}, {"name": "y", "weight": 0.0}],
        },
        {
            "name": "s2",
            "share": 0.375,
            "artists": [{"name": "q", "weight": 0.5}, {"name": "p", "weight": 0.0}],
            "words": [{"name": "y", "weight": 1.0}, {"name": "x", "weight": 0.0}],
        },
    ]
    assert report == {
        "n_artists": 3,
        "n_tracks": 4,
        "n_words": 2,
        "n_words_used": 2,
        "artists_without_words": ["r"],
        "n_artists_with_one_track": 2,
        "perplexity": 1.5,
        "entropy_mean": pytest.approx(np.log(2) / 2),
        "n_groups_used": 2,
    }


def refuse(track, front_end):
    raise AssertionError("read before fit")


def test_names_of_groups_are_as_long_as_the_last_one():
    assert labels.build("agf-e", CLASSES, refuse).classes[::39] == ("e01", "e40")
    assert labels.build("agf-s", CLASSES, refuse, {"n_groups": 9}).classes == tuple(f"s{k}" for k in range(1, 10))
