"""The wheel: what it holds, and that it works where there is no checkout."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import essentia_ldl

REPOSITORY = Path(essentia_ldl.__file__).resolve().parents[1]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (REPOSITORY / "setup.cfg").is_file(), reason="essentia_ldl is not imported from a checkout"),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel from a copy, because setuptools leaves its build folder in the source."""
    folder = tmp_path_factory.mktemp("wheel")
    anywhere = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "tests", "*.pb")

    def ignored(folder: str, names: list[str]) -> set[str]:
        own = {"store", "runs"} if Path(folder) == REPOSITORY else set()  # a room of the package is called runs, too
        return anywhere(folder, names) | own

    shutil.copytree(REPOSITORY, folder / "source", ignore=ignored)
    isolation = ["--no-build-isolation"] if importlib.util.find_spec("wheel") else []
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *isolation, "-w", str(folder), "."]
    done = subprocess.run(command, cwd=folder / "source", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("essentia_ldl-*.whl")
    return path


def test_the_wheel_holds_the_package_the_recipes_and_the_lists_of_operations(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (REPOSITORY / "essentia_ldl").rglob("*.py"):
        assert path.relative_to(REPOSITORY).as_posix() in names
    for path in (REPOSITORY / "recipes").glob("*.toml"):
        assert f"essentia_ldl/recipes/{path.name}" in names
    for path in (REPOSITORY / "essentia_ldl" / "nets" / "export").glob("*.xz"):
        assert path.relative_to(REPOSITORY).as_posix() in names
    assert any(name.endswith(".xz") for name in names)
    assert {"essentia_ldl/report/report.css", "essentia_ldl/report/report.js"} <= names
    assert {"essentia_ldl/py.typed", "essentia_ldl/__init__.pyi"} <= names
    assert not [name for name in names if name.startswith(("tests/", "graphs/", "recipes/"))]


def test_the_wheel_says_what_it_is(wheel):
    archive = zipfile.ZipFile(wheel)
    (info,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
    assert info == f"essentia_ldl-{essentia_ldl.__version__}.dist-info"
    entry_points = archive.read(f"{info}/entry_points.txt").decode()
    assert "essentia-ldl = essentia_ldl.cli.start:run" in entry_points
    metadata = archive.read(f"{info}/METADATA").decode()
    assert "License: AGPL-3.0-or-later" in metadata or "License-Expression: AGPL-3.0-or-later" in metadata
    assert "Requires-Dist: essentia-tensorflow" in metadata
    assert any(name.endswith("LICENSE") and info in name for name in archive.namelist())


def test_the_wheel_works_where_there_is_no_checkout(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "elsewhere").mkdir()
    code = """
import essentia_ldl
from essentia_ldl.nets.export import oplists
from essentia_ldl.recipe.toml import list_tasks, read_recipe
assert "mood-sad" in list_tasks()
assert read_recipe("mood-sad").classes == ("non_sad", "sad")
print(essentia_ldl.__file__)
"""
    # PYTHONPATH stands before an editable installation of the checkout
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ESSENTIA_LDL")}
    environment["PYTHONPATH"] = str(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "elsewhere", env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "site" / "essentia_ldl" / "__init__.py")
    command = [sys.executable, "-m", "essentia_ldl", "new", "mine", "--data", "nowhere"]
    done = subprocess.run(command, cwd=tmp_path / "elsewhere", env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: data: expected a path that exists")
