"""Ballroom and Extended Ballroom: a folder per dance flows in, Tracks flow out.

Ballroom (BallroomData/, 698 excerpts of 30 seconds): `ChaChaCha/Albums-Cafe_Paradiso-05.wav` and
`Waltz/Media-104705.wav`. The rumbas stand in three folders, which count as one class unless they are asked for apart: 8
classes or 10. Who plays is not in the names, but the album is, and the album is the artist here: Albums-Cafe_Paradiso,
and for Media the digits before the last two.

The field knows four exact copies and nine copies of recordings in Ballroom (Sturm 2014), one of them under two dances.
They are listed in the README of the beat annotations, https://github.com/CPJKU/BallroomAnnotations. Most share an
album and so a side; three pairs do not. No file is left out by a list here: files of the same bytes are counted by
`data`, and one of them is kept when features are computed.

Extended Ballroom (Marchand and Peeters 2016, the one of Choi et al.): `Chacha/100701.mp3`, thirteen dances, beside
extendedballroom_v1.1.xml, which has a node per dance with a node per song: id, artist, album, title, bpm, and exact,
time, version or karaoke where a song repeats another one. Of songs that are the same exactly or in time the one with
the lowest id is read, unless keep_copies is given.

References
----------
Gouyon et al., "An experimental comparison of audio tempo induction algorithms", IEEE TASLP 2006. Marchand and Peeters,
"The Extended Ballroom dataset", ISMIR late-breaking session 2016, and its README.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree

from essentia_ldl.datasets._genre_folders import find_root, layout_error
from essentia_ldl.datasets._walk import list_audio
from essentia_ldl.errors import DataError, explain
from essentia_ldl.progress import be_silent
from essentia_ldl.records import Track

EXPECTED = "Ballroom: folders such as ChaChaCha and VienneseWaltz, or Extended Ballroom: such as Chacha and Slowwaltz"
DANCES = ("ChaChaCha", "Jive", "Quickstep", "Samba", "Tango", "VienneseWaltz", "Waltz")
RUMBAS = ("Rumba-American", "Rumba-International", "Rumba-Misc")
EXTENDED_DANCES = (
    *("Chacha", "Foxtrot", "Jive", "Pasodoble", "Quickstep", "Rumba", "Salsa", "Samba", "Slowwaltz", "Tango"),
    *("Viennesewaltz", "Waltz", "Wcswing"),
)
_COPIES = ("exact", "time")  # attributes of a song that is in the collection under another id
_KEPT = ("title", "album", "bpm")
_BELOW = (".", "BallroomData", "extendedballroom_v1.1")
_NAME = re.compile(r"(Albums-.+?|Media-\d+?)-?\d\d\.(?:wav|mp3|flac|ogg)", re.IGNORECASE)
_SONG = re.compile(r"(\d+)\.(?:mp3|wav|flac|ogg)", re.IGNORECASE)


def matches(path: Path) -> bool:
    """Tell whether a path holds the folders of either collection with files that are named so."""
    return _find_root(path) is not None


def read_tracks(
    path: Path, *, rumbas_apart: bool = False, keep_copies: bool = False, say: Callable[[str], object] = be_silent
) -> list[Track]:
    """Read Ballroom or Extended Ballroom.

    Parameters
    ----------
    path : Path
        The folder of the dances, or one that holds it as BallroomData or extendedballroom_v1.1.
    rumbas_apart : bool
        Whether the three rumbas of Ballroom are three classes.
    keep_copies : bool
        Whether songs of Extended Ballroom that its XML tells to be copies of another one are read too.
    say : callable
        Gets a sentence on the copies that were left out, and where there is no XML.

    Returns
    -------
    list[Track]
        Sorted by id, such as "Waltz/Media-104705.wav". The artist is the album of Ballroom, None for a file of another
        name, or the artist of Extended Ballroom's XML; columns then are title, album and bpm.

    Raises
    ------
    DataError
        When a dance is missing, or the XML cannot be read.
    """
    found = _find_root(path)
    if found is None:
        raise layout_error("Ballroom", EXPECTED, path)
    root, is_extended = found
    if is_extended:
        return _read_extended(root, keep_copies, say)
    tracks = []
    for dance in (*DANCES, *(_find_rumbas(root))):
        label = dance if rumbas_apart or not dance.startswith("Rumba") else "Rumba"
        for file in list_audio(root / dance):
            match = _NAME.fullmatch(file.name)
            tracks.append(
                Track(id=f"{dance}/{file.name}", path=str(file), label=label, artist=match[1] if match else None)
            )
    return sorted(tracks, key=lambda track: track.id)


def _find_rumbas(root: Path) -> list[str]:
    known = {name.lower() for name in (*RUMBAS, "Rumba")}
    return sorted(entry.name for entry in root.iterdir() if entry.is_dir() and entry.name.lower() in known)


def _find_root(path: Path) -> tuple[Path, bool] | None:
    """Find the folder of the dances, and tell whether it is the extended one."""
    root = find_root(path, DANCES, _NAME, _BELOW)
    if root is not None and _find_rumbas(root):
        return root, False
    root = find_root(path, EXTENDED_DANCES, _SONG, _BELOW)
    return None if root is None else (root, True)


def _read_extended(root: Path, keep_copies: bool, say: Callable[[str], object]) -> list[Track]:
    songs = _read_songs(root)
    if songs is None:
        say("there is no extendedballroom_v1.1.xml beside the dances, so artists and copies are not known")
    tracks, dropped = [], set() if keep_copies else _find_copies(songs or {})
    for dance in EXTENDED_DANCES:
        for file in list_audio(root / dance):
            match = _SONG.fullmatch(file.name)
            number = match[1] if match else ""
            song = (songs or {}).get((dance, number), {})
            if number in dropped:
                continue
            tracks.append(
                Track(
                    id=f"{dance}/{file.name}",
                    path=str(file),
                    label=dance,
                    artist=song.get("artist") or None,
                    columns={name: song[name] for name in _KEPT if name in song},
                )
            )
    if dropped:
        say(f"left out: {len(dropped)} songs that the XML tells to be copies of others")
    return sorted(tracks, key=lambda track: track.id)


def _find_copies(songs: Mapping[tuple[str, str], Mapping[str, str]]) -> set[str]:
    """Find the ids of songs that repeat one of a lower id; which of the two says so does not count."""
    dropped: set[str] = set()
    for (_, number), song in songs.items():
        for other in filter(None, map(song.get, _COPIES)):
            dropped.add(max(number, other.strip(), key=lambda text: (len(text), text)))
    return dropped


def _read_songs(root: Path) -> dict[tuple[str, str], Mapping[str, str]] | None:
    """Read what the XML says of every song, by dance and id; None where there is none."""
    places = (folder / "extendedballroom_v1.1.xml" for folder in (root, root.parent))
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        return None
    try:
        tree = ElementTree.parse(file).getroot()
    except (ElementTree.ParseError, OSError, ValueError, LookupError, RecursionError) as error:
        rule, remedy = "XML with a node per dance", "Download it again, or take it away."
        raise DataError(explain("extendedballroom_v1.1.xml", rule, str(error), file, remedy)) from error
    return {
        (dance.tag, song.get("id", "")): {name: value.strip() for name, value in song.attrib.items()}
        for dance in tree
        for song in dance
    }
