"""Audio that is no file of this machine: what a URL of fsspec names, listed, described and copied to a local file.

In: ``s3://bucket/track.mp3``, ``https://host/track.mp3``, ``file:///music/track.mp3`` and whatever else fsspec opens;
out: a local path, because Essentia opens nothing else. fsspec is an extra, and so is what it needs for each kind of
URL.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from typing import Any

from essentia_ldl.errors import AudioError, DataError, Reason, explain, find_full_disk

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|[a-z]+::")


def is_url(path: str) -> bool:
    """Tell whether a path is a URL.

    Examples
    --------
    >>> is_url("s3://bucket/track.mp3"), is_url("music/Title: song.mp3"), is_url("C:\\\\music")
    (True, False, False)
    """
    return _URL.match(path) is not None


def open_file_system(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the name of the file there.

    Raises
    ------
    DataError
        When fsspec, or what it needs for this kind of URL, is not installed, or it knows no such kind.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        remedy = "Run `pip install fsspec`."
        raise DataError(explain("URL", "the library fsspec", "none", url, remedy)) from None
    try:
        return url_to_fs(url)
    except (ImportError, ValueError) as error:
        remedy = "Install what it names, or give a file."
        raise DataError(explain("URL", "one that fsspec opens", error, url, remedy)) from None


def list_url(url: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Yield the files that a URL means: itself, the files below a folder by suffix, or those that fit a pattern.

    Parameters
    ----------
    url : str
        A file, a folder or a pattern.
    suffixes : tuple[str, ...]
        Of the files of a folder, in small letters.

    Raises
    ------
    AudioError
        When it cannot be listed.
    """
    system, name = open_file_system(url)
    try:
        if "*" in name:
            found = sorted(system.glob(name))
        elif url.endswith("/") or (not name.lower().endswith(suffixes) and system.isdir(name)):
            names = sorted(system.find(name))
            found = [one for one in names if one.lower().endswith(suffixes) and "/." not in one[len(name) :]]
        else:
            yield url
            return
    except Exception as error:  # each file system has errors of its own
        raise _refuse(url, error) from None
    for one in found:
        yield system.unstrip_protocol(one)


def stat_url(url: str) -> tuple[int, int] | None:
    """Return what tells a version of a file from another: its size in bytes, and a number of its time and its tag.

    Returns
    -------
    tuple[int, int] or None
        None where it is not there or nothing but its size is known.
    """
    try:
        system, name = open_file_system(url)
        found = system.info(name)
    except Exception:  # each file system has errors of its own
        return None
    keys = ("mtime", "LastModified", "last_modified", "ETag", "etag", "md5", "md5Hash", "generation", "created")
    known = [f"{key}={found[key]}" for key in keys if found.get(key) is not None]
    if not known or found.get("size") is None:
        return None
    return int(found["size"]), int(hashlib.sha256("\n".join(known).encode()).hexdigest()[:15], 16)


@contextlib.contextmanager
def local_copy(path: str) -> Iterator[str]:
    """Yield a path that this machine opens: the path itself, or a copy of what a URL names, as long as the block runs.

    An error of the block names the URL, not the copy.

    Raises
    ------
    AudioError
        When the URL names nothing, or cannot be read.
    """
    if not is_url(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-") as folder:
        copy = os.path.join(folder, f"audio{os.path.splitext(path)[1][:8]}")
        _download(path, copy)
        try:
            yield copy
        except Exception as error:
            if len(error.args) == 1 and copy in str(error.args[0]):
                error.args = (str(error.args[0]).replace(copy, path),)
            raise


def _download(url: str, target: str) -> None:
    system, name = open_file_system(url)
    try:
        system.get_file(name, target)
    except FileNotFoundError:
        raise AudioError(explain("audio", "an existing file", "nothing there", url, "Check the URL.")) from None
    except Exception as error:  # each file system has errors of its own
        raise find_full_disk(error) or _refuse(url, error) from None
    if os.path.isdir(target):
        raise AudioError(explain("audio", "a file", "a folder", url, "Check the URL."))


def _refuse(url: str, error: Exception) -> AudioError:
    remedy = "Check the URL, and the right to read it."
    return AudioError(f"{url} cannot be read: {Reason(error)}. {remedy}")
