"""The music that is to be labelled: arguments flow in, a `Music` of files flows out, with what tables and tags say."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from essentia_ldl.annotate.journal import Known
from essentia_ldl.covers.find import reading_tags
from essentia_ldl.errors import AudioError, DataError, PictureError, explain, show
from essentia_ldl.search.index import read_music
from essentia_ldl.urls import is_url

TABLE = "table"  # who said what the tables say


@dataclasses.dataclass(frozen=True)
class Music:
    """The files.

    Parameters
    ----------
    paths : tuple[str, ...]
        Absolute.
    known : Mapping[str, Known]
        What tables say of them, by path.
    labels : Mapping[str, str]
        The classes that tables name, by path.
    """

    paths: tuple[str, ...]
    known: Mapping[str, Known]
    labels: Mapping[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", MappingProxyType(dict(self.known)))
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))


def read_pool(music: Sequence[str], classes: Sequence[str], say: Callable[[str], object]) -> Music:
    """Find the files, and the labels that tables have already.

    Parameters
    ----------
    music : sequence of str
        Files, folders, patterns and tables (.csv, .tsv), whose columns artist, title and others are kept.
    classes : sequence of str
        Labels of tables count where they are classes. Where none of them is, they are of something else.
    say : callable
        Gets sentences on how folders and tables were understood.

    Raises
    ------
    AudioError
        When there is nothing, or none of the files is there.
    DataError
        When a table cannot be read, some of its labels are classes and others are not, or a file is at a URL.
    """
    found = read_music(music, say)
    known, labels = {}, {}
    for path, track in found.items():
        if is_url(path):
            raise DataError(explain("music", "files of this computer", path, "MUSIC", "Copy them here first."))
        if track is not None:
            columns = {**track.columns, **({"split": track.split} if track.split else {})}
            titles = [columns.pop(name) for name in list(columns) if name.lower() == "title"]
            title = next(filter(None, titles), "")
            known[path] = Known(track.artist or "", title, columns)
            if track.label:
                labels[path] = track.label
    there = [path for path in found if os.path.isfile(path)]
    if not there:
        raise AudioError(explain("music", "files that are there", next(iter(found)), "MUSIC", "Check the path."))
    if len(there) < len(found):
        lacking = next(path for path in found if not os.path.isfile(path))
        say(f"{len(found) - len(there)} files are not there, and are left out: {show(lacking)}")
    labels = {path: labels[path] for path in there if path in labels}
    strange = {path: label for path, label in labels.items() if label not in classes}
    if strange and len(strange) < len(labels):
        path, label = next(iter(strange.items()))
        remedy = "Correct it, or give all of them as --classes."
        raise DataError(explain("label", f"one of {', '.join(classes)}", label, path, remedy))
    if strange:
        names = ", ".join(sorted(set(strange.values()))[:5])
        say(f"labels of the table ({names}) are none of the classes, and are not looked at")
        labels = {}
    return Music(tuple(there), known, labels)


def describe_track(path: str, known: Known | None) -> Known:
    """Return what is known of a track: what a table says, or else its tags say.

    Parameters
    ----------
    path : str
        The file.
    known : Known or None
        What a table says of it.

    Returns
    -------
    Known
        With the name of the file as its title where nothing else is known.
    """
    told = known or Known()
    if not (told.artist and told.title):
        artist, title = read_artist_and_title(path)
        told = dataclasses.replace(told, artist=told.artist or artist, title=told.title or title)
    return told


def read_artist_and_title(path: str) -> tuple[str, str]:
    """Return artist and title of the tags; empty where there are none, they are damaged or mutagen is not installed."""
    if importlib.util.find_spec("mutagen") is None:
        return "", ""
    import mutagen

    tags = None
    with contextlib.suppress(PictureError), reading_tags(path):
        tags = mutagen.File(path, easy=True)
    artist, title = ((tags or {}).get(name) or [""] for name in ("artist", "title"))
    return tuple(" ".join(str(value[0]).split()) for value in (artist, title))


def name_track(path: str, known: Known | None) -> str:
    """Return the title of a track, or the name of its file, as `write_clean` does."""
    title = "" if known is None else known.title
    return write_clean(title or os.path.splitext(os.path.basename(path))[0])


def write_clean(text: str) -> str:
    """Return a text that can be sent: with marks where a name is not UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
