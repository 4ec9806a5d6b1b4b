"""A call in a process of its own: what it returns, what it refuses, and what a death costs."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from essentia_ldl.cluster.child import perform, run_job
from essentia_ldl.cluster.held import drop_all
from essentia_ldl.cluster.share import Share
from essentia_ldl.errors import DiskError, StoreError
from essentia_ldl.records import Failure

JOBS = """
import errno, os, signal, stat, subprocess
from pathlib import Path
from essentia_ldl.errors import AudioError, StoreError

def find_pipes():
    return [fd for fd in range(3, 64) if os.path.exists(f"/dev/fd/{fd}") and stat.S_ISFIFO(os.fstat(fd).st_mode)]

def work(job):
    kind = job.get("kind")
    print("libraries print")
    if kind == "ours":
        raise AudioError("audio: expected sound.")
    if kind == "value":
        raise ValueError("why")
    if kind == "store":
        raise StoreError("file: expected space.")
    if kind == "full":
        raise OSError(errno.ENOSPC, "No space left on device")
    if kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "leave":
        sleeper = subprocess.Popen(["sleep", "60"], stderr=subprocess.DEVNULL, pass_fds=find_pipes())
        Path(job["path"] + ".left").open("a").write(f"{sleeper.pid} ")
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "die once" and not os.path.exists(job["path"] + ".died"):
        Path(job["path"] + ".died").touch()
        os._exit(3)
    return os.getpid()

def fill(job):
    read = [Path(job["store"], name).read_text() for name in job.get("needs", ())]
    Path(job["store"], "mel").mkdir(exist_ok=True)
    Path(job["store"], "mel", "a.npy").write_text("bands" + "".join(read))
    return job["store"]
"""
WORK = "child_jobs_of_test:work"


@pytest.fixture(scope="module", autouse=True)
def _module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("child")
    (folder / "child_jobs_of_test.py").write_text(JOBS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
        yield
    drop_all()


@pytest.fixture
def path(tmp_path) -> str:
    (tmp_path / "a.wav").write_text("sound")
    return str(tmp_path / "a.wav")


def test_one_process_does_one_call_after_another(path):
    first, names = perform(WORK, {"path": path}, "features")
    assert first != os.getpid()
    assert names == []
    assert perform(WORK, {"path": path}, "features") == (first, [])


@pytest.mark.parametrize(("kind", "reason"), [("ours", "audio: expected sound."), ("value", "ValueError: why")])
def test_an_error_of_a_file_is_its_failure(path, kind, reason):
    expected = Failure(path, "features", reason)
    assert perform(WORK, {"path": path, "kind": kind}, "features")[0] == expected
    assert run_job(WORK, {"path": path, "kind": kind}, "features") == expected


def test_a_store_that_cannot_be_written_is_an_error(path):
    with pytest.raises(StoreError, match="file: expected space"):
        perform(WORK, {"path": path, "kind": "store"}, "features")


def test_a_full_disk_is_no_failure_of_the_file(path):
    with pytest.raises(DiskError, match=r"^A disk is full, .*Free space and run the same command again\.$"):
        run_job(WORK, {"path": path, "kind": "full"}, "features")


@pytest.mark.slow
def test_a_file_that_kills_the_process_twice_is_a_failure_and_the_next_one_is_not(path):
    result, _ = perform(WORK, {"path": path, "kind": "die"}, "features")
    assert "killed the process that decoded it" in result.reason
    assert isinstance(perform(WORK, {"path": path}, "features")[0], int)
    assert isinstance(perform(WORK, {"path": path, "kind": "die once"}, "features")[0], int)


def test_a_process_that_left_another_with_its_output_is_not_waited_for(path):
    begun = time.monotonic()
    result, _ = perform(WORK, {"path": path, "kind": "leave"}, "features")
    took_s = time.monotonic() - begun
    sleepers = [int(one) for one in Path(f"{path}.left").read_text().split()]
    for sleeper in sleepers:
        os.kill(sleeper, signal.SIGKILL)  # it was there all the time
    assert len(sleepers) == 2
    assert "killed the process that decoded it" in result.reason
    assert took_s < 30


def test_a_file_that_is_missing_on_a_worker_names_the_machine():
    result, _ = perform(WORK, {"path": "/music/none.wav"}, "features")
    assert result.path == "/music/none.wav"
    assert "got 'nothing there' (/music/none.wav on " in result.reason


def test_features_go_to_the_share_and_into_the_store(tmp_path, path):
    share = Share(str(tmp_path / "store"), (tmp_path / "share").as_uri())
    result, names = perform("child_jobs_of_test:fill", {"path": path, "store": share.store}, "features", share)
    assert result != share.store
    assert not os.path.exists(result), "the folder that stood for the store is gone"
    assert names == ["mel/a.npy"]
    assert not (tmp_path / "store").exists()
    share.fetch(names)
    assert (tmp_path / "store/mel/a.npy").read_text() == "bands"


def test_a_job_reads_files_of_the_store_through_the_share(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store/in.npy").write_text(" of a")
    share = Share(str(tmp_path / "store"), str(tmp_path / "share"))
    share.offer(["in.npy"])
    job = {"path": "/elsewhere/in.npy", "store": share.store, "needs": ["in.npy"]}
    _, names = perform("child_jobs_of_test:fill", job, "embeddings", share)
    assert names == ["mel/a.npy"]
    share.fetch(names)
    assert (tmp_path / "store/mel/a.npy").read_text() == "bands of a"
