"""Descriptors of MusicExtractor for one file. In: a path; out: one vector with a name per column, kept in the store.

MusicExtractor decodes by itself, so it gets what `readable_audio` makes of the file. Which entries of its pool count
is told by `essentia_ldl.features.profiles`. It takes files of a quarter of a second and longer; a
silent or a constant file it refuses, which becomes the file's failure. Where the loudness of beats is described, a
file without a beat has zeros, in a profile that may have gaps NaN, as for whatever else it lacks.
"""

from __future__ import annotations

import fnmatch
import functools
import tempfile
import wave
from pathlib import Path
from typing import Any

import essentia.standard as es
import numpy as np

from essentia_ldl.errors import AudioError, Reason, StoreError, explain
from essentia_ldl.features.profiles import FLATS, KEYS, SCALES, Profile, get_profile
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import read_json, replacing, write_json
from essentia_ldl.sound.audio import readable_audio, require_file
from essentia_ldl.urls import local_copy


def extract_descriptors(path: str, profile: str = "gaia") -> tuple[np.ndarray, list[str]]:
    """Compute the descriptors of a file.

    Parameters
    ----------
    path : str
        Audio file.
    profile : str
        "gaia" or "all".

    Returns
    -------
    vector : np.ndarray [shape=(d,), float32]
        In the order of the names.
    names : list[str]
        Name of every column; d and the names are the same for every file.

    Raises
    ------
    AudioError
        When the file is missing, does not decode, is silent or constant, or, in a profile without gaps, a value lacks
        or is not finite.
    """
    chosen = get_profile(profile)
    with readable_audio(path) as readable:
        columns, _ = _describe(readable, path, chosen)
    names = list(list_names(profile)[0])
    if chosen.gaps:
        vector = np.array([columns.get(name, np.nan) for name in names], dtype=np.float32)
        vector[~np.isfinite(vector)] = np.nan
        return vector, names
    lacking = [name for name in names if name not in columns and not name.startswith("rhythm.beats_loudness")]
    if lacking:
        remedy = "Leave the file out, or use another excerpt."
        raise AudioError(explain("descriptor", "one that every file has", f"no {lacking[0]}", path, remedy))
    vector = np.array([columns.get(name, 0.0) for name in names], dtype=np.float32)
    if not np.all(np.isfinite(vector)):
        name = names[int(np.argmin(np.isfinite(vector)))]
        raise AudioError(explain("descriptor", "a finite number", name, path, "Use another excerpt."))
    return vector, names


@functools.cache
def list_names(profile: str = "gaia") -> tuple[tuple[str, ...], str]:
    """Return the names of the columns, and the version of Essentia that makes them.

    The names are those of 10 s of a tone with a beat, in alphabetical order of the entries.
    """
    time_s = np.arange(10 * 44100) / 44100
    noise = np.random.default_rng(0).normal(size=len(time_s))
    signal = 0.3 * np.sin(2 * np.pi * 220 * time_s) + 0.1 * noise * np.exp(-20 * (time_s % 0.5))
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-") as folder:
        path = f"{folder}/reference.wav"
        with wave.open(path, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(44100)
            file.writeframes(np.round(signal * 20000).astype("<i2").tobytes())
        columns, version = _describe(path, path, get_profile(profile))
        return tuple(columns), version


def _describe(readable: str, path: str, profile: Profile) -> tuple[dict[str, float], str]:
    """Run MusicExtractor; return the number of every column, in alphabetical order of the entries, and its version."""
    try:
        pool, _ = es.MusicExtractor(**profile.settings)(readable)
    except RuntimeError as error:
        reason = Reason(str(error).replace("Error while computing MusicExtractor: ", ""))
        remedy = "Leave the file out, or use another excerpt."
        raise AudioError(explain("audio", "music that MusicExtractor describes", reason, path, remedy)) from None
    columns: dict[str, float] = {}
    for name in sorted(pool.descriptorNames()):
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in profile.ignored):
            columns.update(_spread(name, pool[name], path))
    return columns, " ".join(str(pool[f"metadata.version.{part}"]) for part in ("essentia", "essentia_git_sha"))


def _spread(name: str, value: Any, path: str) -> list[tuple[str, float]]:
    """Make columns of an entry: one per number of a vector, one per possible value of a text."""
    if isinstance(value, str):
        known = KEYS if name.endswith("key") else SCALES
        value = FLATS.get(value, value)
        if value not in known:
            remedy = "Report this file."
            raise AudioError(explain(name, " or ".join(known), value, path, remedy))
        return [(f"{name}={choice}", float(choice == value)) for choice in known]
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.ndim == 0:
        return [(name, float(numbers))]
    return [(f"{name}.{index}", float(number)) for index, number in enumerate(numbers.ravel())]


def extract_track(job: dict[str, Any]) -> str:
    """Keep the descriptors of one file in the store; the job of a worker.

    Parameters
    ----------
    job : dict
        path, store (folder of the store) and folder (of the descriptors); profile, "gaia" when there is none.

    Returns
    -------
    str
        The content (sha256) of the file.

    Raises
    ------
    AudioError
        When the file is missing, does not decode, is silent or constant, or, in a profile without gaps, a value lacks
        or is not finite.
    StoreError
        When the folder holds descriptors with other names, or of another version of Essentia.
    """
    path, folder, profile = job["path"], Path(job["folder"]), job.get("profile", "gaia")
    with local_copy(path) as local:
        require_file(local)
        content = Store(job["store"]).remember(path, local)
        _describe_content(local, content, folder, profile)
    return content


def _describe_content(path: str, content: str, folder: Path, profile: str) -> None:
    stored = folder / "names.json"
    names, version = list_names(profile)
    told = {"essentia": version, "names": list(names)} if get_profile(profile).gaps else list(names)
    if stored.is_file():
        _refuse_mixing(read_json(stored), told, stored)
    vector, _ = extract_descriptors(path, profile)
    if not stored.is_file():
        write_json(stored, told)  # two workers at once write the same
    with replacing(array_path(folder, content)) as file:
        np.save(file, vector)


def _refuse_mixing(stored: Any, told: Any, path: Path) -> None:
    """Raise `StoreError` when the columns in a folder are not those that this process makes."""
    if stored == told:
        return
    rule, found = "the descriptors of this Essentia", "other columns"
    if isinstance(stored, dict) and isinstance(told, dict) and stored.get("essentia") != told["essentia"]:
        rule, found = f"descriptors of Essentia {told['essentia']}", stored.get("essentia")
    remedy = "Descriptors of two versions are not mixed: delete this folder, and all of them are computed again."
    raise StoreError(explain("descriptors", rule, found, path.parent, remedy))
