"""What headers declare, and what is believed of it."""

from __future__ import annotations

import mmap
import struct

import psutil
import pytest

from essentia_ldl.errors import AudioError
from essentia_ldl.sound import headers
from essentia_ldl.sound.headers import find_frames, read_aiff_header, read_mpeg, read_wav_header, require_whole

MP3 = ("-c:a", "libmp3lame")


def make_tag(n_bytes: int, text: bytes = b"") -> bytes:
    """Make an ID3 tag of version 2.3."""
    frame = b"TIT2" + struct.pack(">I", len(text) + 1) + b"\0\0\0" + text if text else b""
    body = frame.ljust(n_bytes, b"\0")
    return b"ID3\x03\0\0" + bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0)) + body


@pytest.fixture(scope="module")
def streams(song, encode, audio_folder) -> dict[str, bytes]:
    """VBR mp3 with and without a Xing header, and ADTS, of ten seconds."""
    xing = encode(song, audio_folder / "headers-xing.mp3", *MP3, "-q:a", "6", "-id3v2_version", "0")
    plain = encode(song, audio_folder / "headers.mp3", *MP3, "-q:a", "6", "-write_xing", "0", "-id3v2_version", "0")
    adts = encode(song, audio_folder / "headers.aac", "-c:a", "aac")
    return {"xing": xing.read_bytes(), "plain": plain.read_bytes(), "adts": adts.read_bytes()}


# what stands before the first frame of good files
LEADING = {
    "nothing": b"",
    "zeros": bytes(1000),
    "two tags": make_tag(500) + make_tag(700),
    "a server's header": b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n",
    "a tag of such words": make_tag(90, b"More Info and Xing"),
    "a tag of such words behind another": make_tag(50) + make_tag(90, b"More Info and Xing"),
    "zeros and a tag": bytes(64) + make_tag(300),
}


@pytest.mark.parametrize("name", LEADING)
@pytest.mark.parametrize("stream", ["xing", "plain", "adts"])
def test_only_a_count_of_frames_is_a_duration_b3(name, stream, streams, tmp_path):
    (tmp_path / "a.mp3").write_bytes(LEADING[name] + streams[stream])
    declared_s, changes = read_mpeg(str(tmp_path / "a.mp3"))
    assert declared_s == (pytest.approx(10, abs=0.2) if stream == "xing" else 0)
    assert not changes


def test_a_count_without_bytes_is_read_b3(streams, tmp_path):
    """B3: the header has frames alone, which another reader takes for something else."""
    data = bytearray(streams["xing"])
    at = max(data.find(b"Xing"), data.find(b"Info"))
    struct.pack_into(">I", data, at + 4, 1)
    (tmp_path / "a.mp3").write_bytes(data)
    assert read_mpeg(str(tmp_path / "a.mp3"))[0] == pytest.approx(10, abs=0.2)


def test_a_change_of_rate_or_channels_is_seen_a6(streams, song, encode, tmp_path):
    other = encode(song, tmp_path / "mono.mp3", *MP3, "-ac", "1", "-ar", "22050").read_bytes()
    mono = encode(song, tmp_path / "same.mp3", *MP3, "-ac", "1").read_bytes()
    for data in (other + streams["xing"], streams["plain"] + other, streams["plain"] + mono):
        (tmp_path / "a.mp3").write_bytes(data)
        assert read_mpeg(str(tmp_path / "a.mp3"))[1]
    (tmp_path / "a.mp3").write_bytes(streams["plain"] + make_tag(200) + streams["xing"] + b"TAG" + bytes(125))
    assert not read_mpeg(str(tmp_path / "a.mp3"))[1]


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="this system cannot let go of what is mapped")
def test_a_long_file_does_not_stand_in_memory(streams, tmp_path):
    path, seen = tmp_path / "long.mp3", []
    with open(path, "wb") as file:
        for _ in range((48 << 20) // len(streams["plain"])):
            file.write(streams["plain"])
    before = psutil.Process().memory_info().shared
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for number, kind in enumerate(headers._walk_kinds(data, 0)):
            assert kind == (44100, 2)
            if number % 1000 == 0:
                seen.append(psutil.Process().memory_info().shared - before)
    assert len(seen) > 50
    assert max(seen) < 12 << 20


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff" * 5000, bytes(5000), b"ID3", b"ID3\x03\0\0\x7f\x7f\x7f\x7f"])
def test_no_frames_are_found_where_there_are_none(data, tmp_path):
    assert find_frames(data) is None
    (tmp_path / "a.mp3").write_bytes(data)
    assert read_mpeg(str(tmp_path / "a.mp3")) == (0.0, False)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0x80000000, 0x7FFFF000, 0xFFFFFFFE - 36, 0xFFFFFFFF])
def test_sizes_that_nobody_knew_are_no_duration_b3(size, song, tmp_path):
    data = bytearray(song.read_bytes())
    struct.pack_into("<I", data, 4, min(0xFFFFFFFF, size + 36))
    struct.pack_into("<I", data, data.index(b"data") + 4, size)
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    require_whole(str(path), "wav", "a.wav")
    assert read_wav_header(str(path)) == (0.0, 44100, 2)


@pytest.mark.parametrize("extra", [1, 8, 100])
def test_a_riff_size_that_is_off_by_a_little_is_no_truncation_b4(extra, song, tmp_path):
    data = bytearray(song.read_bytes())
    struct.pack_into("<I", data, 4, len(data) - 8 + extra)
    (tmp_path / "a.wav").write_bytes(data)
    require_whole(str(tmp_path / "a.wav"), "wav", "a.wav")
    (tmp_path / "a.wav").write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match="bytes as its header says"):
        require_whole(str(tmp_path / "a.wav"), "wav", "a.wav")


@pytest.mark.parametrize("size", ["+1", "+8", 0xFFFFFFFF, 0x7FFFFFFF])
def test_the_size_of_an_aiff_form_is_not_what_counts_b3(size, write_aiff, make_signal, tmp_path):
    path = write_aiff(tmp_path / "a.aiff", make_signal(3))
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, 4, len(data) - 8 + int(size) if isinstance(size, str) else size)
    path.write_bytes(data)
    require_whole(str(path), "aiff", "a.aiff")
    assert read_aiff_header(str(path)) == (3.0, 3 * 44100 * 2)
