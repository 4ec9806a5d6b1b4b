"""A collection looked over before any long work starts. In: where it is; out: what its files look like, `Surveyed`."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Mapping

from essentia_ldl import datasets, frontends
from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.collection.read import Source
from essentia_ldl.collection.splits import split_tracks
from essentia_ldl.errors import DataError
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.parallel import run_jobs
from essentia_ldl.recipe.recipe import NetworkSettings
from essentia_ldl.records import Failure, Track


@dataclasses.dataclass(frozen=True)
class Surveyed:
    """What `survey` found.

    Parameters
    ----------
    classes, artists : Mapping[str, int]
        Tracks per label, and artists per label that has any.
    n_without_artist : int
        Tracks whose artist is not known.
    durations_s : tuple[float, ...]
        Of the headers that tell them, the shortest first.
    duplicates, conflicts : tuple[tuple[str, ...], ...]
        Tracks with the same bytes, of one label and of several.
    too_short : tuple[str, ...]
        Tracks shorter than one patch.
    failures : tuple[Failure, ...]
        Files that cannot be read, and why.
    notes : tuple[str, ...]
        How the collection was understood where that is not plain, and what was passed over.
    refusal : str
        Why a training would refuse the split column; empty where it takes it.
    n_tracks : int
        Tracks, of which one with several tags counts in several `classes`.
    kind : str
        One of `choices.KINDS`.
    dimensions : tuple[str, ...]
        Names of the numbers that tracks have; empty where they have classes or tags.
    """

    classes: Mapping[str, int]
    artists: Mapping[str, int]
    n_without_artist: int
    durations_s: tuple[float, ...]
    duplicates: tuple[tuple[str, ...], ...]
    conflicts: tuple[tuple[str, ...], ...]
    too_short: tuple[str, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...] = ()
    refusal: str = ""
    n_tracks: int = 0
    kind: str = SINGLE_LABEL
    dimensions: tuple[str, ...] = ()

    @property
    def has_problems(self) -> bool:
        """Whether something has to be done before a training: files unreadable, too short, or of two labels."""
        return bool(self.failures or self.too_short or self.conflicts or self.refusal)


def survey(source: Source, home: Home, n_jobs: int | None = None) -> Surveyed:
    """Look at the header and the bytes of every file of a collection, decode nothing.

    Parameters
    ----------
    source : Source
        The collection; its labels are taken as they are.
    home : Home
        Its store remembers the digests, so that extraction need not compute them again.
    n_jobs : int or None
        Worker processes; None is one per core.

    Returns
    -------
    Surveyed

    Raises
    ------
    DataError
        When there is no data, or it cannot be read.
    """
    notes: list[str] = []
    tracks = datasets.read_tracks(source.place, source.layout, source.options, say=notes.append)
    store = Store(home.store)
    front_end = frontends.of_network(NetworkSettings().backbone)  # a collection is not asked for a network of its own
    shortest_s = front_end.patch_samples / front_end.sample_rate_hz
    by_path = {track.path: track for track in tracks}
    contents: dict[str, str] = {}
    durations_s, too_short, failures = [], [], []
    jobs = [{"path": track.path, "store": str(store.root)} for track in tracks]
    for job, result in run_jobs("essentia_ldl.sound.features:probe_track", jobs, "files", n_jobs, home=home):
        track = by_path[job["path"]]
        if isinstance(result, Failure):
            failures.append(result)
            continue
        contents[track.id] = result["content"]
        if result["duration_s"] > 0:
            durations_s.append(result["duration_s"])
            if result["duration_s"] + 1 < shortest_s:  # headers give whole seconds
                too_short.append(track.id)
    groups = defaultdict(list)
    for track in tracks:
        if track.id in contents:
            groups[contents[track.id]].append(track)
    copies = [group for group in groups.values() if len(group) > 1]
    artists = defaultdict(set)
    for track in tracks:
        if track.artist:
            for name in track.names:
                artists[name].add(track.artist)
    return Surveyed(
        classes=dict(sorted(Counter(name for track in tracks for name in track.names).items())),
        n_tracks=len(tracks),
        kind=tracks[0].kind,
        dimensions=tuple(tracks[0].numbers or ()),
        artists={label: len(names) for label, names in sorted(artists.items())},
        n_without_artist=sum(track.artist is None for track in tracks),
        durations_s=tuple(sorted(durations_s)),
        duplicates=tuple(tuple(t.id for t in g) for g in copies if len({t.told for t in g}) == 1),
        conflicts=tuple(tuple(f"{t.id} ({t.told})" for t in g) for g in copies if len({t.told for t in g}) > 1),
        too_short=tuple(sorted(too_short)),
        failures=tuple(sorted(failures, key=lambda failure: failure.path)),
        notes=tuple(notes),
        refusal=_refuse_split(tracks),
    )


def _refuse_split(tracks: list[Track]) -> str:
    """Return what a training says of the sides that a collection fixes; empty when it takes them, or there are none."""
    try:
        split_tracks(tracks, valid_share=0.0)
    except DataError as error:
        return str(error)
    return ""
