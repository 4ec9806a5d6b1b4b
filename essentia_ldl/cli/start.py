"""The program from its first line on: Ctrl-C, closed streams, and one folder for everything temporary.

In: nothing is imported yet. Out: the command's exit status; 130 and one sentence after Ctrl-C, also while libraries
load, whatever they make of the interruption. Temporary files of a command and of the processes that it starts lie in
one folder; those of commands that were killed are removed by the next one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

STOPPED = "The command was stopped. Run it again: it goes on where it was."
SCRATCH = "essentia-ldl-scratch-"
STATUS = 130  # 128 and the number of SIGINT, as shells count


def run() -> None:
    """Run the command line; the process ends with its status."""
    speak_utf8()
    is_heard = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN  # `nohup` and `&` ignore Ctrl-C
    if is_heard:
        signal.signal(signal.SIGINT, _leave)
    open_streams()
    from essentia_ldl.cli.main import main

    stops: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stops.append(number)
        raise KeyboardInterrupt

    with hold_scratch():
        try:
            if is_heard:
                signal.signal(signal.SIGINT, stop)
            main(prog_name="essentia-ldl")
        except BaseException as end:  # an import that is interrupted may end with any error
            status = end.code if isinstance(end, SystemExit) else None
            if not stops or status in (0, STATUS):
                raise
            sys.stderr.write(f"error: {STOPPED}\n")
            raise SystemExit(STATUS) from None
        finally:
            if is_heard:
                signal.signal(signal.SIGINT, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    """End the process at once, which holds nothing yet, or nothing any more."""
    with contextlib.suppress(OSError):
        os.write(2, f"error: {STOPPED}\n".encode())
    os._exit(STATUS)


def speak_utf8() -> None:
    """Begin again in Python's UTF-8 mode where the locale knows ASCII or Latin letters only.

    File names, lines and json are the same bytes then in every locale, here and in the processes that this one starts.
    """
    if sys.getfilesystemencoding().replace("-", "").lower() == "utf8" or os.environ.get("PYTHONUTF8") == "1":
        return
    os.environ["PYTHONUTF8"] = "1"
    with contextlib.suppress(OSError):  # without it some names are shown as escapes
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def open_streams() -> None:
    """Open what the shell has closed of the three streams, so that no other file takes their place.

    A closed standard output stays None in Python: who has to write there says so.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
            os.set_inheritable(number, True)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (until the process ends)


@contextlib.contextmanager
def hold_scratch() -> Iterator[None]:
    """Let everything temporary of this process, and of those that it starts, lie in one folder, and remove it then.

    The folder is locked as long as this process lives. Where no folder can be made or locked, libraries find a place
    by themselves.
    """
    found = _make_scratch()
    if found is None:
        yield
        return
    folder, lock, before = *found, os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = folder
    try:
        sweep_scratch(os.path.dirname(folder))
        yield
    finally:
        os.environ.pop("TMPDIR")
        if before is not None:
            os.environ["TMPDIR"] = before
        _remove(folder)
        os.close(lock)


def sweep_scratch(place: str) -> None:
    """Remove the folders of commands that were killed: those of this user that no process holds.

    Parameters
    ----------
    place : str
        The folder in which they are.
    """
    import fcntl

    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if not entry.name.startswith(SCRATCH) or not entry.is_dir(follow_symlinks=False):
                continue
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_uid != os.getuid():
                    continue
                lock = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(entry.path)
                finally:
                    os.close(lock)


def _make_scratch() -> tuple[str, int] | None:
    """Make and lock a folder where Python would make temporary files; return it and its lock."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    places = [*filter(None, map(os.environ.get, ("TMPDIR", "TEMP", "TMP"))), "/tmp", "/var/tmp", "/usr/tmp"]
    for place in places:
        folder = os.path.join(os.path.abspath(place), SCRATCH + os.urandom(8).hex())
        try:
            os.mkdir(folder, 0o700)
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.isdir(folder):  # another command may have swept it before it was locked
                return folder, lock
        os.close(lock)
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    return None


def _remove(folder: str) -> None:
    try:
        os.rmdir(folder)  # nearly always: what is temporary was removed by whoever made it
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
