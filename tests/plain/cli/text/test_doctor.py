"""An installation as lines of text."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from essentia_ldl import __version__
from essentia_ldl.cli.text.doctor import describe_installation
from essentia_ldl.doctor import Examined, SelfTest

WELL = {"graph": "a", "agrees": True, "difference": 2.9e-7}
BAD = {"graph": "b", "agrees": False, "difference": 0.15, "reason": "it differs from Essentia by 0.2"}
VERSIONS = {"tensorflow": "2.20", "essentia-tensorflow": "missing", "essentia": "missing"}
WHOLE = Examined(
    VERSIONS, "/usr/bin/ffmpeg", True, Path("/music"), ("msd-musicnn-1",), SelfTest("msd-musicnn-1", "rock", 0.5), ()
)


def test_a_whole_installation():
    lines = describe_installation(WHOLE)
    assert lines[0].startswith(f"essentia-ldl {__version__}, Python 3.")
    assert lines[1:] == [
        "tensorflow 2.20",
        "essentia-tensorflow missing",
        "ffmpeg: /usr/bin/ffmpeg",
        "oneDNN: on",
        "engine: Essentia (`pip install 'essentia-ldl[fast]'` adds OpenVINO, which is faster)",
        "home: /music",
        "graphs: msd-musicnn-1",
        "self-test: one second of 440 Hz through msd-musicnn-1: rock 0.50",
    ]


def test_an_installation_with_problems():
    done = dataclasses.replace(WHOLE, ffmpeg=None, uses_onednn=False, models=(), tested=None, problems=("a", "b"))
    assert describe_installation(done)[3:] == [
        "ffmpeg: not on the PATH (Opus, WebM and surround files need it)",
        "oneDNN: off, it crashes on this processor",
        "engine: Essentia (`pip install 'essentia-ldl[fast]'` adds OpenVINO, which is faster)",
        "home: /music",
        "graphs: none",
        "problem: a",
        "problem: b",
    ]


@pytest.mark.parametrize(
    ("compared", "line"),
    [
        ((), "OpenVINO where it agrees with Essentia; no graph was compared on this machine yet"),
        ((WELL,), "OpenVINO where it is no slower: 1 graphs agree to 3e-07"),
        (
            (WELL, BAD),
            "OpenVINO where it is no slower: 1 graphs agree to 3e-07; OpenVINO differs, and is not taken, for b",
        ),
        (
            (WELL, {**WELL, "graph": "c", "by": "answers"}),
            "OpenVINO where it is no slower: 2 graphs agree to 3e-07, 1 of them with their golden answers",
        ),
        ((BAD,), "Essentia; OpenVINO differs, and is not taken, for b"),
    ],
)
def test_the_engine_that_is_taken(compared, line):
    done = dataclasses.replace(WHOLE, versions={**VERSIONS, "openvino": "2026.4.1"}, compared=compared)
    lines = describe_installation(done)
    assert f"engine: {line}" in lines
    assert "openvino 2026.4.1" in lines


@pytest.mark.parametrize(("compared", "told"), [((), "0 graphs"), ((WELL, WELL, BAD), "1 graphs")])
def test_an_essentia_without_tensorflow_leaves_openvino_alone(compared, told):
    versions = {"essentia-tensorflow": "missing", "essentia": "2.1", "openvino": "2026.4.1"}
    [line] = [
        line
        for line in describe_installation(dataclasses.replace(WHOLE, versions=versions, compared=compared))
        if line.startswith("engine: ")
    ]
    assert line.startswith(f"engine: OpenVINO alone, Essentia has no TensorFlow: {told} gave their golden answers")
    assert line.endswith("; not b" if compared else "answers")
