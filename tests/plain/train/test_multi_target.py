"""Recipes with several targets, and the plans of the networks that learn them."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import DataError, RecipeError
from essentia_ldl.files import Home, read_json, write_json
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import change_recipe, read_recipe, render_recipe
from essentia_ldl.records import LabelTable, Split, Track
from essentia_ldl.runs.folder import is_planned
from essentia_ldl.runs.targets import read_table
from essentia_ldl.train import multi_target
from essentia_ldl.train.compose import Wanted, check_sampling, compose_plan, name_stems, plan_run, update_places
from essentia_ldl.train.ensemble import train_members
from essentia_ldl.train.members import Member, check_members
from essentia_ldl.train.multi_target import Target
from essentia_ldl.train.targets import list_sources

here = Home.from_environment  # the fixtures set the variable

CLASSES = ("Folk", "Rock")
GROUPS = ("m1", "m2", "m3")


def make_recipe(sources: str = "none+agf-s", **changes) -> Recipe:
    recipe = Recipe("genre-x", CLASSES, labels="none", label_settings={"agf-s": {"n_groups": 2}})
    dcnn = {"network__backbone": "dcnn", "network__fine_tune": "none", "network__hidden": 0}
    return recipe.override(labels=sources, training__epochs_from_scratch=7, **dcnn, **changes)


@pytest.fixture
def collection() -> Collection:
    """Twelve tracks of six artists, whose sub-genres follow their artist; the last artist has none."""
    tracks = tuple(
        Track(f"t{n:02d}", f"/{n}", CLASSES[n % 2], f"artist {n // 2}", columns={"subgenres": f"sub {n // 2 % 2}"})
        if n < 10
        else Track(f"t{n:02d}", f"/{n}", CLASSES[n % 2], "silent", columns={"subgenres": ""})
        for n in range(12)
    )
    contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in tracks}
    return Collection(tracks, contents, dict.fromkeys(contents, 20.0), (), here())


def make_split(collection: Collection) -> Split:
    ids = [track.id for track in collection.tracks]
    return Split(tuple(ids[:6] + ids[10:]), tuple(ids[6:8]), tuple(ids[8:10]))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    return tmp_path / "run"


def test_a_recipe_names_its_targets():
    recipe = make_recipe("agf-m+sb+agf-s")
    assert recipe.sources == ("agf-m", "sb", "agf-s")
    assert (recipe.main_source, recipe.target_networks) == ("sb", "separate")
    assert [multi_target.name_target(source) for source in recipe.sources] == ["m", "g", "s"]
    assert make_recipe("agf").sources == ("none", "agf-m", "agf-d", "agf-e", "agf-s")
    assert make_recipe("agf-m").main_source == "none"  # its classifier learns the labels as they are


@pytest.mark.parametrize(
    ("sources", "networks", "expected"),
    [("sa", "auto", 0), ("none", "separate", 1), ("agf", "auto", 5), ("agf", "shared", 1), ("agf", "wide", 1)],
)
def test_networks_are_counted(sources, networks, expected):
    assert multi_target.count_networks(make_recipe(sources, targets__networks=networks)) == expected


def test_a_list_of_sources_in_a_file_reads_back(tmp_path):
    recipe = make_recipe("none+agf-m")
    text = render_recipe(recipe)
    assert 'source = ["none", "agf-m"]' in text
    (tmp_path / "x.toml").write_text(text)
    assert read_recipe(str(tmp_path / "x.toml")) == recipe
    assert change_recipe(recipe, {"labels.source": '["none", "agf-d"]'}).sources == ("none", "agf-d")


@pytest.mark.parametrize(
    ("sources", "changes", "message"),
    [
        ("none+sa", {"targets__networks": "separate"}, "one source of the task's own classes"),
        ("none+agf-m", {"targets__networks": "none"}, "separate, shared or wide"),
        ("agf-m", {"targets__networks": "none"}, "separate, shared or wide"),
        ("none+sa", {}, "one source of the task's own classes"),
    ],
)
def test_what_cannot_be_combined_is_refused(sources, changes, message):
    with pytest.raises(RecipeError, match=message):
        make_recipe(sources, **changes)


def test_an_extractor_has_no_network_of_ours_to_transfer():
    head = {"network__fine_tune": "head", "network__pretrained": "msd", "network__hidden": 100}
    recipe = make_recipe("agf").override(network__backbone="vgg", **head)
    with pytest.raises(RecipeError, match="a network of ours"):
        recipe.override(network__extractor="discogs-effnet-bs64-1")


def test_names_of_models():
    assert name_stems(make_recipe(), False) == {
        "full": "genre_x-dcnn-agf",
        "head": None,
    }
    alone = make_recipe("none", targets__networks="separate")
    assert name_stems(alone, True) == {
        "full": "demo-genre_x-dcnn-transfer",
        "head": None,
    }


def test_separate_networks_learn_training_tracks_alone(run, collection):
    recipe = make_recipe()
    plan_run(run, recipe, collection, make_split(collection), Wanted(max_hours=3.0))
    plan = read_json(run / "plan.json")
    assert plan["features"] == ["features/g", "features/s"]
    made = {"networks": "separate", "targets": ["g", "s"], "fine_tune": "none", "pretrained": None}
    assert plan["learned"] == made
    assert (plan["network"]["fine_tune"], plan["network"]["hidden"], plan["network"]["activation"]) == (
        "head",
        1024,
        "elu",
    )
    assert (plan["training"]["epochs"], plan["training"]["halvings"], plan["training"]["loss"]) == (
        50,
        [],
        "cross_entropy",
    )
    genre, groups = (read_json(run / "features" / name / "plan.json") for name in "gs")
    assert [track["id"] for track in genre["tracks"]] == list(make_split(collection).train)
    # The artist without sub-genres teaches nothing about groups.
    assert {track["id"] for track in groups["tracks"]} == set(make_split(collection).train) - {"t10", "t11"}
    for network in (genre, groups):
        assert {track["role"] for track in network["tracks"]} == {"train"}
        assert (network["training"]["epochs"], network["training"]["halvings"]) == (7, [])
        assert (network["export"], network["predictions"], network["calibration"]) == (False, False, "none")
        assert network["max_hours"] == plan["max_hours"] == 1.0
    table = read_table(run / "features" / "s" / "labels.csv")
    assert table.classes == tuple(groups["classes"])
    assert set(table.ids) == {track["id"] for track in groups["tracks"]}
    # tracks of one artist have one distribution, and the planted sub-genres tell artists apart
    rows = dict(zip(table.ids, table.distributions, strict=True))
    assert np.array_equal(rows["t00"], rows["t01"])
    assert rows["t00"].argmax() == rows["t04"].argmax() != rows["t02"].argmax()
    report = read_json(run / "labels.json")["targets"]["s"]
    assert report["artists_without_words"] == ["silent"]


def test_who_taught_nothing_is_told():
    reports = {
        "g": {},
        "m": {"artists_without_words": [], "tracks_without_artist": 0},
        "s": {"artists_without_words": [f"a{n}" for n in range(7)], "tracks_without_artist": 3},
    }
    (line,) = multi_target.describe_left_out(reports)
    expected = "3 tracks without artist and 7 artists without words (a0, a1, a2, a3, a4, ...)"
    assert line == f"target s is not learned from {expected}"


def test_targets_do_not_see_validation_or_test_tracks(run, collection):
    split = make_split(collection)
    plan_run(run, make_recipe(), collection, split)
    changed = tuple(
        track if track.id in split.train else Track(track.id, track.path, track.label, track.artist)
        for track in collection.tracks
    )
    other = Collection(changed, collection.contents, collection.durations_s, (), here())
    plan_run(run.parent / "other", make_recipe(), other, split)
    first, second = (path / "features" / "s" / "labels.csv" for path in (run, run.parent / "other"))
    assert first.read_bytes() == second.read_bytes()


def test_a_shared_network_learns_all_targets_for_as_many_epochs(run, collection):
    plan_run(run, make_recipe(targets__networks="shared"), collection, make_split(collection))
    assert read_json(run / "plan.json")["features"] == ["features/shared"]
    plan = read_json(run / "features" / "shared" / "plan.json")
    assert [task["name"] for task in plan["tasks"]] == ["g", "s"]
    assert plan["training"]["epochs"] == 14
    tables = {name: read_table(run / "features" / "shared" / f"labels-{name}.csv") for name in "gs"}
    ids = [track["id"] for track in plan["tracks"]]
    assert list(tables["g"].ids) == ids  # nothing of validation or test tracks
    assert set(ids) - set(tables["s"].ids) == {"t10", "t11"}


def test_a_wide_network_learns_the_first_target(run, collection):
    plan_run(run, make_recipe("agf", targets__networks="wide"), collection, make_split(collection))
    plan = read_json(run / "features" / "wide" / "plan.json")
    assert (plan["network"]["n_networks"], plan["labels_source"], plan["training"]["epochs"]) == (5, "none", 7)


def test_a_single_target_has_no_shared_network(run, collection):
    recipe = make_recipe("none", targets__networks="shared")
    table = LabelTable(("t00",), CLASSES, np.array([[1, 0]]))
    shared = compose_plan(run / "x", recipe, collection, make_split(collection))
    assert multi_target.write_networks(run, recipe, {"g": Target("g", "none", table)}, shared) == [run / "g"]


def test_groups_are_learned_by_cross_entropy_and_smoothed_labels_as_elsewhere():
    recipe = make_recipe("sb+agf-m", training__class_weights="balanced")
    assert multi_target.plan_training(recipe, 3, "sb").loss == "mae"
    groups = multi_target.plan_training(recipe, 3, "agf-m")
    assert (groups.loss, groups.class_weights) == ("cross_entropy", "none")  # artists' groups have no classes


def test_networks_move_with_their_run(run, collection, tmp_path):
    plan_run(run, make_recipe(), collection, make_split(collection))
    update_places(run, dataclasses.replace(collection, home=Home(tmp_path / "new")))
    for folder in (run, run / "features" / "g", run / "features" / "s"):
        assert read_json(folder / "plan.json")["store"] == str(tmp_path / "new" / "store")


@pytest.mark.parametrize("damage", ["lost plan", "lost table", "garbage", "other json", "own plan"])
def test_damaged_plans_are_seen(run, collection, damage):
    plan_run(run, make_recipe(), collection, make_split(collection))
    assert is_planned(run)
    network = run / "features" / "s"
    if damage == "lost plan":
        (network / "plan.json").unlink()
    elif damage == "lost table":
        (network / "labels.csv").unlink()
    elif damage == "garbage":
        (network / "plan.json").write_bytes(b"{\xff")
    else:
        ((network if damage == "other json" else run) / "plan.json").write_text("[]")
    assert not is_planned(run)


def test_ensembles_of_transferred_networks_are_refused(tmp_path):
    with pytest.raises(RecipeError, match="a network with one target"):
        train_members(make_recipe(), None, 2, home=here())
    members = []
    for name in "ab":
        network = {"backbone": "dcnn", "pretrained": "features", "fine_tune": "head"}
        plan = {"task": "x", "name": "x", "description": "", "classes": CLASSES, "network": network}
        plan |= {"front_end": "dcnn", "training": {"epochs": 1}, "features": ["features/g"]}
        plan |= {"store": "store", "graphs": "graphs"}
        plan["tracks"] = [{"id": "t", "content": "c", "role": "train", "label": "Folk"}]
        write_json(tmp_path / name / "plan.json", plan)
        members.append(Member(name, tmp_path / name))
    with pytest.raises(DataError, match="a network with one target"):
        check_members(members)


def test_samples_need_dropout():
    with pytest.raises(RecipeError, match=r"targets.dropout"):
        check_sampling(make_recipe(targets__dropout=0.0, uncertainty__samples=10))
    check_sampling(make_recipe(uncertainty__samples=10))


@pytest.mark.parametrize("kind", ["separate", "shared"])
def test_heads_without_a_hidden_layer_have_nothing_of_their_own(kind):
    head = {"network__backbone": "musicnn", "network__fine_tune": "head", "network__hidden": 0}
    with pytest.raises(RecipeError, match="has the same features whatever its head learns"):
        make_recipe("agf").override(**head, targets__networks=kind)
    assert make_recipe("agf").override(**{**head, "network__hidden": 9}, targets__networks=kind)


def test_networks_without_a_cut_or_a_wider_kind_are_refused_early():
    with pytest.raises(RecipeError, match="share all of vgg"):
        make_recipe("agf").override(network__backbone="vgg", targets__networks="shared")
    with pytest.raises(RecipeError, match="dcnn for a wide network"):
        make_recipe("agf").override(network__backbone="vgg", network__hidden=100, targets__networks="wide")


def test_groups_join_another_source_of_the_classes():
    assert make_recipe("sb+agf").sources == ("sb", "agf-m", "agf-d", "agf-e", "agf-s")
    assert make_recipe("agf+none").sources[-1] == "none"


def test_a_wide_network_is_said_to_learn_what_it_learns(run, collection):
    recipe = make_recipe("none+agf-s", targets__networks="wide")
    plan_run(run, recipe, collection, make_split(collection))
    assert read_json(run / "plan.json")["learned"]["targets"] == ["g"]
    assert name_stems(recipe, False)["full"] == "genre_x-dcnn-transfer"
    assert list_sources(recipe, ["none+agf-s"]) == ["none"]  # nothing is extracted for what is not learned


def test_a_shared_network_learns_each_target_as_its_own_network_would(run, collection):
    recipe = make_recipe("shares+agf-s", targets__networks="shared", training__class_weights="balanced")
    targets = {
        letter: Target(letter, source, LabelTable(("t00", "t01"), CLASSES, np.eye(2)))
        for letter, source in (("g", "shares"), ("s", "agf-s"))
    }
    plan = compose_plan(run / "x", recipe, collection, make_split(collection))
    multi_target.write_networks(run, recipe, targets, plan)
    found = {
        task["name"]: (task["loss"], task["class_weights"]) for task in read_json(run / "shared/plan.json")["tasks"]
    }
    assert found == {"g": ("mae", "balanced"), "s": ("cross_entropy", "none")}
