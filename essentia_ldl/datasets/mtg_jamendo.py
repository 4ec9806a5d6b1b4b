"""MTG-Jamendo's music-classification annotations: a clean or raw TSV flows in, the Tracks of one taxonomy flow out.

Cells by position: TRACK_ID, ARTIST_ID, ALBUM_ID, PATH, DURATION, then one or more `<taxonomy>---a1,a2,a3`, an answer
of each annotator. A track counts when three annotators gave the same answer. `unmatched` is no answer, and
`instrumental` is one only in voice_instrumental (gender rows of the clean file hold it too). Numbers of tracks come
from the file: those in its README differ. Labels leave with the class names of Essentia's models. The tracks are those
of the test side of split-0, so `Track.split` is None.

The files are CC BY-NC-SA 4.0 and not shipped; they are in derived/music-classification-annotations/ of
https://github.com/MTG/mtg-jamendo-dataset.

References
----------
Bogdanov et al., "The MTG-Jamendo dataset for automatic music tagging", 2019, and the README beside the files.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from essentia_ldl.datasets import dortmund
from essentia_ldl.datasets._genre_folders import describe
from essentia_ldl.datasets._rows import read_rows, row_error
from essentia_ldl.discover import unknown
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Track

EXPECTED = "MTG-Jamendo's music-classification-annotations-clean.tsv or -raw.tsv"
FILES = ("music-classification-annotations-clean.tsv", "music-classification-annotations-raw.tsv")
COLUMNS = ("TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION")
N_ANNOTATORS = 3


def _mood(name: str, negative: str = "non") -> dict[str, tuple[str, ...]]:
    return {name: (), f"{negative}_{name}": (f"not {name}", f"non {name}")}


# Essentia's class names of each taxonomy and the other spellings of them in the files, their README and the annotation
# tool; case and everything but letters and digits do not count.
CLASSES: dict[str, dict[str, tuple[str, ...]]] = {
    "genre_dortmund": dict.fromkeys(dortmund.CLASSES, ()),
    "genre_rosamerica": {
        "cla": ("classic", "classical"),
        "dan": ("dance",),
        "hip": ("hip hop",),
        "jaz": ("jazz",),
        "pop": (),
        "rhy": ("rhythm and blues", "rnb", "r&b"),
        "roc": ("rock",),
        "spe": ("speech",),
    },
    "genre_tzanetakis": {
        "blues": ("blu",),
        "classic": ("cla", "classical"),
        "country": ("cou",),
        "disco": ("dis",),
        "hip hop": ("hip",),
        "jazz": ("jaz",),
        "metal": ("met",),
        "pop": (),
        "reggae": ("reg",),
        "rock": ("roc",),
    },
    "genre_electronic": {"ambient": ("ambeint",), "dnb": (), "house": (), "techno": (), "trance": ()},
    "mood_acoustic": _mood("acoustic"),
    "mood_aggressive": _mood("aggressive", "not"),
    "mood_electronic": _mood("electronic"),
    "mood_happy": _mood("happy"),
    "mood_party": _mood("party"),
    "mood_relaxed": _mood("relaxed"),
    "mood_sad": _mood("sad"),
    "danceability": _mood("danceable", "not"),
    "voice_instrumental": {"instrumental": (), "voice": ()},
    "gender": {"female": (), "male": ()},
    "tonal_atonal": {"atonal": (), "tonal": ()},
}


def _spell_taxonomies() -> dict[str, str]:
    spellings = {name.partition("_")[2]: name for name in CLASSES if name.startswith(("genre_", "mood_"))}
    # "electronic" alone is the mood; the README of the files writes genre_acoustic for mood_acoustic
    return {**spellings, "electronic": "mood_electronic", "genre_acoustic": "mood_acoustic", **{n: n for n in CLASSES}}


TAXONOMY_OF = _spell_taxonomies()


def matches(path: Path) -> bool:
    """Tell whether a path is one of the two TSVs, by its header and first row, or a folder that holds one."""
    table = _find_table(path)
    if table is None:
        return False
    try:
        rows = [cells for _, cells in itertools.islice(read_rows(table, "\t", quoted=False), 2)]
    except DataError:
        return False
    # the other TSVs of MTG-Jamendo have the same header and tags such as genre---rock
    return (
        len(rows) == 2
        and _is_header(rows[0])
        and any(re.fullmatch(r"[^-,]+---[^,]*(,[^,]*)*", cell) and _is_known(cell) for cell in rows[1][len(COLUMNS) :])
    )


def taxonomy_of(task: str) -> str:
    """Return the taxonomy that a task is evaluated on.

    Parameters
    ----------
    task : str
        Name of a task or taxonomy: "mood-sad", "mood_sad" and "sad" are one, "genre-dortmund" and "dortmund" too.
        "electronic" alone is mood_electronic.

    Returns
    -------
    str
        A key of `CLASSES`, such as "mood_sad". A file may write either spelling.

    Raises
    ------
    UnknownNameError
        When there are no annotations for the task.
    """
    key = task.strip().lower().replace("-", "_")
    if key not in TAXONOMY_OF:
        raise unknown("taxonomy", task, CLASSES)
    return TAXONOMY_OF[key]


def read_tracks(path: Path, *, taxonomy: str | None = None, audio: str | Path | None = None) -> list[Track]:
    """Read the tracks of one taxonomy.

    Parameters
    ----------
    path : Path
        One of the two TSVs, or a folder that holds them, where the clean one is taken first.
    taxonomy : str or None
        What `taxonomy_of` accepts, such as "mood_sad" or a task's name; None takes the only one of the file.
    audio : str, Path or None
        Folder that holds 00/1234.mp3 or 00/1234.low.mp3, or audio/ or audio-low/ with them; None is the folder of the
        TSV.

    Returns
    -------
    list[Track]
        Sorted by id, which is PATH. The artist is ARTIST_ID; columns are track_id, album and duration_s. Single audio
        files may be missing: the step that opens them reports that.

    Raises
    ------
    DataError
        When the file is not one of these, the taxonomy is not in it, no track is agreed on, a label is unknown, or
        there is no audio; and with file and row when a row has too few columns, an empty cell where one is needed, an
        annotation that is not `<taxonomy>---a1,a2,a3`, or repeats a path.
    UnknownNameError
        When the taxonomy is not one of MTG-Jamendo's.
    """
    wanted = None if taxonomy is None else taxonomy_of(taxonomy)
    table = _require_table(path)
    root = _check_audio(table, audio)
    rows = list(_read_annotations(table))
    present: Counter[str] = Counter()
    for _, _, labels in rows:
        present.update({name: int(label is not None) for name, label in labels.items()})
    if wanted is None and len(present) == 1 and set(present) <= set(CLASSES):
        (wanted,) = present
    if wanted not in present:
        held = ", ".join(f"{name} ({present[name]} tracks)" for name in sorted(present)) or "no annotations"
        remedy = "Choose with the option taxonomy, such as --option taxonomy=mood-sad; tasks and taxonomies both count."
        raise DataError(explain("taxonomy", f"one of the file's: {held}", taxonomy, table, remedy))

    class_of = _spell_labels(wanted)
    tracks, strange = [], Counter()
    first_line: dict[str, int] = {}
    for line, cells, labels in rows:
        label = labels.get(wanted)
        if not label:
            continue
        if _plain(label) not in class_of:
            strange[label] += 1
            first_line.setdefault(label, line)
            continue
        track_id, artist, album, file, duration = cells[: len(COLUMNS)]
        tracks.append(
            Track(
                id=file,
                path=find_file(root, file),
                label=class_of[_plain(label)],
                artist=artist or None,
                columns={"track_id": track_id, "album": album, "duration_s": duration},
            )
        )
    if strange:
        rule = f"{', '.join(CLASSES[wanted])} in {wanted}"
        remedy = "Correct the rows, or add the spelling to CLASSES."
        raise row_error("labels", rule, dict(sorted(strange.items())), table, min(first_line.values()), remedy)
    if not tracks:
        rule = f"a track of {wanted} on which {N_ANNOTATORS} annotators agree"
        raise DataError(explain("annotations", rule, 0, table, "Take another taxonomy."))
    if not any(os.path.exists(track.path) for track in tracks):
        remedy = "Put the audio beside the TSV, or give its folder as the option audio."
        rule = "files such as 00/1234.mp3 or 00/1234.low.mp3, also below audio/ or audio-low/"
        raise DataError(explain("audio of MTG-Jamendo", rule, tracks[0].path, "every track", remedy))
    return sorted(tracks, key=lambda track: track.id)


def _find_table(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix.lower() == ".tsv" else None
    return next((path / name for name in FILES if (path / name).is_file()), None)


def _require_table(path: Path) -> Path:
    table = _find_table(path)
    if table is None:
        remedy = "Give one of the two TSVs of derived/music-classification-annotations."
        raise DataError(explain("MTG-Jamendo", EXPECTED, describe(path), path, remedy))
    return table


def _is_header(cells: list[str]) -> bool:
    return tuple(cell.strip().upper() for cell in cells[: len(COLUMNS)]) == COLUMNS


def _taxonomy(name: str) -> str:
    """Return our name of a taxonomy that a file names; an unknown one as it stands."""
    name = name.strip()
    return TAXONOMY_OF.get(name.lower().replace("-", "_"), name)


def _is_known(cell: str) -> bool:
    return _taxonomy(cell.partition("---")[0]) in CLASSES


def _read_annotations(table: Path) -> Iterator[tuple[int, list[str], dict[str, str | None]]]:
    """Yield (line, cells, the agreed label of each taxonomy or None) of every track."""
    rows = read_rows(table, "\t", quoted=False)
    line, header = next(rows, (1, []))
    if not _is_header(header):
        rule = f"a header that begins with {' '.join(COLUMNS)}"
        raise row_error("MTG-Jamendo", rule, header, table, line, f"Give {EXPECTED}.")
    line_of: dict[str, int] = {}
    for line, cells in rows:
        cells = [cell.strip() for cell in cells]
        if len(cells) <= len(COLUMNS):
            rule = f"{len(COLUMNS) + 1} columns or more: {', '.join(COLUMNS)} and <taxonomy>---a1,a2,a3"
            raise row_error("annotation row", rule, len(cells), table, line, "Complete the row, or drop it.")
        file = cells[COLUMNS.index("PATH")]
        if not file:
            raise row_error("PATH", "the path of an audio file", file, table, line, "Fill it, or drop the row.")
        if file in line_of:
            remedy = f"Drop one: it is also in row {line_of[file]}."
            raise row_error("PATH", "each track once", file, table, line, remedy)
        line_of[file] = line
        yield line, cells, _read_labels(cells[len(COLUMNS) :], table, line)


def _read_labels(cells: list[str], table: Path, line: int) -> dict[str, str | None]:
    """Read the annotations of one row; a taxonomy that stands there twice counts when both agree."""
    answers: dict[str, list[list[str]]] = {}
    for cell in filter(None, cells):
        name, dashes, labels = cell.partition("---")
        if not dashes or not name.strip() or not labels.strip():
            raise row_error("annotation", "<taxonomy>---a1,a2,a3", cell, table, line, "Correct the cell.")
        answers.setdefault(_taxonomy(name), []).append([label.strip().lower() for label in labels.split(",")])
    return {taxonomy: _agree(taxonomy, given) for taxonomy, given in answers.items()}


def _agree(taxonomy: str, given: list[list[str]]) -> str | None:
    labels = {label for group in given for label in group}
    if len(labels) != 1 or any(len(group) != N_ANNOTATORS for group in given):
        return None
    (label,) = labels
    dropped = label == "unmatched" or (label == "instrumental" and taxonomy != "voice_instrumental")
    return None if dropped else label or None


def _plain(label: str) -> str:
    return re.sub(r"[^a-z0-9]", "", label.lower())


def _spell_labels(taxonomy: str) -> dict[str, str]:
    return {_plain(text): name for name, others in CLASSES[taxonomy].items() for text in (name, *others)}


def _check_audio(table: Path, audio: str | Path | None) -> Path:
    root = table.parent if audio is None else Path(audio).expanduser()
    if not root.is_dir():
        raise DataError(explain("audio of MTG-Jamendo", "a folder", str(audio), table, "Correct the option audio."))
    return Path(os.path.abspath(root))


def find_file(root: Path, file: str) -> str:
    """Return the file of a PATH; where there is none, the path where the full track should be."""
    low = f"{os.path.splitext(file)[0]}.low.mp3"
    names = (file, low, f"audio/{file}", f"audio-low/{low}")
    return next((str(root / name) for name in names if (root / name).is_file()), str(root / file))
