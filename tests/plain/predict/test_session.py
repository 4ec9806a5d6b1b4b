"""One process and one file at a time: who waits for whom, and what a process that dies costs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from essentia_ldl.cluster.held import drop_all
from essentia_ldl.errors import GraphError
from essentia_ldl.predict import session as session_module
from essentia_ldl.predict import worker
from essentia_ldl.predict.session import Session, answer_file, check_graphs, make_absolute

JOB = {"models": [], "files": None, "patch_hop_frames": None, "engine": "essentia", "key": "test"}


@pytest.fixture
def processes(monkeypatch, answers):
    """The processes that were started: each a list of the files that it was given; "die" kills it, "bad" fails."""
    started = []

    def converse(job, process, feed):
        own = []
        started.append(own)
        yield {"ready": True, "warnings": [f"process {len(started)}"]}
        while feed:
            path = feed.popleft()
            own.append(path)
            if "silent" in path:
                return
            yield {"start": path}
            if "die" in path:
                return
            yield {"failure": path, "reason": f"silence ({path})."} if "bad" in path else answers(path)

    monkeypatch.setattr(worker, "_converse", converse)
    monkeypatch.setattr(worker, "start_worker", lambda setting: setting)
    monkeypatch.setattr(session_module, "_READY", set())
    yield started
    drop_all()


def test_one_process_answers_for_one_file_after_another(processes):
    session = Session(JOB, [])
    first = session.ask("a")
    assert first["predictions"][0]["path"] == "a"
    assert first["warnings"] == ["process 1"]
    assert session.ask("bad") == {"reason": "silence (bad).", "warnings": []}
    assert session.ask("b")["warnings"] == []
    assert processes == [["a", "bad", "b"]]


def test_a_file_that_kills_the_process_is_a_reason_and_a_new_process_takes_the_next(processes):
    session = Session(JOB, [])
    session.ask("a")
    assert session.ask("die")["reason"].startswith("die killed the process that decoded it.")
    assert "predictions" in session.ask("b")
    assert processes == [["a", "die"], ["b"]]


def test_a_process_is_renewed_after_so_many_files(processes, monkeypatch):
    monkeypatch.setattr(worker, "N_FILES", 2)
    session = Session(JOB, [])
    assert all("predictions" in session.ask(path) for path in "abc")
    assert session.ask("die")["reason"].startswith("die killed")  # which starts the count anew, too
    assert all("predictions" in session.ask(path) for path in "def")
    assert processes == [["a", "b"], ["c", "die"], ["d", "e"], ["f"]]


def test_a_process_that_dies_before_it_begins_is_started_again_once(processes):
    with pytest.raises(GraphError, match=r"ended before its first file\. .*doctor"):
        Session(JOB, []).ask("silent")
    assert processes == [["silent"], ["silent"]]


def test_a_process_that_was_started_early_is_used_once(processes, monkeypatch):
    used = []
    real = worker._converse
    monkeypatch.setattr(
        worker, "_converse", lambda job, process, feed: used.append(process) or real(job, process, feed)
    )
    spare = ["early"]
    Session(JOB, spare).ask("a")
    Session(JOB, spare).ask("a")
    assert used[0] == "early"
    assert used[1] != "early"
    assert spare == []


def test_every_thread_has_its_own_process_and_another_command_another(processes):
    both = threading.Barrier(2)

    def call(path):
        both.wait(10)
        return answer_file(JOB, path)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(call, ["a", "b", "c", "d"]))
        assert len(processes) == 2
    answer_file(JOB, "e")
    answer_file({**JOB, "key": "other"}, "f")
    assert processes[2:] == [["e"], ["f"]]


def test_the_first_process_is_ready_before_the_next_one_has_its_job(processes, monkeypatch):
    """What it finds out (oneDNN, OpenVINO's answers) is remembered for the others, which load meanwhile."""
    starts, running, seen = [], [], []
    real = worker._converse
    slow = threading.Event()

    def converse(job, process, feed):
        if not seen:
            assert not slow.wait(0.2)
            assert seen == [], "another process has its job already"
            assert len(starts) == 3
        running.append(process)
        seen.append(len(running))
        yield from real(job, process, feed)

    monkeypatch.setattr(worker, "_converse", converse)
    monkeypatch.setattr(worker, "start_worker", lambda setting: starts.append(setting) or setting)
    all_three = threading.Barrier(3)

    def call(path):
        all_three.wait(10)
        return answer_file(JOB, path)

    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(call, ["a", "b", "c"]))
    assert all("predictions" in answer for answer in answers)
    assert max(seen) <= 3
    assert len(starts) == 3


def test_a_process_that_waits_with_onednn_is_left_when_the_first_one_refuses_it(processes, monkeypatch):
    class Waiting:
        killed = ended = False

        def kill(self):
            self.killed = True

        def wait(self):
            self.ended = self.killed

    early, settings = Waiting(), iter([("1", "0")])
    monkeypatch.setattr(session_module.engines, "list_settings", lambda: next(settings, ("0",)))
    used = []
    real = worker._converse
    monkeypatch.setattr(
        worker, "_converse", lambda job, process, feed: used.append(process) or real(job, process, feed)
    )
    assert "predictions" in Session(JOB, [early]).ask("a")
    assert early.ended
    assert used == ["0"]


def test_a_closed_session_says_so_instead_of_starting_again(processes):
    session = Session(JOB, [])
    session.close()
    assert "killed the process" in session.ask("silent")["reason"]
    assert len(processes) == 1


def test_a_graph_of_another_machine_is_told(tmp_path):
    graph = tmp_path / "sad-1.pb"
    with pytest.raises(GraphError, match=r"the same one on every machine; got 'nothing there' \(.*sad-1\.pb on "):
        check_graphs({str(graph): "00"})
    graph.write_bytes(b"other")
    with pytest.raises(GraphError, match="got 'another graph'"):
        answer_file({**JOB, "digests": {str(graph): "00"}}, "a")


def test_names_are_made_absolute_but_for_urls(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert make_absolute("a.wav") == str(tmp_path / "a.wav")
    assert make_absolute("s3://bucket/a.wav") == "s3://bucket/a.wav"
