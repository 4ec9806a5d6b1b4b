"""Some seconds of a track inside a page, so that the page can be sent to somebody who does not have the files.

In: an audio file; out: a data URI with mono MP3, by the ffmpeg of the system. It starts where the features for label
smoothing start (5 s), so that a person hears what was compared, or earlier in a short track.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Sequence

from essentia_ldl.errors import AudioError, Reason, explain
from essentia_ldl.frontends import MFCC

BITRATE = "64k"
WITHOUT = "Install ffmpeg, or leave --excerpts out: the players then open the files where they are."
N_LOOKED_AT = 1024  # bytes, by which text is told from audio
LISTS = (b"#EXTM3U", b"ffconcat")
LIMIT_S = 60  # seconds that ffmpeg may take for one file


def find_ffmpeg(remedy: str = WITHOUT) -> str:
    """Return the path of ffmpeg; raise `AudioError` with a remedy when there is none."""
    path = shutil.which("ffmpeg")
    if path is None:
        raise AudioError(explain("audio", "ffmpeg on the PATH", "none", "PATH", remedy))
    return path


def read_excerpt(ffmpeg: str, path: str, duration_s: float, track_s: float) -> str:
    """Return some seconds of a file as a data URI.

    Parameters
    ----------
    ffmpeg : str
        From `find_ffmpeg`.
    path : str
        Audio file.
    duration_s : float
        Length of the excerpt.
    track_s : float
        Length of the track; 0 when it is not known.

    Raises
    ------
    AudioError
        When ffmpeg cannot read the file or has no MP3.
    """
    offset_s = MFCC.segment_offset_s or 0.0
    start_s = max(0.0, min(offset_s, track_s - duration_s)) if track_s else offset_s
    part = ("-ss", f"{start_s:g}", "-t", f"{duration_s:g}")
    data = convert(ffmpeg, path, part, ("-ac", "1", "-b:a", BITRATE, "-f", "mp3"))
    return "data:audio/mpeg;base64," + base64.b64encode(data).decode("ascii")


def is_list(path: str) -> bool:
    """Tell whether a file is text, as lists are of other files that ffmpeg would open: m3u8, mpd, ffconcat.

    Audio of every format has characters in its first bytes that no text has.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(N_LOOKED_AT)
    except OSError:
        return False  # which ffmpeg tells
    is_text = all(byte >= 32 or byte in b"\t\n\r" for byte in head)
    return bool(head) and (is_text or head.startswith(LISTS))


def convert(ffmpeg: str, path: str, part: Sequence[str], form: Sequence[str]) -> bytes:
    """Return the audio of a file in another form.

    Parameters
    ----------
    ffmpeg : str
        From `find_ffmpeg`.
    path : str
        Audio file.
    part : sequence of str
        Options of ffmpeg for what is read, such as ``("-t", "30")``.
    form : sequence of str
        Options of ffmpeg for what is written, such as ``("-f", "mp3")``.

    Returns
    -------
    bytes
        What ffmpeg wrote.

    Raises
    ------
    AudioError
        When ffmpeg cannot read the file, cannot write the form, or does not end, and when the file is a list of others,
        which ffmpeg would play in its place.
    """
    if is_list(path):
        raise AudioError(explain("audio", "sound", "text, which may be a list of other files", path, "Check the file."))
    command = [ffmpeg, "-v", "error", "-nostdin", *part, "-i", f"file:{path}"]
    command += ["-map", "a:0", "-map_metadata", "-1", *form, "-"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise AudioError(f"ffmpeg did not end within {LIMIT_S} s on {path}. Check the file.") from None
    if done.returncode or not done.stdout:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no audio"]
        raise AudioError(f"ffmpeg could not make an excerpt of {path}: {Reason(lines[-1])}. Check the file.")
    return done.stdout
