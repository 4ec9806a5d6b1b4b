"""One function over many files, in worker processes. In: jobs with a path; out: results, or `Failure` records.

The function is named, not imported ("module:function"), so a plain process can hand out work of the sound zone.
Workers are started by loky, never forked; or they are those of a cluster, where a home has one. A worker that dies
takes nothing with it: each one leaves a marker while it works on a file, the files marked at the time of a death are
run again one at a time, and the one that kills its worker again is the `Failure`. Workers end soon after this process,
however that ends.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.cluster.child import call_child, perform, run_job
from essentia_ldl.cluster.pool import Lost, Threads, as_failure, open_cluster, spread
from essentia_ldl.cluster.share import Share
from essentia_ldl.errors import EssentiaLdlError
from essentia_ldl.files import Home
from essentia_ldl.progress import hides_bars
from essentia_ldl.records import Failure
from essentia_ldl.zones import holding_interrupts, watch_parent


def count_workers(n_jobs: int | None = None) -> int:
    """Return how many workers to start: `n_jobs`, or the cores that this process may use."""
    if n_jobs:
        return max(1, n_jobs)
    if hasattr(os, "sched_getaffinity"):  # Linux alone knows which cores are this process's
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_jobs(
    function: str,
    jobs: Sequence[dict[str, Any]],
    step: str,
    n_jobs: int | None = None,
    progress: bool | str = True,
    home: Home | None = None,
) -> Iterator[tuple[dict[str, Any], Any]]:
    """Run a function on every job, in worker processes, in the order in which they finish.

    Parameters
    ----------
    function : str
        ``"module:function"``; called in a worker with one job.
    jobs : sequence of dict
        Each has the key "path". Must pickle.
    step : str
        Name of the step, for the progress bar and for failures.
    n_jobs : int or None
        Worker processes; None is one per core.
    progress : bool or str
        Show a progress bar on a terminal; a text says what it counts, in place of files.
    home : Home or None
        Where a home has a cluster, its workers do the jobs; one that dies costs no file.

    Yields
    ------
    job : dict
        The job.
    result : object
        What the function returned, or a `Failure`.

    Raises
    ------
    ClusterError, DataError
        When the cluster does not answer or cannot run the jobs; results that came before stand.
    """
    from tqdm import tqdm

    unit = progress if isinstance(progress, str) else "file"
    if home is not None and home.cluster is not None:
        with tqdm(total=len(jobs), desc=step, unit=unit, disable=not progress or hides_bars()) as bar:
            for index, result in _run_on_cluster(function, jobs, step, home):
                bar.update()
                yield jobs[index], result
        return
    waiting = dict(enumerate(jobs))
    with (
        tempfile.TemporaryDirectory(prefix="essentia-ldl-markers-") as markers,
        tqdm(total=len(waiting), desc=step, unit=unit, disable=not progress or hides_bars()) as bar,
    ):
        while waiting:
            suspects = []
            for index, result in _run_round(function, waiting, step, count_workers(n_jobs), Path(markers)):
                if result is None:
                    suspects.append(index)
                    continue
                bar.update()
                yield waiting.pop(index), result[0]
            for index in suspects:
                alone = {index: waiting[index]}
                for _, result in _run_round(function, alone, step, 1, Path(markers)):
                    bar.update()
                    yield waiting.pop(index), (result[0] if result is not None else _death(alone[index], step))


def _run_on_cluster(function: str, jobs: Sequence[dict[str, Any]], step: str, home: Home) -> Iterator[tuple[int, Any]]:
    if not jobs:
        return
    share = None if home.share is None else Share(str(home.store), home.share)
    pool = open_cluster(home.cluster)
    try:
        if share is not None:
            share.offer([name for job in jobs for name in job.get("needs", ())])
        for index, found in spread(pool, perform, ((function, job, step, share) for job in jobs)):
            if isinstance(found, Lost):
                yield index, as_failure(jobs[index]["path"], step, found)
                continue
            result, names = found
            if share is not None:
                share.fetch(names)
            yield index, result
    finally:
        pool.close()


def _death(job: dict[str, Any], step: str) -> Failure:
    return Failure(job["path"], step, f"{job['path']} killed the process that decoded it. Re-encode the file.")


def _run_round(
    function: str, waiting: dict[int, dict[str, Any]], step: str, n_workers: int, markers: Path
) -> Iterator[tuple[int, tuple[Any] | None]]:
    """Run what is waiting until it is done or a worker dies; a suspect of the death comes with None."""
    if not _has_semaphores():  # joblib would run the jobs in this process, which must not load Essentia
        pool = Threads(n_workers)
        try:
            order = list(waiting)
            calls = [(function, waiting[place], step) for place in order]
            yield from ((order[place], (result,)) for place, result in spread(pool, call_child, calls))
        finally:
            pool.close()
        return
    from joblib import Parallel, delayed
    from joblib.externals.loky.backend import resource_tracker
    from joblib.externals.loky.process_executor import BrokenProcessPool

    # loky takes networks that a worker loads later for a memory leak, starts it anew once, and tells the user
    warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor", UserWarning)
    for marker in markers.iterdir():
        marker.unlink()
    done = set()
    try:
        # one job alone needs a second worker, because joblib runs n_jobs=1 inside this process
        parallel = Parallel(
            n_jobs=max(2, n_workers),
            backend="loky",
            return_as="generator_unordered",
            batch_size=1,
            pre_dispatch=1 if n_workers == 1 else "2 * n_jobs",
            initializer=_begin,  # a worker that waits for its first job would outlive this process by minutes
            initargs=(os.getpid(),),
        )
        with _quiet_trackers():
            resource_tracker.ensure_running()  # which would let workers hear Ctrl-C if they started it
        with holding_interrupts():  # workers that are just starting do not tell the terminal of Ctrl-C
            results = parallel(
                delayed(_work)(function, index, job, step, str(markers)) for index, job in waiting.copy().items()
            )
        for index, result in results:
            done.add(index)
            yield index, (result,)
    except BrokenProcessPool:
        suspects = {int(marker.name) for marker in markers.iterdir()} - done
        if not suspects:
            raise EssentiaLdlError(f"A worker process died before its first file ({step}). Try --jobs 1.") from None
        for index in suspects:
            yield index, None


@contextlib.contextmanager
def _quiet_trackers() -> Iterator[None]:
    """Keep the processes that tidy up after one that was killed from telling the terminal what they tidied."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (before, "ignore:resource_tracker:UserWarning")))
    try:
        yield
    finally:
        os.environ.pop("PYTHONWARNINGS")
        if before is not None:
            os.environ["PYTHONWARNINGS"] = before


def _has_semaphores() -> bool:
    """Tell whether processes can share semaphores: not where /dev/shm is missing, full or read-only."""
    try:
        with _quiet_trackers():
            multiprocessing.get_context("fork").Lock()
    except (ImportError, OSError, ValueError):  # ValueError: a system without fork, which has them
        return "fork" not in multiprocessing.get_all_start_methods()
    return True


def _begin(parent: int) -> None:
    """Begin a worker: Ctrl-C is the business of the process that started it, and it ends soon after that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch_parent(parent)


def _work(function: str, index: int, job: dict[str, Any], step: str, markers: str) -> tuple[int, Any]:
    """Run one job in a worker: every error becomes a `Failure`."""
    marker = Path(markers, str(index))
    marker.touch()
    os.environ["ESSENTIA_LDL_LEAN"] = "1"  # this process is ours alone: Essentia may start quickly
    result = run_job(function, job, step)
    marker.unlink(missing_ok=True)
    return index, result
