"""How much room decoded audio needs in the store, told before it is made. In: jobs of `extract`; out: a sentence.

An hour of mono at 22.05 kHz is 159 MB as int16; mel bands of it are a third of that for MusiCNN. Lengths are those of
the headers of some tracks, evenly chosen.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import StoreError, explain
from essentia_ldl.files import Home
from essentia_ldl.parallel import run_jobs
from essentia_ldl.records import Failure, FrontEnd

N_PROBED = 16
SAMPLE_BYTES = 2


def tell_room(
    jobs: Sequence[dict[str, Any]],
    front_ends: Sequence[FrontEnd],
    home: Home,
    n_jobs: int | None = None,
    say: Callable[[str], object] | None = None,
) -> int:
    """Estimate the bytes of decoded audio, and refuse to begin where they are not there.

    Parameters
    ----------
    jobs : sequence of dict
        Files that are to be decoded; each has the key "path".
    front_ends : sequence of FrontEnd
        Those that are wanted; only waveforms count.
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
    rates_hz = [front_end.sample_rate_hz for front_end in front_ends if front_end.kind == "waveform"]
    if not rates_hz or not jobs:
        return 0
    places = np.unique(np.linspace(0, len(jobs) - 1, N_PROBED).astype(int))
    asked = [{"path": jobs[place]["path"], "store": str(home.store)} for place in places]
    found = run_jobs("essentia_ldl.sound.features:probe_track", asked, "lengths", n_jobs, progress=False, home=home)
    lengths_s = [told["duration_s"] for _, told in found if not isinstance(told, Failure) and told["duration_s"] > 0]
    if not lengths_s:
        return 0
    n_bytes = round(float(np.mean(lengths_s)) * len(jobs) * sum(rates_hz) * SAMPLE_BYTES)
    home.store.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home.store).free
    if n_bytes > free:
        rule, remedy = f"{describe_bytes(n_bytes)} of room", "Make room, or use fewer tracks."
        raise StoreError(explain("decoded audio", rule, describe_bytes(free), home.store, remedy))
    if say is not None:
        tracks = "1 track" if len(jobs) == 1 else f"{len(jobs)} tracks"
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
