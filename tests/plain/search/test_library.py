"""An index comes back as it was written, and what is wrong with one is one sentence."""

from __future__ import annotations

import contextlib
import dataclasses
import json

import numpy as np
import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.search import library as module
from essentia_ldl.search.catalogue import IndexedTrack, gather
from essentia_ldl.search.library import Library, Maker, read_library, write_library

MAKER = Maker("msd-musicnn-1", "ab" * 32, "emb", 2)
ENTRIES = (
    IndexedTrack("/a.wav", 3.5, 10, 20, "Nina", "sad", {"genre": "soul"}),
    IndexedTrack("/b\udce4.wav", 4.5, 11, 21),
)


def build_library(**changes) -> Library:
    """Make an index of two tracks, of two vectors and of one."""
    units = np.array([[1, 0], [0, 1], [0, -1]], np.float32)
    return Library(
        **{"maker": MAKER, "entries": gather(ENTRIES), "units": units, "starts": np.array([0, 2]), **changes}
    )


def test_it_comes_back_as_it_was(tmp_path):
    written = build_library(graph=b"graph")
    with open(tmp_path / "lib.index", "wb") as file:
        write_library(written, file)
    found = read_library(tmp_path / "lib.index")
    assert (found.maker, tuple(found.entries), found.graph) == (MAKER, ENTRIES, b"graph")
    assert (found.units.tolist(), found.starts.tolist()) == (written.units.tolist(), [0, 2])
    assert [found.rows(row).tolist() for row in (0, 1)] == [[[1, 0], [0, 1]], [[0, -1]]]
    assert (found.tags, found.activations.size) == ((), 0)


def test_tags_come_back_too(tmp_path):
    activations = np.array([[0.25, 0.5], [1, 0]], np.float32)
    with open(tmp_path / "lib.index", "wb") as file:
        write_library(build_library(tags=("sad", "loud"), activations=activations), file)
    found = read_library(tmp_path / "lib.index")
    assert (found.tags, found.activations.tolist()) == (("sad", "loud"), activations.tolist())


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": ("sad",)},
        {"tags": ("sad",), "activations": np.zeros((3, 1), np.float32)},
        {"tags": ("sad",), "activations": np.zeros((2, 1))},
        {"tags": (3,), "activations": np.zeros((2, 1), np.float32)},
        {"activations": np.zeros((2, 1), np.float32)},
    ],
)
def test_tags_that_do_not_fit_are_refused(changes):
    with pytest.raises(StoreError, match=r"index: expected activations of [01] tags of 2 tracks"):
        build_library(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"starts": np.array([0])},
        {"starts": np.array([1, 2])},
        {"starts": np.array([0, 3])},
        {"starts": np.array([0, 0])},
        {"starts": np.array([0.0, 2.0])},
        {"units": np.zeros((3, 2))},
        {"entries": gather(())},
    ],
)
def test_parts_that_do_not_fit_are_refused(changes):
    with pytest.raises(StoreError, match="index: expected vectors of"):
        build_library(**changes)


def test_a_flipped_bit_anywhere_is_told(tmp_path):
    path = tmp_path / "lib.index"
    with open(path, "wb") as file:
        write_library(build_library(), file)
    whole, n_told = path.read_bytes(), 0
    for place in range(40, len(whole) - 30, 41):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        found = None
        with contextlib.suppress(StoreError):
            found = read_library(path)
        if found is not None:  # a field of the archive that nobody reads
            assert found.units.tolist() == build_library().units.tolist()
            assert tuple(found.entries) == ENTRIES
        n_told += found is None
    assert n_told > 10


def test_another_version_and_no_index_are_told(tmp_path, monkeypatch):
    path = tmp_path / "lib.index"
    with pytest.raises(StoreError, match="got 'nothing there'"):
        read_library(path)
    monkeypatch.setattr(module, "FORMAT", "essentia-ldl index 9")
    with open(path, "wb") as file:
        write_library(build_library(), file)
    monkeypatch.undo()
    with pytest.raises(StoreError, match=r"expected one of this version .*got 'essentia-ldl index 9'"):
        read_library(path)
    head = np.frombuffer(json.dumps({"format": module.FORMAT, "maker": {"shoe": 1}, "texts": {}}).encode(), np.uint8)
    np.savez(tmp_path / "strange.npz", head=head)
    with pytest.raises(StoreError, match="expected a whole file of the command index"):
        read_library(tmp_path / "strange.npz")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"n_vectors": [1]}, r"n_vectors: expected a whole number; got \[1\] \(index\)"),
        ({"n_vectors": 0}, "n_vectors: expected 1 or more; got 0"),
        ({"sha256": None}, "sha256: expected text; got None"),
        ({"patch_hop_frames": "3"}, "patch_hop_frames: expected .*; got '3'"),
    ],
)
def test_what_made_an_index_is_of_the_kinds_that_it_says(change, told):
    with pytest.raises(StoreError, match=told):
        dataclasses.replace(MAKER, **change)
