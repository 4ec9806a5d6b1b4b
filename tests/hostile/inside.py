"""A plain command run in this process, which costs milliseconds: thousands of inputs go through it.

In: the arguments of a command that starts no other process. Out: `Ended`, as of a process of its own.
"""

from __future__ import annotations

import contextlib
import importlib.util
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner
from watching import GUARD, Ended

from essentia_ldl.cli.main import main

LIMIT_S = 60
SHOWN = (UserWarning, RuntimeWarning, FutureWarning, BytesWarning)  # what Python shows without being asked
_spec = importlib.util.spec_from_file_location("hostile_guard", GUARD / "sitecustomize.py")
_guard = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_guard)
_roots: list[str] = []
_outside: list[str] = []


class Hung(BaseException):
    """A command takes more than its time; no handler of errors may take it for one."""


def _watch(event: str, arguments: tuple) -> None:
    if not _roots or (event != "open" and event not in _guard.N_PATHS):
        return
    for path in _guard.list_written(event, arguments):
        if not _guard.is_allowed(path, tuple(_roots)):
            _outside.append(f"{event} {path}")


sys.addaudithook(_watch)


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(*_arguments: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run_inside(root: Path, *arguments: str) -> Ended:
    """Run a command that may write below `root` alone; its memory is what it adds to the most that was held before."""
    _roots[:] = [str(root.resolve())]
    _outside.clear()
    most, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    status, added = None, ""
    try:
        with warnings.catch_warnings(record=True) as told, _limited():
            warnings.simplefilter("always")
            result = CliRunner().invoke(main, list(map(str, arguments)))
        status, out, err = result.exit_code, result.stdout, result.stderr
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            added = "".join(traceback.format_exception(result.exception))
        added += "".join(
            f"{w.filename}:{w.lineno}: {w.category.__name__}: {w.message}\n"
            for w in told
            if issubclass(w.category, SHOWN)
        )
    except Hung:
        out, err = "", ""
    finally:
        _roots.clear()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most
    return Ended(status, out, err + added, time.monotonic() - began, grown * 1024, tuple(_outside))
