"""What a file is by its name and first bytes."""

from __future__ import annotations

import os

import pytest

from essentia_ldl.content import begins_as_audio, is_audio


@pytest.mark.parametrize(
    "head",
    [
        *(b"\xff\xfb\x90\x64", b"\xff\xf3\x40\xc0", b"\xff\xe3\x18\xc4", b"\xff\xf1\x50\x80", b"\xff\xfd\xa4\x04"),
        *(b"FORM\0\0\x08\x248SVX", b"BW64\xff\xff\xff\xffWAVE", b"Creative Voice File\x1a\x1a\0", b"OggS\0\x02"),
    ],
)
def test_audio_is_known_by_its_first_bytes_a3(head):
    assert begins_as_audio(head + bytes(8))


@pytest.mark.parametrize(
    "head",
    [
        *(b"", b"\xff", b"\xff\xd8\xff\xe0\0\x10JFIF", b"\x89PNG\r\n\x1a\n\0", b"%PDF-1.7\0", b"PK\x03\x04\0"),
        *(b"\xff\xfe<\0x\0", b"MThd\0\0\0\x06", b"ID3,path\n", b"\x7fELF\x02\0", b"GGGG" * 100, b"RIFF\0\0\0\0WEBP"),
        b"\xff" * 64,
    ],
)
def test_other_files_are_no_audio_a3(head):
    assert not begins_as_audio(head)


def test_a_pipe_is_not_opened_and_a_missing_file_goes_by_its_suffix(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert not is_audio(tmp_path / "pipe")
    assert not is_audio(tmp_path / "missing.txt")
    assert is_audio(tmp_path / "missing.WAV")
