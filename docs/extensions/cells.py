"""The cells of a notebook as Markdown: texts, code and the outputs that are stored with it; nothing is run.

In: the JSON of an ``.ipynb`` file (nbformat 4); out: text that MyST parses.
"""

from __future__ import annotations

import re
from typing import Any


def join(text: str | list[str]) -> str:
    """Return a text of a notebook, which may be stored as a list of lines."""
    return text if isinstance(text, str) else "".join(text)


def fence(kind: str, text: str, rest: str = "") -> str:
    """Put a text between fences that are longer than any within it."""
    ticks = max(["``", *re.findall("`+", text)], key=len) + "`"
    return f"{ticks}{kind}{rest}\n{text.rstrip()}\n{ticks}\n"


def write_markdown(notebook: dict[str, Any]) -> str:
    """Write a notebook as Markdown: texts as they are, code in fences, each output below its cell."""
    parts = []
    for cell in notebook["cells"]:
        text = join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
        elif cell["cell_type"] == "code" and text.strip():
            parts.append(fence("python", text))
            parts += [write_output(output) for output in cell["outputs"]]
    return "\n\n".join(parts) + "\n"


def write_output(output: dict[str, Any]) -> str:
    """Write one output of a cell: its HTML where it has one, else its text."""
    if output["output_type"] == "stream":
        return "" if output["name"] == "stderr" else fence("text", join(output["text"]))
    data = output.get("data", {})
    if "text/html" in data:
        return fence("{raw}", f'<div class="output">{join(data["text/html"])}</div>', " html")
    return fence("text", join(data.get("text/plain", "")))
