"""Label sources as lines of text."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl import labels
from essentia_ldl.cli.text.labels import (
    describe_groups,
    describe_own_mass,
    describe_picture,
    describe_source,
    draw_histogram,
    tabulate_groups,
)
from essentia_ldl.records import LabelTable
from essentia_ldl.train.show_labels import Labelled, LabelledSource

TABLE = LabelTable(("a", "b"), ("non_sad", "sad"), np.array([[0.75, 0.25], [0.5, 0.5]]))
TRUE = {"a": "non_sad", "b": "sad"}
DONE = LabelledSource("sa", TABLE, {}, Path("/x/sa.csv"), TRUE)


def test_a_source_is_told_by_its_file_its_histogram_and_the_picture():
    lines = describe_source(DONE)
    assert lines[0] == "sa: /x/sa.csv"
    assert lines[1] == draw_histogram({"sa": TABLE}, TRUE)
    assert lines[2:] == describe_own_mass(TABLE, TRUE)
    assert describe_picture(Labelled((DONE,), Path("/x/histogram.png"))) == ["/x/histogram.png"]
    assert describe_picture(Labelled((DONE,), None)) == []


def test_what_lmnn_learned_from_is_told():
    report = {"n_iter": 7, "converged": True, "n_filtered": {"sad": 3, "non_sad": 1}, "n_put_back": {"sad": 2}}
    lines = describe_source(dataclasses.replace(DONE, report=report))
    assert lines[-3:] == [
        "LMNN converged after 7 iterations",
        "LMNN did not learn from 3 sad, 1 non_sad: most neighbours contradict",
        "it learned from 2 sad all the same: too few were left",
    ]
    report = {"n_iter": 7, "n_filtered": {"sad": 0}, "n_put_back": {"sad": 0}}
    lines = describe_source(dataclasses.replace(DONE, report=report))
    assert lines[-2].startswith("LMNN stopped after 7")


@pytest.fixture
def pair():
    ids = tuple(f"t{i}" for i in range(20))
    truth = {track_id: "ab"[i % 2] for i, track_id in enumerate(ids)}

    def make(own):
        own = np.asarray(own)
        rows = np.stack([own, 1 - own], axis=1)
        rows[1::2] = rows[1::2, ::-1]
        return LabelTable(ids, ("a", "b"), rows)

    return {"sa": make(np.repeat([0.5, 0.6, 0.7, 0.6], 5)), "sb": make(np.repeat([1, 1, 29 / 30, 0.4], 5))}, truth


def test_text_histogram_counts_every_track_once(pair):
    text = draw_histogram(*pair)
    sa, sb = text.split("\n\n")
    assert sa.splitlines()[0] == "sa: mass on the own class, mean 0.60, 20 tracks"
    assert sa.splitlines()[6:9] == [" 0.5 |" + "#" * 20 + " 5", " 0.6 |" + "#" * 40 + " 10", " 0.7 |" + "#" * 20 + " 5"]
    assert sb.splitlines()[11] == " 1.0 |" + "#" * 40 + " 15"
    assert text.isascii()


def test_own_mass_is_described_a_class():
    ids, truth = ("x", "y", "z"), {"x": "a", "y": "a", "z": "bb"}
    table = LabelTable(ids, ("a", "bb", "c"), np.array([[0.5, 0.5, 0], [0.2, 0.5, 0.3], [0.1, 0.6, 0.3]]))
    assert describe_own_mass(table, truth) == [
        "  a   mean 0.35, min 0.20, 1 of 2 tracks have more on another class",
        "  bb  mean 0.60, min 0.60, 0 of 1 tracks have more on another class",
    ]


def test_every_source_has_a_block_of_its_own(pair):
    tables = dict.fromkeys([name for name in labels.presets() if not labels.is_auxiliary(name)], pair[0]["sa"])
    assert len(draw_histogram(tables, pair[1]).split("\n\n")) == len(tables)


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
    lines = tabulate_groups(report, 80)
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["group", "tracks", "artists", "sub-genres"]
    assert "The Band With A Very Long" in lines[1]
    assert "…" in lines[1]
    assert lines[2].split() == ["s02", "39.9", "%", "Ana,", "Bo", "Ska"]
    starts = [line.index(what) for line, what in zip(lines, ("sub-", "Sub-", "Ska"), strict=True)]
    assert len(set(starts)) == 1


def test_artists_without_words_are_named_as_far_as_a_line_goes():
    report = {
        "n_tracks": 9,
        "n_artists": 9,
        "artists_without_words": [f"artist {k}" for k in range(7)],
        "n_artists_with_one_track": 0,
        "n_words": 20,
        "n_words_used": 20,
        "perplexity": 1.5,
        "entropy_mean": 0.5,
        "tracks_without_artist": 1,
        "n_groups_used": 1,
        "groups": [{"name": f"s{k}", "share": 1.0 - k, "artists": [], "words": []} for k in range(2)],
    }
    lines = describe_groups(report)
    assert lines[0] == "9 tracks of 2 artists (0 of one track), 20 words in use"
    assert "no target: 1 track without artist" in lines
    names = ", ".join(f"artist {k}" for k in range(5))
    assert f"no target: 7 artists without words: {names} and 2 more" in lines
    assert lines[-1] == "1 more groups hold less than 0.1 % of the tracks each"
