"""ffmpeg as a decoder: a file flows in, a WAV of 16 bits that Essentia opens flows out, mono where it was surround.

It opens local files alone, takes one stream, and is bounded in time, in memory and in what it writes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess

from essentia_ldl.errors import AudioError, Reason, explain, find_full_disk
from essentia_ldl.sound.headers import read_wav_header

LEAST_S, PER_MB_S = 60.0, 3.0  # of time
MEMORY_BYTES = 4 << 30
LONGEST_S = 24 * 3600  # of audio
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<", b"[playlist", b"Exiftool", b"[InternetShortcut")


def is_there() -> bool:
    """Tell whether ffmpeg is on the PATH."""
    return shutil.which("ffmpeg") is not None


def decode(source: str, target: str, shown: str, longest_s: float = LONGEST_S) -> None:
    """Decode the first audio stream of a file; more than two channels become their mean, as MonoMixer's.

    Parameters
    ----------
    source, target : str
        A local file, and the WAV to write.
    shown : str
        The name that the user knows.
    longest_s : float
        Seconds that are decoded.

    Raises
    ------
    AudioError
        When ffmpeg does not decode it, or not within its limits.
    """
    with open(source, "rb") as file:
        if file.read(32).lstrip().startswith(_PLAYLISTS):  # which names other files
            raise _refuse("a list of files", shown)
    _run(source, target, shown, longest_s)
    header = read_wav_header(target)
    if header is not None and header[2] > 2:
        # ffmpeg's own downmix has weights of its own
        mean = "+".join(f"{1 / header[2]:.9f}*c{channel}" for channel in range(header[2]))
        _run(source, target, shown, longest_s, "-af", f"pan=mono|c0={mean}")


def _run(source: str, target: str, shown: str, longest_s: float, *options: str) -> None:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-protocol_whitelist", "file,pipe", "-i", f"file:{source}"]
    command += ["-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-t", str(longest_s), *options]
    command += ["-c:a", "pcm_s16le", "-rf64", "auto", f"file:{target}"]
    limit_s = LEAST_S + PER_MB_S * os.path.getsize(source) / 1e6
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as run:
        _limit(run.pid)
        try:
            _, said = run.communicate(timeout=limit_s)
        except BaseException as error:
            run.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                raise _refuse(f"no end within {limit_s:.0f} s", shown) from None
            raise
    full = find_full_disk(said)
    if full is not None:
        raise full
    if run.returncode != 0:
        raise _refuse(Reason((said.strip().splitlines() or ["ffmpeg failed"])[-1]), shown)


def _limit(pid: int) -> None:
    """Bound the memory of a process, where the system can."""
    with contextlib.suppress(ImportError, AttributeError, OSError, ValueError):
        import resource

        resource.prlimit(pid, resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _refuse(reason: object, shown: str) -> AudioError:
    return AudioError(explain("audio", "a file that ffmpeg decodes", reason, shown, "Re-encode the file."))
