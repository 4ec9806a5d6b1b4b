"""The benchmark through every zone at its smallest: killed in the middle, taken up, and the same numbers in the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.zones import zone_environment

ARGUMENTS = ("benchmark", "--scale", "smallest", "--jobs", "2")
N_KILLS = 3


def start(home: Path, *more: str) -> subprocess.Popen:
    """Start the command in a session of its own, so that all of its processes can be killed."""
    return subprocess.Popen(
        [sys.executable, "-m", "essentia_ldl", *ARGUMENTS, *more],
        env=zone_environment() | {"ESSENTIA_LDL_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_numbers(home: Path) -> dict:
    """Read benchmark.json without what the clock told."""
    (path,) = home.glob("runs/benchmark-*/benchmark.json")
    found = json.loads(path.read_text())
    for row in found["networks"].values():
        assert min(row.pop("costs").values()) > 0
    del found["settings"]["data"]
    return found


@pytest.mark.slow
def test_a_killed_benchmark_goes_on_to_the_same_json(tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    done = start(whole)
    said, _ = done.communicate(timeout=1800)
    assert done.returncode == 0, said
    assert "2 trainings, 0 done before, 2 to do" in said
    expected = read_numbers(whole)
    assert list(expected["networks"]) == ["samplecnn", "shortchunk"]
    for row in expected["networks"].values():
        assert set(row["variants"]) == {"pitch-up-2", "tempo-141", "noise-10", "drc-radio"}
        low, high = row["intervals"]["roc_auc"]
        assert 0 <= low <= row["scores"]["roc_auc"] <= high <= 1

    killed, deadline = start(stopped), time.monotonic() + 1800
    while len(list(stopped.glob("runs/benchmark-*/*-0/plan.json"))) < 2:  # the second network has begun
        assert time.monotonic() < deadline
        assert killed.poll() is None, killed.communicate()[0]
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert len(list(stopped.glob("runs/benchmark-*/*-0/scores.json"))) == 1

    other = start(stopped, "--set", "training.batch_size=4")
    said, _ = other.communicate(timeout=600)
    assert other.returncode == 1
    last = said.strip().splitlines()[-1]
    assert last.startswith("error: settings of the benchmark: expected those of benchmark-")
    assert "'training.batch_size 4 in place of 8'" in last

    random = np.random.default_rng(16)
    for seconds in random.uniform(1, 15, N_KILLS):  # wherever that is: while it starts, trains, asks or writes
        process = start(stopped)
        try:
            process.communicate(timeout=float(seconds))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    again = start(stopped)
    said, _ = again.communicate(timeout=1800)
    assert again.returncode == 0, said
    assert "2 trainings, 1 done before, 1 to do" in said or "2 trainings, 2 done before, 0 to do" in said
    assert read_numbers(stopped) == expected
    (page,) = stopped.glob("runs/benchmark-*/benchmark.html")
    assert page.read_text().count('<svg class="picture') == 6
