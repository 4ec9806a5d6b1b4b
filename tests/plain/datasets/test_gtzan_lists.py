"""The fault-filtered lists of GTZAN are those published."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from essentia_ldl.datasets import _gtzan_lists

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
LISTS = Path(os.environ.get("ESSENTIA_LDL_GTZAN_LISTS", "/nonexistent"))


def test_the_fault_filtered_lists_have_the_published_sizes():
    lists = _gtzan_lists.read_fault_filtered()
    assert list(lists) == ["train", "valid", "test"]
    assert {side: [len(numbers[genre]) for genre in GENRES] for side, numbers in lists.items()} == {
        "train": [46, 48, 45, 42, 47, 43, 44, 41, 43, 44],
        "valid": [23, 20, 23, 22, 18, 17, 20, 13, 17, 24],
        "test": [31, 31, 30, 29, 27, 27, 27, 30, 26, 32],
    }
    kept = {(genre, n) for numbers in lists.values() for genre in GENRES for n in numbers[genre]}
    assert len(kept) == 443 + 197 + 290, "no track is on two sides"
    excluded = {genre: [n for n in range(100) if (genre, n) not in kept] for genre in GENRES}
    assert excluded["metal"] == [4, 34, 40, 41, 42, 43, 44, 45, 58]
    assert excluded["disco"] == [38, 50, 51, 55, 60, 71, 98]
    assert excluded["blues"] == excluded["rock"] == []


@pytest.mark.skipif(not LISTS.exists(), reason="ESSENTIA_LDL_GTZAN_LISTS names no folder of published lists")
@pytest.mark.parametrize("side", ["train", "valid", "test"])
def test_the_fault_filtered_lists_are_those_published(side):
    lines = (LISTS / f"{side}_filtered.txt").read_text().split()
    lists = _gtzan_lists.read_fault_filtered()[side]
    assert {f"{genre}/{genre}.{n:05d}.wav" for genre, numbers in lists.items() for n in numbers} == set(lines)
