"""The `similar` command: a track or an artist in, the nearest tracks of an index out.

A track may be one of the index or any other, which the model of the index then embeds. An artist is the mean of the
unit vectors of the artist's tracks. Tracks whose files are gone are not among the answers; they are told.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from essentia_ldl.content import AUDIO_SUFFIXES
from essentia_ldl.discover import suggest
from essentia_ldl.errors import AudioError, DataError, EssentiaLdlError, StoreError, UnknownNameError, explain
from essentia_ldl.models.folder import Model, digest_graph
from essentia_ldl.predict.ask import Question, predict_files
from essentia_ldl.predict.session import make_absolute
from essentia_ldl.records import Failure
from essentia_ldl.search import nearest
from essentia_ldl.search.catalogue import fold
from essentia_ldl.search.embedding import find_embedder, shorten
from essentia_ldl.search.library import AGAIN, Library, Maker, read_library
from essentia_ldl.urls import is_url

TRACK, ARTIST, WORDS = "track", "artist", "words"
NO_GRAPH = (
    "{n} vectors are compared one by one: install voyager (pip install 'essentia-ldl[search]') and index again with "
    "--again, and a graph of neighbours is quicker."
)


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """A track that is near.

    Parameters
    ----------
    path : str
        The file.
    similarity : float
        Cosine, -1 to 1; 1 is the same sound. To words: how well they fit, see `words.search`.
    artist, label : str
        Empty where they are not known.
    duration_s : float
        Seconds.
    columns : Mapping[str, str]
        What else is known of it.
    """

    path: str
    similarity: float
    artist: str
    label: str
    duration_s: float
    columns: dict[str, str]

    @property
    def title(self) -> str:
        """Its title, or the name of its file."""
        return self.columns.get("title") or os.path.splitext(os.path.basename(self.path))[0]


@dataclasses.dataclass(frozen=True)
class Similar:
    """What is near a track, an artist or words.

    Parameters
    ----------
    query : str
        As it was asked.
    kind : str
        "track", "artist" or "words".
    model : str
        What made the vectors.
    neighbours : tuple[Neighbour, ...]
        The nearest first.
    gone : tuple[str, ...]
        Tracks that would have been among them, whose files are not there any more.
    notes : tuple[str, ...]
        What the user should know, in sentences.
    """

    query: str
    kind: str
    model: str
    neighbours: tuple[Neighbour, ...]
    gone: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Limits:
    """How many answers, and which.

    Parameters
    ----------
    n : int
        At most so many.
    not_same_artist : bool
        Leave out tracks of the artist who is asked for, or of the artist of the track.
    engine : str
        What embeds a track that the index does not have.

    Raises
    ------
    DataError
        When less than one answer is wanted.
    """

    n: int = 10
    not_same_artist: bool = False
    engine: str = "auto"

    def __post_init__(self) -> None:
        if self.n < 1:
            raise DataError(explain("number of tracks", "1 or more", self.n, "similar", "Ask for at least one."))


def similar(
    query: str, index: str, limits: Limits, graphs: Path, warn: Callable[[str], object] | None = None
) -> Similar:
    """Find the tracks that are nearest to a track or an artist.

    Parameters
    ----------
    query : str
        A file, a URL, or the name of an artist of the index.
    index : str
        The file of an index; it is read once while it does not change.
    limits : Limits
        How many, and which.
    graphs : Path
        The folder of models, for a track that the index does not have.
    warn : callable or None
        Gets a sentence for a graph that does not run as it was asked for.

    Raises
    ------
    StoreError
        When the index is missing, damaged, or of another model than the one of its name in `graphs`.
    AudioError
        When the track cannot be used.
    UnknownNameError
        When the query is neither a file nor an artist of the index; the nearest name is told.
    """
    opened = open_index(index)
    library = opened.library
    kind, own, units, artist = _understand(query, opened, limits, graphs, warn)
    notes = []
    if limits.not_same_artist and not artist:
        notes.append(f"The artist of {query} is not known, so that no artist is left out.")
    if opened.graph is None and len(library.units) > nearest.EXACT_UP_TO:
        notes.append(NO_GRAPH.format(n=len(library.units)))
    left_out = {own} | (set(library.entries.artists.get(fold(artist), ())) if limits.not_same_artist else set())
    ranked = ((row, score) for row, score in _rank(opened, units, limits.n) if row not in left_out)
    found, gone = take_neighbours(library, ranked, limits.n)
    notes += list_gone(gone)
    return Similar(query, kind, library.maker.model, found, gone, tuple(notes))


def take_neighbours(
    library: Library, ranked: Iterable[tuple[int, float]], n: int
) -> tuple[tuple[Neighbour, ...], tuple[str, ...]]:
    """Take the first tracks of a ranking whose files are there.

    Parameters
    ----------
    library : Library
        The index.
    ranked : iterable of (int, float)
        Places among its entries and their scores, the best first.
    n : int
        How many, at most.

    Returns
    -------
    found : tuple[Neighbour, ...]
        The first ones.
    gone : tuple[str, ...]
        Those before the last of them whose files are gone.
    """
    found: list[Neighbour] = []
    gone: list[str] = []
    for row, score in ranked:
        entry = library.entries[row]
        if not is_url(entry.path) and not os.path.exists(entry.path):
            gone.append(entry.path)
            continue
        found.append(Neighbour(entry.path, score, entry.artist, entry.label, entry.duration_s, dict(entry.columns)))
        if len(found) == n:
            break
    return tuple(found), tuple(gone)


def list_gone(gone: Sequence[str]) -> list[str]:
    """Say that files of an index are gone; nothing where none is."""
    if not gone:
        return []
    files = "1 file of the index is" if len(gone) == 1 else f"{len(gone)} files of the index are"
    return [f"{files} gone and left out, first {gone[0]}. Index again."]


def open_index(path: str) -> Opened:
    """Read an index, once per process while the file does not change; raises as `library.read_library`."""
    try:
        status = os.stat(path)
    except OSError:
        return Opened(read_library(path), path)  # which says what is wrong
    return _open(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _open(path: str, size: int, time_ns: int) -> Opened:
    del size, time_ns  # only part of the key
    return Opened(read_library(path), path)


class Opened:
    """An index that is ready to be asked.

    Parameters
    ----------
    library : Library
        What the file holds.
    path : str
        The file.

    Raises
    ------
    StoreError
        When its graph of neighbours is damaged.
    """

    def __init__(self, library: Library, path: str) -> None:
        self.path, self.graph = path, None
        if library.graph and nearest.has_graphs():
            self.graph = nearest.open_graph(library.graph, len(library.units), path)
        self.library = dataclasses.replace(library, graph=b"")  # its bytes are of no use any more


def _understand(
    query: str, opened: Opened, limits: Limits, graphs: Path, warn: Callable[[str], object] | None
) -> tuple[str, int, np.ndarray, str]:
    """Return the kind of a query, its row in the index or -1, its unit vectors, and the artist or ""."""
    library = opened.library
    row = library.entries.rows.get(make_absolute(query), -1)
    if row >= 0:
        return TRACK, row, library.rows(row), library.entries[row].artist
    if is_url(query) or os.path.isfile(query):
        model = check_model(library.maker, graphs, opened.path)
        question = Question(segments=True, engine=limits.engine, precision=library.maker.precision)
        [answer] = predict_files([model], [query], graphs, question, warn=warn)
        if isinstance(answer, Failure):
            raise AudioError(answer.reason)
        return TRACK, -1, nearest.normalise(shorten(answer, library.maker.n_vectors)[0].segments), ""
    rows = library.entries.artists.get(fold(query))
    if not rows:
        raise _unknown(query, opened)
    units = np.concatenate([library.rows(row) for row in rows])
    return ARTIST, -1, nearest.normalise(units.mean(axis=0, keepdims=True)), query


def check_model(maker: Maker, graphs: Path, where: str) -> Model:
    """Return the model of an index.

    Parameters
    ----------
    maker : Maker
        What the index says of it.
    graphs : Path
        The folder of models.
    where : str
        The index, for messages.

    Raises
    ------
    StoreError
        When the one of its name is another one.
    EssentiaLdlError
        When there is none.
    """
    model, _ = find_embedder(maker.model, maker.node, graphs)
    digest = digest_graph(model.graph)
    if digest != maker.sha256:
        rule, found = f"the {maker.model} that made it ({maker.sha256[:8]})", f"another one ({digest[:8]})"
        raise StoreError(explain("model of the index", rule, found, where, f"Put that one into {graphs}. {AGAIN}"))
    return model


def _rank(opened: Opened, units: np.ndarray, n: int) -> Iterator[tuple[int, float]]:
    """Yield rows of tracks and their scores, the best first: more and more candidates of a graph, in the end all."""
    library, told = opened.library, set()
    n_wanted = max(nearest.EF_QUERY, 2 * n * library.maker.n_vectors)
    while opened.graph is not None and n_wanted < len(library.units) // 4:
        rows = nearest.find_candidates(opened.graph, units, n_wanted)
        tracks = np.unique(np.searchsorted(library.starts, rows, side="right") - 1)
        parts = [library.rows(track) for track in tracks]
        starts = np.cumsum([0, *map(len, parts[:-1])])
        scores = nearest.score_tracks(np.concatenate(parts), starts, units)
        for place in nearest.order_scores(scores):
            row = int(tracks[place])
            if row not in told:
                told.add(row)
                yield row, float(scores[place])
        n_wanted *= 4
    scores = nearest.score_tracks(library.units, library.starts, units)
    for row in nearest.order_scores(scores):
        if row not in told:
            yield row, float(scores[row])


def _unknown(query: str, opened: Opened) -> EssentiaLdlError:
    """Make the error of a query that is neither a file nor an artist."""
    if query.lower().endswith(AUDIO_SUFFIXES):
        return AudioError(explain("track", "a file that is there", "nothing there", query, "Check the path."))
    entries = opened.library.entries
    if not entries.artists:
        remedy = "Index a table with a column artist, or name a file."
        return UnknownNameError(explain("query", "a file: the index knows no artists", query, opened.path, remedy))
    artists = {entries.texts["artist"][rows[0]] for rows in entries.artists.values()}
    rule = f"a file, or one of the {len(artists)} artists of the index"
    remedy = suggest(query, artists, "None has such a name: check the path, or how it is written.")
    return UnknownNameError(explain("query", rule, query, opened.path, remedy))
