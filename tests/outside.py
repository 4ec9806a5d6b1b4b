"""Install the package from this checkout into a fresh environment, and use its API where there is no checkout.

    python tests/outside.py [FOLDER [GRAPHS]]

FOLDER, a temporary one when not given, gets the environment; a second call with the same folder installs nothing but
the package. Without weights, and so without a network, it imports every public name, fits the estimators, writes a
recipe, and prints what failed. With GRAPHS, a folder of base graphs such as .cache/graphs, the cells of
docs/notebook.ipynb run too. The exit status tells.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
LEFT_OUT = (".*", "__pycache__", "*.egg-info", "build", "dist", "*.pb")
NOTEBOOK = """
import json, pathlib, sys
import essentia_ldl as ldl

assert not {"numpy", "sklearn", "tensorflow", "essentia"} & set(sys.modules)
package = pathlib.Path(ldl.__file__).resolve().parent
assert not (package.parent / "setup.cfg").exists(), package
assert (package / "py.typed").is_file() and (package / "__init__.pyi").is_file()
for name in ldl.__all__:
    assert getattr(ldl, name).__name__ == name
assert not {"tensorflow", "essentia"} & set(sys.modules)

import numpy as np

draws = np.random.default_rng(0)
y = np.repeat(["calm", "tense"], 30)
X = draws.normal(size=(60, 4)) + (y == "tense")[:, None]
assert ldl.LabelSmoother(5).fit_transform(X, y).shape == (60, 2)
assert ldl.ArtistGroups(2, 4).fit(X, np.arange(60) // 6).transform(X).shape == (60, 2)
assert ldl.TemperatureScaler().fit(X[:, :2], y).predict_proba(X[:, :2]).shape == (60, 2)

for name in ("calm/a.wav", "tense/b.wav"):
    path = pathlib.Path("music", name)
    path.parent.mkdir(parents=True)
    path.touch()
assert [track.label for track in ldl.read_tracks("music")] == ["calm", "tense"]
assert ldl.new_recipe("tension", "music", home="home").classes == ("calm", "tense")
assert ldl.Recipe.read("mood-sad").classes == ("non_sad", "sad")
try:
    ldl.train("tension", "music", home="home", say=None)
except ValueError as error:
    print(json.dumps(str(error)))
"""


def install(folder: Path) -> Path:
    """Build an environment in a folder, with the package of this checkout; return its Python."""
    python, source = folder / "environment" / "bin" / "python", folder / "source"
    if not python.is_file():
        venv.create(folder / "environment", with_pip=True)

    def leave_out(place: str, names: list[str]) -> set[str]:
        own = {"runs", "store"} if Path(place) == REPOSITORY else set()  # a room of the package is called runs, too
        return shutil.ignore_patterns(*LEFT_OUT)(place, names) | own

    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(REPOSITORY, source, ignore=leave_out)  # setuptools leaves its build folder where it builds
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", str(source)], check=True)
    return python


def use(python: Path, folder: Path) -> int:
    """Run the cells of a notebook in an empty folder; return the exit status."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return subprocess.run([str(python), "-c", NOTEBOOK], cwd=folder, check=False).returncode


def run_cells(python: Path, folder: Path, graphs: Path) -> int:
    """Run the notebook of the documentation in a folder that has nothing but base graphs; return the exit status."""
    shutil.copytree(graphs, folder / "notebook-home" / "graphs")
    for name in ("notebook.ipynb", "extensions/run.py"):  # a script brings its folder, and so no checkout, to the path
        shutil.copy(REPOSITORY / "docs" / name, folder)
    command = [str(python), "run.py", "notebook.ipynb", ".", "out.ipynb"]
    return subprocess.run(command, cwd=folder, check=False).returncode


def main(arguments: list[str]) -> int:
    """Install, use, and tell."""
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-outside-") as temporary:
        folder = Path(arguments[0] if arguments else temporary).resolve()
        python, elsewhere = install(folder), folder / "elsewhere"
        status = use(python, elsewhere)
        if not status and arguments[1:]:
            status = run_cells(python, elsewhere, Path(arguments[1]).resolve())
    print("outside: " + ("failed" if status else "all works"))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
