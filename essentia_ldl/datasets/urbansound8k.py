"""UrbanSound8K: metadata/UrbanSound8K.csv and ten folders of audio flow in, Tracks with their fixed folds flow out.

Columns slice_file_name, fsID, start, end, salience, fold, classID and class; audio in audio/fold1/ to audio/fold10/,
8732 slices of four seconds at most, ten classes. Slices of one recording of Freesound (fsID) share a fold, and fsID is
the artist here. The authors ask not to make other folds: `crossval --leave-out fold` takes theirs, and the option
test_fold makes the split of one of them.

Source: the README of the collection and headers of it in public repositories.

References
----------
Salamon, Jacoby and Bello, "A dataset and taxonomy for urban sound research", ACM Multimedia 2014.
"""

from __future__ import annotations

import os
from pathlib import Path

from essentia_ldl.datasets._genre_folders import layout_error
from essentia_ldl.datasets._official import check_choice, find_audio, require_audio
from essentia_ldl.datasets._rows import read_named, row_error
from essentia_ldl.records import Track

EXPECTED = "UrbanSound8K: metadata/UrbanSound8K.csv beside audio/fold1 to audio/fold10"
COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")
FOLDS = tuple(str(number) for number in range(1, 11))
_TABLE = "UrbanSound8K.csv"


def matches(path: Path) -> bool:
    """Tell whether a path is UrbanSound8K.csv, or a folder that holds it or metadata with it."""
    return _find_table(path) is not None


def read_tracks(path: Path, *, test_fold: str | None = None, audio: str | Path | None = None) -> list[Track]:
    """Read UrbanSound8K.

    Parameters
    ----------
    path : Path
        The folder that the archive unpacks to, its folder metadata, or UrbanSound8K.csv.
    test_fold : str or None
        "1" to "10": that fold is the test side, the next one (after 10, the first) validates and the others train; None
        is no split.
    audio : str, Path or None
        Folder that holds fold1 to fold10; None is audio beside metadata, or the table's own folder.

    Returns
    -------
    list[Track]
        Sorted by id, such as "fold5/100032-3-0-0.wav". The artist is the recording's fsID; columns are fold, start, end
        and salience.

    Raises
    ------
    DataError
        When the option is none of the folds, there is no audio; and with file and row when a column or a cell is
        missing, a fold is not 1 to 10, one recording is in two folds, or a slice is there twice.
    """
    if test_fold is not None:
        check_choice("test_fold", str(test_fold), FOLDS, "urbansound8k")
    table = _find_table(path)
    if table is None:
        raise layout_error("UrbanSound8K", EXPECTED, path)
    folder = Path(os.path.abspath(table)).parent
    root = find_audio("UrbanSound8K", audio, (folder.parent / "audio", folder / "audio", folder / "fold1"))
    if root.name == "fold1" and audio is None:
        root = root.parent
    side_of = dict.fromkeys(FOLDS, None if test_fold is None else "train")
    if test_fold is not None:
        side_of |= {str(int(test_fold) % len(FOLDS) + 1): "valid", str(int(test_fold)): "test"}
    tracks: dict[str, Track] = {}
    fold_of: dict[str, str] = {}
    for line, row in read_named(table, ",", COLUMNS):
        for column in ("slice_file_name", "fsID", "class"):
            if not row[column]:
                raise row_error(column, "a value", row[column], table, line, "Download the table again.")
        fold, recording = row["fold"], row["fsID"]
        if fold not in side_of:
            raise row_error("fold", "1 to 10", fold, table, line, "Download the table again.")
        if fold_of.setdefault(recording, fold) != fold:
            rule = f"one fold for all slices of the recording {recording}"
            raise row_error("fold", rule, f"{fold_of[recording]} and {fold}", table, line, "Correct the row.")
        track_id = f"fold{fold}/{row['slice_file_name']}"
        if track_id in tracks:
            raise row_error("slice_file_name", "each slice once", track_id, table, line, "Drop the repeated row.")
        tracks[track_id] = Track(
            id=track_id,
            path=str(root / track_id),
            label=row["class"],
            artist=recording,
            split=side_of[fold],
            columns={name: row[name] for name in ("fold", "start", "end", "salience")},
        )
    found = sorted(tracks.values(), key=lambda track: track.id)
    require_audio("UrbanSound8K", found, root)
    return found


def _find_table(path: Path) -> Path | None:
    if path.is_file():
        return path if path.name == _TABLE else None
    return next((table for table in (path / "metadata" / _TABLE, path / _TABLE) if table.is_file()), None)
