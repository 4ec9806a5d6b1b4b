"""The files of a run folder have their names in one place."""

from __future__ import annotations

import ast
from pathlib import Path

import essentia_ldl
from essentia_ldl.runs import names

PACKAGE = Path(essentia_ldl.__file__).resolve().parent
NAMES = {name: value for name, value in vars(names).items() if name.isupper()}
OWN = ("WEIGHTS", "HISTORY", "SCORES", "FAILURES", "PLAN")  # others are names of files elsewhere too


def test_no_two_files_have_one_name():
    assert len(set(NAMES.values())) == len(NAMES)
    assert set(OWN) < set(NAMES)


def test_no_other_module_writes_a_name_out():
    written = {NAMES[name] for name in OWN}
    found = []
    for path in PACKAGE.rglob("*.py"):
        code = path.read_text("utf-8")
        for node in ast.walk(ast.parse(code)) if any(name in code for name in written) else ():
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            # whole, or at the end of a path in an f-string; sentences may name a file
            if text.rstrip(".").rsplit("/", 1)[-1] in written:
                found.append(f"{path.relative_to(PACKAGE).as_posix()}: {text}")
    assert [text for text in found if not text.startswith("runs/names.py")] == []
