"""Start a step of the sound or the nets zone in a process of its own.

In: a module and its arguments; out: nothing but files, because zones meet only through files.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys

from essentia_ldl.errors import EssentiaLdlError

PR_SET_PDEATHSIG = 1  # from linux/prctl.h


class StepFailed(EssentiaLdlError):  # noqa: N818  (a state that was reported already, not a new error)
    """A step's process ended with an error that it has printed itself; `status` is the exit status to pass on."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def run_zone(module: str, *arguments: str) -> None:
    """Run ``python -m module arguments`` and wait for it.

    Parameters
    ----------
    module : str
        Dotted name of a module with a main part.
    *arguments : str
        Its arguments.

    Raises
    ------
    StepFailed
        When it ends with a status other than 0; the message is empty when the process has printed one.
    KeyboardInterrupt
        After Ctrl-C, once the process has ended; its last checkpoint is at most some 20 s old.
    """
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], env=zone_environment())
    try:
        status = process.wait()
    except KeyboardInterrupt:
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    if status == 0:
        return
    if status == 130:
        raise KeyboardInterrupt
    if status < 0:
        known = {int(member) for member in signal.Signals}
        name = signal.Signals(-status).name if -status in known else f"signal {-status}"
        raise StepFailed(
            f"process: expected an ordinary end of {module}; got {name} (killed, often for lack of memory). "
            "Run the same command again: it goes on where it was.",
            1,
        )
    raise StepFailed("", status)


def follow_parent() -> None:
    """End this process when the one that started it ends, however that ends; called first in a zone's process."""
    with contextlib.suppress(OSError, AttributeError):  # a system without prctl only loses the protection
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.environ.get("ESSENTIA_LDL_PARENT") not in (None, str(os.getppid())):
        os._exit(1)  # it ended before we could ask


def zone_environment() -> dict[str, str]:
    """Return the environment of a zone's process: the same package, wherever it was imported from."""
    package_parent = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"ESSENTIA_LDL_LEAN": "1", "ESSENTIA_LDL_PARENT": str(os.getpid())}
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **own}
