"""The commands `search` and `describe`: words in, tracks of an index out; tracks in, the words that fit them best out.

Both go through the tags that a model was trained on (`bridge`). An index of a model with tags has their probabilities.
`search` compares a library with itself: of a tag that hardly any track has a small probability is much, so that each
tag is weighed by its rank among the tracks before the mean is taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from essentia_ldl.errors import DataError, StoreError, UnknownNameError, explain
from essentia_ldl.models.folder import BASE_MODEL
from essentia_ldl.predict.ask import Question, expand_files, predict_files
from essentia_ldl.records import Failure
from essentia_ldl.search import nearest
from essentia_ldl.search.bridge import Bridge, fold
from essentia_ldl.search.embedding import find_tagger
from essentia_ldl.search.library import AGAIN, Library
from essentia_ldl.search.similar import WORDS, Limits, Similar, list_gone, open_index, take_neighbours
from essentia_ldl.words.vectors import WordVectors, read_vectors

WITHOUT = "Index the music with a model that has tags, such as msd-musicnn-1 or mtt-musicnn-1."


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


@dataclasses.dataclass(frozen=True)
class Describing:
    """How tracks are described.

    Parameters
    ----------
    model : str or None
        In graphs/, or a .pb file; one with tags. None takes msd-musicnn-1.
    n : int
        Words per track, at most.
    vectors : VectorFile
        Of words that are no tags.
    engine : str
        As `predict.ask.Question` takes it.

    Raises
    ------
    DataError
        When less than one word is wanted.
    """

    model: str | None = None
    n: int = 10
    vectors: VectorFile = VectorFile()
    engine: str = "auto"

    def __post_init__(self) -> None:
        if self.n < 1:
            raise DataError(explain("number of words", "1 or more", self.n, "describe", "Ask for at least one."))


@dataclasses.dataclass(frozen=True)
class Description:
    """Words that fit a track.

    Parameters
    ----------
    path : str
        The track.
    model : str
        Whose tags they go through.
    words : tuple[tuple[str, float], ...]
        Words and how well they fit, the best first: with word vectors the cosine of the word and the track's place
        among words, without them the probability of the tag.
    """

    path: str
    model: str
    words: tuple[tuple[str, float], ...]


@dataclasses.dataclass(frozen=True)
class Described:
    """What `describe` found.

    Parameters
    ----------
    tracks : tuple[Description, ...]
        In the order of the files.
    failures : tuple[Failure, ...]
        Files that could not be used.
    notes : tuple[str, ...]
        What the user should know, in sentences.
    """

    tracks: tuple[Description, ...]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


def search(query: str, index: str, limits: Limits, vectors: VectorFile = VectorFile()) -> Similar:
    """Find the tracks of an index that words fit best.

    Parameters
    ----------
    query : str
        A word or a phrase, such as "melancholic piano".
    index : str
        The file of an index; it is read once while it does not change.
    limits : Limits
        How many tracks.
    vectors : VectorFile
        Of words that are no tags.

    Returns
    -------
    Similar
        Whose similarity is the mean, over the tags that the words mean, of the share of the index that has the tag
        less, from 0 to 1.

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
    if not library.tags:
        rule, remedy = "one of a model with tags", f"{AGAIN} {WITHOUT}"
        raise StoreError(explain("index", rule, f"none of {library.maker.model}", index, remedy))
    bridge = _open_bridge(library.tags, [query], vectors)
    meaning = bridge.understand(query)
    scores = score_tracks(library, meaning.weights)
    ranked = ((row, float(scores[row])) for row in nearest.order_scores(scores))
    found, gone = take_neighbours(library, ranked, limits.n)
    notes = (*meaning.notes, *list_gone(gone))
    return Similar(query, WORDS, library.maker.model, found, gone, notes)


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


def describe(
    audio: Sequence[str],
    words: Sequence[str],
    settings: Describing,
    graphs: Path,
    say: Callable[[str], object] | None = None,
) -> Described:
    """Find the words of a list that fit tracks best.

    Parameters
    ----------
    audio : sequence of str
        Files, folders, patterns and URLs.
    words : sequence of str
        Words and phrases; none stands for the tags of the model.
    settings : Describing
        The model, how many words, and the vectors of those that are no tags.
    graphs : Path
        The folder of models.
    say : callable or None
        Gets a sentence for a graph that does not run as it was asked for.

    Raises
    ------
    DataError
        When the model has no tags, or the file of vectors is none, cut or damaged.
    UnknownNameError
        When no word of the list is known.
    EssentiaLdlError
        When the model cannot run.
    """
    name = settings.model or BASE_MODEL
    tagger = find_tagger(name, graphs)
    if tagger is None:
        raise DataError(explain("model", "one with tags", "none", name, f"Take {BASE_MODEL}, say."))
    tags = tagger.card.classes
    words = list(dict.fromkeys(words)) or [fold(tag) for tag in tags]
    bridge = _open_bridge(tags, words, settings.vectors)
    known, notes = _choose_known(bridge, words)
    tracks: list[Description] = []
    failures: list[Failure] = []
    question = Question(engine=settings.engine)
    for answer in predict_files([tagger], expand_files(audio, say), graphs, question, warn=say):
        if isinstance(answer, Failure):
            failures.append(answer)
            continue
        [scores] = bridge.compare(answer[0].probabilities[None], known)
        best = [(known[place], float(scores[place])) for place in nearest.order_scores(scores)]
        tracks.append(Description(answer[0].path, tagger.name, tuple(best[: settings.n])))
    return Described(tuple(tracks), tuple(failures), tuple(notes))


def read_words(path: str) -> list[str]:
    """Read a list of words, one word or phrase per line; lines that begin with # are left out.

    Raises
    ------
    DataError
        When it is no text, or has no word.
    StoreError
        When it cannot be read.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}. Check the path.") from None
    except UnicodeDecodeError as error:
        raise DataError(explain("list of words", "text in UTF-8", error, path, "Save it as UTF-8.")) from None
    words = [" ".join(line.split()) for line in text.splitlines()]
    words = list(dict.fromkeys(word for word in words if word and not word.startswith("#")))
    if not words:
        raise DataError(explain("list of words", "one word or phrase per line", "none", path, "Write some."))
    return words


def _open_bridge(tags: Sequence[str], queries: Sequence[str], vectors: VectorFile) -> Bridge:
    return Bridge(tags, vectors.read([*queries, *map(fold, tags)]))


def _choose_known(bridge: Bridge, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words of a list that mean something, and a note on the others; raises when there is none."""
    known, refused = [], []
    for word in words:
        try:
            bridge.check(word)
            known.append(word)
        except UnknownNameError as error:
            refused.append((word, error))
    if not known:
        raise refused[0][1]
    few = ", ".join(word for word, _ in refused[:5]) + (" and others" if len(refused) > 5 else "")
    return known, [f"{len(refused)} of {len(words)} words are left out, without a vector: {few}."] if refused else []
