"""Words of tracks, and how often every artist uses them: the first half of artist group factors.

In: training tracks and what is stored of them; out: `Bags`, one row of counts an artist. A word is a cluster of MFCC
frames or of their differences, learned here, a cluster of descriptors (`_descriptors`), or a sub-genre that the
collection names. Only tracks with an artist count. Tracks are taken in the order of their ids or in one drawn from the
seed, and counts are whole numbers until the end, so the order of the tracks given changes nothing.

References
----------
Kim, Won, Serra, Liem, "Transfer learning of artist group factors to musical genre classification" (WWW 2018
companion), sections 3.1 and 4, and Table 1.
"""

from __future__ import annotations

import dataclasses
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import replacing
from essentia_ldl.parallel import count_workers, run_jobs
from essentia_ldl.progress import hides_bars
from essentia_ldl.records import Failure, Track

TRACKS_A_JOB = 256  # a second of counting; starting workers takes two
_FRAMES_AT_ONCE = 512  # distances to 2048 clusters: 4 MB
ReadFeatures = Callable[[Track, str], np.ndarray]


@dataclasses.dataclass(frozen=True)
class FrameSource:
    """Where frames come from.

    Parameters
    ----------
    read_features : Callable[[Track, str], np.ndarray]
        Gives (n_frames, n_coefficients) float32; must pickle when there are more than `TRACKS_A_JOB` tracks.
    front_end : str
        Whose frames are read.
    deltas : bool
        Take the differences of consecutive frames in place of the frames.
    """

    read_features: ReadFeatures
    front_end: str
    deltas: bool = False


@dataclasses.dataclass(frozen=True)
class Bags:
    """How often artists use words.

    Parameters
    ----------
    artists : tuple[str, ...]
        Names, sorted.
    n_tracks : tuple[int, ...]
        Training tracks of each.
    words : tuple[str, ...]
        Names of the words.
    counts : np.ndarray [shape=(n_artists, n_words), float64]
        Counts; where a track has many words, divided by the artist's tracks.
    report : Mapping[str, Any]
        What was found on the way, ready for json.
    dictionary : object or None
        Finds the word of a new track, where tracks are words; see `_descriptors.Dictionary`.
    """

    artists: tuple[str, ...]
    n_tracks: tuple[int, ...]
    words: tuple[str, ...]
    counts: np.ndarray
    report: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    dictionary: Any = None


def list_artists(tracks: Sequence[Track]) -> tuple[list[Track], tuple[str, ...], np.ndarray]:
    """Return the tracks that have an artist by id, the artists by name, and the row of each track's artist."""
    known = sorted((track for track in tracks if track.artist), key=lambda track: track.id)
    artists = tuple(sorted({track.artist for track in known if track.artist}))
    row_of = {artist: row for row, artist in enumerate(artists)}
    return known, artists, np.array([row_of[track.artist] for track in known if track.artist], dtype=np.int64)


# --- frames


def bag_frames(
    tracks: Sequence[Track],
    source: FrameSource,
    settings: Mapping[str, Any],
    *,
    seed: int = 0,
    where: str = "labels.agf-m",
    n_jobs: int | None = None,
) -> Bags:
    """Learn a dictionary of frames, and count its words over all the frames of every artist.

    Memory: a batch of frames, twice while it is put together, at most ``2 x batch_files x frames per track x
    coefficients x 4`` bytes (256 tracks of 30 s and 25 coefficients: 66 MB); a process that counts holds one track;
    the counts are ``artists x n_clusters x 8`` bytes (5,000 artists: 82 MB). Nothing else grows with the tracks.

    Parameters
    ----------
    tracks : Sequence[Track]
        Training tracks; those without artist are left out.
    source : FrameSource
        What is read of each.
    settings : Mapping[str, Any]
        n_clusters, batch_files.
    seed : int
        Of the order of the tracks and of k-means.
    where : str
        Key of the settings in a recipe, for messages.
    n_jobs : int or None
        Worker processes that count; None is one per core.

    Returns
    -------
    Bags
        Counts a track of the artist.

    Raises
    ------
    DataError
        When there are fewer frames than clusters, or frames are not finite or of another shape.

    References
    ----------
    Sections 3.1.1 and 3.1.2; batches of 256 files and the division by the tracks are those of the authors' code.
    """
    known, artists, rows = list_artists(tracks)
    n_clusters = settings["n_clusters"]
    started = time.perf_counter()
    centers, n_frames = _cluster_frames(known, source, settings, seed, where)
    learned = time.perf_counter()
    counts = np.zeros((len(artists), n_clusters))  # whole numbers until the last line, so that no order matters
    row_of = {track.id: row for track, row in zip(known, rows, strict=True)}
    for ids, found in _count_everywhere(known, source, centers, n_jobs):
        np.add.at(counts, [row_of[track_id] for track_id in ids], found)
    n_tracks = np.bincount(rows, minlength=len(artists))
    counts /= n_tracks[:, None]
    report = {
        "n_frames": n_frames,
        "dictionary_seconds": learned - started,
        "counting_seconds": time.perf_counter() - learned,
    }
    return Bags(artists, tuple(n_tracks.tolist()), name_clusters(n_clusters), counts, report)


def read_frames(track: Track, source: FrameSource) -> np.ndarray:
    """Return the frames of a track, or their first-order differences, (n_frames, n_coefficients) float32.

    Raises
    ------
    DataError
        When the shape is another one or a value is not finite.
    """
    frames = np.asarray(source.read_features(track, source.front_end), dtype=np.float32)
    remedy = "Extract the features of this track again, or leave it out."
    if frames.ndim != 2:
        raise DataError(explain("MFCC", "frames, (n_frames, n_coefficients)", frames.shape, track.id, remedy))
    if not np.all(np.isfinite(frames)):
        raise DataError(explain("MFCC", "finite numbers", "NaN or infinity", track.id, remedy))
    return np.diff(frames, axis=0) if source.deltas else frames


def _cluster_frames(
    tracks: Sequence[Track], source: FrameSource, settings: Mapping[str, Any], seed: int, where: str
) -> tuple[np.ndarray, int]:
    """Return the centres of mini-batch k-means, (n_clusters, n_coefficients) float32, and the number of frames.

    Coefficients are not brought to one scale: the paper does not ask for it, and on 202 clips of 92 artists words of
    standardised frames told the genre of an artist no better.
    """
    from sklearn.cluster import MiniBatchKMeans

    model = MiniBatchKMeans(settings["n_clusters"], random_state=seed)
    order = np.random.default_rng(seed).permutation(len(tracks))
    held: list[np.ndarray] = []
    n_frames = n_learned = 0
    for number, index in enumerate(show_progress(order, "dictionary"), start=1):
        held.append(np.array(read_frames(tracks[index], source)))  # a copy: a mapped array keeps its file open
        n_frames += len(held[-1])
        if number % settings["batch_files"] and number < len(tracks):
            continue
        least = 1 if n_learned else settings["n_clusters"]  # the first batch makes every centre
        if n_frames - n_learned >= least:
            batch = np.concatenate(held)
            held.clear()
            model.partial_fit(batch)
            n_learned = n_frames
            del batch  # before the next one is read
    if not n_learned:
        refuse_clusters(f"{n_frames} frames", n_frames, settings["n_clusters"], where)
    return model.cluster_centers_.astype(np.float32), n_frames


def _count_everywhere(
    tracks: Sequence[Track], source: FrameSource, centers: np.ndarray, n_jobs: int | None
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield ids of tracks and their counts, from workers, or from here when there is little to do."""
    groups = [tracks[start : start + TRACKS_A_JOB] for start in range(0, len(tracks), TRACKS_A_JOB)]
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-words-") as folder:
        saved = Path(folder, "centers.npy")
        with replacing(saved) as file:
            np.save(file, centers)
        reader = source.read_features
        narrow = getattr(reader, "narrow", lambda group: reader)  # a reader that can leave out what a job does not need
        jobs = [
            {
                "path": group[0].path,
                "centers": str(saved),
                "source": dataclasses.replace(source, read_features=narrow(group)),
                "tracks": [_describe_track(track) for track in group],
            }
            for group in groups
        ]
        if len(jobs) == 1 or count_workers(n_jobs) == 1:
            results = ((job, count_track_words(job)) for job in show_progress(jobs, "words"))
        else:
            results = run_jobs("essentia_ldl.labels._words:count_track_words", jobs, "words", n_jobs)
        for job, result in results:
            # here once more: what a worker died of says itself, or does not come again where nothing else runs
            found = count_track_words(job) if isinstance(result, Failure) else result
            yield [fields["id"] for fields in job["tracks"]], found


def count_track_words(job: Mapping[str, Any]) -> np.ndarray:
    """Count the words of some tracks; a worker's job.

    Parameters
    ----------
    job : Mapping[str, Any]
        tracks (fields of `Track`), source (a `FrameSource`), and centers: the file that holds them.

    Returns
    -------
    np.ndarray [shape=(n_tracks, n_clusters), int32]
        Frames of each track by the nearest centre.
    """
    centers = np.load(job["centers"])
    nearest = (find_nearest(read_frames(Track(**fields), job["source"]), centers) for fields in job["tracks"])
    return np.array([np.bincount(words, minlength=len(centers)) for words in nearest], dtype=np.int32)


def find_nearest(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the index of the nearest centre of each point, by Euclidean distance; the first of equals."""
    if not len(points):
        return np.zeros(0, dtype=np.int64)
    halves = np.square(centers).sum(axis=1) / 2
    starts = range(0, len(points), _FRAMES_AT_ONCE)
    parts = [np.argmin(halves - points[start : start + _FRAMES_AT_ONCE] @ centers.T, axis=1) for start in starts]
    return np.concatenate(parts)


def _describe_track(track: Track) -> dict[str, Any]:
    """Return the fields of a track; the track itself does not pickle, for its columns are a read-only view."""
    return {field.name: getattr(track, field.name) for field in dataclasses.fields(track)} | {
        "columns": dict(track.columns)
    }


# --- sub-genres


def split_words(text: str) -> tuple[str, ...]:
    """Return the entries of a cell, each once: parted by ; or |, and by blanks when they are whole numbers.

    "Hip-Hop Beats;Trip-Hop" are two sub-genres, "21 103" two of FMA's numbers, and "Hip-Hop Beats" is one sub-genre.
    """
    parts = [part.strip() for part in re.split(r"[;|]", text)]
    entries = [entry for part in parts for entry in (part.split() if re.fullmatch(r"[\d\s]+", part) else [part])]
    return tuple(dict.fromkeys(entry for entry in entries if entry))


def bag_subgenres(tracks: Sequence[Track], column: str) -> Bags:
    """Count the sub-genres of every artist's tracks: the dictionary is what the collection says.

    References
    ----------
    Section 3.1.4.
    """
    known, artists, rows = list_artists(tracks)
    entries = [split_words(track.columns.get(column, "")) for track in known]
    words = tuple(sorted({word for found in entries for word in found}))
    column_of = {word: number for number, word in enumerate(words)}
    counts = np.zeros((len(artists), len(words)))
    for row, found in zip(rows, entries, strict=True):
        counts[row, [column_of[word] for word in found]] += 1
    report = {"n_tracks_without_words": sum(not found for found in entries)}
    return Bags(artists, tuple(np.bincount(rows, minlength=len(artists)).tolist()), words, counts, report)


# --- what every dictionary needs


def name_clusters(n_clusters: int) -> tuple[str, ...]:
    """Return the names of words that are clusters."""
    return tuple(f"cluster {number}" for number in range(n_clusters))


def refuse_clusters(given: str, limit: int, n_clusters: int, where: str) -> None:
    """Raise `DataError`: there are too few frames or tracks for the clusters."""
    rule, remedy = f"at most {limit}, as {given} give", f"Lower {where}.n_clusters, or add tracks."
    raise DataError(explain("clusters of the dictionary", rule, n_clusters, f"{where}.n_clusters", remedy))


def show_progress(items: Any, what: str) -> Any:
    """Put the items under a progress bar, when this is a terminal and there are many."""
    from tqdm import tqdm

    return tqdm(items, desc=what, disable=len(items) < TRACKS_A_JOB or hides_bars())
