"""The house style that a test can see: a test per module, short modules, few parameters, names that mislead nobody.

A list of what is still owed fails on an entry that is no longer so, and has to be empty in the end.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import essentia_ldl

PACKAGE = Path(essentia_ldl.__file__).resolve().parent
TESTS = Path(__file__).resolve().parents[1]


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def read_modules() -> Iterator[tuple[str, ast.Module]]:
    """Parse the modules when a test wants them: not in each process that collects the tests."""
    return ((module, parse(PACKAGE / module)) for module in MODULES)


MODULES = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")]
MODULE_NAMES = {
    "essentia_ldl." + name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in MODULES
}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
TEST = re.compile(r"^ *(async )?def test_", re.MULTILINE)
ALIAS = re.compile(r"from essentia_ldl[\w.]* import (\([^)]*|[^(\n]*)\bas\b")

LINES, PARAMETERS = 400, 6
WITHOUT_TEST: set[str] = set()
TOO_LONG: set[str] = set()
MANY_PARAMETERS: set[str] = set()
SAY_TRANSFER: set[str] = set()
MISLEADING_MODULES: set[str] = set()


def find_test(module: str) -> str:
    """Return where the test of a module is: the mirrored place, without the underscore of a private module."""
    path = Path(module)
    zone = path if path.parts[0] in ("sound", "nets") else Path("plain") / path
    if path.stem == "__init__":  # what a package promises for all of its files
        return (zone.parent / "test_contract.py").as_posix()
    return (zone.parent / f"test_{path.stem.lstrip('_')}.py").as_posix()


def needs_test(module: str, tree: ast.Module) -> bool:
    """Tell whether a file has code of its own; `__main__` hands over, and most packages have a sentence only."""
    return Path(module).stem != "__main__" and any(isinstance(node, FUNCTIONS) for node in ast.walk(tree))


def list_functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]


def count_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the parameters of a function, without the instance or the class of a method."""
    arguments = function.args
    named = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len(named) - (named[:1] in (["self"], ["cls"]))


def list_names(tree: ast.Module) -> set[str]:
    """List every name that a file gives or uses; texts and comments do not count."""
    found = set()
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name", "asname"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                found.add(value)
    return found


@pytest.mark.parametrize(
    ("module", "test"),
    [
        ("cli/main.py", "plain/cli/test_main.py"),
        ("labels/_words.py", "plain/labels/test_words.py"),
        ("labels/__init__.py", "plain/labels/test_contract.py"),
        ("nets/training/train.py", "nets/training/test_train.py"),
        ("sound/mel.py", "sound/test_mel.py"),
    ],
)
def test_the_place_of_a_test_is_known(module, test):
    assert find_test(module) == test


def test_every_module_has_a_test_file_of_its_name():
    missing = {module for module, tree in read_modules() if needs_test(module, tree)}
    missing = {module for module in missing if not (TESTS / find_test(module)).is_file()}
    assert missing == WITHOUT_TEST


def test_a_test_file_tests_something():
    for module, tree in read_modules():
        path = TESTS / find_test(module)
        if needs_test(module, tree) and path.is_file():
            assert TEST.search(path.read_text("utf-8")), path


def test_no_module_is_long():
    long = {path for path in MODULES if len((PACKAGE / path).read_text("utf-8").splitlines()) > LINES}
    assert long == TOO_LONG


def test_a_function_takes_few_parameters():
    many = {
        f"{module}: {function.name}"
        for module, tree in read_modules()
        for function in list_functions(tree)
        if count_parameters(function) > PARAMETERS
    }
    assert many == MANY_PARAMETERS


def test_nothing_is_called_transfer():
    """In this field it means to start from pretrained weights; several targets are called targets."""
    found = {module for module, tree in read_modules() if any("transfer" in name.lower() for name in list_names(tree))}
    assert found == SAY_TRANSFER


def test_modules_whose_names_misled_a_reader_are_gone():
    gone = {"audit", "calibrating", "evaluation", "external", "labelling", "predicting", "tabulation", "transfer"}
    gone |= {"ensembles", "prediction", "results_folder", "workers"}
    assert {module for module in MODULES if Path(module).stem.lstrip("_") in gone} == MISLEADING_MODULES


def list_module_aliases(tree: ast.Module) -> list[tuple[str, str]]:
    """List the modules of the package that a file imports under another name, and that name."""
    return [
        (f"{node.module}.{alias.name}", alias.asname)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname and f"{node.module}.{alias.name}" in MODULE_NAMES
    ]


def names_its_module(alias: str, module: str) -> bool:
    """Tell whether an alias says where its module is, as "models" for models.folder, or "train_module"."""
    parts = module.split(".")
    known = {*parts, *(word for part in parts for word in part.split("_")), "module"}
    return set(alias.split("_")) <= known or (alias, module) == ("label_sources", "essentia_ldl.labels")


@pytest.mark.parametrize(
    ("alias", "module", "expected"),
    [
        ("models", "essentia_ldl.models.folder", True),
        ("train_module", "essentia_ldl.train.train", True),
        ("steps", "essentia_ldl.train.train", False),
        ("evaluation", "essentia_ldl.measure.crossval", False),
        ("ensembles", "essentia_ldl.train.ensemble", False),
        ("agf_cells", "essentia_ldl.studies.artist_groups.cells", False),
    ],
)
def test_a_name_that_a_module_had_is_told_from_its_own(alias, module, expected):
    assert names_its_module(alias, module) == expected


def test_no_alias_brings_an_old_name_back():
    files = [*PACKAGE.rglob("*.py"), *TESTS.rglob("*.py")]
    files = [path for path in files if ALIAS.search(path.read_text("utf-8"))]  # to parse them all takes seconds
    found = [(path.name, one) for path in files for one in list_module_aliases(parse(path))]
    assert found
    assert [(name, one) for name, one in found if not names_its_module(one[1], one[0])] == []


@pytest.mark.parametrize(
    "twins",
    [
        {"predict", "prediction", "predicting", "worker", "workers"},
        {"calibrate", "calibration", "calibrating"},
        {"label", "labels", "labelling"},
        {"table", "tables", "tabulation"},
        {"member", "members", "ensembles"},
        {"evaluate", "evaluation", "external", "crossvalidation"},
        {"run", "runs"},
    ],
    ids=lambda twins: min(twins),
)
def test_no_two_modules_of_a_room_are_hard_to_tell_apart(twins):
    rooms: dict[str, set[str]] = {}
    for module in MODULES:
        path = Path(module)
        name = path.parent.name if path.stem == "__init__" else path.stem.lstrip("_")
        room = path.parent.parent if path.stem == "__init__" else path.parent
        rooms.setdefault(room.as_posix(), set()).add(name)
    assert {room: sorted(names & twins) for room, names in rooms.items() if len(names & twins) > 1} == {}


# What reads a kind of file, and who may: its reader, and those that read pipes and texts of their own making.
READERS = {
    r"np\.load\(": {"arrays.py", "labels/_words.py"},
    r"zipfile\.ZipFile\(": {"arrays.py", "nets/pretrained/wheel.py"},
    r"json\.loads?\(": {
        *("files.py", "zones.py", "nets/training/checkpoints.py", "predict/journal.py", "predict/worker.py"),
        *("sound/predict.py", "search/library.py", "annotate/journal.py", "annotate/background.py"),
    },
    r"tomllib\.loads?\(": {"recipe/toml.py"},
    r"csv\.(reader|DictReader)\(": {"tables.py", "datasets/_rows.py"},
}


@pytest.mark.parametrize("pattern", READERS)
def test_every_kind_of_file_has_one_reader(pattern):
    """A damaged file is one sentence because one place knows what its library raises."""
    found = {module for module in MODULES if re.search(pattern, (PACKAGE / module).read_text("utf-8"))}
    assert found == READERS[pattern]
