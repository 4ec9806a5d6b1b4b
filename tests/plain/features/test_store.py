"""The store: whole files or none, what it remembers, and what it does about damage."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.errors import AudioError, DiskError, StoreError
from essentia_ldl.features import store as store_module
from essentia_ldl.features.store import Store
from essentia_ldl.files import digest_file, home, read_json, replacing, write_json
from essentia_ldl.frontends import MFCC, MUSICNN

CONTENT = hashlib.sha256(b"track").hexdigest()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def no_space(*arguments, **keywords):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# --- home -----------------------------------------------------------------------------------------------------------


def test_home_is_the_variable_or_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ESSENTIA_LDL_HOME", raising=False)
    assert home() == tmp_path.resolve()
    monkeypatch.setenv("ESSENTIA_LDL_HOME", "")
    assert home() == tmp_path.resolve()
    monkeypatch.setenv("ESSENTIA_LDL_HOME", "below")
    assert home() == tmp_path.resolve() / "below"
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("ESSENTIA_LDL_HOME", "~/music")
    assert home() == (tmp_path / "me" / "music").resolve()


# --- replacing ------------------------------------------------------------------------------------------------------


def test_a_file_appears_when_the_block_ends_and_its_folder_is_made(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    with replacing(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list_files(tmp_path) == ["a/b/file"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("before", [None, b"old"])
def test_an_exception_leaves_what_was_there(tmp_path, error, before):
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(error), replacing(path) as file:  # noqa: PT012  (the block is what is tested)
        file.write(b"half")
        raise error("stop")
    assert list_files(tmp_path) == ([] if before is None else ["file"])
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("call", ["replace", "fsync", "chmod"])
def test_a_full_disk_is_a_store_error_and_leaves_what_was_there(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(store_module.os, call, no_space)
    with pytest.raises(DiskError, match=r"expected space and permission to write; got 'No space left.*Free space"):
        write_json(path, {"a": 1})
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list_files(tmp_path) == ["file"]


def test_a_full_disk_while_writing_is_a_store_error(tmp_path):
    with pytest.raises(DiskError, match="No space left"), replacing(tmp_path / "file") as file:  # noqa: PT012
        file.write(b"x")
        no_space()
    assert list_files(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DiskError, match=r"expected space and permission to write.*file/below"):
        write_json(tmp_path / "file" / "below" / "x.json", 1)


def test_an_error_of_ours_inside_the_block_stays_what_it_is(tmp_path):
    with pytest.raises(AudioError, match=r"^mine$"), replacing(tmp_path / "file"):
        raise AudioError("mine")
    with pytest.raises(StoreError, match=r"^theirs$"), replacing(tmp_path / "file"):
        raise StoreError("theirs")
    assert list_files(tmp_path) == []


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path):
    path = tmp_path / "file.json"
    barrier = threading.Barrier(8)
    problems = []

    def write(number: int) -> None:
        barrier.wait()
        try:
            for _ in range(5):
                write_json(path, [number] * 20_000)
                assert len(set(read_json(path))) == 1
        except Exception as error:  # a thread's exception would be lost
            problems.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(read_json(path)) == 20_000
    assert list_files(tmp_path) == ["file.json"]


# --- json -----------------------------------------------------------------------------------------------------------


def test_json_goes_round(tmp_path):
    value = {"name": "Björk", "numbers": [1, 2.5, None, True], "deep": {"a": "🎵"}}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    assert "Björk" in (tmp_path / "x.json").read_text(encoding="utf-8")


def test_a_value_that_is_no_json_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"a": object()})
    assert list_files(tmp_path) == []


@pytest.mark.parametrize("text", [None, b"", b"{", b"\xff\xfe"])
def test_what_is_no_json_is_a_store_error(tmp_path, text):
    path = tmp_path / "x.json"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(StoreError, match=r"expected readable json; .*x\.json") as caught:
        read_json(path)
    assert not isinstance(caught.value, DiskError), "a damaged file is no full disk"


def test_a_digest_is_the_sha256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert digest_file(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


# --- features -------------------------------------------------------------------------------------------------------


def test_features_come_back_as_float32(store):
    values = np.random.default_rng(0).normal(size=(200, 96))
    assert not store.has(CONTENT, MUSICNN)
    store.write(CONTENT, MUSICNN, values)
    assert store.has(CONTENT, MUSICNN)
    assert not store.has(CONTENT, MFCC)
    read = store.read(CONTENT, MUSICNN)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, values.astype(np.float32))
    expected = store.root / MUSICNN.key / CONTENT[:2] / f"{CONTENT}.npy"
    assert store.path(CONTENT, MUSICNN) == expected
    assert expected.is_file()


def test_features_that_are_not_there_are_a_store_error(store):
    with pytest.raises(StoreError, match=r"expected a readable array; .*Run the command again"):
        store.read(CONTENT, MUSICNN)


def test_every_kind_of_damage_is_removed_and_told(store):
    store.write(CONTENT, MUSICNN, np.zeros((200, 96)))
    whole = store.path(CONTENT, MUSICNN).read_bytes()
    pickled = store.root / "pickled.npy"
    np.save(pickled, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    damages = [b"", whole[:5], whole[:60], whole[:-1], whole[:1000], b"x" * 1000, pickled.read_bytes()]
    for damage in damages:
        store.path(CONTENT, MUSICNN).write_bytes(damage)
        with pytest.raises(StoreError, match="Run the command again"):
            store.read(CONTENT, MUSICNN)
        assert not store.has(CONTENT, MUSICNN), damage[:20]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((5, 95), np.float32),
        np.zeros((5, 96), np.float64),
        np.zeros(96, np.float32),
        np.zeros((5, 96), np.int32),
    ],
)
def test_an_array_of_another_shape_or_type_is_removed_and_told(store, array):
    store.path(CONTENT, MUSICNN).parent.mkdir(parents=True)
    np.save(store.path(CONTENT, MUSICNN), array)
    with pytest.raises(StoreError, match=r"expected float32 \(n_frames, 96\)"):
        store.read(CONTENT, MUSICNN)
    assert not store.has(CONTENT, MUSICNN)


def test_info_goes_round(store):
    store.write_info(CONTENT, {"duration_s": 1.5})
    assert store.read_info(CONTENT) == {"duration_s": 1.5}
    with pytest.raises(StoreError):
        store.read_info("00" * 32)


# --- memory of files ------------------------------------------------------------------------------------------------


def test_a_file_is_digested_once(store, tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    path.write_bytes(b"track")
    assert store.recall(str(path)) is None
    assert store.remember(str(path)) == CONTENT
    monkeypatch.setattr(store_module, "digest_file", lambda path: pytest.fail("digested again"))
    assert store.recall(str(path)) == CONTENT
    assert store.remember(str(path)) == CONTENT
    monkeypatch.chdir(tmp_path)
    assert store.recall("a.wav") == CONTENT


def test_a_changed_file_is_forgotten(store, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"track")
    os.utime(path, ns=(10**18, 10**18))
    store.remember(str(path))
    os.utime(path, ns=(10**18, 10**18 + 1))
    assert store.recall(str(path)) is None
    store.remember(str(path))
    path.write_bytes(b"track longer")
    os.utime(path, ns=(10**18, 10**18 + 1))
    assert store.recall(str(path)) is None
    assert store.remember(str(path)) == hashlib.sha256(b"track longer").hexdigest()
    path.unlink()
    assert store.recall(str(path)) is None


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b"{}", b"[]", b"null"])
def test_a_damaged_memory_is_no_memory(store, tmp_path, damage):
    path = tmp_path / "a.wav"
    path.write_bytes(b"track")
    store.remember(str(path))
    (memory,) = (store.root / "files").rglob("*.json")
    assert json.loads(memory.read_text())["content"] == CONTENT
    memory.write_bytes(damage)
    assert store.recall(str(path)) is None
    assert store.remember(str(path)) == CONTENT


def test_a_file_whose_name_is_not_utf8_is_remembered(store, tmp_path):
    path = os.path.join(str(tmp_path), os.fsdecode(b"caf\xe9.wav"))
    with open(path, "wb") as file:
        file.write(b"track")
    assert store.remember(path) == CONTENT
    assert store.recall(path) == CONTENT
