"""GTZAN's speech / music collection: the folders music_wav and speech_wav flow in, Tracks flow out.

`music_wav/<name>.wav` and `speech_wav/<name>.wav`, 64 files of 30 seconds at 22.05 kHz each (the archive's folder is
music_speech). There are no artists and no split; names such as "deedee" and "deedee1" tell that some files share one,
which nothing here can know. Target task 4 of Choi et al.

Source of the names: data_csv/gtzan_speechmusic.csv of https://github.com/keunwoochoi/transfer_learning_music.

References
----------
Tzanetakis, the GTZAN music / speech collection, 1999. Choi, Fazekas, Sandler and Cho, "Transfer learning for music
classification and regression tasks", ISMIR 2017, section 3.
"""

from __future__ import annotations

import re
from pathlib import Path

from essentia_ldl.datasets._genre_folders import find_root, layout_error
from essentia_ldl.datasets._walk import list_audio
from essentia_ldl.records import Track

EXPECTED = "GTZAN speech / music: the folders music_wav and speech_wav"
CLASS_OF = {"music_wav": "music", "speech_wav": "speech"}
_BELOW = (".", "music_speech")
_NAME = re.compile(r".+\.(?:wav|au|mp3|flac)", re.IGNORECASE)


def matches(path: Path) -> bool:
    """Tell whether a path holds the two folders with audio, or music_speech with them."""
    return find_root(path, CLASS_OF, _NAME, _BELOW) is not None


def read_tracks(path: Path) -> list[Track]:
    """Read the speech / music collection.

    Parameters
    ----------
    path : Path
        The folder of music_wav and speech_wav, or one that holds it as music_speech.

    Returns
    -------
    list[Track]
        Sorted by id, such as "music_wav/bagpipe.wav". Labels are "music" and "speech".

    Raises
    ------
    DataError
        When one of the folders is missing or holds no audio.
    """
    root = find_root(path, CLASS_OF, _NAME, _BELOW)
    if root is None:
        raise layout_error("GTZAN speech / music", EXPECTED, path)
    tracks = [
        Track(id=file.relative_to(root).as_posix(), path=str(file), label=label)
        for folder, label in CLASS_OF.items()
        for file in list_audio(root / folder)
    ]
    return sorted(tracks, key=lambda track: track.id)
