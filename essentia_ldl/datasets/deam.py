"""DEAM, the songs of MediaEval 2013 to 2015: the annotations averaged per song flow in, Tracks with numbers flow out.

`annotations/annotations averaged per song/song_level/` has static_annotations_averaged_songs_1_2000.csv and
static_annotations_averaged_songs_2000_2058.csv, both with song_id, valence_mean, valence_std, arousal_mean and
arousal_std, with spaces after the commas of the header, on a scale of 1 to 9; the second has more columns. Audio is
MEMD_audio/<song_id>.mp3: 1744 excerpts of 45 seconds, and 58 whole songs from 2001 on. metadata/ has a table per year,
whose columns differ: song_id, Id or id, and Artist or artist among them; rows of 2014 and 2015 are longer than the
header. There is no split for the averages.

Dimensions are "arousal" and "valence", as of Essentia's deam models.

Source: public scripts that read these files, for instance of the copies on Kaggle.

References
----------
Aljanaki, Yang and Soleymani, "Developing a benchmark for emotional analysis of music", PLOS ONE 2017.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from essentia_ldl.datasets._genre_folders import layout_error
from essentia_ldl.datasets._official import find_audio, require_audio
from essentia_ldl.datasets._rows import read_named, read_number, read_rows, row_error
from essentia_ldl.progress import be_silent
from essentia_ldl.records import Track

EXPECTED = "DEAM: static_annotations_averaged_songs_1_2000.csv, or a folder above it"
DIMENSIONS = ("arousal", "valence")
COLUMNS = ("song_id", "valence_mean", "arousal_mean")
FILES = ("static_annotations_averaged_songs_1_2000.csv", "static_annotations_averaged_songs_2000_2058.csv")
METADATA = ("metadata_2013.csv", "metadata_2014.csv", "metadata_2015.csv")
_WITHIN = ("annotations averaged per song/song_level", "song_level")
_BELOW = (
    ".",
    *_WITHIN,
    *(f"{top}/{rest}" for top in ("annotations", "DEAM_Annotations/annotations") for rest in _WITHIN),
)
_N_ABOVE = 4  # folders between the annotations and the whole


def matches(path: Path) -> bool:
    """Tell whether a path is one of the two tables, or a folder that holds them where DEAM unpacks to."""
    return bool(_find_tables(path))


def read_tracks(
    path: Path,
    *,
    audio: str | Path | None = None,
    metadata: str | Path | None = None,
    say: Callable[[str], object] = be_silent,
) -> list[Track]:
    """Read DEAM.

    Parameters
    ----------
    path : Path
        One of the tables, or the folder that holds annotations, DEAM_Annotations or the tables themselves.
    audio : str, Path or None
        Folder that holds 2.mp3; None is MEMD_audio or DEAM_audio/MEMD_audio beside the annotations or above.
    metadata : str, Path or None
        Folder that holds metadata_2013.csv; None is metadata beside the annotations or above.
    say : callable
        Gets a sentence where artists are not known.

    Returns
    -------
    list[Track]
        Sorted by id, such as "2.mp3". Columns are arousal_std and valence_std.

    Raises
    ------
    DataError
        When there are no tables, or there is no audio; and with file and row when a column is missing, a mean is no
        number, a song is there twice, or a table of metadata has no column of songs or artists.
    """
    tables = _find_tables(path)
    if not tables:
        raise layout_error("DEAM", EXPECTED, path)
    above = [tables[0].parent, *tables[0].parents[1 : _N_ABOVE + 1]]
    names = ("MEMD_audio", "DEAM_audio/MEMD_audio")
    root = find_audio("DEAM", audio, [folder / name for folder in above for name in names])
    artists = _read_artists(above, metadata)
    if not artists:
        say("there is no metadata beside the annotations, so artists are not known")
    tracks: dict[str, Track] = {}
    for table in tables:
        for line, row in read_named(table, ",", COLUMNS):
            song = row["song_id"]
            track_id = f"{song}.mp3"
            if track_id in tracks or not song:
                raise row_error("song_id", "a number, each song once", song, table, line, "Drop the row.")
            tracks[track_id] = Track(
                id=track_id,
                path=str(root / track_id),
                label="",
                artist=artists.get(song),
                columns={f"{name}_std": row[f"{name}_std"] for name in DIMENSIONS if f"{name}_std" in row},
                numbers={name: read_number(row[f"{name}_mean"], f"{name}_mean", table, line) for name in DIMENSIONS},
            )
    found = sorted(tracks.values(), key=lambda track: track.id)
    require_audio("DEAM", found, root)
    return found


def _find_tables(path: Path) -> list[Path]:
    """Find the tables that are there, the first of the two at least."""
    folders = [path.parent] if path.is_file() and path.name in FILES else [path / name for name in _BELOW]
    for folder in folders:
        if (folder / FILES[0]).is_file():
            return [Path(os.path.abspath(folder / name)) for name in FILES if (folder / name).is_file()]
    return []


def _read_artists(above: Sequence[Path], metadata: str | Path | None) -> dict[str, str]:
    """Read the artist of every song; empty where there is no metadata."""
    places = [folder / "metadata" for folder in above]
    if metadata is not None:
        places = [find_audio("DEAM", metadata, places)]
    artists: dict[str, str] = {}
    for table in next(([place / name for name in METADATA] for place in places if place.is_dir()), []):
        if not table.is_file():
            continue
        rows = read_rows(table, ",", quoted=True)
        line, header = next(rows, (1, []))
        names = [name.strip().lower() for name in header]
        song, artist = (
            next((names.index(n) for n in known if n in names), None) for known in (("song_id", "id"), ("artist",))
        )
        if song is None or artist is None:
            raise row_error("header", "a column of songs and one of artists", header, table, line, "Download it again.")
        for _, cells in rows:
            if len(cells) > max(song, artist) and cells[artist].strip():
                artists[cells[song].strip()] = " ".join(cells[artist].split())
    return artists
