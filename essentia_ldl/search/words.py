"""The `search` command: words in, the tracks of an index that they fit best out.

Words go through the tags that a model was trained on (`bridge`), whose probabilities an index has, or into the space
that a model shares with them (`words.side`). Of tags a library is compared with itself: of a tag that hardly any track
has a small probability is much, so that each tag is told by its rank among the tracks before the mean is taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from essentia_ldl.discover import suggest
from essentia_ldl.errors import EssentiaLdlError, StoreError, UnknownNameError, explain
from essentia_ldl.models.folder import BASE_MODEL, find_model
from essentia_ldl.search import nearest
from essentia_ldl.search.bridge import Bridge, fold
from essentia_ldl.search.library import Library
from essentia_ldl.search.similar import (
    WORDS,
    Limits,
    Similar,
    check_model,
    list_gone,
    open_index,
    take_neighbours,
)
from essentia_ldl.words.side import SUFFIX, WordSide, read_side
from essentia_ldl.words.vectors import WordVectors, read_vectors


@dataclasses.dataclass(frozen=True)
class VectorFile:
    """Where vectors of words are.

    Parameters
    ----------
    path : str or None
        The user's file; without one only the model's tags are known.
    kept : Path or None
        The folder for what was read of a large one.
    """

    path: str | None = None
    kept: Path | None = None

    def read(self, phrases: Sequence[str]) -> WordVectors | None:
        """Return the vectors of phrases, or None without a file; raises as `words.vectors.read_vectors`."""
        return None if self.path is None else read_vectors(self.path, phrases, self.kept)


def search(query: str, index: str, limits: Limits, graphs: Path, vectors: VectorFile = VectorFile()) -> Similar:
    """Find the tracks of an index that words fit best.

    Parameters
    ----------
    query : str
        A word or a phrase, such as "melancholic piano".
    index : str
        The file of an index; it is read once while it does not change.
    limits : Limits
        How many tracks.
    graphs : Path
        The folder of models, for the word side of one that was trained on words.
    vectors : VectorFile
        Of words that are no tags.

    Returns
    -------
    Similar
        Whose similarity is the mean, over the tags that the words mean, of the share of the index that has the tag
        less, from 0 to 1; in a space of words and audio the cosine of the two.

    Raises
    ------
    StoreError
        When the index is missing, damaged, or has no tags.
    UnknownNameError
        When a word is no tag and has no vector.
    DataError
        When the file of vectors is none, cut or damaged.
    """
    library = open_index(index).library
    if library.tags:
        meaning = open_bridge(library.tags, [query], vectors).understand(query)
        scores, notes = score_tracks(library, meaning.weights), meaning.notes
    elif has_side(library.maker.model, graphs):
        side = read_side(find_side(check_model(library.maker, graphs, index).graph, graphs))
        unit, notes = place_query(query, side, vectors.read([query]))
        scores = nearest.score_tracks(library.units, library.starts, unit[None])
    else:
        rule = "one of a model with tags or words"
        remedy = f"Index the music again with --again and --model {BASE_MODEL}, or another one that has tags."
        raise StoreError(explain("index", rule, f"none of {library.maker.model}", index, remedy))
    ranked = ((row, float(scores[row])) for row in nearest.order_scores(scores))
    found, gone = take_neighbours(library, ranked, limits.n)
    return Similar(query, WORDS, library.maker.model, found, gone, (*notes, *list_gone(gone)))


def find_side(model: str, graphs: Path) -> Path:
    """Return where the word side of a model is, by its name in graphs/ or its .pb, whether it is there or not."""
    is_file = model.endswith(".pb")
    return Path(model).with_suffix(SUFFIX) if is_file else graphs / f"{model}{SUFFIX}"


def has_side(model: str, graphs: Path) -> bool:
    """Tell whether a model has a word side, or its card says that it had one."""
    if find_side(model, graphs).is_file():
        return True
    try:
        return "words" in find_model(model, graphs).card.extra
    except EssentiaLdlError:
        return False


def place_query(query: str, side: WordSide, vectors: WordVectors | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the place of words in a space of words and audio, and how they were read.

    Parameters
    ----------
    query : str
        A word or a phrase; a word of the training needs no vectors.
    side : WordSide
        Of the space.
    vectors : WordVectors or None
        Of the query, from the file that the space was trained on.

    Returns
    -------
    unit : np.ndarray [shape=(size,), float32]
        Of length 1.
    notes : tuple[str, ...]
        Sentences.

    Raises
    ------
    UnknownNameError
        When a word did not train and has no vector.
    DataError
        When the vectors are not those of the training.
    """
    known = {fold(word): place for place, word in enumerate(side.words)}
    if fold(query) in known:
        return side.units[known[fold(query)]], ()
    if vectors is None:
        remedy = f"{suggest(query, known)} Give the file of vectors that the space was trained on by --words."
        rule = f"one of the {len(known)} words of the training: {', '.join(sorted(known))}"
        raise UnknownNameError(explain("word", rule, query, "without word vectors", remedy))
    phrase = vectors.find(query)
    return side.place(phrase.unit[None])[0], (phrase.note,) if phrase.note else ()


def score_tracks(library: Library, weights: np.ndarray) -> np.ndarray:
    """Score every track of an index by a weighted mean of its tags, each as the share of tracks that have it less.

    Parameters
    ----------
    library : Library
        With tags.
    weights : np.ndarray [shape=(n_tags,), float32]
        Of sum 1.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), float32]
        From 0 to 1; of a single track 0.
    """
    scores = np.zeros(len(library.entries))
    for tag in np.flatnonzero(weights):
        column = library.activations[:, tag]
        below = np.searchsorted(np.sort(column), column, side="left")
        scores += weights[tag] * below / max(1, len(column) - 1)
    return scores.astype(np.float32)


def open_bridge(tags: Sequence[str], queries: Sequence[str], vectors: VectorFile) -> Bridge:
    """Return the tags of a model, ready to be asked for some queries; raises as `VectorFile.read`."""
    return Bridge(tags, vectors.read([*queries, *map(fold, tags)]))
