"""The notebook of the documentation: its cells run, in silence, and show what is stored with them, but for digits."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
NUMBER = re.compile(r"\d+\.\d*(?:e[+-]?\d+)?")


def list_cells(path: Path) -> list[tuple[str, list[dict]]]:
    """List the cells of code: source and outputs."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [("".join(cell["source"]), cell["outputs"]) for cell in cells if cell["cell_type"] == "code"]


def list_forms(path: Path) -> list[list[list[str]]]:
    """List what each cell shows: kinds of output, and of a value its forms."""
    return [[sorted(one.get("data", [one["output_type"]])) for one in outputs] for _, outputs in list_cells(path)]


def find_text(path: Path, last: str) -> str:
    """Return what the cell shows whose last line starts so."""
    found = [outputs for source, outputs in list_cells(path) if source.splitlines()[-1].lstrip().startswith(last)]
    assert len(found) == 1, last
    assert found[0], f"{last} shows nothing"
    return found[0][-1].get("text") or found[0][-1]["data"]["text/plain"]


def find_rows(text: str) -> list[list[float]]:
    """Return the rows of an array as numpy shows it."""
    return [[float(number) for number in NUMBER.findall(row)] for row in re.findall(r"\[([^][]+)\]", text)]


def check_outputs(path: Path) -> None:
    """Look at what has to hold on every machine: names, shapes and ranges."""
    models = ast.literal_eval(find_text(path, "trained.models"))
    assert "demo-mood_sad-musicnn-msd-1" in models
    assert all(name.startswith("demo-mood_sad-") for name in models)
    recall = ast.literal_eval(find_text(path, "{name: round(value, 2) for"))
    assert sorted(recall) == ["non_sad", "sad"]
    assert all(0 <= value <= 1 for value in recall.values())
    predicted = [ast.literal_eval(line) for line in find_text(path, "print(one.failure").splitlines()]
    assert len(predicted) == 3
    for one in predicted:
        assert sorted(one) == ["non_sad", "sad"]
        assert sum(one.values()) == pytest.approx(1, abs=0.02)
    assert find_text(path, "ldl.report(") == "'report.html'"
    known, new = find_rows(find_text(path, "smoother.fit_transform")), find_rows(find_text(path, "smoother.transform"))
    for rows in (known, new):
        assert [len(row) for row in rows] == [2, 2, 2]
        assert all(sum(row) == pytest.approx(1) for row in rows)
    assert known != new, "a row is no neighbour of its own"
    assert float(find_text(path, "round(scaler.temperature_")) > 1, "the classifier is too sure of itself"
    (shown,) = [outputs[0]["data"] for source, outputs in list_cells(path) if source.splitlines()[-1] == "trained"]
    assert "<svg" in shown["text/html"]


def test_what_is_stored_holds_and_names_no_folder_of_a_machine():
    check_outputs(DOCS / "notebook.ipynb")
    text = (DOCS / "notebook.ipynb").read_text("utf-8")
    assert re.findall(r"/(?:home|tmp|root|work|Users|usr)/", text) == []


@pytest.mark.slow
def test_the_cells_run_in_silence_and_show_what_is_stored(demo_home, run_python, tmp_path):
    demo_home(tmp_path / "notebook-home")
    out = tmp_path / "out.ipynb"
    script = DOCS / "extensions" / "run.py"
    done = run_python(str(script), str(DOCS / "notebook.ipynb"), str(tmp_path), str(out), timeout_s=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout + done.stderr == "", "say=None is silence, of steps in processes of their own too"
    assert list_forms(out) == list_forms(DOCS / "notebook.ipynb")
    check_outputs(out)
    assert str(tmp_path) not in out.read_text("utf-8"), "paths are relative"
