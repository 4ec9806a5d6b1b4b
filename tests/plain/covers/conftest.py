"""Pictures drawn from a seed, and small audio files that can be tagged."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def draw(colour: tuple[int, int, int] = (200, 30, 60), form: str = "PNG") -> bytes:
    """Draw a picture of one colour, in a format."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, form)
    return file.getvalue()


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """The function `draw`."""
    return draw


def write_silence(path: Path) -> Path:
    """Write a file that mutagen opens, by its suffix: WAV, FLAC without frames, or MP3 with frames of silence."""
    if path.suffix == ".wav":
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(np.zeros(800, "<i2").tobytes())
    elif path.suffix == ".flac":
        numbers = (8000 << 44) | (15 << 36) | 800  # rate, one channel, 16 bits, samples
        info = struct.pack(">HH6xQ16x", 4096, 4096, numbers)
        path.write_bytes(b"fLaC" + bytes([0x80, 0, 0, len(info)]) + info)
    else:
        frame = b"\xff\xfb\x90\x00" + bytes(413)  # 128 kb/s at 44.1 kHz
        path.write_bytes(frame * 8)
    return path


@pytest.fixture(scope="session")
def silence() -> Callable[[Path], Path]:
    """The function `write_silence`."""
    return write_silence
