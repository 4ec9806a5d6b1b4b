"""What the terminal shows of an installation. In: `Examined`; out: lines of text."""

from __future__ import annotations

import platform
import sys

from essentia_ldl import __version__
from essentia_ldl.doctor import Examined


def describe_installation(done: Examined) -> list[str]:
    """Write what was found; a problem begins with "problem:" and ends with its remedy."""
    installed = [
        f"{name} {version}"
        for name, version in done.versions.items()
        if not (name == "essentia" and version == "missing")  # as it should be
    ]
    lines = [
        f"essentia-ldl {__version__}, Python {platform.python_version()}, {platform.machine()} {sys.platform}",
        *installed,
        "ffmpeg: " + (done.ffmpeg or "not on the PATH (Opus, WebM and surround files need it)"),
        "oneDNN: " + ("on" if done.uses_onednn else "off, it crashes on this processor"),
        f"home: {done.home}",
        f"graphs: {', '.join(done.models) or 'none'}",
    ]
    if done.tested is not None:
        test = done.tested
        lines.append(f"self-test: one second of 440 Hz through {test.model}: {test.best} {test.probability:.2f}")
    return lines + [f"problem: {problem}" for problem in done.problems]
