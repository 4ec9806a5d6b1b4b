"""Artists as targets: a track's target is its artist, one column per artist, beside the classes (`none+artist`).

An auxiliary source, as artist groups are: its columns ("artist-1", …) are not the classes of a recipe, and train
features beside them. How many there are stands in the recipe, because networks are built before artists are known: the
artists with the most training tracks take a column each, and columns that are left over are never asked for. Tracks
without artist, and of artists beyond the columns, have no target; `covers` tells, and their row is uniform.

References
----------
J. Park, J. Lee, J. Park, J.-W. Ha and J. Nam, "Representation learning of music using artist labels" (ISMIR 2018),
section 2.1: the softmax over artists, of up to 10,000.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, RecipeError, explain
from essentia_ldl.records import LabelTable, Track

AUXILIARY = True  # the columns are not the classes of the recipe
PRESETS: dict[str, dict[str, Any]] = {"artist": {"n_artists": 1000}}
SUMMARIES = {"artist": "the artist itself (Park et al. 2018; beside other labels: none+artist)"}
EXPLANATIONS = {"n_artists": "columns, at most 10000: the artists with the most tracks take one each"}
MOST = 10_000


def build(
    classes: Sequence[str],
    read_features: Callable[[Track, str], np.ndarray],
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    name: str = "artist",
) -> ArtistSource:
    """Make a source of artists; classes, features and seed are not used.

    Raises
    ------
    RecipeError
        When a setting is unknown or out of range.
    """
    del classes, read_features, seed
    found = {**PRESETS[name], **(settings or {})}
    if found.keys() != PRESETS[name].keys():
        unknown = min(found.keys() - PRESETS[name].keys())
        raise RecipeError(explain("label setting", "one of n_artists", unknown, f"labels.{name}", "Remove it."))
    if not 2 <= found["n_artists"] <= MOST:
        rule = f"2 or more, at most {MOST}"
        where = f"labels.{name}.n_artists"
        raise RecipeError(explain("label setting", rule, found["n_artists"], where, "Correct the recipe."))
    return ArtistSource(found["n_artists"])


class ArtistSource:
    """One-hot rows of tracks over artists.

    Parameters
    ----------
    n_artists : int
        Columns.

    Attributes
    ----------
    classes : tuple[str, ...]
        Names of the columns.
    report : dict[str, Any]
        After `fit`: n_artists with a column and n_artists_without, n_tracks with a target and tracks_without_artist.
    """

    front_ends: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def __init__(self, n_artists: int) -> None:
        width = len(str(n_artists))
        self.classes = tuple(f"artist-{number:0{width}}" for number in range(1, n_artists + 1))
        self.report: dict[str, Any] = {}
        self._column_of: dict[str, int | None] = {}  # None: an artist beyond the columns

    def check(self, tracks: Sequence[Track]) -> None:
        """Raise `DataError` when fewer than two artists are known."""
        n_known = len({track.artist for track in tracks} - {None, ""})
        if n_known < 2:
            remedy = "Add a column artist to the table, or leave the source artist out."
            found = f"{n_known} in {len(tracks)} training tracks"
            raise DataError(explain("artist", "two or more that are known", found, "labels.artist", remedy))

    def fit(self, tracks: Sequence[Track]) -> ArtistSource:
        """Give the artists of training tracks their columns; return the source itself."""
        self.check(tracks)
        counts = Counter(track.artist for track in tracks if track.artist)
        ordered = sorted(counts, key=lambda artist: (-counts[artist], artist))
        n_columns = len(self.classes)
        self._column_of = {artist: n if n < n_columns else None for n, artist in enumerate(ordered)}
        self.report = {
            "n_artists": min(len(ordered), n_columns),
            "n_artists_without": max(0, len(ordered) - n_columns),
            "n_tracks": sum(counts[artist] for artist in ordered[:n_columns]),
            "tracks_without_artist": sum(not track.artist for track in tracks),
        }
        return self

    def covers(self, track: Track) -> bool:
        """Tell whether a track can be given a target: its artist trained, and has a column."""
        return bool(track.artist) and self._column_of.get(track.artist) is not None

    def __call__(self, tracks: Sequence[Track]) -> LabelTable:
        """Return the row of each track's artist; a uniform one for a track that `covers` denies.

        Raises
        ------
        DataError
            When `fit` was not called, or an artist was not among the training tracks.
        """
        if not self._column_of:
            raise DataError(
                explain("label source", "fit before use", "no training tracks", "labels.artist", "Call fit.")
            )
        rows = np.full((len(tracks), len(self.classes)), 1 / len(self.classes))
        for row, track in zip(rows, tracks, strict=True):
            if track.artist and track.artist not in self._column_of:
                rule, remedy = "one of the training tracks", "Ask for training tracks only: others have no column."
                raise DataError(explain("artist", rule, track.artist, f"labels.artist, {track.id}", remedy))
            if self.covers(track):
                row[:] = 0.0
                row[self._column_of[str(track.artist)]] = 1.0
        return LabelTable(tuple(track.id for track in tracks), self.classes, rows)
