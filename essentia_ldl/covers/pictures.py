"""The store filled with the pictures of a collection. In: tracks; out: `Pictures`, by id of a track.

A picture is kept by the digest of its own bytes, so that the tracks of an album share one. Every picture that cannot be
used has its reason; a track without a picture is no failure, and is counted.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from essentia_ldl.covers.decode import decode_picture
from essentia_ldl.covers.find import COLUMN, SOURCES, find_picture
from essentia_ldl.errors import DataError, explain
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.frontends import PICTURE
from essentia_ldl.parallel import run_jobs
from essentia_ldl.records import Failure, Track
from essentia_ldl.urls import local_copy


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Pictures that are in the store.

    Parameters
    ----------
    contents : Mapping[str, str]
        sha256 of the picture, by id of a track that has one.
    counts : Mapping[str, int]
        Tracks by the place of their picture, of `covers.find.SOURCES`.
    without : tuple[str, ...]
        Ids of the tracks that have none.
    failures : tuple[Failure, ...]
        Pictures that cannot be used, by path of the track, and why.
    """

    contents: Mapping[str, str]
    counts: Mapping[str, int]
    without: tuple[str, ...]
    failures: tuple[Failure, ...]


def store_pictures(tracks: Sequence[Track], folder: str, home: Home, n_jobs: int | None = None) -> Pictures:
    """Fill the store with the pictures of tracks.

    Parameters
    ----------
    tracks : sequence of Track
        Their column `cover` may name a picture.
    folder : str
        The folder of the collection, or of its table: what a column's path is relative to.
    home : Home
        Pictures go into its store.
    n_jobs : int or None
        Worker processes; None is one per core.

    Returns
    -------
    Pictures

    Raises
    ------
    DataError
        When the extra `covers` is not installed.
    """
    require_covers()
    jobs = [
        {
            "id": track.id,
            "path": track.path,
            "cover": track.columns.get(COLUMN, ""),
            "folder": os.path.abspath(folder),
            "store": str(home.store),
        }
        for track in tracks
    ]
    contents: dict[str, str] = {}
    sources: Counter[str] = Counter()
    without, failures = [], []
    for job, result in run_jobs("essentia_ldl.covers.pictures:store_picture", jobs, "pictures", n_jobs):
        if isinstance(result, Failure):
            failures.append(result)
        elif result["content"]:
            contents[job["id"]] = result["content"]
            sources[result["source"]] += 1
        else:
            without.append(job["id"])
    counts = {source: sources[source] for source in SOURCES if sources[source]}
    in_order = {track.id: contents[track.id] for track in tracks if track.id in contents}
    failed = tuple(sorted(failures, key=lambda failure: failure.path))
    return Pictures(in_order, counts, tuple(sorted(without)), failed)


def require_covers() -> None:
    """Raise `DataError` when what reads pictures is not installed."""
    missing = []
    for name, package in (("PIL", "pillow"), ("mutagen", "mutagen")):
        try:
            __import__(name)
        except ImportError:
            missing.append(package)
    if missing:
        remedy = "Install it: pip install 'essentia-ldl[covers]'."
        raise DataError(explain("extra covers", "pillow and mutagen", f"no {', '.join(missing)}", "covers", remedy))


def store_picture(job: dict[str, Any]) -> dict[str, str]:
    """Find and decode the picture of one track; the job of a worker.

    Parameters
    ----------
    job : dict
        path (of the track), cover (what the table says), folder (of the table) and store.

    Returns
    -------
    dict
        content (sha256 of the picture; empty where there is none) and source.
    """
    with local_copy(job["path"]) as local:
        found = find_picture(local, job["cover"], job["folder"])
    if found is None:
        return {"content": "", "source": ""}
    store, content = Store(job["store"]), hashlib.sha256(found.data).hexdigest()
    if not store.has(content, PICTURE):
        pixels = decode_picture(found.data, found.where)
        store.write(content, PICTURE, pixels.reshape(PICTURE.patch_frames, PICTURE.n_bands))
    return {"content": content, "source": found.source}
