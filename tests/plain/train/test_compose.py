"""What decides the numbers of a run, and what may move while it waits."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from essentia_ldl.collection.read import Collection
from essentia_ldl.files import Home, write_json
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Track
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.train.compose import identify_graphs, identify_tracks, name_stems, update_places

here = Home.from_environment  # the fixtures set the variable

CLASSES = ("non_sad", "sad")


@pytest.fixture
def collection() -> Collection:
    columns = [{"sadness": str(n / 10), "title": f"song {n}", "sad": "0.5"} for n in range(4)]
    tracks = tuple(Track(f"t{n}", f"/{n}", CLASSES[n % 2], columns=columns[n]) for n in range(4))
    contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in tracks}
    return Collection(tracks, contents, dict.fromkeys(contents, 20.0), (), here())


def change_column(collection: Collection, name: str) -> Collection:
    first = collection.tracks[0]
    changed = dataclasses.replace(first, columns={**first.columns, name: "0.77"})
    return dataclasses.replace(collection, tracks=(changed, *collection.tracks[1:]))


def test_shares_of_listeners_that_change_make_another_run_and_titles_do_not(collection):
    settings = {"shares": {"column": "sadness"}}
    recipe = Recipe("mood-sad", CLASSES, labels="none", label_settings=settings)
    known = identify_tracks(recipe, collection)
    assert identify_tracks(recipe, change_column(collection, "sadness")) != known
    assert identify_tracks(recipe, change_column(collection, "title")) == known
    plain = Recipe("mood-sad", CLASSES, labels="none")
    assert identify_tracks(plain, change_column(collection, "sadness")) == identify_tracks(plain, collection)
    assert identify_tracks(plain, change_column(collection, "sad")) != identify_tracks(plain, collection)


@pytest.mark.parametrize(
    ("backbones", "layers", "full", "head"),
    [
        (("msd-musicnn", "msd-vgg", "mtt-vgg"), "embedding", "mood_sad-joint-3", None),
        (("mtt-musicnn",), "deep", "mood_sad-joint-1", None),
        (("mtt-musicnn",), "embedding", "mood_sad-musicnn-mtt", "mood_sad-mtt-musicnn"),
        (("net-1",), "embedding", "mood_sad-joint-1", None),
        (("msd-vgg", "net-1"), "deep", "mood_sad-joint-2", None),
    ],
)
def test_a_model_is_named_after_how_many_networks_stand_side_by_side(backbones, layers, full, head):
    recipe = Recipe("mood-sad", CLASSES).override(network__layers=layers, network__backbones=backbones)
    assert name_stems(recipe, False) == {"full": full, "head": head}


def write_extractor_plan(folder: Path, graph: Path) -> None:
    extractor = {
        **{"name": "effnet-1", "graph": str(graph), "algorithm": "a", "link": "", "sha256": "1", "node": "n"},
        **{"size": 3, "folder": "extractor-effnet-1"},
        **{"patch_frames": 128, "patch_hop_frames": 62, "resample_quality": 4},
    }
    plan = {
        **{"task": "mood-sad", "name": "mood sad", "description": "", "front_end": "effnet", "training": {"epochs": 1}},
        **{"network": {"backbone": "musicnn", "pretrained": "msd"}, "store": "/old/store", "graphs": "/old/graphs"},
        **{"seed": 5, "extractor": extractor, "classes": list(CLASSES)},
        "tracks": [{"id": "t0", "content": "0", "role": "train", "label": "sad"}],
    }
    write_json(folder / "plan.json", plan)


def test_a_plan_follows_its_home(tmp_path, collection):
    new = Home(tmp_path / "new")
    write_extractor_plan(tmp_path / "run", tmp_path / "old" / "graphs" / "effnet-1.pb")
    before = read_plan(tmp_path / "run")
    update_places(tmp_path / "run", dataclasses.replace(collection, home=new))
    plan = read_plan(tmp_path / "run")
    assert (plan.store, plan.graphs) == (new.store, new.graphs)
    graph = str(new.graphs / "effnet-1.pb")
    assert plan.extractor == dataclasses.replace(before.extractor, graph=graph)
    assert plan.seed == 5
    assert dataclasses.replace(plan, places=before.places, extractor=before.extractor) == before


def test_an_extractor_that_is_where_it_was_stays_there(tmp_path, collection):
    graph = tmp_path / "mine.pb"
    graph.write_bytes(b"graph")
    write_extractor_plan(tmp_path, graph)
    update_places(tmp_path, collection)
    assert read_plan(tmp_path).extractor.graph == str(graph)


def test_other_bytes_of_an_extractor_make_another_run(tmp_path, write_extractor):
    write_extractor(tmp_path, "net-1")
    plain = Recipe("mood-sad", CLASSES)
    assert identify_graphs(plain.override(choice__networks=("msd-vgg", "mtt-vgg")), tmp_path) == []
    recipes = [plain.override(network__backbones=("net-1", "msd-vgg")), plain.override(choice__networks=("net-1",))]
    before = [identify_graphs(recipe, tmp_path) for recipe in recipes]
    assert before[0] == before[1] != []
    write_extractor(tmp_path, "net-1", data=b"others")
    assert all(identify_graphs(recipe, tmp_path) != before[0] for recipe in recipes)
