"""MTG-Jamendo's splits for autotagging: the TSVs of a split flow in, Tracks with tags and sides flow out.

data/splits/split-0/ to split-4/ hold `autotagging<subset>-{train,validation,test}.tsv`, with the subsets "" (all tags),
_genre, _instrument, _moodtheme and _top50tags. Columns TRACK_ID, ARTIST_ID, ALBUM_ID, PATH, DURATION, then one or more
cells `<category>---<tag>`, such as "mood/theme---happy". A tag leaves without its category, as the class names of
Essentia's models are, unless the option categories keeps it. The splits keep artists apart.

Source: the README and the files of https://github.com/MTG/mtg-jamendo-dataset (metadata CC BY-NC-SA 4.0, not shipped).

References
----------
Bogdanov, Won, Tovstogan, Porter and Serra, "The MTG-Jamendo dataset for automatic music tagging", 2019.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from essentia_ldl.datasets._genre_folders import layout_error
from essentia_ldl.datasets._official import find_audio, free_artists, require_audio
from essentia_ldl.datasets._rows import read_rows, row_error
from essentia_ldl.datasets._tag_lists import ALL, choose_tags
from essentia_ldl.datasets.mtg_jamendo import COLUMNS, find_file
from essentia_ldl.errors import DataError, explain
from essentia_ldl.progress import be_silent
from essentia_ldl.records import Track

EXPECTED = "MTG-Jamendo's splits: a folder such as data/splits/split-0, or one of its autotagging*-train.tsv"
SIDES = {"train": "train", "validation": "valid", "test": "test"}
_NAME = re.compile(r"autotagging(?:_([a-z0-9]+))?-(train|validation|test)\.tsv")
_MARK = "---"


def matches(path: Path) -> bool:
    """Tell whether a path is a TSV of a split, a folder of them, or the repository with data/splits/split-0."""
    return bool(_find_tables(path))


def suit_options(classes: Iterable[str]) -> dict[str, object]:
    """Read the tags of a task."""
    return {"tags": tuple(classes)} if classes else {}


def read_tracks(
    path: Path,
    *,
    subset: str | None = None,
    tags: str | Path | Iterable[str] = ALL,
    categories: bool = False,
    audio: str | Path | None = None,
    say: Callable[[str], object] = be_silent,
) -> list[Track]:
    """Read a split of MTG-Jamendo.

    Parameters
    ----------
    path : Path
        A folder with the TSVs of a split, the repository's own (split 0), or one TSV, whose two others are read too.
    subset : str or None
        "autotagging" for all tags, "genre", "instrument", "moodtheme" or "top50tags"; None takes that of the TSV, or
        the only one of the folder.
    tags : str, Path or iterable of str
        "all", or a file with one tag per line.
    categories : bool
        Whether tags keep their category, such as "mood/theme---happy".
    audio : str, Path or None
        Folder that holds 00/1234.mp3 or 00/1234.low.mp3, or audio/ or audio-low/ with them; None is the folder of the
        TSVs.
    say : callable
        Gets a sentence where a side is not there.

    Returns
    -------
    list[Track]
        Sorted by id, which is PATH. The artist is ARTIST_ID; columns are track_id, album and duration_s.

    Raises
    ------
    DataError
        When the subset is not one of the files', two categories have the same tag, or there is no audio; and with file
        and row when a header or a row does not fit, a tag has no category, or a path is there twice.
    """
    tables = _choose_subset(path, subset)
    rows = [(side, *row) for side, table in tables.items() for row in _read_rows(table)]
    full = {tag for *_, found in rows for tag in found}
    names = {tag: tag if categories else tag.partition(_MARK)[2] for tag in full}
    if twice := sorted(tag for tag in full if sum(names[tag] == name for name in names.values()) > 1):
        remedy = "Keep the categories: --option categories=yes."
        raise DataError(explain("tags", "each name in one category", ", ".join(twice[:4]), path, remedy))
    chosen = set(choose_tags(tags, {}, set(names.values())))
    first = next(iter(tables.values()))
    root = find_audio("MTG-Jamendo", audio, (first.parent,))
    if missing := [name for name, side in SIDES.items() if side not in tables]:
        say(f"there is no {first.name.rpartition('-')[0]}-{missing[0]}.tsv: that side is not read")
    tracks: dict[str, Track] = {}
    for side, line, cells, found in rows:
        track_id, artist, album, file, duration = cells
        if file in tracks:
            raise row_error("PATH", "each track once", file, tables[side], line, "Drop the repeated row.")
        tracks[file] = Track(
            id=file,
            path=find_file(root, file),
            label="",
            artist=artist or None,
            split=side,
            columns={"track_id": track_id, "album": album, "duration_s": duration},
            tags=tuple({names[tag] for tag in found} & chosen),
        )
    found_tracks = sorted(tracks.values(), key=lambda track: track.id)
    require_audio("MTG-Jamendo", found_tracks, root)
    return free_artists(found_tracks, say)


def _find_tables(path: Path) -> dict[str, dict[str, Path]]:
    """Find the TSVs of a split: subset -> side -> file; empty when there is no split."""
    if path.is_file():
        match = _NAME.fullmatch(path.name)
        subset = (match[1] or "autotagging") if match else None
        found = _find_tables(path.parent) if match else {}
        return {subset: found[subset]} if subset in found else {}
    for folder in (path, path / "data" / "splits" / "split-0"):
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        subsets: dict[str, dict[str, Path]] = {}
        for match in filter(None, map(_NAME.fullmatch, names)):
            side_of = subsets.setdefault(match[1] or "autotagging", {})
            side_of[SIDES[match[2]]] = Path(os.path.abspath(folder / match[0]))
        if subsets := {name: sides for name, sides in subsets.items() if "train" in sides}:
            return subsets
    return {}


def _choose_subset(path: Path, subset: str | None) -> dict[str, Path]:
    found = _find_tables(path)
    if not found:
        raise layout_error("MTG-Jamendo", EXPECTED, path)
    if subset is None and len(found) == 1:
        (subset,) = found
    if subset not in found:
        remedy = "Choose with the option subset, such as --option subset=moodtheme."
        raise DataError(explain("option subset", f"one of {', '.join(sorted(found))}", subset, path, remedy))
    return {side: found[subset][side] for side in SIDES.values() if side in found[subset]}


def _read_rows(table: Path) -> Iterator[tuple[int, list[str], set[str]]]:
    """Yield (line, the first five cells, the tags with their categories) of every track."""
    rows = read_rows(table, "\t", quoted=False)
    line, header = next(rows, (1, []))
    if tuple(cell.strip().upper() for cell in header[: len(COLUMNS)]) != COLUMNS:
        rule = f"a header that begins with {' '.join(COLUMNS)}"
        raise row_error("MTG-Jamendo", rule, header, table, line, "Download the file again.")
    for line, cells in rows:
        first, found = [cell.strip() for cell in cells[: len(COLUMNS)]], [c.strip() for c in cells[len(COLUMNS) :]]
        found = [tag for tag in found if tag]
        if len(first) < len(COLUMNS) or not found or not first[COLUMNS.index("PATH")]:
            rule = f"{', '.join(COLUMNS)} and a tag or more"
            raise row_error("row", rule, f"{len(cells)} cells", table, line, "Complete the row, or drop it.")
        for tag in found:
            category, _, name = tag.partition(_MARK)
            if not category or not name:
                raise row_error("tag", "category---tag", tag, table, line, "Correct the cell.")
        yield line, first, set(found)
