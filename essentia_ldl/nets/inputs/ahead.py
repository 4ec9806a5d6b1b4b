"""The next batch is made while a network still computes on the one before.

In: an iterator of batches. Out: the same ones in the same order. One thread alone advances the iterator, so that what
it draws at random it draws as it would without.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")
_END = object()


def make_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield what an iterator makes, while a thread makes the next one.

    Parameters
    ----------
    batches : iterator
        Advanced by one thread, at most one element further than what was asked for; what it raises is raised where its
        element would have been.
    """
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(next, batches, _END)
        while (batch := waiting.result()) is not _END:
            waiting = thread.submit(next, batches, _END)
            yield batch
