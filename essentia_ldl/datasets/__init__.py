"""Datasets: a folder or file of the user's flows in, Tracks flow out; one file per layout.

A layout is a public module of this package with

- ``EXPECTED : str``, what it reads, in half a sentence; shown when nothing matches;
- ``matches(path: pathlib.Path) -> bool``, cheap, false for what does not exist; at most one layout matches a path,
  not counting `FALLBACK` for folders and `FILE_FALLBACK` for files, which give way;
- ``read_tracks(path: pathlib.Path, **options) -> list[Track]``, options by keyword with defaults, `DataError` with a
  remedy for what it cannot read. `Track.path` is absolute, `Track.id` is the path as the collection writes it;
  `read_tracks` may also take ``say``, which gets sentences on how the data was understood and what was passed over;
- ``suit_options(classes) -> dict``, optional: its options, such as a subset, for a task of these classes.

Nothing here opens audio.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType

from essentia_ldl import discover
from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.datasets._genre_folders import describe as describe_path
from essentia_ldl.datasets._labels import unify_labels
from essentia_ldl.errors import DataError, UnknownNameError, explain
from essentia_ldl.records import Track

__all__ = [
    "FALLBACK",
    "FILE_FALLBACK",
    "CollectionSummary",
    "describe_path",
    "find_layout",
    "read_tracks",
    "summarise",
]

FALLBACK = "folder"
SAY = "say"
NO_OPTIONS = (SAY, "kind", "classes")  # of `read_tracks`: what the task decides
FILE_FALLBACK = "table"
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclasses.dataclass(frozen=True)
class CollectionSummary:
    """What a collection holds.

    Parameters
    ----------
    tracks : Mapping[str, int]
        Tracks of each class, classes in alphabetical order. The tags of a multi-label collection are its classes, and
        a track counts in each of its own; a regression has none.
    artists : Mapping[str, int]
        Known artists of each class; one who has tracks in two classes counts in both.
    n_tracks, n_artists : int
        Tracks and known artists of the whole collection.
    n_without_artist : int
        Tracks whose artist is not known.
    """

    tracks: Mapping[str, int]
    artists: Mapping[str, int]
    n_tracks: int
    n_artists: int
    n_without_artist: int

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in alphabetical order."""
        return tuple(self.tracks)


def read_tracks(
    path: str | Path,
    layout: str | None = None,
    options: Mapping[str, object] | None = None,
    classes: Iterable[str] = (),
    say: Callable[[str], object] | None = None,
    kind: str | None = None,
) -> list[Track]:
    """Read a collection, whatever its layout.

    Parameters
    ----------
    path : str or Path
        Folder or file.
    layout : str or None
        Name of a layout; None takes the one that matches.
    options : Mapping[str, object] or None
        Keyword options of the layout's `read_tracks`, such as ``{"taxonomy": "mood_sad"}``. Texts of a command line
        become what the default says: "yes" a bool, "none" None where None is the default.
    classes : Iterable[str]
        Of the task that is read for, where there is one; a layout may choose options by them that are not given, and
        of several spellings of a label that of a class is taken.
    say : callable or None
        Gets a sentence on how the data was understood where that is not plain, and on what was passed over.
    kind : str or None
        What is wanted of every track, one of `choices.KINDS`; None is what the collection looks like. A layout
        that can read more than one takes ``kind`` and ``classes``.

    Returns
    -------
    list[Track]
        Sorted by id; at least one; no two with the same id.

    Raises
    ------
    DataError
        When the path is none, is empty or does not exist, when no layout or more than one matches, when an id repeats,
        when an option's value is not of its kind, when cells hold several labels, when the collection is of another
        kind, or when the layout cannot read the path.
    UnknownNameError
        When `layout` names no layout, or the layout has no option of a name.

    Examples
    --------
    >>> import pathlib, tempfile, essentia_ldl as ldl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("calm/a.wav", "tense/b.wav"):
    ...         path = pathlib.Path(folder, name)
    ...         path.parent.mkdir()
    ...         path.touch()
    ...     [(track.id, track.label) for track in ldl.read_tracks(folder)]
    [('calm/a.wav', 'calm'), ('tense/b.wav', 'tense')]
    """
    if not isinstance(path, str | os.PathLike):
        rule, remedy = "the path of a folder or of a table", "Give the path of your data."
        raise DataError(explain("data", rule, type(path).__name__, "read_tracks", remedy))
    if not str(path).strip():
        raise DataError(explain("data", "a folder or a table", str(path), "empty path", "Give the path of your data."))
    path = Path(path).expanduser()
    if not path.exists():
        raise DataError(
            explain("data", "a path that exists", str(path), f"from {os.getcwd()}", "Check the spelling of the path.")
        )
    module = discover.load(__name__, layout or find_layout(path))
    suited = module.suit_options(classes) if hasattr(module, "suit_options") else {}
    settings = _check_options(module, {**suited, **(options or {})})
    given = {SAY: say, "kind": kind, "classes": tuple(classes)}
    taken = inspect.signature(module.read_tracks).parameters
    settings |= {name: value for name, value in given.items() if name in taken and (name != SAY or value is not None)}
    tracks = sorted(module.read_tracks(path, **settings), key=lambda track: track.id)
    if not tracks:
        raise DataError(explain("collection", "at least one track", 0, path, "Add audio files."))
    for first, second in itertools.pairwise(tracks):
        if first.id == second.id:
            raise DataError(explain("track id", "each id once", first.id, path, "Drop the repeated track."))
    found = {track.kind for track in tracks}
    if len(found) > 1 or found != {kind or min(found)}:
        held = " and ".join(sorted(found))
        remedy = f"Set kind to {held.split(' and ')[0]} in the recipe, or give it the collection of another task."
        raise DataError(explain("collection", f"tracks of the kind {kind}, as the recipe says", held, path, remedy))
    return unify_labels(tracks, tuple(classes), path, say) if found == {SINGLE_LABEL} else tracks


def _check_options(module: ModuleType, options: Mapping[str, object]) -> dict[str, object]:
    """Check the names of a layout's options and convert texts of a command line."""
    layout = module.__name__.rsplit(".", 1)[-1]
    known = dict(itertools.islice(inspect.signature(module.read_tracks).parameters.items(), 1, None))
    for name in NO_OPTIONS:
        known.pop(name, None)
    for name in options:
        if name not in known and not known:
            rule = f"no option: the layout {layout} has none"
            raise UnknownNameError(explain("option", rule, name, "by name", "Drop it, or name another layout."))
        if name not in known:
            raise discover.unknown(f"option of the layout {layout}", name, known)
    return {name: _convert(value, known[name], layout) for name, value in options.items()}


def _convert(value: object, option: inspect.Parameter, layout: str) -> object:
    default = option.default
    if isinstance(default, bool):
        chosen = _TRUTHS.get(value.strip().lower()) if isinstance(value, str) else value
        if not isinstance(chosen, bool):
            raise DataError(explain(f"option {option.name}", "yes or no", value, layout, "Correct the option."))
        return chosen
    if not isinstance(value, str):
        return value
    if default is None and value.strip().lower() in ("", "none"):
        return None
    # a shell leaves the ~ of audio=~/music as it is
    return os.path.expanduser(value) if "Path" in str(option.annotation) else value


def find_layout(path: Path) -> str:
    """Find the layout of a path.

    Parameters
    ----------
    path : Path
        Folder or file.

    Returns
    -------
    str
        Name of a module of this package.

    Raises
    ------
    DataError
        When no layout matches (the message lists what each of them expects) or more than one does.
    """
    names = discover.names(__name__)
    modules = {name: discover.load(__name__, name) for name in sorted(names, key=lambda name: name == FALLBACK)}
    matching = [name for name, module in modules.items() if module.matches(path)]
    fallback = FILE_FALLBACK if path.is_file() else FALLBACK
    if len(matching) > 1 and fallback in matching:
        matching.remove(fallback)
    if len(matching) == 1:
        return matching[0]
    if matching:
        remedy = f"Say which with the layout option: {' or '.join(matching)}."
        raise DataError(explain("data", "one layout that matches", matching, path, remedy))
    expected = ", or ".join(module.EXPECTED for module in modules.values())
    found = f"a file that ends in {path.suffix!r}" if path.is_file() else "neither a file nor a folder"
    raise DataError(explain("data", expected, found, path, "Bring your data into one of these layouts."))


def summarise(tracks: Iterable[Track]) -> CollectionSummary:
    """Count the tracks and the artists of each class.

    Parameters
    ----------
    tracks : Iterable[Track]
        A collection, or a part of one.

    Returns
    -------
    CollectionSummary
        The counts.
    """
    tracks = list(tracks)
    known = [track for track in tracks if track.artist is not None]
    counts = Counter(name for track in tracks for name in track.names)
    artists: dict[str, set[str | None]] = {}
    for track in known:
        for name in track.names:
            artists.setdefault(name, set()).add(track.artist)
    return CollectionSummary(
        tracks=MappingProxyType({name: counts[name] for name in sorted(counts)}),
        artists=MappingProxyType({name: len(artists.get(name, ())) for name in sorted(counts)}),
        n_tracks=len(tracks),
        n_artists=len({track.artist for track in known}),
        n_without_artist=len(tracks) - len(known),
    )
