"""The workers of a Dask scheduler that runs already. In: calls of functions of this package; out: their results.

Dask moves the calls of a worker that dies to another one. What a call needs beside its arguments (graphs, audio, the
store) has to be where the worker sees it.
"""

from __future__ import annotations

import gc
import logging
import os
import pydoc
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from essentia_ldl import __version__
from essentia_ldl.cluster.held import drop_all
from essentia_ldl.cluster.pool import Lost
from essentia_ldl.errors import ClusterError, EssentiaLdlError, Reason, explain

CONNECT_S = 10.0
N_TRIES = 3  # of a client: distributed gives the thread of its loop 10 s to begin, and a busy machine needs more
WORKERS_S = 30.0  # without any worker, at the start and later
POLL_S = 1.0
AGAIN = "Give the same command again: it goes on where it was."


class DaskPool:
    """The workers of a scheduler.

    Parameters
    ----------
    place : str
        ``host:port``.

    Raises
    ------
    ClusterError
        When Dask is not installed, the scheduler does not answer, or its workers do not have this package.
    """

    def __init__(self, place: str) -> None:
        try:
            import distributed
        except ImportError:
            remedy = "Run `pip install 'essentia-ldl[dask]'`."
            raise ClusterError(explain("cluster", "the library distributed", "none", "--cluster", remedy)) from None
        if os.environ.get("ESSENTIA_LDL_VERBOSE") != "1":
            logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is told in a sentence
        self._place, self._dask = f"dask://{place}", distributed
        self._name, self._n_begun = f"essentia-ldl-{uuid.uuid4().hex}", 0
        self._n_slots, self._asked_s = 0, 0.0
        self._client = self._connect(place)
        try:
            self._require_workers()
        except BaseException:
            self.close()
            raise

    def count_slots(self) -> int:
        """Return how many threads the workers have together; asked for every now and then, because workers come and go.

        Raises
        ------
        ClusterError
            When the scheduler is gone.
        """
        if time.monotonic() - self._asked_s > 5 * POLL_S or self._n_slots == 0:
            self._n_slots = sum(self._count_threads().values())
            self._asked_s = time.monotonic()
        return self._n_slots

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Begin a call; return its future."""
        self._n_begun += 1
        return self._client.submit(function, *arguments, key=f"{self._name}-{self._n_begun}", pure=False)

    def wait(self, futures: Sequence[Any]) -> Sequence[Any]:
        """Return the futures that are done, one or more.

        Raises
        ------
        ClusterError
            When the scheduler is gone, or has had no worker for a while.
        """
        without_s = 0.0
        while True:
            try:
                with self._client.as_current():
                    done = self._dask.wait(list(futures), timeout=POLL_S, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                done = ()
            except self._dask.CancelledError:
                raise self._gone("it ended") from None
            if done:
                return list(done)
            without_s = 0.0 if self._count_threads() else without_s + POLL_S
            if without_s > WORKERS_S:
                raise self._gone(f"no worker for {WORKERS_S:.0f} s")

    def fetch(self, future: Any) -> Any:
        """Return the result of a call that is done, or a `Lost` when its workers died each time; raise its error.

        Raises
        ------
        ClusterError
            When the call failed for a reason that is not the package's own.
        """
        try:
            return future.result(timeout=WORKERS_S)
        except EssentiaLdlError:
            raise
        except self._dask.scheduler.KilledWorker:
            return Lost("every worker that took it died")
        except self._dask.CancelledError:
            raise self._gone("it ended") from None
        except OSError as error:  # the connection, or a worker that cannot start a process
            raise self._gone(error) from None
        except Exception as error:  # whatever a worker that is not set up well says
            remedy = f"Look at the worker's log. {AGAIN}"
            what = f"A worker of {self._place} could not run the calls"
            raise ClusterError(f"{what}: {Reason(error)}. {remedy}") from None
        finally:
            future.release()

    def close(self) -> None:
        """End the processes of these calls on the workers, and the connection."""
        try:
            if self._client.status == "running":
                self._client.run(drop_all, on_error="ignore", wait=False)
        except Exception:  # the scheduler is gone, and told already
            logging.getLogger(__name__).debug("close", exc_info=True)
        finally:
            self._client.close(timeout=CONNECT_S)

    def _connect(self, place: str) -> Any:
        """Return a client of the scheduler.

        A client that failed half-way closes itself when it is collected, and both closing and starting take one lock
        that is not reentrant: collected while another client starts, it would wait for ever. So it is collected here,
        after the exception that holds it.
        """
        for _ in range(N_TRIES):
            said = None
            try:
                return self._dask.Client(f"tcp://{place}", timeout=CONNECT_S, set_as_default=False)
            except (OSError, ValueError) as error:
                said = str(Reason(error))
            except AssertionError:  # the thread of the loop has not begun yet
                pass
            gc.collect()
            if said is not None:
                remedy = "Start it with `dask scheduler`, or check host and port."
                raise ClusterError(f"The cluster {self._place} does not answer: {said}. {remedy}")
        raise ClusterError(f"The client of {self._place} did not start: {N_TRIES} tries. {AGAIN}")

    def _count_threads(self) -> dict[str, int]:
        """Return the threads of each worker."""
        try:
            if self._client.status == "running":
                return self._client.nthreads()
        except (OSError, TimeoutError):
            pass
        raise self._gone("it does not answer")

    def _gone(self, found: Exception | str) -> ClusterError:
        return ClusterError(f"The cluster {self._place} is gone: {Reason(found)}. {AGAIN}")

    def _require_workers(self) -> None:
        """Wait for the first worker, and compare the version of this package on all machines.

        The scheduler reads the calls too.
        """
        try:
            self._client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError:
            remedy = "Start some with `dask worker`."
            raise ClusterError(f"The cluster {self._place} has no workers. {remedy}") from None
        # a function of Python's own: one of this package could not tell that there is none
        wanted = (pydoc.locate, "essentia_ldl.__version__")
        found = {"the scheduler": self._client.run_on_scheduler(*wanted)}
        found |= self._client.run(*wanted, on_error="return")
        for worker, version in found.items():
            if version != __version__:
                value = "none" if version is None else version
                if isinstance(version, Exception):
                    value = Reason(version)
                rule, remedy = f"essentia-ldl {__version__} everywhere", "Install the same version there."
                raise ClusterError(explain("cluster", rule, value, worker, remedy))
