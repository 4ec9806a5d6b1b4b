"""The documentation: every command, key and public name is on its page, and nothing is fetched when one reads it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import click
import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path.insert(0, str(DOCS))

from extensions import cells, installed, pages, run  # noqa: E402


def test_every_command_and_every_option_is_described():
    from essentia_ldl.cli.main import main

    text = pages.describe_commands()
    found = list(pages.list_commands(main, click.Context(main, info_name="essentia-ldl", **main.context_settings)))
    assert {"train", "predict", "build"} <= {command.name for command, _ in found}
    for command, context in found:
        assert f"\n## {context.command_path.removeprefix('essentia-ldl ')}\n" in text
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[-1] in text


def test_every_key_of_a_recipe_is_described_with_its_default():
    from essentia_ldl.recipe.sections import SECTIONS

    text = pages.describe_recipe()
    assert "`valid_share = 0.2`\n: share of the tracks kept for validation" in text
    assert [name for name in SECTIONS if f"## \\[{name}\\]" not in text] == []
    assert "## \\[labels.sb\\]" in text


def test_what_a_module_defines_is_listed_and_what_it_imports_is_not():
    from essentia_ldl.scores import abstention, metrics

    assert pages.list_public(metrics)[:2] == ["score_accuracy", "score_recall"]
    assert "explain" not in pages.list_public(abstention)


def test_extras_name_their_packages_and_not_what_is_said_of_these():
    rows = [line.strip("| ").split(" | ") for line in pages.describe_extras().splitlines()[2:]]
    packages = [package for _, _, named in rows for package in named.split(", ")]
    assert "pytest\\>=9" in packages
    assert not [package for package in packages if " " in package or "#" in package]


def test_a_command_is_drawn_with_what_it_printed_and_nothing_of_it_is_markup(tmp_path):
    (tmp_path / "a<b>").touch()
    assert installed.run(tmp_path, "ls | sort") == "<b>$ ls | sort</b>\na&lt;b&gt;"
    assert installed.run(tmp_path, "essentia-ldl --version").startswith(
        "<b>$ essentia-ldl --version</b>\nessentia-ldl, "
    )


def test_a_text_is_shown_as_it_is():
    assert pages.escape("a_b *c* <d> [e]|`f`") == r"a\_b \*c\* \<d\> \[e\]\|\`f\`"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]}, "```text\na\nb\n```\n"),
        ({"output_type": "stream", "name": "stderr", "text": "noise"}, ""),
        ({"output_type": "execute_result", "data": {"text/plain": "1"}}, "```text\n1\n```\n"),
        ({"output_type": "execute_result", "data": {"text/plain": "1", "text/html": "<b>1</b>"}}, "<b>1</b>"),
    ],
)
def test_an_output_of_a_notebook_is_shown_in_its_best_form(output, expected):
    assert expected in cells.write_output(output)
    assert bool(cells.write_output(output)) == bool(expected)


def test_fences_are_longer_than_what_they_hold():
    assert cells.fence("text", "```x```") == "````text\n```x```\n````\n"


def test_cells_of_a_notebook_keep_their_order():
    code = {"cell_type": "code", "source": ["x = 1\n", "x"], "outputs": []}
    text = cells.write_markdown({"cells": [{"cell_type": "markdown", "source": "# Title"}, code]})
    assert text.index("# Title") < text.index("```python\nx = 1\nx\n```")


def test_stored_notebooks_ran_to_their_end():
    for path in DOCS.glob("*.ipynb"):
        code = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
        assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
        assert not any(output["output_type"] == "error" for cell in code for output in cell["outputs"])


def test_a_cell_shows_what_it_prints_and_its_last_value(tmp_path):
    names: dict[str, object] = {}
    found = run.run_cell(f"x = {str(tmp_path / 'a')!r}\nprint(x)\nx", names, tmp_path)
    assert [one["output_type"] for one in found] == ["stream", "execute_result"]
    assert (found[0]["text"], found[1]["data"]) == ("a\n", {"text/plain": "'a'"})
    assert run.run_cell("y = 1", names, tmp_path) == []
    assert run.run_cell("x", names, tmp_path)[0]["data"]["text/plain"] == "'a'", "cells share their names"


def test_tables_of_the_pages_have_as_many_cells_in_every_row():
    for path in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]:
        for table in re.findall(r"(?:^\|.*\n)+", path.read_text("utf-8"), re.MULTILINE):
            sizes = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
            assert len(sizes) == 1, (path.name, table)


def test_the_readme_is_a_page_whose_links_lead_somewhere():
    root = DOCS.parent
    text = (root / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 130
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert len(links) > 10
    assert [link for link in links if not (root / link.partition("#")[0]).exists()] == []


def test_the_readme_has_a_line_for_every_command():
    from essentia_ldl.cli.main import main

    text = (DOCS.parent / "README.md").read_text("utf-8").partition("## Commands")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z0-9 -]+)`", text))
    found = [
        context.command_path.removeprefix("essentia-ldl ")
        for _, context in pages.list_commands(
            main, click.Context(main, info_name="essentia-ldl", **main.context_settings)
        )
    ]
    assert [name for name in found if name not in named] == []
