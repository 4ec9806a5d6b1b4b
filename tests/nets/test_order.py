"""The map in the docstring of the nets zone: every module is on it, and imports only what stands above it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from essentia_ldl import nets

ROOT = Path(nets.__file__).parent
MODULES = {
    path.relative_to(ROOT).with_suffix("").as_posix(): path
    for path in sorted(ROOT.rglob("*.py"))
    if not path.name.startswith("__")
}


def read_map() -> list[str]:
    """Read the modules of the docstring in their order, those of a folder as "folder/module"."""
    found: list[str] = []
    folder = ""
    for line in nets.__doc__.splitlines():
        inside = re.match(r"^( {4}| {8})(\w+)(/?)(.*)$", line)
        if inside is None:
            continue
        indent, name, slash, rest = inside.groups()
        if len(indent) == 4:
            folder = f"{name}/" if slash else ""
            found += [] if slash else [name]
        elif folder == "backbones/":
            found += [f"{folder}{word}" for word in (name + rest).split()]
        else:
            found.append(f"{folder}{name}")
    return found


ORDER = read_map()


def find_imports(path: Path) -> set[str]:
    """Return the modules of the zone that a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    dotted = {name.removeprefix("essentia_ldl.nets.").replace(".", "/") for name in names}
    return dotted & set(MODULES)


def test_the_map_names_every_module_once():
    assert sorted(ORDER) == sorted(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_stands_above_it(module):
    above = set(ORDER[: ORDER.index(module)])
    assert find_imports(MODULES[module]) <= above


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_for(module):
    assert len(ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8"))).split()) > 5
