"""A Dask scheduler and its workers, for tests of any zone."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

N_WORKERS = 2


def pytest_configure() -> None:
    """Let no test of this process wait for the disk: none cuts the power, and those that ask for `fsync` replace it."""
    os.fsync = lambda file: None


def pytest_collection_finish() -> None:
    """Leave what is there already out of every later search for garbage: thousands of tests, and imported libraries."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def needs_ffmpeg() -> None:
    """Skip the test where ffmpeg is not installed."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")


def run_ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=20)


@contextlib.contextmanager
def make_networks() -> Iterator[tuple[str, list[list[str]]]]:
    """Yield an address of this machine, and what to put before the command of each worker.

    Each worker is in a network namespace of its own, where that is allowed; else all are where this process is.
    """
    number = os.getpid() % 10000
    bridge, subnet = f"elb{number}", f"10.{200 + number // 250 % 50}.{number % 250}"
    spaces = [f"el{number}w{i}" for i in range(N_WORKERS)]
    try:
        try:
            run_ip("link", "add", bridge, "type", "bridge")
            run_ip("addr", "add", f"{subnet}.1/24", "dev", bridge)
            run_ip("link", "set", bridge, "up")
            for i, space in enumerate(spaces):
                run_ip("netns", "add", space)
                run_ip("link", "add", f"{bridge}v{i}", "type", "veth", "peer", "name", "eth0", "netns", space)
                run_ip("link", "set", f"{bridge}v{i}", "master", bridge, "up")
                for more in (("addr", "add", f"{subnet}.{i + 2}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
                    run_ip("-n", space, *more)
                run_ip("-n", space, "link", "set", "lo", "up")
        except (OSError, subprocess.SubprocessError):
            yield "127.0.0.1", [[] for _ in spaces]
        else:
            yield f"{subnet}.1", [["ip", "netns", "exec", space] for space in spaces]
    finally:
        for space in spaces:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                run_ip("netns", "del", space)
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            run_ip("link", "del", bridge)


@dataclasses.dataclass
class DaskCluster:
    """A scheduler and its workers; `url` is what --cluster takes, and workers import from `modules`."""

    url: str
    modules: Path
    workers: list[subprocess.Popen]
    start: Callable[[int], None]
    has_namespaces: bool

    def kill(self, index: int) -> None:
        """Kill a worker, as a machine that loses power."""
        self.workers[index].send_signal(signal.SIGKILL)
        self.workers[index].wait()

    def restore(self) -> None:
        """Start workers that were killed."""
        for index, worker in enumerate(self.workers):
            if worker.poll() is not None:
                self.start(index)


@pytest.fixture(scope="module")
def dask_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A real scheduler with two workers of one thread each, for one module: they take time while they wait, too."""
    folder = tmp_path_factory.mktemp("dask")
    (folder / "modules").mkdir()
    package = str(Path(__file__).resolve().parents[1])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([package, str(folder / "modules"), os.environ.get("PYTHONPATH", "")]),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "30s",
    }
    with contextlib.ExitStack() as stack:
        address, prefixes = stack.enter_context(make_networks())
        with socket.socket() as free:
            free.bind((address, 0))
            port = free.getsockname()[1]

        def run(name: str, command: list[str]) -> subprocess.Popen:
            log = stack.enter_context(open(folder / f"{name}.log", "a"))
            process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        cli = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard"]
        run("scheduler", [*cli, "--host", address, "--port", str(port)])
        cluster = DaskCluster(f"dask://{address}:{port}", folder / "modules", [], lambda index: None, bool(prefixes[0]))

        def start(index: int) -> None:
            own = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://{address}:{port}", "--nthreads", "1"]
            place = ["--no-nanny", "--no-dashboard", "--local-directory", str(folder / f"worker-{index}")]
            cluster.workers[index : index + 1] = [run(f"worker-{index}", [*prefixes[index], *own, *place])]

        cluster.start = start
        for index in range(N_WORKERS):
            start(index)
        yield cluster


@pytest.fixture
def cluster(dask_cluster: DaskCluster) -> DaskCluster:
    """The cluster with all of its workers."""
    dask_cluster.restore()
    return dask_cluster
