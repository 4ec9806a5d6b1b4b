"""Variants of the audio of tracks: bands that the store lacks are made, once. In: a collection and names.

Out: features under the key of each variant: of training tracks (`choices.AUDIO_VARIANTS`), which training reads beside
those of the track, or of tracks that test what a network bears (`choices.DEFORMATIONS`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from collections.abc import Collection as Ids

from essentia_ldl.choices import AUDIO_VARIANTS
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import AudioError, StoreError, explain
from essentia_ldl.features.store import Store, find_variant
from essentia_ldl.parallel import run_jobs
from essentia_ldl.records import Failure, FrontEnd

TRAIN_WITHOUT, AGAIN = "Install it, or leave them out of augment.audio.", "Install it, and run the same command again."


def require_ffmpeg(names: Sequence[str], remedy: str) -> None:
    """Raise `AudioError` when variants are wanted that ffmpeg makes, and there is none.

    Parameters
    ----------
    names : sequence of str
        Kinds of `choices.AUDIO_VARIANTS`, or variants.
    remedy : str
        `TRAIN_WITHOUT`, or `AGAIN` where nothing can be done without them.
    """
    needing = [name for name in names if name != "quality"]
    if needing and shutil.which("ffmpeg") is None:
        told = needing if len(needing) < 5 else [*needing[:3], f"and {len(needing) - 3} more"]
        rule, what = "ffmpeg on the PATH, which makes them", f"variants of the audio ({', '.join(told)})"
        raise AudioError(explain(what, rule, "none", "PATH", remedy))


def make_variants(
    collection: Collection,
    ids: Ids[str],
    front_end: FrontEnd,
    kinds: Sequence[str],
    n_jobs: int | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Compute the bands of variants that are not in the store yet.

    Parameters
    ----------
    collection : Collection
        Tracks and their contents.
    ids : collection of str
        Ids of the tracks that train; others have no variants.
    front_end : FrontEnd
        Of the network.
    kinds : sequence of str
        Names of `choices.AUDIO_VARIANTS`.
    n_jobs : int or None
        Worker processes; None is one per core.
    say : callable
        Gets a line before the work.

    Raises
    ------
    AudioError
        When a variant needs ffmpeg, and there is none.
    StoreError
        When a variant of a track cannot be made.
    """
    require_ffmpeg(kinds, TRAIN_WITHOUT)
    store = Store(collection.home.store)
    variants = [name for kind in kinds for name in AUDIO_VARIANTS[kind]]
    by_function: dict[str, list[dict]] = {"sound.features:extract_track": [], "sound.variants:extract_variant": []}
    for track in collection.tracks:
        content = collection.contents[track.id]
        missing = [name for name in variants if not store.has(content, *find_variant(front_end, name))]
        if track.id not in ids or not missing:
            continue
        told = {"path": track.path, "content": content, "store": str(store.root)}
        for name in missing:
            kept, own = find_variant(front_end, name)
            if not own:
                job = {**told, "front_ends": [front_end.name], "quality": kept.resample_quality}
                by_function["sound.features:extract_track"].append(job)
        made = [name for name in missing if find_variant(front_end, name)[1]]
        if made:
            by_function["sound.variants:extract_variant"].append(
                {**told, "front_ends": [front_end.name], "variants": made}
            )
    n_lacking = len({job["path"] for jobs in by_function.values() for job in jobs})
    if n_lacking:
        say(f"variants of the audio of {n_lacking} tracks: {', '.join(kinds)}")
    for function, jobs in by_function.items():
        _run(function, jobs, n_jobs)


def deform(
    collection: Collection,
    ids: Ids[str],
    front_ends: Sequence[FrontEnd],
    names: Sequence[str],
    n_jobs: int | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Compute what several front-ends make of variants of some tracks, where the store lacks it.

    Parameters
    ----------
    collection, n_jobs, say
        As of `make_variants`, which says what is raised.
    ids : collection of str
        Ids of the tracks.
    front_ends : sequence of FrontEnd
        Each file is made once for all of them.
    names : sequence of str
        Variants, which ffmpeg makes.
    """
    require_ffmpeg(names, AGAIN)
    store, jobs = Store(collection.home.store), []
    for track in collection.tracks:
        content = collection.contents[track.id]
        missing = [name for name in names if not all(store.has(content, one, name) for one in front_ends)]
        if track.id in ids and missing:
            told = {"path": track.path, "content": content, "store": str(store.root)}
            jobs.append({**told, "front_ends": [one.name for one in front_ends], "variants": missing})
    if jobs:
        say(f"variants of the audio of {len(jobs)} tracks, {len(names)} of each")
    _run("sound.variants:extract_variant", jobs, n_jobs)


def _run(function: str, jobs: Sequence[dict], n_jobs: int | None) -> None:
    for _, result in run_jobs(f"essentia_ldl.{function}", jobs, "variants", n_jobs):
        if isinstance(result, Failure):
            raise StoreError(result.reason)
