"""Sections of the report about the tracks: labels, maps, failures, and the command that takes corrections back."""

from __future__ import annotations

import json
import re
import types

import numpy as np
from click.testing import CliRunner

from essentia_ldl.cli.main import main
from essentia_ldl.files import write_json
from essentia_ldl.recipe.toml import render_recipe
from essentia_ldl.records import LabelTable, Track
from essentia_ldl.report.doubts import Doubts, Judged
from essentia_ldl.report.pictures import choose_color
from essentia_ldl.report.results import TRAIN
from essentia_ldl.report.tracks import draw_failures, draw_labels, draw_maps


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
    asked = []

    def cross_validate(recipe, source, comparison, *_):
        asked.extend((source.corrections, comparison.labels, comparison.folds.n_folds, comparison.folds.n_repeats))
        return types.SimpleNamespace(collection=types.SimpleNamespace(failures=()))

    monkeypatch.setattr("essentia_ldl.measure.crossval.cross_validate", cross_validate)
    monkeypatch.setattr("essentia_ldl.cli.text.crossval.describe_measured", lambda done: [])
    done = CliRunner().invoke(main, command.split())
    assert done.exit_code == 0, done.output
    assert asked == ["corrections.csv", ("none", "sa"), 3, 1]
    scores = json.loads((folder / "scores.json").read_text())
    write_json(folder / "scores.json", {**scores, "leave_out": "artist", "n_repeats": 2})
    page, _ = judge_run(folder)
    assert "--labels sa --leave-out artist --repeats 2</code>" in page


def test_failures_are_cut_counted_and_without_their_folder():
    rows = [{"path": f"/music/{n} <b>.wav", "step": "decode", "reason": "no & no"} for n in range(103)]
    html = draw_failures(types.SimpleNamespace(results=types.SimpleNamespace(failures=rows)))
    assert html.count("<tr>") == 1 + 100
    assert "3 more are in failures.csv" in html
    assert "0 &lt;b&gt;.wav" in html
    assert "/music/" not in html
    assert draw_failures(types.SimpleNamespace(results=types.SimpleNamespace(failures=()))) == ""


def make_tracks() -> tuple[Track, ...]:
    return tuple(Track(name, "", label) for name, label in (("1", "a"), ("2", "a"), ("3", "b"), ("4", "b")))


def draw_of(rows, source="sa") -> str:
    tracks = make_tracks()
    table = LabelTable(tuple(track.id for track in tracks), ("a", "b"), np.array(rows, np.float32))
    values = {"kind": TRAIN, "tracks": tracks, "recipe": types.SimpleNamespace(classes=("a", "b"))}
    results = types.SimpleNamespace(**values, tables={source: [table]}, reports={source: [{}]}, scores={})
    return draw_labels(types.SimpleNamespace(results=results))


def test_labels_show_where_the_mass_went():
    html = draw_of([[0.9, 0.1], [0.5, 0.5], [0, 1], [0.2, 0.8]])
    assert "mean 0.80" in html  # of .9, .5, 1 and .8
    cells = re.findall(r'class="cell[^>]*>(\d*)</span>', html)
    assert cells == ["70", "30", "10", "90"]
    assert "4 labels of training tracks" in html
    assert "where its mass is after smoothing" in html
    plain = draw_of([[1, 0], [1, 0], [0, 1], [0, 1]], "none")
    assert "<table" not in plain
    assert "after smoothing" not in plain
    nothing = types.SimpleNamespace(tables={"sa": []}, recipe=types.SimpleNamespace(classes=()), tracks=())
    assert "does not hold its label distributions" in draw_labels(types.SimpleNamespace(results=nothing))


def test_a_map_shows_the_class_the_agreement_and_who_is_predicted_wrongly():
    tracks = make_tracks()
    opinions = [{"model": np.array([0.9, 0.1])}, {"model": np.array([0.2, 0.8])}, {"neighbours": np.array([1, 0])}, {}]
    judged = [
        Judged(track, said, (), disagreement, track.label)
        for track, said, disagreement in zip(tracks, opinions, (0.1, 0.8, 1.0, 0.0), strict=True)
    ]
    results = types.SimpleNamespace(tracks=tracks, recipe=types.SimpleNamespace(classes=("a", "b")))
    doubts = Doubts(tuple(judged[::-1]), None, "", ())
    page = types.SimpleNamespace(results=results, doubts=doubts, maps=[("MFCC <P>", np.eye(4)[:, :2])])
    html = draw_maps(page)
    assert re.findall(r'<path class="pt wrong" data-track="(\d)"', html) == ["1"]
    colours = dict(re.findall(r'data-track="(\d)"[^>]*fill="([^"]*)"', html))
    assert colours == {"0": choose_color(0.9), "1": choose_color(0.2), "2": choose_color(0.0), "3": "#8a8a8a"}
    assert "MFCC &lt;P&gt;" in html
    assert "There is no map" in draw_maps(types.SimpleNamespace(results=results, maps=[]))
