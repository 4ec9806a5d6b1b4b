"""The instruments: each broken promise is seen, and the same seed gives the same damage."""

from __future__ import annotations

import random
import signal
import sys

import pytest
import watching
from inside import run_inside
from mutations import BOMBS, damage_audio, damaged_json, draw_examples, strange_graphs
from watching import Ended, Sandbox, judge, kept

PYTHON = (sys.executable, "-c")
TRACE = 'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\nKeyError: 1\n'


@pytest.fixture
def box(tmp_path) -> Sandbox:
    """Folders of a command."""
    return Sandbox(tmp_path / "box")


@pytest.mark.parametrize(
    ("ended", "kinds"),
    [
        (Ended(0, "done\n", "", 1), set()),
        (Ended(1, "", "error: audio: expected sound; got 'silence' (a.wav). Leave it out.\n", 1), set()),
        (Ended(1, "", TRACE, 1), {"tracebacks"}),
        (Ended(-11, "", "", 1), {"wrong status"}),
        (Ended(2, "", "Usage: essentia-ldl\n", 1), {"wrong status"}),
        (Ended(None, "", "", 9), {"hangs"}),
        (Ended(1, "", "", 1), {"no sentence"}),
        (Ended(1, "", "error: " + "x" * 3000, 1), {"no sentence"}),
        (Ended(0, "", "/a/b.py:3: RuntimeWarning: invalid value\n", 1), {"noise"}),
        (Ended(0, "", "[mp3 @ 0x55d] Header missing\n", 1), {"noise"}),
        (Ended(0, "", "[   INFO   ] TensorflowPredict\n", 1), {"noise"}),
        (Ended(0, "", "", 1, 9 * 10**9), {"over memory"}),
        (Ended(0, "", "", 1, 0, ("open /etc/x",)), {"written outside"}),
    ],
)
def test_a_broken_promise_is_seen(ended, kinds):
    assert {kind for kind, _ in judge(ended)} == kinds


def test_what_is_written_outside_is_seen(box, tmp_path):
    code = "import os; open('inside', 'w').close(); open('../../outside', 'w').close(); os.mkdir('../../folder')"
    ended = box.run(code, program=PYTHON)
    assert ended.status == 0, ended.err
    assert [line.split("/")[-1] for line in ended.outside] == ["outside", "folder"]


def test_an_end_that_does_not_come_memory_and_what_is_said_are_seen(box):
    assert box.run("import time; time.sleep(60)", program=PYTHON, limit_s=0.5).status is None
    ended = box.run("import sys; x = bytearray(300_000_000); print('é'); sys.exit(3)", program=PYTHON)
    assert (ended.status, ended.out) == (3, "é\n")
    assert ended.peak_bytes > 300_000_000


def test_a_process_that_is_left_behind_is_seen_and_ended(box, monkeypatch):
    monkeypatch.setattr(watching, "GONE_S", 0.3)
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    running = box.start(code, program=PYTHON)
    assert running.finish().status == 0
    assert ["time.sleep(60)" in command for command in running.end_orphans()] == [True]
    assert running.end_orphans() == []
    running = box.start("import time; time.sleep(60)", program=PYTHON)
    running.send(signal.SIGKILL)
    assert running.finish().status == -signal.SIGKILL
    assert running.end_orphans() == []


def test_a_changed_input_is_seen(tmp_path):
    faults: list[tuple[str, str]] = []
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"x")
    with kept(tmp_path, faults):
        pass
    assert faults == []
    with kept(tmp_path, faults):
        (tmp_path / "a").write_bytes(b"y")
        (tmp_path / "b").unlink()
    assert faults == [("bytes lost", "a, b")]


def test_a_plain_command_runs_in_this_process(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    ended = run_inside(tmp_path, "recipe", "no-such-task")
    assert (ended.status, judge(ended)) == (1, [])
    assert run_inside(tmp_path / "elsewhere", "new", "mine", "--data", str(tmp_path)).outside == ()


def test_the_same_seed_gives_the_same_damage():
    data = bytes(range(256)) * 40
    for form in ("wav", "mp3", "flac"):
        first, second = ([damage_audio(data, form, random.Random(n)) for n in range(30)] for _ in range(2))
        assert first == second
        assert len({mutant.data for mutant in first}) > 25
    document = {"classes": ["a", "b"], "schema": {"inputs": [{"name": "x"}]}}
    first, second = (draw_examples(damaged_json(document), 20, 7) for _ in range(2))
    assert repr(first) == repr(second)
    assert sum(changed != document for _, changed in first) > 15
    assert len(dict(strange_graphs(data, "model/Sigmoid"))) > 10
    assert len(BOMBS) > 10
