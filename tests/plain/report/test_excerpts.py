"""Excerpts: MP3 of the length that is asked for, and a sentence where there is none."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from essentia_ldl.errors import AudioError
from essentia_ldl.report import excerpts


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_an_excerpt_is_mp3_of_its_length(tmp_path):
    import base64
    import wave

    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((3000 * np.sin(np.arange(8 * 8000) / 3)).astype("<i2").tobytes())
    uri = excerpts.read_excerpt(excerpts.find_ffmpeg(), str(path), 4.0, 8.0)
    data = base64.b64decode(uri.removeprefix("data:audio/mpeg;base64,"))
    assert 4 * 64000 / 8 * 0.8 < len(data) < 4 * 64000 / 8 * 1.2
    path.write_bytes(b"nothing")
    with pytest.raises(AudioError, match="expected a file that ffmpeg turns into MP3"):
        excerpts.read_excerpt(excerpts.find_ffmpeg(), str(path), 4.0, 8.0)
