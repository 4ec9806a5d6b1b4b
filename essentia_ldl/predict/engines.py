"""Which engine runs the graphs: OpenVINO, or Essentia's own TensorFlow, with oneDNN where this processor survives it.

In: the environment, and what was remembered of this processor; out: the settings to try, in order. "auto" takes
OpenVINO for a graph that agrees with its golden answers, or with Essentia, on this machine: the process that predicts
compares them once, and what it has found is kept here. oneDNN makes MusiCNN 1.5 to 2 times faster in Essentia's
TensorFlow 2.5, but on some processors (AMD with AVX-512) it divides by zero while it plans a convolution, which kills
the process. The answer is kept for the user, not for a project, because it is one of the machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ENGINES = ("auto", "essentia", "openvino")
PRECISIONS = ("f32", "bf16")
BF16_NOTE = "bf16: probabilities of tags may differ by .016"
ONEDNN, PLAIN = "1", "0"  # values of TF_ENABLE_ONEDNN_OPTS


def _memory(name: str, *packages: str) -> Path:
    """Return a file of the cache: one per processor and versions of Essentia and of other packages."""
    versions = [_find_version(package) or "missing" for package in ("essentia-tensorflow", *packages)]
    if versions[0] == "missing":
        versions.append(f"essentia {_find_version('essentia')}")
    digest = hashlib.sha256("\n".join([*versions, *_describe_processor()]).encode()).hexdigest()[:16]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(cache, "essentia-ldl", f"{name}-{digest}.json")


def _describe_processor() -> list[str]:
    """Tell processors apart: by Linux's list, elsewhere by what the system says of its machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return [sys.platform, platform.machine(), platform.processor(), str(os.cpu_count())]
    kept = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")
    return sorted({line for line in lines if line.split("\t")[0].strip() in kept})


def _find_version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def find_openvino() -> str | None:
    """Return the version of OpenVINO that is installed."""
    return _find_version("openvino")


def recall_comparisons() -> dict[str, dict[str, Any]]:
    """Return what comparisons of OpenVINO with Essentia have found on this machine, by a key of each graph.

    Returns
    -------
    dict[str, dict]
        ``graph`` (its name), ``agrees``, and ``difference`` or ``reason``.
    """
    from essentia_ldl.errors import StoreError
    from essentia_ldl.files import read_json

    path = _memory("openvino", "openvino")
    if not path.is_file():
        return {}
    try:
        found = read_json(path)
    except StoreError:
        return {}
    return found if isinstance(found, dict) else {}


def remember_comparisons(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Add to what was found; a cache that cannot be written only costs the next start another comparison."""
    from essentia_ldl.files import write_json

    if found:
        with contextlib.suppress(OSError):
            write_json(_memory("openvino", "openvino"), {**recall_comparisons(), **found})


def is_onednn_refused() -> bool:
    """Tell whether oneDNN has killed a process on this processor before."""
    return _memory("onednn-refused").is_file()


def is_onednn_accepted() -> bool:
    """Tell whether a graph has run with oneDNN on this processor before."""
    return _memory("onednn-accepted").is_file()


def list_settings() -> tuple[str, ...]:
    """Return what to try for TF_ENABLE_ONEDNN_OPTS, in order; what the user has set stands alone."""
    chosen = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
    if chosen is not None:
        return (chosen,)
    return (PLAIN,) if is_onednn_refused() else (ONEDNN, PLAIN)


def refuse_onednn() -> None:
    """Remember that oneDNN killed a process."""
    _remember("refused", "kills Essentia's TensorFlow on this processor")


def accept_onednn() -> None:
    """Remember that a graph ran with oneDNN."""
    _remember("accepted", "runs in Essentia's TensorFlow on this processor")


def _remember(answer: str, reason: str) -> None:
    """Write the answer down; a cache that cannot be written only costs the next start a second try."""
    from essentia_ldl.files import write_json

    with contextlib.suppress(OSError):
        write_json(_memory(f"onednn-{answer}"), {"onednn": reason})
