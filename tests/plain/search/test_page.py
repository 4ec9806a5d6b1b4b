"""The page of a query: its map, its list, and the data that its script reads."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from essentia_ldl.search.catalogue import IndexedTrack, gather
from essentia_ldl.search.library import Library, Maker, write_library
from essentia_ldl.search.page import list_columns, write_page
from essentia_ldl.search.similar import Limits, similar

N_TRACKS = 12


class Checker(HTMLParser):
    """Tags that are open, and how often each was there."""

    VOID = ("meta",)

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        assert not [name for name, _ in attributes if name in ("src", "href", "onclick")], tag
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def index(tmp_path):
    """An index of twelve tracks of two genres, the last one with a title that must be escaped."""
    rng = np.random.default_rng(0)
    units = rng.normal(size=(N_TRACKS, 5)).astype(np.float32)
    entries = []
    for number in range(N_TRACKS):
        path = tmp_path / f"{number}.wav"
        path.touch()
        columns = {"title": f"Song {number}</script>", "genre": "jazz" if number % 2 else "rock"}
        entries.append(IndexedTrack(str(path), 3.0, 1, 1, f"artist {number // 2}", "sad", columns))
    with open(tmp_path / "lib.index", "wb") as file:
        write_library(Library(Maker("m-1", "0", "emb"), gather(entries), units, np.arange(N_TRACKS)), file)
    return tmp_path / "lib.index"


def test_every_track_is_a_dot_and_the_nearest_are_listed(index, tmp_path):
    query = str(tmp_path / "3.wav")
    found = similar(query, str(index), Limits(1000), tmp_path)
    write_page(str(tmp_path / "map.html"), found, 4, str(index))
    page = (tmp_path / "map.html").read_text("utf-8")
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert checker.counts["circle"] == N_TRACKS
    assert checker.counts["script"] == 2
    assert page.count('data-track="') == N_TRACKS + 4
    tracks = json.loads(re.search(r'id="tracks">(.*?)</script>', page)[1])
    assert (tracks[0]["path"], tracks[0]["similarity"], tracks[0]["title"]) == (query, "the query", "Song 3</script>")
    assert [one["path"] for one in tracks[1:]] == [one.path for one in found.neighbours]
    assert tracks[1]["url"].startswith("file:///")
    assert re.findall(r'data-column="(\w+)"', page) == ["artist", "genre"], (
        "all have one label, and titles of their own"
    )


def test_an_artist_has_no_dot_of_its_own(index, tmp_path):
    found = similar("artist 1", str(index), Limits(1000), tmp_path)
    write_page(str(tmp_path / "map.html"), found, 2, str(index))
    assert (tmp_path / "map.html").read_text("utf-8").count("<circle") == N_TRACKS


def test_audio_at_urls_is_played_and_nothing_else_comes_from_there(index, tmp_path):
    entries = [IndexedTrack(f"https://music.example/{n}.mp3", 3.0, -1, -1) for n in range(2)]
    entries += [
        IndexedTrack("http://evil'; script-src */x.mp3", 3.0, -1, -1),
        IndexedTrack("s3://b/x.mp3", 3.0, -1, -1),
    ]
    with open(index, "wb") as file:
        write_library(
            Library(Maker("m-1", "0", "emb"), gather(entries), np.eye(4, dtype=np.float32), np.arange(4)), file
        )
    found = similar(entries[0].path, str(index), Limits(10), tmp_path)
    write_page(str(tmp_path / "map.html"), found, 2, str(index))
    page = (tmp_path / "map.html").read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page)[1]
    assert policy.endswith("media-src file: data: https://music.example")
    assert "default-src 'none'" in policy


def test_columns_of_one_value_or_of_as_many_as_tracks_are_no_colours():
    tracks = [
        {"artist": "a", "mood": "x", "id": "1"},
        {"artist": "a", "mood": "y", "id": "2"},
        {"mood": "y", "id": "3"},
    ]
    assert list_columns(tracks) == ["mood"]
    assert list_columns([]) == []
