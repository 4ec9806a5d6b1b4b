"""The process that predicts: oneDNN that kills it, errors that it tells, and ends that it does not."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from essentia_ldl import errors
from essentia_ldl.errors import CardError, GraphError
from essentia_ldl.predict import engines
from essentia_ldl.predict import worker as predict_worker
from essentia_ldl.predict.ask import Question, predict_files
from essentia_ldl.predict.worker import start_worker
from essentia_ldl.records import Failure

# --- oneDNN ----------------------------------------------------------------------------------------------------------


def test_a_processor_that_onednn_kills_is_remembered(ask, all_well, dies_at_once, tmp_path):
    results, worker = ask(["a"], dies_at_once, all_well)
    assert [result[0].path for result in results] == ["a"]
    assert worker.settings == ["1", "0"]
    assert engines.is_onednn_refused()
    assert [path.parent.name for path in tmp_path.rglob("onednn-refused-*.json")] == ["essentia-ldl"]
    _, worker = ask(["a"], all_well)
    assert worker.settings == ["0"]


def test_a_process_that_dies_without_onednn_too_says_nothing_of_onednn(ask, dies_at_once):
    with pytest.raises(GraphError, match="ended before its first file"):
        ask(["a"], dies_at_once, dies_at_once)
    assert not engines.is_onednn_refused()


@pytest.mark.parametrize("setting", ["0", "1"])
def test_the_users_own_setting_is_kept(ask, all_well, dies_at_once, monkeypatch, setting):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", setting)
    _, worker = ask(["a"], all_well)
    assert worker.settings == [setting]
    with pytest.raises(GraphError, match="ended before its first file"):
        ask(["a"], dies_at_once)
    assert not engines.is_onednn_refused()


def test_a_process_that_was_started_early_is_used_once(ask, all_well, dies_in, dies_at_once):
    _, worker = ask(["a"], all_well, started="early")
    assert worker.settings == ["early"]
    results, worker = ask(["a", "b"], dies_in("a"), all_well, started="early")
    assert worker.settings == ["early", "1"]
    assert [isinstance(result, Failure) for result in results] == [True, False]
    _, worker = ask(["a"], dies_at_once, all_well, started="early")
    assert worker.settings == ["early", "0"]
    assert engines.is_onednn_accepted()
    assert not engines.is_onednn_refused(), "one death, of lack of memory say, does not undo what has run before"


# --- engines ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_files", "n_processes"), [(3, 2), (2, 1)])
def test_many_files_go_to_a_process_that_has_not_compared_engines(ask, all_well, monkeypatch, n_files, n_processes):
    """What ran of two engines stays in the memory of the process that compared them."""
    finding = {"aa": {"graph": "sad-1", "agrees": True}}

    def compares(job):
        yield {"ready": True, "found": finding, "warnings": ["sad-1 runs in OpenVINO"]}
        yield from list(all_well(job))[1:]

    monkeypatch.setattr(predict_worker, "MANY", 3)
    scripts, said = [compares, all_well][:n_processes], []
    results, worker = ask([f"{i}" for i in range(n_files)], *scripts, warn=said.append)
    assert [result[0].path for result in results] == [f"{i}" for i in range(n_files)]
    assert [job["remembered"] for job in worker.jobs] == [{}, finding][:n_processes]
    assert said == ["sad-1 runs in OpenVINO"]
    assert engines.recall_comparisons() == finding


# --- a real process --------------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Start a program in the place of the sound zone's process; it gets the job as ``job``."""

    def start(body: str) -> None:
        path = tmp_path / "python"
        path.write_text(f"#!{sys.executable}\nimport json, os, signal, sys\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(sys, "executable", str(path))

    return start


SAY = """
job = json.load(sys.stdin)
def say(**answer):
    print(json.dumps(answer), flush=True)
"""


@pytest.mark.parametrize("name", ["CardError", "GraphError", "AudioError", "StoreError"])
def test_an_error_of_the_process_is_raised_as_what_it_is(make_model, program, name):
    program(f"{SAY}\nsay(error='card: expected a key.', type={name!r})\nsys.exit(1)")
    with pytest.raises(getattr(errors, name), match=r"^card: expected a key\.$"):
        list(predict_files([make_model()], ["a"], Path("/nowhere")))


def test_an_error_of_no_known_type_is_a_graph_error(make_model, program):
    program(f"{SAY}\nsay(error='x', type='SomethingElse')")
    with pytest.raises(GraphError, match=r"^x$"):
        list(predict_files([make_model()], ["a"], Path("/nowhere")))


def test_an_error_after_some_files_is_raised_too(make_model, answers, program):
    value = json.dumps(answers("a"))
    program(f"{SAY}\nsay(ready=True)\nsay(start='a')\nprint({value!r}, flush=True)\nsay(error='x', type='CardError')")
    results = predict_files([make_model()], ["a", "b"], Path("/nowhere"))
    assert next(results)[0].path == "a"
    with pytest.raises(CardError):
        next(results)


@pytest.mark.parametrize("half", ["", '{"resu', '{"result": "b", "predictions": [{"seg'])
def test_a_process_killed_in_a_file_costs_that_file_even_with_half_an_answer_written(make_model, program, half):
    """Case C8: a killed worker."""
    body = f"""{SAY}
say(ready=True)
for path in job["files"]:
    say(start=path)
    if path == "b":
        os.write(1, {half!r}.encode())
        os.kill(os.getpid(), signal.SIGKILL)
    say(failure=path, reason="as told")
"""
    program(body)
    results = list(predict_files([make_model()], ["a", "b", "c"], Path("/nowhere")))
    assert [result.path for result in results] == ["a", "b", "c"]
    assert ["killed the process" in result.reason for result in results] == [False, True, False]


def test_the_process_gets_the_setting_and_the_lean_environment(make_model, program):
    body = f"""{SAY}
say(ready=True)
say(start="a")
say(failure="a", reason=" ".join(os.environ[k] for k in ("TF_ENABLE_ONEDNN_OPTS", "ESSENTIA_LDL_LEAN")))
"""
    program(body)
    assert [r.reason for r in predict_files([make_model()], ["a"], Path("/nowhere"))] == ["1 1"]


def test_a_process_that_does_not_read_its_job_is_no_traceback(make_model, program):
    program("os.close(0)\nsys.exit(3)")
    with pytest.raises(GraphError, match="ended before its first file"):
        list(predict_files([make_model()], ["x" * 200] * 5000, Path("/nowhere")))


def test_a_process_that_died_is_not_waited_for_though_another_holds_its_output(make_model, answers, program):
    """What it wrote before is read; the sleeper that it left behind, which would keep the pipe open, is not asked."""
    value = json.dumps(answers("a"))
    leave = "subprocess.Popen(['sleep', '60'], stderr=subprocess.DEVNULL)"
    body = f"""{SAY}
import subprocess
say(ready=True)
for path in job["files"]:
    say(start=path)
    if path == "b":
        say(sleeper={leave}.pid)
        os.kill(os.getpid(), signal.SIGKILL)
    print({value!r}.replace('"a"', json.dumps(path)), flush=True)
"""
    program(body)
    heard = []
    begun = time.monotonic()
    for told in predict_worker.ask_worker({"models": [], "files": ["a", "b"]}, start_worker()):
        heard.append(told)
    took_s = time.monotonic() - begun
    os.kill(heard[-1]["sleeper"], signal.SIGKILL)
    assert [told.get("start") or told.get("result") for told in heard[1:4]] == ["a", "a", "b"]
    assert took_s < 20


def test_a_process_started_early_gets_the_job_later(make_model, program):
    program(f"{SAY}\nsay(ready=True)\nsay(start='a')\nsay(failure='a', reason=str(len(job['models'])))")
    process = start_worker()
    results = list(predict_files([make_model(), make_model("b")], ["a"], Path("/nowhere"), Question(), process))
    assert [result.reason for result in results] == ["2"]
    assert process.returncode == 0


def test_a_reader_that_stops_early_ends_the_process(make_model, program, tmp_path):
    body = f"""{SAY}
import time
open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
say(ready=True)
say(start="a")
say(failure="a", reason="x")
time.sleep(60)
"""
    program(body)
    results = predict_files([make_model()], ["a", "b"], Path("/nowhere"))
    next(results)
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
