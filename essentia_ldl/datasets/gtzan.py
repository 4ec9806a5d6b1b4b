"""GTZAN: the folder genres/ or genres_original/ flows in, Tracks flow out, all of them or the fault-filtered ones.

`<genre>/<genre>.000NN.{au,wav,mp3}`, ten genres of 100 tracks of 30 seconds. Labels are the class names of Essentia's
genre_tzanetakis. Artists are not in the collection, so `Track.artist` is None: 66 groups of tracks share artist and
title (Sturm 2013), and folds over all tracks leak them. No known artist is on two sides of the fault-filtered lists.

References
----------
Tzanetakis and Cook, "Musical genre classification of audio signals", 2002. Sturm, "The GTZAN dataset", 2013. Kereliuk,
Sturm and Larsen, "Deep learning and music adversaries", 2015 (the fault-filtered lists).
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from essentia_ldl.datasets import _genre_folders, _gtzan_lists
from essentia_ldl.datasets._walk import list_audio
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Track

EXPECTED = "GTZAN: a folder of ten genres with files such as blues/blues.00000.wav"
CLASS_OF = {
    **{name: name for name in ("blues", "country", "disco", "jazz", "metal", "pop", "reggae", "rock")},
    "classical": "classic",
    "hiphop": "hip hop",
}
CLASSES = tuple(sorted(CLASS_OF.values()))
SPLITS = ("all", "fault-filtered")
_BELOW = (".", "genres", "genres_original", "Data/genres_original")
_NAME = re.compile(rf"({'|'.join(CLASS_OF)})\.000(\d\d)\.(?:au|wav|mp3)", re.IGNORECASE)


def matches(path: Path) -> bool:
    """Tell whether a path is GTZAN, or a folder that holds its genres/ or genres_original/."""
    return _genre_folders.find_root(path, CLASS_OF, _NAME, _BELOW) is not None


def read_tracks(path: Path, *, split: str = "all") -> list[Track]:
    """Read GTZAN.

    Parameters
    ----------
    path : Path
        The folder of the ten genres, or one that holds it as genres/, genres_original/ or Data/genres_original/.
    split : str
        "all": every track that is there, in no split. "fault-filtered": the 443 training, 197 validation and 290 test
        tracks of the fault-filtered lists, in their splits; one that is not there is kept, so that the step that opens
        it reports it. The corrupt copy of jazz.00054 that circulates is left to that step too.

    Returns
    -------
    list[Track]
        Sorted by id, such as "blues/blues.00000.wav".

    Raises
    ------
    DataError
        When the path is not laid out so, an audio file has another name, a track is there twice, or the split is
        unknown.
    """
    if split not in SPLITS:
        raise DataError(explain("split", " or ".join(SPLITS), split, "GTZAN", "Correct the option."))
    root = _genre_folders.find_root(path, CLASS_OF, _NAME, _BELOW)
    if root is None:
        raise _genre_folders.layout_error("GTZAN", EXPECTED, path)
    files = _list_files(root)
    if split == "all":
        chosen = dict.fromkeys(files)
    else:
        chosen = {
            (genre, number): side
            for side, numbers_of in _gtzan_lists.read_fault_filtered().items()
            for genre, numbers in numbers_of.items()
            for number in numbers
        }
    suffix = Counter(file.suffix for file in files.values()).most_common(1)[0][0]
    tracks = []
    for (genre, number), side in chosen.items():
        file = files.get((genre, number), root / genre / f"{genre}.{number:05d}{suffix}")
        track_id = file.relative_to(root).as_posix()
        tracks.append(Track(id=track_id, path=str(file), label=CLASS_OF[genre], split=side))
    return sorted(tracks, key=lambda track: track.id)


def _list_files(root: Path) -> dict[tuple[str, int], Path]:
    """List the audio files by genre and number."""
    files: dict[tuple[str, int], Path] = {}
    for genre in CLASS_OF:
        for file in list_audio(root / genre):
            match = _NAME.fullmatch(file.name)
            if match is None or match[1].lower() != genre or file.parent != root / genre:
                rule = f"{genre}.00000 to {genre}.00099 as .au, .wav or .mp3"
                raise DataError(explain("file name", rule, file.name, file, "Take the file away, or rename it."))
            key = (genre, int(match[2]))
            if key in files:
                remedy = "Keep one of the two."
                raise DataError(explain("track", "each track once", file.name, f"beside {files[key]}", remedy))
            files[key] = file
    return files
