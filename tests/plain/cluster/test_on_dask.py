"""A real Dask scheduler and two workers, in network namespaces where that is allowed: nothing lost, nothing twice."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from essentia_ldl.cluster import on_dask
from essentia_ldl.cluster.pool import Lost, open_cluster, spread
from essentia_ldl.errors import ClusterError, DataError, GraphError

JOBS = """
import os, socket, time
from pathlib import Path
from essentia_ldl.errors import GraphError

def note(folder, n, seconds=0.0):
    Path(folder, f"begun-{n}-{os.getpid()}").touch()
    time.sleep(seconds)
    return n, os.getpid()

def list_addresses():
    import psutil
    every = [one for found in psutil.net_if_addrs().values() for one in found]
    return sorted(one.address for one in every if one.family == socket.AF_INET)

def refuse():
    raise GraphError("graph: expected a graph.")

def fail():
    raise KeyError("x")

def die():
    os._exit(1)
"""


@pytest.fixture(scope="module")
def jobs(dask_cluster):
    """The module of jobs, here and on the workers."""
    (dask_cluster.modules / "dask_jobs_of_test.py").write_text(JOBS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(dask_cluster.modules)
        import dask_jobs_of_test

        yield dask_jobs_of_test


@pytest.fixture
def pool(cluster, monkeypatch):
    monkeypatch.setattr(on_dask, "WORKERS_S", 60.0)
    found = open_cluster(cluster.url)
    until = time.monotonic() + 60
    while found._n_slots < 2 and time.monotonic() < until:
        found._asked_s = 0.0
        found.count_slots()
    yield found
    found.close()


def test_both_workers_do_calls(pool, jobs, tmp_path):
    assert pool.count_slots() == 2
    results = dict(spread(pool, jobs.note, [(str(tmp_path), n, 0.02) for n in range(30)]))
    assert [results[n][0] for n in range(30)] == list(range(30))
    processes = Counter(pid for _, pid in results.values())
    assert len(processes) == 2
    assert os.getpid() not in processes


def test_workers_are_in_networks_of_their_own(pool, jobs, cluster):
    if not cluster.has_namespaces:
        pytest.skip("network namespaces are not allowed here: both workers are in this process's network")
    found = pool._client.run(jobs.list_addresses)
    assert len({tuple(addresses) for addresses in found.values()}) == 2


def test_a_worker_that_is_killed_in_the_middle_costs_nothing(pool, jobs, cluster, tmp_path):
    results = spread(pool, jobs.note, [(str(tmp_path), n, 0.05) for n in range(60)])
    found = [next(results) for _ in range(10)]
    cluster.kill(0)
    found += results
    assert Counter(index for index, _ in found) == dict.fromkeys(range(60), 1), "every call has one result"
    assert all(result[0] == index for index, result in found)
    begun = Counter(path.name.split("-")[1] for path in tmp_path.iterdir())
    assert len(begun) == 60
    assert sum(begun.values()) <= 60 + 5, "no more is done again than the dead worker had"
    assert pool.wait([pool.submit(jobs.note, str(tmp_path), 100)])


def test_errors_of_ours_come_out_as_they_are_and_others_as_one_sentence(pool, jobs):
    with pytest.raises(GraphError, match=r"^graph: expected a graph\.$"):
        list(spread(pool, jobs.refuse, [()]))
    with pytest.raises(ClusterError, match=r"could not run the calls: 'x'"):
        list(spread(pool, jobs.fail, [()]))


def test_a_call_that_kills_every_worker_is_lost_and_the_others_are_not(cluster, pool, jobs, monkeypatch):
    pool._client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
    try:
        (found,) = spread(pool, jobs.die, [()])
    finally:
        pool._client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 3))
    assert isinstance(found[1], Lost)


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_one_sentence(monkeypatch):
    monkeypatch.setattr(on_dask, "CONNECT_S", 1.0)
    start = time.monotonic()
    with pytest.raises(ClusterError, match=r"The cluster dask://127\.0\.0\.1:9 does not answer: "):
        open_cluster("dask://127.0.0.1:9")
    assert time.monotonic() - start < 20
    with pytest.raises((ClusterError, DataError), match=r"cluster: expected |missing port number"):
        open_cluster("dask://nowhere")


def test_a_client_that_failed_is_closed_before_the_error_comes_out(monkeypatch):
    import distributed

    closed, close = [], distributed.Client.close
    monkeypatch.setattr(
        distributed.Client, "close", lambda client, *options: [closed.append(1), close(client, *options)]
    )
    gc.disable()  # later it may be collected while another client starts, which then waits for ever
    try:
        with pytest.raises(ClusterError):
            open_cluster("dask://nowhere:")
        assert closed
    finally:
        gc.enable()


@pytest.mark.parametrize("n_failures", [1, pytest.param(on_dask.N_TRIES, marks=pytest.mark.slow)])
def test_a_client_whose_thread_starts_late_is_tried_again(cluster, monkeypatch, n_failures):
    import distributed

    failures, start = [None] * n_failures, distributed.utils.LoopRunner._start_unlocked

    def start_late(runner):
        if failures:
            failures.pop()
            raise AssertionError
        start(runner)

    monkeypatch.setattr(distributed.utils.LoopRunner, "_start_unlocked", start_late)
    if n_failures < on_dask.N_TRIES:
        open_cluster(cluster.url).close()
    else:
        with pytest.raises(ClusterError, match=r"The client of .* did not start: 3 tries\. "):
            open_cluster(cluster.url)
    assert not failures


def test_dask_that_is_not_installed_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"the library distributed; got 'none'.*pip install 'essentia-ldl\[dask\]'"):
        open_cluster("dask://host:8786")


def test_workers_of_another_version_are_refused(cluster, monkeypatch):
    monkeypatch.setattr(on_dask, "__version__", "99.0")
    with pytest.raises(
        ClusterError,
        match=r"cluster: expected essentia-ldl 99\.0 everywhere; got '\d.*\(the scheduler\).*Install the same version",
    ):
        open_cluster(cluster.url)


@pytest.fixture
def with_jobs(jobs) -> str:
    """What PYTHONPATH has to be for the package and the module of jobs."""
    return os.pathsep.join([str(Path(on_dask.__file__).parents[2]), str(Path(jobs.__file__).parent)])


@pytest.fixture
def lonely(tmp_path, with_jobs):
    """A scheduler without workers, and its process."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cli = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--host", "127.0.0.1"]
    log = {"stderr": subprocess.DEVNULL, "env": {**os.environ, "PYTHONPATH": with_jobs}}
    process = subprocess.Popen([*cli, "--port", str(port)], cwd=tmp_path, **log)
    yield f"dask://127.0.0.1:{port}", process
    process.kill()
    process.wait()


@pytest.mark.slow
def test_a_cluster_without_workers_and_one_that_ends_are_one_sentence(lonely, monkeypatch, jobs, with_jobs, tmp_path):
    url, scheduler = lonely
    monkeypatch.setattr(on_dask, "CONNECT_S", 60.0)
    monkeypatch.setattr(on_dask, "WORKERS_S", 1.0)
    with pytest.raises(ClusterError, match=r"The cluster .* has no workers\. "):
        open_cluster(url)
    place = f"tcp://{url.removeprefix('dask://')}"
    own = [sys.executable, "-m", "distributed.cli.dask_worker", place, "--no-nanny", "--no-dashboard"]
    monkeypatch.setattr(on_dask, "WORKERS_S", 60.0)
    worker = subprocess.Popen(own, cwd=tmp_path, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": with_jobs})
    try:
        pool = open_cluster(url)
        results = spread(pool, jobs.note, [(str(tmp_path), n, 0.1) for n in range(200)])
        next(results)
        scheduler.kill()
        with pytest.raises(ClusterError, match=r"The cluster .* is gone: .* Give the same command again"):
            list(results)
        pool.close()
    finally:
        worker.kill()
        worker.wait()
