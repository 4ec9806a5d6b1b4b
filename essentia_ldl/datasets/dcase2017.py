"""DCASE 2017 task 4, sounds for smart cars: the lists of weak labels flow in, Tracks with tags flow out.

groundtruth_weak_label_{training,testing,evaluation}_set.csv, tab-separated and without a header: file, start and end in
seconds, and one label; a file with several labels has several rows. Labels are 17 classes of AudioSet, some with a
comma in the name ("Fire engine, fire truck (siren)"). A file is named after its video and the excerpt, such as
"-5QrBL6MzLg_60.000_70.000.wav", ten seconds at 44.1 kHz, and on disk it has a Y before the name. There are 51,172 files
to train, 488 to test and 1103 to evaluate. With the evaluation list, testing validates and evaluation tests; without
it, testing tests.

Source: the README of the task's repository (ankitshah009 on GitHub) and public scripts that read the lists.

References
----------
Mesaros et al., "DCASE 2017 challenge setup: tasks, datasets and baseline system", 2017.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from essentia_ldl.content import is_audio
from essentia_ldl.datasets._genre_folders import layout_error
from essentia_ldl.datasets._official import find_audio, require_audio
from essentia_ldl.datasets._rows import read_number, read_rows, row_error
from essentia_ldl.datasets._walk import walk_files
from essentia_ldl.progress import be_silent
from essentia_ldl.records import Track

EXPECTED = "DCASE 2017 task 4: groundtruth_weak_label_training_set.csv and its testing and evaluation lists"
CLASSES = (
    *("Air horn, truck horn", "Ambulance (siren)", "Bicycle", "Bus", "Car", "Car alarm", "Car passing by"),
    *("Civil defense siren", "Fire engine, fire truck (siren)", "Motorcycle", "Police car (siren)"),
    *("Reversing beeps", "Screaming", "Skateboard", "Train", "Train horn", "Truck"),
)
PARTS = ("training", "testing", "evaluation")
_FILE = "groundtruth_weak_label_{}_set.csv"
_NAME = re.compile(r"(.+)_(\d+(?:\.\d+)?)_(\d+(?:\.\d+)?)\.\w+")
N_CELLS = 4


def matches(path: Path) -> bool:
    """Tell whether a path is one of the lists, or a folder that holds the training list."""
    return bool(_find_lists(path))


def read_tracks(
    path: Path, *, audio: str | Path | None = None, say: Callable[[str], object] = be_silent
) -> list[Track]:
    """Read the lists that are there.

    Parameters
    ----------
    path : Path
        The folder of the lists, or one of them, whose others are read too.
    audio : str, Path or None
        Folder that holds the files, at any depth, with or without the Y before their names; None is audio beside the
        lists, or their own folder.
    say : callable
        Gets a sentence on the files that are not there: videos vanish.

    Returns
    -------
    list[Track]
        Sorted by id, such as "-5QrBL6MzLg_60.000_70.000.wav"; those alone whose file is there. Columns are video, start
        and end.

    Raises
    ------
    DataError
        When there are no lists, or no audio of any file; and with file and row when a row does not have four cells, a
        label is none of the 17, a file is in two lists, or a time is no number.
    """
    lists = _find_lists(path)
    if not lists:
        raise layout_error("DCASE 2017 task 4", EXPECTED, path)
    side_of = {"training": "train", "testing": "valid" if "evaluation" in lists else "test", "evaluation": "test"}
    labels, part_of = _read_labels(lists)
    folder = next(iter(lists.values())).parent
    root = find_audio("DCASE 2017 task 4", audio, (folder / "audio", folder))
    files = {file.name: file for file in walk_files(root) if is_audio(file)}
    tracks, missing = [], []
    for name, (start, end, found) in labels.items():
        file = files.get(f"Y{name}", files.get(name))
        if file is None:
            missing.append(name)
            file = root / f"Y{name}"
        match = _NAME.fullmatch(name)
        tracks.append(
            Track(
                id=name,
                path=str(file),
                label="",
                split=side_of[part_of[name]],
                columns={"video": match[1] if match else "", "start": start, "end": end},
                tags=tuple(found),
            )
        )
    require_audio("DCASE 2017 task 4", tracks, root)
    if missing:
        say(f"left out: {len(missing)} of {len(tracks)} files of the lists, which are not there, such as {missing[0]}")
    left_out = set(missing)
    return sorted((track for track in tracks if track.id not in left_out), key=lambda track: track.id)


def _find_lists(path: Path) -> dict[str, Path]:
    folder = path.parent if path.is_file() else path
    is_other = path.is_file() and path.name not in map(_FILE.format, PARTS)
    if is_other or not (folder / _FILE.format("training")).is_file():
        return {}
    found = {part: Path(os.path.abspath(folder / _FILE.format(part))) for part in PARTS}
    return {part: file for part, file in found.items() if file.is_file()}


def _read_labels(lists: Mapping[str, Path]) -> tuple[dict[str, tuple[str, str, set[str]]], dict[str, str]]:
    """Read (start, end, labels) and the list of every file."""
    labels: dict[str, tuple[str, str, set[str]]] = {}
    part_of: dict[str, str] = {}
    for part, table in lists.items():
        for line, cells in read_rows(table, "\t", quoted=False):
            if len(cells) != N_CELLS:
                rule = "four cells: file, start, end and label, with tabs between"
                raise row_error("row", rule, len(cells), table, line, "Download the list again.")
            name, start, end, label = (cell.strip() for cell in cells)
            if label not in CLASSES or not name:
                raise row_error("label", "one of the 17 of the task", label, table, line, "Correct the row.")
            read_number(start, "start", table, line), read_number(end, "end", table, line)
            if part_of.setdefault(name, part) != part:
                rule = "each file in one list"
                raise row_error("file", rule, name, table, line, f"It is in the {part_of[name]} list too: drop one.")
            labels.setdefault(name, (start, end, set()))[2].add(label)
    return labels, part_of
