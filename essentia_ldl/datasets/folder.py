"""A folder with one sub-folder per class: its audio files flow in, Tracks flow out.

`class/track.mp3` has no artist; `class/artist/track.mp3` and everything deeper belongs to that artist. Folders that are
named after the sides of a split (`train/class/...`, or `class/train/...`) are those sides, and those of folds, discs
and shards (`fold1`, `000`) are the column "part". Hidden files and folders, and those of systems, are passed over.
This layout matches every folder, so it is asked after all others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from essentia_ldl.content import AUDIO_SUFFIXES, is_audio
from essentia_ldl.datasets._names import are_parts, read_role
from essentia_ldl.datasets._walk import (
    EMPTY,
    NOT_AUDIO,
    PassedOver,
    identify,
    list_audio,
    list_visible,
    walk_audio,
    walk_files,
)
from essentia_ldl.errors import DataError, explain
from essentia_ldl.progress import be_silent
from essentia_ldl.records import Track

__all__ = ["AUDIO_SUFFIXES", "EXPECTED", "PassedOver", "list_audio", "matches", "read_tracks", "walk_audio"]

EXPECTED = "a folder with one sub-folder of audio files a class"
_SIDES, _PARTS = "splits", "parts"
_TABLE = "Bring them into one sub-folder per class, or give a table with the columns path, label, artist and split."


def matches(path: Path) -> bool:
    """Tell whether a path is a folder."""
    return path.is_dir()


def read_tracks(path: Path, say: Callable[[str], object] = be_silent) -> list[Track]:
    """Read a folder with one sub-folder per class.

    Parameters
    ----------
    path : Path
        The folder that holds the sub-folders.
    say : callable
        Gets a sentence on how folders were understood, and one per kind of what was passed over.

    Returns
    -------
    list[Track]
        Sorted by id, which is the path relative to the folder, with slashes. The label is the name of the sub-folder;
        the artist is the name of the folder below it, or None. Empty and broken files are kept: the step that opens
        them reports them.

    Raises
    ------
    DataError
        When there are fewer than two sub-folders with audio, the folder cannot be listed, or the names of folders can
        be understood in two ways.
    """
    root, passed = Path(os.path.abspath(path)), PassedOver()
    entries = list_visible(root, passed)
    folders = [entry for entry in entries if entry.is_dir()]
    if len(folders) < 2:
        found = f"{len(folders)} sub-folders and {len(entries) - len(folders)} files"
        tables = [entry.name for entry in entries if entry.suffix.lower() in (".csv", ".tsv")]
        remedy = f"Give the table {str(root / tables[0])!r} instead." if tables else "Make one sub-folder per class."
        raise DataError(explain("folder", "two sub-folders or more, one per class", found, root, remedy))
    for entry in entries:
        if not entry.is_dir():
            passed.add("file beside the sub-folders" if is_audio(entry) else NOT_AUDIO, entry)
    found_files = {folder: _list_files(folder, root, passed) for folder in folders}
    found_files = {folder: files for folder, files in found_files.items() if files}
    if len(found_files) < 2:
        empty = next(folder for folder in folders if folder not in found_files)
        remedy = "Put audio files into it, or take the folder away."
        raise DataError(explain("sub-folder", "audio files", "none", empty, remedy))
    for folder in folders:
        if folder not in found_files:
            passed.add(EMPTY, folder)
    files = [file for found in found_files.values() for file in found]
    kind = _understand(root, sorted(found_files), files)
    tracks = [_describe(file, root, kind) for file in files]
    if kind[0]:
        say(_tell(root, files, tracks, kind))
    for sentence in passed.describe(root):
        say(sentence)
    return sorted(tracks, key=lambda track: track.id)


def _list_files(folder: Path, root: Path, passed: PassedOver) -> list[Path]:
    files = []
    for file in walk_files(folder, (identify(root),), passed):
        if is_audio(file):
            files.append(file)
        else:
            passed.add(NOT_AUDIO, file)
    return files


def _understand(root: Path, folders: Sequence[Path], files: Sequence[Path]) -> tuple[str, int]:
    """Say whether folders are sides of a split or parts, and at which level, 0 or 1; ("", 0) when they are classes.

    Raises `DataError` where that cannot be told.
    """
    names = [folder.name for folder in folders]
    roles = [role for role in map(read_role, names) if role is not None]
    kind = _SIDES if len(roles) == len(names) else _PARTS if are_parts(names) else ""
    if not kind and len(set(roles)) > 1:
        rule = "sub-folders that are classes, or that are splits"
        raise DataError(explain("folder", rule, f"both: {', '.join(names)}", root, _TABLE))
    below = [file.relative_to(root).parts[1:-1] for file in files]
    if kind:
        inner: dict[str, set[str]] = {}
        for file in files:
            top, *middle, _ = file.relative_to(root).parts
            inner.setdefault(middle[0] if middle else "", set()).add(top)
        is_shared = sum(len(tops) > 1 for tops in inner.values()) * 2 >= len(inner)
        if "" in inner or len(inner) < 2 or not is_shared:
            rule = f"a class for every track: {', '.join(names[:6])} are names of {kind}"
            found = f"{len(names)} folders of {len(files)} files, and no classes that they share below them"
            raise DataError(explain("folder", rule, found, root, _TABLE))
        return kind, 0
    second = {parts[0] if parts else "" for parts in below}
    if "" in second and len(second) == 1:
        return "", 0
    roles = {read_role(name) for name in second}
    if None not in roles:
        return _SIDES, 1
    return (_PARTS, 1) if are_parts(second) else ("", 0)


def _describe(file: Path, root: Path, kind: tuple[str, int]) -> Track:
    """Make the track of a file: its label, its artist, and its side or part."""
    parts = list(file.relative_to(root).parts[:-1])
    name = parts.pop(kind[1]) if kind[0] else ""
    return Track(
        id=file.relative_to(root).as_posix(),
        path=str(file),
        label=parts[0],
        artist=parts[1] if len(parts) > 1 else None,
        split=read_role(name) if kind[0] == _SIDES else None,
        columns={"part": name} if kind[0] == _PARTS else {},
    )


def _tell(root: Path, files: Sequence[Path], tracks: Sequence[Track], kind: tuple[str, int]) -> str:
    """Write how folders were understood, with counts."""
    names = sorted({file.relative_to(root).parts[kind[1]] for file in files})
    labels = sorted({track.label for track in tracks})
    n_folders = len({file.relative_to(root).parts[:2] for file in files})
    shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    many = ", ".join(labels[:6]) + (", ..." if len(labels) > 6 else "")
    use = "" if kind[0] == _SIDES else "; the column part holds them, no side of a split is made of them"
    return f"{n_folders} folders: {len(names)} {kind[0]} ({shown}) of {len(labels)} classes ({many}){use}"
