"""The demo: class names flow in, a folder of synthesised music with its index flows out, and is read as a table.

Nothing is downloaded. The audio is 16-bit mono at 44.1 kHz. A track lies between the style of its class and that of
another class, most of them near their own and about one in eighteen past the middle, so that no classifier can be
perfect. Artists have a sound of their own; two of each class's artists also work for a neighbouring class.

With sub-styles it is a demo for artist group factors: hundreds of artists with a few tracks each, at home in one
sub-style of a class, whose class labels are those of their albums and therefore not always right (`_albums` tells what
is drawn how). A track then lies between the sub-style that it is played in and another one of any class. The index has
three columns more: album, subgenres (of the artist, joined by ";") and plays, the truth: the sub-style of the track.

For a multi-label task and for a regression the names are tags or dimensions, and audible (`_traits`). The index then
has a column per name instead of the label: 0 or 1, or a number from 1 to 9.
"""

from __future__ import annotations

import csv
import dataclasses
import glob
import json
import os
import shutil
import wave
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from essentia_ldl.choices import KINDS, MULTI_LABEL, SINGLE_LABEL
from essentia_ldl.datasets import _pictures, _plans, _styles, _synth, _traits, table
from essentia_ldl.errors import DataError, Reason, StoreError, explain
from essentia_ldl.files import read_json
from essentia_ldl.progress import hides_bars
from essentia_ldl.records import Track
from essentia_ldl.tables import read_csv

EXPECTED = "a demo made by this program: a folder that holds demo.json"
VERSION = 1  # of the synthesis; a demo of another version is made again
MIN_DURATION_S = 20.0  # a segment of the label distribution learning paper
MIN_SUBSTYLES_DURATION_S = 8.0  # its patches are of one second; of tags and dimensions, of three
N_TRACKS = 120  # with tags or dimensions, where nothing else is asked for
_COLUMNS = {"path", "label", "artist", "split", "title", "cover"}  # of the index, beside tags or dimensions
_OURS = {"demo.json", "index.csv", "audio", "covers"}


def matches(path: Path) -> bool:
    """Tell whether a path is a demo folder."""
    return (path / "demo.json").is_file()


def read_tracks(path: Path) -> list[Track]:
    """Read a demo.

    Parameters
    ----------
    path : Path
        Folder that `build_demo` made.

    Returns
    -------
    list[Track]
        In the order of its index.

    Raises
    ------
    DataError
        When the index is missing or broken.
    """
    try:
        parameters = read_json(path / "demo.json")
    except OSError:
        parameters = {}
    kind, names = SINGLE_LABEL, ()
    if isinstance(parameters, dict) and parameters.get("kind", kind) in KINDS:
        kind, names = parameters.get("kind", kind), tuple(map(str, parameters.get("classes", ())))
    return table.read_tracks(path / "index.csv", kind=kind, classes=names)


@dataclasses.dataclass(frozen=True)
class DemoSize:
    """How large a demo is.

    Parameters
    ----------
    n_tracks : int or None
        Tracks per class; None follows the task: 40 for two classes, at least 24 for more, three per artist with
        sub-styles. With tags or dimensions, tracks in all; None is `N_TRACKS`.
    n_artists : int or None
        Artists per class, at most `n_tracks`; None is one for every five tracks, but six or more where the tracks allow
        it; 15 a sub-style with sub-styles. From three on, two of them also have tracks in a neighbouring class; with
        sub-styles nobody is counted for two classes. With tags or dimensions, artists in all.
    n_substyles : int
        Sub-styles a class, at most `_styles.MAX_SUBSTYLES`; 0 is the demo without.
    covers : bool
        Whether every track has a picture (`_pictures`), named in a column `cover` of the index.
    duration_s : float or None
        Seconds a track, at least `MIN_DURATION_S`, or `MIN_SUBSTYLES_DURATION_S` with sub-styles, tags or dimensions;
        None is 21, or 10.
    """

    n_tracks: int | None = None
    n_artists: int | None = None
    n_substyles: int = 0
    duration_s: float | None = None
    covers: bool = False

    def complete(self, n_classes: int, kind: str = SINGLE_LABEL) -> DemoSize:
        """Return the size with a number for every None."""
        n_tracks, n_artists = self.n_tracks, self.n_artists
        if kind != SINGLE_LABEL and n_tracks is None:
            n_tracks = N_TRACKS
        if self.n_substyles:
            if n_artists is None:
                least = self.n_substyles
                n_artists = 15 * least if n_tracks is None else min(n_tracks, max(least, n_tracks // 3))
            n_tracks = 3 * n_artists if n_tracks is None else n_tracks
        n_tracks = max(24, 80 // max(1, n_classes)) if n_tracks is None else n_tracks
        n_artists = min(n_tracks, max(6, n_tracks // 5)) if n_artists is None else n_artists
        duration_s = (
            (10.0 if self.n_substyles or kind != SINGLE_LABEL else 21.0) if self.duration_s is None else self.duration_s
        )
        return DemoSize(n_tracks, n_artists, self.n_substyles, duration_s, self.covers)


def build_demo(
    root: Path,
    classes: Sequence[str],
    size: DemoSize | None = None,
    *,
    seed: int = 0,
    replace: bool = True,
    kind: str = SINGLE_LABEL,
) -> Path:
    """Synthesise a demo collection, or take the complete one that is already there.

    Parameters
    ----------
    root : Path
        Folder to make. It appears under this name when it is complete, not before. A demo of other parameters is
        replaced; a folder that holds anything else is left alone.
    classes : Sequence[str]
        Class names, in any order. Known moods and their negations sound as they should (`_styles.KNOWN_STYLES`). Tags
        (`_traits.TAGS`) or dimensions (`_traits.DIMENSIONS`) of the other kinds.
    size : DemoSize or None
        How many tracks, artists and sub-styles, and how long; None follows the task.
    seed : int
        Another seed is another collection.
    replace : bool
        Whether a demo of other parameters is replaced; otherwise it is an error.
    kind : str
        One of `choices.KINDS`.

    Returns
    -------
    Path
        `root`, holding ``audio/*.wav``, index.csv (path, label, artist, split, title; with sub-styles also album,
        subgenres, plays) and demo.json (the parameters).

    Raises
    ------
    DataError
        When a parameter is out of range, or `root` holds something that is not a demo.
    StoreError
        When the files cannot be written.
    """
    root = Path(os.path.abspath(root))
    classes = sorted(classes)
    size = (size or DemoSize()).complete(len(classes), kind)
    _check_parameters(classes, size, seed, kind)
    parameters = {
        "version": VERSION,
        "classes": classes,
        "n_tracks": size.n_tracks,
        "n_artists": size.n_artists,
        "seed": seed,
        "duration_s": size.duration_s,
    } | ({"n_substyles": size.n_substyles} if size.n_substyles else {})
    parameters |= {} if kind == SINGLE_LABEL else {"kind": kind}
    parameters |= {"covers": True} if size.covers else {}
    if _is_complete(root, parameters):
        return root
    if (root / "demo.json").is_file() and not replace:
        raise DataError(
            explain("demo folder", "a new folder", "a demo of other parameters", root, "Take another folder.")
        )
    if root.exists() and (not root.is_dir() or not {p.name for p in root.iterdir()} <= _OURS):
        raise DataError(
            explain("demo folder", "a new folder or an older demo", str(root), "build_demo", "Take another folder.")
        )
    building = root.with_name(f".{root.name}.{os.getpid()}.building")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(root)
        (building / "audio").mkdir(parents=True)
        _write_collection(building, parameters)
        if _is_complete(root, parameters):  # another process was faster
            return root
        if root.exists():
            shutil.rmtree(root)
        os.rename(building, root)
    except OSError as error:
        remedy = "Free some space or take another folder."
        raise StoreError(f"{root} could not be made: {Reason(error)}. {remedy}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return root


def _check_parameters(classes: list[str], size: DemoSize, seed: int, kind: str) -> None:
    """Raise `DataError` when something is out of range; the size is complete."""
    if kind not in KINDS:
        raise DataError(explain("kind of a demo", " or ".join(KINDS), kind, "build_demo", "Correct it."))
    fewest, rule = (2, "two different names or more") if kind == SINGLE_LABEL else (1, "different names")
    if len(set(classes)) != len(classes) or len(classes) < fewest or not all(name.strip() for name in classes):
        raise DataError(explain("demo classes", rule, classes, "build_demo", "Correct them."))
    if kind != SINGLE_LABEL and (taken := _COLUMNS & set(classes)):
        rule = "names that are no column of the index"
        raise DataError(explain("demo classes", rule, ", ".join(sorted(taken)), "build_demo", "Take another name."))
    if kind != SINGLE_LABEL:
        _traits.find_traits(classes, _traits.TAGS if kind == MULTI_LABEL else _traits.DIMENSIONS)
    most, fewest = _styles.MAX_SUBSTYLES if kind == SINGLE_LABEL else 0, max(1, size.n_substyles)
    shortest = MIN_SUBSTYLES_DURATION_S if size.n_substyles or kind != SINGLE_LABEL else MIN_DURATION_S
    n_tracks, n_artists, n_substyles = size.n_tracks or 0, size.n_artists or 0, size.n_substyles
    duration_s = size.duration_s or 0.0
    for name, value, rule, valid in (
        ("n_substyles", n_substyles, f"0 to {most}", 0 <= n_substyles <= most),
        ("n_artists", n_artists, f"{fewest} or more", n_artists >= fewest),
        ("n_tracks", n_tracks, f"n_artists ({n_artists}) or more", n_tracks >= n_artists),
        ("seed", seed, "0 or more", seed >= 0),
        ("duration_s", duration_s, f"{shortest:g} or more", duration_s >= shortest),
    ):
        if not valid:
            raise DataError(explain(name, rule, value, "build_demo", "Correct the option."))


def _is_complete(root: Path, parameters: dict) -> bool:
    try:
        if read_json(root / "demo.json") != parameters:
            return False
        header, *rows = read_csv(root / "index.csv", "demo", "Make it again.")
        sizes = {(root / row[header.index("path")]).stat().st_size for row in rows}
    except (OSError, ValueError, IndexError):
        return False
    return len(sizes) == 1  # all tracks are equally long; a truncated one is not


def _remove_abandoned(root: Path) -> None:
    """Remove what a killed build of this demo left behind, unless its process still runs."""
    for left in root.parent.glob(f".{glob.escape(root.name)}.*.building"):
        pid = left.name.split(".")[-2]
        try:
            os.kill(int(pid), 0)
        except (ProcessLookupError, ValueError):
            shutil.rmtree(left, ignore_errors=True)
        except PermissionError:  # it runs, for another user
            continue


def _draw_cover(folder: Path, track: _plans.Planned, classes: Sequence[str]) -> _plans.Planned:
    """Draw the picture of a track, and name it in its row."""
    known = [n for n, name in enumerate(classes) if track.row.get(name) == "1" or track.row.get("label") == name]
    pixels = _pictures.draw_cover(known, len(classes), np.random.default_rng([*track.entropy, 5]))
    name = f"covers/{Path(track.row['path']).stem}.png"
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(_pictures.encode_png(pixels))
    return dataclasses.replace(track, row={**track.row, "cover": name})


def _write_collection(folder: Path, parameters: dict) -> None:
    planned = _plans.plan_tracks(parameters)
    if parameters.get("covers"):
        planned = [_draw_cover(folder, track, parameters["classes"]) for track in planned]

    def write_track(track: _plans.Planned) -> None:
        rng = np.random.default_rng(track.entropy)
        signal = _synth.render_track(track.style, track.artist, rng, parameters["duration_s"])
        with wave.open(str(folder / track.row["path"]), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(_synth.SAMPLE_RATE_HZ)
            file.writeframes(np.round(signal * 32767).astype("<i2").tobytes())

    # Threads are enough: numpy lets go of the interpreter in the long operations.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        try:
            for _ in tqdm(
                pool.map(write_track, planned), total=len(planned), desc="demo", unit="track", disable=hides_bars()
            ):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    with open(folder / "index.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, planned[0].row, lineterminator="\n")
        writer.writeheader()
        writer.writerows(track.row for track in planned)
    (folder / "demo.json").write_text(json.dumps(parameters, indent=2) + "\n", encoding="utf-8")
