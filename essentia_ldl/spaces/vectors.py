"""The vector of every track by a model: the mean of its embeddings, made once and kept in the store.

In: tracks, and a model of graphs/ with embeddings. Out: vectors (n_tracks, d), and the files that could not be used.
Files go through the machinery of `predict`. A vector is kept under the content of the file and the digest of the graph,
so that a command that was stopped goes on where it was.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from essentia_ldl.arrays import read_array
from essentia_ldl.errors import DataError, StoreError, explain
from essentia_ldl.features.store import array_path
from essentia_ldl.files import Home, digest_file, replacing
from essentia_ldl.models.folder import digest_graph
from essentia_ldl.predict.ask import Question
from essentia_ldl.predict.many import ANYBODY, Workers, predict_many
from essentia_ldl.progress import hides_bars
from essentia_ldl.records import Failure, Track
from essentia_ldl.search.embedding import find_embedder, shorten


def embed_tracks(
    name: str,
    tracks: Sequence[Track],
    home: Home,
    workers: Workers = ANYBODY,
    warn: Callable[[str], object] | None = None,
) -> tuple[dict[str, np.ndarray], list[Failure]]:
    """Embed tracks.

    Parameters
    ----------
    name : str
        A model in graphs/ or a .pb; ``name:node`` names another output than its embeddings.
    tracks : sequence of Track
        Local files.
    home : Home
        Whose graphs and store are meant.
    workers : Workers
        How many processes embed.
    warn : callable or None
        Gets a sentence for a graph that does not run as it was asked for.

    Returns
    -------
    vectors : dict[str, np.ndarray [shape=(d,), float32]]
        By id of the track.
    failures : list[Failure]
        Files that could not be used.

    Raises
    ------
    DataError
        When none can be used.
    EssentiaLdlError
        When there is no such model, or it cannot run.
    """
    model, node = find_embedder(*_part_name(name), home.graphs)
    folder = home.store / f"vectors-{model.name}-{_digest(digest_graph(model.graph), node)}"
    failures: list[Failure] = []
    contents = {track.id: content for track in tracks if (content := _find_content(track, failures))}
    found: dict[str, np.ndarray] = {}
    missing: dict[str, str] = {}
    for track in tracks:
        if track.id in contents:
            path = array_path(folder, contents[track.id])
            with contextlib.suppress(StoreError):
                found[track.id] = _read(path)
            if track.id not in found:
                missing.setdefault(contents[track.id], track.path)
    files = list(missing.values())
    if files:
        question = Question(segments=True)
        answers = predict_many([model], files, home.graphs, question, workers, warn)
        for index, answer in tqdm(answers, total=len(files), unit="file", desc=model.name, disable=hides_bars()):
            if isinstance(answer, Failure):
                failures.append(answer)
                continue
            with replacing(array_path(folder, list(missing)[index])) as file:
                np.save(file, shorten(answer, 1)[0].segments[0].astype(np.float32))
    for track in tracks:
        if track.id not in found and track.id in contents:
            with contextlib.suppress(StoreError):
                found[track.id] = _read(array_path(folder, contents[track.id]))
    if not found:
        reason = failures[0].reason if failures else "no files"
        raise DataError(explain("tracks", "at least one that can be used", 0, model.name, f"First: {reason}"))
    return found, failures


def _part_name(name: str) -> tuple[str, str]:
    """Part a model from the output that is named after it."""
    model, mark, node = name.rpartition(":")
    return (model, node) if mark and not Path(name).is_file() else (name, "")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _find_content(track: Track, failures: list[Failure]) -> str:
    """Return the sha256 of a file; "" for one that cannot be read, whose reason is kept."""
    try:
        return digest_file(track.path)
    except OSError as error:
        reason = explain("audio", "a file", error, track.path, "Correct its path, or leave it out.")
        failures.append(Failure(track.path, "features", reason))
        return ""


def _read(path: Path) -> np.ndarray:
    array = read_array(path, "vector")
    if array.ndim != 1 or not np.all(np.isfinite(array)):
        path.unlink()
        raise StoreError(explain("vector", "finite (d,)", array.shape, path, "Run the same command again."))
    return array
