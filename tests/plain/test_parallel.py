"""Work on many files: every file gets an answer, and a file that kills its worker takes nothing with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import psutil
import pytest

from essentia_ldl import parallel
from essentia_ldl.errors import StoreError
from essentia_ldl.parallel import count_workers, run_jobs
from essentia_ldl.records import Failure
from essentia_ldl.zones import zone_environment

JOBS = """
import os, signal, time
from pathlib import Path
from essentia_ldl.errors import AudioError, StoreError, explain

def double(job):
    time.sleep(job.get("sleep", 0))
    return {"twice": 2 * job["value"], "pid": os.getpid(), "lean": os.environ.get("ESSENTIA_LDL_LEAN")}

def fail(job):
    kind = job.get("kind")
    if kind == "ours":
        raise AudioError(explain("audio", "sound", "silence", job["path"], "Leave it out."))
    if kind == "store":
        raise StoreError(explain("file", "space and permission to write", "No space", job["path"], "Free space."))
    if kind:
        raise {"runtime": RuntimeError, "value": ValueError, "os": OSError, "memory": MemoryError}[kind]("why")
    return "fine"

def wait(job):
    Path(job["path"]).touch()
    time.sleep(job["seconds"])

def die(job):
    if job.get("how") == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if job.get("how") == "abort":
        os.abort()
    if job.get("how") == "exit":
        os._exit(3)
    time.sleep(0.02)
    return job["path"]

def die_once(job):
    marker = job["path"] + ".died"
    if job.get("how") and not os.path.exists(marker):
        open(marker, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return job["path"]

def leak(job):
    from joblib.externals.loky import process_executor
    process_executor._MAX_MEMORY_LEAK_SIZE, process_executor._MEMORY_LEAK_CHECK_DELAY = -(10**12), 0.0
    time.sleep(0.05)
    return job["path"]

def interrupt(job):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.05)
    return "still there"
"""


@pytest.fixture(scope="module", autouse=True)
def jobs_module(tmp_path_factory):
    from joblib.externals.loky import get_reusable_executor

    folder = tmp_path_factory.mktemp("jobs")
    (folder / "parallel_jobs_of_test.py").write_text(JOBS)
    get_reusable_executor().shutdown(wait=True, kill_workers=True)  # workers of another test do not know the folder
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
        yield
        get_reusable_executor().shutdown(wait=True, kill_workers=True)


def run(function: str, jobs: list[dict], n_jobs: int = 2) -> dict[str, object]:
    answers = list(run_jobs(f"parallel_jobs_of_test:{function}", jobs, "step", n_jobs, progress=False))
    assert sorted(job["path"] for job, _ in answers) == sorted(job["path"] for job in jobs), "one answer a job"
    return {job["path"]: result for job, result in answers}


def test_every_job_runs_in_another_process():
    results = run("double", [{"path": str(n), "value": n} for n in range(20)])
    assert {path: result["twice"] for path, result in results.items()} == {str(n): 2 * n for n in range(20)}
    assert os.getpid() not in {result["pid"] for result in results.values()}
    assert {result["lean"] for result in results.values()} == {"1"}
    assert "parallel_jobs_of_test" not in sys.modules


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_one_job_alone_also_runs_in_another_process(n_jobs):
    (result,) = run("double", [{"path": "a", "value": 1}], n_jobs).values()
    assert result["pid"] != os.getpid()


def test_no_jobs_are_no_answers():
    assert run("double", []) == {}


def test_answers_come_in_the_order_in_which_they_finish():
    jobs = [{"path": "slow", "value": 0, "sleep": 1.0}, *({"path": str(n), "value": n} for n in range(4))]
    answers = list(run_jobs("parallel_jobs_of_test:double", jobs, "step", 2, progress=False))
    assert answers[-1][0]["path"] == "slow"
    assert answers[-1][0] is jobs[0]


def test_errors_become_failures_and_stop_nothing():
    kinds = ["ours", "runtime", "value", "os", "memory", None]
    results = run("fail", [{"path": str(kind), "kind": kind} for kind in kinds])
    assert results.pop("None") == "fine"
    assert all(isinstance(result, Failure) and result.step == "step" for result in results.values())
    assert all(result.path == path for path, result in results.items())
    assert results["ours"].reason == "audio: expected sound; got 'silence' (ours). Leave it out."
    assert results["value"].reason == "ValueError: why"
    assert results["memory"].reason == "MemoryError: why"


@pytest.mark.parametrize("how", ["kill", *(pytest.param(how, marks=pytest.mark.slow) for how in ("abort", "exit"))])
def test_only_the_file_that_kills_its_worker_fails(how):
    jobs = [{"path": f"{n:02}", "how": how if n == 5 else None} for n in range(16)]
    results = run("die", jobs)
    failure = results.pop("05")
    assert isinstance(failure, Failure)
    assert failure.path == "05"
    assert failure.reason.startswith("05 killed the process that decoded it.")
    assert results == {path: path for path in results}


@pytest.mark.slow
@pytest.mark.parametrize("killers", [(0, 1), (3, 12)])
def test_two_killers_are_both_found(killers):
    jobs = [{"path": f"{n:02}", "how": "kill" if n in killers else None} for n in range(14)]
    results = run("die", jobs)
    failed = {path for path, result in results.items() if isinstance(result, Failure)}
    assert failed == {f"{n:02}" for n in killers}


@pytest.mark.slow
def test_nothing_but_killers_ends_too():
    results = run("die", [{"path": str(n), "how": "kill"} for n in range(3)])
    assert all(isinstance(result, Failure) for result in results.values())


def test_a_worker_that_died_once_costs_no_file(tmp_path):
    jobs = [{"path": str(tmp_path / str(n)), "how": n == 2} for n in range(6)]
    results = run("die_once", jobs)
    assert results == {job["path"]: job["path"] for job in jobs}


@pytest.mark.parametrize("job", [pytest.param({"seconds": 60}, marks=pytest.mark.slow), {"seconds": 0}])
def test_workers_end_with_a_process_that_was_killed_whether_they_have_a_job_or_wait_for_one(tmp_path, job):
    code = RUN.format(before="", function="wait", jobs=[{"path": str(tmp_path / "begun"), **job}])
    code = code.replace("print(sorted", "import time; time.sleep(60)\nprint(sorted")
    with subprocess.Popen([sys.executable, "-c", code], env=zone_environment(), stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 60
        while not (tmp_path / "begun").exists() and time.monotonic() < until:
            time.sleep(0.05)
        workers = psutil.Process(process.pid).children(recursive=True)
        assert sum("loky" in " ".join(one.cmdline()) for one in workers) >= 2
        process.kill()
        assert psutil.wait_procs(workers, timeout=20)[1] == []
        assert process.stderr.read() == b"", "what tidies up after them says nothing either"


def test_ctrl_c_is_the_parents_business():
    assert run("interrupt", [{"path": "a"}, {"path": "b"}]) == {"a": "still there", "b": "still there"}


def test_a_function_that_does_not_exist_is_an_error_of_ours_not_of_the_files():
    start = time.monotonic()
    with pytest.raises(ImportError):
        list(run_jobs("no_such_module_of_test:f", [{"path": "a"}, {"path": "b"}], "step", 2, progress=False))
    assert time.monotonic() - start < 30


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run("double", [{"path": "a", "value": 1}])
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("essentia-ldl")] == []


def test_workers_are_counted():
    assert count_workers(3) == 3
    assert count_workers() == len(os.sched_getaffinity(0))
    assert count_workers(0) >= 1


@pytest.mark.parametrize(("n_cores", "expected"), [(6, 6), (None, 1)])
def test_a_system_that_does_not_tell_the_cores_of_a_process_tells_all(monkeypatch, n_cores, expected):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: n_cores)
    assert count_workers() == expected
    assert count_workers(2) == 2


def test_a_store_that_cannot_be_written_stops_the_batch():
    jobs = [{"path": str(i), "kind": "store" if i == 2 else None} for i in range(6)]
    with pytest.raises(StoreError, match=r"space and permission to write"):
        run("fail", jobs)


# --- a machine without shared semaphores, and what joblib says ------------------------------------------------------

RUN = """
import os, sys
from essentia_ldl import parallel
{before}
answers = list(parallel.run_jobs("parallel_jobs_of_test:{function}", {jobs!r}, "step", 2, progress=False))
print(sorted(str(getattr(result, "reason", result)) for _, result in answers))
print(os.getpid() in [result["pid"] for _, result in answers if isinstance(result, dict)])
"""


def run_apart(function: str, jobs: list[dict], before: str = "", wrapper: tuple[str, ...] = ()):
    code = RUN.format(function=function, jobs=jobs, before=before)
    return subprocess.run(
        [*wrapper, sys.executable, "-c", code], env=zone_environment(), capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def no_semaphores(monkeypatch):
    monkeypatch.setattr(parallel, "_has_semaphores", lambda: False)


def test_c13_without_semaphores_jobs_run_in_other_processes_too(no_semaphores):
    """Joblib would fall back to threads of this process, which must not hold Essentia."""
    results = run("double", [{"path": str(n), "value": n} for n in range(5)])
    assert {path: result["twice"] for path, result in results.items()} == {str(n): 2 * n for n in range(5)}
    assert os.getpid() not in {result["pid"] for result in results.values()}
    assert {result["lean"] for result in results.values()} == {"1"}


def test_c13_without_semaphores_a_file_that_kills_its_worker_takes_nothing_with_it(no_semaphores):
    jobs = [{"path": str(n), "how": "kill" if n == 2 else None} for n in range(5)]
    results = run("die", jobs)
    assert {path for path, result in results.items() if isinstance(result, Failure)} == {"2"}
    assert "killed the process" in results["2"].reason


@pytest.mark.slow
def test_c13_shared_memory_that_cannot_be_written_costs_neither_words_nor_threads():
    """In a name space of its own, /dev/shm is read-only."""
    unshare = shutil.which("unshare")
    wrapper = (unshare or "", "-m", "sh", "-c", 'mount -t tmpfs -o ro tmpfs /dev/shm && exec "$@"', "sh")
    if unshare is None or subprocess.run([*wrapper, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount")
    jobs = [{"path": str(n), "value": n} for n in range(4)]
    done = run_apart("double", jobs, "assert not parallel._has_semaphores()", wrapper)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1] == "False"
    assert all(f"'twice': {2 * n}" in done.stdout for n in range(4))


@pytest.mark.slow
@pytest.mark.parametrize("told", [False, True])
def test_c15_a_worker_that_joblib_starts_anew_is_not_told(told):
    """Loky takes what a worker loads later for a leak; without our filter it does tell."""
    jobs = [{"path": str(n)} for n in range(12)]
    done = run_apart("leak", jobs, "parallel.warnings.filterwarnings = print" if told else "")
    assert done.returncode == 0, done.stderr
    assert ("A worker stopped while some jobs" in done.stderr) == told
    assert told or done.stderr == ""
    assert str([str(n) for n in sorted(map(str, range(12)))]) in done.stdout
