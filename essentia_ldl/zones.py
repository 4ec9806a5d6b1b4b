"""Start a step of the sound or the nets zone in a process of its own.

In: a module and its arguments; out: nothing but files, because zones meet only through files. What a step prints goes
to the terminal, or line by line to who listens (`progress.listening`).
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from essentia_ldl import errors
from essentia_ldl.errors import EssentiaLdlError, StoreError, find_full_disk
from essentia_ldl.progress import BARS, Say, find_listener

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
TOLD = "ESSENTIA_LDL_TOLD"  # variable that names the file where a step tells its error
HEAR_S, REST_S = 0.05, 2.0  # between looks at processes that are heard; for the last lines of one that has ended
WATCH = "essentia-ldl-parent"  # name of the thread that looks at the parent
PARENT_S = 0.5  # from one look at the parent to the next, where the kernel does not tell
CHILD_S = 0.5  # from one look at a process whose answer is awaited to the next


class StepFailed(EssentiaLdlError):  # noqa: N818  (a state that was reported already, not a new error)
    """A step's process ended with an error that it has printed itself.

    Parameters
    ----------
    message : str
        Empty where the process has printed one.
    status : int
        Exit status to pass on.
    error : EssentiaLdlError or None
        What the process has printed, for callers who do not see what it prints, such as a notebook.
    said : str
        The last line that a listener was given.
    """

    def __init__(self, message: str, status: int, error: EssentiaLdlError | None = None, said: str = "") -> None:
        super().__init__(message)
        self.status, self.error, self.said = status, error, said


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
    run_zones(module, [arguments])


def run_zones(module: str, shares: Sequence[Sequence[str]], n_threads: int | None = None) -> None:
    """Run a module in several processes at once, one per share of the arguments, and wait for all of them.

    Parameters
    ----------
    module : str
        Dotted name of a module with a main part.
    shares : Sequence[Sequence[str]]
        Arguments of each process.
    n_threads : int or None
        Threads of TensorFlow in each process; None is one per core. The order of float additions, and so the last
        bits of a result, may depend on it: work that has to give the same numbers in any number of processes names it.

    Raises
    ------
    StepFailed
        When one ends with a status other than 0; the others are interrupted before, as by Ctrl-C. The message is empty
        when that process has printed one.
    KeyboardInterrupt
        After Ctrl-C, once the processes have ended.
    """
    import tempfile  # which a process that only predicts does not need

    environment = zone_environment()
    if n_threads is not None:
        threads = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        environment |= dict.fromkeys(threads, str(n_threads))
    say = find_listener()
    if len(shares) > 1 or say is not None:
        environment[BARS] = "0"  # bars of several processes overwrite one another
    pipes: dict[str, Any] = {}
    if say is not None:
        environment |= {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        read = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        pipes = {**read, "encoding": "utf-8", "errors": "replace"}
    processes: list[subprocess.Popen] = []
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-step-") as folder:
        environment[TOLD] = os.path.join(folder, "errors.jsonl")
        try:
            # a module of another package would never come to hear Ctrl-C
            with holding_interrupts() if module.startswith("essentia_ldl.") else contextlib.nullcontext():
                for share in shares:
                    processes.append(subprocess.Popen([sys.executable, "-m", module, *share], env=environment, **pipes))
            status, said = (_wait(processes), "") if say is None else _hear(processes, say)
        except KeyboardInterrupt:  # the terminal has told all of them
            _end(processes)
            raise
        except BaseException:
            _interrupt(processes)
            raise
        if status == 0:
            return
        _interrupt(processes)
        error = _read_error(environment[TOLD])
    if status == 130:
        raise KeyboardInterrupt
    if status < 0:
        known = {int(member) for member in signal.Signals}
        name = signal.Signals(-status).name if -status in known else f"signal {-status}"
        raise StepFailed(
            f"The process of {module} was killed by {name}, often for lack of memory. Run the same command again: it "
            "goes on where it was.",
            1,
        )
    raise StepFailed("", status, error, said)


class Heard(io.RawIOBase):
    """What a process writes to its standard output; they end with the process.

    A pipe alone ends only when the last process that holds it is gone, which may be one that a library left behind.

    Parameters
    ----------
    process : subprocess.Popen
        Started with a pipe, of which nobody else reads.
    """

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:
        """Wait for bytes; 0 when the process has ended and all that it wrote is read."""
        source = self._process.stdout.fileno()
        if hasattr(select, "poll"):  # Windows cannot wait for a pipe so
            written = select.poll()
            written.register(source, select.POLLIN)
            while not written.poll(CHILD_S * 1000):
                if self._process.poll() is not None and not written.poll(0):
                    return 0
        data = os.read(source, len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _wait(processes: Sequence[subprocess.Popen]) -> int:
    """Wait until all have ended well, or one has not; return 0 or its status."""
    if len(processes) == 1:
        return processes[0].wait()
    while True:
        statuses = [process.poll() for process in processes]
        failed = [status for status in statuses if status]
        if failed or None not in statuses:
            return failed[0] if failed else 0
        time.sleep(0.05)


def _hear(processes: Sequence[subprocess.Popen], say: Say) -> tuple[int, str]:
    """Wait as `_wait` does, and hand on what the processes print, in this thread; return the last line too."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read(process: subprocess.Popen) -> None:
        with process.stdout as stream:
            for line in stream:
                lines.put(line.rstrip())

    readers = [threading.Thread(target=read, args=(process,), daemon=True) for process in processes]
    for reader in readers:
        reader.start()
    said, status = "", None
    while status is None or not lines.empty():
        if status is None:
            statuses = [process.poll() for process in processes]
            failed = [status for status in statuses if status]
            if failed or None not in statuses:
                status = failed[0] if failed else 0
                for process, reader in zip(processes, readers, strict=True):
                    if process.returncode is not None:
                        reader.join(REST_S)  # the rest of what it printed; a child of its own may hold the pipe
        with contextlib.suppress(queue.Empty):
            line = lines.get(timeout=HEAR_S if status is None else 0)
            if line:
                said = line
                say(line)
    return status, said


def _interrupt(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    _end(processes)


def _end(processes: Sequence[subprocess.Popen], within_s: float = 30) -> None:
    """Wait for processes that were told to end; kill what has not ended in time."""
    deadline = time.monotonic() + within_s
    for process in processes:
        try:
            process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()


def _read_error(path: str) -> EssentiaLdlError | None:
    """Return the first error that a step has told its parent; None where it ended without a word."""
    with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
        told = json.loads(file.readline())
        return getattr(errors, told["type"], EssentiaLdlError)(told["message"])
    return None


def fail_step(error: EssentiaLdlError) -> int:
    """Print why a step ends, and write it where the process that started this one looks for it; return 1."""
    path = os.environ.get(TOLD)
    if path:
        with contextlib.suppress(OSError), open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"type": type(error).__name__, "message": str(error)}) + "\n")
    print(f"error: {error}", file=sys.stderr)
    return 1


def end_step(work: Callable[[], None]) -> int:
    """Do the work of a step in its own process, and return the exit status of the process.

    Parameters
    ----------
    work : callable
        Raises `EssentiaLdlError`, or an error of the system such as a full disk, for what users can put right.

    Returns
    -------
    int
        0; 1 after an error, with one line on stderr; 130 after Ctrl-C, which the process above tells of.
    """
    try:
        work()
    except EssentiaLdlError as error:
        return fail_step(error)
    except OSError as error:
        reason = f"{error.strerror or error} ({error.filename or 'the step'})"
        again = StoreError(f"{reason}. Put that right and run the same command again.")
        return fail_step(find_full_disk(error) or again)
    except KeyboardInterrupt:
        return 130
    return 0


def tie_to_parent() -> None:
    """End this process when the one that started it ends, however that ends.

    Called by the packages of zones before they load a library, where they are loaded for ``python -m``.
    """
    told = os.environ.get("ESSENTIA_LDL_PARENT")
    if not _ask_linux():
        watch_parent(int(told) if told else os.getppid())
    if told not in (None, str(os.getppid())):
        os._exit(1)  # it ended before we could ask


def follow_parent() -> None:
    """End this process with its parent, as `tie_to_parent`, and hear Ctrl-C; called first in a zone's process."""
    tie_to_parent()
    if hasattr(signal, "pthread_sigmask"):
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        except KeyboardInterrupt:  # one that came while Python and libraries were loaded
            os._exit(130)


def watch_parent(parent: int) -> None:
    """End this process soon after the one that started it, without the kernel; once for all calls.

    Parameters
    ----------
    parent : int
        The process that started this one.
    """
    if all(thread.name != WATCH for thread in threading.enumerate()):
        threading.Thread(target=_watch_parent, args=(parent,), daemon=True, name=WATCH).start()


@contextlib.contextmanager
def holding_interrupts() -> Iterator[None]:
    """Start processes that hear Ctrl-C only when they call `follow_parent`, so that none prints how Python was stopped.

    This process hears one that came in the meantime at the end of the block.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ask_linux() -> bool:
    """Have the kernel kill this process with its parent; False on a system that cannot."""
    try:
        return ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) == 0
    except (OSError, AttributeError, TypeError):  # TypeError: Windows has no library without a name
        return False


def _watch_parent(parent: int) -> None:
    """End this process soon after it has another parent."""
    while os.getppid() == parent:
        time.sleep(PARENT_S)
    os._exit(1)


def zone_environment() -> dict[str, str]:
    """Return the environment of a zone's process: the same package, wherever it was imported from."""
    package_parent = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"ESSENTIA_LDL_LEAN": "1", "ESSENTIA_LDL_PARENT": str(os.getpid())}
    # `python -m` would look in the current folder first, where another copy of the package may lie
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1", **own}
