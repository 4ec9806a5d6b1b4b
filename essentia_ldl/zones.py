"""Start a step of the sound or the nets zone in a process of its own.

In: a module and its arguments; out: nothing but files, because zones meet only through files.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from essentia_ldl.errors import EssentiaLdlError


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
        After Ctrl-C, once the process has put its state on disk.
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


def zone_environment() -> dict[str, str]:
    """Return the environment of a zone's process: the same package, wherever it was imported from."""
    package_parent = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "ESSENTIA_LDL_LEAN": "1"}
