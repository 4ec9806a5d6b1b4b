"""The server: only who has the token is answered, only from this computer, and nothing is loaded from elsewhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import stat
import sys
import urllib.request
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from essentia_ldl.annotate import server as module
from essentia_ldl.annotate.server import (
    HOST,
    STATIC,
    find_token,
    has_desktop,
    open_browser,
    open_socket,
    read_static,
    require_app,
)
from essentia_ldl.errors import DataError, DiskError, StoreError


@pytest.fixture
def served(open_session, serve_session):
    return serve_session(open_session())


def test_the_page_is_served_and_names_no_other_place(served):
    for name in STATIC:
        status, body, headers = served.get(name)
        assert status == 200
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cache-Control"] == "no-store"
        found = re.findall(r"https?://[^\"' ]*", body.decode())
        assert set(found) <= {"http://www.w3.org/2000/svg"}, "the name of a format, not an address"
    assert served.get("")[2]["Content-Type"].startswith("text/html")


def test_without_the_token_nothing_is_answered(served):
    own = served.address
    for path in ("", "page.js", "call/next", "sound/0"):
        served.address = own.replace("t" * 20, "u" * 20)
        assert served.get(path)[0] == 404
        served.address = own.replace("t" * 20 + "/", "")
        assert served.get(path)[0] == 404


def test_another_name_of_this_computer_is_refused(served):
    assert served.get("", Host="evil.example")[0] == 400
    assert served.get("", Host="localhost:1")[0] == 200


def test_an_answer_goes_into_the_table(served, tmp_path):
    shown = served.call("next")["track"]
    told = served.call("answer", track=shown["number"], said={"sad": 0.75, "non_sad": 0.25}, by="slider", took_s=3.14)
    assert told["counts"] == [1, 0]
    assert f"{shown['title']}.wav,sad,,0.75,0.25,1" in (tmp_path / "labels.csv").read_text()
    (event,) = served.session.votes.stacks["ann"]
    assert (event.by, event.order, event.took_s) == ("slider", "random", 3.1)
    assert served.call("state")["said"][0]["title"] == shown["title"]
    assert served.call("undo")["track"]["number"] == shown["number"]
    assert served.call("take", track=3)["track"]["number"] == 3
    assert served.call("next", leave=True)["track"]["order"] == "random"
    assert served.call("pass", track=5, reason="x" * 999)["silent"][0]["reason"] == "x" * 200


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "json object"),
        (b"[]", "json object"),
        (b"[" * 70000, "70000 bytes"),
        (b'{"rater": "", "browser": "b", "track": 0, "said": null}', "a name"),
        (b'{"rater": "a", "browser": "b", "track": 1000, "said": null}', "0 to 11"),
        (b'{"rater": "a", "track": 0, "said": {"happy": 1}}', "one of sad, non_sad"),
        (b'{"rater": "a", "track": 0, "said": {"sad": 1e308, "non_sad": 1e308}}', "0 to 100"),
        (b'{"rater": "a", "track": 0, "said": {"sad": 1}, "took_s": -1}', "a track and what was said"),
        (b'{"rater": "table", "track": 0, "said": {"sad": 1}}', "another name than 'table'"),
        (b'{"rater": "a", "track": 0, "said": {"sad": 1}, "id": "\\ud800"}', "surrogates not allowed"),
    ],
)
def test_what_is_no_answer_is_refused_with_a_sentence(served, body, told):
    status, found, _ = served.send(urllib.request.Request(f"{served.address}call/answer", body))
    assert status == 400
    assert told in json.loads(found)["error"]
    assert served.call("state")["said"] == []


def test_a_call_that_is_none(served):
    assert served.send(urllib.request.Request(f"{served.address}call/remove", b"{}"))[0] == 404
    assert "a number" in served.call("take", track="x")["error"]
    assert served.get("nothing.js")[0] == 404


def test_a_full_disk_is_told(served, monkeypatch):
    def fail(*_):
        raise DiskError("full. Free space and vote again.")

    monkeypatch.setattr(served.session, "answer", fail)
    status, body, _ = served.send(urllib.request.Request(f"{served.address}call/answer", b"{}"))
    assert (status, json.loads(body)["error"]) == (507, "full. Free space and vote again.")


def test_sounds_come_whole_and_in_parts(served, music):
    data = Path(served.session.path_of(0)).read_bytes()
    status, body, headers = served.get("sound/0")
    assert (status, body, headers["Content-Type"]) == (200, data, "audio/wav")
    status, body, _ = served.get("sound/0", Range="bytes=10-19")
    assert (status, body) == (206, data[10:20])


def test_names_that_are_not_utf8_are_told(open_session, serve_session, music, tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    shutil.copy(music[0], folder / os.fsdecode(b"cr\xe8me.wav"))
    served = serve_session(open_session(sources=[str(folder)]))
    assert served.call("next")["track"]["title"] == "cr\ufffdme"
    status, body, _ = served.get("sound/0?as=mp3")
    assert (status, body[:3]) == (200, b"ID3")
    next(folder.iterdir()).unlink()
    status, body, _ = served.get("sound/0")
    assert (status, b"nothing there" in body) == (404, True)
    status, found, _ = served.send(urllib.request.Request(f"{served.address}call/pass", PASSED))
    assert status == 200
    assert json.loads(found)["silent"] == [{"title": "cr\ufffdme", "reason": "gone"}]


PASSED = b'{"rater": "a", "track": 0, "reason": "gone"}'


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_sound_that_may_not_be_read(served, music):
    Path(served.session.path_of(0)).chmod(0)
    status, body, _ = served.get("sound/0")
    assert (status, b"may not be read" in body) == (404, True)


def test_sounds_that_are_not_there(served, monkeypatch):
    assert served.get("sound/99")[0] == 404
    assert served.get("sound/" + "9" * 5000)[0] == 404
    assert served.get("sound/x")[0] == 404
    assert served.get("sound/..%2f..%2fetc%2fpasswd")[0] == 404
    monkeypatch.setenv("PATH", "")
    status, body, _ = served.get("sound/0?as=mp3")
    assert status == 404
    assert b"Install ffmpeg" in body


def test_the_token_is_kept_and_is_the_owners(tmp_path):
    token = find_token(tmp_path / "store")
    path = tmp_path / "store/page-token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert find_token(tmp_path / "store") == token
    assert len(token) >= 32
    path.chmod(0o644)
    other = find_token(tmp_path / "store")
    assert other != token, "others may have read it"
    path.write_text("short")
    assert find_token(tmp_path / "store") not in ("short", other)
    (tmp_path / "known").write_text(token)
    (tmp_path / "known").chmod(0o600)
    path.unlink()
    path.symlink_to(tmp_path / "known")
    assert find_token(tmp_path / "store") != token, "somebody else may have laid the link"
    assert not path.is_symlink()
    assert (tmp_path / "known").read_text() == token
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="page-token cannot be written"):
        find_token(tmp_path / "file")


def test_a_port_that_is_taken(monkeypatch):
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(StoreError, match=rf"a free one; got '{taken} \(Address already in use\)'.*--port"):
            open_socket(taken)
        monkeypatch.setattr(module, "PORT", taken)
        with open_socket(None) as found:
            assert found.getsockname()[0] == HOST
            assert found.getsockname()[1] != taken


def test_two_that_start_at_once_have_a_port_each():
    with open_socket(None) as one, open_socket(None) as other:
        assert one.getsockname() != other.getsockname()


def test_the_extra_is_asked_for(monkeypatch):
    require_app()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"no starlette.*pip install 'essentia-ldl\[app\]'"):
        require_app()


def test_files_of_the_page_are_there():
    for _, files in STATIC.values():
        assert len(read_static(files)) > 1000


def test_two_servers_that_begin_at_once_have_one_token(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(find_token, [tmp_path] * 32))
    assert len(tokens) == 1


def test_a_browser_in_the_terminal_is_not_opened(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert not has_desktop()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert has_desktop()
    monkeypatch.delenv("WAYLAND_DISPLAY")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert has_desktop()


@pytest.mark.parametrize("error", [webbrowser.Error("none"), FileNotFoundError("none"), None])
def test_a_browser_that_cannot_be_opened_costs_nothing(monkeypatch, error):
    asked = []

    def fail(address: str) -> None:
        asked.append(address)
        if error is not None:
            raise error

    monkeypatch.setattr(webbrowser, "open", fail)
    open_browser("http://127.0.0.1:1/t/")
    assert asked == ["http://127.0.0.1:1/t/"]
