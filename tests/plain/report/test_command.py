"""The report as a whole: every section of every kind of run, and a page that asks for nothing.

The browser tests need Chromium.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from essentia_ldl.cli.main import main
from essentia_ldl.collection.corrections import read_corrections
from essentia_ldl.errors import AudioError
from essentia_ldl.report import command as report
from essentia_ldl.report.pictures import shown

MANY = ("blues", "classic", "country", "disco", "hip hop", "jazz", "metal", "pop", "reggae", "rock")
SECTIONS = ["summary", "scores", "confusion", "abstention", "curves", "labels", "map", "audit"]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [("non_sad", "sad"), pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["train", "crossval"])
def test_every_section_is_there_and_the_page_needs_nothing_else(made, check, kind, classes):
    folder, page, _ = made(kind, classes)
    checker = check(page)
    for anchor in SECTIONS:
        assert anchor in checker.ids
        assert f'href="#{anchor}"' in page
    assert all(link.startswith(("#", "file:///")) for link in checker.links)
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page
    assert (folder / "report.html").read_text(encoding="utf-8") == page
    assert page.count('data-track="') in (40, 80)  # a map of the smoothing space, and one of the audit's


def test_what_the_user_named_cannot_become_markup(made, check, nasty):
    page = made().page
    checker = check(page)
    assert checker.tags.count("script") == 2
    assert "<script>alert" not in page
    assert "artist <" not in page
    assert "/x/<b>" not in page
    assert shown(nasty[2]) == "caf\N{REPLACEMENT CHARACTER}.wav"
    assert "bad &lt;i&gt;" in page


def test_a_report_of_three_tracks_a_run_without_places_and_one_without_features(home, make_writer, write, check):
    writer = make_writer(n_tracks=3)
    _, page, notes = write(writer.train(places=False))
    check(page)
    assert "before runs kept the paths" in notes[0]
    assert "<audio" not in page
    shutil.rmtree(home / "store")
    _, page, notes = write("mood-sad-1")
    check(page)
    assert any("could not be looked for" in note for note in notes)
    assert "There is no map" in page


def test_the_command_writes_both_files_and_fails_in_one_sentence(make_writer):
    folder = make_writer(n_tracks=6).train()
    done = CliRunner().invoke(main, ["report"])
    assert done.exit_code == 0
    assert done.output.splitlines()[-2:] == [
        f"report: {folder}/report.html",
        f"labels to listen to again: {folder}/audit.csv",
    ]
    done = CliRunner().invoke(main, ["report", "nothing"])
    assert done.exit_code == 1
    assert done.output.startswith("error: run: expected the name of a finished run")


@pytest.mark.slow
def test_files_that_do_not_fit_one_another_are_told_in_one_sentence(make_writer):
    """Case C1: readable json, with a value of another type."""
    folder = make_writer(n_tracks=6).train()
    assert CliRunner().invoke(main, ["report"]).exit_code == 0
    page = (folder / "report.html").read_bytes()
    for value in ({}, [], "x", {"mean": 1}):
        told = json.loads((folder / "labels.json").read_text("utf-8"))
        (folder / "labels.json").write_text(json.dumps({**told, "own_mass_mean": value}), "utf-8")
        done = CliRunner().invoke(main, ["report"])
        assert done.exit_code == 1
        assert done.output.count("error: run: expected files that fit one another; got ") == 1
        assert "Error" in done.output
        assert "Traceback" not in done.output
        assert (folder / "report.html").read_bytes() == page


def test_what_is_written_while_the_report_is_made_is_kept(make_writer, judge_run, write, read_audit, monkeypatch):
    writer = make_writer()
    folder = writer.train()
    judge_run(folder)
    path = folder / "audit.csv"

    def wait(*_):
        text = path.read_bytes()
        (row,) = (line for line in text.splitlines() if os.fsencode(f",{writer.ids[3]},") in line)
        path.write_bytes(text.replace(row, row + b"drop"))
        return []

    monkeypatch.setattr(report, "place_maps", wait)
    write(folder)
    assert {row["id"]: row["correction"] for row in read_audit(folder) if row["correction"]} == {writer.ids[3]: "drop"}


# --- players --------------------------------------------------------------------------------------------------------


def test_players_open_the_files_that_are_there(home, make_writer, write):
    writer = make_writer()
    folder = writer.train()
    for name in writer.ids[:5]:
        path = home / "audio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    _, page, notes = write(folder)
    assert any("35 of 40 audio files are not where they were" in note for note in notes)
    assert page.count("<audio controls") == 5
    assert "caf%E9.wav" in page


def test_excerpts_are_inside_the_page_and_no_path_of_this_computer_is(home, make_writer, write, monkeypatch):
    writer = make_writer()
    folder = writer.train()
    monkeypatch.setattr(report, "find_ffmpeg", lambda: "ffmpeg")
    monkeypatch.setattr(report, "read_excerpt", lambda ffmpeg, path, s, track_s: f"data:audio/mpeg;base64,{s:g}")
    page = write(folder, excerpt_s=3.0, n_listed=5).page
    assert page.count('src="data:audio/mpeg;base64,3"') == 5
    assert "file:" not in page.replace("media-src file:", "")
    assert str(home) not in page


def test_excerpts_without_ffmpeg_say_what_to_do(home, make_writer, write, monkeypatch):
    folder = make_writer().train()
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(AudioError, match=r"ffmpeg on the PATH.*leave --excerpts out"):
        write(folder, excerpt_s=5.0)
    assert not (folder / "report.html").exists()


# --- in a browser ---------------------------------------------------------------------------------------------------


class Browser:
    """Headless Chromium, spoken to through its DevTools pipe: messages of json that end in a zero byte."""

    def __init__(self, folder: Path) -> None:
        to_child, to_browser = os.pipe()
        from_browser, from_child = os.pipe()
        # the browser reads from descriptor 3 and writes to 4; both go high first, because either may be one of these
        launch = (
            "import fcntl, os, sys\n"
            "read, write = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 20) for number in sys.argv[1:3])\n"
            "os.dup2(read, 3), os.dup2(write, 4), os.execv(sys.argv[3], sys.argv[3:])"
        )
        command = [sys.executable, "-c", launch, str(to_child), str(from_child), CHROMIUM]
        command += ["--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio"]
        command += ["--remote-debugging-pipe", f"--user-data-dir={folder}", "--no-first-run"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, pass_fds=(to_child, from_child), **quiet)
        os.close(to_child)
        os.close(from_child)
        self.write, self.read = to_browser, from_browser
        self.buffer, self.events, self.count, self.session = b"", [], 0, None

    def receive(self) -> dict:
        while b"\0" not in self.buffer:
            piece = os.read(self.read, 1 << 20)
            if not piece:
                pytest.fail("the browser ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method: str, **parameters) -> dict:
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.count:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path, width: int) -> None:
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")
        phone = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **phone)
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())

    def run(self, script: str):
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def asked(self) -> list[str]:
        sent = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: the page is not looked at in a browser")
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.process.kill()
    browser.process.wait()


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])
@pytest.mark.parametrize("classes", [("non_sad", "sad"), MANY])
@pytest.mark.parametrize("kind", ["train", "crossval"])
def test_a_browser_shows_every_section_without_an_error(made, browser, kind, classes, width):
    folder = made(kind, classes).folder
    browser.open(folder / "report.html", width)
    heights = browser.run(
        "Object.fromEntries([...document.querySelectorAll('section')].map(s => [s.id, s.offsetHeight]))"
    )
    assert set(SECTIONS) <= set(heights)
    assert min(heights.values()) > 60
    assert browser.run("document.documentElement.dataset.error || ''") == ""
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.asked() == [(folder / "report.html").as_uri()]
    assert not [event for event in browser.events if event.get("method") == "Runtime.exceptionThrown"]
    smallest = "Math.min(...[...document.querySelectorAll('.picture text')].map(t => t.getBoundingClientRect().height))"
    assert browser.run(smallest) > 9
    assert browser.run("[...document.querySelectorAll('audio')].every(a => a.paused)")


def test_the_script_orders_picks_and_saves_corrections(made, browser):
    folder = made().folder
    browser.open(folder / "report.html", 390)
    select = "(n, v) => { const s = document.querySelectorAll('tr[data-id] select')[n]; s.value = v;"
    select += " s.dispatchEvent(new Event('change', {bubbles: true})); return s.closest('tr').dataset.id; }"
    assert browser.run("document.getElementById('save').disabled")
    ids = [browser.run(f"({select})({n}, '{value}')") for n, value in enumerate(("sad", "drop"))]
    browser.run("URL.createObjectURL = (blob) => { window.saved = blob; return '#'; }")
    browser.run("document.getElementById('save').click()")
    path = folder / "corrections.csv"
    path.write_text(browser.run("window.saved.text()"), encoding="utf-8")
    assert {name: value for name, (_, value) in read_corrections(path).values.items()} == dict(
        zip(ids, ("sad", "drop"), strict=True)
    )
    browser.run("const o = document.getElementById('order'); o.value = 'name'; o.dispatchEvent(new Event('change'))")
    names = browser.run("[...document.querySelectorAll('#rows tbody tr')].map(r => r.dataset.name)")
    assert names == browser.run(f"{json.dumps(names)}.sort((a, b) => a.localeCompare(b))")
    browser.run("document.querySelector('.map .pt').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert "share of the label" in browser.run("document.getElementById('picked').textContent")
    browser.run("document.querySelector('button.class').click()")
    assert browser.run("document.querySelectorAll('.pt.dim').length") >= 20
    # the name that is not UTF-8 cannot go through the page, and says so
    assert browser.run("document.querySelectorAll('#rows tr:not([data-id]) .choose small').length") == 1
    assert browser.run("document.documentElement.dataset.error || ''") == ""
