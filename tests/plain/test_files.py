"""Files: the folders of a home, whole files or none, json and digests."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from essentia_ldl.errors import AudioError, DiskError, StoreError
from essentia_ldl.files import (
    Home,
    digest_file,
    is_at,
    is_file_name,
    lock_file,
    read_json,
    read_object,
    replacing,
    taking_turns,
    write_json,
)


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def no_space(*arguments, **keywords):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# --- home -----------------------------------------------------------------------------------------------------------


def test_home_is_the_variable_or_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ESSENTIA_LDL_HOME", raising=False)
    assert Home.from_environment().root == tmp_path.resolve()
    monkeypatch.setenv("ESSENTIA_LDL_HOME", "")
    assert Home.from_environment().root == tmp_path.resolve()
    monkeypatch.setenv("ESSENTIA_LDL_HOME", "below")
    assert Home.from_environment().root == tmp_path.resolve() / "below"
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("ESSENTIA_LDL_HOME", "~/music")
    assert Home.from_environment().root == (tmp_path / "me" / "music").resolve()


def test_the_folders_of_a_home_are_below_it(tmp_path):
    home = Home(str(tmp_path / "a" / ".."))
    assert home == Home(tmp_path)
    below = {name: getattr(home, name) for name in ("runs", "store", "graphs", "recipes")}
    assert below == {name: tmp_path / name for name in below}
    assert home.demos.parent == home.store
    assert list(tmp_path.iterdir()) == [], "nothing is made before something is written"


def test_a_home_that_is_passed_does_not_look_at_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "elsewhere"))
    assert Home(tmp_path).graphs == tmp_path / "graphs"
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert Home("~/music").root == tmp_path / "me" / "music"


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
    monkeypatch.setattr(os, call, no_space)
    with pytest.raises(DiskError, match=r"could not be written: No space left.*Free space"):
        write_json(path, {"a": 1})
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list_files(tmp_path) == ["file"]


def test_a_folder_that_is_none_asks_for_another(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(
        DiskError, match=r"could not be written: (File exists|Not a directory)\. Name another folder, or"
    ):
        write_json(tmp_path / "file" / "a.json", {"a": 1})


def test_a_full_disk_while_writing_is_a_store_error(tmp_path):
    with pytest.raises(DiskError, match="No space left"), replacing(tmp_path / "file") as file:  # noqa: PT012
        file.write(b"x")
        no_space()
    assert list_files(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DiskError, match=r"file/below.* could not be written"):
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


def test_one_at_a_time_works_in_a_folder(tmp_path):
    inside, most = [], []

    def work() -> None:
        for _ in range(20):
            with taking_turns(tmp_path / "new"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.0005)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 60


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


@pytest.mark.parametrize("text", ["[" * 200_000, "1" * 5000, '{"a": ' * 100_000])
def test_json_beyond_reason_is_a_store_error(tmp_path, text):
    """Case C1: brackets without end, and an integer of 5,000 digits."""
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(StoreError, match=r"file: expected readable json; got .*a\.json\)\. Delete it and run again\."):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("text", ["null", "[]", "3", '"x"'])
def test_what_is_no_object_is_a_store_error(tmp_path, text):
    """Case C3: json of another type."""
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(StoreError, match=r"file: expected a json object; got .*a\.json"):
        read_object(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        *[("a-1", True), ("größe.pb", True), ("", False), (".", False), ("..", False), ("a/b", False), ("/a", False)],
        *[("a\\b", False), ("a\0", False), (None, False), (3, False)],
        *[("C:", False), ("C:a", False), ("a:b", False), ("../../x", False), ("a b:c", True)],
    ],
)
def test_a_file_name_cannot_lead_out_of_its_folder(name, plain):
    """Case C16: what every name that becomes a path has to pass."""
    assert is_file_name(name) == plain


def test_a_lock_is_had_by_one_and_by_all_where_there_are_none(tmp_path, monkeypatch):
    first, second = (os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT) for _ in range(2))
    assert lock_file(first)
    assert not lock_file(second)
    os.close(first)
    assert lock_file(second)

    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks")

    third = os.open(tmp_path / "file", os.O_RDWR)
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert lock_file(third)
    os.close(second)
    os.close(third)


def test_a_file_is_known_by_what_it_is_and_not_by_its_name(tmp_path):
    path = tmp_path / "folder" / "file"
    path.parent.mkdir()
    with open(path, "w") as file:
        assert is_at(file.fileno(), path)
        path.rename(path.with_name("other"))
        assert not is_at(file.fileno(), path)
        path.touch()
        assert not is_at(file.fileno(), path)
        assert not is_at(file.fileno(), path / "below a file")
