"""What a thread keeps from one call to the next. In: a kind and how to make it; out: the thread's own.

Threads do not share: a process that a thread starts ends with the thread (Linux counts the death of a thread as that
of the parent), so another thread's call would lose its process.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Protocol


class Closable(Protocol):
    """Something that holds a process."""

    def close(self) -> None:
        """End the process."""


_LOCK = threading.Lock()
_HELD: dict[int, tuple[str, Closable]] = {}  # by thread


def hold(key: str, make: Callable[[], Closable]) -> Closable:
    """Return what this thread made for a key, or make it; what it had for another key is closed.

    Parameters
    ----------
    key : str
        What the thing is for: another command, or another zone, has another key.
    make : callable
        Makes it.
    """
    thread = threading.get_ident()
    with _LOCK:
        old = _HELD.get(thread)
    if old is not None and old[0] == key:
        return old[1]
    if old is not None:
        drop(thread)
    made = make()
    with _LOCK:
        _HELD[thread] = (key, made)
    return made


def drop(thread: int | None = None) -> None:
    """Close what a thread holds; None is the calling thread."""
    with _LOCK:
        found = _HELD.pop(threading.get_ident() if thread is None else thread, None)
    if found is not None:
        with contextlib.suppress(OSError):
            found[1].close()


def drop_all() -> None:
    """Close what all threads of this process hold; none of them may be in a call."""
    with _LOCK:
        threads = list(_HELD)
    for thread in threads:
        drop(thread)
