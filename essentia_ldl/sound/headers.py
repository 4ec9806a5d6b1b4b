"""What the headers of audio files declare, read without a library. In: a path; out: seconds, rates and channels.

A size is believed where the writer can have known it: not one written to a pipe, or so large that it is a mark. What is
declared is compared with what is decoded, so that 0 stands for what nobody can know.
"""

from __future__ import annotations

import functools
import mmap
import os
import struct
from collections.abc import Iterator

from essentia_ldl.errors import AudioError, explain

SLACK_S = 1.5  # by which a header may be wrong: TagLib gives whole seconds
_MARK = 0x7FFF0000  # sizes from here on are marks of writers that did not know, where the file is small
_SMALL = 1 << 30
_PCM = (1, 3, 6, 7, 0xFFFE)  # the others declare a mean byte rate, which is a guess
_N_LEADING = 1 << 16  # bytes before the first frame of an mp3: tags, zeros, headers of servers
_N_MAPPED = 1 << 23  # bytes of a file that may stand in memory behind what is read of it
_BIT_RATES = (
    (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),  # MPEG 1, layer I
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),  # MPEG 2 and 2.5
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_RATES_HZ = (44100, 48000, 32000)
_ADTS_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


def _is_mark(size: int, path: str) -> bool:
    return size == 0 or (size >= _MARK and os.path.getsize(path) < _SMALL) or size == 0xFFFFFFFF


def read_wav_header(path: str) -> tuple[float, int, int] | None:
    """Duration as the data chunk declares it (0 where that is no measure), sampling rate and channels.

    None when the chunks make no sense.
    """
    found = _find_data(path)
    if found is None:
        return None
    (form, n_channels, rate_hz, byte_rate), _, size = found
    if byte_rate == 0:
        return None
    if _is_mark(size, path) or form not in _PCM:
        return 0.0, rate_hz, n_channels
    return size / byte_rate, rate_hz, n_channels


def _find_data(path: str) -> tuple[tuple[int, int, int, int], int, int] | None:
    """Return format, channels, rate and byte rate, and where the data of a WAV file begins and its size."""
    form = (0, 0, 0, 0)
    for name, head, at, size in _walk_chunks(path, "<I"):
        if name == b"fmt " and at + 12 <= len(head):
            form = struct.unpack_from("<HHII", head, at)
        if name == b"data":
            return form, at, size
    return None


def _walk_chunks(path: str, size_form: str) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Yield the chunks that begin a RIFF or IFF file: name, the bytes that were read, where in them it is, and size."""
    with open(path, "rb") as file:
        head = file.read(65536)
    position = 12
    while position + 8 <= len(head):
        (size,) = struct.unpack_from(size_form, head, position + 4)
        yield head[position : position + 4], head, position + 8, size
        position += 8 + size + (size & 1)


def read_aiff_header(path: str) -> tuple[float, int] | None:
    """Duration as the COMM chunk declares it, and the bytes that this takes; None when there is none."""
    for name, head, at, _ in _walk_chunks(path, ">I"):
        if name == b"COMM" and at + 18 <= len(head):
            n_channels, n_frames, n_bits, exponent, mantissa = struct.unpack_from(">hIhHQ", head, at)
            rate_hz = mantissa * 2.0 ** ((exponent & 0x7FFF) - 16383 - 63)
            compressed = head[8:12] == b"AIFC" and head[at + 18 : at + 22] not in (b"NONE", b"sowt")
            if rate_hz <= 0 or compressed or _is_mark(n_frames, path):
                return None
            return n_frames / rate_hz, n_frames * n_channels * ((n_bits + 7) // 8)
    return None


def require_whole(path: str, container: str, shown: str) -> None:
    """Refuse a WAV or AIFF file that is shorter than it declares by more than `SLACK_S`.

    Raises
    ------
    AudioError
    """
    found = os.path.getsize(path)
    declared, byte_rate = 0, 1.0
    if container == "wav":
        data = _find_data(path)
        if data is not None and data[0][3] and not _is_mark(data[2], path):
            declared, byte_rate = data[1] + data[2], float(data[0][3])
        elif data is None:
            with open(path, "rb") as file:
                size = struct.unpack("<I", file.read(8)[4:8])[0]
            declared = 0 if _is_mark(size, path) else size + 8
    elif container == "aiff":
        header = read_aiff_header(path)
        if header is not None and header[0] > 0:
            declared, byte_rate = header[1], header[1] / header[0]
    if declared - found > SLACK_S * byte_rate or (byte_rate == 1.0 and declared > found):
        remedy = "The file is truncated; copy or download it again."
        raise AudioError(explain("audio", f"{declared} bytes as its header says", found, shown, remedy))


def _read_frame(head: bytes | mmap.mmap, at: int) -> tuple[int, int, int, int] | None:
    """Read the header of an MPEG or ADTS frame: its bytes, samples, rate and channels; None when it is none."""
    if at + 7 > len(head) or head[at] != 0xFF or head[at + 1] & 0xE0 != 0xE0:
        return None
    second, third, fourth = head[at + 1], head[at + 2], head[at + 3]
    if second & 0xF6 == 0xF0:
        rate = (third >> 2) & 0xF
        size = (fourth & 3) << 11 | head[at + 4] << 3 | head[at + 5] >> 5
        channels = (third & 1) << 2 | fourth >> 6
        return (size, 1024, _ADTS_RATES_HZ[rate], channels) if rate < 13 and size >= 7 else None
    version, layer = (second >> 3) & 3, 4 - ((second >> 1) & 3)
    bit_rate, rate, padding = third >> 4, (third >> 2) & 3, (third >> 1) & 1
    if version == 1 or layer == 4 or not 0 < bit_rate < 15 or rate == 3:
        return None
    row = layer - 1 if version == 3 else (3 if layer == 1 else 4)
    rate_hz = _RATES_HZ[rate] >> {3: 0, 2: 1, 0: 2}[version]
    n_samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    bits = _BIT_RATES[row][bit_rate] * 1000
    size = (12 * bits // rate_hz + padding) * 4 if layer == 1 else n_samples // 8 * bits // rate_hz + padding
    return size, n_samples, rate_hz, 1 if fourth >> 6 == 3 else 2


def _skip_tags(data: bytes | mmap.mmap, at: int) -> int:
    """Return where ID3 tags end, of which there may be several."""
    while data[at : at + 3] == b"ID3" and at + 10 <= len(data):
        at += 10 + sum(
            (byte & 0x7F) << shift for byte, shift in zip(data[at + 6 : at + 10], (21, 14, 7, 0), strict=True)
        )
    return at


def find_frames(data: bytes | mmap.mmap) -> int | None:
    """Return where the frames of an mp3 or ADTS file begin, behind tags, zeros or the header of a server, or None.

    A frame counts where another one of its kind follows.
    """
    at = _skip_tags(data, 0)
    last = min(at + _N_LEADING, len(data))
    tag = data.find(b"ID3", at, last)
    while 0 <= at < last:
        if 0 <= tag < at:
            tag = data.find(b"ID3", at, last)
        if at == tag:
            at = max(at + 1, _skip_tags(data, at))
            continue
        frame = _read_frame(data, at)
        if frame is not None:
            following = _read_frame(data, at + frame[0])
            if following is not None and following[2] == frame[2]:
                return at
        sync = data.find(b"\xff", at + 1, last)
        at = tag if sync < 0 or at < tag < sync else sync
        if at == tag and tag < 0:
            return None
    return None


def read_mpeg(path: str) -> tuple[float, bool]:
    """Look through the frames of an mp3 or ADTS file.

    Returns
    -------
    declared_s : float
        As a Xing, Info or VBRI header counts frames; 0 without one.
    changes : bool
        Whether the rate, or mono and stereo, change on the way, as where files are joined.
    """
    found = os.stat(path)
    return _read_mpeg(path, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=4)  # a file is asked for twice
def _read_mpeg(path: str, n_bytes: int, changed_ns: int) -> tuple[float, bool]:
    del changed_ns
    if not n_bytes:
        return 0.0, False
    with open(path, "rb") as file:
        if find_frames(file.read(4 * _N_LEADING)) is None:
            return 0.0, False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at = find_frames(data)
            if at is None:
                return 0.0, False
            size, n_samples, rate_hz, n_channels = _read_frame(data, at) or (0, 0, 1, 0)
            declared_s = _count_declared(data[at : at + size]) * n_samples / rate_hz
            return declared_s, any(kind != (rate_hz, min(n_channels, 2)) for kind in _walk_kinds(data, at))


def _walk_kinds(data: bytes | mmap.mmap, at: int) -> Iterator[tuple[int, int]]:
    """Yield rate and channels (1 or 2) of the frames that another one of the same kind follows.

    What was read of a mapped file is let go, so that a file of hours does not stand in memory.
    """
    before, let_go = None, 0
    while at < len(data):
        if at - let_go > _N_MAPPED and isinstance(data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            n_read = at // mmap.PAGESIZE * mmap.PAGESIZE - let_go
            data.madvise(mmap.MADV_DONTNEED, let_go, n_read)
            let_go += n_read
        frame = _read_frame(data, at)
        if frame is None:
            if data[at : at + 3] == b"TAG":
                at += 128
                continue
            found = find_frames(data[at : at + 2 * _N_LEADING])
            if found is None:
                return
            at += max(found, 1)
            before = None
            continue
        kind = (frame[2], min(frame[3], 2))
        if kind == before:
            yield kind
        before, at = kind, at + frame[0]


def _count_declared(frame: bytes) -> int:
    """Return how many frames the first one says that there are; 0 when it does not."""
    mono, mpeg1 = frame[3] >> 6 == 3, (frame[1] >> 3) & 3 == 3
    at = 4 + ((17 if mono else 32) if mpeg1 else (9 if mono else 17))
    if frame[at : at + 4] in (b"Xing", b"Info") and len(frame) >= at + 12:
        flags, n_frames = struct.unpack_from(">II", frame, at + 4)
        return n_frames if flags & 1 else 0
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        return struct.unpack_from(">I", frame, 50)[0]
    return 0
