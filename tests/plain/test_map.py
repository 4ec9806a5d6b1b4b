"""The map in the package's docstring: every module is on it, and nothing that is not there."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

import essentia_ldl

MODULES = {info.name: info.ispkg for info in pkgutil.iter_modules(essentia_ldl.__path__) if info.name[0] != "_"}
# recipes/ is data: it stands beside the package in a checkout and inside it in a wheel
MODULES.pop("recipes", None)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_has_its_line_on_the_map(name):
    lines = re.findall(rf"^ *{name}(?:/|\.py)?(?= |$).*$", essentia_ldl.__doc__, re.MULTILINE)
    assert len(lines) == 1, f"{name}: {lines}"
    assert len(lines[0].split()) >= 2, "a line says what the module is for"


def test_the_map_names_nothing_that_is_not_there():
    indented = re.findall(r"^ +(\w+)(/|\.py)?\s+\S", essentia_ldl.__doc__, re.MULTILINE)
    assert indented
    for name, suffix in indented:
        assert name in MODULES
        assert suffix != "/" or MODULES[name], f"{name} is not a package"


def test_contributing_names_files_that_are_there():
    text = (Path(essentia_ldl.__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:essentia_ldl|tests|recipes)/[\w/.*]*)`", text))
    assert len(named) > 15
    root = Path(essentia_ldl.__file__).parents[1]
    assert [name for name in sorted(named) if not list(root.glob(name))] == []


def test_the_version_is_a_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", essentia_ldl.__version__)
