"""Sounds on the labelling page: files that the browser cannot play, long ones, and a computer that plays nothing.

The tests need Chromium.
"""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path

import pytest


@pytest.fixture
def strange(needs_ffmpeg, music) -> None:
    """Two files: one that ffmpeg can read and browsers cannot, and one that is no audio."""
    first, second, *others = map(Path, music)
    command = ["ffmpeg", "-v", "error", "-i", str(first), "-c:a", "wmav2", str(first.with_name("strange.wma"))]
    subprocess.run(command, check=True, timeout=60)
    for path in (first, *others):
        path.unlink()
    second.write_bytes(b"RIFF" + bytes(range(256)) * 8)


def test_a_file_that_the_browser_cannot_play_is_converted(strange, open_session, serve_session, listen):
    served = serve_session(open_session())
    ana = listen(served.address, "Ana")
    ana.page.locator("#title").filter(has_text="strange").wait_for()
    ana.page.wait_for_function("() => audio.duration > 0.9")
    ana.page.wait_for_function(ana.READY)
    ana.page.keyboard.press("1")
    ana.page.get_by_role("heading", name="That was all").wait_for()
    ana.page.locator("#silent").filter(has_text="t01 could not be played").wait_for()  # it is no audio at all
    (vote,) = served.session.votes.list_of("Ana")
    assert (Path(vote.path).stem, dict(vote.said)) == ("strange", {"sad": 1.0})


@pytest.mark.slow
def test_a_track_too_long_to_decode_is_played_without_its_waveform(open_session, serve_session, music, listen):
    for path in music[2:]:
        Path(path).unlink()
    with wave.open(music[0], "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8000 * 901))
    bob = listen(serve_session(open_session()).address, "Bob")
    titles = set()
    for _ in range(2):
        bob.page.wait_for_function("() => audio.duration > 0")
        titles.add(bob.title)
        if bob.title == "t00":
            bob.page.wait_for_timeout(500)
            assert bob.page.evaluate("peaks === null && Math.round(audio.duration) === 901")
        else:
            bob.page.wait_for_function("() => peaks !== null")
        if len(titles) == 1:
            bob.press("1")
    assert titles == {"t00", "t01"}
    bob.check()


@pytest.mark.slow
def test_without_ffmpeg_it_is_passed_over_with_a_word(strange, open_session, serve_session, listen, monkeypatch):
    monkeypatch.setenv("PATH", "")
    served = serve_session(open_session())
    ana = listen(served.address)
    ana.page.get_by_label("Your name").fill("Ana")
    ana.page.keyboard.press("Enter")
    ana.page.get_by_role("heading", name="That was all").wait_for()
    words = ana.page.locator("#silent").text_content()
    assert "strange could not be played" in words
    assert "Install ffmpeg" in words
    assert served.session.votes.latest == {}


@pytest.mark.slow
@pytest.mark.usefixtures("needs_ffmpeg")
def test_where_nothing_can_be_heard_no_track_is_passed_over(open_session, serve_session, listen):
    """A browser without a loudspeaker fails after it has read a file, whichever file it is."""
    served = serve_session(open_session())
    ana = listen(served.address, "Ana")
    shown = ana.title
    for is_converted in ("false", "true"):
        ana.page.wait_for_function(f"() => audio.readyState > 0 && audio.src.endsWith('as=mp3') === {is_converted}")
        ana.page.evaluate("audio.pause(); audio.dispatchEvent(new Event('error'))")
    ana.page.get_by_role("alert").filter(has_text="Is there a loudspeaker?").wait_for()
    assert (ana.title, served.session.silent) == (shown, {})
    ana.page.get_by_role("button", name="Play").click()
    ana.page.get_by_role("button", name="Pause").wait_for()
    assert ana.page.get_by_role("alert").count() == 0
    ana.press("1")
    (vote,) = served.session.votes.list_of("Ana")
    assert Path(vote.path).stem == shown
