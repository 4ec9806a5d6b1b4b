"""Sections of the report about the tracks: the command that takes corrections back."""

from __future__ import annotations

import json

from click.testing import CliRunner

from essentia_ldl.cli.main import main
from essentia_ldl.files import write_json
from essentia_ldl.recipe.recipe import render_recipe


def test_the_command_that_takes_corrections_back_repeats_the_run(make_writer, judge_run, monkeypatch):
    writer = make_writer()
    folder = writer.train("a run")
    page, _ = judge_run(folder)
    assert f"<code>essentia-ldl train &#x27;{folder}/recipe.toml&#x27; --corrections corrections.csv</code>" in page
    page, _ = judge_run(folder, is_portable=True)
    assert "essentia-ldl train &#x27;runs/a run/recipe.toml&#x27; --corrections" in page
    (folder / "recipe.toml").unlink()
    page, _ = judge_run(folder)
    assert "<code>essentia-ldl train mood-sad --corrections corrections.csv</code>" in page

    folder = writer.crossval()
    (folder / "recipe.toml").write_text(render_recipe(writer.recipe))
    page, _ = judge_run(folder)
    options = "--labels none --labels sa --folds 3 --repeats 1"
    command = f"crossval {folder}/recipe.toml --corrections corrections.csv {options}"
    assert f"<code>essentia-ldl {command}</code>" in page
    asked = {}
    monkeypatch.setattr(
        "essentia_ldl.measure.crossval.cross_validate", lambda *a, **k: asked.update(a=a, k=k) or iter(())
    )
    done = CliRunner().invoke(main, command.split())
    assert done.exit_code == 0, done.output
    assert list(asked["a"][2:5]) == [("none", "sa"), 3, 1]
    scores = json.loads((folder / "scores.json").read_text())
    write_json(folder / "scores.json", {**scores, "leave_out": "artist", "n_repeats": 2})
    page, _ = judge_run(folder)
    assert "--labels sa --leave-out artist --repeats 2</code>" in page
