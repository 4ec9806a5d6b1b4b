"""emoMusic, the 1000 songs of MediaEval 2013: two tables flow in, Tracks with numbers flow out.

static_annotations.csv has song_id, mean_arousal, std_arousal, mean_valence and std_valence, on a scale of 1 to 9, of
744 songs without repeats. songs_info.csv has song_id, file_name, Artist, Song title, the segment, Genre and Mediaeval
2013 set, which is development or evaluation; its cells have tabs around them. Audio is clips_45seconds/<song_id>.mp3.

Dimensions are "arousal" and "valence", as of Essentia's emomusic models. The split of 2013 is an option; without it
folds are grouped by artist.

Source: public scripts that read these columns, among them those of https://github.com/p-lambda/jukemir.

References
----------
Soleymani, Caro, Schmidt, Sha and Yang, "1000 songs for emotional analysis of music", CrowdMM 2013.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from essentia_ldl.datasets._genre_folders import layout_error
from essentia_ldl.datasets._official import check_choice, find_audio, free_artists, require_audio
from essentia_ldl.datasets._rows import read_named, read_number, read_rows, row_error
from essentia_ldl.errors import DataError
from essentia_ldl.progress import be_silent
from essentia_ldl.records import Track

EXPECTED = "emoMusic: static_annotations.csv with song_id, mean_arousal and mean_valence, or the folder that holds it"
DIMENSIONS = ("arousal", "valence")
COLUMNS = ("song_id", "mean_arousal", "mean_valence")
SPLITS = ("all", "mediaeval")
_FILE, _INFO, _SET = "static_annotations.csv", "songs_info.csv", "Mediaeval 2013 set"
_SIDE_OF = {"development": "train", "evaluation": "test"}
_KEPT = {"title": "Song title", "genre": "Genre"}


def matches(path: Path) -> bool:
    """Tell whether a path is the table of annotations, or a folder that holds it or annotations with it."""
    table = _find_table(path)
    if table is None:
        return False
    try:
        _, header = next(read_rows(table, ",", quoted=True), (1, []))
    except DataError:
        return False
    return set(COLUMNS) <= {name.strip() for name in header}


def read_tracks(
    path: Path, *, split: str = "all", audio: str | Path | None = None, say: Callable[[str], object] = be_silent
) -> list[Track]:
    """Read emoMusic.

    Parameters
    ----------
    path : Path
        static_annotations.csv, its folder, or the one that holds annotations.
    split : str
        "all": in no split; "mediaeval": the development songs train, the evaluation songs test.
    audio : str, Path or None
        Folder that holds 2.mp3; None is clips_45seconds beside the annotations or above.
    say : callable
        Gets a sentence where there is no songs_info.csv, and on artists of two sides.

    Returns
    -------
    list[Track]
        Sorted by id, such as "2.mp3". Columns are arousal_std, valence_std, title and genre, where they are known.

    Raises
    ------
    DataError
        When the option does not fit, there is no audio, or no songs_info.csv for the split; and with file and row when
        a column is missing, a mean is no number, a song is there twice, or its set is unknown.
    """
    check_choice("split", split, SPLITS, "emomusic")
    table = _find_table(path)
    if table is None:
        raise layout_error("emoMusic", EXPECTED, path)
    information = _read_information(table.with_name(_INFO))
    if not information:
        if split == "mediaeval":
            raise DataError(f"{table.with_name(_INFO)} is not there, and the split is in it. Put it there.")
        say("there is no songs_info.csv beside the annotations, so artists are not known")
    names = ("clips_45seconds", "clips_45sec", "audio")
    places = [folder / name for folder in (table.parent, table.parent.parent) for name in names]
    root = find_audio("emoMusic", audio, places)
    tracks: dict[str, Track] = {}
    for line, row in read_named(table, ",", COLUMNS):
        song = row["song_id"]
        track_id = f"{song}.mp3"
        if track_id in tracks or not song:
            raise row_error("song_id", "a number, each song once", song, table, line, "Drop the row.")
        numbers = {name: read_number(row[f"mean_{name}"], f"mean_{name}", table, line) for name in DIMENSIONS}
        line_of_set, known = information.get(song, (0, {}))
        side = _SIDE_OF.get(known.get(_SET, "").lower())
        if split == "mediaeval" and side is None:
            what, rule = f"{_SET} of song {song}", "development or evaluation"
            if not known:
                found = f"no row of it in {_INFO}"
                raise row_error(what, rule, found, table, line, "Add the song there, or drop the row.")
            raise row_error(what, rule, known[_SET], table.with_name(_INFO), line_of_set, "Correct the row.")
        columns = {f"{name}_std": row[f"std_{name}"] for name in DIMENSIONS if f"std_{name}" in row}
        tracks[track_id] = Track(
            id=track_id,
            path=str(root / track_id),
            label="",
            artist=known.get("Artist") or None,
            split=side if split == "mediaeval" else None,
            columns=columns | {name: known[column] for name, column in _KEPT.items() if column in known},
            numbers=numbers,
        )
    found = sorted(tracks.values(), key=lambda track: track.id)
    require_audio("emoMusic", found, root)
    return free_artists(found, say) if split == "mediaeval" else found


def _find_table(path: Path) -> Path | None:
    if path.is_file():
        return Path(os.path.abspath(path)) if path.name == _FILE else None
    places = (path / _FILE, path / "annotations" / _FILE)
    return next((Path(os.path.abspath(table)) for table in places if table.is_file()), None)


def _read_information(table: Path) -> Mapping[str, tuple[int, Mapping[str, str]]]:
    """Read what songs_info.csv says of every song, and in which row; empty when there is none."""
    if not table.is_file():
        return {}
    return {row["song_id"]: (line, row) for line, row in read_named(table, ",", ("song_id", "Artist", _SET))}
