"""The audio files of a folder. In: a folder; out: the files that are audio, and what was passed over, counted.

Hidden files and folders, and those that systems make for themselves, are no part of a collection. A link that leads
back to a folder above it and a folder that cannot be listed are passed over, so that the rest is not lost.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from essentia_ldl.content import is_audio
from essentia_ldl.datasets._names import is_system
from essentia_ldl.errors import DataError

N_NAMED = 3  # of each kind, in a sentence


@dataclasses.dataclass
class PassedOver:
    """What was met and not taken: kind -> how many, and kind -> the first few."""

    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    first: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    def add(self, kind: str, path: Path) -> None:
        """Count one."""
        self.counts[kind] += 1
        names = self.first.setdefault(kind, [])
        if len(names) < N_NAMED:
            names.append(str(path))

    def describe(self, root: Path | None = None) -> list[str]:
        """Write a sentence per kind, with paths below `root`.

        Examples
        --------
        >>> passed = PassedOver()
        >>> passed.add(NOT_AUDIO, Path("sad/cover.jpg"))
        >>> passed.describe()
        ['passed over: 1 file that is no audio (sad/cover.jpg)']
        """
        found = []
        for kind, n in self.counts.items():
            names = [os.path.relpath(name, root) if root is not None else name for name in self.first[kind]]
            more = ", ..." if n > len(names) else ""
            found.append(f"passed over: {n} {_count(kind, n)} ({', '.join(names)}{more})")
        return found


NOT_AUDIO, SYSTEM, LOOP, CLOSED, EMPTY = (
    "file that is no audio",
    "folder of the system",
    "link to a folder above it",
    "folder that cannot be listed",
    "folder without audio",
)


def _count(kind: str, n: int) -> str:
    if n == 1:
        return kind
    first, rest = kind.split(" ", 1)
    return f"{first}s {rest.replace('that is', 'that are')}"


def list_visible(folder: Path, passed: PassedOver | None = None) -> list[Path]:
    """List what a folder holds, sorted; hidden entries and folders of the system are left out.

    Raises
    ------
    DataError
        When it cannot be listed.
    """
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(_refuse_list(error, folder)) from error
    kept = []
    for entry in entries:
        if is_system(entry.name) and entry.is_dir():
            if passed is not None:
                passed.add(SYSTEM, entry)
            continue
        kept.append(entry)
    return kept


def _refuse_list(error: OSError, folder: Path) -> str:
    return f"{folder} cannot be listed: {error.strerror}. Check the path and its permissions."


def identify(folder: Path) -> tuple[int, int]:
    """Return what all names of a folder share: its device and its number there.

    Raises
    ------
    DataError
        When it cannot be asked.
    """
    try:
        found = os.stat(folder)
    except OSError as error:
        raise DataError(_refuse_list(error, folder)) from error
    return found.st_dev, found.st_ino


def walk_files(
    folder: Path, above: tuple[tuple[int, int], ...] = (), passed: PassedOver | None = None
) -> Iterator[Path]:
    """Yield the visible files below a folder, through links too.

    Parameters
    ----------
    folder : Path
        Where to begin; `DataError` when it cannot be listed.
    above : tuple
        What `identify` says of the folders above.
    passed : PassedOver or None
        Counts folders that are not entered.
    """
    passed = PassedOver() if passed is None else passed
    way: dict[tuple[int, int], Iterator[Path]] = {own: iter(()) for own in above}  # with what is left of each
    way[identify(folder)] = iter(list_visible(folder, passed))
    while len(way) > len(above):
        entry = next(next(reversed(way.values())), None)
        if entry is None:
            way.popitem()
        elif entry.is_dir():
            try:
                own = identify(entry)
                if own in way:
                    passed.add(LOOP, entry)
                    continue
                way[own] = iter(list_visible(entry, passed))
            except DataError:
                passed.add(CLOSED, entry)
        elif _leads_nowhere(entry):
            passed.add(LOOP, entry)
        else:
            yield entry


def _leads_nowhere(entry: Path) -> bool:
    """Tell whether a link leads to itself; one whose target is gone is a broken file, which is reported as such."""
    try:
        entry.stat()
    except (OSError, RuntimeError) as error:
        return not isinstance(error, FileNotFoundError) and entry.is_symlink()
    return False


def walk_audio(folder: Path, passed: PassedOver | None = None) -> Iterator[Path]:
    """Yield every visible audio file below a folder, at any depth, as they are found.

    Parameters
    ----------
    folder : Path
        Where to begin.
    passed : PassedOver or None
        Counts what is no audio, and folders that are not entered.

    Raises
    ------
    DataError
        When the folder cannot be listed.
    """
    passed = PassedOver() if passed is None else passed
    for file in walk_files(folder, (), passed):
        if is_audio(file):
            yield file
        else:
            passed.add(NOT_AUDIO, file)


def list_audio(folder: Path, passed: PassedOver | None = None) -> list[Path]:
    """List every visible audio file below a folder, at any depth; see `walk_audio`."""
    return list(walk_audio(folder, passed))
