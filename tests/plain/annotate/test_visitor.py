"""What a browser says is checked before anything is kept."""

from __future__ import annotations

import pytest

from essentia_ldl.annotate.visitor import Visitor, find_track, make_key, read_answer
from essentia_ldl.errors import DataError


def test_nobody_is_called_as_the_labels_of_a_table_are():
    assert Visitor("Table", "one").order == "model"
    with pytest.raises(DataError, match="another name than 'table'"):
        Visitor("table", "one")


def test_a_track_is_known_by_its_key_and_by_its_number_where_there_is_none():
    keys = {make_key(path): path for path in ("/a.wav", "/b\udce9.wav")}
    assert find_track(keys, {"key": make_key("/b\udce9.wav")}, lambda: "/a.wav") == "/b\udce9.wav"
    assert find_track(keys, {}, lambda: "/a.wav") == "/a.wav"
    with pytest.raises(DataError, match="of other music"):
        find_track(keys, {"key": "0" * 16}, lambda: "/a.wav")


def test_an_answer_is_a_track_shares_and_seconds():
    assert read_answer({"track": 3, "said": {"sad": 1}, "took_s": 2.06}) == (3, {"sad": 1}, 2.1)
    assert read_answer({"track": 3, "said": None}) == (3, None, 0.0)
    for took_s in (-1, "inf", "nan", 10**400, None):
        with pytest.raises(DataError, match="a track and what was said"):
            read_answer({"track": 3, "said": None, "took_s": took_s})
    for said in ({}, {"sad": None, "non_sad": None}, {"sad": "1"}, ["sad"], 1):
        with pytest.raises(DataError, match="a track and what was said"):
            read_answer({"track": 3, "said": said})
