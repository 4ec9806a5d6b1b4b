"""Run folders: every artefact of one training under ``runs/<task>-<date>/``, found again after a kill.

A run is known by its fingerprint, a digest of everything that decides its numbers. A run of the same fingerprint that
did not end is taken up again; one that ended is not repeated unless asked for.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.errors import StoreError, TrainingError, explain
from essentia_ldl.files import read_json, write_json


def fingerprint(*values: Any) -> str:
    """Return a digest of json values: 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def find_run(folder: Path, task: str, digest: str) -> tuple[Path | None, bool]:
    """Find a run by its fingerprint.

    Returns
    -------
    run : Path or None
        The newest one; None when there is none.
    done : bool
        True when it ended.
    """
    for path in sorted(folder.glob(f"{task}-*/run.json"), reverse=True):
        with contextlib.suppress(StoreError):  # a run.json that was edited or damaged is not ours to resume
            state = read_json(path)
            if isinstance(state, dict) and state.get("fingerprint") == digest:
                return path.parent, state.get("state") == "done"
    return None, False


def make_run(folder: Path, task: str, digest: str) -> Path:
    """Make a new run folder; its name is the task and the time, with a number when that is taken."""
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{n}" for n in range(2, 100))):
        run = folder / f"{task}-{stamp}{suffix}"
        try:
            run.mkdir(parents=True)
        except FileExistsError:
            continue
        write_json(run / "run.json", {"fingerprint": digest, "state": "running"})
        return run
    raise StoreError(explain("run", "a free name", f"{task}-{stamp}", folder, "Try again in a second."))


def finish_run(run: Path, models: Sequence[str] = ()) -> None:
    """Mark a run as ended."""
    state = read_json(run / "run.json")
    write_json(run / "run.json", {**state, "state": "done", "models": list(models)})


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """Keep a second process off a run folder; the lock goes with the process, however it ends.

    Raises
    ------
    TrainingError
        When another process works on the run.
    """
    with open(run / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainingError(
                explain("run", "one process a run", "another one works on it", run, "Wait for it, or stop it.")
            ) from None
        yield
