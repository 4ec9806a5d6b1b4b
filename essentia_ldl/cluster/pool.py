"""One interface for whoever does many calls: threads of this process, or a cluster. In: calls; out: their results.

The interface is that of futures: submit, wait, fetch. `spread` keeps as many calls under way as there are slots, so
that a million of them need no more memory than a hundred.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any, Protocol

from essentia_ldl.cluster.held import drop_all
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Failure

N_QUEUED = 2  # calls per slot: one runs, and the next one is there when it ends
SCHEMES = ("dask",)


class Pool(Protocol):
    """Who does the calls."""

    def count_slots(self) -> int:
        """Return how many calls can run at once, now."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Begin a call; return its future."""

    def wait(self, futures: Sequence[Any]) -> Sequence[Any]:
        """Return the futures that are done, one or more."""

    def fetch(self, future: Any) -> Any:
        """Return the result of a call that is done, or a `Lost`; raise its error."""

    def close(self) -> None:
        """End what was begun for these calls, and nothing else."""


class Lost(str):
    """What a pool gives for a call that died with its worker, again and again: the reason."""

    __slots__ = ()


class Threads:
    """Threads of this process, each of which may hold a process of its own.

    Parameters
    ----------
    n_threads : int
        How many.
    """

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._executor = ThreadPoolExecutor(n_threads, thread_name_prefix="essentia-ldl")

    def count_slots(self) -> int:
        """Return how many threads there are."""
        return self._n_threads

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Begin a call in the next free thread."""
        return self._executor.submit(function, *arguments)

    def wait(self, futures: Sequence[Any]) -> Sequence[Any]:
        """Return the futures that are done, one or more."""
        return list(wait(futures, return_when=FIRST_COMPLETED).done)

    def fetch(self, future: Any) -> Any:
        """Return the result of a call that is done."""
        return future.result()

    def close(self) -> None:
        """End the processes that the threads hold, and with them the calls that still run, and the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        drop_all()
        self._executor.shutdown(wait=True)
        drop_all()  # a call that was under way may have begun another one


def open_cluster(url: str) -> Pool:
    """Connect to a cluster.

    Parameters
    ----------
    url : str
        ``dask://host:port`` of a Dask scheduler.

    Raises
    ------
    DataError
        When the URL is of no kind that is known.
    ClusterError
        When the library is not installed, the cluster does not answer, or its workers do not have this package.
    """
    scheme, mark, place = url.partition("://")
    if scheme not in SCHEMES or not mark or not place:
        remedy = "Give the scheduler of a Dask cluster; Ray is not supported." if scheme == "ray" else ""
        rule = "dask://host:port"
        raise DataError(explain("cluster", rule, url, "--cluster", remedy or "Give the scheduler of a Dask cluster."))
    from essentia_ldl.cluster.on_dask import DaskPool

    return DaskPool(place)


def spread(
    pool: Pool, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], n_ahead: int | None = None
) -> Iterator[tuple[int, Any]]:
    """Do calls in a pool and yield their results as they come.

    Parameters
    ----------
    pool : Pool
        Who does them.
    function : callable
        A cluster needs one of a module.
    calls : iterable of tuple
        Arguments of each call; read when its turn comes.
    n_ahead : int or None
        How many calls may begin before the first one that is not done; None is no limit. Who puts the results in order
        need not keep more of them.

    Yields
    ------
    index : int
        Of the call.
    result : object
        What it returned, or a `Lost`.
    """
    running: dict[Any, int] = {}
    waiting = enumerate(calls)
    unfinished, n_begun, n_slots = 0, 0, pool.count_slots()
    done: set[int] = set()
    while True:
        n_free = N_QUEUED * max(1, n_slots) - len(running)
        if n_ahead is not None:
            n_free = min(n_free, unfinished + n_ahead - n_begun)
        for index, arguments in itertools.islice(waiting, max(0, n_free)):
            running[pool.submit(function, *arguments)] = index
            n_begun += 1
        if not running:
            return
        for future in pool.wait(list(running)):
            index = running.pop(future)
            result = pool.fetch(future)
            done.add(index)
            while unfinished in done:
                done.remove(unfinished)
                unfinished += 1
            yield index, result
        n_slots = pool.count_slots()


def put_in_order(results: Iterator[tuple[int, Any]]) -> Iterator[Any]:
    """Yield results in the order of their calls; those that came early are kept until it is their turn."""
    early: dict[int, Any] = {}
    turn = 0
    for index, result in results:
        early[index] = result
        while turn in early:
            yield early.pop(turn)
            turn += 1


def as_failure(path: str, step: str, lost: Lost) -> Failure:
    """Return the failure of a file whose call was lost."""
    return Failure(path, step, f"{path} has no answer: {lost}. Run it alone.")
