"""MagnaTagATune: annotations_final.csv and clip_info_final.csv flow in, Tracks with tags flow out.

annotations_final.csv is tab-separated: clip_id, 188 columns of 0 and 1 named after their tags, and mp3_path, such as
"f/american_bach_soloists-j_s__bach_solo_cantatas-01-bwv54__i_aria-30-59.mp3", relative to the folder of the audio: 16
folders 0 to f, 25,863 clips of 29 seconds. clip_info_final.csv has clip_id, track_number, title, artist, album, url and
more. Three of the clips are empty files; the step that opens them reports them.

The split of the papers is by folder: 0 to b train, c validates, d to f test. It parts artists, so it is an option, and
without it folds are grouped by artist. The fifty tags of the papers are the fifty with most clips of the 188, in the
order of the released networks (`tags.TAGS`): they hold synonyms, such as "no vocal", "no vocals" and "no voice". The
option synonyms merges those first, as a list does that many have used (https://github.com/keunwoochoi/magnatagatune-list,
read in public scripts that quote it); then the fifty are the fifty with most clips after merging. Papers differ in
whether clips without any of the fifty are kept: the splits "tagged" and "tagged-folders" leave them out, as the papers
on SampleCNN and HarmonicCNN do.

References
----------
Law, West, Mandel, Bay and Downie, "Evaluation of algorithms using games: the case of music tagging", ISMIR 2009.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from essentia_ldl.datasets._genre_folders import layout_error
from essentia_ldl.datasets._official import check_choice, find_audio, free_artists, require_audio
from essentia_ldl.datasets._rows import read_named, read_rows, row_error
from essentia_ldl.datasets._tag_lists import choose_tags, drop_untagged
from essentia_ldl.errors import DataError
from essentia_ldl.progress import be_silent
from essentia_ldl.records import Track
from essentia_ldl.tags import TAGS

EXPECTED = "MagnaTagATune: annotations_final.csv, with a column per tag, beside clip_info_final.csv"
SPLITS = ("all", "tagged", "folders", "tagged-folders")
SIDE_OF = {**dict.fromkeys("0123456789ab", "train"), "c": "valid", **dict.fromkeys("def", "test")}
N_TOP = 50
# The name that is kept, and what is merged into it.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "beat": ("beats",),
    "chant": ("chanting",),
    "choir": ("choral",),
    "classical": ("clasical", "classic"),
    "drum": ("drums",),
    "electro": ("electric", "electronic", "electronica"),
    "fast": ("fast beat", "quick"),
    "female": (
        *("female singer", "female singing", "female vocal", "female vocals", "female voice"),
        *("woman", "woman singing", "women"),
    ),
    "flute": ("flutes",),
    "guitar": ("guitars",),
    "hard": ("hard rock",),
    "harpsichord": ("harpsicord",),
    "heavy": ("heavy metal", "metal"),
    "horn": ("horns",),
    "india": ("indian",),
    "jazz": ("jazzy",),
    "male": ("male singer", "male vocal", "male vocals", "male voice", "man", "man singing", "men"),
    "no beat": ("no drums",),
    "no singer": ("instrumental", "no singing", "no vocal", "no vocals", "no voice", "no voices"),
    "opera": ("operatic",),
    "orchestra": ("orchestral",),
    "quiet": ("silence",),
    "singer": ("singing",),
    "space": ("spacey",),
    "strange": ("weird",),
    "string": ("strings",),
    "synth": ("synthesizer",),
    "violin": ("violins",),
    "vocal": ("vocals", "voice", "voices"),
}
_NAME_OF = {other: name for name, others in SYNONYMS.items() for other in others}
_FILE, _INFO = "annotations_final.csv", "clip_info_final.csv"
_NEEDED = ("clip_id", "mp3_path")
_KEPT = ("title", "album", "clip_id")


def matches(path: Path) -> bool:
    """Tell whether a path is annotations_final.csv with clips and tags, or a folder that holds it."""
    table = _find_table(path)
    if table is None:
        return False
    try:
        _, header = next(read_rows(table, "\t", quoted=True), (1, []))
    except DataError:
        return False
    return set(_NEEDED) <= {name.strip() for name in header} and len(header) > len(_NEEDED)


def suit_options(classes: Iterable[str]) -> dict[str, object]:
    """Read the tags of a task."""
    return {"tags": tuple(classes)} if classes else {}


def read_tracks(
    path: Path,
    *,
    tags: str | Path | Iterable[str] = "top50",
    synonyms: bool = False,
    split: str = "all",
    audio: str | Path | None = None,
    say: Callable[[str], object] = be_silent,
) -> list[Track]:
    """Read MagnaTagATune.

    Parameters
    ----------
    path : Path
        annotations_final.csv, or the folder that holds it.
    tags : str, Path or iterable of str
        "top50", "all" or a file with one tag per line.
    synonyms : bool
        Whether synonyms are merged before anything else.
    split : str
        "all": in no split, with artists; "folders": 0 to b train, c validates, d to f test. Artists are a column then
        where the folders part one. "tagged" and "tagged-folders" are the same without the clips that have none of the
        tags.
    audio : str, Path or None
        Folder that holds 0/ to f/; None is mp3 beside the table, or the table's own folder.
    say : callable
        Gets a sentence on what was left out, and on artists of two sides.

    Returns
    -------
    list[Track]
        Sorted by id, which is mp3_path. Columns are clip_id, title and album. Without clip_info_final.csv the artist is
        what stands before the first hyphen of the file's name.

    Raises
    ------
    DataError
        When an option does not fit, or there is no audio; and with file and row when the header or a row does not fit,
        a cell of a tag is neither 0 nor 1, a path is not folder/file, or a path is there twice.
    """
    check_choice("split", split, SPLITS, "magnatagatune")
    table = _find_table(path)
    if table is None:
        raise layout_error("MagnaTagATune", EXPECTED, path)
    clips = _read_clips(table, synonyms)
    counts = Counter(tag for _, found in clips.values() for tag in found)
    top = TAGS["mtt"] if not synonyms else [tag for tag, _ in sorted(counts.items(), key=_order)[:N_TOP]]
    chosen = set(choose_tags(tags, {"top50": top}, counts))
    root = find_audio("MagnaTagATune", audio, (table.parent / "mp3", table.parent))
    information = _read_information(table.with_name(_INFO))
    tracks = []
    for file, (clip, found) in clips.items():
        known = information.get(clip, {})
        artist = known.get("artist") or ("" if information else file.rpartition("/")[2].partition("-")[0])
        tracks.append(
            Track(
                id=file,
                path=str(root / file),
                label="",
                artist=artist or None,
                split=SIDE_OF[file[0]] if split.endswith("folders") else None,
                columns={"clip_id": clip, **{name: known[name] for name in _KEPT if name in known}},
                tags=tuple(found & chosen),
            )
        )
    tracks = drop_untagged(tracks, say) if split.startswith("tagged") else tracks
    require_audio("MagnaTagATune", tracks, root)
    tracks = free_artists(tracks, say) if split.endswith("folders") else tracks
    return sorted(tracks, key=lambda track: track.id)


def _order(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _find_table(path: Path) -> Path | None:
    table = path if path.is_file() else path / _FILE
    return Path(os.path.abspath(table)) if table.name == _FILE and table.is_file() else None


def _read_clips(table: Path, synonyms: bool) -> dict[str, tuple[str, set[str]]]:
    """Read the clip_id and all tags of every clip, by path."""
    clips: dict[str, tuple[str, set[str]]] = {}
    for line, row in read_named(table, "\t", _NEEDED):
        file, clip = row.pop("mp3_path"), row.pop("clip_id")
        if file[1:2] != "/" or file[:1] not in SIDE_OF or len(file) < 3:
            raise row_error("mp3_path", "0/file to f/file", file, table, line, "Download the table again.")
        if file in clips:
            raise row_error("mp3_path", "each clip once", file, table, line, "Drop the repeated row.")
        for tag, value in row.items():
            if value not in ("0", "1"):
                raise row_error(f"tag {tag}", "0 or 1", value, table, line, "Correct the cell.")
        found = {tag for tag, value in row.items() if value == "1"}
        clips[file] = (clip, {_NAME_OF.get(tag, tag) for tag in found} if synonyms else found)
    return clips


def _read_information(table: Path) -> Mapping[str, Mapping[str, str]]:
    """Read what clip_info_final.csv says of every clip; empty when there is none."""
    if not table.is_file():
        return {}
    return {row["clip_id"]: row for _, row in read_named(table, "\t", ("clip_id", "artist"))}
