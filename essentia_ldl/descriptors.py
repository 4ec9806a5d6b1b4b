"""Descriptors of Essentia's MusicExtractor: asked for here, computed once by the sound zone, read from the store.

In: a collection; out: one vector a track, for a baseline. Which descriptors count is what the preprocessing of Gaia,
Essentia's trainer of SVM classifiers, keeps (`IGNORED` says what it drops and what we drop besides): statistics of
low-level, rhythmic and tonal descriptors, with keys, scales and chords as one column a value. What a file says of
itself is no music and is left out: tags, sampling rate, codec, bit rate, replay gain, and whatever grows with the
length of the excerpt. Kept under ``<store>/descriptors-<digest of settings and version>/<two digits>/<content>.npy``,
float32 (d,), with the names of the columns in ``names.json`` beside them.

References
----------
Template ``classification_project_template_2.1-beta5.yaml`` of Gaia (https://github.com/MTG/gaia), preprocessing
"normalized".
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from essentia_ldl.collection import Collection
from essentia_ldl.errors import DataError, StoreError, explain
from essentia_ldl.parallel import run_jobs
from essentia_ldl.records import Failure, Track
from essentia_ldl.store import Store, array_path, open_store, read_json

_STATISTICS = ["mean", "var", "stdev", "median"]  # Gaia drops minima, maxima and derivatives
SETTINGS = {
    "analysisSampleRate": 44100,
    "rhythmMethod": "degara",
    "lowlevelStats": _STATISTICS,
    "rhythmStats": _STATISTICS,
    "tonalStats": _STATISTICS,
    "mfccStats": ["mean"],
    "gfccStats": ["mean"],
}
IGNORED = (
    "metadata.*",
    "tonal.thpcp",  # divides by zero
    "lowlevel.spectral_energyband_high.*",  # 0 for a low sampling rate
    "lowlevel.silence_rate*",
    "rhythm.bpm_histogram",
    "lowlevel.melbands128.*",
    *("*dmean*", "*dvar*", "*.min", "*.max", "*cov"),  # statistics that a single value gets unasked
    # ours: they count, so that they tell the length of an excerpt
    "rhythm.beats_count",
    "rhythm.beats_position",
    "tonal.chords_number_rate",
)
KEYS = ("A", "A#", "B", "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#")
FLATS = {"Bb": "A#", "Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#"}
SCALES = ("major", "minor")


REFUSED_SHARE = 0.1  # of the tracks: with more of them the baseline would tell little


def descriptor_folder(store: Store) -> Path:
    """Return where descriptors are kept; a digest of the settings and of Essentia's version is in the name."""
    try:
        version = importlib.metadata.version("essentia-tensorflow")
    except importlib.metadata.PackageNotFoundError:
        version = "unknown"
    parts = json.dumps([SETTINGS, IGNORED, KEYS, SCALES, version], sort_keys=True).encode()
    return store.root / f"descriptors-{hashlib.sha256(parts).hexdigest()[:8]}"


def make_descriptors(collection: Collection, n_jobs: int | None = None) -> list[Failure]:
    """Compute the descriptors that are not there yet, in worker processes of the sound zone.

    Parameters
    ----------
    collection : Collection
        Any files that Essentia or ffmpeg decodes.
    n_jobs : int or None
        Worker processes; None is one a core.

    Returns
    -------
    list[Failure]
        Files that have none, and why.
    """
    store = open_store()
    folder = descriptor_folder(store)
    jobs = [{"path": track.path, "store": str(store.root), "folder": str(folder)} for track in list_missing(collection)]
    results = run_jobs("essentia_ldl.sound.descriptors:extract_track", jobs, "descriptors", n_jobs)
    failures = [result for _, result in results if isinstance(result, Failure)]
    return sorted(failures, key=lambda failure: failure.path)


def list_missing(collection: Collection) -> list[Track]:
    """List the tracks of a collection that have no descriptors."""
    folder = descriptor_folder(open_store())
    return [t for t in collection.tracks if not array_path(folder, collection.contents[t.id]).is_file()]


def read_descriptors(
    collection: Collection, failures: Sequence[Failure] = ()
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Read the descriptors of every track.

    A file that MusicExtractor refuses (a constant level, say) gives NaN, for which the baseline puts the mean of the
    tracks that it is fitted on, so that one such file does not take the baseline away.

    Parameters
    ----------
    collection : Collection
        Its tracks went through `make_descriptors`.
    failures : Sequence[Failure]
        What that gave back.

    Returns
    -------
    vectors : dict[str, np.ndarray [shape=(d,), float64]]
        By track id.
    names : tuple[str, ...]
        Of the d columns, such as "lowlevel.mfcc.mean.0" or "tonal.key_edma.key=C#".

    Raises
    ------
    StoreError
        When those of a track are missing or damaged (a damaged file is removed), or more than a tenth were refused.
    DataError
        When a value is not finite.
    """
    folder = descriptor_folder(open_store())
    lacking = list_missing(collection)
    refused = {failure.path for failure in failures}
    known = all(track.path in refused for track in lacking) and len(lacking) <= REFUSED_SHARE * len(collection.tracks)
    if lacking and not known:
        found = f"{len(lacking)} of {len(collection.tracks)} missing"
        remedy = f"First: {failures[0].reason}" if failures else "Run the same command again."
        raise StoreError(explain("descriptors", "those of every track", found, folder, remedy))
    names = tuple(read_json(folder / "names.json"))
    vectors = {track.id: np.full(len(names), np.nan) for track in lacking}
    for track in collection.tracks:
        if track.id in vectors:
            continue
        path = array_path(folder, collection.contents[track.id])
        try:
            vector = np.load(path).astype(np.float64)
        except (OSError, ValueError, EOFError) as error:
            path.unlink(missing_ok=True)
            remedy = "Run the same command again."
            raise StoreError(explain("descriptors", "a readable array", str(error), path, remedy)) from None
        if vector.shape != (len(names),):
            path.unlink()
            remedy = "Run the same command again."
            raise StoreError(explain("descriptors", f"{len(names)} numbers", vector.shape, path, remedy))
        if not np.all(np.isfinite(vector)):
            name = names[int(np.argmin(np.isfinite(vector)))]
            raise DataError(explain("descriptor", "a finite number", name, track.id, "Leave the file out."))
        vectors[track.id] = vector
    return vectors, names
