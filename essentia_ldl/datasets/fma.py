"""FMA: the official metadata (tracks.csv and genres.csv) flows in, Tracks with their official splits flow out.

tracks.csv has two rows of column names, a third that names the index (`track_id`), then one row per track; cells hold
ends of lines. Subsets are ordered, small < medium < large, and a track of the small one is in the others too. The label
is `track.genre_top`. The sub-genres of a track are the titles that genres.csv, beside tracks.csv, gives the ids of its
`track.genres_all`: all the genres that it was given and theirs above them. Audio stands in folders of the first three
digits of the six-digit id: fma_small/000/000002.mp3.

References
----------
Defferrard, Benzi, Vandergheynst and Bresson, "FMA: a dataset for music analysis", 2017.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from essentia_ldl.datasets._genre_folders import describe
from essentia_ldl.datasets._rows import read_rows, row_error
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Track

EXPECTED = "FMA's metadata: tracks.csv with its two-row header, or the folder that holds it or fma_metadata"
SUBSETS = ("small", "medium", "large")  # each holds the ones before it
CLASSES_SMALL = ("Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International", "Pop", "Rock")
UNREADABLE = frozenset({99134, 108925, 133297})
SHORT = frozenset({98565, 98567, 98569})
BROKEN_IN_LARGE = frozenset(  # the errata of OpenMIC-2018, from FMA's issue 27
    {71826, 71827, 87435, 95253, 95259, 95263, 102144, 113025, 113604, 138485}
)
BROKEN = UNREADABLE | SHORT | BROKEN_IN_LARGE
_SPLITS = {"training": "train", "validation": "valid", "test": "test"}
_NEEDED = {
    "split": ("set", "split"),
    "subset": ("set", "subset"),
    "genre_top": ("track", "genre_top"),
    "genres": ("track", "genres"),
    "genres_all": ("track", "genres_all"),
    "artist": ("artist", "id"),
}
_GENRE_COLUMNS = ("genre_id", "title")  # of genres.csv, which also has #tracks, parent and top_level
_AGAIN = "Download fma_metadata.zip again."
_KEPT = {"artist_name": ("artist", "name"), "title": ("track", "title"), "album": ("album", "id")}


def matches(path: Path) -> bool:
    """Tell whether a path is FMA's tracks.csv, or a folder that holds it or fma_metadata."""
    table = _find_table(path)
    if table is None:
        return False
    try:
        return _missing(_read_names(table)) == []
    except DataError:
        return False


def suit_options(classes: Iterable[str]) -> dict[str, object]:
    """Choose the medium subset for classes that the small one lacks."""
    return {} if set(classes) <= set(CLASSES_SMALL) else {"subset": "medium"}


def read_tracks(
    path: Path, *, subset: str = "small", audio: str | Path | None = None, keep_broken: bool = False
) -> list[Track]:
    """Read FMA.

    Parameters
    ----------
    path : Path
        tracks.csv, the folder fma_metadata, or the folder that holds fma_metadata.
    subset : str
        "small" (8 genres), "medium" (16) or "large"; each holds the ones before it.
    audio : str, Path or None
        Folder that holds 000/000002.mp3; None takes fma_small, fma_medium or fma_large beside the metadata, the first
        that is there and holds the subset.
    keep_broken : bool
        Whether the clips that are known to be unreadable or too short (`BROKEN`, 6 of them in the small subset) are
        read too.

    Returns
    -------
    list[Track]
        Sorted by id, such as "000/000002.mp3". The artist is FMA's artist id, the split the official one, which keeps
        artists apart. Columns: track_id, subset, genres and genres_all (ids with spaces between), subgenres (titles
        with semicolons between, an id where genres.csv has no title), artist_name, title and album. Tracks without a
        top genre, which only "large" has, are left out; single audio files may be missing, the step that opens them
        reports that.

    Raises
    ------
    DataError
        When the option or the header does not fit, the subset has no rows, there is no audio; and with file and row
        when a row of tracks.csv or genres.csv has too few or too many cells, or an id, title, subset, split or list of
        genres that is not one.
    """
    if subset not in SUBSETS:
        raise DataError(explain("subset", " or ".join(SUBSETS), subset, "FMA", "Correct the option."))
    table = _find_table(path)
    if table is None:
        remedy = "Give tracks.csv, or the folder fma_metadata."
        raise DataError(explain("FMA", EXPECTED, describe(path), path, remedy))
    names = _read_names(table)
    if missing := _missing(names):
        rule = f"two rows that name the columns {', '.join('.'.join(name) for name in _NEEDED.values())}"
        found = f"no {', '.join('.'.join(name) for name in missing)}"
        raise row_error("header of FMA's tracks.csv", rule, found, table, 1, "Give the tracks.csv of fma_metadata.zip.")
    root = _find_audio(table, subset, audio)
    metadata = _Metadata(table, subset, _read_titles(table.with_name("genres.csv")), root)

    column_of = {key: names.index(name) for key, name in (_NEEDED | _KEPT).items() if name in names}
    tracks: dict[str, Track] = {}
    for line, cells in itertools.islice(read_rows(table, ",", quoted=True), 2, None):
        if cells[0] == "track_id" and not any(cells[1:]):
            continue
        if len(cells) != len(names):
            raise row_error("row", f"{len(names)} columns", len(cells), table, line, _AGAIN)
        values = {key: cells[i].strip() for key, i in column_of.items()}
        track = _read_track(values, cells[0], line, metadata)
        if track is None or (int(track.columns["track_id"]) in BROKEN and not keep_broken):
            continue
        if track.id in tracks:
            raise row_error("track_id", "each track once", cells[0], table, line, "Drop the repeated row.")
        tracks[track.id] = track
    if not tracks:
        raise DataError(explain("FMA", f"tracks of the subset {subset}", 0, table, "Take another subset."))
    if not any(os.path.exists(track.path) for track in tracks.values()):
        remedy = "Unpack the audio there, or give the folder that holds 000/ as the option audio."
        first = min(tracks.values(), key=lambda track: track.id)
        raise DataError(explain("audio of FMA", "files such as 000/000002.mp3", first.path, "every track", remedy))
    return sorted(tracks.values(), key=lambda track: track.id)


def _find_table(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix.lower() == ".csv" else None
    found = (path / "tracks.csv", path / "fma_metadata" / "tracks.csv")
    return next((table for table in found if table.is_file()), None)


def _read_names(table: Path) -> list[tuple[str, str]]:
    """Read the two rows of column names; empty when there are no two rows."""
    rows = [cells for _, cells in itertools.islice(read_rows(table, ",", quoted=True), 2)]
    return list(zip(*rows, strict=False)) if len(rows) == 2 and len(rows[0]) == len(rows[1]) else []


def _missing(names: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [name for name in _NEEDED.values() if name not in names]


def _read_titles(path: Path) -> dict[int, str]:
    """Read the title of every genre id; empty when there is no genres.csv."""
    if not path.is_file():
        return {}
    rows = read_rows(path, ",", quoted=True)
    line, names = next(rows, (1, []))
    if missing := [name for name in _GENRE_COLUMNS if name not in names]:
        rule = f"columns {', '.join(_GENRE_COLUMNS)}"
        raise row_error("header of FMA's genres.csv", rule, f"no {', '.join(missing)}", path, line, _AGAIN)
    titles: dict[int, str] = {}
    for line, cells in rows:
        if len(cells) != len(names):
            raise row_error("row", f"{len(names)} columns", len(cells), path, line, _AGAIN)
        number, title = (cells[names.index(name)].strip() for name in ("genre_id", "title"))
        if not (number.isascii() and number.isdigit()):
            raise row_error("genre_id", "a number", number, path, line, _AGAIN)
        if not title or ";" in title:  # semicolons stand between the sub-genres of a track
            raise row_error("title", "a name without semicolon", title, path, line, _AGAIN)
        if int(number) in titles:
            raise row_error("genre_id", "each genre once", number, path, line, _AGAIN)
        titles[int(number)] = title
    return titles


def _find_audio(table: Path, subset: str, audio: str | Path | None) -> Path:
    """Find the folder of the audio files."""
    if audio is not None:
        root = Path(os.path.abspath(Path(audio).expanduser()))
        if not root.is_dir():
            raise DataError(explain("audio of FMA", "a folder", str(audio), table, "Correct the option audio."))
        return root
    folder = Path(os.path.abspath(table)).parent
    names = [f"fma_{name}" for name in SUBSETS[SUBSETS.index(subset) :]]
    for beside in (folder.parent, folder):
        for name in names:
            if (beside / name).is_dir():
                return beside / name
    remedy = "Unpack the audio there, or give its folder as the option audio."
    rule = f"{' or '.join(names)} beside the metadata"
    raise DataError(explain("audio of FMA", rule, describe(folder.parent), folder.parent, remedy))


@dataclasses.dataclass(frozen=True)
class _Metadata:
    """What the rows of a table have in common: the subset that is read, the genres' titles, the audio's folder."""

    table: Path
    subset: str
    titles: Mapping[int, str]
    root: Path


def _read_track(values: dict[str, str], number: str, line: int, metadata: _Metadata) -> Track | None:
    """Check one row; None when it is not in the subset or has no top genre."""
    table, titles = metadata.table, metadata.titles
    number = number.strip()
    if not (number.isascii() and number.isdigit() and len(number) <= 6):
        raise row_error("track_id", "a number of six digits or fewer", number, table, line, _AGAIN)
    if values["subset"] not in SUBSETS:
        raise row_error("set.subset", " or ".join(SUBSETS), values["subset"], table, line, _AGAIN)
    if values["split"] not in _SPLITS:
        raise row_error("set.split", " or ".join(_SPLITS), values["split"], table, line, _AGAIN)
    if SUBSETS.index(values["subset"]) > SUBSETS.index(metadata.subset) or not values["genre_top"]:
        return None
    for key in ("genres", "genres_all"):
        try:
            genres = ast.literal_eval(values[key])
        except (SyntaxError, ValueError):
            genres = None
        if not isinstance(genres, list) or not all(type(genre) is int for genre in genres):
            raise row_error(f"track.{key}", "a list such as [21, 33]", values[key], table, line, _AGAIN)
        values[key] = " ".join(map(str, genres))
    values["subgenres"] = ";".join(titles.get(genre, str(genre)) for genre in genres)  # of genres_all, the last
    track_id = f"{int(number) // 1000:03d}/{int(number):06d}.mp3"
    return Track(
        id=track_id,
        path=str(metadata.root / track_id),
        label=values["genre_top"],
        artist=values["artist"] or None,
        split=_SPLITS[values["split"]],
        columns={
            "track_id": str(int(number)),
            **{key: value for key, value in values.items() if key not in ("genre_top", "artist", "split")},
        },
    )
