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
        # essentia is missing as it should be; of openvino there is a line of its own
        if version != "missing" or name not in ("essentia", "openvino")
    ]
    lines = [
        f"essentia-ldl {__version__}, Python {platform.python_version()}, {platform.machine()} {sys.platform}",
        *installed,
        "ffmpeg: " + (done.ffmpeg or "not on the PATH (Opus, WebM and surround files need it)"),
        "oneDNN: " + ("on" if done.uses_onednn else "off, it crashes on this processor"),
        f"engine: {_describe_engine(done)}",
        f"home: {done.home}",
        f"graphs: {', '.join(done.models) or 'none'}",
    ]
    if done.tested is not None:
        test = done.tested
        lines.append(f"self-test: one second of 440 Hz through {test.model}: {test.best} {test.probability:.2f}")
    return lines + [f"problem: {problem}" for problem in done.problems]


def _describe_engine(done: Examined) -> str:
    """Say what `--engine auto` takes, and of which graphs."""
    if done.versions.get("openvino", "missing") == "missing":
        return "Essentia (`pip install 'essentia-ldl[fast]'` adds OpenVINO, which is faster)"
    agreeing = [one for one in done.compared if one.get("agrees")]
    refused = sorted({str(one.get("graph")) for one in done.compared if not one.get("agrees")})
    if done.versions.get("essentia-tensorflow") == "missing" and done.versions.get("essentia", "missing") != "missing":
        proved = len({one.get("graph") for one in agreeing})
        told = f"OpenVINO alone, Essentia has no TensorFlow: {proved} graphs gave their golden answers"
        return told + (f"; not {', '.join(refused)}" if refused else "")
    if not done.compared:
        return "OpenVINO where it agrees with Essentia; no graph was compared on this machine yet"
    worst = max((float(one.get("difference", 0)) for one in agreeing), default=0.0)
    names = len({one.get("graph") for one in agreeing})
    agreed = f"OpenVINO where it is no slower: {names} graphs agree to {worst:.0e}" if agreeing else "Essentia"
    proved = len({one.get("graph") for one in agreeing if one.get("by") == "answers"})
    agreed += f", {proved} of them with their golden answers" if proved else ""
    return agreed + (f"; OpenVINO differs, and is not taken, for {', '.join(refused)}" if refused else "")
