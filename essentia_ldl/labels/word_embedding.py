"""Targets in word space: a track is told how near its words are to the words of fifty tags.

Preset "word_embedding". The words of a track stand in a column of its table, such as genres or keywords; their vectors
come from the user's file (`essentia_ldl.words`), and the mean of their unit vectors is where the track is among words.
An output of a network is a distribution, so that this place is told by its cosines to the 50 tags of the Million Song
Dataset: a softmax of them, divided by a temperature. Tracks whose words are near in meaning have targets that are near,
whether any two of them share a word or not. The columns are the tags ("word rock", …), not the classes of a recipe:
these targets train features beside the classes, they are auxiliary.

Nothing is learned, so that a track of validation has its target too. A track without a word that has a vector cannot be
given one; `covers` tells, and its row is uniform.

References
----------
A. Frome et al., "DeViSE: a deep visual-semantic embedding model" (NIPS 2013): a network that is told vectors of words.
M. Norouzi et al., "Zero-shot learning by convex combination of semantic embeddings" (ICLR 2014).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, RecipeError, UnknownNameError, explain
from essentia_ldl.labels._words import split_words
from essentia_ldl.records import LabelTable, Track
from essentia_ldl.tags import TAGS
from essentia_ldl.words.formats import SOURCES
from essentia_ldl.words.vectors import read_vectors

AUXILIARY = True  # the columns are not the classes of the recipe
PRESETS: dict[str, dict[str, Any]] = {"word_embedding": {"vectors": "", "column": "genre", "temperature": 0.1}}
SUMMARIES = {"word_embedding": "nearness of a track's words to fifty tags (beside other labels: none+word_embedding)"}
EXPLANATIONS = {
    "vectors": "file of word vectors: GloVe, word2vec or fastText, text or binary, or a table",
    "column": "column with a track's words, parted by ; or |",
    "temperature": "by which cosines are divided before the softmax: lower is sharper",
}
ANCHORS = tuple(tag.lower() for tag in TAGS["msd"])
N_TOLD = 10


def build(
    classes: Sequence[str],
    read_features: Callable[[Track, str], np.ndarray],
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    name: str = "word_embedding",
) -> WordSource:
    """Make a source of targets in word space; classes, features and seed are not used, and nothing is read.

    Raises
    ------
    RecipeError
        When the temperature is out of range, or no column is named.
    """
    del classes, read_features, seed
    settings = {**PRESETS[name], **(settings or {})}
    where = f"labels.{name}"
    if not 0 < settings["temperature"] < float("inf"):
        rule, value = "above 0", settings["temperature"]
        raise RecipeError(explain("label setting", rule, value, f"{where}.temperature", "Correct the recipe."))
    if not settings["column"]:
        raise RecipeError(explain("label setting", "the name of a column", "", f"{where}.column", "Name one."))
    return WordSource(settings, where)


class WordSource:
    """Distributions of tracks over tags, by the nearness of words.

    Parameters
    ----------
    settings : Mapping[str, Any]
        All the settings of the preset.
    where : str
        The key of the recipe, for messages.

    Attributes
    ----------
    classes : tuple[str, ...]
        Names of the columns.
    report : dict[str, Any]
        After `fit`: n_words, how many of the training tracks' words have a vector; without_vector, the first words that
        have none; tags_without_vector; and tracks_without_target, how many.
    """

    def __init__(self, settings: Mapping[str, Any], where: str) -> None:
        self.classes = tuple(f"word {tag}" for tag in ANCHORS)
        self.front_ends: tuple[str, ...] = ()
        self.columns: tuple[str, ...] = (settings["column"],)
        self.report: dict[str, Any] = {}
        self._settings, self._where = dict(settings), where
        self._units: dict[str, np.ndarray | None] = {}  # by phrase; None: it has no vector

    def check(self, tracks: Sequence[Track]) -> None:
        """Raise `DataError` when no file is named, or no track has a word in the column; reads no vectors."""
        if not self._settings["vectors"]:
            remedy = f"Set {self._where}.vectors. {SOURCES}"
            raise DataError(explain("word vectors", "a file", "none", f"{self._where}.vectors", remedy))
        column = self._settings["column"]
        if not any(self._list_words(track) for track in tracks):
            present = sorted({name for track in tracks for name in track.columns})
            rule, where = f"a word in the column {column!r}", f"{self._where}.column"
            found = f"none; the columns are {', '.join(present)}" if present else "no column"
            raise DataError(explain("words", rule, found, where, f"Set {where}, or fill the column."))

    def fit(self, tracks: Sequence[Track]) -> WordSource:
        """Read the vectors of the words of training tracks, and of the tags.

        Raises
        ------
        DataError
            When none of them has one, or the file is none, cut or damaged.
        StoreError
            When it cannot be opened.
        """
        self.check(tracks)
        self._load(tracks)
        words = {word for track in tracks for word in self._list_words(track)}
        unknown = sorted(word for word in words if self._units[word] is None)
        anchors = [tag for tag in ANCHORS if self._units[tag] is not None]
        if len(unknown) == len(words) or len(anchors) < 2:
            rule, found = (
                "vectors of words of the tracks and of tags",
                f"{len(words) - len(unknown)} and {len(anchors)}",
            )
            remedy = "Take a file of that language."
            raise DataError(explain("word vectors", rule, found, self._settings["vectors"], remedy))
        self.report = {
            "n_words": len(words) - len(unknown),
            "without_vector": unknown[:N_TOLD],
            "tags_without_vector": [tag for tag in ANCHORS if self._units[tag] is None],
            "tracks_without_target": sum(not self.covers(track) for track in tracks),
        }
        return self

    def covers(self, track: Track) -> bool:
        """Tell whether a track can be given a target: one of its words has a vector."""
        self._load([track])
        return any(self._units[word] is not None for word in self._list_words(track))

    def __call__(self, tracks: Sequence[Track]) -> LabelTable:
        """Return the nearness of each track's words to the tags; a uniform row for a track that `covers` denies.

        Parameters
        ----------
        tracks : Sequence[Track]
            Any tracks.

        Returns
        -------
        LabelTable
            One row per track, in the order given; one column per tag, 0 for a tag without a vector.

        Raises
        ------
        DataError
            When `fit` was not called.
        """
        if not self.report:
            raise DataError(explain("label source", "fit before use", "no training tracks", self._where, "Call fit."))
        self._load(tracks)
        known = np.array([self._units[tag] is not None for tag in ANCHORS])
        anchors = np.array([self._units[tag] for tag in ANCHORS if self._units[tag] is not None], np.float64)
        rows = np.full((len(tracks), len(ANCHORS)), 1 / len(ANCHORS))
        for row, track in zip(rows, tracks, strict=True):
            units = [self._units[word] for word in self._list_words(track) if self._units[word] is not None]
            if units:
                place = np.mean(units, axis=0, dtype=np.float64)
                cosines = anchors @ place / max(float(np.linalg.norm(place)), 1e-12)
                likely = np.exp((cosines - cosines.max()) / self._settings["temperature"])
                row[:] = 0
                row[known] = likely / likely.sum()
        return LabelTable(tuple(track.id for track in tracks), self.classes, rows)

    def _list_words(self, track: Track) -> tuple[str, ...]:
        return split_words(track.columns.get(self._settings["column"], ""))

    def _load(self, tracks: Sequence[Track]) -> None:
        """Read the vectors of the words that have not been looked for yet."""
        words = {word for track in tracks for word in self._list_words(track)} | set(ANCHORS)
        missing = sorted(words - self._units.keys())
        if not missing:
            return
        vectors = read_vectors(self._settings["vectors"], missing)
        for word in missing:
            try:
                self._units[word] = vectors.find(word).unit
            except (UnknownNameError, DataError):
                self._units[word] = None
