"""What was found as json and as a playlist."""

from __future__ import annotations

import json

import pytest

from essentia_ldl.records import Failure
from essentia_ldl.search.describe import Described, Description
from essentia_ldl.search.lists import write_described, write_json, write_playlist
from essentia_ldl.search.similar import Neighbour, Similar

FOUND = Similar(
    "q.wav",
    "track",
    "msd-musicnn-1",
    (
        Neighbour("/m/a.wav", 0.987654321, "Nina", "soul", 30.4, {"title": "Sinner\nman", "path": "kept out"}),
        Neighbour("/m/ö b.wav", 0.5, "", "", 61.7, {}),
    ),
    ("/m/gone.wav",),
    ("1 file is gone.",),
)


def test_json_has_every_column():
    found = json.loads(write_json(FOUND))
    assert found["tracks"][0] == {
        "path": "/m/a.wav",
        "similarity": 0.987654,
        "artist": "Nina",
        "label": "soul",
        "duration_s": 30.4,
        "title": "Sinner\nman",
    }
    assert (found["tracks"][1]["artist"], found["gone"], found["query"]) == (None, ["/m/gone.wav"], "q.wav")


def test_a_playlist_has_two_lines_per_track():
    assert write_playlist(FOUND).splitlines() == [
        "#EXTM3U",
        "#PLAYLIST:q.wav",
        "#EXTINF:30,Nina - Sinner man",
        "/m/a.wav",
        "#EXTINF:62,ö b",
        "/m/ö b.wav",
    ]


def test_the_title_is_that_of_the_table_or_the_name_of_the_file():
    assert [one.title for one in FOUND.neighbours] == ["Sinner\nman", "ö b"]
    assert FOUND.neighbours[1].similarity == pytest.approx(0.5)


def test_words_of_tracks_keep_their_order_in_json():
    done = Described(
        (Description("/a.wav", "m-1", (("schön", 0.75), ("bad", 0.1234567))),),
        (Failure("/b.wav", "predict", "It is no audio."),),
        ("One note.",),
    )
    found = json.loads(write_described(done))
    assert found["tracks"] == [{"path": "/a.wav", "model": "m-1", "words": {"schön": 0.75, "bad": 0.123457}}]
    assert list(found["tracks"][0]["words"]) == ["schön", "bad"]
    assert (found["failures"], found["notes"]) == ([{"path": "/b.wav", "reason": "It is no audio."}], ["One note."])
