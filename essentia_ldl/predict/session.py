"""One process that predicts one file after another, and the calls that many of them answer side by side.

In: a job without files, and one file at a time; out: what the process says of it. A file that kills the process is its
reason, and costs the next file a new process. `answer_file` is the call: every thread, here or in a worker of a
cluster, holds one session.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from essentia_ldl.cluster.held import drop, hold
from essentia_ldl.errors import GraphError, explain
from essentia_ldl.models.folder import digest_graph
from essentia_ldl.predict import engines, worker
from essentia_ldl.predict.worker import ENDED_EARLY, Feed, ask_worker
from essentia_ldl.urls import is_url

_FIRST = threading.Lock()
_READY: set[str] = set()  # commands whose first process has found out what this machine can do, for all others
N_STARTS = 2  # of a process that dies before it begins a file


class Session:
    """A process that predicts, started by its first file.

    Parameters
    ----------
    job : dict
        What the process is to do: models, hop and engine, as `ask.make_job` writes them, with files None.
    spare : list of subprocess.Popen
        Processes that were started early, for whoever comes first.
    """

    def __init__(self, job: dict[str, Any], spare: list[subprocess.Popen[str]]) -> None:
        self._job, self._spare = job, spare
        self._feed, self._is_closed = Feed(), False
        self._n_asked = 0
        self._answers: Iterator[dict[str, Any]] | None = None

    def ask(self, path: str) -> dict[str, Any]:
        """Return what becomes of a file: predictions or a reason, and warnings where there are any.

        Raises
        ------
        EssentiaLdlError
            When the models cannot run at all.
        """
        warnings: list[str] = []
        if self._n_asked == worker.N_FILES:
            self._renew()
        self._n_asked += 1
        for _ in range(N_STARTS):
            has_begun = False
            for answer in self._converse(path):
                warnings += answer.get("warnings", ())
                has_begun = has_begun or "start" in answer
                if "failure" in answer:
                    return {"reason": answer["reason"], "warnings": warnings}
                if "result" in answer:
                    return {"predictions": answer["predictions"], "warnings": warnings}
            self._forget()
            if has_begun or self._is_closed:
                return {"reason": f"{path} killed the process that decoded it. Re-encode it.", "warnings": warnings}
        raise GraphError(ENDED_EARLY)

    def _converse(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield answers about a file, from a new process where there is none."""
        self._feed.append(path)
        if self._answers is not None:
            yield from self._answers_so_far()
            return
        setting = engines.list_settings()[0]
        started = self._take_spare() or worker.start_worker(setting)  # loads Essentia while it waits for its turn
        with _let_one_go_first(self._job["key"]):
            if engines.list_settings()[0] != setting:  # the first process has found out that oneDNN kills it
                started.kill()
                started.wait()
                started = None
            remembered = {} if self._job["engine"] == "essentia" else engines.recall_comparisons()
            job = {**self._job, "remembered": remembered}
            self._answers = ask_worker(job, started, self._feed)
            first = next(self._answers, None)
        if first is not None:
            yield first
            yield from self._answers_so_far()

    def _take_spare(self) -> subprocess.Popen[str] | None:
        try:
            return self._spare.pop()
        except IndexError:  # another thread may have been quicker
            return None

    def _answers_so_far(self) -> Iterator[dict[str, Any]]:
        """Yield answers without ending the conversation when the caller has heard enough."""
        while (answer := next(self._answers, None)) is not None:
            yield answer

    def _renew(self) -> None:
        """Let the process end, so that what it has gathered in memory goes; the next file starts another one."""
        for _ in self._answers_so_far() if self._answers is not None else ():
            pass
        self._forget()

    def _forget(self) -> None:
        self._answers, self._n_asked = None, 0
        self._feed.clear()

    def close(self) -> None:
        """End the process, also while another thread waits for its answer."""
        self._is_closed = True
        if self._feed.process is not None:
            self._feed.process.kill()
            self._feed.process.wait()


@contextlib.contextmanager
def _let_one_go_first(key: str) -> Iterator[None]:
    """Hold back the jobs of all processes until the first one is ready: what it has found is remembered for them."""
    if key in _READY:
        yield
        return
    with _FIRST:
        if key not in _READY:
            yield
            _READY.add(key)
            return
    yield


def answer_file(job: dict[str, Any], path: str, spare: list[subprocess.Popen[str]] | None = None) -> dict[str, Any]:
    """Predict one file in the session of this thread.

    Parameters
    ----------
    job : dict
        Models, hop and engine, as `ask.make_job` writes them, with files None. ``key`` tells commands apart, and
        ``digests`` (sha256 by graph) are compared when the session begins, where the graphs may be those of another
        machine.
    path : str
        Absolute, or a URL.
    spare : list of subprocess.Popen or None
        Processes of this machine that were started early.

    Returns
    -------
    dict
        What becomes of the file: predictions or a reason, and warnings where there are any.

    Raises
    ------
    GraphError
        When a graph is missing here, or is another one.
    EssentiaLdlError
        When the models cannot run at all.
    """

    def open_session() -> Session:
        check_graphs(job.get("digests", {}))
        return Session(job, [] if spare is None else spare)

    session = hold(f"predict {job['key']}", open_session)
    try:
        return session.ask(path)
    except BaseException:
        drop()
        raise


def check_graphs(digests: dict[str, str]) -> None:
    """Raise `GraphError` when a graph of a command is missing on this machine, or is another one."""
    for graph, digest in digests.items():
        found = None
        if not Path(graph).is_file():
            found = "nothing there"
        elif digest_graph(graph) != digest:
            found = "another graph"
        if found is not None:
            where, remedy = f"{graph} on {socket.gethostname()}", "Copy it there, or share the folder."
            raise GraphError(explain("graph", "the same one on every machine", found, where, remedy))


def make_absolute(path: str) -> str:
    """Return a name that a worker in another folder understands."""
    return path if is_url(path) else os.path.abspath(path)
