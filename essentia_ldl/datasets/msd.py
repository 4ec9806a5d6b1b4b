"""Million Song Dataset tags with audio of one's own: a list of tags and a folder of audio flow in, Tracks flow out.

A list is either

- a text file with a row per track: an MSD id, such as TRAAAAK128F9318786, then its tags, in cells of their own or in
  one cell with `;`, `|` or `,` between them, as tagtraum's .cls files are too. Cells are parted by tabs, or by commas
  where there is none; lines that begin with # are passed over. A header may name the columns: track_id, tags, artist
  and split are understood, every other one is kept; or
- the last.fm dataset: lastfm_train/ and lastfm_test/ with a file per track at A/A/A/TRAAAAK128F9318786.json, which has
  artist, title, tags (pairs of a tag and its weight from 0 to 100; whatever the weight, the tag counts) and similars.

Audio is found by id: files, at any depth, that have the id in their names. Audio named after ids of 7digital is not
known by this dataset's tables. Tracks without audio are counted and left out.

The fifty tags are those of the released networks (`tags.TAGS`), in any case of letters.

Source: http://millionsongdataset.com/lastfm and public scripts that read these files.

References
----------
Bertin-Mahieux, Ellis, Whitman and Lamere, "The Million Song Dataset", ISMIR 2011.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from essentia_ldl.content import is_audio
from essentia_ldl.datasets._genre_folders import describe
from essentia_ldl.datasets._names import read_role
from essentia_ldl.datasets._official import check_choice, find_audio, free_artists
from essentia_ldl.datasets._rows import read_rows, row_error
from essentia_ldl.datasets._tag_lists import choose_tags
from essentia_ldl.datasets._tag_lists import drop_untagged as leave_out
from essentia_ldl.datasets._walk import walk_files
from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import read_json
from essentia_ldl.progress import be_silent
from essentia_ldl.records import Track
from essentia_ldl.tags import TAGS

EXPECTED = "tags of the Million Song Dataset: rows of a track id and tags, or the folders lastfm_train and lastfm_test"
SPLITS = ("all", "official")
ID = re.compile(r"TR[A-Z]{5}[0-9A-F]{11}")
_SUFFIXES = (".txt", ".tsv", ".csv", ".cls")
_BETWEEN = re.compile(r"[;|,]")
_FOLDERS = {"lastfm_train": "train", "lastfm_test": "test"}
_SPELLING = {tag.casefold(): tag for tag in TAGS["msd"]}
_AGAIN = "Correct the row, or drop it."


def matches(path: Path) -> bool:
    """Tell whether a path is a list whose first row is of an MSD id, or a folder that holds lastfm_train."""
    if not path.is_file():
        return (path / "lastfm_train").is_dir()
    if path.suffix.lower() not in _SUFFIXES:
        return False
    try:
        rows = list(itertools.islice(_read_cells(path), 2))
    except DataError:
        return False
    if not rows or _is_id(rows[0][1]):
        return bool(rows)
    header = [name.strip().lower() for name in rows[0][1]]
    return len(rows) == 2 and _is_header(header) and "path" not in header and _is_id(rows[1][1])


def suit_options(classes: Iterable[str]) -> dict[str, object]:
    """Read the tags of a task."""
    return {"tags": tuple(classes)} if classes else {}


def read_tracks(
    path: Path,
    *,
    audio: str | Path | None = None,
    tags: str | Path | Iterable[str] = "top50",
    drop_untagged: bool = False,
    split: str = "all",
    say: Callable[[str], object] = be_silent,
) -> list[Track]:
    """Read tags of the Million Song Dataset.

    Parameters
    ----------
    path : Path
        The list, or the folder that holds lastfm_train and lastfm_test.
    audio : str, Path or None
        Folder of the audio; None is audio beside the list, or the list's own folder.
    tags : str, Path or iterable of str
        "top50", "all" or a file with one tag per line.
    drop_untagged : bool
        Whether tracks without any of the tags are left out.
    split : str
        "all": in no split; "official": the column split of the list, or lastfm_train and lastfm_test.
    say : callable
        Gets a sentence on tracks without audio, audio without tags, and artists on two sides.

    Returns
    -------
    list[Track]
        Sorted by id, the MSD's.

    Raises
    ------
    DataError
        When an option does not fit, a file cannot be read, two files have one id, or no track has audio; and with file
        and row when a row has no MSD id or no tags, or a track is there twice.
    """
    check_choice("split", split, SPLITS, "msd")
    if not (path.is_file() or (path / "lastfm_train").is_dir()):
        remedy = "Give the list, or the folder of lastfm_train."
        raise DataError(explain("tags of the MSD", EXPECTED, describe(path), path, remedy))
    path = Path(os.path.abspath(path))
    folder = path.parent if path.is_file() else path
    root = find_audio("the MSD", audio, (folder / "audio", folder))
    files = _find_files(root)
    rows = _read_list(path) if path.is_file() else _read_lastfm(path, files)
    found: dict[str, dict[str, Any]] = {}
    n_missing = 0
    for number, row in rows:
        if number in files:
            found[number] = row
        else:
            n_missing += 1
    if not found:
        rule, remedy = (
            "files with the id of a track in their names",
            "Give the folder of the audio as the option audio.",
        )
        raise DataError(explain("audio of the MSD", rule, f"{len(files)} with other ids", root, remedy))
    if n_missing:
        say(f"left out: {n_missing} tracks of the list, whose audio is not there")
    if len(files) > len(found):
        say(f"left out: {len(files) - len(found)} audio files, which have no tags")
    chosen = set(choose_tags(tags, {"top50": TAGS["msd"]}, {tag for row in found.values() for tag in row["tags"]}))
    tracks = [
        Track(
            id=number,
            path=str(files[number]),
            label="",
            artist=row.get("artist") or None,
            split=row.get("split") if split == "official" else None,
            columns=row["columns"],
            tags=tuple(set(row["tags"]) & chosen),
        )
        for number, row in sorted(found.items())
    ]
    tracks = leave_out(tracks, say) if drop_untagged else tracks
    if split == "official" and not any(track.split for track in tracks):
        remedy = "Add the column, or leave the option split out."
        raise DataError(explain("split", "a column split that tells the sides", "none", path, remedy))
    return free_artists(tracks, say) if split == "official" else tracks


def _is_id(cells: list[str]) -> bool:
    return ID.fullmatch(cells[0].strip()) is not None


def _is_header(cells: list[str]) -> bool:
    return cells[0].strip().lower() == "track_id"


def _find_files(root: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for file in walk_files(root):
        match = ID.search(file.name)
        if match is None or not is_audio(file):
            continue
        if match[0] in files:
            where, remedy = f"beside {files[match[0]]}", "Keep one of the two."
            raise DataError(explain("audio of the MSD", "one file per id", str(file), where, remedy))
        files[match[0]] = file
    return files


def _read_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a list that are no comments."""
    with_tabs = any(len(cells) > 1 for _, cells in itertools.islice(read_rows(path, "\t", quoted=False), 20))
    for line, cells in read_rows(path, "\t" if with_tabs else ",", quoted=not with_tabs):
        if not cells[0].lstrip().startswith("#"):
            yield line, [cell.strip() for cell in cells]


def _read_list(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the id and what is known of every row."""
    rows = _read_cells(path)
    line, cells = next(rows, (1, [""]))
    names: list[str] = []
    if _is_header(cells):
        names = [name.lower() if name.lower() in ("track_id", "tags", "artist", "split") else name for name in cells]
        if "tags" not in names:
            raise row_error("header", "a column tags", ", ".join(names), path, line, "Name the column of the tags.")
    else:
        rows = itertools.chain([(line, cells)], rows)
    line_of: dict[str, int] = {}
    for line, cells in rows:
        number = cells[0]
        if not _is_id(cells):
            raise row_error("track id", "an id such as TRAAAAK128F9318786", number, path, line, _AGAIN)
        if number in line_of:
            remedy = f"Drop one: it is also in row {line_of[number]}."
            raise row_error("track id", "each track once", number, path, line, remedy)
        line_of[number] = line
        if names and len(cells) != len(names):
            raise row_error("row", f"{len(names)} cells", len(cells), path, line, _AGAIN)
        row = dict(zip(names, cells, strict=True)) if names else {"tags": ",".join(cells[1:])}
        side = row.pop("split", "")
        if side and read_role(side) is None:
            raise row_error("split", "train, valid or test", side, path, line, "Correct the column.")
        tags, artist = _split_tags(row.pop("tags")), row.pop("artist", "")
        if not names and not tags:
            raise row_error("row", "an id and a tag or more", number, path, line, _AGAIN)
        row.pop("track_id", None)
        yield number, {"tags": tags, "artist": artist, "split": read_role(side) if side else None, "columns": row}


def _split_tags(text: str) -> list[str]:
    return [_SPELLING.get(tag.casefold(), tag) for tag in map(str.strip, _BETWEEN.split(text)) if tag]


def _read_lastfm(folder: Path, files: Mapping[str, Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what last.fm's files say of the ids that have audio."""
    for number in files:
        for name, side in _FOLDERS.items():
            file = folder / name / number[2] / number[3] / number[4] / f"{number}.json"
            if not file.is_file():
                continue
            found = read_json(file, "file of last.fm", "Unpack the archive again.", DataError)
            try:
                tags = [str(tag) for tag, _ in found["tags"]]
                artist, title = str(found.get("artist", "")), str(found.get("title", ""))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                rule = "tags as pairs of a name and a weight"
                raise DataError(explain("file of last.fm", rule, repr(error), file, "Unpack it again.")) from error
            tags = [_SPELLING.get(tag.casefold(), tag) for tag in tags if tag]
            yield number, {"tags": tags, "artist": artist, "split": side, "columns": {"title": title}}
            break
