"""Jamendo singing voice detection, cut where singing begins and ends: folders of excerpts flow in, Tracks flow out.

`{train,valid,test}/{sing,nosing}/<song>_<n>.<suffix>`, such as "train/sing/01 - A CONTRE COURANT_1.wav": excerpt n of a
song, in which excerpts with and without singing alternate. The song is the artist here, so that no song is on two sides
of a fold. Labels are the class names of Essentia's voice_instrumental. The collection itself has whole songs and .lab
files with the times; it is read after it was cut as Choi et al. did for their target task "vocal".

Source of the names: data_csv/jamendo_vd.csv of https://github.com/keunwoochoi/transfer_learning_music (4086 excerpts).

References
----------
Ramona, Richard and David, "Vocal detection in music with support vector machines", ICASSP 2008. Choi, Fazekas, Sandler
and Cho, "Transfer learning for music classification and regression tasks", ISMIR 2017, section 3.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from essentia_ldl.datasets._genre_folders import find_root, layout_error
from essentia_ldl.datasets._walk import list_audio
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import ROLES, Track

EXPECTED = "Jamendo singing voice in excerpts: train, valid and test, each with the folders sing and nosing"
CLASS_OF = {"nosing": "instrumental", "sing": "voice"}
SPLITS = ("official", "all")
_FOLDERS = tuple(f"{role}/{folder}" for role in ROLES for folder in CLASS_OF)
_NAME = re.compile(r"(.+)_\d+\.\w+")


def matches(path: Path) -> bool:
    """Tell whether a path holds the six folders with files named song_n."""
    return find_root(path, _FOLDERS, _NAME) is not None


def read_tracks(path: Path, *, split: str = "official") -> list[Track]:
    """Read the excerpts.

    Parameters
    ----------
    path : Path
        The folder that holds train, valid and test.
    split : str
        "official": the three folders are the sides; "all": in no split, for folds over all songs.

    Returns
    -------
    list[Track]
        Sorted by id, such as "train/sing/01 - A CONTRE COURANT_1.wav". Labels are "instrumental" and "voice", the
        artist is the song.

    Raises
    ------
    DataError
        When a folder is missing, a file has another name, or the split is unknown.
    """
    if split not in SPLITS:
        raise DataError(explain("option split", " or ".join(SPLITS), split, "jamendo_vocal", "Correct the option."))
    if find_root(path, _FOLDERS, _NAME) is None:
        raise layout_error("Jamendo singing voice", EXPECTED, path)
    root, tracks = Path(os.path.abspath(path)), []
    for role in ROLES:
        for folder, label in CLASS_OF.items():
            for file in list_audio(root / role / folder):
                match = _NAME.fullmatch(file.name)
                if match is None:
                    rule = "a song and the number of the excerpt, such as 05 - Anyway_7.wav"
                    raise DataError(explain("file name", rule, file.name, file, "Rename it, or take it away."))
                side = role if split == "official" else None
                track_id = file.relative_to(root).as_posix()
                tracks.append(Track(id=track_id, path=str(file), label=label, artist=match[1], split=side))
    return sorted(tracks, key=lambda track: track.id)
