"""The store filled with the features of a collection. In: tracks with checked labels; out: a `Collection`.

Every track of it has its features; every file that is left out has its reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import StoreError, explain
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import Home
from essentia_ldl.parallel import run_jobs
from essentia_ldl.records import Failure, FrontEnd, Track
from essentia_ldl.versions import find_essentia


def extract(
    tracks: Sequence[Track],
    home: Home,
    front_ends: Sequence[FrontEnd],
    n_jobs: int | None = None,
    extractor: Mapping[str, Any] | None = None,
    say: Callable[[str], object] | None = None,
) -> Collection:
    """Fill the store with the features of every track; what is there already is not read again.

    Parameters
    ----------
    tracks : sequence of Track
        From `collection.read.read_labelled`.
    home : Home
        Features go into its store.
    front_ends : sequence of FrontEnd
        Which features.
    n_jobs : int or None
        Worker processes; None is one per core.
    extractor : Mapping[str, Any] or None
        From `extractors.Extractor.as_job`: its embeddings too. Needed when there is no front-end.
    say : callable or None
        Gets a sentence where another version of Essentia made features, which are computed again.

    Returns
    -------
    Collection
        Without the files that failed and without copies: of tracks with the same bytes and label one is kept, and
        none when their labels differ. What tracks do not tell is as in any collection: `is_demo` is false and
        `corrections` is empty, until who read the tracks (`train.prepare.prepare`) says otherwise.
    """
    store = Store(home.store)
    contents: dict[str, str] = {}
    durations_s: dict[str, float] = {}
    failures: list[Failure] = []
    jobs, known = [], []
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
            known += [content] if content is not None else []
    others = store.describe_makers(known, front_ends)
    if others and say is not None:
        say(others)
    for job, result in run_jobs("essentia_ldl.sound.features:extract_track", jobs, "features", n_jobs, home=home):
        if isinstance(result, Failure):
            failures.append(result)
        else:
            contents[job["id"]] = result["content"]
            if home.cluster is not None:
                _require_seen(store, result["content"], front_ends)
            durations_s[job["id"]] = result["duration_s"]
    usable = [track for track in tracks if track.id in contents]
    kept, copies = _drop_copies(usable, contents)
    failures = sorted(failures, key=lambda failure: failure.path) + copies
    return Collection(tuple(kept), contents, durations_s, tuple(failures), home)


def _require_seen(store: Store, content: str, front_ends: Sequence[FrontEnd]) -> None:
    """Refuse a cluster whose workers write into a store of their own, or have another Essentia, when one has."""
    if not store.is_complete(content, ()):
        found, remedy = "another store of that name", "Share it, or give a place that all see with --share."
        raise StoreError(explain("cluster", "workers that see this store", found, store.root, remedy))
    if not store.is_complete(content, front_ends):
        rule, remedy = f"workers with Essentia {find_essentia()}", "Install the same version everywhere."
        raise StoreError(explain("cluster", rule, "features of another one", store.root, remedy))


def _drop_copies(tracks: Sequence[Track], contents: Mapping[str, str]) -> tuple[list[Track], list[Failure]]:
    groups = defaultdict(list)
    for track in tracks:
        groups[contents[track.id]].append(track)
    kept, failures = [], []
    for group in groups.values():
        known = [(track.label, track.tags, track.numbers) for track in group]
        agree = all(one == known[0] for one in known)
        kept += group[:1] if agree else []
        for track in group[1:] if agree else group:
            other = next(peer for peer in group if peer is not track)
            reason = explain(
                "audio",
                "each recording once" if agree else "one label per recording",
                f"the same bytes as {other.id} ({other.told})",
                f"{track.id} ({track.told})",
                "Remove the copy." if agree else "Decide which label is right.",
            )
            failures.append(Failure(track.path, "duplicates", reason))
    return sorted(kept, key=lambda track: track.id), failures
