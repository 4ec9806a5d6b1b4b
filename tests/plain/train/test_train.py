"""The steps of `train`: names, scores, and the order of things, with the work of the other zones replaced."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from essentia_ldl.cli.main import main
from essentia_ldl.cli.text import train as text_train
from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError, GraphError, RecipeError, StoreError
from essentia_ldl.files import Home, read_json, write_json
from essentia_ldl.models.folder import read_model
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.runs import calibrate as calibrate_module
from essentia_ldl.runs.calibrate import read_run
from essentia_ldl.train import ensemble as ensemble_module
from essentia_ldl.train import prepare as prepare_module
from essentia_ldl.train import train as train_module
from essentia_ldl.train.compose import name_stems

here = Home.from_environment  # the fixtures set the variable
RECIPE = Recipe("mood-sad", ("non_sad", "sad"), labels="none")


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "is_demo", "full", "head"),
    [
        ({}, False, "mood_sad-musicnn-msd", "mood_sad-msd-musicnn"),
        ({}, True, "demo-mood_sad-musicnn-msd", "demo-mood_sad-msd-musicnn"),
        ({"network__backbone": "vgg", "network__pretrained": "mtt"}, False, "mood_sad-vgg-mtt", "mood_sad-mtt-vgg"),
        ({"network__fine_tune": "all"}, False, "mood_sad-musicnn-msd", None),
        ({"network__fine_tune": "none"}, False, "mood_sad-musicnn-scratch", None),
        ({"network__fine_tune": "none"}, True, "demo-mood_sad-musicnn-scratch", None),
    ],
)
def test_the_names_of_graphs_are_essentias(changes, is_demo, full, head):
    assert name_stems(RECIPE.override(**changes), is_demo) == {
        "full": full,
        "head": head,
    }


@pytest.mark.parametrize(
    ("sources", "beside"),
    [("none+agf-s", "agf"), ("none+word_embedding", "word-embedding"), ("none+agf-s+word_embedding", "agf")],
)
def test_a_model_is_named_after_the_target_beside_its_classes(sources, beside):
    recipe = RECIPE.override(labels=sources)
    assert name_stems(recipe, False) == {"full": f"mood_sad-musicnn-{beside}", "head": None}


def write_predictions(
    run: Path, roles: list[str], labels: list[str], probabilities: list[list[float]], **more: np.ndarray
) -> None:
    run.mkdir(parents=True, exist_ok=True)
    np.savez(
        run / "predictions.npz",
        ids=np.array([f"t{n}" for n in range(len(roles))]),
        roles=np.array(roles),
        labels=np.array(labels),
        probabilities=np.array(probabilities, dtype=np.float32),
        classes=np.array(["non_sad", "sad"]),
        **more,
    )


def make_tracks(root: Path, n_tracks: int = 20) -> Path:
    for number in range(n_tracks):
        path = root / ("sad" if number % 2 else "non_sad") / f"artist{number // 4}" / f"{number:02}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
    return root


# --- train ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def zones(monkeypatch, extracted):
    """Replace the processes of the other zones by what they leave; gives the calls, and a place for an error."""
    state = {"calls": [], "error": None, "flags": [], **extracted}

    def run_zone(module, *arguments):
        state["calls"].append(module)
        if state["error"] == module:
            raise GraphError("verification: expected equal numbers.")
        if module == "essentia_ldl.nets":
            *flags, run = arguments
            state["flags"].append(flags)
            run = Path(run)
            plan = read_json(run / "plan.json")
            tracks = plan["tracks"]
            if not flags:
                sure = [[0.9, 0.1] if track["label"] == "non_sad" else [0.1, 0.9] for track in tracks]
                more = {"patch_logits": 4 * np.log(sure), "n_patches": np.ones(len(tracks), dtype=int)}
                if len(tracks) > 100:  # one in five is taken for the other class, surely
                    more["patch_logits"][::5] *= -1
                write_predictions(run, [t["role"] for t in tracks], [t["label"] for t in tracks], sure, **more)
                np.savez(run / "weights.npz", kernel=np.arange(3))
                calibrate_module.calibrate_run(run)
            for stem in filter(None, plan["stems"].values()):
                graph = f"{run.name} {stem} {read_json(run / 'calibration.json')['scale']}".encode()
                (run / "export").mkdir(exist_ok=True)
                (run / "export" / f"{stem}.pb").write_bytes(graph)
                write_json(run / "export" / f"{stem}.json", make_card(graph, stem, plan))

    monkeypatch.setattr(train_module, "run_zone", run_zone)
    monkeypatch.setattr(prepare_module, "run_zone", run_zone)
    return state


def make_card(graph: bytes, stem: str, plan: dict) -> dict:
    return {
        "name": plan["name"],
        "type": "multi-class classifier",
        "link": f"classifiers/mood_sad/{stem}.pb",
        "classes": plan["classes"],
        "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
        "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN"},
        "essentia_ldl": {"sha256": hashlib.sha256(graph).hexdigest()},
    }


ORDER = ["essentia_ldl.nets.base_graphs", "essentia_ldl.nets", "essentia_ldl.sound"]


def test_a_training_leaves_models_and_everything_that_made_them(tmp_path, zones):
    said = []
    done = train_module.train(RECIPE, Source(str(make_tracks(tmp_path / "data"))), here(), say=said.append)
    assert zones["calls"] == ORDER
    assert done.models == ("mood_sad-musicnn-msd-1", "mood_sad-msd-musicnn-1")
    assert not done.repeated
    assert done.scores["valid"]["balanced_accuracy"] == 1.0
    assert {path.name for path in done.run.iterdir()} >= {
        *("recipe.toml", "plan.json", "labels.csv", "labels.json", "predictions.npz", "scores.json"),
        *("failures.csv", "run.json", "export"),
    }
    assert read_recipe(str(done.run / "recipe.toml")) == RECIPE
    assert read_json(done.run / "run.json")["state"] == "done"
    card = read_model(tmp_path / "home" / "graphs" / "mood_sad-msd-musicnn-1.pb").card
    assert card.extra["run"] == done.run.name
    assert card.extra["scores"]["valid"]["n_tracks"] == done.scores["valid"]["n_tracks"]


def test_the_plan_holds_what_the_nets_zone_reads(tmp_path, zones):
    recipe = RECIPE.override(training__epochs=3, training__epochs_from_scratch=4, network__fine_tune="none")
    done = train_module.train(
        recipe, Source(str(make_tracks(tmp_path / "data"))), here(), train_module.Effort(max_hours=2.0), say=[].append
    )
    assert zones["calls"] == ORDER[1:], "a network from scratch needs no base graphs"
    plan = read_json(done.run / "plan.json")
    assert plan["classes"] == ["non_sad", "sad"]
    assert plan["training"]["epochs"] == 4
    assert plan["network"]["pretrained"] is None
    assert (plan["seed"], plan["max_hours"], plan["export"], plan["labels_source"]) == (0, 2.0, True, "none")
    assert plan["store"] == str((tmp_path / "home" / "store").resolve())
    assert {track["role"] for track in plan["tracks"]} == {"train", "valid"}
    assert len(plan["tracks"]) == 20
    assert plan["split"] == {"grouped": True}
    assert plan["card"]["dataset"]["size"] == "20 tracks, 10/10 per class"
    assert plan["card"]["demo"] is False
    assert plan["card"]["recipe_hash"] == recipe.digest
    assert [Path(audio["path"]).name for audio in plan["audio"]] == ["19.wav", "18.wav"], "the shortest are verified"
    artists = {}
    for track in plan["tracks"]:
        artists.setdefault(Path(track["id"]).parts[1], set()).add(track["role"])
    assert all(len(roles) == 1 for roles in artists.values())


def test_the_same_training_is_not_repeated_unless_asked_for_or_its_models_are_gone(tmp_path, zones):
    data = str(make_tracks(tmp_path / "data"))
    first = train_module.train(RECIPE, Source(data), here(), say=[].append)
    zones["calls"].clear()
    said = []
    second = train_module.train(RECIPE, Source(data), here(), say=said.append)
    assert (second.repeated, second.models, second.run, zones["calls"]) == (True, first.models, first.run, [])
    assert second.scores == json.loads(json.dumps(first.scores))
    assert said[-1].startswith("trained before with the same recipe and data")
    third = train_module.train(RECIPE, Source(data), here(), train_module.Effort(again=True), say=[].append)
    assert third.models == ("mood_sad-musicnn-msd-2", "mood_sad-msd-musicnn-2")
    assert third.run != first.run
    (tmp_path / "home" / "graphs" / "mood_sad-musicnn-msd-2.pb").unlink()
    fourth = train_module.train(RECIPE, Source(data), here(), say=[].append)
    assert not fourth.repeated
    assert fourth.models[0] == "mood_sad-musicnn-msd-3"


@pytest.mark.parametrize(
    "change", [{"split__seed": 1}, {"training__epochs": 9}, {"card__author": "me"}, {"network__hidden": 7}]
)
def test_another_recipe_is_another_run(tmp_path, zones, change):
    data = str(make_tracks(tmp_path / "data"))
    first = train_module.train(RECIPE, Source(data), here(), say=[].append)
    second = train_module.train(RECIPE.override(**change), Source(data), here(), say=[].append)
    assert not second.repeated
    assert second.run != first.run


def test_other_bytes_or_labels_are_another_run(tmp_path, zones):
    data = make_tracks(tmp_path / "data")
    train_module.train(RECIPE, Source(data), here(), say=[].append)
    (data / "sad" / "artist0" / "01.wav").write_bytes(b"21")
    assert not train_module.train(RECIPE, Source(data), here(), say=[].append).repeated
    (data / "sad" / "artist0" / "01.wav").rename(data / "non_sad" / "artist0" / "01.wav")
    assert not train_module.train(RECIPE, Source(data), here(), say=[].append).repeated


@pytest.mark.parametrize("step", ORDER)
def test_a_step_that_fails_leaves_no_model_and_the_next_try_goes_on_in_the_same_run(tmp_path, zones, step):
    data = str(make_tracks(tmp_path / "data"))
    zones["error"] = step
    with pytest.raises(GraphError, match="equal numbers"):
        train_module.train(RECIPE, Source(data), here(), say=[].append)
    assert list((tmp_path / "home").glob("graphs/*")) == []
    (run,) = (tmp_path / "home" / "runs").iterdir()
    zones["error"] = None
    said = []
    done = train_module.train(RECIPE, Source(data), here(), say=said.append)
    assert f"going on with {run}" in said
    assert done.run == run
    assert done.models[0] == "mood_sad-musicnn-msd-1"


def test_samples_of_a_head_without_dropout_are_refused_before_the_work(tmp_path):
    recipe = RECIPE.override(network__fine_tune="head", uncertainty__samples=30)
    with pytest.raises(RecipeError, match=r"network\.dropout: expected above 0"):
        train_module.train(recipe, Source(tmp_path / "nothing"), here())


def test_two_homes_in_one_process_train_apart(tmp_path, zones, monkeypatch):
    """The same training in two homes is done twice, each finds its own again, and the variable's home stays empty."""
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "elsewhere"))
    source = Source(make_tracks(tmp_path / "data"))
    homes = [Home(tmp_path / name) for name in ("one", "two")]
    done = [train_module.train(RECIPE, source, home, say=[].append) for home in homes]
    assert [one.repeated for one in done] == [False, False]
    for home, one in zip(homes, done, strict=True):
        assert one.run.parent == home.runs
        assert one.models == ("mood_sad-musicnn-msd-1", "mood_sad-msd-musicnn-1")
        assert {path.stem for path in home.graphs.glob("*.pb")} == set(one.models)
        plan = read_json(one.run / "plan.json")
        assert (plan["store"], plan["graphs"]) == (str(home.store), str(home.graphs))
        assert train_module.train(RECIPE, source, home, say=[].append).run == one.run
    assert not (tmp_path / "elsewhere").exists()


# --- calibrate ------------------------------------------------------------------------------------------------------


def train_some(tmp_path, n_tracks=160, **changes):
    return train_module.train(
        RECIPE.override(**changes), Source(str(make_tracks(tmp_path / "data", n_tracks))), here(), say=[].append
    )


def test_members_train_with_their_own_seeds_on_one_split(tmp_path, zones, monkeypatch):
    trained = []

    def train_folders(folders, collection, network, n_jobs, say):
        for number, folder in enumerate(folders):
            plan = read_json(folder / "plan.json")
            trained.append(plan)
            labels = [track["label"] for track in plan["tracks"]]
            sure = np.array([[0.9, 0.1] if label == "non_sad" else [0.1, 0.9] for label in labels])
            more = {"patch_logits": (number + 1) * np.log(sure), "n_patches": np.ones(len(labels), dtype=int)}
            ids = np.array([track["id"] for track in plan["tracks"]])
            roles = np.array([track["role"] for track in plan["tracks"]])
            arrays = {"ids": ids, "roles": roles, "labels": np.array(labels), "probabilities": sure, **more}
            arrays["classes"] = np.array(plan["classes"])
            np.savez(folder / "predictions.npz", **arrays)
            np.savez(folder / "weights.npz", kernel=np.arange(3))
            write_json(folder / "history.json", {})

    monkeypatch.setattr(ensemble_module, "train_folders", train_folders)
    monkeypatch.setattr(ensemble_module, "run_zone", train_module.run_zone)
    data = str(make_tracks(tmp_path / "data", 40))
    done = ensemble_module.train_members(RECIPE.override(split__seed=7), Source(data), 3, here(), say=[].append)
    plan = read_json(done.run / "plan.json")
    assert [one["seed"] for one in trained] == [7, 8, 9]
    assert all(one["tracks"] == trained[0]["tracks"] for one in trained)
    assert not any(one["export"] for one in trained)
    assert plan["members"] == ["seed 7", "seed 8", "seed 9"]
    assert [track["role"] for track in plan["tracks"]] == [track["role"] for track in trained[0]["tracks"]]
    assert zones["flags"][-1] == ["--export-only"]
    assert done.models
    assert done.scores["valid"]["n_tracks"] == sum(track["role"] == "valid" for track in plan["tracks"])
    again = ensemble_module.train_members(RECIPE.override(split__seed=7), Source(data), 3, here(), say=[].append)
    assert (again.repeated, again.run) == (True, done.run)
    other = RECIPE.override(split__seed=7)
    assert not ensemble_module.train_members(other, Source(data), 2, here(), say=[].append).repeated


def test_calibrating_again_does_not_train_and_gives_the_next_version(tmp_path, zones):
    first = train_some(tmp_path)
    found = read_run(first.run)
    assert found.temperature > 1.5, "one in five tracks is surely wrong"
    assert first.scores["calibration"]["valid"]["after"]["nll"]["value"] == pytest.approx(found.nll_after, abs=1e-6)
    zones["calls"].clear()
    said = []
    done = train_module.calibrate(first.run.name, here(), "none", said.append)
    assert said == ["calibration: T = 1 (calibration was not asked for)"]
    assert (zones["calls"], zones["flags"][-1]) == (ORDER[1:], ["--export-only"])
    assert done.models == ("mood_sad-musicnn-msd-2", "mood_sad-msd-musicnn-2")
    assert read_json(done.run / "run.json") == {**read_json(first.run / "run.json"), "models": list(done.models)}
    assert read_json(done.run / "plan.json")["calibration"] == "none"
    assert done.scores["valid"]["accuracy"] == first.scores["valid"]["accuracy"]
    again = train_module.calibrate(str(first.run), here(), say=said.append)  # a temperature, where none was before
    assert read_run(first.run) == found
    assert said[-1] == f"calibration: {found.describe()}"
    assert again.models[0] == "mood_sad-musicnn-msd-3"
    assert read_json(again.run / "scores.json")["calibration"]["temperature"] == found.temperature


def test_the_command_tells_the_calibration_and_the_model(tmp_path, zones):
    done = train_some(tmp_path)
    shown = CliRunner().invoke(main, ["calibrate", "--method", "vector"])  # the run that ended last
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines()[0] == f"calibration: {read_run(done.run).describe()}"
    assert "mood_sad-musicnn-msd-2.pb and .json" in shown.output
    shown = CliRunner().invoke(main, ["calibrate", "nothing"])
    assert shown.exit_code == 1
    assert "error: run: expected the name of a finished run in runs/, or a folder; got 'nothing'" in shown.output


def test_a_final_model_keeps_the_scores_of_its_cross_validation(tmp_path, zones):
    done = train_some(tmp_path)
    write_json(done.run / "scores.json", {**read_json(done.run / "scores.json"), "crossval": {"run": "cv"}})
    scores = train_module.calibrate(done.run.name, here(), "none", [].append).scores
    assert scores["crossval"] == {"run": "cv"}
    assert read_json(done.run / "scores.json")["crossval"] == {"run": "cv"}


def test_a_run_that_cannot_be_calibrated_is_one_clear_error_and_stays_as_it_is(tmp_path, zones):
    done = train_some(tmp_path, split__valid_share=0.0)
    assert "no track was kept for validation" in read_run(done.run).reason
    state = {path.name: path.read_bytes() for path in done.run.iterdir() if path.is_file() and path.name != "lock"}
    with pytest.raises(DataError, match="tracks: expected one of the valid side at least; got 0"):
        train_module.calibrate(done.run.name, here(), say=[].append)
    after = {path.name: path.read_bytes() for path in done.run.iterdir() if path.is_file() and path.name != "lock"}
    assert after == state


def test_a_plan_that_was_changed_does_not_lead_to_another_store_c16(tmp_path, zones):
    done = train_some(tmp_path)
    plan = read_json(done.run / "plan.json")
    write_json(done.run / "plan.json", {**plan, "store": str(tmp_path / "else"), "graphs": "/nowhere/graphs"})
    train_module.calibrate(done.run.name, here(), "none", [].append)
    after = read_json(done.run / "plan.json")
    assert (after["store"], after["graphs"]) == (plan["store"], plan["graphs"])


def test_a_cross_validation_is_not_calibrated_again(tmp_path):
    folder = tmp_path / "home" / "runs" / "mood-sad-crossval-1"
    write_json(folder / "scores.json", {"sources": {}, "folds": []})
    with pytest.raises(StoreError, match="run: expected one that trained a model; got 'a cross-validation'"):
        train_module.calibrate("mood-sad-crossval-1", here(), say=[].append)


def test_another_method_is_another_run(tmp_path, zones):
    first = train_some(tmp_path)
    assert train_some(tmp_path, calibration__method="none").run != first.run
    assert train_some(tmp_path).repeated


def test_what_is_shown_after_a_training_tells_the_calibration(tmp_path, zones):
    done = train_some(tmp_path)
    lines = text_train.describe_training(done, RECIPE, here().graphs)
    assert f"calibration: {read_run(done.run).describe()}" in lines
    scores = {"valid": {"n_tracks": 9}, "calibration": {"text": "T = 2", "valid": {"n_changed": 3}}}
    assert text_train.describe_calibration(scores)[1] == "calibration changes the class of 3 of 9 validation tracks"
    assert text_train.describe_calibration({}) == []


# --- files left out -------------------------------------------------------------------------------------------------


def test_files_left_out_are_a_table_in_the_run(tmp_path, zones, extracted):
    data = make_tracks(tmp_path / "data")
    extracted["failing"] = ("sad/artist0/01.wav",)
    done = train_module.train(RECIPE, Source(data), here(), say=[].append)
    assert [failure.reason for failure in done.failures] == ["sad/artist0/01.wav is bad."]
    assert (done.run / "failures.csv").read_text().splitlines() == [
        "path,step,reason",
        f"{data}/sad/artist0/01.wav,features,sad/artist0/01.wav is bad.",
    ]


def test_a_demo_says_so_in_the_names_and_the_card(tmp_path, zones, monkeypatch):
    data = make_tracks(tmp_path / "data")
    monkeypatch.setattr(prepare_module, "find_data", lambda *_: (Source(data), True))
    done = train_module.train(RECIPE, Source(None), here(), say=[].append)
    assert done.models[0] == "demo-mood_sad-musicnn-msd-1"
    card = read_json(done.run / "plan.json")["card"]
    assert card["demo"] is True
    assert card["training_data_rights"] == "synthetic, no rights attached"


@pytest.mark.parametrize(
    ("labels", "data", "speed", "is_told"),
    [
        ("auto", None, "balanced", True),
        ("auto", "music", "balanced", False),
        ("auto", None, "best", False),
        ("none", None, "balanced", False),
    ],
)
def test_the_demo_tries_the_cheapest_network_unless_more_is_asked(tmp_path, monkeypatch, labels, data, speed, is_told):
    asked, lines = [], []

    def stop(recipe, *rest):
        asked.append(recipe)
        raise DataError("far enough")

    monkeypatch.setattr(train_module, "prepare", stop)
    recipe = RECIPE.override(labels=labels, choice__speed=speed)
    with pytest.raises(DataError, match="far enough"):
        train_module.train(recipe, Source(data), here(), say=lines.append)
    assert asked[0].choice.speed == ("fast" if is_told else speed)
    assert bool(lines) == is_told


def test_networks_that_a_recipe_names_are_not_the_demos_choice(tmp_path, monkeypatch):
    asked, lines = [], []

    def stop(recipe, *rest):
        asked.append(recipe)
        raise DataError("far enough")

    monkeypatch.setattr(train_module, "prepare", stop)
    recipe = RECIPE.override(labels="auto", network__backbones=("net-1", "msd-vgg"))
    with pytest.raises(DataError, match="far enough"):
        train_module.train(recipe, Source(None), here(), say=lines.append)
    assert asked == [recipe]
    assert lines == []
