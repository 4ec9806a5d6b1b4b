"""What long work shows: bars on a terminal, or lines alone, where somebody listens in place of the terminal.

In: the callable of whoever listens, such as a notebook; out: whether bars are hidden, and where the lines of a step in
a process of its own go. A listener hears what its own thread does.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Say = Callable[[str], object]
BARS = "ESSENTIA_LDL_BARS"  # variable that hides the bars of a step's process where it is "0"
_listener: ContextVar[Say | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def listening(say: Say) -> Iterator[None]:
    """Hand on the lines of steps to a callable, and draw no bars, as long as the ``with`` lasts.

    Parameters
    ----------
    say : callable
        Gets one line after another, in the thread of the caller.

    Examples
    --------
    >>> with listening(print):
    ...     find_listener() is print, hides_bars()
    (True, True)
    """
    token = _listener.set(say)
    try:
        yield
    finally:
        _listener.reset(token)


def be_silent(line: str) -> None:
    """Take a line for the user, and drop it."""


def find_listener() -> Say | None:
    """Return who listens; None where the terminal shows what steps print."""
    return _listener.get()


def hides_bars() -> bool:
    """Return whether bars are hidden: somebody listens, a parent draws its own, or there is no terminal."""
    return find_listener() is not None or os.environ.get(BARS) == "0" or not sys.stderr.isatty()
