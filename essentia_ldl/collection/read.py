"""A collection made ready: tracks with checked labels, features in the store, and a reason for every file left out.

In: `Track`s of a dataset layout; out: a `Collection` whose every track has its features, or an `Audit` of what the
files look like before any long work starts.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import datasets, frontends
from essentia_ldl.collection.corrections import apply_corrections, read_corrections
from essentia_ldl.discover import unknown
from essentia_ldl.errors import DataError, explain
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import Home
from essentia_ldl.parallel import run_jobs
from essentia_ldl.recipe.recipe import NetworkSettings, Recipe
from essentia_ldl.records import Failure, FrontEnd, Split, Track


@dataclasses.dataclass(frozen=True)
class Collection:
    """Tracks whose features are in the store.

    Parameters
    ----------
    tracks : tuple[Track, ...]
        In the order of their ids.
    contents : Mapping[str, str]
        sha256 of the file, by track id.
    durations_s : Mapping[str, float]
        Seconds decoded, by track id.
    failures : tuple[Failure, ...]
        Files left out, and why.
    home : Home
        Whose store holds the features.
    corrections : Mapping[str, Any]
        What a person changed, from `corrections.apply_corrections`; empty when nothing.
    """

    tracks: tuple[Track, ...]
    contents: Mapping[str, str]
    durations_s: Mapping[str, float]
    failures: tuple[Failure, ...]
    home: Home
    corrections: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Audit:
    """What `essentia-ldl data` reports; durations in seconds, of the headers that tell them."""

    classes: Mapping[str, int]
    artists: Mapping[str, int]
    n_without_artist: int
    durations_s: tuple[float, ...]
    duplicates: tuple[tuple[str, ...], ...]
    conflicts: tuple[tuple[str, ...], ...]
    too_short: tuple[str, ...]
    failures: tuple[Failure, ...]


def read_labelled(
    data: str | os.PathLike[str],
    recipe: Recipe,
    layout: str | None = None,
    options: Mapping[str, object] | None = None,
) -> list[Track]:
    """Read the tracks of a collection, checked as `read_corrected` does, without corrections."""
    return read_corrected(data, recipe, None, layout, options)[0]


def read_corrected(
    data: str | os.PathLike[str],
    recipe: Recipe,
    corrections: str | None = None,
    layout: str | None = None,
    options: Mapping[str, object] | None = None,
) -> tuple[list[Track], dict[str, Any]]:
    """Read the tracks of a collection, correct their labels, and check these against a recipe.

    Parameters
    ----------
    data : path
        Folder or table, in any layout of `essentia_ldl.datasets`.
    recipe : Recipe
        Its aliases are applied first.
    corrections : str or None
        File of `essentia_ldl.collection.corrections`; a label that it corrects need not be a class.
    layout : str or None
        As in `datasets.read_tracks`, and so are the `options`.
    options : Mapping[str, object] or None
        Options of the layout.

    Returns
    -------
    tracks : list[Track]
    record : dict[str, Any]
        What was corrected; empty without a file.

    Raises
    ------
    DataError
        When a label is not a class of the recipe, a class has no track, or a correction does not fit.
    """
    found, record = datasets.read_tracks(Path(data), layout, options, recipe.classes), {}
    if corrections is not None:
        found, record = apply_corrections(found, read_corrections(corrections), recipe.classes, recipe.aliases)
    tracks = []
    for track in found:
        label = recipe.aliases.get(track.label, track.label)
        if label not in recipe.classes:
            hint = str(unknown("label", label, recipe.classes)).rsplit(". ", 1)[-1]
            raise DataError(
                explain(
                    "label",
                    f"one of {', '.join(recipe.classes)}, as the recipe {recipe.task} lists",
                    track.label,
                    track.id,
                    f"{hint} Correct it, or map it under [aliases] in the recipe.",
                )
            )
        tracks.append(track if label == track.label else dataclasses.replace(track, label=label))
    present = Counter(track.label for track in tracks)
    missing = [name for name in recipe.classes if name not in present]
    if missing:
        where, remedy = f"{missing[0]} in {data}", "Add tracks of it."
        if corrections is not None:
            where, remedy = f"{where} as {corrections} corrects it", "Add tracks of it, or look at the corrections."
        raise DataError(explain("class", "at least one track", 0, where, remedy))
    return tracks, record


def keep_split(collection: Collection, split: Split) -> Collection:
    """Keep the tracks of a split: one left out of every side must not reach a plan."""
    ids = {*split.train, *split.valid, *split.test}
    return dataclasses.replace(collection, tracks=tuple(track for track in collection.tracks if track.id in ids))


def extract(
    tracks: Sequence[Track],
    home: Home,
    front_ends: Sequence[FrontEnd],
    n_jobs: int | None = None,
    extractor: Mapping[str, Any] | None = None,
) -> Collection:
    """Fill the store with the features of every track; what is there already is not read again.

    Parameters
    ----------
    tracks : sequence of Track
        From `read_labelled`.
    home : Home
        Features go into its store.
    front_ends : sequence of FrontEnd
        Which features.
    n_jobs : int or None
        Worker processes; None is one a core.
    extractor : Mapping[str, Any] or None
        From `extractors.Extractor.as_job`: its embeddings too. Needed when there is no front-end.

    Returns
    -------
    Collection
        Without the files that failed and without copies: of tracks with the same bytes and label one is kept, and
        none when their labels differ.
    """
    store = Store(home.store)
    contents: dict[str, str] = {}
    durations_s: dict[str, float] = {}
    failures: list[Failure] = []
    jobs = []
    for track in tracks:
        content = store.recall(track.path)
        embedded = extractor is None or content is None or array_path(extractor["folder"], content).is_file()
        if content is not None and embedded and store.is_complete(content, front_ends):
            contents[track.id] = content
            durations_s[track.id] = store.read_info(content)["duration_s"]
        else:
            names = [front_end.name for front_end in front_ends]
            job = {"id": track.id, "path": track.path, "store": str(store.root), "front_ends": names}
            jobs.append(job if extractor is None else {**job, "extractor": dict(extractor)})
    for job, result in run_jobs("essentia_ldl.sound.features:extract_track", jobs, "features", n_jobs):
        if isinstance(result, Failure):
            failures.append(result)
        else:
            contents[job["id"]] = result["content"]
            durations_s[job["id"]] = result["duration_s"]
    usable = [track for track in tracks if track.id in contents]
    kept, copies = _drop_copies(usable, contents)
    failures = sorted(failures, key=lambda failure: failure.path) + copies
    return Collection(tuple(kept), contents, durations_s, tuple(failures), home)


def _drop_copies(tracks: Sequence[Track], contents: Mapping[str, str]) -> tuple[list[Track], list[Failure]]:
    groups = defaultdict(list)
    for track in tracks:
        groups[contents[track.id]].append(track)
    kept, failures = [], []
    for group in groups.values():
        agree = len({track.label for track in group}) == 1
        kept += group[:1] if agree else []
        for track in group[1:] if agree else group:
            other = next(peer for peer in group if peer is not track)
            reason = explain(
                "audio",
                "each recording once" if agree else "one label a recording",
                f"the same bytes as {other.id} ({other.label})",
                f"{track.id} ({track.label})",
                "Remove the copy." if agree else "Decide which label is right.",
            )
            failures.append(Failure(track.path, "duplicates", reason))
    return sorted(kept, key=lambda track: track.id), failures


def audit(tracks: Sequence[Track], store: Store, n_jobs: int | None = None) -> Audit:
    """Look at every file's header and bytes, decode nothing.

    Parameters
    ----------
    tracks : sequence of Track
        A collection.
    store : Store
        Remembers the digests, so that extraction need not compute them again.
    n_jobs : int or None
        Worker processes.

    Returns
    -------
    Audit
    """
    front_end = frontends.of_network(NetworkSettings().backbone)  # a collection is not asked for a network of its own
    shortest_s = front_end.patch_samples / front_end.sample_rate_hz
    by_path = {track.path: track for track in tracks}
    contents: dict[str, str] = {}
    durations_s, too_short, failures = [], [], []
    jobs = [{"path": track.path, "store": str(store.root)} for track in tracks]
    for job, result in run_jobs("essentia_ldl.sound.features:probe_track", jobs, "files", n_jobs):
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
            artists[track.label].add(track.artist)
    return Audit(
        classes=dict(sorted(Counter(track.label for track in tracks).items())),
        artists={label: len(names) for label, names in sorted(artists.items())},
        n_without_artist=sum(track.artist is None for track in tracks),
        durations_s=tuple(sorted(durations_s)),
        duplicates=tuple(tuple(t.id for t in g) for g in copies if len({t.label for t in g}) == 1),
        conflicts=tuple(tuple(f"{t.id} ({t.label})" for t in g) for g in copies if len({t.label for t in g}) > 1),
        too_short=tuple(sorted(too_short)),
        failures=tuple(sorted(failures, key=lambda failure: failure.path)),
    )


def describe_audit(report: Audit) -> list[str]:
    """Write an audit as lines of text."""
    n_tracks = sum(report.classes.values())
    width = max(len(name) for name in report.classes)
    lines = [f"{n_tracks} tracks, {len(report.classes)} classes"]
    for name, count in report.classes.items():
        artists = f", {report.artists[name]} artists" if name in report.artists else ""
        lines.append(f"  {name:<{width}}  {count:>6} tracks{artists}")
    if report.n_without_artist:
        lines.append(
            f"{report.n_without_artist} tracks without artist: folds cannot keep one artist on one side, and scores"
            " may come out too high"
        )
    if report.durations_s:
        total_h, middle = sum(report.durations_s) / 3600, report.durations_s[len(report.durations_s) // 2]
        first, last = report.durations_s[0], report.durations_s[-1]
        lines.append(f"{total_h:.1f} hours: shortest {first:.0f} s, median {middle:.0f} s, longest {last:.0f} s")
    for title, groups in (("same bytes", report.duplicates), ("same bytes, different labels", report.conflicts)):
        lines += [f"{title}: {', '.join(group)}" for group in groups]
    lines += [f"too short: {track_id}" for track_id in report.too_short]
    lines += [f"unusable: {failure.reason}" for failure in report.failures]
    if not (report.duplicates or report.conflicts or report.too_short or report.failures):
        lines.append("by their headers and bytes: nothing unreadable, too short or twice")
    return lines
