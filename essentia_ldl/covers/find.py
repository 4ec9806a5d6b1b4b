"""The picture of a track. In: a track and the folder of its table; out: the bytes of a picture and where it was found.

Three places, in this order: the column `cover` of the collection's table, the tags of the file (ID3, FLAC, MP4 and
Vorbis comments, those of Ogg and Opus), and a file beside the track: cover.jpg, folder.jpg, front.jpg and the like. Of
several pictures in the tags the front cover counts, or else the first.

References
----------
https://id3.org/id3v2.4.0-frames, section 4.14, for the kinds of pictures: 3 is the front cover.
https://wiki.xiph.org/VorbisComment, section Cover art: a FLAC picture block in base64.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from essentia_ldl.covers.decode import MOST_BYTES, REMEDY
from essentia_ldl.errors import PictureError, Reason, explain

COLUMN = "cover"
IN_COLUMN, IN_TAGS, BESIDE = SOURCES = ("column", "tags", "beside")
NAMES = ("cover", "folder", "front")
SUFFIXES = (".jpg", ".jpeg", ".png")
FRONT_COVER = 3
_BLOCK = "metadata_block_picture"


@dataclasses.dataclass(frozen=True)
class FoundPicture:
    """The bytes of a picture.

    Parameters
    ----------
    data : bytes
        Not yet decoded.
    source : str
        One of `SOURCES`.
    where : str
        The file that it is from.
    """

    data: bytes
    source: str
    where: str


def find_picture(path: str, cover: str = "", folder: str = "") -> FoundPicture | None:
    """Find the picture of a track.

    Parameters
    ----------
    path : str
        The audio file.
    cover : str
        What the table says: a path, absolute or within `folder`; empty where it says nothing.
    folder : str
        The folder of the table.

    Returns
    -------
    FoundPicture or None
        None where there is none.

    Raises
    ------
    PictureError
        When a picture that the table names is not there, or the tags are damaged.
    """
    if cover:
        named = os.path.join(folder, cover)
        if not os.path.isfile(named) and os.path.isfile(slashed := named.replace("\\", "/")):
            named = slashed
        return FoundPicture(_read(named), IN_COLUMN, named)
    data = read_tags(path)
    if data:
        return FoundPicture(data, IN_TAGS, path)
    beside = _find_beside(Path(path).parent)
    return None if beside is None else FoundPicture(_read(beside), BESIDE, beside)


def read_tags(path: str) -> bytes:
    """Return the picture in the tags of an audio file; empty where it has none, or is of a kind without tags.

    Raises
    ------
    PictureError
        When the tags are damaged.
    """
    with reading_tags(path):
        import mutagen

        file = mutagen.File(path)
        pictures = [] if file is None else _list_pictures(file)
    front = [data for kind, data in pictures if kind == FRONT_COVER and data]
    return next(iter(front or [data for _, data in pictures if data]), b"")


@contextlib.contextmanager
def reading_tags(path: str) -> Iterator[None]:
    """Turn what mutagen raises of damaged tags into a `PictureError`."""
    import mutagen

    try:
        yield
    except (mutagen.MutagenError, OSError, ValueError, LookupError, TypeError, ArithmeticError, struct.error) as error:
        raise PictureError(explain("tags", "readable ones", Reason(error), path, "Write the tags again.")) from None


def _list_pictures(file: Any) -> list[tuple[int, bytes]]:
    """List the pictures of an opened file, with their kinds."""
    from mutagen.flac import Picture, error

    found = [(picture.type, picture.data) for picture in getattr(file, "pictures", ())]
    tags = file.tags
    if hasattr(tags, "getall"):  # ID3
        found += [(int(frame.type), bytes(frame.data)) for frame in tags.getall("APIC")]
    elif isinstance(tags, Mapping) or hasattr(tags, "keys"):
        keys = {str(key).lower(): key for key in tags.keys()}  # noqa: SIM118  (not all of mutagen's are mappings)
        if "covr" in keys:  # MP4, which knows no kinds
            found += [(FRONT_COVER, bytes(cover)) for cover in tags[keys["covr"]]]
        for text in tags[keys[_BLOCK]] if _BLOCK in keys else ():
            try:
                picture = Picture(base64.b64decode(text))
            except (binascii.Error, error) as reason:
                raise ValueError(f"{_BLOCK}: {reason}") from None
            found.append((picture.type, picture.data))
    return found


def _find_beside(folder: Path) -> str | None:
    """Find a picture by its name in the folder of a track, whatever its case."""
    try:
        names = {name.lower(): name for name in sorted(os.listdir(folder), reverse=True)}
    except OSError:
        return None
    wanted = [f"{name}{suffix}" for name in NAMES for suffix in SUFFIXES]
    return next((str(folder / names[name]) for name in wanted if name in names), None)


def _read(path: str) -> bytes:
    """Read a file of bounded size."""
    try:
        size = os.stat(path).st_size
        if size > MOST_BYTES:
            raise PictureError(explain("picture", f"at most {MOST_BYTES} bytes", size, path, REMEDY))
        with open(path, "rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        if isinstance(error, PictureError):
            raise
        reason = Reason(error.strerror or error)
        raise PictureError(explain("picture", "a file that can be read", reason, path, "Correct the path.")) from None
