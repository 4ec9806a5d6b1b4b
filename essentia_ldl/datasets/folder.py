"""A folder with one sub-folder per class: its audio files flow in, Tracks flow out.

`class/track.mp3` has no artist; `class/artist/track.mp3` and everything deeper belongs to that artist. Hidden files and
folders are passed over. This layout matches every folder, so it is asked after all others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Track

EXPECTED = "a folder with one sub-folder of audio files a class"
AUDIO_SUFFIXES = (
    *(".mp3", ".mp2", ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".m4b", ".aac", ".mp4", ".alac"),
    *(".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".webm", ".mka", ".mkv", ".wma", ".mpc", ".ape", ".wv", ".ac3"),
)


def matches(path: Path) -> bool:
    """Tell whether a path is a folder."""
    return path.is_dir()


def read_tracks(path: Path) -> list[Track]:
    """Read a folder with one sub-folder per class.

    Parameters
    ----------
    path : Path
        The folder that holds the sub-folders.

    Returns
    -------
    list[Track]
        Sorted by id, which is the path relative to the folder, with slashes. The label is the name of the sub-folder;
        the artist is the name of the folder below it, or None. Empty and broken files are kept: the step that opens
        them reports them.

    Raises
    ------
    DataError
        When there are fewer than two sub-folders, a sub-folder holds no audio, a link leads back to a folder above it,
        or a folder cannot be listed.
    """
    root = Path(os.path.abspath(path))
    entries = _list_visible(root)
    classes = [entry for entry in entries if entry.is_dir()]
    if len(classes) < 2:
        found = f"{len(classes)} sub-folders and {len(entries) - len(classes)} files"
        tables = [entry.name for entry in entries if entry.suffix.lower() in (".csv", ".tsv")]
        remedy = f"Give the table {str(root / tables[0])!r} instead." if tables else "Make one sub-folder per class."
        raise DataError(explain("folder", "two sub-folders or more, one per class", found, root, remedy))
    tracks = []
    for folder in classes:
        files = [entry for entry in _walk(folder, (_identify(root),)) if _is_audio(entry)]
        if not files:
            remedy = "Put audio files into it, or take the folder away."
            raise DataError(explain("sub-folder", "audio files", "none", folder, remedy))
        for file in files:
            parts = file.relative_to(folder).parts
            tracks.append(
                Track(
                    id=file.relative_to(root).as_posix(),
                    path=str(file),
                    label=folder.name,
                    artist=parts[0] if len(parts) > 1 else None,
                )
            )
    return sorted(tracks, key=lambda track: track.id)


def _is_audio(file: Path) -> bool:
    return file.suffix.lower() in AUDIO_SUFFIXES


def _list_visible(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(_refuse_list(error, folder)) from error


def _refuse_list(error: OSError, folder: Path) -> str:
    return f"{folder} cannot be listed: {error.strerror}. Check the path and its permissions."


def _identify(folder: Path) -> tuple[int, int]:
    """Return what all names of a folder share: its device and its number there."""
    try:
        found = os.stat(folder)
    except OSError as error:
        raise DataError(_refuse_list(error, folder)) from error
    return found.st_dev, found.st_ino


def _walk(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    """Yield the visible files below a folder, through links too; `above` identifies the folders on the way down."""
    way: dict[tuple[int, int], Iterator[Path]] = {own: iter(()) for own in above}  # with what is left of each

    def enter(folder: Path) -> None:
        own = _identify(folder)
        if own in way:
            real, remedy = os.path.realpath(folder), "Remove the link."
            raise DataError(explain("folder", "no link to a folder above it", real, folder, remedy))
        way[own] = iter(_list_visible(folder))

    enter(folder)
    while len(way) > len(above):
        entry = next(next(reversed(way.values())), None)
        if entry is None:
            way.popitem()
        elif entry.is_dir():
            enter(entry)
        else:
            yield entry


def walk_audio(folder: Path) -> Iterator[Path]:
    """Yield every visible audio file below a folder, at any depth, as they are found.

    Raises
    ------
    DataError
        When a link leads back to a folder above it, or a folder cannot be listed.
    """
    return (file for file in _walk(folder, ()) if _is_audio(file))


def list_audio(folder: Path) -> list[Path]:
    """List every visible audio file below a folder, at any depth.

    Raises
    ------
    DataError
        When a link leads back to a folder above it, or a folder cannot be listed.
    """
    return list(walk_audio(folder))
