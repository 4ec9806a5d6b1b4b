"""Which cells of table 2 are asked for, how they are trained, and what of it is not the paper's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl.errors import UnknownNameError
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.studies.table2.cells import CellGroup
from essentia_ldl.studies.table2.paper import NETWORKS, SOURCES, STARTS, TASKS
from essentia_ldl.studies.table2.settings import Grid, describe_settings, set_up


@pytest.fixture
def recipe():
    return read_recipe("mood-sad")


def make_group(recipe, start="pretrained", grid=None):
    return CellGroup(
        "mood-sad", "vgg", start, set_up(recipe, grid or Grid(), "vgg", start), Path("sad"), 6, {"5f": "x"}
    )


def test_the_whole_table_is_asked_for_by_default():
    grid = Grid()
    assert (grid.networks, grid.starts, grid.sources, grid.tasks) == (NETWORKS, STARTS, SOURCES, TASKS)
    assert grid.training == (None, "all", 5, 187, None)
    assert Grid(tasks=("mood-sad",), networks=("vgg",)).training == grid.training, "which cells does not matter"
    with pytest.raises(UnknownNameError, match="start of table 2"):
        Grid(starts=("msd",))


@pytest.mark.parametrize(("start", "tuned", "n_epochs"), [("pretrained", "all", 150), ("scratch", "none", 600)])
def test_a_cell_is_trained_as_its_start_says(recipe, start, tuned, n_epochs):
    found = set_up(recipe, Grid(), "vgg", start)
    assert (found.network.backbone, found.network.pretrained, found.network.fine_tune) == ("vgg", "msd", tuned)
    assert found.n_epochs == n_epochs
    assert found.calibration.method == "none"
    changed = set_up(recipe, Grid(epochs=3, fine_tune="head", seed=7), "musicnn", start)
    assert (changed.n_epochs, changed.split.seed, changed.network.backbone) == (3, 7, "musicnn")
    assert changed.network.fine_tune == ("none" if start == "scratch" else "head")


def test_the_heading_of_the_papers_way_has_one_line(recipe):
    groups = [make_group(recipe, start) for start in STARTS]
    settings = "5 folds, 150 epochs pretrained, 600 epochs from scratch, scored every 187 frames, "
    assert describe_settings(Path("sets"), Grid(), groups) == [f"sets: {settings}pretrained networks fine-tuned: all"]


def test_every_other_way_is_told(recipe):
    grid = Grid(epochs=2, fine_tune="head", n_folds=3, patch_hop=93, seed=4)
    heading = describe_settings(Path("sets"), grid, [make_group(recipe, grid=grid)])
    assert heading[0].endswith("seed 4")
    assert heading[1].endswith(": 3 folds; 2 epochs; fine-tuned: head; scored every 93 frames")
    other = make_group(recipe.override(training__epochs=20, network__hidden=50))
    assert describe_settings(Path("sets"), Grid(), [other])[1].endswith(
        ": the recipe of mood-sad has another network.hidden, training.epochs"
    )
