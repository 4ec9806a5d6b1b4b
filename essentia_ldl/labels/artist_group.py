"""Artist group factors: a track takes the distribution of its artist over groups of artists that sound alike.

Presets "agf-m", "agf-d", "agf-e" and "agf-s" are the paper's targets m, d, e and s: groups by the timbre of frames, by
how it changes from frame to frame, by descriptors of whole tracks, and by the sub-genres that the collection names.
Words of the tracks are counted an artist (`_words`, `_descriptors`), latent Dirichlet allocation finds groups in the
counts (`_groups`), and every track inherits its artist's row. The columns are groups ("m01", …), not the classes of a
recipe: these targets train features beside the classes, they are auxiliary.

Everything is learned from the training tracks. An artist who did not train has no row, and so a validation track never
gets one: artists stand on one side of a split. A track without artist, or of an artist without words, cannot be given
a target; `covers` tells, and its row is uniform.

References
----------
Kim, Won, Serra, Liem, "Transfer learning of artist group factors to musical genre classification" (WWW 2018
companion), sections 3.1 and 4.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, RecipeError, explain
from essentia_ldl.labels._descriptors import DESCRIPTORS, bag_descriptors
from essentia_ldl.labels._groups import check_artists, describe_groups, fit_groups, name_groups
from essentia_ldl.labels._words import (
    Bags,
    FrameSource,
    bag_frames,
    bag_subgenres,
    list_artists,
    refuse_clusters,
    split_words,
)
from essentia_ldl.records import LabelTable, Track

AUXILIARY = True  # the columns are not the classes of the recipe
_FRAMES = {"n_clusters": 2048, "n_groups": 40, "n_coefficients": 25, "batch_files": 256}
PRESETS: dict[str, dict[str, Any]] = {
    "agf-m": _FRAMES,
    "agf-d": _FRAMES,
    "agf-e": {"n_clusters": 2048, "n_groups": 40},
    "agf-s": {"column": "subgenres", "n_groups": 40},
}
SUMMARIES = {
    "agf-m": "groups of artists by MFCC (Kim et al. 2018, section 3.1; beside other labels: none+agf-m)",
    "agf-d": "groups of artists by differences of MFCC",
    "agf-e": "groups of artists by Essentia's descriptors",
    "agf-s": "groups of artists by sub-genres, from a column of the table",
}
EXPLANATIONS = {
    "n_clusters": "words of the dictionary (paper: 2048); lower it for few tracks",
    "n_groups": "groups of artists (paper: 40); at most as many as there are artists",
    "n_coefficients": "MFCC per frame: 25 (paper) or 13 (the authors' code)",
    "batch_files": "files whose frames are held in memory at once",
    "column": "column with a track's sub-genres, parted by ; or |, or numbers parted by blanks",
}
_MOST = 100_000  # of what is named and held in memory before tracks are looked at
_RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "n_clusters": (f"2 or more, at most {_MOST}", lambda value: 2 <= value <= _MOST),
    "n_groups": (f"2 or more, at most {_MOST}", lambda value: 2 <= value <= _MOST),
    "n_coefficients": ("13 or 25", lambda value: value in (13, 25)),
    "batch_files": ("1 or more", lambda value: value >= 1),
    "column": ("the name of a column", bool),
}


def build(
    classes: Sequence[str],
    read_features: Callable[[Track, str], np.ndarray],
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    name: str = "agf-m",
) -> ArtistGroupSource:
    """Make a source of artist groups; settings that are not given take the defaults of the preset `name`.

    The classes are not used. `read_features` gives (n_frames, n_coefficients) float32 for "mfcc-frames-25" and
    "mfcc-frames-13", and (1, d) for "descriptors", all NaN for a file without them; it must pickle, because words are
    counted in worker processes when there are many tracks.

    Raises
    ------
    RecipeError
        When a setting is unknown or out of range.
    """
    unknown = dict(settings or {}).keys() - PRESETS[name].keys()
    if unknown:
        rule = "one of " + ", ".join(PRESETS[name])
        raise RecipeError(explain("label setting", rule, min(unknown), f"labels.{name}", "Remove it."))
    settings = {**PRESETS[name], **(settings or {})}
    for key, value in settings.items():
        rule, holds = _RULES.get(key, ("", lambda _: True))
        if not holds(value):
            raise RecipeError(explain("label setting", rule, value, f"labels.{name}.{key}", "Correct the recipe."))
    return ArtistGroupSource(read_features, settings, seed, name)


class ArtistGroupSource:
    """Distributions of tracks over groups of artists.

    Parameters
    ----------
    read_features : Callable[[Track, str], np.ndarray]
        Stored features, see `build`.
    settings : Mapping[str, Any]
        All the settings of the preset.
    seed : int
        Seed of the order of the tracks, of k-means and of LDA.
    name : str
        Preset; its last letter is the target's.

    Attributes
    ----------
    letter : str
        "m", "d", "e" or "s".
    classes : tuple[str, ...]
        Names of the groups.
    n_jobs : int or None
        Worker processes that count words; None is one per core.
    report : dict[str, Any]
        After `fit`: what `_groups.describe_groups` says, tracks_without_artist (how many), and seconds of
        the whole fit and of LDA.
    """

    def __init__(
        self, read_features: Callable[[Track, str], np.ndarray], settings: Mapping[str, Any], seed: int, name: str
    ) -> None:
        self.letter = name[-1]
        self.classes = name_groups(self.letter, settings["n_groups"])
        self.settings = dict(settings)
        self.n_jobs: int | None = None
        self.report: dict[str, Any] = {}
        self.front_ends: tuple[str, ...] = {
            "e": (DESCRIPTORS,),
            "s": (),
        }.get(self.letter, (f"mfcc-frames-{settings.get('n_coefficients')}",))
        self.columns: tuple[str, ...] = (settings["column"],) if self.letter == "s" else ()
        self._read_features = read_features
        self._seed = seed
        self._where = f"labels.{name}"
        self._row_of: dict[str, np.ndarray | None] = {}  # None: an artist without words

    def check(self, tracks: Sequence[Track]) -> None:
        """Raise `DataError` when no artist is known, or there are too few of them, or tracks; reads no features."""
        known, artists, _ = list_artists(tracks)
        if not known:
            rule, found = "artists that are known", f"none in {len(tracks)} training tracks"
            remedy = f"Add a column artist to the table, or leave {self._where.partition('.')[2]} out."
            raise DataError(explain("artist", rule, found, self._where, remedy))
        if self.letter == "s":
            self._check_column(known)
        check_artists(len(artists), self.settings["n_groups"], self._where)
        n_clusters = self.settings.get("n_clusters", 0)
        if self.letter == "e" and len(known) < n_clusters:
            refuse_clusters(f"{len(known)} training tracks with an artist", len(known), n_clusters, self._where)

    def fit(self, tracks: Sequence[Track]) -> ArtistGroupSource:
        """Learn words and groups from the training tracks.

        Parameters
        ----------
        tracks : Sequence[Track]
            Training tracks, in any order; those without artist are left out.

        Returns
        -------
        ArtistGroupSource
            The source itself.

        Raises
        ------
        DataError
            When no artist is known, there are too few of them, or tracks, or frames for the clusters, or features
            do not fit.
        """
        from threadpoolctl import threadpool_limits

        started = time.perf_counter()
        self.check(tracks)
        # One thread: many small matrices, for which more threads are slower where others work too (k-means++ of 1,000
        # tracks of 1,500 descriptors on two busy cores: 9 s against 47 s), and sums do not depend on the cores.
        with threadpool_limits(1):
            bags = self._bag(tracks)
            bagged = time.perf_counter()
            groups = fit_groups(bags, self.letter, self.settings["n_groups"], self._seed, self._where)
            ended = time.perf_counter()
        rows = dict(zip(groups.artists, groups.distributions, strict=True))
        self._row_of = {artist: rows.get(artist) for artist in bags.artists}
        self.report = {
            "lda_seconds": ended - bagged,
            **describe_groups(groups, bags),
            "tracks_without_artist": sum(not track.artist for track in tracks),
            "seconds": time.perf_counter() - started,
        }
        return self

    def covers(self, track: Track) -> bool:
        """Tell whether a track can be given a target: its artist trained, and has words."""
        return bool(track.artist) and self._row_of.get(track.artist) is not None

    def __call__(self, tracks: Sequence[Track]) -> LabelTable:
        """Return the distribution of each track's artist; a uniform row for a track that `covers` denies.

        Parameters
        ----------
        tracks : Sequence[Track]
            Tracks of artists that trained, or without artist.

        Returns
        -------
        LabelTable
            One row per track, in the order given; one column per group.

        Raises
        ------
        DataError
            When `fit` was not called, or an artist was not among the training tracks.
        """
        if not self._row_of:
            raise DataError(explain("label source", "fit before use", "no training tracks", self._where, "Call fit."))
        rows = np.full((len(tracks), len(self.classes)), 1 / len(self.classes))
        for row, track in zip(rows, tracks, strict=True):
            if track.artist and track.artist not in self._row_of:
                rule, remedy = "one of the training tracks", "Ask for training tracks only: others have no group."
                raise DataError(explain("artist", rule, track.artist, f"{self._where}, {track.id}", remedy))
            if self.covers(track):
                row[:] = self._row_of[track.artist]
        return LabelTable(tuple(track.id for track in tracks), self.classes, rows)

    def _bag(self, tracks: Sequence[Track]) -> Bags:
        if self.letter == "s":
            return bag_subgenres(tracks, self.settings["column"])
        more = {"seed": self._seed, "where": self._where}
        if self.letter == "e":
            return bag_descriptors(tracks, self._read_features, self.settings, **more)
        source = FrameSource(self._read_features, self.front_ends[0], deltas=self.letter == "d")
        return bag_frames(tracks, source, self.settings, n_jobs=self.n_jobs, **more)

    def _check_column(self, tracks: Sequence[Track]) -> None:
        column, where = self.settings["column"], f"{self._where}.column"
        present = sorted({name for track in tracks for name in track.columns})
        if column not in present:
            near = difflib.get_close_matches(column, present, n=1, cutoff=0.4)
            remedy = f"Did you mean {near[0]!r}? " if near else ""
            remedy += f"Set {where}, or leave {self._where.partition('.')[2]} out."
            rule = f"a column {column!r} in the table of the collection"
            raise DataError(explain("sub-genres", rule, present, where, remedy))
        if not any(split_words(track.columns.get(column, "")) for track in tracks):
            rule, found = f"a sub-genre in the column {column!r}", "only empty cells"
            raise DataError(explain("sub-genres", rule, found, where, "Fill the column, or name another one."))
