"""Files for the browser: as they are, or converted once each."""

from __future__ import annotations

import pytest

from essentia_ldl.annotate import sounds
from essentia_ldl.annotate.sounds import Converted, find_type
from essentia_ldl.errors import AudioError


@pytest.fixture
def converted():
    made = Converted()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mp3", "audio/mpeg"),
        ("a.FLAC", "audio/flac"),
        ("a.m4a", "audio/mp4"),
        ("a.unheard", "application/octet-stream"),
        ("a.svg", "application/octet-stream"),
    ],
)
def test_types_of_files(name, kind):
    assert find_type(f"/music/{name}") == kind


@pytest.mark.usefixtures("needs_ffmpeg")
def test_a_file_becomes_mp3_once(music, converted):
    made = converted.find(music[0])
    data = made.read_bytes()
    assert data[:3] == b"ID3" or data[0] == 0xFF
    made.write_bytes(b"the same")
    assert converted.find(music[0]).read_bytes() == b"the same"


@pytest.mark.usefixtures("needs_ffmpeg")
def test_what_ffmpeg_cannot_read_is_told(tmp_path, converted):
    (tmp_path / "a.wav").write_bytes(b"no audio")
    with pytest.raises(AudioError, match=r"a\.wav"):
        converted.find(str(tmp_path / "a.wav"))


def test_without_ffmpeg_a_sentence_says_so(music, converted, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AudioError, match="Install ffmpeg to hear"):
        converted.find(music[0])


def test_only_the_last_files_are_kept(music, converted, monkeypatch):
    monkeypatch.setattr(sounds, "find_ffmpeg", lambda remedy: "ffmpeg")
    monkeypatch.setattr(sounds, "convert", lambda ffmpeg, path, part, form: path.encode())
    monkeypatch.setattr(sounds, "MOST_KEPT", 2)
    first, second = (converted.find(path) for path in music[:2])
    assert converted.find(music[0]) == first
    converted.find(music[2])
    assert first.exists(), "it was asked for after the second"
    assert not second.exists()
    converted.close()
    assert not first.exists()
