"""Commands that are stopped at random moments, and given again: nothing is lost, and the results are the same bytes."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from sizes import Sizes
from steps import Step, Undisturbed
from watching import LIMIT_S, Running, Sandbox, kept

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
YEARS = (0, 4_000_000_000)  # 1970 and 2096


def list_chains(n_kills: dict[str, int]) -> list[tuple[str, int, int]]:
    """Return what is killed how often before it may end: command, number of the chain, kills."""
    found = []
    for name, left in n_kills.items():
        number = 0
        while left > 0:
            n_here = min(left, (2, 1, 3)[number % 3])
            found.append((name, number, n_here))
            left, number = left - n_here, number + 1
    return found


def stop(running: Running, delay_s: float, number: int, to_group: bool) -> bool:
    """Send a signal after some time; tells whether the command was still there."""
    deadline = time.monotonic() + delay_s
    while time.monotonic() < deadline:
        if os.waitid(os.P_PID, running.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return False
        time.sleep(0.01)
    running.send(number, to_group)
    return True


def set_clock(home: Path, draw: random.Random) -> None:
    """Let every file of a home be of another year, as after a clock that was set."""
    for path in home.rglob("*"):
        at = draw.choice(YEARS)
        os.utime(path, (at, at), follow_symlinks=False)


def kill_once(box: Sandbox, step: Step, expected: Undisturbed, draw: random.Random, counts) -> None:
    """Start a command and stop it at a moment between its first and its last."""
    number, to_group = draw.choice(SIGNALS), draw.random() < 0.5
    delay_s = draw.random() * expected.seconds
    running = box.start(*step.arguments(box.home))
    was_there = stop(running, delay_s, number, to_group)
    ended = running.finish(LIMIT_S)
    how = f"{step.name}, {signal.Signals(number).name} after {delay_s:.2f} s"
    counts.add("kills" if was_there else "ended before the kill")
    for command in running.end_orphans():
        counts.fault("orphans", f"{how}: {command}")
    if number == signal.SIGINT and was_there:
        is_python = ended.status in (-signal.SIGINT, 1) and "essentia_ldl/cli/" not in ended.err
        if not is_python:  # Python itself was stopped before our first line, or after our last
            counts.judge(ended, how, (130, expected.status))
    elif ended.status not in (-number, expected.status):
        counts.fault("wrong status", f"{how}: {ended.status}: {ended.said[-500:]}")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number", "n_kills"), list_chains(Sizes.kills()))
def test_killed_and_given_again(name, number, n_kills, undisturbed, goods_of, tmp_path, counts, sizes):
    """A chain of kills, then the same command to its end: the bytes of one that nobody disturbed."""
    expected, step = undisturbed(name), Step(name, goods_of(name))
    draw = random.Random(f"kill {sizes.seed} {name} {number}")
    box, faults = Sandbox(tmp_path / "box"), []
    step.fill(box.home)
    with kept(step.goods.collection, faults), kept(step.goods.pictured or step.goods.music, faults):
        for _ in range(n_kills):
            kill_once(box, step, expected, draw, counts)
            if draw.random() < 0.3:
                set_clock(box.home, draw)
        ended = box.run(*step.arguments(box.home))
    for kind, shown in faults:
        counts.fault(kind, shown)
    counts.judge(ended, f"{name} given again", (expected.status,))
    counts.add("reruns")
    other = expected.differs(step.read_results(box.home, box.root))
    if other:
        counts.fault("reruns that differ", f"{name} {number}: {other}: {ended.said[-800:]}")
    if box.list_scratch():
        counts.fault("scratch left", f"{name}: {box.list_scratch()}")
