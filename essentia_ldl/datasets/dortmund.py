"""The Dortmund collection of Homburg et al.: its nine genre folders flow in, Tracks flow out.

`<genre>/<artist>-<title>.mp3`, 1886 excerpts of ten seconds from garageband.com. Labels are the class names of
Essentia's genre_dortmund, which are the names of the folders. In names everything that is not a letter or a digit is an
underscore, so the one hyphen ends the artist, as a public listing of the collection shows
(https://github.com/fadymedhat/Homburg-for-MCLNN, homburg_storage_ordering.txt).

What is unknown: which 1820 of the excerpts Essentia's model was trained on (all are read here), an official split
(`Track.split` is None) and the licence. One artist spelled in two ways (``JIVE_5_u_s_``, ``Jive_5``) counts as two.

References
----------
Homburg, Mierswa, Moeller, Morik and Wurst, "A benchmark dataset for audio classification and clustering", 2005.
"""

from __future__ import annotations

import re
from pathlib import Path

from essentia_ldl.datasets import _genre_folders
from essentia_ldl.datasets._walk import list_audio
from essentia_ldl.records import Track

EXPECTED = "Dortmund (Homburg et al.): nine genre folders with files such as folkcountry/Artist-Title.mp3"
CLASSES = ("alternative", "blues", "electronic", "folkcountry", "funksoulrnb", "jazz", "pop", "raphiphop", "rock")
_NAME = re.compile(r"([^-]+)-[^-]+\.(?:mp3|wav|ogg|flac)", re.IGNORECASE)


def matches(path: Path) -> bool:
    """Tell whether a path holds the nine genre folders with files named artist-title."""
    return _genre_folders.find_root(path, CLASSES, _NAME) is not None


def read_tracks(path: Path) -> list[Track]:
    """Read the Dortmund collection.

    Parameters
    ----------
    path : Path
        The folder of the nine genres; other folders beside them are passed over.

    Returns
    -------
    list[Track]
        Sorted by id, such as "blues/Ted_McCloskey-let_me_go.mp3". The artist is what stands before the hyphen, with
        spaces for underscores; None for a file with no hyphen or more than one.

    Raises
    ------
    DataError
        When a genre folder is missing or holds no file named artist-title.
    """
    root = _genre_folders.find_root(path, CLASSES, _NAME)
    if root is None:
        raise _genre_folders.layout_error("Dortmund", f"{EXPECTED} ({', '.join(CLASSES)})", path)
    tracks = []
    for label in CLASSES:
        for file in list_audio(root / label):
            match = _NAME.fullmatch(file.name)
            artist = " ".join(match[1].replace("_", " ").split()) if match else ""
            track_id = file.relative_to(root).as_posix()
            tracks.append(Track(id=track_id, path=str(file), label=label, artist=artist or None))
    return sorted(tracks, key=lambda track: track.id)
