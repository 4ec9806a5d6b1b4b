"""Numbers of docs/library.md. ``python tests/bench_many.py rows [N]`` simulates a library with a fake process.

``python tests/bench_many.py jobs FOLDER MODEL [ROUNDS]`` compares one process with a thread per core and one process of
one thread per core on real audio, in alternating runs, and ``cluster FOLDER MODEL [ROUNDS]`` one worker of a Dask
cluster with two.
Not a test: machines are shared and noisy.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from essentia_ldl.frontends import MUSICNN
from essentia_ldl.zones import zone_environment

COMMAND = [sys.executable, "-m", "essentia_ldl", "predict"]
N_ROWS, PER_FOLDER, BAD_EVERY = 100_000, 100, 100
CARD = {
    "name": "sad-1",
    "type": "multi-class classifier",
    "classes": ["non_sad", "sad"],
    "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
    "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN"},
    "essentia_ldl": {},
}
DRIVER = """
import json, resource, sys, time
from pathlib import Path
from essentia_ldl.predict import worker
from essentia_ldl.predict.ask import Question
from essentia_ldl.predict.command import predict
from essentia_ldl.predict.many import Workers
from essentia_ldl.predict.write import Output

began, first = time.perf_counter(), []

def converse(job, process, feed=None):
    yield {"ready": True}
    for path in job["files"] or iter(lambda: feed.popleft() if feed else None, None):
        first.append(time.perf_counter()) if not first else None
        yield {"start": path}
        if "bad" in path:
            yield {"failure": path, "reason": f"audio: expected sound; got 'silence' ({path}). Leave it out."}
            continue
        told = {"path": path, "model": "sad-1", "classes": ["non_sad", "sad"], "duration_s": 30.0, "notes": []}
        yield {"result": path, "predictions": [{**told, "uncertainty": {}, "segments": [[0.25, 0.75]] * 19}]}

worker._converse, worker.start_worker = converse, lambda setting: None
output, workers = Output("csv", "out.csv"), Workers(int(sys.argv[1]))
done = predict(["music"], Question(), output, Path("graphs"), lambda line: None, workers)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
seconds = time.perf_counter() - began
print(json.dumps([done.n_failures, done.n_kept, (first or [began])[0] - began, seconds, peak]))
"""


def run_driver(n_jobs: int, until_bytes: int | None = None) -> list[float]:
    """Predict the library with fake processes; kill the command when its journal is so long."""
    environment = {**zone_environment(), "XDG_CACHE_HOME": os.path.abspath("cache")}
    command = [sys.executable, "-c", DRIVER, str(n_jobs)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        journal = Path("out.csv.journal")
        while until_bytes is not None and process.poll() is None:
            if journal.exists() and journal.stat().st_size > until_bytes:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.01)
        told = process.communicate()[0]
    return json.loads(told) if told else []


def simulate_rows(n_rows: int) -> None:
    """Print what a library costs beside decoding and networks: journal, memory, restart, document, store."""
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-bench-") as folder:
        os.chdir(folder)
        Path("graphs").mkdir()
        Path("graphs/sad-1.json").write_text(json.dumps(CARD))
        Path("graphs/sad-1.pb").write_bytes(b"\n")
        for number in range(n_rows):
            if number % PER_FOLDER == 0:
                own = Path(f"music/{number // PER_FOLDER:06d}")
                own.mkdir(parents=True)
            kind = "bad" if number % BAD_EVERY == 0 else "track"
            Path(own, f"{number:08d}-{kind}.mp3").write_bytes(b"x")
        time.sleep(1.1)
        print(f"{n_rows} files in {n_rows // PER_FOLDER} folders, every {BAD_EVERY}th is bad", flush=True)
        for n_jobs in (1, 2):
            n_failures, _, _, seconds, peak_mb = run_driver(n_jobs)
            rows = Path("out.csv").read_text().count("\n") - 1
            bad = Path("out.failures.csv").read_text().count("\n") - 1
            size = Path("out.csv").stat().st_size / 1e6
            print(f"jobs {n_jobs}: {seconds:.1f} s, {seconds / n_rows * 1000:.2f} ms per file, peak {peak_mb:.0f} MB")
            print(f"  {rows} rows ({size:.1f} MB), {bad} named failures, {int(n_failures)} counted", flush=True)
        whole = Path("out.csv").read_bytes()
        Path("out.csv").unlink()
        run_driver(1, until_bytes=n_rows * 150)
        journal = Path("out.csv.journal").stat().st_size
        n_lines = Path("out.csv.journal").read_bytes().count(b"\n") - 1
        _, n_kept, restart_s, seconds, peak_mb = run_driver(1)
        each = journal / max(1, n_lines)
        print(f"killed after {n_lines} answers ({journal / 1e6:.1f} MB of journal, {each:.0f} bytes each)")
        print(f"  given again: {int(n_kept)} kept, first new file after {restart_s:.1f} s, peak {peak_mb:.0f} MB")
        print(f"  the same document: {Path('out.csv').read_bytes() == whole}", flush=True)
    describe_store(n_rows)


def describe_store(n_rows: int) -> None:
    """Print how large the store of a library gets, and how many files its folders have."""
    per_second = MUSICNN.sample_rate_hz / MUSICNN.hop_samples * MUSICNN.n_bands * 4
    random = np.random.default_rng(0)
    counts = Counter(random.integers(0, 256, n_rows).tolist())
    print(f"store: {per_second * 30 / 1e6:.2f} MB of bands per 30 s, {per_second * 30 * n_rows / 1e9:.0f} GB in all")
    print(f"  256 folders of {min(counts.values())} to {max(counts.values())} files")


def measure(command: list[str]) -> tuple[float, float, float]:
    """Run a command; returns wall seconds, seconds of processors, and the peak of its largest process in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(command, check=True, env=zone_environment(), stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, after.ru_maxrss / 1024


def compare_jobs(folder: str, model: str, n_repeats: int = 3) -> None:
    """Print the time of one process against that of several, for both engines."""
    n_cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-bench-") as out:
        for engine in ("openvino", "essentia"):
            ratios = []
            for _ in range(n_repeats):
                walls = {}
                for n_jobs in (1, n_cores):
                    options = ["--engine", engine, "--jobs", str(n_jobs), "--again"]
                    document = f"{out}/{engine}{n_jobs}.csv"
                    walls[n_jobs], cpu, _ = measure([*COMMAND, "-m", model, *options, "-o", document, folder])
                    print(f"{engine}, --jobs {n_jobs}: {walls[n_jobs]:.1f} s, {cpu:.1f} s of processors", flush=True)
                ratios.append(walls[1] / walls[n_cores])
            same = Path(f"{out}/{engine}1.csv").read_bytes() == Path(f"{out}/{engine}{n_cores}.csv").read_bytes()
            print(f"{engine}: {n_cores} processes are {np.median(ratios):.2f} times faster; same bytes: {same}")


def compare_workers(folder: str, model: str, n_repeats: int = 3) -> None:
    """Print the time of two workers of a Dask cluster against that of one, and what two cores bring without a cluster.

    Each worker is bound to a core of its own, as one that has a machine of its own would be. Cores that are threads of
    one share its units, so that two of them do less than twice the work of one: the same files, halved between two
    processes that know nothing of each other, say how much.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": zone_environment()}
    cli = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--host", "127.0.0.1"]
    own = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--nthreads", "1"]
    paths = sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())
    halves = [paths[::2], paths[1::2]]
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-bench-") as out:
        processes = [subprocess.Popen([*cli, "--port", str(port)], cwd=out, **quiet)]
        options = ["--cluster", f"dask://127.0.0.1:{port}", "--engine", "essentia", "--again", "-o", f"{out}/x.csv"]
        alone = [*COMMAND, "-m", model, "--engine", "essentia", "--jobs", "1", "--format", "csv"]

        def work(shares: list[list[str]]) -> float:
            began = time.perf_counter()
            started = [subprocess.Popen([*bind_to(core), *alone, *share], **quiet) for core, share in enumerate(shares)]
            if any(process.wait() for process in started):
                raise SystemExit("bench: a process without a cluster failed")
            return time.perf_counter() - began

        try:
            ratios, ceilings = [], []
            for _ in range(n_repeats):
                walls = []
                for n_workers in (1, 2):
                    workers = [
                        subprocess.Popen([*bind_to(core), *own, "--no-nanny", "--no-dashboard"], cwd=out, **quiet)
                        for core in range(n_workers)
                    ]
                    processes += workers
                    time.sleep(10)
                    walls.append(measure([*COMMAND, "-m", model, *options, folder])[0])
                    print(f"{n_workers} workers: {walls[-1]:.1f} s", flush=True)
                    for worker in workers:
                        worker.kill()
                        worker.wait()
                ratios.append(walls[0] / walls[1])
                one, two = work([paths]), work(halves)
                print(f"without a cluster: one process {one:.1f} s, two at once {two:.1f} s", flush=True)
                ceilings.append(one / two)
            told = f"two processes without a cluster {np.median(ceilings):.2f} times"
            print(f"two workers are {np.median(ratios):.2f} times faster than one; {told}")
        finally:
            for process in processes:
                process.kill()
                process.wait()


def bind_to(core: int) -> list[str]:
    """Return what a command begins with that may run on one core only; nothing where there is no taskset."""
    return ["taskset", "-c", str(core)] if shutil.which("taskset") else []


def main(arguments: list[str]) -> None:
    """Run the section that is asked for."""
    section, *more = arguments or ["rows"]
    if section == "rows":
        simulate_rows(int(more[0]) if more else N_ROWS)
    else:
        compare = {"jobs": compare_jobs, "cluster": compare_workers}[section]
        compare(os.path.abspath(more[0]), more[1], *map(int, more[2:3]))


if __name__ == "__main__":
    main(sys.argv[1:])
