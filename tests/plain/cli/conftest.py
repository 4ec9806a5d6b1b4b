"""What the tests of several commands need: a command run in this process, tracks, models of a card, and a training."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from essentia_ldl.cli.main import main
from essentia_ldl.records import Failure
from essentia_ldl.train.train import Trained


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A function (arguments) -> the result of the command in a folder and a home of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # the command sets these for the processes that it starts
    monkeypatch.setenv("ESSENTIA_LDL_VERBOSE", "0")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    return lambda *arguments: CliRunner().invoke(main, [str(one) for one in arguments])


@pytest.fixture(scope="session")
def check_error() -> Callable[..., None]:
    """A function (result, parts) that asserts one line on stderr, which begins with "error: ", and no traceback."""

    def check(result: Result, *parts: str) -> None:
        assert isinstance(result.exception, SystemExit), repr(result.exception)
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith("error: ")
        for part in parts:
            assert part in line

    return check


@pytest.fixture(scope="session")
def make_folder() -> Callable[..., Path]:
    """A function (folder, classes) -> the folder, with an empty file in a sub-folder per class."""

    def make(root: Path, *classes: str) -> Path:
        for name in classes:
            (root / name).mkdir(parents=True)
            (root / name / "a.wav").touch()
        return root

    return make


@pytest.fixture
def make_trained(tmp_path: Path) -> Callable[..., Trained]:
    """A function (files left out) -> what a training of one model leaves."""

    def make(*failures: Failure) -> Trained:
        score = {"balanced_accuracy": 0.75, "n_tracks": 8, "recall": {"non_sad": 1.0, "sad": 0.5}}
        return Trained(tmp_path / "home" / "runs" / "r", ("sad-1",), {"valid": score}, failures)

    return make


@pytest.fixture(scope="session")
def write_table() -> Callable[[Path, Sequence[str]], Path]:
    """A function (path, artists) -> the path, with a table of tracks there and the files that it names."""

    def write(path: Path, artists: Sequence[str]) -> Path:
        with open(path, "w", newline="") as file:
            rows = [[f"{n}.wav", "sad" if n % 2 else "happy", artist] for n, artist in enumerate(artists)]
            csv.writer(file).writerows([["path", "label", "artist"], *rows])
        for n in range(len(artists)):
            (path.parent / f"{n}.wav").touch()
        return path

    return write


@pytest.fixture(scope="session")
def make_card() -> Callable[..., dict]:
    """A function (what stands under our own key) -> the fields of a card."""

    def make(**extra: object) -> dict:
        return {
            "name": "mood sad",
            "type": "multi-class classifier",
            "classes": ["non_sad", "sad"],
            "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
            "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN"},
            "essentia_ldl": extra,
        }

    return make


@pytest.fixture(scope="session")
def write_model(make_card: Callable[..., dict]) -> Callable[..., None]:
    """A function (folder, name, what stands under our own key) that writes a model of bytes and a card."""

    def write(folder: Path, name: str, **extra: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.pb").write_bytes(b"graph")
        (folder / f"{name}.json").write_text(json.dumps(make_card(**extra)))

    return write
