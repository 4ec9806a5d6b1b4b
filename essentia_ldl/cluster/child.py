"""A call of the sound or nets zone in a process of its own, which a thread of a worker holds.

In: ``"module:function"`` and a job with a path; out: what the function returned, or a `Failure`. A file that kills the
process twice is its own `Failure`; the worker, and what else runs there, goes on. As a program (``python -m
essentia_ldl.cluster.child``) it is that process: pickles in, pickles out.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import pickle
import signal
import socket
import subprocess
import sys
from typing import Any

from essentia_ldl.cluster.held import drop, hold
from essentia_ldl.cluster.share import Share
from essentia_ldl.errors import EssentiaLdlError, StoreError, explain, find_full_disk
from essentia_ldl.records import Failure
from essentia_ldl.urls import is_url
from essentia_ldl.zones import Heard, follow_parent, holding_interrupts, zone_environment

N_TRIES = 2  # a process may die for a reason that is not the file's
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


class Child:
    """A process that does one call after another."""

    def __init__(self) -> None:
        verbose = os.environ.get("ESSENTIA_LDL_VERBOSE") == "1"
        with holding_interrupts():
            self._process = subprocess.Popen(
                [sys.executable, "-m", "essentia_ldl.cluster.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if verbose else subprocess.DEVNULL,
                env={**zone_environment(), **dict.fromkeys(THREADS, "1")},
            )
        self._answers = io.BufferedReader(Heard(self._process))

    def call(self, function: str, job: dict[str, Any], step: str) -> Any:
        """Return what the function returns for a job, or a `Failure`.

        Raises
        ------
        EOFError, OSError
            When the process died.
        Exception
            What `run_job` raises.
        """
        pickle.dump((function, job, step), self._process.stdin)
        self._process.stdin.flush()
        has_ended_well, value = pickle.load(self._answers)
        if has_ended_well:
            return value
        raise value

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                stream.close()


def run_job(function: str, job: dict[str, Any], step: str) -> Any:
    """Call a function of the package by its name; every error that is the file's own becomes a `Failure`.

    Raises
    ------
    StoreError
        When the store's disk is full or read-only: every other file would meet it too.
    """
    module, name = function.split(":")
    call = getattr(importlib.import_module(module), name)
    try:
        return call(job)
    except StoreError:
        raise
    except Exception as error:  # whatever one file does, the others go on
        full = find_full_disk(error)
        if full is not None:
            raise full from None
        reason = str(error) if isinstance(error, EssentiaLdlError) else f"{type(error).__name__}: {error}"
        return Failure(job["path"], step, reason)


def perform(function: str, job: dict[str, Any], step: str, share: Share | None = None) -> tuple[Any, list[str]]:
    """Do a job on a worker of a cluster.

    Parameters
    ----------
    function : str
        ``"module:function"``.
    job : dict
        With a path that this machine sees, or a URL. One with ``needs`` reads those files of the store instead.
    step : str
        For a `Failure`.
    share : Share or None
        Where features go, when this machine does not see the store.

    Returns
    -------
    result : object
        What the function returned, or a `Failure`.
    names : list[str]
        What was put into the share, relative to it.
    """
    path, needs = job["path"], job.get("needs")
    if needs is None and not is_url(path) and not os.path.lexists(path):
        remedy = "Share the folder with the workers, or give URLs."
        where = f"{path} on {socket.gethostname()}"
        return Failure(path, step, explain("audio", "an existing file", "nothing there", where, remedy)), []
    if share is None:
        return call_child(function, job, step), []
    with share.stand_in(needs or ()) as (local, collect):
        result = call_child(function, local(job), step)
        return result, [] if isinstance(result, Failure) else collect()


def call_child(function: str, job: dict[str, Any], step: str) -> Any:
    """Do a job in the process that this thread holds; one that dies with it, again, is the job's `Failure`."""
    zone = ".".join(function.partition(":")[0].split(".")[:2])  # a process never holds two zones
    for _ in range(N_TRIES):
        child = hold(f"child {zone}", Child)
        try:
            return child.call(function, job, step)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            drop()
    return Failure(job["path"], step, f"{job['path']} killed the process that decoded it. Re-encode the file.")


def main() -> None:
    """Do calls until the standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of who asks
    with os.fdopen(os.dup(0), "rb") as calls, os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # whatever the libraries print must not reach the answers
        while True:
            try:
                function, job, step = pickle.load(calls)
            except EOFError:
                return
            try:
                answer = (True, run_job(function, job, step))
            except Exception as error:
                answer = (False, error)
            pickle.dump(answer, answers)
            answers.flush()


if __name__ == "__main__":
    follow_parent()
    main()
    os._exit(0)  # without the destructors of Essentia and of TensorFlow
