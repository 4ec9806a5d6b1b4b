"""An installation as lines of text."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from essentia_ldl import __version__
from essentia_ldl.cli.text.doctor import describe_installation
from essentia_ldl.doctor import Examined, SelfTest

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
        "home: /music",
        "graphs: msd-musicnn-1",
        "self-test: one second of 440 Hz through msd-musicnn-1: rock 0.50",
    ]


def test_an_installation_with_problems():
    done = dataclasses.replace(WHOLE, ffmpeg=None, uses_onednn=False, models=(), tested=None, problems=("a", "b"))
    assert describe_installation(done)[3:] == [
        "ffmpeg: not on the PATH (Opus, WebM and surround files need it)",
        "oneDNN: off, it crashes on this processor",
        "home: /music",
        "graphs: none",
        "problem: a",
        "problem: b",
    ]
