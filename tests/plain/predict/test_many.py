"""Many processes: how many, every file once, under the name that the user gave it."""

from __future__ import annotations

import time
from types import SimpleNamespace

import psutil
import pytest

from essentia_ldl.cluster.pool import Lost
from essentia_ldl.errors import GraphError
from essentia_ldl.predict import many, worker
from essentia_ldl.predict.ask import Question
from essentia_ldl.predict.many import MEMORY_BYTES, N_AHEAD, N_FILES, Workers, count_jobs, predict_many
from essentia_ldl.records import Failure


@pytest.fixture
def played(monkeypatch, answers):
    """The jobs of processes that answer for every file; "slow" takes a while, "die" kills, "bad" fails."""
    jobs = []

    def converse(job, process, feed):
        jobs.append(job)
        yield {"ready": True, "warnings": ["careful"]}
        while feed:
            path = feed.popleft()
            yield {"start": path}
            if "die" in path:
                return
            if "slow" in path:
                time.sleep(0.3)
            yield {"failure": path, "reason": f"silence ({path})."} if "bad" in path else answers(path)

    monkeypatch.setattr(worker, "_converse", converse)
    monkeypatch.setattr(worker, "start_worker", lambda setting: setting)
    return jobs


def test_as_many_processes_as_are_of_use(monkeypatch):
    monkeypatch.setattr(many, "count_workers", lambda: 4)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=100 * MEMORY_BYTES))
    assert [count_jobs(n) for n in (0, 1, 2 * N_FILES - 1, 2 * N_FILES, 100_000)] == [1, 1, 1, 2, 4]
    assert [count_jobs(n, 3) for n in (0, 1, 2, 100)] == [1, 1, 2, 3], "what the user says counts"
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2.5 * MEMORY_BYTES))
    assert count_jobs(100_000) == 2, "no more than fit into memory"


def test_every_file_has_one_answer_with_its_name(played, make_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = ["slow.wav", "bad.wav", "die.wav", *(f"{n}.wav" for n in range(40))]
    warnings: list[str] = []
    found = list(predict_many([make_model()], files, tmp_path, Question(), Workers(3), warnings.append))
    assert sorted(index for index, _ in found) == list(range(len(files)))
    assert found[0][0] != 0, "what is done first comes first"
    for index, answer in found:
        path = files[index]
        if path in ("bad.wav", "die.wav"):
            assert isinstance(answer, Failure)
            assert answer.path == path
            assert path in answer.reason
            assert str(tmp_path) not in answer.reason
        else:
            assert [one.path for one in answer] == [path]
    assert warnings == ["careful"], "told once, not by every process"
    assert {job["n_threads"] for job in played} == {1}
    assert {job["files"] for job in played} == {None}


def test_few_files_are_done_before_the_one_whose_turn_it_is(played, make_model, tmp_path):
    files = ["slow.wav", *(f"{n}.wav" for n in range(200))]
    found = predict_many([make_model()], files, tmp_path, Question(), Workers(2))
    assert [index for index, _ in found].index(0) < 2 * N_AHEAD


def test_a_model_that_cannot_run_ends_it(make_model, tmp_path, monkeypatch):
    def converse(job, process, feed):
        raise GraphError("graph: expected a graph.")
        yield

    monkeypatch.setattr(worker, "_converse", converse)
    monkeypatch.setattr(worker, "start_worker", lambda setting: setting)
    with pytest.raises(GraphError, match="expected a graph"):
        list(predict_many([make_model()], [str(n) for n in range(30)], tmp_path, Question(), Workers(2)))


def test_a_file_whose_workers_died_is_a_failure(make_model):
    failure = many._read(Lost("every worker that took it died"), "a.wav", Question())
    assert failure.path == "a.wav"
    assert failure.reason.startswith("a.wav has no answer: every worker that took it died.")


def test_nothing_runs_any_more_when_the_caller_has_enough(played, make_model, tmp_path):
    found = predict_many([make_model()], [f"{n}.wav" for n in range(400)], tmp_path, Question(), Workers(2))
    next(found)
    found.close()
    n_jobs = len(played)
    time.sleep(0.1)
    assert len(played) == n_jobs <= 2
