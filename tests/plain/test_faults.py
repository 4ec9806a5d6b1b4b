"""Faults that were found once by trying the product are tests by their number: A what was lost or wrong without a word,
B good files that were refused, C tracebacks, hangs and unclear words."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
NUMBERS = [f"{letter}{n}" for letter, count in (("A", 10), ("B", 9), ("C", 17)) for n in range(1, count + 1)]


@functools.cache
def find_named() -> dict[str, list[str]]:
    """Return the tests of each number: those with it in their docstring, or between underscores of their name."""
    found: dict[str, list[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        source = path.read_text("utf-8")
        if path == Path(__file__).resolve() or not re.search(r"[ABCabc]\d", source):
            continue
        for function in ast.walk(ast.parse(source)):
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                named = re.findall(r"_([abc]\d+)(?=_|$)", function.name)
                named += re.findall(r"\b[ABC]\d+\b", ast.get_docstring(function) or "")
                for number in {name.upper() for name in named}:
                    found.setdefault(number, []).append(f"{path.relative_to(TESTS).as_posix()}: {function.name}")
    return found


@pytest.mark.parametrize("number", NUMBERS)
def test_a_fault_has_a_test_that_names_it(number):
    assert find_named().get(number)


def test_no_test_names_a_fault_that_is_not_on_the_list():
    assert set(find_named()) <= set(NUMBERS)
