"""Descriptors of Essentia's MusicExtractor: asked for here, computed once by the sound zone, read from the store.

In: a collection; out: one vector per track. Keys, scales and chords are one column per value. A profile of
`features.profiles` says which descriptors count.

Kept under ``<store>/descriptors-<digest of settings and version>/<two digits>/<content>.npy``, float32 (d,), with the
names of the columns in ``names.json`` beside them, for "all" together with the version of Essentia that made them.
Vectors of two versions are not mixed: a worker whose names or version are others than the folder's refuses.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from essentia_ldl.arrays import read_array
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import DataError, StoreError, explain
from essentia_ldl.features.profiles import KEYS, SCALES, get_profile
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import read_json
from essentia_ldl.parallel import run_jobs
from essentia_ldl.records import Failure, Track
from essentia_ldl.versions import find_essentia

REFUSED_SHARE = 0.1  # of the tracks: with more of them the baseline would tell little


def descriptor_folder(store: Store, profile: str = "gaia") -> Path:
    """Return where descriptors are kept; a digest of the settings and of Essentia's version is in the name."""
    chosen = get_profile(profile)
    parts = json.dumps([chosen.settings, chosen.ignored, KEYS, SCALES, find_essentia()], sort_keys=True).encode()
    return store.root / f"descriptors-{hashlib.sha256(parts).hexdigest()[:8]}"


def make_descriptors(collection: Collection, n_jobs: int | None = None, profile: str = "gaia") -> list[Failure]:
    """Compute the descriptors that are not there yet, in worker processes of the sound zone.

    Parameters
    ----------
    collection : Collection
        Any files that Essentia or ffmpeg decodes.
    n_jobs : int or None
        Worker processes; None is one per core.
    profile : str
        "gaia" or "all".

    Returns
    -------
    list[Failure]
        Files that have none, and why.

    Raises
    ------
    StoreError
        When descriptors of another version of Essentia are in the folder.
    """
    store = Store(collection.home.store)
    place = {"store": str(store.root), "folder": str(descriptor_folder(store, profile)), "profile": profile}
    jobs = [{"path": track.path, **place} for track in list_missing(collection, profile)]
    home = collection.home
    results = run_jobs("essentia_ldl.sound.descriptors:extract_track", jobs, "descriptors", n_jobs, home=home)
    failures = [result for _, result in results if isinstance(result, Failure)]
    return sorted(failures, key=lambda failure: failure.path)


def list_missing(collection: Collection, profile: str = "gaia") -> list[Track]:
    """List the tracks of a collection that have no descriptors."""
    folder = descriptor_folder(Store(collection.home.store), profile)
    return [t for t in collection.tracks if not array_path(folder, collection.contents[t.id]).is_file()]


def read_descriptors(
    collection: Collection, failures: Sequence[Failure] = (), profile: str = "gaia"
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Read the descriptors of every track.

    A file that MusicExtractor refuses (a constant level, say) gives NaN, for which the baseline puts the mean of the
    tracks that it is fitted on, so that one such file does not take the baseline away. Everything is in memory at once;
    `read_vector` reads one.

    Parameters
    ----------
    collection : Collection
        Its tracks went through `make_descriptors`.
    failures : Sequence[Failure]
        What that gave back.
    profile : str
        "gaia" or "all".

    Returns
    -------
    vectors : dict[str, np.ndarray [shape=(d,), float64]]
        By track id.
    names : tuple[str, ...]
        Of the d columns, such as "lowlevel.mfcc.mean.0" or "tonal.key_edma.key=C#".

    Raises
    ------
    StoreError
        When those of a track are missing or damaged (a damaged file is removed), or too many were refused: more than a
        tenth for "gaia", every one for "all".
    DataError
        When a value of "gaia" is not finite.
    """
    store, gaps = Store(collection.home.store), get_profile(profile).gaps
    folder = descriptor_folder(store, profile)
    lacking = list_missing(collection, profile)
    refused = {failure.path for failure in failures}
    n_tracks = len(collection.tracks)
    few = len(lacking) < n_tracks if gaps else len(lacking) <= REFUSED_SHARE * n_tracks
    if lacking and not (few and all(track.path in refused for track in lacking)):
        found = f"{len(lacking)} of {len(collection.tracks)} missing"
        remedy = f"First: {failures[0].reason}" if failures else "Run the same command again."
        raise StoreError(explain("descriptors", "those of every track", found, folder, remedy))
    names = read_names(folder)
    vectors = {track.id: np.full(len(names), np.nan) for track in lacking}
    for track in collection.tracks:
        if track.id in vectors:
            continue
        vector = _load(array_path(folder, collection.contents[track.id]), len(names)).astype(np.float64)
        if not gaps and not np.all(np.isfinite(vector)):
            name = names[int(np.argmin(np.isfinite(vector)))]
            raise DataError(explain("descriptor", "a finite number", name, track.id, "Leave the file out."))
        vectors[track.id] = vector
    return vectors, names


def read_vector(store: Store, content: str, profile: str = "all") -> np.ndarray:
    """Read the descriptors of one file.

    Parameters
    ----------
    store : Store
        Whose folder went through `make_descriptors`.
    content : str
        sha256 of the file.
    profile : str
        "gaia" or "all".

    Returns
    -------
    np.ndarray [shape=(d,), float32]
        NaN everywhere when there are none: MusicExtractor refused the file.

    Raises
    ------
    StoreError
        When no file has any, or those of this one are damaged (they are removed).
    """
    folder = descriptor_folder(store, profile)
    names = read_names(folder)
    path = array_path(folder, content)
    return _load(path, len(names)) if path.is_file() else np.full(len(names), np.nan, dtype=np.float32)


def read_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the columns in a folder of descriptors; raise `StoreError` when there are none."""
    path = folder / "names.json"
    if not path.is_file():
        remedy = "Run the same command again; failures.csv says why a file has none."
        raise StoreError(explain("descriptors", "those of one file or more", "none", folder, remedy))
    return _parse_names(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _parse_names(path: Path, _changed_ns: int) -> tuple[str, ...]:
    """Parse names.json once for many vectors; a changed file is parsed again."""
    stored = read_json(path)
    names = stored.get("names") if isinstance(stored, dict) else stored  # "gaia" keeps names alone
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        remedy = f"Delete the folder {path.parent} and run again."
        raise StoreError(explain("names of descriptors", "a list of names", type(names).__name__, path, remedy))
    return tuple(names)


def _load(path: Path, n_columns: int) -> np.ndarray:
    """Load a vector (n_columns,); a damaged file or another shape is removed and told."""
    remedy = "Run the same command again."
    vector = read_array(path, "descriptors", remedy)
    if vector.shape != (n_columns,):
        path.unlink()
        raise StoreError(explain("descriptors", f"{n_columns} numbers", vector.shape, path, remedy))
    return vector
