"""What TagLib reads of a file, which goes by its name: the name of the container that its bytes are of."""

from __future__ import annotations

import contextlib
import os
import tempfile

import essentia.standard as es

# By container: the suffixes by which TagLib knows it.
SUFFIXES = {
    "aiff": (".aiff", ".aif", ".aifc"),
    "flac": (".flac",),
    "mp3": (".mp3", ".mp2"),
    "mp4": (".m4a", ".mp4", ".m4b", ".m4p", ".3g2"),
    "ogg": (".ogg", ".oga"),
}


def read_metadata(path: str, container: str) -> tuple[float, float, float, float]:
    """Read duration, bit rate, sampling rate and channels of a file; a quick look at its header.

    Parameters
    ----------
    path : str
        Audio file. One with the name of another container is read through a link.
    container : str
        Of `audio.sniff_container`.

    Returns
    -------
    tuple[float, float, float, float]
        Whole seconds, kbit/s, Hz, channels; zeros when TagLib knows nothing.
    """
    suffixes = SUFFIXES.get(container, ())
    with contextlib.ExitStack() as stack:
        if suffixes and not path.lower().endswith(suffixes):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="essentia-ldl-"))
            link = os.path.join(folder, f"audio{suffixes[0]}")
            os.symlink(path, link)
            path = link
        with contextlib.suppress(RuntimeError):
            return tuple(float(value) for value in es.MetadataReader(filename=path)()[-4:])
    return (0.0, 0.0, 0.0, 0.0)
