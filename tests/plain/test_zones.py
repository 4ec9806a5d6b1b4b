"""The zone test: what each file may import, what a process loads, and how a step in its own process ends."""

from __future__ import annotations

import ast
import configparser
import errno
import functools
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import essentia_ldl
from essentia_ldl import zones
from essentia_ldl.errors import DataError, EssentiaLdlError
from essentia_ldl.progress import listening
from essentia_ldl.zones import StepFailed, end_step, run_zone, run_zones, zone_environment

PACKAGE = Path(essentia_ldl.__file__).resolve().parent
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [path.relative_to(PACKAGE).as_posix() for path in FILES]
TENSORFLOW = {"tensorflow", "keras", "tf_keras"}
ESSENTIA = {"essentia"}
OPENVINO = {"openvino"}
HEAVY = {"scipy", "sklearn", "metric_learn", "matplotlib", "joblib"}


def module_name(path: Path) -> str:
    parts = ("essentia_ldl", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def find_imports(tree: ast.AST, package: str) -> list[tuple[str, bool]]:
    """List every imported name in dotted form, and whether a function holds the import."""
    found: list[tuple[str, bool]] = []

    def visit(node: ast.AST, inside: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend((alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            source = importlib.util.resolve_name(relative, package) if node.level else relative
            found.append((source, inside))
            found.extend((f"{source}.{alias.name}", inside) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0]
            literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
            if called in ("import_module", "__import__") and literal:
                found.append((first.value, inside))
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(tree, False)
    return found


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imports_of(path: Path) -> tuple[tuple[str, bool], ...]:
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return tuple(find_imports(parse(path), package))


def zone_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first if first in ("sound", "nets") else "plain"


def run_python(code: str, *, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**zone_environment(), **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


# --- the instrument -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import tensorflow.keras as k", [("tensorflow.keras", False)]),
        ("def f():\n    import essentia", [("essentia", True)]),
        ("class A:\n    import scipy", [("scipy", False)]),
        ("from . import nets", [("essentia_ldl", False), ("essentia_ldl.nets", False)]),
        ("import importlib\nimportlib.import_module('keras')", [("importlib", False), ("keras", False)]),
        ("def f():\n    __import__('essentia.standard')", [("essentia.standard", True)]),
        ("f = lambda: __import__('joblib')", [("joblib", True)]),
    ],
)
def test_the_reader_of_imports_sees_every_kind(code, expected):
    assert find_imports(ast.parse(code), "essentia_ldl") == expected


def test_the_whole_package_is_looked_at():
    assert {
        "cli/main.py",
        "sound/predict.py",
        "nets/run.py",
        "nets/backbones/musicnn.py",
        "labels/smoothing.py",
    } <= set(NAMES)


# --- what a file may import -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_no_file_imports_what_its_zone_may_not(path):
    engines = ESSENTIA | OPENVINO
    forbidden = {"sound": TENSORFLOW, "nets": engines, "plain": TENSORFLOW | engines}[zone_of(path)]
    assert [name for name, _ in imports_of(path) if name.split(".")[0] in forbidden] == []


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_plain_files_import_heavy_packages_inside_functions(path):
    found = [name for name, inside in imports_of(path) if name.split(".")[0] in HEAVY and not inside]
    if room_of(module_name(path)) == "estimators":  # classes made of scikit-learn's, which load it by being defined
        found = [name for name in found if not name.startswith("sklearn.")]
    assert zone_of(path) != "plain" or found == []


def test_nothing_imports_the_estimators():
    """They alone load scikit-learn when they are imported, so that nobody may need them for something else."""
    for module, others in find_edges(inside=True).items():
        assert room_of(module) == "estimators" or not [o for o in others if room_of(o) == "estimators"], module


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_openvino_is_imported_where_it_is_asked_for(path):
    """It is an extra, and takes a third of a second."""
    assert [name for name, inside in imports_of(path) if name.split(".")[0] in OPENVINO and not inside] == []


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_labels_sound_and_nets_do_not_import_one_another(path):
    own = path.relative_to(PACKAGE).parts[0]
    # a plain file that imported sound or nets would load Essentia or TensorFlow; labels are plain
    forbidden = {"sound": ("nets", "labels"), "nets": ("sound", "labels")}.get(own, ("sound", "nets"))
    packages = tuple(f"essentia_ldl.{name}" for name in forbidden)
    found = [n for n, _ in imports_of(path) if n in packages or n.startswith(tuple(f"{p}." for p in packages))]
    assert found == []


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_private_modules_stay_inside_their_package(path):
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for name, _ in imports_of(path):
        owner, mark, private = name.partition("._")
        if mark and not private.startswith("_") and owner.startswith("essentia_ldl"):
            assert f"{package}.".startswith(f"{owner}."), f"{name}: import a public name of {owner}"


def test_public_classes_of_plain_modules_have_names_of_their_own():
    places: dict[str, list[str]] = {}
    for path, name in zip(FILES, NAMES, strict=True):
        for node in parse(path).body if zone_of(path) == "plain" else ():
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_imports_go_down_only():
    """No two modules import each other, however long the way round, when the imports inside functions are left out."""
    known = {module_name(path) for path in FILES}
    graph = {module_name(path): {n for n, inside in imports_of(path) if n in known and not inside} for path in FILES}
    for name in graph:  # a package's file imports its private parts, which may not need the package to be complete
        graph[name] -= {name, "essentia_ldl"}
        graph[name] -= {parent for parent in graph if name.startswith(f"{parent}.")}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*way, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())
    assert graph["essentia_ldl.errors"] == set()
    assert graph["essentia_ldl.records"] == {"essentia_ldl.errors"}


# --- the order of the rooms -----------------------------------------------------------------------------------------

ORDER = [match[1] for match in re.finditer(r"^  (\w+)/? {2,}\S", essentia_ldl.__doc__, re.MULTILINE)]
FREE = ("essentia_ldl", "cli", "doctor", "__main__")  # may import anything
MODULES = {module_name(path): path for path in FILES}
BEING_MOVED: set[tuple[str, str]] = set()  # (module, what it imports from a room below): has to be empty


def room_of(module: str) -> str:
    return f"{module}.".split(".")[1] or module


@functools.cache
def find_edges(inside: bool) -> dict[str, frozenset[str]]:
    """Return the modules of the package that each module imports, with or without the imports inside functions."""
    graph = {}
    for module, path in MODULES.items():
        found = set()
        for name, is_inside in imports_of(path):
            while name and name not in MODULES:
                name = name.rpartition(".")[0]
            if name and (inside or not is_inside):
                found.add(name)
        graph[module] = frozenset(found - {module, "essentia_ldl"})
    return graph


def reach(graph: dict[str, set[str]], start: str) -> dict[str, list[str]]:
    """Return every module that importing one loads, with the way there; a module brings the packages around it."""
    ways, queue = {start: [start]}, [start]
    for module in queue:
        for other in sorted(graph[module]):
            parts = other.split(".")
            for name in (".".join(parts[:n]) for n in range(2, len(parts) + 1)):
                if name not in ways:
                    ways[name] = [*ways[module], name]
                    queue.append(name)
    return ways


def test_the_map_tells_the_order_of_every_room():
    rooms = {room_of(module) for module in MODULES} - {"essentia_ldl", "__main__"}
    assert sorted(ORDER) == sorted(rooms)
    assert ORDER[0] == "errors"
    assert ORDER[-1] == "cli"


def test_a_module_imports_only_from_rooms_above_its_own():
    """Imports inside functions count too; `cli` and `doctor` may import anything."""
    found = set()
    for module, others in find_edges(inside=True).items():
        own = room_of(module)
        for other in others if own not in FREE else ():
            if ORDER.index(room_of(other)) > ORDER.index(own):
                found.add((module.removeprefix("essentia_ldl."), other.removeprefix("essentia_ldl.")))
    assert found == BEING_MOVED


def test_inside_a_room_no_imports_go_in_a_circle():
    """The file of a package comes last: it may import its private parts, and they may not need it to be complete."""
    graph = find_edges(inside=False)
    for start in graph:
        room = {name for name in graph if room_of(name) == room_of(start)}
        seen, queue = set(), [other for other in graph[start] & room if not start.startswith(f"{other}.")]
        while queue:
            module = queue.pop()
            assert module != start, start
            if module not in seen:
                seen.add(module)
                queue += [other for other in graph[module] & room if not module.startswith(f"{other}.")]


@pytest.mark.parametrize("zone", ["sound", "nets"])
def test_no_zone_reaches_the_other_zone_or_labels(zone):
    graph = find_edges(inside=True)
    others = {"sound", "nets", "labels"} - {zone}
    ways = {
        " -> ".join(way)
        for start in graph
        if room_of(start) == zone
        for module, way in reach(graph, start).items()
        if room_of(module) in others and room_of(way[-2]) not in others
    }
    allowed = {other for module, other in BEING_MOVED if room_of(f"essentia_ldl.{module}") == zone}
    assert {way for way in ways if not any(f" -> essentia_ldl.{other}" in way for other in allowed)} == set()


def test_nothing_but_the_command_line_and_the_api_imports_the_studies():
    for module, others in find_edges(inside=True).items():
        if room_of(module) not in ("studies", "api", "cli"):
            assert not [other for other in others if room_of(other) == "studies"], module


def test_the_walk_finds_a_long_way_and_a_package_on_it():
    graph = {"p.a": {"p.b.c"}, "p.b.c": {"p.d"}, "p.b": {"p.e"}, "p.d": set(), "p.e": set()}
    ways = reach(graph, "p.a")
    assert ways["p.e"] == ["p.a", "p.b", "p.e"]
    assert ways["p.d"] == ["p.a", "p.b.c", "p.d"]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_module_has_a_name_of_its_own(path):
    parts = path.relative_to(PACKAGE).parts
    assert not {"utils", "helpers", "common", "base"} & {part.removesuffix(".py") for part in parts}


def find_starts(tree: ast.AST) -> list[str]:
    """List the modules that are started by name: run_zone(...), run_jobs("module:function"), "-m", "module"."""
    found = []
    for node in ast.walk(tree):
        called = isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("run_zone", "run_jobs")
        if not called and not isinstance(node, ast.List):
            continue
        strings = [
            part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)
        ]
        if called or "-m" in strings:
            found += [text for text in strings if text.startswith("essentia_ldl.")]
    return found


def test_every_module_that_is_started_by_name_is_there():
    """A zone is started by its name, which no import checks."""
    starts = {start for path in FILES for start in find_starts(parse(path))}
    assert {"essentia_ldl.sound.features:extract_track", "essentia_ldl.sound.predict"} <= starts
    for start in starts:
        name, _, function = start.partition(":")
        path = PACKAGE.parent.joinpath(*name.split(".")).with_suffix(".py")
        if path.with_suffix("").is_dir():
            path = path.with_suffix("") / "__main__.py"
        assert path.is_file(), start
        text = path.read_text(encoding="utf-8")
        assert f"def {function}(" in text if function else ("__main__" in text or path.name == "__main__.py"), start


# --- what predicting needs -------------------------------------------------------------------------------------------

PREDICTING = ["predict.command", "predict.ask", "predict.write", "predict.worker", "sound.predict", "doctor"]
EXTRAS = {"pyarrow", "fsspec", "distributed"}  # -o out.parquet, audio at URLs, --cluster
TRAINING = {"tensorflow", "keras", "tf_keras", "sklearn", "scipy", "metric_learn", "matplotlib", "threadpoolctl"}


def find_others(module: str, *, inside: bool) -> set[str]:
    """Return the packages from outside that a module imports; those of an extra are not counted."""
    path = next(path for path, name in zip(FILES, NAMES, strict=True) if module_name(path) == module and name)
    roots = {name.partition(".")[0] for name, is_inside in imports_of(path) if inside or not is_inside}
    return roots - set(sys.stdlib_module_names) - {"essentia_ldl", *EXTRAS}


def read_needed() -> set[str]:
    """Return the names in requirements-predict.txt."""
    lines = (PACKAGE.parent / "requirements-predict.txt").read_text(encoding="utf-8").splitlines()
    return {re.split(r"[<>=!~ ]", line)[0] for line in lines if line and not line.startswith("#")}


@pytest.mark.parametrize("start", PREDICTING)
def test_predicting_imports_nothing_of_training(start):
    """Imports inside functions count too: requirements-predict.txt names all that is needed."""
    for module, way in reach(find_edges(inside=True), f"essentia_ldl.{start}").items():
        others = find_others(module, inside=True)
        assert not others & TRAINING, " -> ".join(way)
        assert others <= read_needed(), " -> ".join(way)


def test_the_command_line_loads_nothing_of_training_by_itself():
    for module, way in reach(find_edges(inside=False), "essentia_ldl.cli.main").items():
        assert find_others(module, inside=False) <= read_needed(), " -> ".join(way)


def test_what_predicting_needs_is_bound_as_for_the_whole():
    config = configparser.ConfigParser()
    config.read(PACKAGE.parent / "setup.cfg", encoding="utf-8")
    whole = {*config["options"]["install_requires"].split("\n"), *config["options.extras_require"]["fast"].split("\n")}
    lines = (PACKAGE.parent / "requirements-predict.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line and not line.startswith("#"):
            assert re.sub("^essentia>", "essentia-tensorflow>", line) in whole


# --- what a process loads -------------------------------------------------------------------------------------------


def test_help_loads_no_library():
    code = """
import sys
from essentia_ldl.cli.main import main
try:
    main(["--help"])
except SystemExit as end:
    assert end.code == 0
print("loaded:", *sorted({"tensorflow", "keras", "essentia", "sklearn", "numpy", "joblib", "tqdm"} & set(sys.modules)))
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["loaded:"]


STARTED = (
    *("train.train", "predict.command", "predict.ask", "collection.read", "measure.crossval", "doctor"),
    "train.show_labels",
)


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """Name of a module -> heavy packages that were there once it and those before it, and a recipe, were loaded."""
    code = f"""
import importlib
import json
import sys
heavy, found = {{"tensorflow", "keras", "essentia", "openvino", "sklearn", "metric_learn"}}, {{}}
for name in {STARTED!r}:
    importlib.import_module(f"essentia_ldl.{{name}}")
    from essentia_ldl.recipe.toml import read_recipe
    read_recipe("mood-sad")
    found[name] = sorted(heavy & set(sys.modules))
print(json.dumps(found))
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", STARTED)
def test_plain_modules_load_neither_essentia_nor_tensorflow(loaded, name):
    assert loaded[name] == []


def test_importing_the_package_imports_nothing():
    code = "import sys; before = set(sys.modules); import essentia_ldl; print(sorted(set(sys.modules) - before))"
    done = run_python(code)
    assert done.stdout.strip() == "['essentia_ldl']", done.stderr


def test_the_commands_for_python_load_no_heavy_package():
    code = f"""
import sys
import essentia_ldl as ldl
print(ldl.train, ldl.predict, ldl.report, ldl.read_tracks, ldl.Recipe, ldl.Home)
print(sorted({{name.partition(".")[0] for name in sys.modules}} & {TENSORFLOW | ESSENTIA | OPENVINO | HEAVY!r}))
"""
    done = run_python(code)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_rooms_of_that_name_do_not_hide_the_functions():
    code = """
import essentia_ldl.train.train, essentia_ldl.predict.ask, essentia_ldl.report.page
import essentia_ldl as ldl
from essentia_ldl import train, predict, report
assert all(callable(one) for one in (train, predict, report, ldl.train, ldl.predict, ldl.report))
import essentia_ldl.train.batch, sys
assert ldl.train is train and sys.modules["essentia_ldl.train"].__name__ == "essentia_ldl.train"
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_sound_refuses_a_process_that_holds_tensorflow():
    code = """
import sys, types
sys.modules["tensorflow"] = types.ModuleType("tensorflow")
from essentia_ldl.errors import ImportOrderError
try:
    import essentia_ldl.sound
except ImportOrderError as error:
    assert isinstance(error, ImportError)
    print(error)
print("essentia" in sys.modules)
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    message, loaded = done.stdout.splitlines()
    assert "expected a process without tensorflow" in message
    assert "in a process of its own" in message
    assert loaded == "False"


# --- a step in a process of its own ---------------------------------------------------------------------------------

CHILD = """
import os, signal, sys
from pathlib import Path
if sys.argv[1] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "write":
    Path(sys.argv[2]).write_text(os.environ["ESSENTIA_LDL_LEAN"] + " ".join(sys.argv[3:]))
    sys.exit(0)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    (tmp_path / "zone_child.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "zone_child"


def test_a_step_gets_its_arguments_and_the_lean_environment(child, tmp_path):
    run_zone(child, "write", str(tmp_path / "out"), "a b", "c")
    assert (tmp_path / "out").read_text() == "1a b c"


@pytest.mark.parametrize("status", [1, 3])
def test_the_exit_status_of_a_step_is_passed_on_without_a_second_message(child, status):
    with pytest.raises(StepFailed, match=r"^$") as caught:
        run_zone(child, str(status))
    assert caught.value.status == status


def test_a_killed_step_says_so_and_what_to_do(child):
    sentence = r"^The process of zone_child was killed by SIGKILL, .*memory\. Run the same command again: .*\.$"
    with pytest.raises(StepFailed, match=sentence) as caught:
        run_zone(child, "kill")
    assert caught.value.status == 1


def test_a_step_that_was_stopped_stops_its_parent(child):
    with pytest.raises(KeyboardInterrupt):
        run_zone(child, "130")


SLOW_CHILD = """
import os, sys, time
from pathlib import Path
folder, name, status = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
(folder / name).write_text(" ".join(os.environ.get(k, "-") for k in ("TF_NUM_INTRAOP_THREADS", "ESSENTIA_LDL_BARS")))
try:
    while len(list(folder.iterdir())) < 2:  # both have started
        time.sleep(0.02)
    if name == "fails":
        sys.exit(status)
    time.sleep(60 if status else 0)
except KeyboardInterrupt:
    (folder / "interrupted").touch()
    sys.exit(130)
"""


@pytest.fixture
def _ctrl_c():
    """Let Ctrl-C count, in this process and those that it starts: a job in the background is started to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def slow_child(tmp_path, monkeypatch, _ctrl_c):
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "slow_child.py").write_text(SLOW_CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_processes_run_at_once_with_the_threads_they_are_given(slow_child):
    """Each waits for the other, so one after the other would never end."""
    run_zones("slow_child", [[str(slow_child), "a", "0"], [str(slow_child), "b", "0"]], 1)
    assert {path.name: path.read_text() for path in slow_child.iterdir()} == {"a": "1 0", "b": "1 0"}


@pytest.mark.parametrize("status", [3, 130])
def test_one_that_fails_interrupts_the_others_and_its_status_counts(slow_child, status):
    start = time.monotonic()
    expected = KeyboardInterrupt if status == 130 else StepFailed
    with pytest.raises(expected) as caught:
        run_zones("slow_child", [[str(slow_child), "runs", "1"], [str(slow_child), "fails", str(status)]])
    assert getattr(caught.value, "status", 130) == status
    assert (slow_child / "interrupted").exists()
    assert time.monotonic() - start < 20


def list_children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def test_ctrl_c_waits_for_all_processes(slow_child):
    others = list_children()  # workers that an earlier test of this process left idle

    def interrupt():
        while len(list(slow_child.iterdir())) < 2:
            time.sleep(0.02)
        time.sleep(0.2)
        for child in list_children() - others:
            os.kill(child, signal.SIGINT)  # as the terminal does
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_zones("slow_child", [[str(slow_child), "a", "1"], [str(slow_child), "b", "1"]])
    assert (slow_child / "interrupted").exists()
    assert list_children() <= others


class Stubborn:
    """A process whose first wait is interrupted by Ctrl-C."""

    def __init__(self, ends: bool) -> None:
        self.calls: list[object] = []
        self._ends = ends

    def wait(self, timeout: float | None = None) -> int:
        self.calls.append(timeout)
        if timeout is None:
            raise KeyboardInterrupt
        if not self._ends:
            raise subprocess.TimeoutExpired("zone", timeout)
        return 130

    def kill(self) -> None:
        self.calls.append("kill")


@pytest.mark.parametrize("ends", [True, False])
def test_ctrl_c_waits_for_the_step_and_kills_only_one_that_does_not_end(ends, monkeypatch):
    process = Stubborn(ends)
    monkeypatch.setattr(zones.subprocess, "Popen", lambda *a, **k: process)
    with pytest.raises(KeyboardInterrupt):
        run_zone("zone")
    assert process.calls == [None, pytest.approx(30, abs=1), *([] if ends else ["kill"])]


def test_a_step_imports_the_package_of_its_parent_first(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    assert zone_environment()["PYTHONPATH"] == os.pathsep.join([str(PACKAGE.parent), "/somewhere"])
    monkeypatch.delenv("PYTHONPATH")
    assert zone_environment()["PYTHONPATH"] == str(PACKAGE.parent)


def test_a_step_does_not_import_another_copy_in_the_current_folder(tmp_path):
    (tmp_path / "essentia_ldl").mkdir()
    (tmp_path / "essentia_ldl" / "__init__.py").write_text("raise SystemExit(7)")
    command = [sys.executable, "-m", "essentia_ldl", "--version"]
    done = subprocess.run(command, cwd=tmp_path, env=zone_environment(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("has_prctl", [True, False])
def test_a_step_ends_with_the_process_that_started_it(tmp_path, has_prctl):
    """SIGKILL gives the parent no chance to stop its child, so the child must notice by itself."""
    blind = "" if has_prctl else "z.ctypes.CDLL = lambda name: object(); "
    child = f"import essentia_ldl.zones as z, time; {blind}z.follow_parent(); print(1, flush=True); time.sleep(60)"
    parent = f"""
import os, subprocess, sys
from essentia_ldl.zones import zone_environment
child = subprocess.Popen([sys.executable, "-c", {child!r}], env=zone_environment(), stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, env=zone_environment())
    pid = int(done.stdout)
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    os.kill(pid, 9)
    pytest.fail("the child outlived its parent")


@pytest.mark.parametrize("error", [OSError, AttributeError, TypeError])
def test_a_step_watches_its_parent_where_the_kernel_does_not(monkeypatch, error):
    def refuse(name):
        raise error("no such thing")

    started = []
    monkeypatch.setattr(zones.ctypes, "CDLL", refuse)
    monkeypatch.setattr(zones.threading, "Thread", lambda **how: SimpleNamespace(start=lambda: started.append(how)))
    monkeypatch.delenv("ESSENTIA_LDL_PARENT", raising=False)
    zones.follow_parent()
    [how] = started
    assert (how["args"], how["daemon"]) == ((os.getppid(),), True)


def test_the_scripts_of_the_benchmark_import_what_is_there():
    """They are strings, which run in processes of their own, so that nothing else looks at their imports."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(__file__).parents[1].glob("bench*.py")]
    assert len(trees) >= 5
    strings = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    scripts = [value for value in strings if isinstance(value, str) and "\nimport " in value]
    assert len(scripts) > 3
    for script in scripts:
        for node in ast.walk(ast.parse(script)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("essentia_ldl"):
                path = PACKAGE.parent.joinpath(*node.module.split("."))
                source = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
                assert source.is_file(), node.module
                for alias in node.names:
                    defined = re.search(
                        rf"^(def|class) {alias.name}\b|\b{alias.name}\b( =|$|,)", source.read_text(), re.M
                    )
                    assert defined or (path / f"{alias.name}.py").is_file() or (path / alias.name).is_dir(), alias.name


def test_a_step_ends_with_its_status_and_at_most_one_line(capsys):
    def fail(error):
        raise error

    assert end_step(lambda: None) == 0
    assert end_step(lambda: fail(EssentiaLdlError("no weights. Build them."))) == 1
    assert end_step(lambda: fail(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "error: no weights. Build them.\n"
    assert end_step(lambda: fail(OSError(errno.ENOSPC, "No space left on device", "a.h5"))) == 1
    assert end_step(lambda: fail(PermissionError(errno.EACCES, "Permission denied", "b.h5"))) == 1
    assert capsys.readouterr().err == (
        "error: The disk is full (a.h5). Free space and run the same command again.\n"
        "error: Permission denied (b.h5). Put that right and run the same command again.\n"
    )
    with pytest.raises(ZeroDivisionError):  # a fault of ours is no sentence for users
        end_step(lambda: fail(ZeroDivisionError()))


TELLING_CHILD = """
import sys
from essentia_ldl.errors import DataError
from essentia_ldl.zones import fail_step
sys.exit(fail_step(DataError(sys.argv[1])))
"""


def test_a_step_tells_its_error_to_the_process_that_started_it(tmp_path, monkeypatch, capfd):
    """Who calls from a notebook sees nothing that the step prints."""
    (tmp_path / "telling_child.py").write_text(TELLING_CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(StepFailed, match=r"^$") as caught:
        run_zone("telling_child", "no “tracks”. Add some.")
    assert capfd.readouterr().err == "error: no “tracks”. Add some.\n"
    assert type(caught.value.error) is DataError
    assert str(caught.value.error) == "no “tracks”. Add some."


LOUD_CHILD = """
import os, sys, time
from essentia_ldl.progress import hides_bars
print("bars", not hides_bars(), "für", sys.argv[1])
print(file=sys.stderr)
print("on stderr", sys.argv[1], file=sys.stderr)
os.write(1, b"of a library \\xff")
if sys.argv[1] == "waits":
    time.sleep(60)
sys.exit(int(sys.argv[2]))
"""


@pytest.fixture
def loud_child(tmp_path, monkeypatch, _ctrl_c):
    (tmp_path / "loud_child.py").write_text(LOUD_CHILD, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "loud_child"


def test_a_listener_gets_every_line_and_the_terminal_none(loud_child, capfd):
    heard = []
    with listening(lambda line: heard.append((line, threading.current_thread()))):
        run_zone(loud_child, "one", "0")
    lines = ["bars False für one", "on stderr one", "of a library \ufffd"]
    assert heard == [(line, threading.current_thread()) for line in lines]
    with listening(lambda line: None), pytest.raises(StepFailed, match=r"^$") as caught:
        run_zone(loud_child, "one", "3")
    assert (caught.value.status, caught.value.said) == (3, "of a library \ufffd")
    assert capfd.readouterr() == ("", "")


def test_lines_of_several_processes_are_whole(loud_child):
    heard = []
    with listening(heard.append):
        run_zones(loud_child, [[name, "0"] for name in "abc"])
    assert sorted(line for line in heard if line[-1] in "abc") == sorted(
        line for name in "abc" for line in (f"bars False für {name}", f"on stderr {name}")
    )
    assert len(heard) == 9


def test_a_listener_that_fails_ends_the_step(loud_child):
    def fail(line):
        raise ZeroDivisionError

    others, start = list_children(), time.monotonic()
    with listening(fail), pytest.raises(ZeroDivisionError):
        run_zone(loud_child, "waits", "0")
    assert list_children() <= others
    assert time.monotonic() - start < 20


def test_a_step_that_says_nothing_tells_nothing(child):
    with pytest.raises(StepFailed) as caught:
        run_zone(child, "3")
    assert caught.value.error is None
