"""The demo: class names flow in, a folder of synthesised music with its index flows out, and is read as a table.

Nothing is downloaded. The audio is 16-bit mono at 44.1 kHz. A track lies between the style of its class and that of
another class, most of them near their own and about one in eighteen past the middle, so that no classifier can be
perfect. Artists have a sound of their own; two of each class's artists also work for a neighbouring class.

With sub-styles it is a demo for artist group factors: hundreds of artists with a few tracks each, at home in one
sub-style of a class, whose class labels are those of their albums and therefore not always right (`_albums` tells what
is drawn how). A track then lies between the sub-style that it is played in and another one of any class. The index has
three columns more: album, subgenres (of the artist, joined by ";") and plays, the truth: the sub-style of the track.
"""

from __future__ import annotations

import csv
import dataclasses
import glob
import json
import os
import re
import shutil
import wave
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from tqdm import tqdm

from essentia_ldl.datasets import _albums, _styles, _synth, table
from essentia_ldl.errors import DataError, Reason, StoreError, explain
from essentia_ldl.files import read_json
from essentia_ldl.progress import hides_bars
from essentia_ldl.records import Track
from essentia_ldl.tables import read_csv

EXPECTED = "a demo made by this program: a folder that holds demo.json"
VERSION = 1  # of the synthesis; a demo of another version is made again
MIN_DURATION_S = 20.0  # a segment of the label distribution learning paper
MIN_SUBSTYLES_DURATION_S = 8.0  # its patches are of one second
POSITIONS = NormalDist(0.21, 0.185)  # of the tracks between their own style (0) and another one (1)
TRACK_DEVIATION = 0.06
_OURS = {"demo.json", "index.csv", "audio"}
_TITLES = (("Blue", "Open", "Last", "Paper", "Silver", "Second"), ("River", "Window", "Train", "Garden", "Letter"))


@dataclasses.dataclass(frozen=True)
class _Planned:
    """A track to synthesise: its row of the index, how it is played, by whom, and the seed of its notes."""

    row: Mapping[str, str]
    style: _styles.Style
    artist: _synth.Artist
    entropy: tuple[int, ...]


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
    return table.read_tracks(path / "index.csv")


@dataclasses.dataclass(frozen=True)
class DemoSize:
    """How large a demo is.

    Parameters
    ----------
    n_tracks : int or None
        Tracks per class; None follows the task: 40 for two classes, at least 24 for more, three per artist with
        sub-styles.
    n_artists : int or None
        Artists per class, at most `n_tracks`; None is one for every five tracks, but six or more where the tracks allow
        it; 15 a sub-style with sub-styles. From three on, two of them also have tracks in a neighbouring class; with
        sub-styles nobody is counted for two classes.
    n_substyles : int
        Sub-styles a class, at most `_styles.MAX_SUBSTYLES`; 0 is the demo without.
    duration_s : float or None
        Seconds a track, at least `MIN_DURATION_S`, or `MIN_SUBSTYLES_DURATION_S` with sub-styles; None is 21, or 10.
    """

    n_tracks: int | None = None
    n_artists: int | None = None
    n_substyles: int = 0
    duration_s: float | None = None

    def complete(self, n_classes: int) -> DemoSize:
        """Return the size with a number for every None."""
        n_tracks, n_artists = self.n_tracks, self.n_artists
        if self.n_substyles:
            if n_artists is None:
                least = self.n_substyles
                n_artists = 15 * least if n_tracks is None else min(n_tracks, max(least, n_tracks // 3))
            n_tracks = 3 * n_artists if n_tracks is None else n_tracks
        n_tracks = max(24, 80 // max(1, n_classes)) if n_tracks is None else n_tracks
        n_artists = min(n_tracks, max(6, n_tracks // 5)) if n_artists is None else n_artists
        duration_s = (10.0 if self.n_substyles else 21.0) if self.duration_s is None else self.duration_s
        return DemoSize(n_tracks, n_artists, self.n_substyles, duration_s)


def build_demo(
    root: Path, classes: Sequence[str], size: DemoSize | None = None, *, seed: int = 0, replace: bool = True
) -> Path:
    """Synthesise a demo collection, or take the complete one that is already there.

    Parameters
    ----------
    root : Path
        Folder to make. It appears under this name when it is complete, not before. A demo of other parameters is
        replaced; a folder that holds anything else is left alone.
    classes : Sequence[str]
        Class names, in any order. Known moods and their negations sound as they should (`_styles.KNOWN_STYLES`).
    size : DemoSize or None
        How many tracks, artists and sub-styles, and how long; None follows the task.
    seed : int
        Another seed is another collection.
    replace : bool
        Whether a demo of other parameters is replaced; otherwise it is an error.

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
    size = (size or DemoSize()).complete(len(classes))
    _check_parameters(classes, size, seed)
    parameters = {
        "version": VERSION,
        "classes": classes,
        "n_tracks": size.n_tracks,
        "n_artists": size.n_artists,
        "seed": seed,
        "duration_s": size.duration_s,
    } | ({"n_substyles": size.n_substyles} if size.n_substyles else {})
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


def _check_parameters(classes: list[str], size: DemoSize, seed: int) -> None:
    """Raise `DataError` when something is out of range; the size is complete."""
    if len(set(classes)) != len(classes) or len(classes) < 2 or not all(name.strip() for name in classes):
        raise DataError(explain("demo classes", "two different names or more", classes, "build_demo", "Correct them."))
    most, fewest = _styles.MAX_SUBSTYLES, max(1, size.n_substyles)
    shortest = MIN_SUBSTYLES_DURATION_S if size.n_substyles else MIN_DURATION_S
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


def _name_artists(n_classes: int, n_artists: int) -> list[list[str]]:
    """Name the artists of every class; the last of each class is also the first of the next class."""
    n_own = n_artists - 1 if n_artists >= 3 else n_artists
    names = [[f"artist {c * n_own + i + 1:02d}" for i in range(n_own)] for c in range(n_classes)]
    if n_artists >= 3:
        firsts = [own[0] for own in names]
        for c, own in enumerate(names):
            own.append(firsts[(c + 1) % n_classes])
    return names


def _file_name(number: int, label: str) -> str:
    return f"audio/{number:04d}-{re.sub(r'[^a-z0-9_]+', '-', label.lower())}.wav"


def _invent_artists(names: Iterable[str], seed: int) -> dict[str, _synth.Artist]:
    return {
        name: _synth.build_artist(name, np.random.default_rng([seed, 0, number]))
        for number, name in enumerate(sorted(set(names)))
    }


def _spread_positions(n_tracks: int, n_round: int, rng: np.random.Generator) -> np.ndarray:
    """Place a class's tracks between their style (0) and another one (1), shape (n_tracks,).

    Every class gets the same positions and every artist some of each kind: chance does not decide how hard a demo is.
    Within a round of the artists the positions are neighbours in another order.
    """
    positions = np.array([POSITIONS.inv_cdf((i + 0.5) / n_tracks) for i in range(n_tracks)])
    return np.concatenate([rng.permutation(positions[i : i + n_round]) for i in range(0, n_tracks, n_round)])


def _mix_style(
    own: np.ndarray, other: np.ndarray, position: float, artist: _synth.Artist, rng: np.random.Generator
) -> _styles.Style:
    values = own + np.clip(position, 0, 1) * (other - own)
    values += artist.offset + rng.normal(0, TRACK_DEVIATION, values.size)
    return _styles.Style.from_values(values)


def _invent_title(rng: np.random.Generator) -> str:
    return " ".join(str(rng.choice(words)) for words in _TITLES)


def _plan_classes(parameters: Mapping[str, Any]) -> list[_Planned]:
    """Plan the demo without sub-styles: the artists of a class take turns."""
    classes, n_tracks, seed = parameters["classes"], parameters["n_tracks"], parameters["seed"]
    styles = [style.values for style in _styles.read_styles(classes)]
    cast = _name_artists(len(classes), parameters["n_artists"])
    artists = _invent_artists((name for names in cast for name in names), seed)
    planned = []
    for c, label in enumerate(classes):
        rng = np.random.default_rng([seed, 1, c])
        n_cast = len(cast[c])
        for i, position in enumerate(_spread_positions(n_tracks, n_cast, rng)):
            artist = artists[cast[c][i % n_cast]]
            other = rng.choice([k for k in range(len(classes)) if k != c])
            style = _mix_style(styles[c], styles[other], position, artist, rng)
            row = {"path": _file_name(len(planned) + 1, label), "label": label, "artist": artist.name, "split": ""}
            planned.append(_Planned(row | {"title": _invent_title(rng)}, style, artist, (seed, 2, c, i)))
    return planned


def _plan_albums(parameters: Mapping[str, Any]) -> list[_Planned]:
    """Plan the demo with sub-styles: artists with albums, and labels that are those of the albums."""
    classes, n_tracks, seed = parameters["classes"], parameters["n_tracks"], parameters["seed"]
    n_substyles, n_artists = parameters["n_substyles"], parameters["n_artists"]
    names = _albums.name_substyles(classes, n_substyles)
    styles = {
        (c, k): sub.values
        for c, style in enumerate(_styles.read_styles(classes))
        for k, sub in enumerate(_styles.spread_substyles(style, n_substyles, np.random.default_rng([seed, 4, c])))
    }
    songs = _albums.draw_songs(len(classes), n_substyles, n_artists, n_tracks, seed)
    artists = _invent_artists((song.artist.name for of_class in songs for song in of_class), seed)
    planned = []
    for c, label in enumerate(classes):
        rng = np.random.default_rng([seed, 1, c])
        positions = rng.permutation(_spread_positions(n_tracks, n_tracks, rng))
        for i, (song, position) in enumerate(zip(songs[c], positions, strict=True)):
            artist = artists[song.artist.name]
            others = [place for place in styles if place != song.style]
            other = others[rng.integers(len(others))]
            style = _mix_style(styles[song.style], styles[other], position, artist, rng)
            row = {"path": _file_name(len(planned) + 1, label), "label": label, "artist": artist.name, "split": ""}
            row |= {"title": _invent_title(rng), "album": song.album}
            row["subgenres"] = ";".join(names[of][k] for of, k in song.artist.styles)
            row["plays"] = names[song.style[0]][song.style[1]]
            planned.append(_Planned(row, style, artist, (seed, 2, c, i)))
    return planned


def _write_collection(folder: Path, parameters: dict) -> None:
    planned = (_plan_albums if parameters.get("n_substyles") else _plan_classes)(parameters)

    def write_track(track: _Planned) -> None:
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
