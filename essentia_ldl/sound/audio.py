"""Opening audio files: in a path, out what its header says and a path that Essentia's loader can open.

Opus, Matroska and WebM kill the process inside Essentia's loader, so they never reach it: ffmpeg decodes them when it
is on the PATH.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

import essentia.standard as es
import essentia.streaming as ess
import numpy as np

from essentia_ldl.errors import AudioError, Reason, explain

LEVEL_HOP_S = 0.1
LONG_S = 1800.0
SILENCE_RMS = 1e-4  # -80 dBFS: three steps of a 16-bit sample
TRUNCATION_SLACK_S = 1.5  # TagLib gives whole seconds


@dataclasses.dataclass(frozen=True)
class AudioInfo:
    """What the header of a file says; 0 when it says nothing."""

    container: str
    duration_s: float
    sample_rate_hz: int
    n_channels: int


def sniff_container(path: str) -> str:
    """Tell the container of a file from its first bytes, without Essentia.

    Parameters
    ----------
    path : str
        An existing file.

    Returns
    -------
    str
        "opus", "matroska", "wav", "aiff", "flac", "ogg", "mp4", "mp3" or "other".
    """
    with open(path, "rb") as file:
        head = file.read(128)
    if head[:4] == b"OggS":
        return "opus" if b"OpusHead" in head else "ogg"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:11] == b"AIF":
        return "aiff"
    if head[:4] == b"fLaC":
        return "flac"
    if head[4:8] == b"ftyp":
        return "mp4"
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4, 0xE6)):
        return "mp3"
    return "other"


def probe_audio(path: str) -> AudioInfo:
    """Read the header of a file: quick, decodes nothing.

    Raises
    ------
    AudioError
        When the file is missing, a folder, empty, or not audio.
    """
    require_file(path)
    with _plain_name(path) as plain:
        container = sniff_container(plain)
        if container == "wav":
            _require_whole(plain, _riff_size(plain), path)
        if _needs_ffmpeg(plain, container):
            _require_ffmpeg(path, container)
        else:
            open_loader(_probing_loader(), plain, path)
        return AudioInfo(container, *_read_header(plain, container, path))


def is_long(path: str) -> bool:
    """Tell whether a file holds more than half an hour, by its header, or by its size where that says nothing."""
    with contextlib.suppress(OSError):
        size = os.path.getsize(path)
        if size < LONG_S * 32_000 / 8:
            return False
        with _plain_name(path) as plain:
            header = _read_wav_header(plain) if sniff_container(plain) == "wav" else None
            declared_s = header[0] if header else _metadata(plain)[0]
        return (declared_s or size / (256_000 / 8)) > LONG_S
    return False


@contextlib.contextmanager
def open_audio(path: str) -> Iterator[tuple[str, float, int]]:
    """Yield what a loader can open, the seconds that the header declares (0: unknown) and its sampling rate (0).

    Raises
    ------
    AudioError
        When the file is missing, truncated by its own header, or needs ffmpeg and there is none.
    """
    with readable_audio(path) as readable:
        declared_s, rate_hz, _ = _read_header(readable, sniff_container(readable), path)
        yield readable, declared_s, rate_hz


def open_loader(loader: Any, readable: str, path: str) -> None:
    """Give a loader its next file; a loader that refused one takes the next all the same.

    Parameters
    ----------
    loader : ess.AudioLoader
        One for many files: Essentia frees none.
    readable, path : str
        The file that it opens, and the name that the user knows.

    Raises
    ------
    AudioError
        When Essentia cannot open it.
    """
    try:
        loader.configure(filename=readable)
    except RuntimeError as error:
        remedy = "Re-encode the file, or leave it out."
        raise AudioError(explain("audio", "a file that decodes", _reason(error), path, remedy)) from None


@functools.cache
def _probing_loader() -> Any:
    """Make the loader that opens files to see whether they open, once per process."""
    loader = ess.AudioLoader()
    for source in ("audio", "numberChannels", "sampleRate", "md5", "bit_rate", "codec"):
        getattr(loader, source) >> None
    return loader


def _reason(error: RuntimeError) -> Reason:
    return Reason(str(error).replace("Error while configuring AudioLoader: ", "").replace("AudioLoader: ", ""))


def require_file(path: str) -> None:
    """Raise `AudioError` when there is no file with content at a path."""
    remedy = "Check the path."
    if not os.path.exists(path):
        raise AudioError(explain("audio", "an existing file", "nothing there", path, remedy))
    if os.path.isdir(path):
        raise AudioError(explain("audio", "a file", "a folder", path, remedy))
    if not os.path.isfile(path):
        raise AudioError(explain("audio", "a regular file", "a pipe or device", path, remedy))
    if os.path.getsize(path) == 0:
        raise AudioError(explain("audio", "a file with content", "0 bytes", path, "Copy or download it again."))


@contextlib.contextmanager
def readable_audio(path: str) -> Iterator[str]:
    """Yield a path that any of Essentia's loaders can open: the file itself, a link to it, or what ffmpeg decoded.

    Raises
    ------
    AudioError
        When the file is missing, or needs ffmpeg and there is none.
    """
    require_file(path)
    with _plain_name(path) as plain, _essentia_readable(plain, sniff_container(plain), path) as readable:
        yield readable


@contextlib.contextmanager
def _plain_name(path: str) -> Iterator[str]:
    """Yield a name that no library misreads: absolute ("Title: song.mp3" is no protocol), and encodable."""
    path = os.path.abspath(path)
    try:
        path.encode()
    except UnicodeEncodeError:  # bytes that are not UTF-8, which Essentia's binding cannot take
        with tempfile.TemporaryDirectory(prefix="essentia-ldl-") as folder:
            link = os.path.join(folder, "audio")
            os.symlink(path, link)
            yield link
    else:
        yield path


@contextlib.contextmanager
def _essentia_readable(plain: str, container: str, path: str) -> Iterator[str]:
    """Yield a path that Essentia's loader can open: the file itself, or what ffmpeg makes of it."""
    if not _needs_ffmpeg(plain, container):
        yield plain
        return
    _require_ffmpeg(path, container)
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-") as folder:
        decoded = os.path.join(folder, "decoded.wav")
        _run_ffmpeg(plain, decoded, path)
        header = _read_wav_header(decoded)
        if header is not None and header[2] > 2:
            # ffmpeg's own downmix has weights of its own; ours is the mean of the channels, as MonoMixer's
            mean = "+".join(f"{1 / header[2]:.9f}*c{channel}" for channel in range(header[2]))
            _run_ffmpeg(plain, decoded, path, "-af", f"pan=mono|c0={mean}")
        yield decoded


def _run_ffmpeg(source: str, target: str, path: str, *options: str) -> None:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", source, "-map", "a:0", *options]
    done = subprocess.run(
        [*command, "-c:a", "pcm_s16le", "-rf64", "auto", target], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        reason = Reason((done.stderr.strip().splitlines() or ["ffmpeg failed"])[-1])
        raise AudioError(explain("audio", "a file that ffmpeg decodes", reason, path, "Re-encode the file."))


def _needs_ffmpeg(path: str, container: str) -> bool:
    if container in ("opus", "matroska"):
        return True
    header = _read_wav_header(path) if container == "wav" else None
    return (header[2] if header is not None else int(_metadata(path)[3])) > 2


def _require_ffmpeg(path: str, container: str) -> None:
    if shutil.which("ffmpeg") is None:
        raise AudioError(
            explain(
                "audio",
                "at most 2 channels in a format that Essentia decodes",
                container,
                path,
                "Install ffmpeg and it is decoded through it, or convert the file to stereo FLAC.",
            )
        )


def _metadata(path: str) -> tuple[float, float, float, float]:
    """Duration in whole seconds, bit rate, sampling rate and channels, by TagLib; zeros when it knows nothing."""
    try:
        return tuple(float(value) for value in es.MetadataReader(filename=path)()[-4:])
    except RuntimeError:
        return (0.0, 0.0, 0.0, 0.0)


def _read_header(path: str, container: str, shown: str) -> tuple[float, int, int]:
    """Duration in seconds (0 when the header cannot be trusted), sampling rate and channels."""
    if container == "wav":
        header = _read_wav_header(path)
        if header is not None:
            return header
    duration_s, _, rate_hz, n_channels = _metadata(path)
    if container == "aiff":
        _require_whole(path, _aiff_size(path), shown)
    if container == "mp3" and not _has_frame_count(path):
        duration_s = 0.0  # TagLib multiplies up the first frame's bit rate, which is wrong for VBR
    return duration_s, int(rate_hz), int(n_channels)


def _read_wav_header(path: str) -> tuple[float, int, int] | None:
    """Duration as the data chunk declares it, sampling rate and channels; None when the chunks make no sense."""
    with open(path, "rb") as file:
        head = file.read(65536)
    position, rate_hz, n_channels, byte_rate = 12, 0, 0, 0
    while position + 8 <= len(head):
        name, size = head[position : position + 4], struct.unpack_from("<I", head, position + 4)[0]
        if name == b"fmt " and position + 20 <= len(head):
            _, n_channels, rate_hz, byte_rate = struct.unpack_from("<HHII", head, position + 8)
        if name == b"data":
            if byte_rate == 0:
                return None
            streamed = size in (0, 0xFFFFFFFF)  # written to a pipe: the size was never known
            return (0.0 if streamed else size / byte_rate), rate_hz, n_channels
        position += 8 + size + (size & 1)
    return None


def _require_whole(path: str, declared: int, shown: str) -> None:
    found, remedy = os.path.getsize(path), "The file is truncated; copy or download it again."
    if declared > found:
        raise AudioError(explain("audio", f"{declared} bytes as its header says", found, shown, remedy))


def _riff_size(path: str) -> int:
    """Size that a WAV file declares; 0 for one written to a pipe, or larger than the field can say."""
    with open(path, "rb") as file:
        size = struct.unpack("<I", file.read(8)[4:8])[0]
    return 0 if size in (0, 0xFFFFFFFF) else size + 8


def _aiff_size(path: str) -> int:
    with open(path, "rb") as file:
        return struct.unpack(">I", file.read(8)[4:8])[0] + 8


def _has_frame_count(path: str) -> bool:
    """Tell whether an mp3 carries a Xing, Info or VBRI header, which makes its declared duration exact."""
    with open(path, "rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":
            file.seek(10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)))
        else:
            file.seek(0)
        first_frame = file.read(2048)
    return any(tag in first_frame for tag in (b"Xing", b"Info", b"VBRI"))


def check_signal(path: str, levels: np.ndarray, duration_s: float, declared_s: float) -> None:
    """Raise `AudioError` when what was decoded is nothing, shorter than declared, silent, or not finite.

    Parameters
    ----------
    path : str
        For the message.
    levels : np.ndarray [shape=(n,), float32]
        Root mean square of every 0.1 s.
    duration_s, declared_s : float
        Seconds decoded, and as the header says; 0 when it says nothing.
    """
    if len(levels) == 0:
        raise AudioError(explain("audio", "samples", "an empty stream", path, "Re-encode the file, or leave it out."))
    if not np.all(np.isfinite(levels)):
        at_s = float(np.argmin(np.isfinite(levels))) * LEVEL_HOP_S
        raise AudioError(explain("audio", "finite samples", f"NaN at {at_s:.1f} s", path, "Render the file again."))
    if declared_s > duration_s + TRUNCATION_SLACK_S:
        raise AudioError(
            explain(
                "audio",
                f"{declared_s:.1f} s as its header says",
                f"{duration_s:.1f} s",
                path,
                "The file is truncated or damaged; copy or download it again.",
            )
        )
    if float(levels.max()) < SILENCE_RMS:
        raise AudioError(explain("audio", "sound", "silence", path, "Leave the file out, or export it again."))
