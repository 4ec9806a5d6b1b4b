"""The place that all machines see: what is moved, what appears whole, and what cannot be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from essentia_ldl.cluster.share import Share, relocate
from essentia_ldl.errors import StoreError


@pytest.fixture
def share(tmp_path) -> Share:
    (tmp_path / "store/mel").mkdir(parents=True)
    (tmp_path / "store/mel/a.npy").write_text("a")
    return Share(str(tmp_path / "store"), (tmp_path / "share").as_uri())


def test_paths_of_the_store_are_moved_and_nothing_else_is():
    job = {"store": "/h/store", "path": "/h/music/a.wav", "extractor": {"folder": "/h/store/x", "size": 3}, "n": None}
    assert relocate(job, "/h/store", "/t") == {
        "store": "/t",
        "path": "/h/music/a.wav",
        "extractor": {"folder": "/t/x", "size": 3},
        "n": None,
    }
    assert relocate(("/h/store/a", "/h/stores"), "/h/store", "/t") == ("/t/a", "/h/stores")


def test_what_is_offered_is_there_once(share, tmp_path):
    share.offer(["mel/a.npy"])
    (tmp_path / "store/mel/a.npy").write_text("changed")
    share.offer(["mel/a.npy"])
    assert (tmp_path / "share/mel/a.npy").read_text() == "a"
    assert [path.name for path in (tmp_path / "share/mel").iterdir()] == ["a.npy"], "no parts are left"


def test_only_what_is_new_is_shared(share, tmp_path):
    share.offer(["mel/a.npy"])
    with share.stand_in(["mel/a.npy"]) as (local, collect):
        folder = Path(local(share.store))
        assert (folder / "mel/a.npy").read_text() == "a"
        (folder / "b.npy").write_text("b")
        assert collect() == ["b.npy"]
    assert not folder.exists()
    assert (tmp_path / "share/b.npy").read_text() == "b"


def test_in_memory_too(tmp_path):
    import fsspec

    fsspec.filesystem("memory").store.clear()
    share = Share(str(tmp_path / "store"), "memory://share")
    with share.stand_in() as (local, collect):
        Path(local(share.store), "a.npy").write_text("a")
        names = collect()
    share.fetch(names)
    assert (tmp_path / "store/a.npy").read_text() == "a"


def test_a_share_that_cannot_be_used_is_one_sentence(share, tmp_path):
    with pytest.raises(StoreError, match=r"share/none\.npy cannot be read: .*Check --share"):
        share.fetch(["none.npy"])
    assert not os.path.exists(tmp_path / "store/none.npy")
    (tmp_path / "share").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot be written: .*Check --share"):
        share.offer(["mel/a.npy"])
