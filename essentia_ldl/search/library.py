"""The file of an index: unit vectors of tracks, what is known of them, and which model made them.

An archive of arrays (.npz) under the name that the user chose: ``head`` (json as bytes: format, maker, tags, and the
texts of the tracks by column), their numbers by name, ``vectors``, ``starts``, ``activations`` where the model has
tags, and ``graph`` where there are many vectors. It is written whole by `index.index`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import BinaryIO

import numpy as np

from essentia_ldl.arrays import opened_arrays
from essentia_ldl.errors import StoreError, explain
from essentia_ldl.runs.kinds import find_wrong, list_kinds
from essentia_ldl.search.catalogue import NUMBERS, Catalogue

FORMAT = "essentia-ldl index 2"
REMEDY = "Name another file; if this is an index, delete it, and index the music again."
NO_ACTIVATIONS = np.zeros((0, 0), np.float32)
AGAIN = "Index the music again with --again."


@dataclasses.dataclass(frozen=True)
class Maker:
    """What made the vectors of an index; vectors of two makers do not compare.

    Parameters
    ----------
    model : str
        Name of the model.
    sha256 : str
        Of its graph.
    node : str
        The output that was read.
    n_vectors : int
        Vectors per track, at most.
    patch_hop_frames : int or None
        Distance between patches; None is that of the model's card.
    precision : str
        "f32" or "bf16".

    Raises
    ------
    StoreError
        When a value is of another kind.
    """

    model: str
    sha256: str
    node: str
    n_vectors: int = 1
    patch_hop_frames: int | None = None
    precision: str = "f32"

    def __post_init__(self) -> None:
        found = find_wrong(list_kinds(Maker), vars(self))
        if found is None and self.n_vectors < 1:
            found = ("n_vectors", "1 or more", self.n_vectors)
        if found is not None:
            raise StoreError(explain(*found, "index", REMEDY))


@dataclasses.dataclass(frozen=True)
class Library:
    """An index in memory.

    Parameters
    ----------
    maker : Maker
        What made the vectors.
    entries : Catalogue
        The tracks.
    units : np.ndarray [shape=(n_vectors, d), float32]
        Unit vectors, those of one track side by side, tracks in the order of the entries.
    starts : np.ndarray [shape=(n_tracks,), int64]
        Row of the first vector of each track.
    graph : bytes
        Of `nearest.build_graph`; empty where there is none.
    tags : tuple[str, ...]
        Names of the model's classes; none where it has embeddings alone, or the index is one of an earlier version.
    activations : np.ndarray [shape=(n_tracks, n_tags), float32]
        Their probabilities, means over the patches of each track.

    Raises
    ------
    StoreError
        When the parts do not fit one another.
    """

    maker: Maker
    entries: Catalogue
    units: np.ndarray
    starts: np.ndarray
    graph: bytes = b""
    tags: tuple[str, ...] = ()
    activations: np.ndarray = dataclasses.field(default_factory=lambda: NO_ACTIVATIONS)

    def __post_init__(self) -> None:
        n_tracks, shape = len(self.entries), self.units.shape
        fits = self.units.ndim == 2 and self.units.dtype == np.float32 and self.starts.shape == (n_tracks,)
        fits = fits and self.starts.dtype.kind in "iu"
        ends = np.append(self.starts, len(self.units))
        fits = fits and (ends[0] == 0) and bool(np.all(np.diff(ends) > 0)) if n_tracks else len(self.units) == 0
        if not fits:
            rule = f"vectors of {n_tracks} tracks"
            raise StoreError(explain("index", rule, f"{shape} and {self.starts.shape}", self.maker.model, REMEDY))
        shape, rule = self.activations.shape, f"activations of {len(self.tags)} tags of {n_tracks} tracks"
        fits = all(isinstance(tag, str) for tag in self.tags) and self.activations.dtype == np.float32
        if not fits or shape != ((n_tracks, len(self.tags)) if self.tags else NO_ACTIVATIONS.shape):
            raise StoreError(explain("index", rule, shape, self.maker.model, REMEDY))

    def rows(self, track: int) -> np.ndarray:
        """Return the vectors (n, d) of a track, by its place among the entries."""
        end = self.starts[track + 1] if track + 1 < len(self.starts) else len(self.units)
        return self.units[self.starts[track] : end]


def write_library(library: Library, file: BinaryIO) -> None:
    """Write an index into a file that is open for writing."""
    entries = library.entries
    told = {"maker": dataclasses.asdict(library.maker), "texts": entries.texts, "columns": entries.columns}
    head = json.dumps({"format": FORMAT, **told, "tags": library.tags}).encode()
    parts = {**entries.numbers, "head": np.frombuffer(head, np.uint8)}
    parts |= {"vectors": library.units, "starts": library.starts}
    if library.tags:
        parts["activations"] = library.activations
    if library.graph:
        parts["graph"] = np.frombuffer(library.graph, np.uint8)
    np.savez(file, **parts)


def read_library(path: str | Path) -> Library:
    """Read an index.

    Raises
    ------
    StoreError
        When it is missing, damaged, no index, or one that another version of the toolkit wrote.
    """
    if not Path(path).is_file():
        remedy = "Make it with `essentia-ldl index MUSIC -o FILE`, or check the name."
        raise StoreError(explain("index", "a file of the command index", "nothing there", path, remedy))
    with opened_arrays(Path(path), "index", REMEDY, "a whole file of the command index") as arrays:
        head = json.loads(arrays["head"].tobytes())
        if head["format"] != FORMAT:
            rule = f"one of this version ({FORMAT})"
            raise StoreError(explain("index", rule, head["format"], path, REMEDY))
        numbers = {name: arrays[name] for name in NUMBERS}
        entries = Catalogue(head["texts"], numbers, head["columns"])
        graph = arrays["graph"].tobytes() if "graph" in arrays else b""
        tags = tuple(head.get("tags", ()))
        activations = arrays["activations"] if tags else NO_ACTIVATIONS
        maker = Maker(**head["maker"])
        return Library(maker, entries, arrays["vectors"], arrays["starts"], graph, tags, activations)
