"""The script that asks which platforms have wheels: what it asks for, and how it tells what is missing."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

SPEC = importlib.util.spec_from_file_location("platforms_script", Path(__file__).parents[1] / "platforms.py")
platforms = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(platforms)


def test_both_sets_are_read_without_their_comments():
    whole, predict = platforms.read_requirements("whole"), platforms.read_requirements("predict")
    assert {"tensorflow>=2.16", "essentia-tensorflow>=2.1b6.dev1389", "openvino"} <= set(whole)
    assert {"essentia>=2.1b6.dev1389", "openvino"} <= set(predict)
    assert not any("#" in line or "tensorflow" in line for line in predict)


@pytest.fixture
def answer(monkeypatch):
    """Let pip answer as told; gives the commands."""
    commands, told = [], {}

    def run(command, **_):
        commands.append(command)
        if command[-1] == "--version":
            return SimpleNamespace(returncode=0)
        return SimpleNamespace(returncode=told["status"], stdout=told.get("out", ""), stderr=told.get("err", ""))

    monkeypatch.setattr(subprocess, "run", run)
    return commands, told


def test_pip_is_asked_for_one_platform_and_installs_nothing(answer):
    commands, told = answer
    found = [("essentia", "2.1"), ("numpy", "2.4"), ("openvino", "2026")]
    told |= {
        "status": 0,
        "out": json.dumps({"install": [{"metadata": {"name": n, "version": v}} for n, v in found]}),
    }
    assert platforms.resolve(["essentia"], "3.14", ["a", "b"]) == "3 packages, essentia 2.1, openvino 2026"
    asked = commands[-1]
    assert "--dry-run" in asked
    assert [asked[i + 1] for i, part in enumerate(asked) if part == "--platform"] == ["a", "b"]
    assert asked[asked.index("--python-version") + 1] == "3.14"


def test_what_is_missing_is_told_in_a_line(answer):
    _, told = answer
    told |= {"status": 1, "err": "WARNING: x\nERROR: no version (from versions: none)\nERROR: No matching distribution"}
    assert platforms.resolve(["essentia"], "3.14", ["a"]) == "no: No matching distribution"
    told["err"] = ""
    assert platforms.resolve(["essentia"], "3.14", ["a"]) == "no: pip failed"
