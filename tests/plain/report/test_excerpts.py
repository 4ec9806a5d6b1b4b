"""Excerpts: MP3 of the length that is asked for, and a sentence where there is none."""

from __future__ import annotations

import base64
import subprocess
import wave

import numpy as np
import pytest

from essentia_ldl.errors import AudioError
from essentia_ldl.report import excerpts


def test_an_excerpt_is_mp3_of_its_length(needs_ffmpeg, tmp_path):
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((3000 * np.sin(np.arange(8 * 8000) / 3)).astype("<i2").tobytes())
    uri = excerpts.read_excerpt(excerpts.find_ffmpeg(), str(path), 4.0, 8.0)
    data = base64.b64decode(uri.removeprefix("data:audio/mpeg;base64,"))
    assert 4 * 64000 / 8 * 0.8 < len(data) < 4 * 64000 / 8 * 1.2
    path.write_bytes(b"nothing\0")
    with pytest.raises(AudioError, match=r"^ffmpeg could not make an excerpt of .*a\.wav: .+\. Check the file\.$"):
        excerpts.read_excerpt(excerpts.find_ffmpeg(), str(path), 4.0, 8.0)


@pytest.mark.parametrize(
    ("duration_s", "track_s", "start"),
    [(10.0, 200.0, "5"), (10.0, 12.0, "2"), (10.0, 8.0, "0"), (10.0, 0.0, "5")],
    ids=["where labels are smoothed", "earlier in a short track", "all of a shorter one", "length not known"],
)
def test_an_excerpt_starts_where_the_features_of_smoothing_do(monkeypatch, duration_s, track_s, start):
    asked = []

    def run(command, **_):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, b"mp3", b"")

    monkeypatch.setattr(subprocess, "run", run)
    uri = excerpts.read_excerpt("ffmpeg", "-a.wav", duration_s, track_s)
    assert uri == "data:audio/mpeg;base64,bXAz"
    (command,) = asked
    assert command[command.index("-ss") + 1] == start
    assert command[command.index("-t") + 1] == "10"
    assert command[command.index("-i") + 1] == "file:-a.wav"  # a name that starts like an option is a name


def test_a_file_that_keeps_ffmpeg_busy_is_told(monkeypatch):
    def run(command, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(AudioError, match=r"^ffmpeg did not end within 60 s on a\.wav\. Check the file\.$"):
        excerpts.read_excerpt("ffmpeg", "a.wav", 3.0, 9.0)


def test_without_ffmpeg_the_remedy_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioError, match=r"ffmpeg on the PATH; got 'none'.*leave --excerpts out"):
        excerpts.find_ffmpeg()


@pytest.mark.parametrize(
    "text",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n%s\n#EXT-X-ENDLIST\n",
        b"#EXTM3U\n#\0\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n%s\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '%s'\n",
    ],
)
def test_a_list_of_other_files_is_not_played_in_their_place(needs_ffmpeg, text, tmp_path):
    path = tmp_path / "elsewhere.mp3"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=9", path], check=True)
    assert excerpts.read_excerpt(excerpts.find_ffmpeg(), str(path), 4.0, 8.0)
    (tmp_path / "a.mp3").write_bytes(text % str(path).encode())
    with pytest.raises(AudioError, match=r"expected sound; got 'text, which may be a list of other files'.*a\.mp3"):
        excerpts.read_excerpt(excerpts.find_ffmpeg(), str(tmp_path / "a.mp3"), 4.0, 8.0)
