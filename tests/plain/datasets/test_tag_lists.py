"""Which tags are read: all, a published list, a file, or those of a task."""

from __future__ import annotations

import pytest

from essentia_ldl.datasets._tag_lists import choose_tags, drop_untagged
from essentia_ldl.errors import DataError, UnknownNameError
from essentia_ldl.records import Track

NAMED = {"top50": ("rock", "jazz", "opera")}
PRESENT = ("jazz", "rock", "slow")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("all", ("jazz", "rock", "slow")),
        ("top50", ("rock", "jazz")),
        (("slow", "nothing", "rock", "slow"), ("slow", "rock")),
    ],
)
def test_tags_come_in_the_order_of_their_list(wanted, expected):
    assert choose_tags(wanted, NAMED, PRESENT) == expected


def test_a_file_has_one_tag_per_line_and_all_of_them_are_there(tmp_path):
    path = tmp_path / "tags.txt"
    path.write_text("\ufeffslow\n\n rock \n", "utf-8")
    assert choose_tags(str(path), NAMED, PRESENT) == choose_tags(path, NAMED, PRESENT) == ("slow", "rock")
    path.write_text("slow\nrokc\n")
    with pytest.raises(UnknownNameError, match=r"tag: expected one of jazz, rock, slow; got 'rokc'.*mean 'rock'"):
        choose_tags(path, NAMED, PRESENT)
    path.write_bytes(b"\xff")
    with pytest.raises(DataError, match="list of tags: expected UTF-8; got 'byte 0xff'"):
        choose_tags(path, NAMED, PRESENT)


def test_what_names_no_list_or_no_tag_is_refused():
    with pytest.raises(DataError, match=r"option tags: expected all, top50, or a file with one .* got 'top5'"):
        choose_tags("top5", NAMED, PRESENT)
    with pytest.raises(
        DataError, match=r"option tags: expected tags that the collection has, such as jazz.*got 'x, y'"
    ):
        choose_tags(("x", "y"), NAMED, PRESENT)


def test_tracks_without_a_tag_are_left_out_and_counted():
    tracks = [Track("1", "/1", "", tags=("a",)), Track("2", "/2", "", tags=())]
    said: list[str] = []
    assert drop_untagged(tracks, said.append) == tracks[:1]
    assert drop_untagged(tracks[:1], said.append) == tracks[:1]
    assert said == ["left out: 1 of 2 tracks, which have none of the tags"]
