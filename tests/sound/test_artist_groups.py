"""Artist groups through every zone, on the smallest demo: the experiment, and a training with its graph in Essentia."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.train.prepare import make_demo

RECIPE = """
task = "genre-agf-demo"
classes = ["Folk", "Rock"]
[labels]
source = "agf"
[labels.agf-m]
n_clusters = 24
n_groups = 4
[labels.agf-d]
n_clusters = 24
n_groups = 4
[labels.agf-e]
n_clusters = 8
n_groups = 4
[labels.agf-s]
n_groups = 4
[split]
valid_share = 0.2
[network]
backbone = "dcnn"
fine_tune = "none"
hidden = 0
[training]
epochs_from_scratch = 2
batch_size = 16
[targets]
hidden = 16
epochs = 3
[demo]
tracks = 16
artists = 7
substyles = 2
seconds = 8.0
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory, cut_wavs) -> Path:
    """A home with the recipe and its demo, of which five seconds a track are left, which are enough."""
    home = tmp_path_factory.mktemp("agf")
    (home / "recipes").mkdir()
    (home / "recipes" / "genre-agf-demo.toml").write_text(RECIPE)
    demo = make_demo(home / "store" / "demo" / "genre-agf-demo", read_recipe("genre-agf-demo", home / "recipes"))
    cut_wavs(demo / "audio", 5.0)
    return home


@pytest.mark.slow
def test_the_experiment_is_measured_once_and_stands_beside_the_paper(home, run_command):
    shown = run_command(home, "agf", "--targets", "g,gs", "--networks", "separate,shared,wide")
    # g and s; shared and wide networks of two
    assert re.search(r"32 tracks, 4 cells: 6 x 2 epochs, about .* here", shown)
    assert shown.index("about") < shown.index("32 tracks (")  # the time is told before anything is extracted
    (folder,) = (home / "runs").glob("agf-*")
    with open(folder / "agf.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["seeds"]]
    scores = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("artist-0/cells/*/scores.json")}
    assert set(scores) == {"separate-g", "separate-gs", "shared-gs", "wide-2"}
    assert len(rows) == 4
    assert "Table 4" in shown
    assert "0.8606" in shown  # the paper's, of g and s

    # the scores are those of the predictions on artists that did not train
    plan = json.loads((folder / "artist-0/cells/shared-gs/plan.json").read_text())
    artists = {
        role: {plan["artists"][t["id"]] for t in plan["tracks"] if t["role"] == role} for role in ("train", "test")
    }
    assert artists["test"]
    assert not artists["test"] & artists["train"]
    with np.load(folder / "artist-0/cells/shared-gs/predictions.npz") as arrays:
        tests = arrays["roles"] == "test"
        truth = (arrays["labels"][tests] == "Rock").astype(int)
        guess = arrays["probabilities"][tests].argmax(axis=1)
    assert scores["shared-gs"]["macro_f1"] == pytest.approx(f1_score(truth, guess, average="macro"))
    # as many parameters: the classifier apart, two networks and a wide one differ by less than 2 %
    sizes = {name: row["parameters"] for name, row in scores.items()}
    assert sizes["wide-2"] == pytest.approx(sizes["separate-gs"], rel=0.02)
    assert sizes["shared-gs"] < sizes["separate-gs"]

    stamps = {path: path.stat().st_mtime_ns for path in folder.glob("artist-0/networks/**/weights.npz")}
    assert len(stamps) == 4
    more = run_command(home, "agf", "--targets", "g,s,gs", "--networks", "separate")
    assert "3 cells, 2 measured before, 1 to do" in more
    assert {path: path.stat().st_mtime_ns for path in folder.glob("artist-0/networks/**/weights.npz")} == stamps


@pytest.mark.slow
def test_a_training_gives_one_graph_that_essentia_runs(home, run_command):
    shown = run_command(home, "train", "genre-agf-demo")
    assert "verified in Essentia: 1 graph," in shown
    name = "demo-genre_agf_demo-dcnn-agf-1"
    card = json.loads((home / "graphs" / f"{name}.json").read_text())
    assert card["classes"] == ["Folk", "Rock"]
    assert card["essentia_ldl"]["transfer"] == {"networks": "separate", "targets": ["g", "m", "d", "e", "s"]}
    assert {output["name"]: output["shape"] for output in card["schema"]["outputs"]}["model/features"] == [5 * 256]

    (folder,) = (home / "runs").glob("genre-agf-demo-*")
    with np.load(folder / "predictions.npz") as arrays:
        expected = dict(zip(arrays["ids"], arrays["probabilities"], strict=True))
    demo = home / "store" / "demo" / "genre-agf-demo"
    track = sorted(expected)[0]
    (answer,) = json.loads(run_command(home, "predict", "--format", "json", str(demo / track)))
    values = [answer["probabilities"][label] for label in card["classes"]]
    np.testing.assert_allclose(values, expected[track], atol=1e-4)  # what training saw is what a file gives
    assert run_command(home, "train", "genre-agf-demo").startswith(
        "no DATA given"
    )  # trained before: nothing is done again
    assert len(list((home / "graphs").glob("*.pb"))) == 1
    groups = run_command(home, "labels", "genre-agf-demo", "--labels", "agf-s")
    assert "agf-s" in groups
