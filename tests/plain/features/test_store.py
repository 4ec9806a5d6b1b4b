"""The store: whole files or none, what it remembers, and what it does about damage."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.features import store as store_module
from essentia_ldl.features.store import Store
from essentia_ldl.frontends import MFCC, MUSICNN, SAMPLECNN

CONTENT = hashlib.sha256(b"track").hexdigest()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def no_space(*arguments, **keywords):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


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


@pytest.mark.parametrize(("front_end", "dtype"), [(MUSICNN, np.float32), (SAMPLECNN, np.int16)])
@pytest.mark.parametrize("n_frames", [0, 3, 10, 11])
def test_features_that_come_in_pieces_are_the_same_bytes(store, front_end, dtype, n_frames):
    array = np.arange(n_frames * front_end.n_bands, dtype=dtype).reshape(n_frames, front_end.n_bands)
    store.write(CONTENT, front_end, array)
    expected = store.path(CONTENT, front_end).read_bytes()
    store.path(CONTENT, front_end).unlink()
    store.write_pieces(CONTENT, front_end, n_frames, (array[i : i + 5] for i in range(0, n_frames, 5)))
    assert store.path(CONTENT, front_end).read_bytes() == expected
    store.write_pieces(CONTENT, front_end, n_frames, [array], "tempo-94")
    assert store.path(CONTENT, front_end, "tempo-94").read_bytes() == expected


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


@pytest.mark.parametrize(
    "text", ["null", "[]", "3", "{}", '{"duration_s": null}', '{"duration_s": "x"}', "[" * 100_000]
)
def test_damaged_descriptions_are_one_sentence(tmp_path, text):
    store = Store(tmp_path)
    store.write_info(CONTENT, {"duration_s": 1.5})
    path = next((tmp_path / "audio").rglob("*.json"))
    path.write_text(text)
    with pytest.raises(StoreError, match=r"expected .* \(.*\.json\)\. Delete it and run again\.$"):
        store.read_info(CONTENT)


@pytest.mark.parametrize("text", ["null", "[]", "3", "{}", "[" * 100_000])
def test_a_damaged_memory_of_a_file_is_made_again(tmp_path, text):
    store, audio = Store(tmp_path / "store"), tmp_path / "a.wav"
    audio.write_bytes(b"sound")
    content = store.remember(str(audio))
    path = next((tmp_path / "store" / "files").rglob("*.json"))
    path.write_text(text)
    assert store.recall(str(audio)) is None
    assert store.remember(str(audio)) == content
    path.write_text(path.read_text().replace(content, "../../x"))
    assert store.recall(str(audio)) is None  # it would lead out of the store


# --- makers ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def make_by(monkeypatch):
    """A function that lets another version of Essentia be the one that is installed."""

    def install(version: str) -> None:
        monkeypatch.setattr("essentia_ldl.versions.find_essentia", lambda: version)
        monkeypatch.setattr(store_module, "find_essentia", lambda: version)

    return install


def test_features_of_two_versions_of_essentia_do_not_meet(store, make_by):
    make_by("2.1b6.dev1110")
    store.write(CONTENT, MUSICNN, np.zeros((200, 96)))
    store.write(CONTENT, MUSICNN, np.zeros((200, 96)), "mp3-64k")
    assert store.find_makers(MUSICNN) == {}
    assert store.describe_makers([CONTENT], [MUSICNN]) == ""
    make_by("2.1b6.dev1389")
    assert not store.has(CONTENT, MUSICNN)
    assert list(store.find_makers(MUSICNN)) == ["2.1b6.dev1110"]
    assert store.find_makers(MFCC) == {}
    told = store.describe_makers([CONTENT, "f" * 64], [MUSICNN, MFCC])
    assert told.startswith("features of 1 track were made by another Essentia (1 by 2.1b6.dev1110): computed again")
    assert "Essentia 2.1b6.dev1389" in told
    store.write(CONTENT, MUSICNN, np.ones((200, 96)))
    assert Store(store.root).describe_makers([CONTENT], [MUSICNN]) == ""
    assert store.read(CONTENT, MUSICNN).mean() == 1
    make_by("2.1b6.dev1110")
    assert store.read(CONTENT, MUSICNN).mean() == 0


def test_a_store_that_did_not_keep_the_version_is_made_again_and_still_shown(store, make_by):
    """Such stores are of before: a report of their runs reads them, and a training does not."""
    make_by("2.1b6.dev1389")
    store.write(CONTENT, MUSICNN, np.zeros((200, 96)))
    os.rename(store.root / MUSICNN.key, store.root / MUSICNN.numbers_key)
    fresh = Store(store.root)
    assert "(1 by one that was not written down)" in fresh.describe_makers([CONTENT], [MUSICNN])
    with pytest.raises(StoreError, match="Run the command again"):
        fresh.read(CONTENT, MUSICNN)
    assert Store(store.root, of_any=True).read(CONTENT, MUSICNN).shape == (200, 96)
    assert not (store.root / MUSICNN.key).exists()


def test_a_store_that_is_not_there_has_no_makers(tmp_path):
    assert Store(tmp_path / "none").find_makers(MUSICNN) == {}


@pytest.mark.parametrize("text", ["null", "[]", "3", '"x"', "true", "{}", "[" * 100_000, "9" * 5000])
def test_json_of_another_type_in_the_store_is_made_again_or_told(store, tmp_path, text):
    """Case C3: `null`, `[]` or `3` in a file of the store was a TypeError."""
    audio = tmp_path / "a.wav"
    audio.write_bytes(b"audio")
    content = store.remember(str(audio))
    (memory,) = (store.root / "files").rglob("*.json")
    memory.write_text(text)
    assert store.recall(str(audio)) is None
    assert store.remember(str(audio)) == content == store.recall(str(audio))
    store.write_info(content, {"duration_s": 1.0})
    (store.root / "audio" / content[:2] / f"{content}.json").write_text(text)
    with pytest.raises(StoreError, match=r"expected .*Delete it and run again\."):
        store.read_info(content)
