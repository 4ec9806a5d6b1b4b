"""A command in folders of its own: what it said, how it ended, what it left, and whether that is as promised.

In: the arguments of a command. Out: `Ended`, and `judge`, which lists the promises that it broke. A promise holds for
every input, however damaged: one sentence, a status as documented, no traceback, no word of a library, an end in time
and in bounded memory, nothing changed or written but in the folders that it was given.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
GUARD = Path(__file__).resolve().parent / "guard"
PROGRAM = (sys.executable, "-m", "essentia_ldl")
LIMIT_S = float(os.environ.get("HOSTILE_LIMIT_S") or 300.0)  # more on a machine that does other work as well
MOST_BYTES = 1_500_000_000  # of one process; TensorFlow, trained on 8 tracks, takes half of it
MOST_ERRORS = 6  # `predict` tells of five files, and where the others are listed
LONGEST_LINE = 1200  # a path of up to 1,000 characters, and a value of up to 80
MARK = "HOSTILE_MARK"
GONE_S = 30.0  # within which what a killed command has started ends
TRACEBACK = re.compile(r"^Traceback \(most recent call last\)|^\s+File \".*\", line \d+", re.MULTILINE)
NOISE = re.compile(
    r"^\S*Warning:|: \w*Warning: |^\[ *(WARNING|INFO|ERROR) *\]|^\[\w+ @ 0x|^terminate called|Exception ignored|"
    r"resource_tracker|core dumped|Segmentation fault|^[WEIF]0000|^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [WEIF]|"
    r"^WARNING:",
    re.MULTILINE,
)
KINDS = ("tracebacks", "wrong status", "no sentence", "noise", "hangs", "over memory", "written outside", "bytes lost")


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended.

    Parameters
    ----------
    status : int or None
        None when it had to be stopped after its time.
    out, err : str
        What it said.
    seconds : float
        How long it took.
    peak_bytes : int
        The most memory that it, or a process that it waited for, has held.
    outside : tuple of str
        What it wrote outside its folders.
    """

    status: int | None
    out: str
    err: str
    seconds: float
    peak_bytes: int = 0
    outside: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        return self.out + self.err


def judge(ended: Ended, statuses: Sequence[int] = (0, 1)) -> list[tuple[str, str]]:
    """List the promises that a command broke: the kind, and what shows it.

    Parameters
    ----------
    ended : Ended
        What became of it.
    statuses : sequence of int
        Those that are documented for what was asked.
    """
    found = []
    if ended.status is None:
        found.append(("hangs", f"more than {ended.seconds:.0f} s"))
    elif ended.status not in statuses:
        found.append(("wrong status", f"{ended.status}: {ended.said[-300:]}"))
    if TRACEBACK.search(ended.said):
        found.append(("tracebacks", ended.said[-1500:]))
    noise = NOISE.search(ended.said)
    if noise:
        found.append(("noise", ended.said[max(0, noise.start() - 100) : noise.end() + 300]))
    errors = [line for line in ended.err.splitlines() if line.startswith("error:")]
    long = [line for line in ended.err.splitlines() if len(line) > LONGEST_LINE]
    if long:
        found.append(("no sentence", f"a line of {len(long[0])} characters: {long[0][:200]}"))
    elif ended.status == 1 and len(errors) > MOST_ERRORS:
        found.append(("no sentence", f"{len(errors)} errors: {ended.err[:300]}"))
    elif ended.status == 1 and not ended.said.strip():
        found.append(("no sentence", "nothing said"))
    if ended.peak_bytes > MOST_BYTES:
        found.append(("over memory", f"{ended.peak_bytes / 1e6:.0f} MB"))
    if ended.outside:
        found.append(("written outside", ", ".join(ended.outside[:5])))
    return found


@dataclasses.dataclass(frozen=True)
class Sandbox:
    """Folders of one command: its home, the user's home, temporary files and where it is started.

    Parameters
    ----------
    root : Path
        A folder of the test's own.
    more : dict
        Variables of the environment that are set beside.
    """

    root: Path
    more: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (self.home, self.user, self.temporary, self.work):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def user(self) -> Path:
        return self.root / "user"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def work(self) -> Path:
        return self.root / "work"

    def environment(self, mark: str) -> dict[str, str]:
        """Return the variables of a process that is watched."""
        kept = {name: value for name, value in os.environ.items() if name not in ("TEMP", "TMP")}
        paths = [str(GUARD), str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            **kept,
            "ESSENTIA_LDL_HOME": str(self.home),
            "HOME": str(self.user),
            "XDG_CACHE_HOME": str(self.user / "cache"),
            "MPLCONFIGDIR": str(self.user / "matplotlib"),
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "TF_NUM_INTRAOP_THREADS": "1",  # sums in one order
            "HOSTILE_ROOTS": str(self.root.resolve()),
            "HOSTILE_LOG": str(self.root / "outside.log"),
            MARK: mark,
            **self.more,
        }

    def start(self, *arguments: str, program: Sequence[str] = PROGRAM) -> Running:
        """Start a command in a group of its own, which can be told to stop as a terminal does."""
        mark = uuid.uuid4().hex
        out, err = (open(self.root / f"{mark}.{name}", "w+b") for name in ("out", "err"))  # noqa: SIM115
        process = subprocess.Popen(
            [*program, *map(str, arguments)],
            cwd=self.work,
            env=self.environment(mark),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            preexec_fn=hear_interrupts,
            process_group=0,
        )
        return Running(self, process, mark, out, err, time.monotonic())

    def run(self, *arguments: str, program: Sequence[str] = PROGRAM, limit_s: float = LIMIT_S) -> Ended:
        """Run a command to its end, or to its time."""
        return self.start(*arguments, program=program).finish(limit_s)

    def read_outside(self) -> tuple[str, ...]:
        log = self.root / "outside.log"
        return tuple(log.read_text("utf-8", "surrogateescape").splitlines()) if log.exists() else ()

    def list_scratch(self) -> list[str]:
        """List what lies where temporary files do."""
        return sorted(path.name for path in self.temporary.iterdir())


@dataclasses.dataclass
class Running:
    """A command that was started."""

    sandbox: Sandbox
    process: subprocess.Popen
    mark: str
    out: object
    err: object
    began: float

    def finish(self, limit_s: float = LIMIT_S) -> Ended:
        """Wait for its end; stop it, and all that it started, after its time."""
        deadline, status, usage = time.monotonic() + limit_s, None, None
        while status is None and time.monotonic() < deadline:
            found, code, usage = os.wait4(self.process.pid, os.WNOHANG)
            if found:
                status = self.process.returncode = os.waitstatus_to_exitcode(code)
            else:
                time.sleep(0.01)
        if status is None:
            for process in list_marked(self.mark):
                process.kill()
            self.process.wait()
        seconds = time.monotonic() - self.began
        said = []
        for stream in (self.out, self.err):
            stream.seek(0)
            said.append(stream.read().decode("utf-8", "replace"))
            stream.close()
            os.unlink(stream.name)
        peak_bytes = 0 if usage is None else usage.ru_maxrss * 1024
        return Ended(status, said[0], said[1], seconds, peak_bytes, self.sandbox.read_outside())

    def send(self, number: int, to_group: bool = False) -> None:
        """Send a signal to the process, or to all of its group."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if to_group else os.kill)(self.process.pid, number)

    def end_orphans(self) -> list[str]:
        """Kill the processes that outlive the command for `GONE_S`; return their commands."""
        deadline = time.monotonic() + GONE_S
        while (left := list_marked(self.mark)) and time.monotonic() < deadline:
            time.sleep(0.05)
        found = []
        for process in left:
            with contextlib.suppress(psutil.Error):
                found.append(" ".join(process.cmdline()))
                process.kill()
        return found


def hear_interrupts() -> None:
    """Let a child hear Ctrl-C, which who runs the tests may ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def list_marked(mark: str) -> list[psutil.Process]:
    """List the living processes whose environment has a mark."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def digest_tree(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file below a folder, and what every link says."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = os.fsencode(path.relative_to(folder)).decode("utf-8", "replace")
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@contextlib.contextmanager
def kept(folder: Path, faults: list[tuple[str, str]]) -> Iterator[None]:
    """Add a fault where a file of a folder of inputs is not what it was."""
    before = digest_tree(folder)
    yield
    after = digest_tree(folder)
    changed = sorted(name for name in before | after if before.get(name) != after.get(name))
    if changed:
        faults.append(("bytes lost", ", ".join(changed[:5])))
