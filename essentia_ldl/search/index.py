"""The `index` command: music in, a file of vectors out, which the same command adds to.

Files go through the machinery of `predict`: engines, processes, clusters, the journal with which a command that was
stopped goes on, and the table of files that could not be used. A second call embeds what is new or has changed, keeps
the vectors of files of the same size and time of change, and drops those of files that are gone.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from essentia_ldl.datasets import table
from essentia_ldl.errors import AudioError, DataError, StoreError, explain
from essentia_ldl.models.folder import BASE_MODEL, Model, digest_graph
from essentia_ldl.predict.ask import Question, expand_files
from essentia_ldl.predict.command import Task, write_document
from essentia_ldl.predict.many import ANYBODY, Workers
from essentia_ldl.predict.overwrite import refuse_overwriting
from essentia_ldl.predict.session import make_absolute
from essentia_ldl.predict.write import Output
from essentia_ldl.records import Prediction, Track
from essentia_ldl.search import nearest
from essentia_ldl.search.catalogue import IndexedTrack, gather
from essentia_ldl.search.embedding import find_embedder, find_tagger, shorten
from essentia_ldl.search.library import AGAIN, NO_ACTIVATIONS, Library, Maker, read_library, write_library
from essentia_ldl.urls import is_url, stat_url

NOWHERE = -1  # size and time of a file that is not there, or of a URL that does not tell
MOST_VECTORS = 100


@dataclasses.dataclass(frozen=True)
class Embedding:
    """What is to be made of each track.

    Parameters
    ----------
    model : str or None
        A name in graphs/ or a .pb file; None takes that of the index, or msd-musicnn-1 for a new one.
    node : str
        The output to read; empty takes the card's output of purpose "embeddings".
    n_vectors : int
        Vectors per track, at most: 1 is the mean of all patches, more are the means of as many parts.
    engine, precision : str
        As `predict.ask.Question` takes them.

    Raises
    ------
    DataError
        When the number of vectors is out of range.
    """

    model: str | None = None
    node: str = ""
    n_vectors: int = 1
    engine: str = "auto"
    precision: str = "f32"

    def __post_init__(self) -> None:
        if not 1 <= self.n_vectors <= MOST_VECTORS:
            rule, remedy = f"1 to {MOST_VECTORS}", "Take 1 for the mean of a track."
            raise DataError(explain("vectors per track", rule, self.n_vectors, "embedding", remedy))


@dataclasses.dataclass(frozen=True)
class Indexed:
    """What `index` did.

    Parameters
    ----------
    path : str
        The index.
    model : str
        What made its vectors.
    n_tracks, n_artists : int
        In the index, and how many known artists they have.
    n_new, n_kept, n_dropped, n_failures : int
        Tracks that were embedded, those that had not changed, those whose files are gone, and files that could not be
        used, whose reasons are in the table beside the index.
    has_graph : bool
        Whether there are so many vectors that a graph of neighbours was built.
    """

    path: str
    model: str
    n_tracks: int
    n_artists: int
    n_new: int
    n_kept: int
    n_dropped: int
    n_failures: int
    has_graph: bool = False


def index(
    music: Sequence[str],
    embedding: Embedding,
    output: Output,
    graphs: Path,
    say: Callable[[str], object],
    workers: Workers = ANYBODY,
) -> Indexed:
    """Embed music into an index, or bring an index up to date.

    Parameters
    ----------
    music : sequence of str
        Files, folders, patterns, URLs, and tables (.csv, .tsv) whose columns artist, label and others are kept.
    embedding : Embedding
        The model, and how many vectors of each track.
    output : Output
        The file; with `again`, what is there is not kept.
    graphs : Path
        The folder of models.
    say : callable
        Gets a line for every model or file that cannot be used, as it is met.
    workers : Workers
        How many processes embed, and where.

    Raises
    ------
    AudioError
        When there is no file, or none of them could be used.
    StoreError
        When the index that is there is damaged, or of another model; when it cannot be written, or is music or a table.
    EssentiaLdlError
        When the model cannot run.
    """
    if not output.is_file:
        remedy = "Give the name of a file with -o, such as lib.index."
        raise StoreError(explain("index", "a file to write", output.path or "a terminal", "output", remedy))
    refuse_overwriting(output.path, music, music, replaces=True)
    read_at = _stat(output.target)
    before = read_library(output.path) if os.path.exists(output.path) else None
    models, maker = _choose_maker(embedding, None if output.again else before, graphs, output.path)
    known = read_music(music, say)
    old = {} if before is None or output.again else before.entries.rows
    there = {path: _stat(path) for path in dict.fromkeys([*old, *known])}
    gone = {path for path in old if path not in known and not is_url(path) and there[path][0] == NOWHERE}
    files = [path for path in there if path not in gone]
    kept = {path: old[path] for path in files if path in old and _is_same(before.entries[old[path]], there[path])}
    question = Question(segments=True, engine=embedding.engine, precision=embedding.precision)
    task = Task(
        tuple(music),
        files,
        models,
        question,
        graphs,
        workers,
        kept,
        lambda predictions: [*shorten(predictions[:1], maker.n_vectors), *shorten(predictions[1:], 1)],
    )
    writers: list[LibraryWriter] = []

    def make_writer(stream: TextIO) -> LibraryWriter:
        if _stat(output.target) != read_at:  # nobody else writes it from here on
            raise StoreError(f"{output.path} was written by another process meanwhile. Give the same command again.")
        names = [model.card.classes for model in models]
        room = Room(len(files), len(names[0]), names[1] if len(names) > 1 else ())
        writer = LibraryWriter(stream, maker, room, lambda path: (there[path], known.get(path)))
        for path, row in kept.items():
            writer.keep(before, row, known.get(path))
        writers.append(writer)
        return writer

    form = f"index {maker.node} {maker.n_vectors} {len(models)}"
    done = write_document(task, output, form, make_writer, say, replaces=before is not None)
    entries = writers[0].entries
    return Indexed(
        path=str(output.path),
        model=maker.model,
        n_tracks=len(entries),
        n_artists=len({entry.artist for entry in entries} - {""}),
        n_new=len(entries) - len(kept),
        n_kept=len(kept),
        n_dropped=len(gone),
        n_failures=done.n_failures,
        has_graph=writers[0].has_graph,
    )


def _choose_maker(
    embedding: Embedding, before: Library | None, graphs: Path, path: str | None
) -> tuple[list[Model], Maker]:
    """Return the model and, where it has tags, the model as tagger, and what its vectors are told by.

    They are not mixed with those of another model, nor with tracks whose tags are not known.
    """
    name = embedding.model or (BASE_MODEL if before is None else before.maker.model)
    node = embedding.node or ("" if before is None or embedding.model else before.maker.node)
    model, node = find_embedder(name, node, graphs)
    tagger = find_tagger(name, graphs)
    models = [model] if tagger is None else [model, tagger]
    maker = Maker(model.name, digest_graph(model.graph), node, embedding.n_vectors, precision=embedding.precision)
    if before is not None and before.maker != maker:
        remedy = "Name another file with -o, or begin anew with --again."
        raise StoreError(explain("index", f"one of {describe(maker)}", describe(before.maker), path, remedy))
    if before is not None and before.tags != (() if tagger is None else tagger.card.classes):
        found = f"{len(before.tags)} other ones" if before.tags else "one without, of an earlier version"
        raise StoreError(explain("index", f"one with the tags of {model.name}", found, path, AGAIN))
    return models, maker


def describe(maker: Maker) -> str:
    """Say in words what made vectors, so that two of them can be told apart."""
    parts = f", {maker.n_vectors} vectors per track" if maker.n_vectors > 1 else ""
    precision = "" if maker.precision == "f32" else f" in {maker.precision}"
    return f"{maker.model} ({maker.sha256[:8]}), {maker.node}{precision}{parts}"


def read_music(music: Sequence[str], say: Callable[[str], object]) -> dict[str, Track | None]:
    """Find the files that the user means, and what tables say of them.

    Parameters
    ----------
    music : sequence of str
        Files, folders, patterns, URLs and tables.
    say : callable
        Gets sentences on how tables and folders were understood.

    Returns
    -------
    dict[str, Track or None]
        By absolute path or URL; None where there is no table.

    Raises
    ------
    AudioError
        When there is nothing.
    DataError
        When a table cannot be read.
    """
    found: dict[str, Track | None] = {}
    plain = []
    for argument in music:
        if argument.lower().endswith(table.SUFFIXES) and os.path.isfile(argument):
            tracks = table.read_tracks(Path(argument), say, kind=table.UNLABELLED)
            found |= {track.path: track for track in tracks}
        else:
            plain.append(argument)
    if plain or not found:
        for path in expand_files(plain or list(music), say):
            found.setdefault(make_absolute(path), None)
    return found


def _stat(path: str) -> tuple[int, int]:
    """Return the size of a file in bytes and when its content changed last, in ns."""
    if is_url(path):
        return stat_url(path) or (NOWHERE, NOWHERE)
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return NOWHERE, NOWHERE
    return status.st_size, status.st_mtime_ns


def _is_same(entry: IndexedTrack, there: tuple[int, int]) -> bool:
    return (entry.size, entry.time_ns) == there != (NOWHERE, NOWHERE)


def _describe_track(entry: IndexedTrack, track: Track | None) -> IndexedTrack:
    """Return an entry with what a table says of the track now."""
    if track is None:
        return entry
    label = track.told if track.names or track.numbers is not None else ""
    return dataclasses.replace(entry, artist=track.artist or "", label=label, columns=dict(track.columns))


@dataclasses.dataclass(frozen=True)
class Room:
    """How much an index may come to hold: tracks, numbers per vector, and the names of tags."""

    n_tracks: int
    n_columns: int
    tags: tuple[str, ...] = ()


class LibraryWriter:
    """Gather vectors, and write the index at the end.

    Parameters
    ----------
    stream : TextIO
        Of the file; bytes go to what is below it.
    maker : Maker
        What makes the vectors.
    room : Room
        The most that there may be.
    look_up : callable
        From a path to its size and time, and what a table says of it.
    """

    shows_notes = True

    def __init__(
        self,
        stream: TextIO,
        maker: Maker,
        room: Room,
        look_up: Callable[[str], tuple[tuple[int, int], Track | None]],
    ) -> None:
        self._file, self._maker, self._look_up = stream.buffer, maker, look_up
        self._tags = room.tags  # the system gives memory to what is written only
        self._vectors = np.empty((room.n_tracks * maker.n_vectors, room.n_columns), np.float32)
        self._activations = np.empty((room.n_tracks, len(room.tags)), np.float32)
        self._starts: list[int] = []
        self._end = 0
        self.entries: list[IndexedTrack] = []
        self.has_graph = False

    def keep(self, before: Library, row: int, track: Track | None) -> None:
        """Take a track from an earlier index."""
        if self._tags:
            self._activations[len(self.entries)] = before.activations[row]
        self._take(_describe_track(before.entries[row], track), before.rows(row))

    def add(self, predictions: list[Prediction]) -> None:
        """Take the embedding of a track, and its tags."""
        one, *tagged = predictions
        if tagged:
            self._activations[len(self.entries)] = tagged[0].probabilities
        (size, time_ns), track = self._look_up(one.path)
        self._take(
            _describe_track(IndexedTrack(one.path, one.duration_s, size, time_ns), track),
            nearest.normalise(one.segments),
        )

    def _take(self, entry: IndexedTrack, units: np.ndarray) -> None:
        self._vectors[self._end : self._end + len(units)] = units
        self._starts.append(self._end)
        self._end += len(units)
        self.entries.append(entry)

    def close(self) -> None:
        """Write the index; raises `AudioError` when it would be empty."""
        if not self.entries:
            rule, remedy = "one track or more that can be used", "See the reasons above, or name other music."
            raise AudioError(explain("music", rule, "none", "index", remedy))
        units = self._vectors[: self._end]
        self.has_graph = len(units) > nearest.EXACT_UP_TO and nearest.has_graphs()
        graph = nearest.build_graph(units) if self.has_graph else b""
        starts = np.array(self._starts, np.int64)
        activations = self._activations[: len(self.entries)] if self._tags else NO_ACTIVATIONS
        library = Library(self._maker, gather(self.entries), units, starts, graph, self._tags, activations)
        write_library(library, self._file)
