"""How much room decoded audio needs in the store, told before it is made. In: tracks and what is wanted of them.

Out: a sentence, about what the store lacks: tracks and variants that are there are not written again. An hour of mono
at 22.05 kHz is 159 MB as int16; mel bands of it are a third of that for MusiCNN. Lengths are those of the headers of
some tracks, evenly chosen.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from essentia_ldl.errors import StoreError, explain
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.parallel import run_jobs
from essentia_ldl.records import Failure, FrontEnd, Track

N_PROBED = 16
SAMPLE_BYTES = 2


def count_lacking(tracks: Iterable[Track], wanted: Iterable[tuple[FrontEnd, str]], store: Store) -> Counter[str]:
    """Count the samples of decoded audio per second of each track that the store lacks.

    Parameters
    ----------
    tracks : iterable of Track
        Those that are to be decoded.
    wanted : iterable of (FrontEnd, str)
        Front-ends and variants of the audio as `store.find_variant` names them, "" being the track itself; only
        waveforms count.
    store : Store
        What is there already.

    Returns
    -------
    Counter[str]
        Samples per second (Hz, summed over what is wanted) by path; a track that lacks nothing is not in it. Of tracks
        that are known to have the same bytes the first one counts.
    """
    waves = [(front_end, variant) for front_end, variant in dict.fromkeys(wanted) if front_end.kind == "waveform"]
    lacking: Counter[str] = Counter()
    seen: set[str] = set()
    for track in tracks if waves else ():
        content = store.recall(track.path)
        name = track.path if content is None else content
        if name in seen:
            continue
        seen.add(name)
        for front_end, variant in waves:
            if content is None or not store.has(content, front_end, variant):
                lacking[track.path] += front_end.sample_rate_hz
    return lacking


def tell_room(
    lacking: Mapping[str, int],
    home: Home,
    n_jobs: int | None = None,
    say: Callable[[str], object] | None = None,
) -> int:
    """Estimate the bytes of decoded audio, and refuse to begin where they are not there.

    Parameters
    ----------
    lacking : Mapping[str, int]
        Samples that will be written per second of audio, by path of a file; see `count_lacking`.
    home : Home
        Whose store is filled.
    n_jobs : int or None
        Worker processes; None is one per core.
    say : callable or None
        Gets the sentence.

    Returns
    -------
    int
        Bytes; 0 where nothing is decoded, or no header tells a length.

    Raises
    ------
    StoreError
        When the disk has less room.
    """
    if not lacking:
        return 0
    paths = list(lacking)
    places = np.unique(np.linspace(0, len(paths) - 1, N_PROBED).astype(int))
    asked = [{"path": paths[place], "store": str(home.store)} for place in places]
    found = run_jobs("essentia_ldl.sound.features:probe_track", asked, "lengths", n_jobs, progress=False, home=home)
    lengths_s = [told["duration_s"] for _, told in found if not isinstance(told, Failure) and told["duration_s"] > 0]
    if not lengths_s:
        return 0
    n_bytes = round(float(np.mean(lengths_s)) * sum(lacking.values()) * SAMPLE_BYTES)
    home.store.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home.store).free
    if n_bytes > free:
        rule, remedy = f"{describe_bytes(n_bytes)} of room", "Make room, or use fewer tracks."
        raise StoreError(explain("decoded audio", rule, describe_bytes(free), home.store, remedy))
    if say is not None:
        tracks = "1 track" if len(paths) == 1 else f"{len(paths)} tracks"
        say(f"decoded audio of {tracks} takes about {describe_bytes(n_bytes)} of the store")
    return n_bytes


def describe_bytes(n_bytes: float) -> str:
    """Write a size.

    Examples
    --------
    >>> describe_bytes(159e6), describe_bytes(2.5e9)
    ('159 MB', '2.5 GB')
    """
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
