"""Notebooks as pages: the cells and the outputs that are stored in an ``.ipynb`` file; nothing is run."""

from __future__ import annotations

import json
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser

from extensions.cells import write_markdown


class NotebookParser(MystParser):
    """A parser of notebooks."""

    supported = ("ipynb",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        super().parse(write_markdown(json.loads(inputstring)), document)


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx about the parser."""
    app.add_source_suffix(".ipynb", "ipynb")
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
