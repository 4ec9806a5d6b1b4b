"""Run folders: every artefact of one training under ``runs/<task>-<date>/``, found again after a kill.

A run is known by its fingerprint, a digest of everything that decides its numbers. A run of the same fingerprint that
did not end is taken up again; one that ended is not repeated unless asked for. Names that a run's files hold, which
anybody may have edited, do not lead out of it.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import datetime
import fcntl
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.errors import DataError, StoreError, TrainingError, UnknownNameError, explain
from essentia_ldl.files import Home, is_file_name, read_object, replacing, sweep_parts, taking_turns, write_json
from essentia_ldl.models.pretrained import describe_weights
from essentia_ldl.records import Failure, Split
from essentia_ldl.runs.names import CORRECTIONS, FAILURES, PLAN, RECIPE, SCORES, STATE
from essentia_ldl.runs.outcome import TRAIN, read_scores, tell_outcome
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.runs.targets import read_targets
from essentia_ldl.versions import find_essentia


@dataclasses.dataclass(frozen=True)
class Fold:
    """One fold of one repetition; `held_out` is the value of the column that its test side has, or None."""

    repeat: int
    seed: int
    number: int
    held_out: str | None
    split: Split

    def cell(self, run: Path, name: str) -> Path:
        """Return the folder of a label source or a baseline on this fold."""
        return cell_folder(run, name, self.seed, self.number)


def cell_folder(run: Path, name: str, seed: object, number: object) -> Path:
    """Return the folder of a label source or a baseline on a fold of a cross-validation.

    Raises
    ------
    StoreError
        When these, which scores.json may say, would lead out of the run.
    """
    cell = f"{name}-{seed}-{number}"
    if not is_file_name(cell):
        raise StoreError(explain("fold", "a plain name without folders", cell, run / SCORES, "Run crossval again."))
    return run / cell


def fingerprint(*values: Any) -> str:
    """Return a digest of json values, the version of Essentia and the pretrained weights: 16 hexadecimal digits."""
    return hashlib.sha256(
        json.dumps([find_essentia(), describe_weights(), *values], sort_keys=True, default=str).encode()
    ).hexdigest()[:16]


def find_run(folder: Path, task: str, digest: str) -> tuple[Path | None, bool]:
    """Find a run by its fingerprint.

    Returns
    -------
    run : Path or None
        The newest one; None when there is none.
    done : bool
        True when it ended.
    """
    for path in sorted(folder.glob(f"{task}-*/{STATE}"), reverse=True):
        with contextlib.suppress(StoreError):  # a run.json that was edited or damaged is not ours to resume
            state = read_object(path)
            if state.get("fingerprint") == digest:
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
        write_json(run / STATE, {"fingerprint": digest, "state": "running"})
        return run
    raise StoreError(explain("run", "a free name", f"{task}-{stamp}", folder, "Try again in a second."))


def resume_run(folder: Path, task: str, digest: str) -> Path:
    """Return the newest run of a fingerprint, whether it ended or not, or a new one."""
    with taking_turns(folder):  # of two that ask at once the second finds the run of the first
        return find_run(folder, task, digest)[0] or make_run(folder, task, digest)


def take_run(task: str, digest: str, home: Home, again: bool, say: Callable[[str], None]) -> tuple[Path, bool]:
    """Return the folder of a run that makes models.

    Parameters
    ----------
    task, digest : str
        Name and fingerprint.
    home : Home
        Whose runs and graphs are meant.
    again : bool
        Make a new one even when the same run has ended and its models are there.
    say : callable
        Gets a line when there is a run already.

    Returns
    -------
    run : Path
        One that was started before, or a new one.
    finished : bool
        Whether it has ended and its models are in graphs/.
    """
    with taking_turns(home.runs):
        run, done = find_run(home.runs, task, digest)
        names = read_models(run) if run is not None and done and not again else None
        finished = names is not None and all((home.graphs / f"{name}.pb").is_file() for name in names)
        if run is None or (done and not finished):
            return make_run(home.runs, task, digest), False
    if finished:
        say(f"trained before with the same recipe and data: {run}")
        return run, True
    say(f"going on with {run}")
    return run, False


def open_run(run: Path, recipe: str, failures: Sequence[Failure], corrections: Mapping[str, Any]) -> None:
    """Write what a run starts from: the text of its recipe, the files that are left out, what a person corrected."""
    with replacing(run / RECIPE) as file:
        file.write(recipe.encode())
    write_failures(run / FAILURES, failures)
    write_json(run / CORRECTIONS, dict(corrections))


def finish_run(run: Path, models: Sequence[str] = ()) -> None:
    """Mark a run as ended."""
    write_json(run / STATE, {**read_object(run / STATE), "state": "done", "models": list(models)})


def _is_done(run: Path) -> bool:
    return (run / STATE).is_file() and read_object(run / STATE).get("state") == "done"


def read_models(run: Path) -> tuple[str, ...]:
    """Return the names of the models that a run has put into graphs/.

    Raises
    ------
    StoreError
        When run.json is damaged, or one of them would lead out of graphs/.
    """
    names = read_object(run / STATE).get("models", [])
    if not isinstance(names, list) or not all(is_file_name(name) for name in names):
        remedy = "Run the same command again with --again."
        raise StoreError(explain("models", "names of models", names, run / STATE, remedy))
    return tuple(names)


def remove_features(network: Path) -> None:
    """Remove what a network made of the tracks; its weights stay, and it can be made again."""
    for folder in network.glob("embeddings-*"):
        shutil.rmtree(folder, ignore_errors=True)


def write_failures(path: Path, failures: Sequence[Failure]) -> None:
    """Write failures.csv (path, step, reason), atomically."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "step", "reason"])
    writer.writerows([failure.path, failure.step, failure.reason] for failure in failures)
    with replacing(path) as file:
        file.write(text.getvalue().encode("utf-8", "surrogateescape"))


def is_planned(run: Path) -> bool:
    """Tell whether a folder holds a plan with all targets, its networks' too; what is damaged is written again."""
    try:
        plan = read_plan(run)
        for own in (plan, *(read_plan(network) for network in plan.features)):
            read_targets(own)
    except (StoreError, DataError, TrainingError, UnknownNameError):
        return False
    return True


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
            raise TrainingError(f"{run} is in use by another process. Wait for it or stop it.") from None
        sweep_parts(run)
        yield


def find_finished(name: str | None, runs: Path) -> Path:
    """Find a finished run by its name or path.

    Parameters
    ----------
    name : str or None
        A folder, or a name in runs/; None is the run that ended last.
    runs : Path
        Folder of the runs.

    Returns
    -------
    Path
        A folder with the scores of a training or a cross-validation.

    Raises
    ------
    UnknownNameError
        When there is none of that name.
    StoreError
        When the run of that name has not ended, is damaged, or is neither a training nor a cross-validation.
    """
    if name is None:
        found = _list_finished(runs)
        if not found:
            remedy = "Run train or crossval first."
            raise UnknownNameError(explain("run", "a finished run", "none", runs, remedy))
        return max(found, key=lambda path: (path.stat().st_mtime, path.parent.name)).parent
    for folder in (Path(name).expanduser(), runs / name):
        if folder.is_dir():
            if not tell_kind(folder):
                ended = (folder / SCORES).is_file() or _is_done(folder)
                found = "one that is neither" if ended else f"one without {SCORES}"
                remedy = "Name another folder." if ended else "Give its command again: it goes on where it was."
                raise StoreError(explain("run", "a finished run of train or crossval", found, folder, remedy))
            return folder.resolve()
    known = sorted((path.parent.name for path in _list_finished(runs)), reverse=True)
    rule = "the name of a finished run in runs/, or a folder"
    remedy = f"There are: {', '.join(known[:5])}." if known else "Run train or crossval first."
    raise UnknownNameError(explain("run", rule, name, runs, remedy))


def _list_finished(runs: Path) -> list[Path]:
    """Return the scores of all finished runs; a damaged one that nobody asked for stops nothing."""
    found = []
    for path in runs.glob(f"*/{SCORES}"):
        with contextlib.suppress(StoreError):
            found += [path] if tell_kind(path.parent) else []
    return found


def tell_kind(folder: Path) -> str:
    """Return `TRAIN`, `CROSSVAL`, or nothing for a folder that is neither or has not ended.

    Raises
    ------
    StoreError
        When its scores are damaged.
    """
    if not (folder / SCORES).is_file():
        return ""
    kind = tell_outcome(read_scores(folder))
    return "" if kind == TRAIN and not (folder / PLAN).is_file() else kind
