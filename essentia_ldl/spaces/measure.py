"""How good vectors are: rows of a table, by what tracks are alike in, with the artist filter and without.

In: tracks with vectors. Out: `Standing`s. Retrieval lets every track ask all others. The k-NN and the linear softmax
answer tracks that they have not seen: those of the test side where the collection has sides (GTZAN's fault-filtered
list has), otherwise each in its fold of five. With the artist filter no artist is on two sides, and no list of
neighbours holds the artist who asks; without, folds are drawn track by track.

References
----------
J. Park, J. Lee, J. Park, J.-W. Ha and J. Nam, "Representation learning of music using artist labels" (ISMIR 2018),
sections 4.2 and 4.3, tables 1 to 3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import bounds
from essentia_ldl.collection import splits
from essentia_ldl.collection.alike import ARTIST, NOBODY, number_alike
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Split, Track
from essentia_ldl.scores.bootstrap import find_interval, group_tracks, resample_sums
from essentia_ldl.scores.neighbours import N_NEAREST, rank_neighbours, summarise, vote_neighbours
from essentia_ldl.scores.softmax import Side, score_softmax

N_FOLDS = 5
VALID_SHARE = 0.2


@dataclasses.dataclass(frozen=True)
class MeanScore:
    """A mean over tracks.

    Parameters
    ----------
    value : float
        From 0 to 1.
    interval : tuple[float, float] or None
        95 % by resampling artists; None with fewer than two of them.
    n_asked, n_without : int
        Tracks that have an answer, and those that have none.
    """

    value: float
    interval: tuple[float, float] | None
    n_asked: int
    n_without: int


@dataclasses.dataclass(frozen=True)
class Standing:
    """What a model scores by one thing that tracks are alike in.

    Parameters
    ----------
    model : str
        Its name.
    by : str
        "artist", "label" or another column.
    filtered : bool
        Whether the artist filter is on.
    scores : Mapping[str, MeanScore]
        "map", "precision", and where there are classes "knn" and "softmax"; of a comparison "gain", what the MAP is
        above that of the embedding as it is, track by track.
    """

    model: str
    by: str
    filtered: bool
    scores: Mapping[str, MeanScore]


@dataclasses.dataclass(frozen=True)
class MeasureTerms:
    """How vectors are measured.

    Parameters
    ----------
    by : tuple[str, ...]
        Columns; empty takes artist, where artists are known, and label.
    k : int
        Length of the list whose precision is told.
    n_nearest : int
        Voters of the k-NN.
    seed : int
        Of the folds.
    pictures : Path or None
        A folder for pictures of t-SNE, one per model and column.

    Raises
    ------
    DataError
        When a number is out of range, or the folder is a file.
    """

    by: tuple[str, ...] = ()
    k: int = 10
    n_nearest: int = N_NEAREST
    seed: int = 0
    pictures: Path | None = None

    def __post_init__(self) -> None:
        for name in ("k", "n_nearest"):
            if getattr(self, name) < 1:
                raise DataError(explain(name, "1 or more", getattr(self, name), "embeddings", "Correct it."))
        if not bounds.is_seed(self.seed):
            raise DataError(explain("seed", bounds.SEED, self.seed, "embeddings", "Correct it."))
        if self.pictures is not None and self.pictures.exists() and not self.pictures.is_dir():
            raise DataError(explain("pictures", "a folder", "a file", self.pictures, "Name another folder."))


def measure_vectors(model: str, tracks: Sequence[Track], vectors: np.ndarray, terms: MeasureTerms) -> list[Standing]:
    """Measure the vectors of a model.

    Parameters
    ----------
    model : str
        Its name.
    tracks : sequence of Track
        Those that it could embed.
    vectors : np.ndarray [shape=(n_tracks, d), float32]
        One per track.
    terms : MeasureTerms
        By what, and how.

    Returns
    -------
    list[Standing]
        Two for every column, the second with the artist filter, where artists are known.

    Raises
    ------
    DataError
        When there is no such column, or it has no value.
    """
    from threadpoolctl import threadpool_limits

    rows = []
    knows_artists = any(track.artist for track in tracks)
    for by in choose_columns(tracks, terms.by):
        groups = number_alike(tracks, by)
        for filtered in (False, True) if knows_artists and by != ARTIST else (False,):
            with threadpool_limits(1):  # products are small, and threads wait for one another
                rows.append(Standing(model, by, filtered, _score(tracks, vectors, groups, (by, filtered), terms)))
    return rows


def choose_columns(tracks: Sequence[Track], by: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that are asked for, or artist and label, as far as they are known."""
    if by:
        return tuple(by)
    known = [ARTIST] if any(track.artist for track in tracks) else []
    return (*known, *(["label"] if any(track.label for track in tracks) else []))


def _score(
    tracks: Sequence[Track], vectors: np.ndarray, groups: np.ndarray, what: tuple[str, bool], terms: MeasureTerms
) -> dict[str, MeanScore]:
    """MeanScore one column, whose name and filter are `what`."""
    by, filtered = what
    artists = number_alike(tracks, ARTIST) if filtered else None
    ranked = rank_neighbours(vectors, groups, terms.k, artists)
    drawn = group_tracks(tracks)
    found = {name: average(getattr(ranked, name), drawn) for name in ("average_precision", "precision")}
    found = {"map": found["average_precision"], "precision": found["precision"]}
    if by == ARTIST:
        return found
    parts = draw_sides(tracks, groups, filtered, terms.seed)
    if parts:
        found["knn"] = average(vote_sides(vectors, groups, parts, terms.n_nearest), drawn)
        found["softmax"] = average(cut_sides(vectors, groups, parts), drawn)
    return found


def average(values: np.ndarray, drawn: np.ndarray) -> MeanScore:
    """Return the mean of numbers that are known, with an interval by resampling groups of tracks (n_tracks,)."""
    value, n_without = summarise(values)
    known = np.isfinite(values)
    sums = resample_sums(np.stack([np.where(known, values, 0.0), known], axis=1), drawn)
    interval = None
    if sums is not None and known.any():
        usable = sums[sums[:, 1] > 0]
        interval = tuple(find_interval(usable[:, 0] / usable[:, 1])) if len(usable) else None
    return MeanScore(value, interval, int(known.sum()), n_without)


def draw_sides(tracks: Sequence[Track], groups: np.ndarray, filtered: bool, seed: int) -> list[dict[str, np.ndarray]]:
    """Return rows of "train", "valid" and "test": one part by the split of the collection, or five folds.

    Returns
    -------
    list[dict[str, np.ndarray]]
        Empty where classes have too few artists for folds.
    """
    rows = {track.id: row for row, track in enumerate(tracks)}
    known = [
        dataclasses.replace(track, label=str(group), artist=track.artist if filtered else None, tags=None, numbers=None)
        for track, group in zip(tracks, groups, strict=True)
        if group != NOBODY
    ]
    if {track.split for track in known} >= {"train", "test"} and all(track.split for track in known):
        sides = {role: [track.id for track in known if track.split == role] for role in ("train", "valid", "test")}
        drawn: list[Any] = [Split(**{role: tuple(ids) for role, ids in sides.items()})]
    else:
        try:
            free = [dataclasses.replace(track, split=None) for track in known]
            drawn = splits.fold_tracks(free, N_FOLDS, VALID_SHARE, seed)
        except DataError:
            return []
    return [
        {role: np.array([rows[name] for name in getattr(split, role)], np.int64) for role in ("train", "valid", "test")}
        for split in drawn
    ]


def vote_sides(
    vectors: np.ndarray, groups: np.ndarray, parts: Sequence[Mapping[str, np.ndarray]], n_nearest: int
) -> np.ndarray:
    """Let the training and validation side vote for every test track; (n_tracks,), NaN for those of no test side."""
    right = np.full(len(groups), np.nan)
    for part in parts:
        known, asked = np.concatenate([part["train"], part["valid"]]), part["test"]
        right[asked] = vote_neighbours((vectors[known], groups[known]), (vectors[asked], groups[asked]), n_nearest)
    return right


def cut_sides(vectors: np.ndarray, groups: np.ndarray, parts: Sequence[Mapping[str, np.ndarray]]) -> np.ndarray:
    """Let a linear softmax answer every test track; as `vote_sides`."""
    right, n_classes = np.full(len(groups), np.nan), int(groups.max()) + 1
    for part in parts:
        sides = [Side(vectors[part[role]], groups[part[role]]) for role in ("train", "valid", "test")]
        right[part["test"]] = score_softmax(*sides, n_classes)
    return right
