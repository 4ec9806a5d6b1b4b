"""Plans of embedding spaces: what they refuse, what a loss has for its own, and that a file gives the same plan."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.errors import StoreError, TrainingError, UnknownNameError
from essentia_ldl.files import read_json, write_json
from essentia_ldl.runs.plan_parts import Places, PlannedAudio, PlannedTrack
from essentia_ldl.runs.space import SpacePlan, SpaceSettings, make_settings, read_space_plan, write_space_plan


def make_plan(folder: Path, **changes) -> SpacePlan:
    tracks = tuple(
        PlannedTrack(f"{name}-{n}.mp3", f"{name}{n}", role, name)
        for name, role in (("bea", "train"), ("ann", "train"), ("cas", "valid"))
        for n in range(2)
    )
    places = Places(folder / "store", folder / "graphs", (PlannedAudio("a.mp3", "bea0"),))
    given = {"backbones": ("msd-musicnn",), **changes}
    return SpacePlan(folder, "artists", "a space", "mine-musicnn", make_settings(), tracks, places, **given)


def test_a_file_gives_the_same_plan(tmp_path):
    plan = make_plan(tmp_path, layers="deep", card={"licence": "none"})
    write_space_plan(plan)
    assert read_space_plan(tmp_path) == plan


def test_groups_are_numbered_by_their_names(tmp_path):
    plan = make_plan(tmp_path)
    assert plan.groups.tolist() == [1, 1, 0, 0, 2, 2]
    assert plan.rows("valid").tolist() == [4, 5]


def test_the_published_numbers_are_those_of_whole_networks():
    whole = make_settings("siamese", whole=True)
    assert (whole.margin, whole.n_negatives, whole.distance) == (0.4, 4, "cosine")
    assert (whole.optimizer, whole.rate, whole.batch_size) == ("sgd", 0.1, 15)
    assert make_settings("triplet", margin=None, n_negatives=3).n_negatives == 3
    assert not make_settings("basic").compares
    words = make_settings("words", whole=True)
    assert (words.optimizer, words.rate, words.batch_size, words.margin, words.patience) == ("sgd", 1e-3, 64, 0.4, 20)
    assert not words.compares
    assert make_settings("devise").size == 100


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"loss": "triplets"}, "loss: expected one of .*Did you mean 'triplet'"),
        ({"distance": "l1"}, "distance: expected one of cosine, l2"),
        ({"negatives": "hard"}, "negatives: expected one of random, semi-hard"),
        ({"optimizer": "lbfgs"}, "optimizer: expected one of adam, sgd"),
    ],
)
def test_names_that_do_not_exist(changes, told):
    with pytest.raises(UnknownNameError, match=told):
        SpaceSettings(**changes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"margin": 0.0}, r"margin: expected above 0, at most 2 \(the largest cosine distance\); got 0.0"),
        ({"epochs": -1}, "epochs: expected 0 or more; got -1"),
        ({"size": 1.5}, "size: expected a whole number; got 1.5"),
        ({"margin": 2.5}, "margin: expected above 0, at most 2"),
        ({"margin": float("inf"), "distance": "l2"}, "margin: expected above 0; got inf"),
        ({"rate": float("inf")}, "rate: expected above 0, at most 10; got inf"),
        ({"rate": 1e30}, r"rate: expected above 0, at most 10; got 1e\+30"),
        ({"seed": -1}, "seed: expected 0 to 2147483647; got -1"),
        ({"n_negatives": 101}, "n_negatives: expected 100 or fewer; got 101"),
    ],
)
def test_numbers_out_of_range(changes, told):
    with pytest.raises(TrainingError, match=told):
        SpaceSettings(**changes)


def test_a_distance_without_bounds_takes_any_margin():
    assert SpaceSettings(distance="l2", margin=30.0).margin == 30


@pytest.mark.parametrize("loss", ["basic", "tags"])
@pytest.mark.parametrize("given", [{"margin": 0.3}, {"distance": "l2"}, {"negatives": "semi-hard"}, {"n_negatives": 2}])
def test_what_a_loss_without_comparisons_does_not_have(loss, given):
    told = rf"{next(iter(given))}: expected none with the loss {loss}, which compares no tracks; got .*Leave it out"
    with pytest.raises(TrainingError, match=told):
        make_settings(loss, **given)
    assert make_settings(loss, **dict.fromkeys(given)).loss == loss, "what is not given is not refused"


def test_a_plan_is_on_frozen_networks_or_trains_one(tmp_path):
    with pytest.raises(TrainingError, match="frozen networks, or one that trains"):
        make_plan(tmp_path, network="musicnn")
    with pytest.raises(TrainingError, match="frozen networks, or one that trains"):
        make_plan(tmp_path, backbones=())
    with pytest.raises(UnknownNameError, match="network"):
        make_plan(tmp_path, backbones=(), network="musicn")


def test_tags_need_labels_of_every_track(tmp_path):
    plan = make_plan(tmp_path)
    with pytest.raises(TrainingError, match="a list of labels for every track"):
        dataclasses.replace(plan, settings=make_settings("tags"))


def test_files_that_are_no_plan(tmp_path):
    with pytest.raises(StoreError):
        read_space_plan(tmp_path)
    write_space_plan(make_plan(tmp_path))
    fields = read_json(tmp_path / "plan.json")
    for damaged, told in [
        ({"kind": "single_label"}, "that of an embedding space"),
        ({"tracks": 3}, "the keys of a run"),
        ({"settings": {"loss": 3}}, "loss: expected text"),
        ({"stem": "../out"}, "a plain name"),
        ({"more": 1}, "the keys of a run"),
    ]:
        write_json(tmp_path / "plan.json", {**fields, **damaged})
        with pytest.raises(TrainingError, match=told):
            read_space_plan(tmp_path)


def test_rows_are_whole_numbers(tmp_path):
    assert make_plan(tmp_path).rows("train").dtype == np.int64
