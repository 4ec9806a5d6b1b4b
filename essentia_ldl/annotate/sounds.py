"""Audio for the page: a file as it is, or, where the browser cannot play that, as MP3 by the ffmpeg of the system.

In: a path; out: the path of something to send, and its type. What was converted is kept in a folder of its own, which
goes with the process, up to `MOST_KEPT` files.
"""

from __future__ import annotations

import mimetypes
import tempfile
import threading
from pathlib import Path

from essentia_ldl.report.excerpts import convert, find_ffmpeg

MOST_KEPT = 32
MOST_S = 900  # seconds of a file that are converted: nobody listens longer for one label
AS_MP3 = ("-ac", "2", "-b:a", "128k", "-f", "mp3")
WITHOUT = "Install ffmpeg to hear what the browser cannot play."
# Of what browsers play; the others of the system's list may call an .ogg an application.
TYPES = {
    **{".mp3": "audio/mpeg", ".wav": "audio/wav", ".wave": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg"},
    **{".oga": "audio/ogg", ".opus": "audio/ogg", ".m4a": "audio/mp4", ".mp4": "audio/mp4", ".aac": "audio/aac"},
    **{".webm": "audio/webm", ".weba": "audio/webm"},
}


def find_type(path: str) -> str:
    """Return the media type of a file by its name.

    Examples
    --------
    >>> find_type("A.OGG"), find_type("b.unheard"), find_type("c.html")
    ('audio/ogg', 'application/octet-stream', 'application/octet-stream')
    """
    suffix = Path(path).suffix.lower()
    found = TYPES.get(suffix) or mimetypes.guess_type(f"x{suffix}")[0] or ""
    return found if found.startswith(("audio/", "video/")) else "application/octet-stream"  # no page, and no program


class Converted:
    """Files as MP3, made when they are asked for."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="essentia-ldl-page-")
        self._kept: dict[str, Path] = {}
        self._lock = threading.Lock()  # one at a time: a second would not be quicker, and may be the same file
        self._n = 0

    def find(self, path: str) -> Path:
        """Return a file as MP3.

        Raises
        ------
        AudioError
            When there is no ffmpeg, or it cannot read the file.
        """
        with self._lock:
            if path in self._kept:
                self._kept[path] = made = self._kept.pop(path)
                return made
            data = convert(find_ffmpeg(WITHOUT), path, ("-t", str(MOST_S)), AS_MP3)
            self._n += 1
            made = Path(self._folder.name) / f"{self._n}.mp3"
            made.write_bytes(data)
            self._kept[path] = made
            if len(self._kept) > MOST_KEPT:
                self._kept.pop(next(iter(self._kept))).unlink(missing_ok=True)
            return made

    def close(self) -> None:
        """Remove what was made."""
        self._folder.cleanup()
