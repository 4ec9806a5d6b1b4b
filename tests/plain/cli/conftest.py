"""What the tests of several commands need: a command run in this process, a table of tracks, and models of a card."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from essentia_ldl.cli.main import main


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A function (arguments) -> the result of the command in a home of its own."""
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    return lambda *arguments: CliRunner().invoke(main, [str(one) for one in arguments])


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
