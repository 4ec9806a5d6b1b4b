"""Predicting without TensorFlow: with requirements-predict.txt alone, and an Essentia that has no TensorFlow inside."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.models.answers import name_answers

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = ("essentia_ldl", "recipes", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "requirements-predict.txt")
FULL, HEAD = "mood_sad-musicnn-msd", "mood_sad-msd-musicnn"
MOST_MB = 400
# What Python runs before anything else: training is not installed, and Essentia knows no network
PRETENCE = """
import importlib.abc, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "sklearn", "scipy", "metric_learn", "matplotlib", "h5py"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
if any("essentia_ldl.sound" in argument for argument in sys.orig_argv):
    from essentia import _essentia
    for name in ("keys", "skeys"):
        kept = [key for key in getattr(_essentia, name)() if not key.startswith("TensorflowPredict")]
        setattr(_essentia, name, lambda kept=kept: kept)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory, graphs, exported_run) -> Path:
    """A folder of models that somebody has copied: a tagger, and a full graph and a head of a run."""
    home = tmp_path_factory.mktemp("home")
    (home / "graphs").mkdir()
    for path in (graphs / "msd-musicnn-1.pb", *(exported_run / "export" / f"{stem}.pb" for stem in (FULL, HEAD))):
        for part in (path, path.with_suffix(".json"), name_answers(path)):
            shutil.copy(part, home / "graphs")
    return home


@pytest.fixture(scope="module")
def pretence(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("pretence")
    (folder / "sitecustomize.py").write_text(PRETENCE)
    return str(folder)


MODELS = [part for name in ("msd-musicnn-1", FULL, HEAD) for part in ("--model", name)]


def read_probabilities(text: str) -> dict[tuple[str, str], float]:
    rows = {(row["model"], row["class"]): float(row["probability"]) for row in csv.DictReader(io.StringIO(text))}
    assert {model for model, _ in rows} == {"msd-musicnn-1", FULL, HEAD}
    return rows


@pytest.mark.slow
def test_openvino_alone_gives_what_the_whole_installation_gives(home, pretence, song, run_python, tmp_path):
    command = ["-m", "essentia_ldl", "predict", "--format", "csv", *MODELS, str(song)]
    where = {"ESSENTIA_LDL_HOME": str(home), "XDG_CACHE_HOME": str(tmp_path)}
    alone = run_python(*command, PYTHONPATH=pretence, **where)
    assert alone.returncode == 0, alone.stderr
    whole = run_python(*command, "--engine", "essentia", **where)
    expected, found = read_probabilities(whole.stdout), read_probabilities(alone.stdout)
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(list(found.values()), list(expected.values()), atol=1e-5)
    again = run_python(*command, PYTHONPATH=pretence, **where)
    assert (again.stdout, again.stderr) == (alone.stdout, alone.stderr)


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        ((), 1, r"error: engine: expected OpenVINO, proved by golden answers beside the graph"),
        (
            ("--engine", "essentia"),
            1,
            r"error: engine: expected an Essentia with TensorFlow; got 'the package essentia",
        ),
        (("--engine", "openvino"), 0, r"warning: alone runs in OpenVINO, unproved: it has no golden answers."),
    ],
)
def test_what_nothing_proves_is_one_sentence(options, status, told, graphs, pretence, song, run_python, tmp_path):
    for suffix in (".pb", ".json"):
        shutil.copy((graphs / "msd-vgg-1").with_suffix(suffix), tmp_path / f"alone{suffix}")
    command = ["-m", "essentia_ldl", "predict", "--model", str(tmp_path / "alone.pb"), *options, str(song)]
    done = run_python(*command, PYTHONPATH=pretence, XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == status, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith(told)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("CI"), reason="makes an environment of 300 MB from the network: in CI alone")
def test_an_environment_of_its_own_predicts_and_is_small(home, song, run_python, tmp_path):
    (tmp_path / "source").mkdir()
    for name in SOURCES:
        path = REPOSITORY / name
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, tmp_path / "source" / name)
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    python = str(tmp_path / "env" / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "-r", "requirements-predict.txt"], cwd=tmp_path / "source", check=True)
    subprocess.run([*pip, "--no-deps", "."], cwd=tmp_path / "source", check=True)
    size_mb = sum(path.lstat().st_size for path in (tmp_path / "env").rglob("*")) / 2**20
    assert size_mb < MOST_MB
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    where = {"ESSENTIA_LDL_HOME": str(home), "XDG_CACHE_HOME": str(tmp_path)}
    command = ["-m", "essentia_ldl", "predict", "--format", "csv", *MODELS, str(song)]
    alone = subprocess.run(
        [python, *command], cwd=tmp_path, env={**clean, **where}, capture_output=True, text=True, check=True
    )
    whole = run_python(*command, "--engine", "essentia", **where)
    expected, found = read_probabilities(whole.stdout), read_probabilities(alone.stdout)
    np.testing.assert_allclose([found[key] for key in expected], list(expected.values()), atol=1e-5)
    doctor = subprocess.run(
        [python, "-m", "essentia_ldl", "doctor"], cwd=tmp_path, env={**clean, **where}, capture_output=True, text=True
    )
    assert doctor.returncode == 0, doctor.stdout
    assert "engine: OpenVINO alone, Essentia has no TensorFlow: 3 graphs gave their golden answers" in doctor.stdout
