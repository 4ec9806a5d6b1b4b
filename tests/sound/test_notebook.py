"""The notebook of the documentation: its cells run, and show what is stored with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def list_outputs(path: Path) -> list[list[str]]:
    """List what each cell of code shows: kinds of output, and of a value its forms."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    shown = [
        [sorted(one.get("data", [one["output_type"]])) for one in cell["outputs"]]
        for cell in cells
        if "outputs" in cell
    ]
    assert any(shown)
    return shown


@pytest.mark.slow
def test_the_cells_of_the_notebook_run_and_show_what_is_stored(graphs, run_python, tmp_path):
    home = tmp_path / "notebook-home"
    (home / "graphs").mkdir(parents=True)
    for path in graphs.iterdir():
        (home / "graphs" / path.name).symlink_to(path)
    out = tmp_path / "out.ipynb"
    script = DOCS / "extensions" / "run.py"
    done = run_python(str(script), str(DOCS / "notebook.ipynb"), str(tmp_path), str(out), timeout_s=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list_outputs(out) == list_outputs(DOCS / "notebook.ipynb")
    assert str(tmp_path) not in out.read_text("utf-8"), "paths are relative"
