"""What the tracks of a demo are: its parameters flow in; rows of the index, styles, artists and seeds flow out."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from statistics import NormalDist
from typing import Any

import numpy as np

from essentia_ldl.choices import MULTI_LABEL
from essentia_ldl.datasets import _albums, _styles, _synth, _traits

POSITIONS = NormalDist(0.21, 0.185)  # of the tracks between their own style (0) and another one (1)
TRACK_DEVIATION = 0.06
_TITLES = (("Blue", "Open", "Last", "Paper", "Silver", "Second"), ("River", "Window", "Train", "Garden", "Letter"))


@dataclasses.dataclass(frozen=True)
class Planned:
    """A track to synthesise: its row of the index, how it is played, by whom, and the seed of its notes."""

    row: Mapping[str, str]
    style: _styles.Style
    artist: _synth.Artist
    entropy: tuple[int, ...]


def plan_tracks(parameters: Mapping[str, Any]) -> list[Planned]:
    """Plan the tracks of a demo.

    Parameters
    ----------
    parameters : Mapping[str, Any]
        Those of demo.json, checked: classes, n_tracks, n_artists and seed; n_substyles and kind where they are not the
        default.

    Returns
    -------
    list[Planned]
        In the order of the index.
    """
    if "kind" in parameters:
        return _plan_traits(parameters)
    return (_plan_albums if parameters.get("n_substyles") else _plan_classes)(parameters)


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


def _plan_classes(parameters: Mapping[str, Any]) -> list[Planned]:
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
            planned.append(Planned(row | {"title": _invent_title(rng)}, style, artist, (seed, 2, c, i)))
    return planned


def _plan_albums(parameters: Mapping[str, Any]) -> list[Planned]:
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
            planned.append(Planned(row, style, artist, (seed, 2, c, i)))
    return planned


def _plan_traits(parameters: Mapping[str, Any]) -> list[Planned]:
    """Plan the demo of tags or dimensions: artists take turns."""
    names, n_tracks, seed = parameters["classes"], parameters["n_tracks"], parameters["seed"]
    is_tags = parameters["kind"] == MULTI_LABEL
    rng = np.random.default_rng([seed, 1])
    n_artists = parameters["n_artists"]
    cast = [f"artist {i + 1:0{len(str(n_artists))}d}" for i in range(n_artists)]
    artists = _invent_artists(cast, seed)
    numbers = np.arange(n_tracks) % n_artists
    if is_tags:
        truth, values = _traits.draw_tags(_traits.find_traits(names, _traits.TAGS), numbers, rng)
    else:
        truth, values = _traits.draw_numbers(_traits.find_traits(names, _traits.DIMENSIONS), numbers, rng)
    planned = []
    for i, (row_truth, row_values) in enumerate(zip(truth, values, strict=True)):
        artist = artists[cast[numbers[i]]]
        own = row_values + artist.offset + rng.normal(0, TRACK_DEVIATION, row_values.size)
        row = {"path": _file_name(i + 1, "track")}
        row |= {name: str(int(x)) if is_tags else f"{x:.2f}" for name, x in zip(names, row_truth, strict=True)}
        row |= {"artist": artist.name, "split": "", "title": _invent_title(rng)}
        planned.append(Planned(row, _styles.Style.from_values(own), artist, (seed, 2, i)))
    return planned
