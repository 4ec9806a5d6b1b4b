"""The experiment on artist groups: which cells, which tracks test, and what a cell scores."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss

from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import DataError, RecipeError, UnknownNameError
from essentia_ldl.files import read_json
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import Track
from essentia_ldl.studies import estimates
from essentia_ldl.studies.artist_groups import cells as agf_cells
from essentia_ldl.studies.artist_groups import command as agf
from essentia_ldl.studies.artist_groups.cells import Trial, draw_split, fit_targets, list_cells, plan_cells, score_cell
from essentia_ldl.studies.artist_groups.paper import COMBINATIONS, NETWORKS

CLASSES = ("Folk", "Rock")


def make_tracks(n_artists: int = 40, per_artist: int = 3, split: bool = False) -> list[Track]:
    sides = ("train", "train", "train", "valid", "test")
    return [
        Track(
            f"t{artist:02d}-{n}",
            f"/{artist}/{n}",
            CLASSES[artist % 2],
            f"artist {artist:02d}",
            split=sides[artist % 5] if split else None,
            columns={"subgenres": f"sub {artist % 4}"},
        )
        for artist, n in itertools.product(range(n_artists), range(per_artist))
    ]


@pytest.fixture
def collection() -> Collection:
    tracks = tuple(make_tracks())
    contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in tracks}
    return Collection(tracks, contents, dict.fromkeys(contents, 20.0), ())


@pytest.fixture
def small() -> Recipe:
    recipe = Recipe("genre-x", CLASSES, labels="none", label_settings={"agf-s": {"n_groups": 4}})
    return recipe.override(network__backbone="dcnn", network__fine_tune="none", training__epochs_from_scratch=10)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))


def test_the_grid_is_that_of_the_paper():
    assert len(COMBINATIONS) == len(set(COMBINATIONS)) == 31
    cells = list_cells(COMBINATIONS, NETWORKS, ("stratified",), (0,))
    counts = {kind: sum(cell.networks == kind for cell in cells) for kind in NETWORKS}
    # a single target has no shared network: "N/A" in table 4; table 5 has wide networks for 2 to 5 targets
    assert counts == {"separate": 31, "shared": 26, "wide": 4}
    assert len({(cell.group, cell.name) for cell in cells}) == 61
    assert len(list_cells(["g", "gs"], ["separate", "shared"], ["artist"], range(5))) == 15


def test_letters_have_one_order_and_others_are_refused():
    assert agf_cells.check_targets("segdm") == "gmdes"
    for wrong in ("gx", ""):
        with pytest.raises(RecipeError, match="some of the letters gmdes"):
            agf_cells.check_targets(wrong)


def test_a_cell_sets_up_its_recipe(small):
    recipe = Trial("artist", 3, "shared", "gms").set_up(small.override(uncertainty__samples=0))
    assert recipe.sources == ("none", "agf-m", "agf-s")
    assert (recipe.target_networks, recipe.split.seed, recipe.calibration.method) == ("shared", 3, "none")


@pytest.mark.parametrize("seed", range(5))
def test_the_papers_split_is_stratified_and_knows_no_artists(seed):
    tracks = make_tracks()
    split = draw_split(tracks, "stratified", seed)
    assert not split.valid
    assert len(split.test) == round(0.15 * len(tracks))
    label_of = {track.id: track.label for track in tracks}
    assert sum(label_of[i] == "Folk" for i in split.test) == len(split.test) / 2
    artist_of = {track.id: track.artist for track in tracks}
    assert {artist_of[i] for i in split.test} & {artist_of[i] for i in split.train}
    assert draw_split(tracks[::-1], "stratified", seed) == split  # whatever the order
    with pytest.raises(DataError, match="two tracks a class and more"):
        draw_split([*tracks, Track("x", "/x", "Jazz")], "stratified", seed)


@pytest.mark.parametrize("seed", range(5))
def test_the_other_split_tests_artists_that_did_not_train(seed):
    tracks = make_tracks()
    split = draw_split(tracks, "artist", seed)
    artist_of = {track.id: track.artist for track in tracks}
    assert not {artist_of[i] for i in split.test} & {artist_of[i] for i in split.train}
    assert 0.1 <= len(split.test) / len(tracks) <= 0.2


def test_an_official_split_is_taken_as_it_is():
    tracks = make_tracks(split=True)
    split = draw_split(tracks, "artist", 7)
    assert set(split.test) == {track.id for track in tracks if track.split == "test"}
    assert set(split.train) == {track.id for track in tracks if track.split == "train"}
    stratified = draw_split(tracks, "stratified", 7)
    assert len(stratified.test) + len(stratified.train) == len(tracks)


def test_targets_are_fitted_once(tmp_path, collection, small, monkeypatch):
    split = draw_split(collection.tracks, "artist", 0)
    first = fit_targets(tmp_path, "gs", small, collection, split)
    assert set(first["s"].table.ids) == set(split.train)
    monkeypatch.setattr(agf_cells.planning, "fit_labels", lambda *_: pytest.fail("fitted again"))
    again = fit_targets(tmp_path, "gs", small, collection, split)
    assert np.array_equal(again["s"].table.distributions, first["s"].table.distributions)


def test_separate_networks_are_shared_by_the_cells_that_name_them(tmp_path, collection, small):
    split = draw_split(collection.tracks, "artist", 0)
    targets = fit_targets(tmp_path / "targets", "gs", small, collection, split)
    cells = list_cells(["g", "s", "gs"], NETWORKS, ["artist"], [0])
    plan_cells(tmp_path, cells, small, collection, split, targets)
    networks = {cell.name: cell.list_networks() for cell in cells}
    assert networks == {
        "separate-g": ["networks/g"],
        "separate-s": ["networks/s"],
        "separate-gs": ["networks/g", "networks/s"],
        "shared-gs": ["networks/shared-gs/shared"],
        "wide-2": ["networks/wide-2/wide"],
    }
    for cell in cells:
        folder = tmp_path / "cells" / cell.name
        plan = read_json(folder / "plan.json")
        assert [(folder / name).resolve() for name in plan["features"]] == [
            (tmp_path / name).resolve() for name in networks[cell.name]
        ]
        assert {track["role"] for track in plan["tracks"]} == {"train", "test"}
        assert all((tmp_path / name / "plan.json").is_file() for name in networks[cell.name])
    assert read_json(tmp_path / "networks/wide-2/wide/plan.json")["network"]["n_networks"] == 2
    assert read_json(tmp_path / "networks/shared-gs/shared/plan.json")["training"]["epochs"] == 20


def test_scores_are_those_of_scikit_learn(tmp_path):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 30).astype(np.float32)
    classes, truth = np.array(["a", "b", "c"]), rng.integers(0, 3, 30)
    roles = np.array(["test"] * 20 + ["train"] * 10)
    np.savez(
        tmp_path / "predictions.npz",
        **{"roles": roles, "classes": classes, "labels": classes[truth], "probabilities": probabilities},
    )
    weights = {"logits/kernel": np.zeros((4, 3)), "logits/bias": np.zeros(3), "norm/moving_mean": np.zeros(50)}
    np.savez(tmp_path / "weights.npz", **weights)
    scores = score_cell(tmp_path, Trial("artist", 1, "wide", "gm"), [tmp_path])
    assert (scores["targets"], scores["n"], scores["n_test"], scores["n_train"]) == ("g", 2, 20, 10)
    assert scores["parameters"] == 2 * 15  # of the classifier and of its network
    tests = probabilities[:20].astype(np.float64)
    assert scores["log_loss"] == pytest.approx(log_loss(truth[:20], tests / tests.sum(1, keepdims=True)), rel=1e-5)
    assert scores["macro_f1"] == pytest.approx(f1_score(truth[:20], tests.argmax(1), average="macro"))
    assert list(agf_cells.read_rows(tmp_path)) == []  # it is no cell of a run


def test_the_time_is_told_from_a_step(small, monkeypatch):
    costs = {"dcnn:none": estimates.Cost(batch_size=32, step_s=0.5, patch_s=0.01, embed_s=0.0)}
    monkeypatch.setattr(estimates, "measure_costs", lambda *_: costs)
    monkeypatch.setattr(estimates, "find_durations", lambda *_: [30.0])
    cells = list_cells(["g", "s", "gs"], NETWORKS, ["artist"], [0])
    lines: list[str] = []
    agf.say_estimate(small, cells, make_tracks(), None, lines.append)
    # g and s once for all separate cells, gs shared and the wide network of two: 2 + 2 + 2 trainings
    assert "120 tracks, 5 cells: 6 x 10 epochs" in lines[0]
    steps_s, patches = 10 * 120 * 0.85 / 32 * 0.5, estimates.count_patches(small, [30.0])
    assert estimates.describe_length(6 * (steps_s + 120 * patches * 0.01)) in lines[0]


def test_cells_come_in_batches_that_give_scores_early():
    cells = list_cells(["g", "gs", "gms"], NETWORKS, ["artist"], [0])
    names = [[cell.name for cell in batch] for batch in agf._batch(cells, 2)]
    assert names == [["separate-g", "separate-gs", "separate-gms"], ["wide-2", "wide-3"], ["shared-gs", "shared-gms"]]


def test_an_experiment_trains_a_network_once_and_goes_on(tmp_path, small, collection, monkeypatch):
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
            np.savez(f"{folder}/predictions.npz", probabilities=rows, roles=roles, **arrays)
            np.savez(f"{folder}/weights.npz", **{"logits/kernel": np.zeros((4, 2))})

    monkeypatch.setattr(agf, "run_zones", train)
    monkeypatch.setattr(agf, "run_zone", classify)
    monkeypatch.setattr(agf, "say_estimate", lambda *_: None)
    monkeypatch.setattr(agf.steps, "find_data", lambda *_: ("data", False))
    monkeypatch.setattr(agf, "read_labelled", lambda *_: list(collection.tracks))
    monkeypatch.setattr(agf.steps, "prepare", lambda *_, **__: (collection, False))
    trials = agf.Trials(("g", "s", "gs"), NETWORKS, ("artist",), (0,))
    done = agf.run_experiment(small, "data", trials, said.append, n_jobs=2)
    assert sorted(trained) == ["g", "s", "shared-gs/shared", "wide-2/wide"]
    assert asked == [["separate-g", "separate-s", "separate-gs"], ["wide-2", "shared-gs"]]
    rows = {(row["networks"], row["targets"]): row for row in agf_cells.read_rows(done.folder)}
    assert rows["separate", "gs"]["macro_f1"] == 1.0
    assert rows["separate", "gs"]["parameters"] == 3 * 8
    assert rows["wide", "g"]["n"] == 2
    assert {path.name for path in done.folder.iterdir()} >= {"agf.md", "agf.csv", "recipe.toml", "failures.csv"}
    # what other cells read stays, what one cell alone has read goes
    kept = {path.parent.name for path in done.folder.glob("artist-0/networks/**/embeddings-21")}
    assert kept == {"g", "s"}
    assert any("Table 4" in line for line in done.lines)

    again = agf.run_experiment(small, "data", trials, said.append, n_jobs=2)
    assert (again.folder, len(trained), len(asked)) == (done.folder, 4, 2)
    assert "5 cells, 5 measured before, 0 to do" in said
    more = agf.Trials(("gs",), ("separate",), ("artist",), (0, 1))
    agf.run_experiment(small, "data", more, said.append, n_jobs=2)
    assert sorted(trained[4:]) == ["g", "s"]  # of the other seed


def test_unknown_parts_of_a_grid_are_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'separate'"):
        agf.measure(None, print, networks=("seperate",))
    with pytest.raises(UnknownNameError, match="Did you mean 'stratified'"):
        agf.measure(None, print, splits=("stratifed",))


def test_keys_of_the_recipe_can_be_changed(monkeypatch):
    asked = []
    monkeypatch.setattr(agf, "run_experiment", lambda recipe, data, grid, say, **_: asked.append((recipe, grid)))
    agf.measure(None, print, changes={"labels.agf-m.n_clusters": "17", "targets.hidden": "0"}, epochs=3, seeds=2)
    ((recipe, trials),) = asked
    assert recipe.label_settings["agf-m"]["n_clusters"] == 17
    assert (recipe.targets.hidden, recipe.n_epochs, trials.seeds) == (0, 3, (0, 1))
    assert trials.combinations == agf.DEMO_COMBINATIONS
    agf.measure("fma", print, task="genre-fma")
    assert (len(asked[1][1].combinations), asked[1][1].networks) == (31, NETWORKS)
    said = []
    agf.measure("x", said.append, changes={"network.backbone": "vgg", "network.hidden": "9"})
    assert asked[2][1].networks == ("separate", "shared")
    assert "vgg cannot be made wider" in said[0]


def test_a_collection_without_artists_is_told_before_the_long_work(tmp_path, monkeypatch):
    import wave

    monkeypatch.setattr(agf, "say_estimate", lambda *_: None)
    lines = ["path,label"]
    for n in range(40):
        with wave.open(str(tmp_path / f"{n}.wav"), "wb") as file:
            file.setparams((1, 2, 44100, 0, "NONE", ""))
            file.writeframes(bytes(2 * 44100))
        lines.append(f"{n}.wav,{('Electronic', 'Folk', 'Hip-Hop', 'Rock')[n % 4]}")
    (tmp_path / "index.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"artist: expected artists that are known.*Add a column artist"):
        agf.run_experiment(
            *(read_recipe(agf.DEMO_TASK), str(tmp_path / "index.csv"), agf.Trials(("gm",), ("separate",), ("artist",))),
            say=lambda line: None,
            n_jobs=1,
        )
