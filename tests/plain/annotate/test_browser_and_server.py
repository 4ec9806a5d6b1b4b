"""The labelling page when its server is killed, refuses or is away: nothing that was said is lost, or counts twice.

The tests need Chromium.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
AWAY = "The server does not answer"


class Command:
    """The `annotate` command in a folder with music: a process that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.process = folder, None

    def start(self) -> str:
        """Start it and return its address."""
        command = [sys.executable, "-m", "essentia_ldl", "annotate", "music", "--classes", "sad,non_sad"]
        command += ["--no-model", "--no-browser", "--port", str(self.port)]
        environment = {**os.environ, "ESSENTIA_LDL_HOME": str(self.folder)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = subprocess.Popen(command, cwd=self.folder, env=environment, **pipes)
        for line in self.process.stdout:
            if line.startswith("open "):
                return line.removeprefix("open ").strip()
        return pytest.fail("it did not start")

    def kill(self) -> None:
        """Kill it, as a machine that loses power."""
        self.process.kill()
        self.process.wait(timeout=20)
        self.process.stdout.close()

    def read_votes(self, rater: str) -> list[tuple[str, dict[str, float] | None]]:
        """What the journal holds of a rater, undone votes too: title and what was said."""
        lines = [json.loads(line) for line in (self.folder / "labels.votes.jsonl").read_text("utf-8").splitlines()]
        votes = [line for line in lines if line.get("rater") == rater]
        return [(Path(vote.get("path", "undo")).stem, vote.get("said")) for vote in votes]


@pytest.fixture
def command(music, tmp_path) -> Iterator[Command]:
    """The command, which ends with the test."""
    command = Command(tmp_path)
    yield command
    if command.process is not None and command.process.poll() is None:
        command.kill()


def test_a_server_that_is_killed_loses_nothing_and_the_page_goes_on(command, listen):
    address = command.start()
    ana = listen(address, "Ana")
    alert = ana.page.get_by_role("alert")
    names = ana.press("1", "2", "u")
    command.kill()
    ana.page.wait_for_function(ana.READY)
    names.append(ana.title)
    ana.page.keyboard.press("1")
    alert.filter(has_text=AWAY).wait_for()
    assert "start the same annotate command again" in alert.text_content()
    ana.page.keyboard.press("2")  # in vain: the first answer is kept, and waits
    assert command.start() == address
    ana.page.locator("#title").filter(has_not_text=names[-1]).wait_for()
    alert.wait_for(state="hidden")
    names += ana.press("2")
    expected = ({"sad": 1}, {"non_sad": 1}, None, {"sad": 1}, {"non_sad": 1})
    assert command.read_votes("Ana") == list(zip(names, expected, strict=True))
    assert len(set(names)) == 5
    ana.check()
    # without a vote the page also says what is the matter, and when it is over
    command.kill()
    alert.filter(has_text=AWAY).wait_for()
    command.start()
    alert.wait_for(state="hidden")
    assert ana.page.locator("#place").text_content() == "5 of 12 tracks"
    command.process.send_signal(signal.SIGINT)
    assert command.process.wait(timeout=20) == 0
    assert "labels.csv: 4 tracks (2 sad, 2 non_sad)" in command.process.stdout.read()


def test_an_answer_that_was_kept_before_the_kill_counts_once(command, listen):
    """The server was killed between keeping the answer and saying so."""
    ana = listen(command.start(), "Ana")
    ana.page.wait_for_function(ana.READY)

    def swallow(route):
        route.fetch()
        route.abort()

    ana.page.route("**/call/answer", swallow, times=1)
    first = ana.title
    ana.page.keyboard.press("1")
    ana.page.get_by_role("alert").filter(has_text=AWAY).wait_for()
    command.kill()
    command.start()
    ana.page.locator("#title").filter(has_not_text=first).wait_for()
    assert command.read_votes("Ana") == [(first, {"sad": 1})]


def test_an_answer_that_waits_stays_that_of_who_gave_it(command, listen):
    ana = listen(command.start(), "Ana")
    ana.page.wait_for_function(ana.READY)
    command.kill()
    first = ana.title
    ana.page.keyboard.press("1")
    ana.page.get_by_role("alert").filter(has_text=AWAY).wait_for()
    ana.page.get_by_role("button", name="Somebody else").click()
    ana.page.get_by_label("Your name").fill("Ben")
    ana.page.keyboard.press("Enter")
    command.start()
    ana.page.locator("#title").filter(has_not_text=first).wait_for()
    assert ana.page.locator("#me").text_content() == "Ben"
    second = ana.press("2")[0]
    assert command.read_votes("Ana") == [(first, {"sad": 1})]
    assert command.read_votes("Ben") == [(second, {"non_sad": 1})]


def test_a_browser_that_is_closed_while_the_server_is_away_sends_its_answer_later(command, listen):
    address = command.start()
    ana = listen(address, "Ana")
    first = ana.press("1")[0]
    command.kill()
    ana.page.wait_for_function(ana.READY)
    second = ana.title
    ana.page.keyboard.press("2")
    ana.page.get_by_role("alert").filter(has_text=AWAY).wait_for()
    context = ana.page.context
    ana.page.close()
    command.start()
    for name in ("Ben", "Ana"):  # the answer of one is not given in the name of the other
        ana.page = context.new_page()
        ana.page.goto(address)
        ana.enter(name)
        ana.page.close()
    assert command.read_votes("Ana") == [(first, {"sad": 1}), (second, {"non_sad": 1})]
    assert command.read_votes("Ben") == []


class Stranger(BaseHTTPRequestHandler):
    """Another program, which has never heard of the page."""

    def do_POST(self) -> None:
        """Say so."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"detail": "Not Found"}')
        self.server.n_asked += 1

    def log_message(self, *_) -> None:
        """Say nothing."""


def test_an_answer_waits_while_another_program_has_the_port(command, listen, wait_until):
    ana = listen(command.start(), "Ana")
    ana.page.wait_for_function(ana.READY)
    first = ana.title
    command.kill()
    with HTTPServer(("127.0.0.1", command.port), Stranger) as stranger:
        stranger.n_asked = 0
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        ana.page.keyboard.press("1")
        ana.page.get_by_role("alert").filter(has_text=AWAY).wait_for()
        wait_until(lambda: stranger.n_asked > 1)
        stranger.shutdown()
    command.start()
    ana.page.locator("#title").filter(has_not_text=first).wait_for()
    assert command.read_votes("Ana") == [(first, {"sad": 1})]


def test_what_is_refused_stays_in_sight_until_something_is_taken(open_session, serve_session, listen, monkeypatch):
    served = serve_session(open_session())
    ana = listen(served.address, "Ana")
    ana.page.wait_for_function(ana.READY)
    first, alert = ana.title, ana.page.get_by_role("alert")
    with monkeypatch.context() as patch:
        write = os.write
        patch.setattr(os, "write", lambda file, data: write(file, data[: 3 if data[:1] == b"{" else None]))
        ana.page.keyboard.press("1")
        alert.filter(has_text="the disk is full").wait_for()
        ana.page.wait_for_timeout(5000)  # longer than between two looks at the server
        assert alert.is_visible()
    assert ana.title == first
    ana.press("2")
    assert alert.is_hidden()
    assert [dict(vote.said) for vote in served.session.votes.list_of("Ana")] == [{"non_sad": 1.0}]


def test_news_that_are_overtaken_by_an_answer_are_not_shown(open_session, serve_session, listen):
    ana, held = listen(serve_session(open_session()).address, "Ana"), []
    ana.page.route("**/call/state", lambda route: held.append((route, route.fetch())), times=1)
    with ana.page.expect_request("**/call/state"):
        pass
    ana.page.wait_for_timeout(200)
    ana.press("1", "2")
    [(route, before)] = held
    route.fulfill(response=before)
    ana.page.wait_for_timeout(200)
    assert ana.page.locator("#place").text_content() == "2 of 12 tracks"
