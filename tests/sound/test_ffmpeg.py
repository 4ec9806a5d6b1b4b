"""ffmpeg as a decoder: what it may open, and its limits."""

from __future__ import annotations

import pytest

from essentia_ldl.errors import AudioError, DiskError
from essentia_ldl.sound import ffmpeg
from essentia_ldl.sound.headers import read_wav_header

pytestmark = pytest.mark.skipif(not ffmpeg.is_there(), reason="ffmpeg is not on the PATH")


def test_one_stream_is_decoded_and_no_more_than_is_asked_for(song, tmp_path):
    ffmpeg.decode(str(song), str(tmp_path / "a.wav"), "song", longest_s=2)
    assert read_wav_header(str(tmp_path / "a.wav")) == (2.0, 44100, 2)


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXTINF:9,\n{}\n", "ffconcat version 1.0\nfile {}\n", "\n#EXTM3U\n{}", "<MPD>{}</MPD>"]
)
def test_a_list_of_other_files_is_refused(text, song, tmp_path):
    (tmp_path / "a.mp3").write_text(text.format(song))
    with pytest.raises(AudioError, match="a file that ffmpeg decodes; got 'a list of files'"):
        ffmpeg.decode(str(tmp_path / "a.mp3"), str(tmp_path / "a.wav"), "a.mp3")


def test_time_and_memory_are_bounded(song, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(ffmpeg, "LEAST_S", 0.0)
        patch.setattr(ffmpeg, "PER_MB_S", 0.0)
        with pytest.raises(AudioError, match="got 'no end within 0 s'"):
            ffmpeg.decode(str(song), str(tmp_path / "a.wav"), "song")
    monkeypatch.setattr(ffmpeg, "MEMORY_BYTES", 1 << 20)
    with pytest.raises(AudioError, match="a file that ffmpeg decodes"):
        ffmpeg.decode(str(song), str(tmp_path / "a.wav"), "song")


def test_a_full_disk_is_no_fault_of_the_file(song, tmp_path):
    (tmp_path / "full.wav").symlink_to("/dev/full")
    with pytest.raises(DiskError, match="A disk is full"):
        ffmpeg.decode(str(song), str(tmp_path / "full.wav"), "song")
