"""Table 2 through every zone, two epochs a training: the numbers shown are those of the cells' scores.json."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.datasets.demo import DemoSize, build_demo
from essentia_ldl.recipe.toml import read_recipe

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 7  # of each track: three patches, where the twenty seconds of a demo have twelve
SMALL = 'source = "sb"\n[labels.sa]\nn_neighbors = 3\n[labels.sb]\nn_neighbors = 3\nn_components = 4\nmax_iter = 60\n'


@pytest.fixture(scope="module")
def home(tmp_path_factory, graphs, cut_wavs) -> Path:
    """A home with the base graphs, a recipe whose smoothing suits few tracks, and a folder of data sets."""
    home = tmp_path_factory.mktemp("table2")
    shutil.copytree(graphs, home / "graphs")
    recipe = read_recipe("mood-sad")
    (home / "recipes").mkdir()
    text = (
        f'task = "mood-sad"\nclasses = {json.dumps(recipe.classes)}\n[aliases]\nnot_sad = "non_sad"\n[labels]\n{SMALL}'
    )
    (home / "recipes" / "mood-sad.toml").write_text(text)
    demo = build_demo(home / "sets" / "mood-sad", recipe.classes, DemoSize(10, 10, duration_s=20.0))
    cut_wavs(demo / "audio", SECONDS)
    folder = home / "sets" / "mtg-jamendo"
    (folder / "00").mkdir(parents=True)
    lines = ["TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"]
    with open(demo / "index.csv", newline="") as file:
        for number, row in enumerate(list(csv.DictReader(file))[::3]):
            shutil.copy(demo / row["path"], folder / "00" / f"{number}.wav")
            label = row["label"].replace("non_", "not_")
            lines.append(f"t{number}\ta{number}\tb\t00/{number}.wav\t{SECONDS}.0\tmood_sad---{label},{label},{label}")
    (folder / "music-classification-annotations-clean.tsv").write_text("\n".join(lines) + "\n")
    return home


@pytest.fixture
def run_table(home: Path, run_command: Callable[..., str]) -> Callable[..., str]:
    """A function (*options) -> what table2 prints of a small grid."""
    grid = ("table2", str(home / "sets"), "--epochs", "2", "--folds", "2", "--networks", "vgg")
    return lambda *options: run_command(home, *grid, *options)


@pytest.mark.slow
def test_a_small_grid_is_measured_once_and_stands_beside_the_paper(home, run_table):
    heads = ("--starts", "pretrained", "--fine-tune", "head", "--labels", "none,sb")
    shown = run_table(*heads)
    assert "4 cells with data, 0 measured before, 4 to do" in shown
    assert shown.index("together about") < shown.index("trainings, 2 to do")
    assert "genre-dortmund     no data" in shown

    (run,) = (home / "runs").glob("table2-*")
    rows = json.loads((run / "table2.json").read_text())["cells"]
    measured = {(row["column"], row["source"]): row for row in rows if row["measured"] is not None}
    assert set(measured) == {(column, source) for column in ("5f", "ext") for source in ("none", "sb")}
    line = re.findall(r"^vgg      mood-sad .*$", shown, re.MULTILINE)[-1].split()[2:]
    papers = [f"{value:.2f}" for value in (0.83, 0.83, 0.83, 0.65, 0.63, 0.62)]
    assert [cell.split("|")[1] for cell in line] == papers
    ours = [cell.split("|")[0].rstrip("*") for cell in line]
    assert (ours.pop(4), ours.pop(1)) == ("-", "-"), "sa was not asked for"
    assert ours == [f"{row['measured']:.2f}" for row in measured.values()]
    for (column, source), row in measured.items():
        scores = json.loads((home / row["scores"]).read_text())
        if column == "5f":
            folds = [fold["balanced_accuracy"] for fold in scores["sources"][source]["folds"]]
            assert len(folds) == 2
            assert row["measured"] == pytest.approx(np.mean(folds))
            assert row["n_tracks"] == 20
        else:
            assert row["measured"] == scores["balanced_accuracy"]
            assert row["n_tracks"] == 7
    assert not list((home / "graphs").glob("*mood_sad*")), "what is only measured does not become a model to use"

    again = run_table(*heads)
    assert "4 cells with data, 4 measured before, 0 to do" in again
    assert "trainings" not in again
    assert again[again.index("trained from scratch") :] == shown[shown.index("trained from scratch") :]


@pytest.mark.slow
def test_a_network_from_scratch_is_a_cell_too(home, run_table):
    shown = run_table("--starts", "scratch", "--labels", "none", "--no-external")
    assert "1 cells with data, 0 measured before, 1 to do" in shown
    line = re.findall(r"^vgg      mood-sad .*$", shown, re.MULTILINE)[0].split()[2:]
    assert re.fullmatch(r"[01]\.\d\d\|0\.86", line[0])
    assert line[1:] == ["-|0.85", "-|0.88", "-|0.69", "-|0.66", "-|0.70"]
