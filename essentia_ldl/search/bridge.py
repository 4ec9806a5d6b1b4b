"""From words to the tags that a model knows: which of them a query means, and how much.

In: a query, the tags of a model, and perhaps vectors of words. Out: `Meaning`, a weight per tag. A query that is a tag,
or consists of tags, means these; any other word needs vectors, and means the tags whose vectors are nearest to its own.
So a word nobody trained on is found through those that somebody did.

References
----------
M. Norouzi et al., "Zero-shot learning by convex combination of semantic embeddings" (ConSE, ICLR 2014): section 3, with
10 classes as in its experiments. It puts an image at the mean of the vectors of its likeliest classes, weighted by
their probabilities, and takes the words nearest to that; `place_tracks` does the same with tracks.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from essentia_ldl.discover import suggest
from essentia_ldl.errors import DataError, UnknownNameError, explain
from essentia_ldl.words.formats import SOURCES
from essentia_ldl.words.vectors import WordVectors

N_TAGS = 10  # T of the paper's section 3
N_TOLD = 3
_GAPS = re.compile(r"[\s_\-]+")


@dataclasses.dataclass(frozen=True)
class Meaning:
    """What a query means in the tags of a model.

    Parameters
    ----------
    query : str
        As it was asked.
    weights : np.ndarray [shape=(n_tags,), float32]
        0 or more, their sum is 1.
    notes : tuple[str, ...]
        How it was read, in sentences; none where it is a tag.

    Raises
    ------
    DataError
        When the weights do not sum to 1.
    """

    query: str
    weights: np.ndarray
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if np.any(self.weights < 0) or abs(float(self.weights.sum()) - 1) > 1e-3:
            found = self.weights.tolist()
            raise DataError(explain("weights of tags", "0 or more, of sum 1", found, self.query, "Ask other words."))


def fold(tag: str) -> str:
    """Return a tag in small letters, its words with a space between; of Discogs' styles the style alone.

    Examples
    --------
    >>> fold("Hip-Hop"), fold("Electronic---Deep House")
    ('hip hop', 'deep house')
    """
    return _GAPS.sub(" ", tag.rpartition("---")[2].casefold()).strip()


class Bridge:
    """The tags of a model, ready to be asked by words.

    Parameters
    ----------
    tags : sequence of str
        Their names.
    vectors : WordVectors or None
        Of the words of the tags and of the queries; without them only words of the tags mean something.
    """

    def __init__(self, tags: Sequence[str], vectors: WordVectors | None = None) -> None:
        self.tags, self._vectors = tuple(tags), vectors
        self._places: dict[str, int] = {}
        for place, tag in enumerate(tags):
            self._places.setdefault(fold(tag), place)
        self._units, self.unknown = _find_units(self.tags, vectors)

    def understand(self, query: str) -> Meaning:
        """Return what a query means.

        Parameters
        ----------
        query : str
            A word or a phrase.

        Raises
        ------
        UnknownNameError
            When it has a word that is no tag and has no vector; the message says what there is instead.
        """
        parts = self._divide(query)
        if parts is not None and (len(parts) == 1 or self._vectors is None):
            weights = np.zeros(len(self.tags), np.float32)
            np.add.at(weights, parts, 1 / len(parts))
            named = [self.tags[part] for part in parts]
            notes = (f"{query} is the mean of the tags {' and '.join(named)}.",) if len(parts) > 1 else ()
            return Meaning(query, weights, notes)
        if self._vectors is None:
            raise self._unknown(query)
        phrase = self._vectors.find(query)
        cosines = np.maximum(self._units @ phrase.unit, 0)
        order = np.argsort(-cosines, kind="stable")
        cosines[order[N_TAGS:]] = 0
        if not cosines.any():
            remedy = "Take other words, or other vectors."
            raise UnknownNameError(explain("words", "words that are near one of the tags", query, "bridge", remedy))
        near = ", ".join(f"{self.tags[place]} {cosines[place]:.2f}" for place in order[:N_TOLD] if cosines[place] > 0)
        notes = (*([phrase.note] if phrase.note else []), f"The tags that are nearest to {query}: {near}.")
        return Meaning(query, (cosines / cosines.sum()).astype(np.float32), notes)

    def check(self, query: str) -> None:
        """Raise `UnknownNameError` where `compare` would, because a word of a query is not known."""
        if self._vectors is None:
            self.understand(query)
        else:
            self._vectors.find(query)

    def compare(self, activations: np.ndarray, queries: Sequence[str]) -> np.ndarray:
        """Return how well words fit tracks.

        Parameters
        ----------
        activations : np.ndarray [shape=(n_tracks, n_tags), float32]
            Probabilities of the tags.
        queries : sequence of str
            Words and phrases.

        Returns
        -------
        np.ndarray [shape=(n_tracks, n_queries), float32]
            With vectors the cosine of a word and of the place of a track among words; without them the mean probability
            of the tags of a query.

        Raises
        ------
        UnknownNameError
            As `understand`.
        """
        if self._vectors is None:
            return activations @ np.stack([self.understand(query).weights for query in queries], axis=1)
        units = np.stack([self._vectors.find(query).unit for query in queries])
        return place_tracks(activations, self._units) @ units.T

    def _divide(self, query: str) -> list[int] | None:
        """Return the tags that a query consists of, the longest first; None when a word of it is in none."""
        words, found = fold(query).split(), []
        while words:
            for n in range(len(words), 0, -1):
                place = self._places.get(" ".join(words[:n]))
                if place is not None:
                    found.append(place)
                    words = words[n:]
                    break
            else:
                return None
        return found or None

    def _unknown(self, query: str) -> UnknownNameError:
        """Make the error of a word that is no tag, where there are no vectors."""
        known = {fold(tag) for tag in self.tags}
        near = suggest(fold(query), known)
        remedy = f"{near} Other words need a file of word vectors, given by --words. {SOURCES}"
        rule = f"one of the {len(self.tags)} tags: {', '.join(sorted(known))}"
        return UnknownNameError(explain("word", rule, query, "without word vectors", remedy))


def place_tracks(activations: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Put tracks among words: the mean of the vectors of their likeliest tags, weighted by their probabilities.

    Parameters
    ----------
    activations : np.ndarray [shape=(n_tracks, n_tags), float32]
        Probabilities of the tags.
    units : np.ndarray [shape=(n_tags, d), float32]
        Unit vectors of the tags; a row of zeros where a tag has none.

    Returns
    -------
    np.ndarray [shape=(n_tracks, d), float32]
        Of length 1, or 0 where no tag has a vector.

    References
    ----------
    Norouzi et al. (2014), equation 2.
    """
    likely = np.where(units.any(axis=1), activations, 0).astype(np.float64)
    if likely.shape[1] > N_TAGS:
        likely[likely < np.sort(likely, axis=1)[:, -N_TAGS, None]] = 0
    places = likely @ units
    lengths = np.linalg.norm(places, axis=1, keepdims=True)
    return (places / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _find_units(tags: Sequence[str], vectors: WordVectors | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the unit vectors (n_tags, d) of tags, zeros where one has none, and the names of those."""
    if vectors is None:
        return np.zeros((len(tags), 0), np.float32), ()
    units, unknown = np.zeros((len(tags), vectors.units.shape[1]), np.float32), []
    for place, tag in enumerate(tags):
        try:
            units[place] = vectors.find(fold(tag)).unit
        except (UnknownNameError, DataError):
            unknown.append(tag)
    return units, tuple(unknown)
