"""Speech Commands, versions 1 and 2: folders of words and two lists flow in, Tracks with splits flow out.

`<word>/<speaker>_nohash_<n>.wav`, one second at 16 kHz; 30 words in version 1, 35 in version 2, and all that are there
are read. validation_list.txt and testing_list.txt name a file per line, such as "bed/0c40e715_nohash_0.wav"; every
other file trains. The lists are drawn by the speaker's hash, which is the artist here, so no speaker is on two sides.
The recordings of minutes in `_background_noise_` are no commands: they are left out and counted.

Source: the README.md of the archives, and sections 4 and 7 of the paper.

References
----------
Warden, "Speech Commands: a dataset for limited-vocabulary speech recognition", arXiv 1804.03209, 2018.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from essentia_ldl.content import is_audio
from essentia_ldl.datasets._genre_folders import layout_error
from essentia_ldl.datasets._walk import NOT_AUDIO, PassedOver, list_visible
from essentia_ldl.errors import DataError, explain
from essentia_ldl.progress import be_silent
from essentia_ldl.records import Track

EXPECTED = "Speech Commands: folders of words beside validation_list.txt and testing_list.txt"
LISTS = {"validation_list.txt": "valid", "testing_list.txt": "test"}
BACKGROUND = "_background_noise_"
_SPEAKER_END = "_nohash_"


def matches(path: Path) -> bool:
    """Tell whether a path is a folder with the two lists."""
    return all((path / name).is_file() for name in LISTS)


def read_tracks(path: Path, *, say: Callable[[str], object] = be_silent) -> list[Track]:
    """Read Speech Commands.

    Parameters
    ----------
    path : Path
        The folder that the archive unpacks to.
    say : callable
        Gets a sentence on what was left out, and on files of the lists that are not there.

    Returns
    -------
    list[Track]
        Sorted by id, such as "bed/0c40e715_nohash_0.wav". The label is the word, the artist the speaker's hash.

    Raises
    ------
    DataError
        When a list is missing, cannot be read, is empty, names something that is no file of a word, or names a file
        that the other one names too; and when there are fewer than two words.
    """
    if not matches(path):
        raise layout_error("Speech Commands", EXPECTED, path)
    root = Path(os.path.abspath(path))
    side_of = _read_lists(root)
    passed, tracks, n_words = PassedOver(), [], 0
    for folder in list_visible(root, passed):
        if not folder.is_dir():
            continue
        if folder.name == BACKGROUND:
            n_noises = sum(is_audio(file) for file in list_visible(folder))
            if n_noises:
                say(f"left out: {n_noises} recording{'s' * (n_noises > 1)} in {BACKGROUND}, which are no commands")
            continue
        n_words += 1
        for file in list_visible(folder, passed):
            if not is_audio(file):
                passed.add(NOT_AUDIO, file)
                continue
            track_id, (speaker, mark, _) = f"{folder.name}/{file.name}", file.name.partition(_SPEAKER_END)
            artist = speaker if mark and speaker else None
            side = side_of.pop(track_id, "train")
            tracks.append(Track(id=track_id, path=str(file), label=folder.name, artist=artist, split=side))
    if n_words < 2 or not tracks:
        found = f"{n_words} folders with {len(tracks)} files"
        raise DataError(explain("Speech Commands", "two words or more with audio", found, root, "Unpack it again."))
    if side_of:
        say(f"{len(side_of)} files of the lists are not there, such as {min(side_of)}")
    for sentence in passed.describe(root):
        say(sentence)
    return sorted(tracks, key=lambda track: track.id)


def _read_lists(root: Path) -> dict[str, str]:
    """Read the side of every file that a list names."""
    side_of: dict[str, str] = {}
    for name, side in LISTS.items():
        file = root / name
        try:
            lines = file.read_text("utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise DataError(f"{file} cannot be read: {reason}. Unpack the archive again.") from error
        named = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
        if not named:
            raise DataError(explain("list", "one file per line", "no line", file, "Unpack the archive again."))
        for number, line in named:
            where = f"{file}, line {number}"
            if line.count("/") != 1:
                rule = "word/file, such as bed/0c40e715_nohash_0.wav"
                raise DataError(explain("file of a list", rule, line, where, "Unpack the archive again."))
            if line in side_of:
                remedy = "Drop one of the two lines."
                raise DataError(explain("file of a list", "each file in one list, once", line, where, remedy))
            side_of[line] = side
    return side_of
