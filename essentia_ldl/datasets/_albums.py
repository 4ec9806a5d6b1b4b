"""Who plays what in a demo with sub-styles: classes flow in; artists, albums and their tracks flow out.

What is drawn, and why, by section 2 of the paper on artist group factors (Kim et al., The Web Conference 2018):

- A class is a family of sub-styles, which are nearer to one another than classes are (`_styles.spread_substyles`).
- Every artist of a class has a sub-style at home, each sub-style as many artists. `SECOND_SHARE` of the artists have a
  second one, drawn evenly from all others, so that it is mostly one of another class: artists are "active in multiple
  genres at once, but not equally" so. One in `GUEST_SHARE` of those with a second class also has an album in it.
- Genres are given an album at a time ("for 5,028 out of these 5,152 albums"): the class label of a track is the class
  of its album. Of the tracks of an artist with two sub-styles, `MISFIT_SHARE` are in the other one: "different tracks
  on the same album would belong to different genres". The paper gives no rate; ours makes a tenth of the labels wrong
  (7 to 15 %).
- Sub-genres are the artist's, the one at home first, the same on all of the artist's tracks. On FMA they come from the
  users who gave the genre, and share its errors; here they do not.
- How many tracks an artist has differs: what remains after one a person goes to artists in proportion to a weight drawn
  from an exponential distribution. An album has at most `ALBUM_TRACKS` tracks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

SECOND_SHARE = 0.5
GUEST_SHARE = 0.5
MISFIT_SHARE = 0.2
ALBUM_TRACKS = 5
_ADJECTIVES = (
    *("Velvet", "Harbour", "Granite", "Paper", "Ember", "Lunar", "Copper", "Orchard", "Static", "Winter", "Cobalt"),
    *("Desert", "Mirror", "Saffron", "Tidal", "Walnut", "Neon", "Meadow", "Marble", "Thunder", "Feather", "Cellar"),
    *("Prairie", "Glass", "Amber", "Concrete", "Willow", "Iron", "Coral", "Midnight", "Pollen", "Quartz"),
)
_NOUNS = ("Hours", "Rooms", "Letters", "Roads", "Colours", "Seasons", "Echoes", "Places")


@dataclasses.dataclass(frozen=True)
class Performer:
    """An artist: name, and sub-styles as (class, sub-style) numbers, the one at home first."""

    name: str
    styles: tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True)
class Song:
    """A track: the class of its album, which is its label, its artist, its album, and the sub-style it is played in."""

    label: int
    artist: Performer
    album: str
    style: tuple[int, int]


def name_substyles(classes: Sequence[str], n_substyles: int) -> list[list[str]]:
    """Name the sub-styles of every class, such as "Velvet-Folk": each name once, without blank or separator."""
    names = []
    for c, label in enumerate(classes):
        word = "-".join(label.replace(";", " ").replace("|", " ").replace(",", " ").split())
        word = word[:1].upper() + word[1:]
        names.append([f"{_ADJECTIVES[(c * n_substyles + k) % len(_ADJECTIVES)]}-{word}" for k in range(n_substyles)])
    return names


def draw_songs(n_classes: int, n_substyles: int, n_artists: int, n_tracks: int, seed: int) -> list[list[Song]]:
    """Draw the artists and albums of a demo.

    Parameters
    ----------
    n_classes, n_substyles : int
        Classes, and sub-styles a class.
    n_artists, n_tracks : int
        Artists at home in a class, and tracks under its label; at least one track an artist.
    seed : int
        Another seed is another cast.

    Returns
    -------
    list[list[Song]]
        `n_tracks` songs a class, artist after artist.
    """
    rng = np.random.default_rng([seed, 3])
    every = [(c, k) for c in range(n_classes) for k in range(n_substyles)]
    digits = len(str(n_classes * n_artists))
    home: list[list[Performer]] = []
    for c in range(n_classes):
        home.append([])
        for i in range(n_artists):
            own = (c, i % n_substyles)
            has_second = rng.random() < SECOND_SHARE
            second = [style for style in every if style != own][rng.integers(len(every) - 1)]
            name = f"artist {c * n_artists + i + 1:0{digits}d}"
            home[c].append(Performer(name, (own, second) if has_second else (own,)))

    songs: list[list[Song]] = []
    for c in range(n_classes):
        visitors = [p for other in range(n_classes) if other != c for p in home[other] if p.styles[-1][0] == c]
        visitors = [performer for performer in visitors if rng.random() < GUEST_SHARE][: n_tracks - n_artists]
        cast = [*home[c], *visitors]
        weights = rng.exponential(size=len(cast))
        counts = 1 + rng.multinomial(n_tracks - len(cast), weights / weights.sum())
        songs.append([])
        for performer, count in zip(cast, counts, strict=True):
            as_guest = performer.styles[0][0] != c
            main, *others = performer.styles[::-1] if as_guest else performer.styles
            for i in range(count):
                if i % ALBUM_TRACKS == 0:
                    album = f"{_ADJECTIVES[rng.integers(len(_ADJECTIVES))]} {_NOUNS[rng.integers(len(_NOUNS))]}"
                    album = f"{album} ({performer.name}, {'guest ' if as_guest else ''}{i // ALBUM_TRACKS + 1})"
                style = others[0] if rng.random() < MISFIT_SHARE and others else main
                songs[c].append(Song(c, performer, album, style))
    return songs
