"""Groups of artists: the report by hand, the table of the terminal, and the names."""

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


def test_table_fits_the_terminal_and_leaves_empty_groups_out():
    def group(name, share, artists, words):
        return {
            "name": name,
            "share": share,
            "artists": [{"name": who, "weight": 0.9} for who in artists],
            "words": [{"name": what, "weight": 0.1} for what in words],
        }

    report = {
        "n_words": 20,
        "groups": [
            group("s01", 0.6, ["The Band With A Very Long Name" * 4, "x"], [f"Sub-genre {k}" for k in range(12)]),
            group("s02", 0.3994, ["Ana", "Bo"], ["Ska"]),
            group("s03", 0.0005, ["Nobody"], ["Nothing"]),
        ],
    }
    lines = _groups.tabulate_groups(report, 80)
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["group", "tracks", "artists", "sub-genres"]
    assert "The Band With A Very Long" in lines[1]
    assert "…" in lines[1]
    assert lines[2].split() == ["s02", "39.9", "%", "Ana,", "Bo", "Ska"]
    starts = [line.index(what) for line, what in zip(lines, ("sub-", "Sub-", "Ska"), strict=True)]
    assert len(set(starts)) == 1


def refuse(track, front_end):
    raise AssertionError("read before fit")


def test_names_of_groups_are_as_long_as_the_last_one():
    assert labels.build("agf-e", CLASSES, refuse).classes[::39] == ("e01", "e40")
    assert labels.build("agf-s", CLASSES, refuse, {"n_groups": 9}).classes == tuple(f"s{k}" for k in range(1, 10))
