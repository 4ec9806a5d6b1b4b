"""The command of the experiment on artist groups: what it trains, what it goes on with, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.cli.text.studies import describe_artist_groups
from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError, UnknownNameError
from essentia_ldl.features.store import Store
from essentia_ldl.files import read_json
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.studies import estimates
from essentia_ldl.studies.artist_groups import cells as cells_module
from essentia_ldl.studies.artist_groups import command as artist_groups
from essentia_ldl.studies.artist_groups.cells import list_cells
from essentia_ldl.studies.artist_groups.paper import NETWORKS

CLASSES = ("Folk", "Rock")
DATA = Source("data")


def test_the_time_is_told_from_a_step(own_home, small, make_tracks, monkeypatch):
    costs = {"dcnn:none": estimates.Cost(batch_size=32, step_s=0.5, patch_s=0.01, embed_s=0.0)}
    monkeypatch.setattr(estimates, "measure_costs", lambda *_: costs)
    monkeypatch.setattr(estimates, "find_durations", lambda *_: [30.0])
    cells = list_cells(["g", "s", "gs"], NETWORKS, ["artist"], [0])
    lines: list[str] = []
    artist_groups.say_estimate(small, cells, make_tracks(), Store(own_home.store), None, lines.append)
    # g and s once for all separate cells, gs shared and the wide network of two: 2 + 2 + 2 trainings
    assert "120 tracks, 5 cells: 6 x 10 epochs" in lines[0]
    steps_s, patches = 10 * 120 * 0.85 / 32 * 0.5, estimates.count_patches(small, [30.0])
    assert estimates.describe_length(6 * (steps_s + 120 * patches * 0.01)) in lines[0]


def test_cells_come_in_batches_that_give_scores_early():
    cells = list_cells(["g", "gs", "gms"], NETWORKS, ["artist"], [0])
    names = [[cell.name for cell in batch] for batch in artist_groups._batch(cells, 2)]
    assert names == [["separate-g", "separate-gs", "separate-gms"], ["wide-2", "wide-3"], ["shared-gs", "shared-gms"]]


@pytest.mark.slow
def test_an_experiment_trains_a_network_once_and_goes_on(own_home, tmp_path, small, collection, monkeypatch):
    """The zones are replaced by what they leave; cells, folders and tables are real."""
    trained, asked, said = [], [], []

    def train(module, shares, n_threads):
        assert (module, n_threads) == ("essentia_ldl.nets", 1)
        for flag, *folders in shares:
            assert flag == "--networks"
            for folder in folders:
                trained.append(folder.split("/networks/")[1])
                np.savez(f"{folder}/weights.npz", **{"logits/kernel": np.zeros((4, 2))})
                (Path(folder) / "embeddings-21").mkdir()
                (Path(folder) / "history.json").write_text("{}")

    def classify(module, *folders):
        asked.append([Path(folder).name for folder in folders])
        for folder in folders:
            tracks = read_json(Path(folder) / "plan.json")["tracks"]
            rows = np.array([[0.6, 0.4] if track["label"] == "Folk" else [0.3, 0.7] for track in tracks])
            arrays = {"labels": np.array([track["label"] for track in tracks]), "classes": np.array(CLASSES)}
            roles = np.array([track["role"] for track in tracks])
            ids = np.array([track["id"] for track in tracks])
            np.savez(f"{folder}/predictions.npz", ids=ids, probabilities=rows, roles=roles, **arrays)
            np.savez(f"{folder}/weights.npz", **{"logits/kernel": np.zeros((4, 2))})

    monkeypatch.setattr(artist_groups, "run_zones", train)
    monkeypatch.setattr(artist_groups, "run_zone", classify)
    monkeypatch.setattr(artist_groups, "say_estimate", lambda *_: None)
    monkeypatch.setattr(artist_groups, "find_data", lambda *_: (DATA, False))
    monkeypatch.setattr(artist_groups, "read_labelled", lambda *_: list(collection.tracks))
    monkeypatch.setattr(artist_groups, "prepare", lambda *_: collection)
    trials = artist_groups.Trials(("g", "s", "gs"), NETWORKS, ("artist",), (0,))
    done = artist_groups.run_experiment(small, DATA, trials, own_home, 2, said.append)
    assert sorted(trained) == ["g", "s", "shared-gs/shared", "wide-2/wide"]
    assert asked == [["separate-g", "separate-s", "separate-gs"], ["wide-2", "shared-gs"]]
    rows = {(row["networks"], row["targets"]): row for row in cells_module.read_rows(done.folder)}
    assert rows["separate", "gs"]["macro_f1"] == 1.0
    assert rows["separate", "gs"]["parameters"] == 3 * 8
    assert rows["wide", "g"]["n"] == 2
    assert {path.name for path in done.folder.iterdir()} >= {"agf.md", "agf.csv", "recipe.toml", "failures.csv"}
    # what other cells read stays, what one cell alone has read goes
    kept = {path.parent.name for path in done.folder.glob("artist-0/networks/**/embeddings-21")}
    assert kept == {"g", "s"}
    assert any("Table 4" in line for line in describe_artist_groups(done))

    again = artist_groups.run_experiment(small, DATA, trials, own_home, 2, said.append)
    assert (again.folder, len(trained), len(asked)) == (done.folder, 4, 2)
    assert "5 cells, 5 measured before, 0 to do" in said
    more = artist_groups.Trials(("gs",), ("separate",), ("artist",), (0, 1))
    artist_groups.run_experiment(small, DATA, more, own_home, 2, said.append)
    assert sorted(trained[4:]) == ["g", "s"]  # of the other seed


def test_unknown_parts_of_a_grid_are_refused(own_home):
    with pytest.raises(UnknownNameError, match="Did you mean 'separate'"):
        artist_groups.measure(Source(), artist_groups.Selection(networks=("seperate",)), own_home)
    with pytest.raises(UnknownNameError, match="Did you mean 'stratified'"):
        artist_groups.measure(Source(), artist_groups.Selection(splits=("stratifed",)), own_home)


def test_keys_of_the_recipe_can_be_changed(own_home, monkeypatch):
    asked = []
    monkeypatch.setattr(artist_groups, "run_experiment", lambda recipe, source, grid, *_: asked.append((recipe, grid)))
    changes = {"labels.agf-m.n_clusters": "17", "targets.hidden": "0"}
    artist_groups.measure(Source(), artist_groups.Selection(changes=changes, epochs=3, seeds=2), own_home)
    ((recipe, trials),) = asked
    assert recipe.label_settings["agf-m"]["n_clusters"] == 17
    assert (recipe.targets.hidden, recipe.n_epochs, trials.seeds) == (0, 3, (0, 1))
    assert trials.combinations == artist_groups.DEMO_COMBINATIONS
    artist_groups.measure(Source("fma"), artist_groups.Selection("genre-fma"), own_home)
    assert (len(asked[1][1].combinations), asked[1][1].networks) == (31, NETWORKS)
    said = []
    changes = {"network.backbone": "vgg", "network.hidden": "9"}
    artist_groups.measure(Source("x"), artist_groups.Selection(changes=changes), own_home, say=said.append)
    assert asked[2][1].networks == ("separate", "shared")
    assert "vgg cannot be made wider" in said[0]


def test_a_collection_without_artists_is_told_before_the_long_work(own_home, tmp_path, monkeypatch):
    import wave

    monkeypatch.setattr(artist_groups, "say_estimate", lambda *_: None)
    lines = ["path,label"]
    for n in range(40):
        with wave.open(str(tmp_path / f"{n}.wav"), "wb") as file:
            file.setparams((1, 2, 44100, 0, "NONE", ""))
            file.writeframes(bytes(2 * 44100))
        lines.append(f"{n}.wav,{('Electronic', 'Folk', 'Hip-Hop', 'Rock')[n % 4]}")
    (tmp_path / "index.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"artist: expected artists that are known.*Add a column artist"):
        artist_groups.run_experiment(
            read_recipe(artist_groups.DEMO_TASK),
            Source(tmp_path / "index.csv"),
            artist_groups.Trials(("gm",), ("separate",), ("artist",)),
            own_home,
            n_jobs=1,
            say=lambda line: None,
        )
