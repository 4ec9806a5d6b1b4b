"""Words that were looked for in a large file once are not looked for again while it does not change."""

from __future__ import annotations

import os

import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.words import cache
from essentia_ldl.words.cache import scan_kept


@pytest.fixture
def scans(monkeypatch) -> list[set[str]]:
    """What was looked for in the file itself; every file is worth keeping."""
    found: list[set[str]] = []
    plain = cache.scan_file
    monkeypatch.setattr(cache, "WORTH_BYTES", 0)
    monkeypatch.setattr(cache, "scan_file", lambda path, wanted: found.append(set(wanted)) or plain(path, wanted))
    return found


@pytest.fixture
def glove(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("the 0 1\nsad 1 2\nschön 3 4\n")
    return path


def test_the_second_time_nothing_is_read(glove, scans, tmp_path):
    first = scan_kept(glove, {"sad", "schön", "nowhere"}, tmp_path / "kept")
    again = scan_kept(glove, {"sad", "nowhere"}, tmp_path / "kept")
    assert len(scans) == 1
    assert (first.words, first.vectors.tolist()) == (("sad", "schön"), [[1, 2], [3, 4]])
    assert (again.words, again.vectors.tolist()) == (("sad",), [[1, 2]])
    assert (again.common, again.n_rows) == (first.common, 3) == (("the", "sad", "schön"), 3)


def test_words_of_any_bytes_are_kept(scans, tmp_path):
    (tmp_path / "latin1.txt").write_bytes(b"caf\xe9 1 2\nsad 3 4\n")
    for _ in range(2):
        assert scan_kept(tmp_path / "latin1.txt", {"caf\udce9"}, tmp_path / "kept").vectors.tolist() == [[1, 2]]
    assert len(scans) == 1


def test_other_words_are_added_to_what_is_kept(glove, scans, tmp_path):
    scan_kept(glove, {"nowhere"}, tmp_path / "kept")
    assert scan_kept(glove, {"the"}, tmp_path / "kept").words == ("the",)
    assert scan_kept(glove, {"nowhere", "the"}, tmp_path / "kept").words == ("the",)
    assert scans == [{"nowhere"}, {"nowhere", "the"}]


def test_a_changed_file_and_a_damaged_cache_are_read_again(glove, scans, tmp_path):
    scan_kept(glove, {"sad"}, tmp_path / "kept")
    glove.write_text("sad 7 8\n")
    os.utime(glove, ns=(1, 1))
    assert scan_kept(glove, {"sad"}, tmp_path / "kept").vectors.tolist() == [[7, 8]]
    (kept,) = (tmp_path / "kept").iterdir()
    kept.write_bytes(kept.read_bytes()[:50])
    assert scan_kept(glove, {"sad"}, tmp_path / "kept").vectors.tolist() == [[7, 8]]
    assert len(scans) == 3


def test_a_folder_that_cannot_be_written_only_costs_time(glove, scans, tmp_path):
    (tmp_path / "kept").write_text("a file")
    assert scan_kept(glove, {"sad"}, tmp_path / "kept").words == ("sad",)


def test_a_small_file_is_not_kept_and_a_missing_one_is_told(glove, tmp_path):
    assert scan_kept(glove, {"sad"}, tmp_path / "kept").words == ("sad",)
    assert not (tmp_path / "kept").exists()
    with pytest.raises(StoreError, match="a file that can be read"):
        scan_kept(tmp_path / "nowhere", {"sad"}, tmp_path / "kept")
