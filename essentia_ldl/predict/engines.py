"""Which engine runs the graphs: Essentia's own TensorFlow, with oneDNN where this processor survives it.

In: the environment, and what was remembered of this processor; out: the settings to try, in order. oneDNN makes MusiCNN
1.5 to 2 times faster in Essentia's TensorFlow 2.5, but on some processors (AMD with AVX-512) it divides by zero while
it plans a convolution, which kills the process. The answer is kept for the user, not for a project, because it is one
of the machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
from pathlib import Path

ONEDNN, PLAIN = "1", "0"  # values of TF_ENABLE_ONEDNN_OPTS


def _memory(answer: str) -> Path:
    """Return the file whose presence says "refused" or "accepted": one per processor and version of Essentia."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    kept = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")
    processor = sorted({line for line in lines if line.split("\t")[0].strip() in kept})
    try:
        version = importlib.metadata.version("essentia-tensorflow")
    except importlib.metadata.PackageNotFoundError:
        version = "missing"
    digest = hashlib.sha256("\n".join([version, *processor]).encode()).hexdigest()[:16]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(cache, "essentia-ldl", f"onednn-{answer}-{digest}.json")


def is_onednn_refused() -> bool:
    """Tell whether oneDNN has killed a process on this processor before."""
    return _memory("refused").is_file()


def is_onednn_accepted() -> bool:
    """Tell whether a graph has run with oneDNN on this processor before."""
    return _memory("accepted").is_file()


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
        write_json(_memory(answer), {"onednn": reason})
