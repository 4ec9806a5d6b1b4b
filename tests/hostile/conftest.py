"""Sizes and counts of the hostile tests, the good files that are damaged, and undisturbed runs to compare with.

HOSTILE_INPUTS, HOSTILE_KILLS and HOSTILE_SEED say how many damaged files and kills one run makes, and from which seed;
HOSTILE_LIMIT_S is the time of a command. What broke a promise is kept in the folder HOSTILE_KEEP, where that is set.
Nothing here loads Essentia or TensorFlow: commands that do are processes of their own.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # modules beside this file; a zone of tests is no package

import steps
from hypothesis.configuration import set_hypothesis_home_dir
from sizes import Sizes
from steps import TASK, TRAINING, Goods, Step, Undisturbed
from watching import KINDS, REPOSITORY, Ended, Sandbox, judge

from essentia_ldl.models.pretrained import are_built

SECONDS = 4.0  # of each track of the collection
PICTURED_S = 15.2  # of each track of that with pictures
TOTALS = ("inputs", "refused", "files predicted", "kills", "disks filled", "two at once", "reruns", *KINDS)
ZERO = ("wrong numbers", "files without an answer", "reruns that differ", "orphans", "scratch left")


class Counts:
    """What one test has tried and found; `check` fails with all that broke a promise."""

    def __init__(self, node: pytest.Item) -> None:
        self._node, self._total, self._faults = node, collections.Counter(), []

    def add(self, kind: str, number: int = 1) -> None:
        self._total[kind] += number

    def fault(self, kind: str, shown: str, data: bytes | None = None) -> None:
        """Count a promise that was broken; `data` is the input that shows it."""
        self._total[kind] += 1
        self._faults.append(f"{kind}: {shown}")
        folder = os.environ.get("HOSTILE_KEEP")
        if folder:
            path = Path(folder) / f"{self._node.name}-{len(self._faults)}".replace("/", "_")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".txt").write_text(f"{kind}: {shown}", "utf-8", "replace")
            if data is not None:
                path.with_suffix(".input").write_bytes(data)

    def judge(self, ended: Ended, how: str, statuses: tuple[int, ...] = (0, 1), data: bytes | None = None) -> None:
        """Count the promises that a command broke with an input."""
        for kind, shown in judge(ended, statuses):
            self.fault(kind, f"{how}: {shown}", data)

    def check(self) -> None:
        self._node.user_properties.append(("hostile", dict(self._total)))
        distinct = list(dict.fromkeys(self._faults))
        assert not distinct, f"{len(distinct)} broken promises\n" + "\n---\n".join(one[:2000] for one in distinct[:40])


@pytest.fixture
def counts(request: pytest.FixtureRequest) -> Iterator[Counts]:
    """Counts of the test, which fails at its end where a promise was broken."""
    found = Counts(request.node)
    yield found
    found.check()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a small run has no time for."""
    left_out = [] if Sizes.is_full() else [item for item in items if item.get_closest_marker("full")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter) -> None:
    """Print what all tests together have tried and found."""
    total: collections.Counter = collections.Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "teardown":
                for name, value in report.user_properties:
                    total.update(value if name == "hostile" else {})
    if total:
        names = [*TOTALS, *ZERO, *sorted(set(total) - {*TOTALS, *ZERO})]
        terminalreporter.write_line(
            f"hostile, seed {Sizes.seed}: " + ", ".join(f"{name} {total[name]}" for name in names)
        )


@pytest.fixture(scope="session")
def sizes() -> type[Sizes]:
    """How much one run does."""
    return Sizes


@pytest.fixture(scope="session", autouse=True)
def _no_traces(shared: Path) -> None:
    """What hypothesis remembers goes with the other files of the tests."""
    set_hypothesis_home_dir(shared / "hypothesis")


@pytest.fixture(scope="session")
def report_writer() -> ModuleType:
    """The module that writes runs by hand for the tests of the report."""
    path = REPOSITORY / "tests" / "plain" / "report" / "conftest.py"
    spec = importlib.util.spec_from_file_location("hostile_report_writer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- good files -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def made_once(folder: Path) -> Iterator[bool]:
    """Let one of the processes that test make a folder, and the others wait; tells whether it is to be made."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder.with_suffix(".done")
        if done.exists():
            yield False
            return
        folder.mkdir(exist_ok=True)
        yield True
        done.touch()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of one run of the tests see."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"


@pytest.fixture(scope="session")
def collection(shared: Path) -> Path:
    """A demo of eight tracks, of which the beginning was kept, for all tests to read."""
    from essentia_ldl.datasets.demo import DemoSize
    from essentia_ldl.files import Home
    from essentia_ldl.recipe.toml import read_recipe
    from essentia_ldl.train.prepare import make_demo

    folder = shared / "collection"
    with made_once(folder) as is_wanted:
        if is_wanted:
            recipe = read_recipe(TASK, Home(shared / "nowhere").recipes)
            make_demo(folder, recipe, size=DemoSize(4, 4), seed=0, replace=True)
            for path in folder.rglob("*.wav"):
                steps.cut_wav(path, path, SECONDS)
    return folder


@pytest.fixture(scope="session")
def pictured(shared: Path) -> Path:
    """A demo of eight tracks with pictures, of which as much was kept as one patch needs."""
    from essentia_ldl.datasets.demo import DemoSize, build_demo

    folder = shared / "pictured"
    with made_once(folder) as is_wanted:
        if is_wanted:
            build_demo(folder, ("classical", "rock"), DemoSize(4, 4, covers=True))
            for path in folder.rglob("*.wav"):
                steps.cut_wav(path, path, PICTURED_S)
    return folder


@pytest.fixture(scope="session")
def formats(collection: Path, shared: Path) -> dict[str, bytes]:
    """One track in every format that this machine can write: the suffix and the bytes."""
    folder, track = shared / "formats", next(iter(sorted(collection.rglob("*.wav"))))
    options = {"mp3": ("-b:a", "64k"), "opus": ("-c:a", "libopus"), "aac": ("-f", "adts"), "m4a": ("-c:a", "aac")}
    with made_once(folder) as is_wanted:
        if is_wanted:
            shutil.copy(track, folder / "x.wav")
            for form in ("aiff", "flac", "mp3", "ogg", "opus", "m4a", "au", "aac", "caf", "mka", "w64"):
                command = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-i", track, *options.get(form, ())]
                target = folder / f"x.{form}"
                if shutil.which("ffmpeg") is None or subprocess.run([*command, target], check=False).returncode:
                    target.unlink(missing_ok=True)
    return {path.suffix[1:]: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="session")
def base_graphs() -> Path:
    """The base graphs that the tests of sound build and keep as well."""
    folder = Path(os.environ.get("ESSENTIA_LDL_TEST_CACHE") or REPOSITORY / ".cache" / "graphs")
    if are_built(folder):
        return folder
    wheel = os.environ.get("ESSENTIA_LDL_WHEEL")
    command = [sys.executable, "-m", "essentia_ldl.nets.base_graphs", folder, *(["--wheel", wheel] if wheel else [])]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, cwd=REPOSITORY)
    if done.returncode != 0:
        (pytest.fail if os.environ.get("CI") or wheel else pytest.skip)(
            f"the base graphs cannot be built: {done.stderr}"
        )
    return folder


@pytest.fixture(scope="session")
def wheel(shared: Path) -> Path:
    """The wheel of the released weights, fetched once."""
    given = os.environ.get("ESSENTIA_LDL_WHEEL")
    if given:
        return Path(given)
    folder = shared / "wheel"
    with made_once(folder) as is_wanted:
        if is_wanted:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "musicnn==0.1.0", "-d", folder]
            if subprocess.run(command, check=False).returncode:
                pytest.skip("the released weights cannot be had")
    return next(iter(folder.glob("*.whl")))


@pytest.fixture
def sandbox(tmp_path: Path, base_graphs: Path) -> Sandbox:
    """Folders of a command, with the quickest of the base graphs in graphs/."""
    found = Sandbox(tmp_path / "sandbox")
    Step("predict", Goods(tmp_path, tmp_path, base_graphs)).fill(found.home)
    return found


@pytest.fixture(scope="session")
def trained(shared: Path, base_graphs: Path, collection: Path) -> Sandbox:
    """A home in which a training has ended; copy what is changed."""
    sandbox = Sandbox(shared / "trained")
    with made_once(sandbox.root) as is_wanted:
        if is_wanted:
            shutil.copytree(base_graphs, sandbox.home / "graphs")
            ended = sandbox.run("train", TASK, "--data", collection, *TRAINING)
            assert ended.status == 0, ended.said
    return sandbox


@pytest.fixture(scope="session")
def music(shared: Path, collection: Path) -> Path:
    """Forty pieces of the collection's tracks and a file that is no audio."""
    folder = shared / "music"
    with made_once(folder) as is_wanted:
        if is_wanted:
            steps.write_music(collection, folder)
    return folder


@pytest.fixture(scope="session")
def goods_of(
    request: pytest.FixtureRequest, collection: Path, music: Path, base_graphs: Path
) -> Callable[[str], Goods]:
    """A function (name of a command) -> the good files that it works on; what takes long is made when it is needed."""

    def find(name: str) -> Goods:
        trained = request.getfixturevalue("trained").home if name == "report" else None
        wheel = request.getfixturevalue("wheel") if name == "graphs" else None
        pictured = request.getfixturevalue("pictured") if name == "covers" else None
        return Goods(collection, music, base_graphs, trained, wheel, pictured)

    return find


@pytest.fixture(scope="session")
def undisturbed(shared: Path, goods_of: Callable[[str], Goods]) -> Callable[[str], Undisturbed]:
    """A function (name of a command) -> what it leaves when nobody disturbs it, measured once."""

    def find(name: str) -> Undisturbed:
        folder = shared / f"undisturbed-{name}"
        with made_once(folder) as is_wanted:
            if is_wanted:
                steps.save(steps.measure(Step(name, goods_of(name)), folder / "box"), folder / "found.json")
        return steps.load(folder / "found.json")

    return find
