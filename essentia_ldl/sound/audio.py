"""Opening audio files: in a path, out what its header says and a path that Essentia's loader can open.

Essentia comes first. ffmpeg, when it is on the PATH, decodes what kills the process inside Essentia's loader (Opus,
Matroska and WebM never reach it), what has more than two channels, what Essentia refuses though it begins as audio, and
what changes its sampling rate or its channels on the way, of which Essentia makes samples at the wrong speed. `data`
judges by the same functions as what decodes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import essentia.standard as es
import essentia.streaming as ess
import numpy as np

from essentia_ldl.content import N_LOOKED_AT, begins_as_audio
from essentia_ldl.errors import AudioError, Reason, explain
from essentia_ldl.sound import ffmpeg
from essentia_ldl.sound.headers import (
    SLACK_S,
    find_frames,
    read_aiff_header,
    read_mpeg,
    read_wav_header,
    require_whole,
)
from essentia_ldl.sound.metadata import read_metadata

LEVEL_HOP_S = 0.1
LONG_S = 1800.0
SILENCE_RMS = 1e-4  # -80 dBFS: three steps of a 16-bit sample
N_CANCELLED = 1 << 29  # bytes of a file whose channels are looked at when it is silent
RATES_HZ = (2_000, 400_000)  # a header with another one is damaged


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
        require_whole(plain, container, path)
        duration_s, rate_hz, n_channels = _read_header(plain, container)
        check_rate(rate_hz, path)
        with _essentia_readable(plain, (container, n_channels), path, longest_s=1.0) as readable:
            if readable != plain and not rate_hz:
                _, rate_hz, n_channels = read_wav_header(readable) or (0.0, 0, 0)
                check_rate(rate_hz, path)
        return AudioInfo(container, duration_s, rate_hz, n_channels)


def is_long(path: str, longest_s: float = LONG_S) -> bool:
    """Tell whether a file holds more than half an hour, by its header, or by its size where that says nothing."""
    with contextlib.suppress(OSError):
        size = os.path.getsize(path)
        if size < longest_s * 32_000 / 8:
            return False
        with _plain_name(path) as plain:
            container = sniff_container(plain)
            header = read_wav_header(plain) if container == "wav" else None
            declared_s = header[0] if header else read_metadata(plain, container)[0]
        return (declared_s or size / (256_000 / 8)) > longest_s
    return False


@contextlib.contextmanager
def open_audio(path: str, loader: Any = None) -> Iterator[tuple[str, float, int]]:
    """Yield what a loader has opened, the seconds that the header declares (0: unknown) and its sampling rate (0).

    Parameters
    ----------
    path : str
        Audio file.
    loader : ess.AudioLoader or None
        What opens it; None only looks whether it opens.

    Raises
    ------
    AudioError
        When the file is missing, truncated by its own header, or needs ffmpeg and there is none.
    """
    require_file(path)
    with _plain_name(path) as plain:
        container = sniff_container(plain)
        if container == "aiff":  # of a WAV, what is decoded tells how much is missing
            require_whole(plain, container, path)
        declared_s, rate_hz, n_channels = _read_header(plain, container)
        check_rate(rate_hz, path)
        with _essentia_readable(plain, (container, n_channels), path, loader) as readable:
            if readable != plain:
                _, rate_hz, _ = read_wav_header(readable) or (0.0, 0, 0)
                check_rate(rate_hz, path)
            yield readable, declared_s, rate_hz


def check_rate(rate_hz: float, path: str) -> None:
    """Refuse a sampling rate that no audio has: memory and time of resampling grow with it."""
    if rate_hz and not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        rule = f"a sampling rate of {RATES_HZ[0]} to {RATES_HZ[1]} Hz"
        raise AudioError(explain("audio", rule, rate_hz, path, "The header is damaged; export the file again."))


@contextlib.contextmanager
def decoded_audio(path: str) -> Iterator[tuple[str, int]]:
    """Yield what ffmpeg makes of a file that Essentia found short, and its sampling rate.

    Raises
    ------
    AudioError
        When there is no ffmpeg, or it does not decode the file.
    """
    with _plain_name(path) as plain, tempfile.TemporaryDirectory(prefix="essentia-ldl-") as folder:
        if not ffmpeg.is_there():
            raise AudioError(explain("audio", "ffmpeg on the PATH", "none", path, "Install ffmpeg."))
        target = os.path.join(folder, "decoded.wav")
        ffmpeg.decode(plain, target, path)
        rate_hz = (read_wav_header(target) or (0.0, 0, 0))[1]
        check_rate(rate_hz, path)
        yield target, rate_hz


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
    with _plain_name(path) as plain:
        container = sniff_container(plain)
        _, _, n_channels = _read_header(plain, container)
        with _essentia_readable(plain, (container, n_channels), path) as readable:
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
def _essentia_readable(
    plain: str, declared: tuple[str, int], path: str, loader: Any = None, longest_s: float = ffmpeg.LONGEST_S
) -> Iterator[str]:
    """Yield a path that Essentia's loader has opened: the file itself, or what ffmpeg makes of it.

    What the file declares is its container and its channels, which `_read_header` has read.
    """
    refusal, (container, n_channels) = None, declared
    loader = loader or _probing_loader()
    if not _needs_ffmpeg(plain, container, n_channels):
        try:
            open_loader(loader, plain, path)
        except AudioError as error:
            refusal = error
        else:
            yield plain
            return
        if not _begins_as_audio(plain):
            raise refusal
    if refusal is None or "more than 2 channels" in str(refusal):
        _require_ffmpeg(path, container)
    elif not ffmpeg.is_there():
        raise AudioError(str(refusal).replace("Re-encode the file", "Install ffmpeg, re-encode the file"))
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-") as folder:
        decoded = os.path.join(folder, "decoded.wav")
        try:
            ffmpeg.decode(plain, decoded, path, longest_s)
        except AudioError:
            if refusal is not None:
                raise refusal from None
            raise
        open_loader(loader, decoded, path)
        yield decoded


def _begins_as_audio(path: str) -> bool:
    """Tell whether a file is worth ffmpeg's time, which finds sounds in noise and text."""
    with open(path, "rb") as file:
        head = file.read(N_LOOKED_AT)
        return begins_as_audio(head) or find_frames(head + file.read(1 << 17)) is not None


def _needs_ffmpeg(path: str, container: str, n_channels: int) -> bool:
    if container in ("opus", "matroska") or n_channels > 2:
        return True
    return container in ("mp3", "other") and read_mpeg(path)[1]


def _require_ffmpeg(path: str, container: str) -> None:
    if not ffmpeg.is_there():
        raise AudioError(
            explain(
                "audio",
                "at most 2 channels in a format that Essentia decodes",
                container,
                path,
                "Install ffmpeg and it is decoded through it, or convert the file to stereo FLAC.",
            )
        )


def _read_header(path: str, container: str) -> tuple[float, int, int]:
    """Duration in seconds (0 where nobody measured it), sampling rate and channels."""
    if container == "wav":
        header = read_wav_header(path)
        if header is not None:
            return header
    duration_s, _, rate_hz, n_channels = read_metadata(path, container)
    if container == "aiff":
        duration_s = (read_aiff_header(path) or (0.0, 0))[0]
    if container in ("mp3", "other"):
        declared_s, _ = read_mpeg(path)
        # TagLib multiplies up the first frame's bit rate, which is wrong for VBR
        duration_s = declared_s if container == "mp3" or declared_s or rate_hz == 0 or _has_frames(path) else duration_s
    return duration_s, int(rate_hz), int(n_channels)


def _has_frames(path: str) -> bool:
    with open(path, "rb") as file:
        return find_frames(file.read(1 << 18)) is not None


def refuse_cancelled(readable: str, path: str) -> None:
    """Raise `AudioError` when a file whose mean is silent has sound in its channels, which cancel out.

    Parameters
    ----------
    readable, path : str
        What the loader opens, and the name that the user knows.
    """
    if os.path.getsize(readable) > N_CANCELLED:
        return
    try:
        samples = es.AudioLoader(filename=readable)()[0]
    except RuntimeError:
        return
    if len(samples) and float(np.sqrt(np.mean(samples**2))) >= SILENCE_RMS:
        remedy = "Invert one channel, or keep one of them."
        raise AudioError(explain("audio", "sound", "channels that cancel out in their mean", path, remedy))


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
    if declared_s > duration_s + SLACK_S:
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
