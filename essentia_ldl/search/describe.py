"""The `describe` command: tracks in, the words of a list that fit them best out.

Words go through the tags that a model was trained on (`bridge`), or into the space that a model shares with them.
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
from essentia_ldl.search.embedding import find_embedder, find_tagger
from essentia_ldl.search.words import VectorFile, find_side, has_side, open_bridge, place_query
from essentia_ldl.words.side import WordSide, read_side
from essentia_ldl.words.vectors import WordVectors


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
    vectors: VectorFile = dataclasses.field(default_factory=VectorFile)
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
    model = find_tagger(name, graphs)
    judge: Bridge | SideJudge
    if model is not None:
        words = list(dict.fromkeys(words)) or [fold(tag) for tag in model.card.classes]
        judge = open_bridge(model.card.classes, words, settings.vectors)
    elif has_side(name, graphs):
        model, _ = find_embedder(name, "", graphs)
        side = read_side(find_side(name, graphs))
        words = list(dict.fromkeys(words)) or list(side.words)
        judge = SideJudge(side, settings.vectors.read(words))
    else:
        raise DataError(explain("model", "one with tags or words", "none", name, f"Take {BASE_MODEL}, say."))
    known, notes = _choose_known(judge, words)
    tracks: list[Description] = []
    failures: list[Failure] = []
    question = Question(engine=settings.engine)
    for answer in predict_files([model], expand_files(audio, say), graphs, question, warn=say):
        if isinstance(answer, Failure):
            failures.append(answer)
            continue
        [scores] = judge.compare(answer[0].probabilities[None], known)
        best = [(known[place], float(scores[place])) for place in nearest.order_scores(scores)]
        tracks.append(Description(answer[0].path, model.name, tuple(best[: settings.n])))
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


class SideJudge:
    """A space of words and audio, asked as a `Bridge` is.

    Parameters
    ----------
    side : WordSide
        Of the space.
    vectors : WordVectors or None
        From the file that it was trained on, for other words than those of the training.
    """

    def __init__(self, side: WordSide, vectors: WordVectors | None) -> None:
        self._side, self._vectors = side, vectors
        self._places: dict[str, np.ndarray] = {}

    def check(self, query: str) -> None:
        """Raise `UnknownNameError` when a word is not known."""
        self._places[query] = place_query(query, self._side, self._vectors)[0]

    def compare(self, embeddings: np.ndarray, queries: Sequence[str]) -> np.ndarray:
        """Return the cosines (n_tracks, n_queries) of tracks and words that were checked."""
        return nearest.normalise(embeddings) @ np.stack([self._places[query] for query in queries]).T


def _choose_known(bridge: Bridge | SideJudge, words: Sequence[str]) -> tuple[list[str], list[str]]:
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
