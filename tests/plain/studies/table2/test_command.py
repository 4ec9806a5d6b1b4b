"""Table 2: the grid goes on where it stopped, repeats nothing, and shows what scores.json holds beside the paper."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from essentia_ldl.cli.main import main
from essentia_ldl.cli.text.studies import describe_table2
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import DataError, DiskError, StoreError, UnknownNameError
from essentia_ldl.files import Home, read_json, write_json
from essentia_ldl.measure.crossval import Measured
from essentia_ldl.recipe.toml import read_recipe, render_recipe
from essentia_ldl.studies.estimates import Cost
from essentia_ldl.studies.table2 import command as table2
from essentia_ldl.studies.table2 import tables
from essentia_ldl.studies.table2.command import Grid, build_table
from essentia_ldl.studies.table2.paper import TABLE_2, Cell

SMALL = Grid(networks=("vgg",), starts=("pretrained",), sources=("none", "sa"), tasks=("mood-sad", "mood-happy"))


def make_collection(root: Path, *classes: str, n_tracks: int = 3) -> None:
    for label in classes:
        for number in range(n_tracks):
            path = root / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"{label} {number}".encode())


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Replace measuring by numbers; gives the folder of data sets, the calls and what is to go wrong."""
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    root = tmp_path / "sets"
    make_collection(root / "mood-sad", "sad", "non_sad")
    make_collection(root / "mood_happy", "happy", "non_happy")
    state = {"root": root, "calls": [], "external": [], "said": [], "wrong": {}, "score": 0.7}

    def cross_validate(recipe, source, comparison, home, n_jobs, say):
        sources = comparison.labels
        source = sources[-1]
        state["calls"].append((recipe.task, recipe.network.backbone, recipe.network.fine_tune, *sources))
        if (recipe.task, source) in state["wrong"]:
            raise state["wrong"][recipe.task, source]
        name = f"{recipe.task}-{recipe.network.backbone}-{recipe.network.fine_tune}"
        path = tmp_path / "home" / "runs" / name / "scores.json"
        row = {"balanced_accuracy_mean": state["score"], "balanced_accuracy_std": 0.05}
        comparisons = [
            {"name": name, "against": "none", "corrected": {"p": 0.01}} for name in sources if name != "none"
        ]
        scores = {"n_tracks": 6, "sources": dict.fromkeys(sources, row), "comparisons": comparisons}
        write_json(path, scores)
        return Measured(path.parent, scores, Collection((), {}, {}, (), home), (), "")

    def validate_externally(cell, recipe, sets, home, n_jobs, say):
        state["external"].append((recipe.task, recipe.labels))
        write_json(cell / "scores.json", {"balanced_accuracy": 0.61, "n_tracks": 9})
        return cell / "scores.json"

    def measure_costs(path, networks, batch_size):
        return dict.fromkeys(networks, Cost(batch_size, 3.0, 0.02, 0.01))

    monkeypatch.setattr(table2, "cross_validate", cross_validate)
    monkeypatch.setattr(table2, "validate_externally", validate_externally)
    monkeypatch.setattr(table2.estimates, "measure_costs", measure_costs)
    monkeypatch.setattr(table2.estimates, "find_durations", lambda *_: [30.0])
    return state


def build(work, grid=SMALL, **options):
    return build_table(str(work["root"]), grid, Home.from_environment(), say=work["said"].append, **options)


def cells_of(table):
    rows = read_json(table.folder / "table2.json")["cells"]
    return {Cell(*(row[name] for name in Cell._fields)): row for row in rows}


def test_every_cell_with_data_is_measured_and_stands_beside_the_papers(work):
    table = build(work)
    assert sorted(work["calls"]) == [
        ("mood-happy", "vgg", "all", "none"),
        ("mood-happy", "vgg", "all", "none", "sa"),
        ("mood-sad", "vgg", "all", "none"),
        ("mood-sad", "vgg", "all", "none", "sa"),
    ]
    assert table.problems == ()
    rows = cells_of(table)
    assert set(rows) == set(TABLE_2)
    measured = {cell for cell, row in rows.items() if row["measured"] is not None}
    tasks, sources = ("mood-sad", "mood-happy"), ("none", "sa")
    assert measured == {Cell("vgg", task, "pretrained", "5f", source) for task in tasks for source in sources}
    row = rows[Cell("vgg", "mood-sad", "pretrained", "5f", "sa")]
    assert (row["measured"], row["deviation"], row["p"], row["n_tracks"]) == (0.7, 0.05, 0.01, 6)
    assert row["paper"] == 0.83
    assert row["scores"] == "runs/mood-sad-vgg-all/scores.json"
    line = next(line for line in reversed(describe_table2(table)) if line.startswith("vgg      mood-sad"))
    assert line.split()[2:] == ["0.70|0.83", "0.70*|0.83", *["-|0.83", "-|0.65", "-|0.63", "-|0.62"]]


def test_suspicious_cells_are_marked_and_explained(work):
    table = build(work)
    line = next(line for line in reversed(describe_table2(table)) if line.startswith("vgg      genre-tzanetakis"))
    assert line.split()[2:] == ["-|0.64c", "-|0.67c", "-|0.64c", "-|0.64a", "-|0.27a", "-|0.64a"]
    assert sum(line[:3] in ("a: ", "b: ", "c: ") for line in describe_table2(table)) == 3
    text = (table.folder / "table2.md").read_text()
    assert "| vgg | mood-sad | 0.70 ± 0.05 / 0.83 | 0.70\\* ± 0.05 / 0.83 | - / 0.83 |" in text
    assert "| - / 0.64a | - / 0.27a | - / 0.64a |" in text
    with open(table.folder / "table2.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 240
    assert [row["mark"] for row in rows].count("a") == 3


def test_the_same_command_repeats_nothing_and_more_cells_join_the_same_table(work):
    first = build(work)
    work["calls"].clear()
    again = build(work)
    assert work["calls"] == []
    assert again.folder == first.folder
    assert describe_table2(again) == describe_table2(first)
    more = Grid(networks=("vgg",), starts=("pretrained",), sources=("sb",), tasks=("mood-sad",))
    table = build(work, more)
    assert work["calls"] == [("mood-sad", "vgg", "all", "none", "sa", "sb")]
    assert table.folder == first.folder
    assert sum(row["measured"] is not None for row in cells_of(table).values()) == 5


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), DiskError("the disk is full")])
def test_a_stop_keeps_what_was_measured(work, stop):
    work["wrong"]["mood-sad", "sa"] = stop
    with pytest.raises(type(stop)):
        build(work, Grid(**{**vars(SMALL), "tasks": ("mood-sad",)}))
    (run,) = (Path(os.environ["ESSENTIA_LDL_HOME"]) / "runs").glob("table2-*")
    row = next(r for r in read_json(run / "table2.json")["cells"] if r["measured"] is not None)
    assert (row["task"], row["source"]) == ("mood-sad", "none")
    work["wrong"].clear()
    work["calls"].clear()
    build(work, Grid(**{**vars(SMALL), "tasks": ("mood-sad",)}))
    assert work["calls"] == [("mood-sad", "vgg", "all", "none", "sa")]


def test_a_kill_at_any_point_repeats_nothing_that_is_noted(work, tmp_path):
    """The book alone decides, and it is written after every cell: here the process dies without any farewell."""
    code = f"""
import os, pathlib, types
from essentia_ldl.files import Home, write_json
from essentia_ldl.studies.estimates import Cost
from essentia_ldl.studies.table2 import command as table2
from essentia_ldl.studies.table2 import tables
n = 0
def cross_validate(recipe, source, comparison, *_):
    global n
    n += 1
    if n == 3:
        os._exit(9)
    run = pathlib.Path({str(tmp_path)!r}) / "home" / "runs" / recipe.task
    row = dict(balanced_accuracy_mean=0.7, balanced_accuracy_std=0.0)
    write_json(run / "scores.json", dict(n_tracks=6, sources=dict.fromkeys(comparison.labels, row), comparisons=[]))
    return types.SimpleNamespace(run=run)
table2.cross_validate = cross_validate
table2.estimates.measure_costs = lambda path, networks, size: dict.fromkeys(networks, Cost(size, 3.0, 0.02, 0.01))
table2.estimates.find_durations = lambda *_: [30.0]
grid = table2.Grid(networks=("vgg",), starts=("pretrained",), sources=("none", "sa"), tasks=("mood-sad", "mood-happy"))
table2.build_table({str(work["root"])!r}, grid, Home.from_environment())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 9, done.stderr
    build(work)
    assert len(work["calls"]) == 2
    assert {call[0] for call in work["calls"]} == {"mood-happy"}, "the quicker or first task was done before the kill"


def test_other_data_or_another_recipe_is_measured_again(work):
    build(work)
    work["calls"].clear()
    make_collection(work["root"] / "mood-sad", "sad", n_tracks=4)
    build(work)
    assert {call[0] for call in work["calls"]} == {"mood-sad"}
    assert len(work["calls"]) == 2
    work["calls"].clear()
    other = build(work, Grid(**{**vars(SMALL), "epochs": 2}))
    assert len(work["calls"]) == 4
    assert any("NOT as in the paper" in line for line in describe_table2(other))
    assert not any("NOT as" in line for line in describe_table2(build(work)))


def find_heading(table):
    return read_json(table.folder / "table2.json")["heading"]


def measured_of(table):
    return {(row["task"], row["source"]) for row in cells_of(table).values() if row["measured"] is not None}


ALL = {(task, source) for task in ("mood-sad", "mood-happy") for source in ("none", "sa")}


def test_what_was_measured_on_other_data_is_not_shown_as_measured(work):
    assert measured_of(build(work)) == ALL
    make_collection(work["root"] / "mood-sad", "sad", n_tracks=4)
    work["wrong"]["mood-sad", "none"] = work["wrong"]["mood-sad", "sa"] = DataError("folds: too few")
    table = build(work)
    assert measured_of(table) == {cell for cell in ALL if cell[0] == "mood-happy"}
    older = "not shown, measured on other data or by another recipe: mood-sad/vgg/pretrained/5f"
    assert older in find_heading(table)
    assert older in (table.folder / "table2.md").read_text()
    work["wrong"].clear()
    table = build(work)
    assert measured_of(table) == ALL
    assert len(find_heading(table)) == 1


def test_other_data_of_a_task_that_is_not_asked_for_is_seen_too(work):
    build(work)
    make_collection(work["root"] / "mood-sad", "sad", n_tracks=4)
    happy = Grid(**{**vars(SMALL), "tasks": ("mood-happy",)})
    table = build(work, happy)
    assert measured_of(table) == {cell for cell in ALL if cell[0] == "mood-happy"}
    assert "measured on other data or by another recipe: mood-sad/" in find_heading(table)[1]
    shutil.rmtree(work["root"] / "mood-sad")
    table = build(work, happy)
    assert measured_of(table) == ALL
    assert "cannot be compared now: mood-sad/vgg/pretrained/5f" in find_heading(table)[1]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"mood-sad/vgg/pretrained/5f": []}',
        '{"mood-sad/vgg/pretrained/5f": {"digest": "x"}}',
        '{"mood-sad/vgg/pretrained/5f": {"digest": "x", "scores": {"none": 3}}}',
        '{"mood-sad": {"digest": "x", "scores": {}}}',
    ],
)
def test_a_damaged_book_is_measured_anew(work, text):
    first = build(work)
    (first.folder / "cells.json").write_text(text)
    work["calls"].clear()
    assert measured_of(build(work)) == ALL
    assert len(work["calls"]) == 4


@pytest.mark.parametrize(
    "change", [{"n_tracks": None}, {"sources": []}, {"sources": {"none": {"balanced_accuracy_mean": "0.7"}}}]
)
def test_scores_with_something_else_than_numbers_are_no_cell(work, change):
    build(work)
    path = Path(os.environ["ESSENTIA_LDL_HOME"]) / "runs" / "mood-sad-vgg-all" / "scores.json"
    write_json(path, {**read_json(path), **change})
    work["calls"].clear()
    assert measured_of(build(work)) == ALL
    assert [call[3:] for call in work["calls"]] == [("none",), ("none", "sa")]


def test_the_heading_tells_the_epochs_of_the_recipes_and_the_hop(work):
    table = build(work, Grid(**{**vars(SMALL), "starts": ("pretrained", "scratch")}))
    settings = "5 folds, 150 epochs pretrained, 600 epochs from scratch, scored every 187 frames, "
    assert find_heading(table) == [f"{work['root']}: {settings}pretrained networks fine-tuned: all"]
    recipes = Path(os.environ["ESSENTIA_LDL_HOME"]) / "recipes"
    recipes.mkdir(parents=True)
    changed = read_recipe("mood-sad").override(training__epochs=20, network__hidden=50, labels="sa")
    (recipes / "mood-sad.toml").write_text(render_recipe(changed))
    heading = find_heading(build(work))
    # mood-happy from scratch was measured before and is still shown; mood-sad from scratch was with the old recipe
    assert "5 folds, 20 or 150 epochs pretrained, 600 epochs from scratch" in heading[0]
    beside = "the recipe of mood-sad has another network.hidden, training.epochs"
    assert heading[1] == f"NOT as in the paper, so the two columns cannot be compared: {beside}"
    assert heading[2].endswith("recipe: mood-sad/vgg/scratch/5f")


def test_a_recipe_that_only_says_the_defaults_in_fewer_words_is_the_shipped_one(work):
    recipes = Path(os.environ["ESSENTIA_LDL_HOME"]) / "recipes"
    recipes.mkdir(parents=True)
    text = 'task = "mood-sad"\ndescription = "mine"\nclasses = ["non_sad", "sad"]\n'
    (recipes / "mood-sad.toml").write_text(text)
    assert len(find_heading(build(work))) == 1
    (recipes / "mood-sad.toml").write_text(text + "[labels.sb]\nn_neighbors = 3\n")
    assert find_heading(build(work))[1].endswith(": the recipe of mood-sad has another labels.sb.n_neighbors")


def test_another_hop_is_told(work):
    heading = find_heading(build(work, Grid(**{**vars(SMALL), "patch_hop": 93, "n_folds": 3})))
    assert "3 folds, 150 epochs pretrained, scored every 93 frames" in heading[0]
    assert heading[1] == "NOT as in the paper, so the two columns cannot be compared: 3 folds; scored every 93 frames"


def test_a_damaged_file_of_one_task_does_not_stop_the_others(work):
    work["wrong"]["mood-sad", "none"] = StoreError("features: expected a readable array")
    table = build(work)
    assert measured_of(table) == ALL - {("mood-sad", "none")}
    assert table.problems == ("mood-sad, vgg, pretrained, none: features: expected a readable array",)


def test_scores_that_are_gone_or_of_other_sources_are_measured_again(work):
    build(work)
    path = Path(os.environ["ESSENTIA_LDL_HOME"]) / "runs" / "mood-sad-vgg-all" / "scores.json"
    scores = read_json(path)
    write_json(path, {**scores, "sources": {"none": scores["sources"]["none"]}})
    work["calls"].clear()
    build(work)
    assert work["calls"] == [("mood-sad", "vgg", "all", "none", "sa")]
    path.unlink()
    work["calls"].clear()
    build(work)
    assert [call[3:] for call in work["calls"]] == [("none",), ("none", "sa")]


def test_one_task_or_cell_that_cannot_be_measured_does_not_stop_the_others(work):
    make_collection(work["root"] / "mood-party", "party", "loud")
    make_collection(work["root"] / "mood-relaxed", "relaxed")
    work["wrong"]["mood-sad", "none"] = DataError("folds: too few")
    grid = Grid(**{**vars(SMALL), "tasks": ("mood-sad", "mood-happy", "mood-party", "mood-relaxed", "mood-acoustic")})
    table = build(work, grid)
    assert sorted(work["calls"]) == [
        ("mood-happy", "vgg", "all", "none"),
        ("mood-happy", "vgg", "all", "none", "sa"),
        ("mood-sad", "vgg", "all", "none"),
        ("mood-sad", "vgg", "all", "sa"),
    ]
    problems = dict(text.split(": ", 1) for text in table.problems)
    assert set(problems) == {"mood-party", "mood-relaxed", "mood-sad, vgg, pretrained, none"}
    assert "'loud'" in problems["mood-party"]
    assert "non_party, party" in problems["mood-party"]
    assert "two sub-folders or more" in problems["mood-relaxed"]
    assert "1 sub-folders" in problems["mood-relaxed"]
    said = "\n".join(work["said"])
    assert "mood-acoustic      no data" in said
    assert "mood-happy         6 tracks" in said


def test_the_estimate_comes_before_the_work_and_a_dry_run_ends_there(work):
    table = build(work, Grid(tasks=("mood-sad",)), dry_run=True)
    assert work["calls"] == []
    assert not (table.folder / "table2.json").exists()
    assert (table.heading, table.rows) == ((), ())
    said = "\n".join(work["said"])
    assert "12 cells with data, 0 measured before, 12 to do" in said
    # 6 tracks, 5 folds: 4.8 inside, 0.96 validate on 19 patches; 3.84 / 32 steps of 3 s; 600 epochs
    seconds = 5 * (600 * (3.84 / 32 * 3 + 0.96 * 19 * 0.02) + 6 * 19 * 0.02)
    assert f"vgg      scratch        600   {seconds / 60:.0f} minutes" in said
    assert "together about" in work["said"][-1]


def test_the_quickest_cells_come_first(work):
    build(work, Grid(tasks=("mood-sad",), networks=("vgg",), sources=("none",)))
    assert [call[2] for call in work["calls"]] == ["all", "none"]
    work["calls"].clear()
    build(work, Grid(tasks=("mood-sad",), networks=("vgg",), sources=("none",), fine_tune="head"))
    assert [call[2] for call in work["calls"]] == ["head", "none"]


def write_annotations(root: Path, *rows: str) -> None:
    folder = root / "mtg-jamendo"
    (folder / "00").mkdir(parents=True, exist_ok=True)
    lines = ["TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"]
    for number, row in enumerate(rows):
        (folder / "00" / f"{number}.mp3").write_bytes(b"music")
        lines.append(f"track_{number}\tartist_{number}\talbum_0\t00/{number}.mp3\t200.0\t{row}")
    (folder / "music-classification-annotations-clean.tsv").write_text("\n".join(lines) + "\n")


def test_external_cells_are_measured_where_there_are_annotations_of_the_task(work):
    write_annotations(work["root"], "mood_sad---sad,sad,sad", "mood_sad---not_sad,not_sad,not_sad")
    table = build(work)
    assert work["external"] == [("mood-sad", "none"), ("mood-sad", "sa")]
    row = cells_of(table)[Cell("vgg", "mood-sad", "pretrained", "ext", "sa")]
    assert (row["measured"], row["deviation"], row["n_tracks"], row["paper"]) == (0.61, None, 9, 0.63)
    (problem,) = table.problems
    assert problem.startswith("mood-happy, Ext.: taxonomy: expected one of the file's: mood_sad (2 tracks)")
    work["external"].clear()
    build(work)
    assert work["external"] == []
    write_annotations(work["root"], *["mood_sad---sad,sad,sad"] * 3)
    build(work)
    assert len(work["external"]) == 2, "other annotations"
    work["external"].clear()
    assert build(work, Grid(**{**vars(SMALL), "external": False})).problems == ()


def test_annotations_that_cannot_be_read_say_what_is_there(work):
    (work["root"] / "mtg-jamendo" / "audio").mkdir(parents=True)
    (problem,) = build(work).problems
    assert problem.startswith("mtg-jamendo: MTG-Jamendo: expected MTG-Jamendo's music-classification-annotations")
    assert "1 folders (audio) and 0 files" in problem
    assert len(work["calls"]) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"networks": ("vg",)}, "network of table 2: .*vgg"),
        ({"starts": ("scrach",)}, "scratch"),
        ({"sources": ("sc",)}, "label source of table 2"),
        ({"tasks": ("mood-sadd",)}, "mood-sad"),
        ({"fine_tune": "none"}, "all.*head"),
    ],
)
def test_a_name_that_is_not_in_the_table_is_refused(change, message):
    with pytest.raises(UnknownNameError, match=message):
        Grid(**change)


def test_a_table_says_what_it_is(work):
    table = build(work)
    content = json.loads((table.folder / "table2.json").read_text())
    assert content["settings"]["fine_tune"] == "all"
    assert content["settings"]["patch_hop"] == 187
    assert set(content["reasons"]) == {"a", "b", "c"}
    assert content["problems"] == {}


def test_the_command_takes_names_by_commas_or_repeated_and_ends_with_1_when_something_is_missing(monkeypatch, tmp_path):
    asked = []

    def build_table(data, grid, home, n_jobs, dry_run, say):
        asked.append((data, grid, n_jobs, dry_run))
        heading, rows = ([], []) if dry_run else (["the table"], tables.fill_rows({}))
        return table2.Table(tmp_path, heading, rows, () if dry_run else ("mood-sad: no",))

    monkeypatch.setattr(table2, "build_table", build_table)
    options = ["--tasks", "mood-sad,mood-happy", "--labels", "none", "--labels", "sb", "--starts", "scratch"]
    more = ["--epochs", "2", "--folds", "3", "--seed", "0", "--no-external", "--dry-run", "--jobs", "2"]
    result = CliRunner().invoke(main, ["table2", "sets", *options, *more])
    costs = f"nothing trained; the measured costs are in {tmp_path}/costs.json\n"
    assert (result.exit_code, result.stdout) == (0, costs)
    result = CliRunner().invoke(main, ["table2", "sets"])
    assert result.exit_code == 1
    shown = result.stdout.splitlines()
    assert (shown[0], shown[-1]) == ("the table", f"{tmp_path}/table2.md")
    assert "1 not measured:\nmood-sad: no" in result.stderr
    small = Grid(
        starts=("scratch",),
        sources=("none", "sb"),
        tasks=("mood-sad", "mood-happy"),
        epochs=2,
        n_folds=3,
        seed=0,
        external=False,
    )
    assert asked == [("sets", small, 2, True), ("sets", Grid(), None, False)]
