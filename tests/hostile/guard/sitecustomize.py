"""Write down every file that a process of a test opens for writing, makes, renames or removes outside its folders.

Python loads this module in every process whose PYTHONPATH names its folder. HOSTILE_ROOTS are the folders that are
allowed, HOSTILE_LOG gets one line per path.
"""

import os
import sys

ROOTS = tuple(os.environ.get("HOSTILE_ROOTS", "/").split(os.pathsep))
LOG = os.environ.get("HOSTILE_LOG", os.devnull)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
N_PATHS = {"os.rename": 2, "os.link": 2, "os.symlink": 2, "os.remove": 1, "os.mkdir": 1, "os.rmdir": 1}
N_PATHS |= {"os.truncate": 1, "os.chmod": 1, "os.utime": 1}
DEVICES = ("/dev/", "/proc/")


def is_allowed(path: str, roots: tuple[str, ...]) -> bool:
    """Tell whether a path, with its links followed, is below one of the folders, a device, or Python's own cache."""
    real = os.path.realpath(path)
    if "__pycache__" in real.split(os.sep):
        return True
    return real.startswith(DEVICES) or any(real == root or real.startswith(root.rstrip("/") + "/") for root in roots)


def list_written(event: str, arguments: tuple) -> list[str]:
    """List the paths that an event of Python's audit writes to; none where it is relative to a folder's number."""
    if event == "open":
        path, _, flags = arguments[:3]
        paths = [path] if isinstance(flags, int) and flags & WRITING else []
    else:
        n_paths = N_PATHS.get(event, 0)
        is_relative = any(isinstance(number, int) and number >= 0 for number in arguments[-n_paths:])
        paths = [] if is_relative and event not in ("os.mkdir", "os.chmod") else list(arguments[:n_paths])
        if event in ("os.mkdir", "os.chmod") and arguments[-1] not in (-1, None):
            paths = []
    return [os.fsdecode(path) for path in paths if isinstance(path, (str, bytes, os.PathLike))]


def watch(event: str, arguments: tuple) -> None:
    if event != "open" and event not in N_PATHS:
        return
    for path in list_written(event, arguments):
        if path != LOG and not is_allowed(path, ROOTS):
            with open(LOG, "a", encoding="utf-8", errors="surrogateescape") as log:
                log.write(f"{event} {path}\n")


if "HOSTILE_LOG" in os.environ:
    sys.addaudithook(watch)
