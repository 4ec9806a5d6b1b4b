"""The sentences of the page "What happens when" are what the product says."""

from __future__ import annotations

import ast
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import essentia_ldl
from essentia_ldl.arrays import read_array, read_arrays
from essentia_ldl.datasets import read_tracks
from essentia_ldl.errors import EssentiaLdlError
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home, read_json, write_json
from essentia_ldl.frontends import MUSICNN
from essentia_ldl.models.folder import choose_models, read_model
from essentia_ldl.predict.ask import expand_files
from essentia_ldl.predict.overwrite import refuse_overwriting
from essentia_ldl.predict.write import Output
from essentia_ldl.recipe.toml import change_recipe, read_recipe
from essentia_ldl.runs.folder import find_finished, locked
from essentia_ldl.runs.outcome import read_scores
from essentia_ldl.runs.predictions import read_predictions
from essentia_ldl.versions import find_essentia

PAGE = Path(__file__).resolve().parents[2] / "docs" / "what-happens-when.md"
SOUND = Path(essentia_ldl.__file__).parent / "sound"
CARD = {
    "name": "mood sad",
    "type": "multi-class classifier",
    "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
    "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN"},
}


def write(path: str, content: str | bytes = "") -> Path:
    made = Path(path)
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_bytes(content if isinstance(content, bytes) else content.encode())
    return made


def write_table(text: str) -> str:
    for name in "abcd":
        write(f"{name}.wav", "audio")
    return str(write("index.csv", text))


def write_model(name: str, **changes: object) -> Path:
    graph = write(f"graphs/{name}.pb", "graph")
    write_json(graph.with_suffix(".json"), {**CARD, **changes})
    return graph


def write_archive(name: str, **arrays: np.ndarray) -> Path:
    path = write(name)
    np.savez(path, **arrays)
    return path


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-40])
    return path


def name_extractor(name: str) -> dict[str, object]:
    needs = {"algorithm": "TensorflowPredictMusiCNN", "model_name": name}
    return {"sample_rate": 16000, "algorithm": "TensorflowPredict2D", "embedding_model": needs}


def use_twice() -> None:
    Path("runs/mood-sad-1").mkdir(parents=True)
    with locked(Path("runs/mood-sad-1")), locked(Path("runs/mood-sad-1")):
        pass


def fill_disk() -> None:
    with Output(path="/dev/full").open() as stream:
        stream.write("x" * 100_000)


CASES: dict[str, Callable[[], object]] = {
    "empty folder": lambda: expand_files([str(write("empty/cover.jpg").parent)], print),
    "output is input": lambda: refuse_overwriting(str(write("s.mp3", "x")), ["s.mp3"], ["s.mp3"]),
    "output is audio": lambda: refuse_overwriting(str(write("t.wav", b"RIFF\0\0\0\0WAVEfmt ")), [], []),
    "disk full": fill_disk,
    "no column": lambda: read_tracks(write_table("path,genre\na.wav,sad\n")),
    "no labels": lambda: read_tracks(write_table("path,label\na.wav,sad\nb.wav,nan\nc.wav,happy\n")),
    "two labels": lambda: read_tracks(write_table("path,label\na.wav,sad\nb.wav,sad;happy\nc.wav,happy\n")),
    "twice": lambda: read_tracks(write_table("path,label\na.wav,sad\na.wav,happy\n")),
    "missing files": lambda: read_tracks(str(write("else/t.csv", "path,label\nx.wav,sad\ny.wav,happy\n"))),
    "deep toml": lambda: read_recipe(str(write("r.toml", "x = " + "[" * 100_000))),
    "digits": lambda: change_recipe(read_recipe("mood-sad"), {"network.hidden": "9" * 5000}),
    "unknown key": lambda: change_recipe(read_recipe("mood-sad"), {"network.hiden": "3"}),
    "unknown task": lambda: read_recipe("mood-sadd"),
    "no card": lambda: read_model(write("graphs/a-1.pb")),
    "damaged card": lambda: read_model(write("graphs/b-1.json").with_suffix(".json") and write("graphs/b-1.pb")),
    "deep card": lambda: read_model(write("graphs/c-1.json", "[" * 200_000) and write("graphs/c-1.pb")),
    "card leads out": lambda: read_model(write_model("d-1", inference=name_extractor("../x"))),
    "other bytes": lambda: read_model(write_model("e-1", essentia_ldl={"sha256": "0" * 64})),
    "no models": lambda: choose_models(Path("nowhere/graphs")),
    "run in use": use_twice,
    "damaged scores": lambda: read_scores(write("runs/a/scores.json", "[]").parent),
    "no run": lambda: find_finished("mood-sad-2", Path("runs")),
    "cut predictions": lambda: read_predictions(cut(write_archive("runs/a/predictions.npz", ids=np.zeros(9))).parent),
    "keys missing": lambda: read_predictions(write_archive("runs/b/predictions.npz", ids=np.array(["t"])).parent),
    "objects": lambda: read_arrays(write_archive("runs/a/weights.npz", x=np.array([{}], dtype=object)), "weights"),
    "store": lambda: read_array(write("store/x.npy", b"\x93NUMPY"), "features", "Run the command again."),
    "json": lambda: read_json(write("store/x.json", "{")),
    "home": lambda: Home("~nosuchuser"),
}


OF_LIBRARIES = {"damaged card", "deep card", "cut predictions", "store", "json", "home"}  # words of their versions


def normalize(said: str, folder: Path, case: str) -> str:
    """Write a sentence as the page does: paths below the folder, and dots for what a library said."""
    said = said.replace(f"{folder}/", "").replace(f"({folder})", "(.)")
    return re.sub(r"got '.*' \(", "got '...' (", said) if case in OF_LIBRARIES else said


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder of a short name: long values are cut in sentences."""
    with tempfile.TemporaryDirectory(prefix="") as name:
        yield Path(name).resolve()


@pytest.mark.parametrize("case", CASES)
def test_a_sentence_on_the_page_is_what_is_said(case, short_folder, monkeypatch):
    monkeypatch.chdir(short_folder)
    with pytest.raises(EssentiaLdlError) as caught:
        CASES[case]()
    assert f"\n{normalize(str(caught.value), short_folder, case)}\n" in PAGE.read_text("utf-8")


def say_of_another_essentia(folder: Path) -> str:
    contents = [f"{n}" * 64 for n in range(3)]
    for content in contents:
        Store(folder).write(content, MUSICNN, np.zeros((200, 96)))
    os.rename(folder / MUSICNN.key, folder / f"{MUSICNN.numbers_key}-2.1b6.dev1110")
    return Store(folder).describe_makers(contents, [MUSICNN]).replace(find_essentia(), "2.1b6.dev1389")


def test_the_sentence_about_another_essentia_is_what_is_said(tmp_path):
    assert f"\n{say_of_another_essentia(tmp_path)}\n" in PAGE.read_text("utf-8")


def list_said_of_audio() -> set[tuple[str, str | None, str | None]]:
    """List what the sound zone says of a file: the rule, and value and remedy where they are texts of the source."""
    found = set()
    for path in SOUND.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "explain" and len(call.args) == 5:
                what, rule, value, _, remedy = (getattr(one, "value", None) for one in call.args)
                if what == "audio" and isinstance(rule, str):
                    found.add((rule, value, remedy))
    return found


def test_sentences_about_audio_are_those_of_the_source():
    """The sound zone's own tests see them said; here every one that is all text stands on the page."""
    page = PAGE.read_text("utf-8")
    whole = [one for one in list_said_of_audio() if isinstance(one[1], str)]
    assert len(whole) >= 8
    for rule, value, remedy in whole:
        assert f"audio: expected {rule}; got '{value}'" in page, rule
        assert remedy is None or remedy in page, remedy


def test_every_sentence_on_the_page_is_tested():
    """A sentence of a value stands in a block of its own kind, so that none is there that nobody says."""
    blocks = PAGE.read_text("utf-8").split("```text\n")[1:]
    lines = [line for block in blocks for line in block.split("```")[0].splitlines() if line]
    others = [line for line in lines if not line.startswith(("audio: ", "features of "))]
    assert len(others) == len(CASES) - 1  # the folder without audio stands among the sentences about audio
