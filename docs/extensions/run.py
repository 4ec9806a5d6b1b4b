"""Run the cells of a notebook and keep what they show, without Jupyter.

In: an ``.ipynb`` file (nbformat 4) and a folder to run it in; out: the same file, or another, with new outputs, in
which paths are relative to that folder: ``python docs/extensions/run.py docs/notebook.ipynb FOLDER [OUT]``.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any


def run_cell(source: str, names: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Run a cell; return what it printed, and the value of its last line."""
    tree, outputs = ast.parse(source), []
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, "notebook", "exec"), names)
        value = None if last is None else eval(compile(ast.Expression(last.value), "notebook", "eval"), names)
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": printed.getvalue()})
    if value is not None:
        data = {"text/plain": repr(value)}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = value._repr_html_()
        outputs.append({"output_type": "execute_result", "metadata": {}, "data": data})
    return json.loads(json.dumps(outputs).replace(json.dumps(f"{folder}/")[1:-1], ""))


def run_notebook(notebook: dict[str, Any], folder: Path) -> None:
    """Run all cells in a folder, one after another, and put their outputs into the notebook."""
    names: dict[str, Any] = {"__name__": "__main__"}
    folder, number = Path(folder).resolve(), 0
    os.chdir(folder)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            number += 1
            outputs = run_cell("".join(cell["source"]), names, folder)
            results = [one for one in outputs if one["output_type"] == "execute_result"]
            cell["outputs"], cell["execution_count"] = outputs, number
            for one in results:
                one["execution_count"] = number


if __name__ == "__main__":
    path, place, *rest = [Path(argument).resolve() for argument in sys.argv[1:]]
    found = json.loads(path.read_text("utf-8"))
    run_notebook(found, place)
    (rest[0] if rest else path).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
