"""The parts of a plan check themselves."""

from __future__ import annotations

import dataclasses
import json

import pytest

from essentia_ldl.errors import RecipeError, TrainingError, UnknownNameError
from essentia_ldl.runs.plan_parts import AugmentPlan, NetworkPlan, PlannedTrack, TaskPlan, TrainingPlan, choose_loss
from essentia_ldl.taps import Published, place_extractor


def test_pretrained_weights_are_not_used_from_scratch():
    assert NetworkPlan("musicnn", fine_tune="none", pretrained="msd").pretrained is None
    with pytest.raises(TrainingError, match="pretrained: expected the name of weights; got None"):
        NetworkPlan("musicnn")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: NetworkPlan("musicnn", fine_tune="some", pretrained="msd"),
            "fine_tune: expected head, top, all or none",
        ),
        (lambda: AugmentPlan(time_mask=1.0), "time_mask: expected 0 to 1, below 1; got 1.0"),
        (lambda: AugmentPlan(gain_db=-1.0), "gain_db: expected at least 0; got -1.0"),
        (lambda: AugmentPlan(audio=("echo",)), "audio: expected quality, mp3, pitch or tempo; got 'echo'"),
        (lambda: TrainingPlan(epochs=1, rate_factor=0), "rate_factor: expected above 0, at most 1; got 0"),
        (lambda: TrainingPlan(epochs=1, rate_factor=-0.5), "rate_factor: expected above 0, at most 1; got -0.5"),
        (lambda: TrainingPlan(epochs=1, warmup_epochs=-1), "warmup_epochs: expected at least 0; got -1"),
        (lambda: NetworkPlan("musicnn", fine_tune="top"), "pretrained: expected the name of weights; got None"),
        (lambda: NetworkPlan("musicnn", pretrained="msd", activation="tanh"), "activation: expected relu or elu"),
        (lambda: TrainingPlan(epochs=1, solver="guess"), 'solver: expected "" or solved; got'),
        (
            lambda: NetworkPlan("vgg", fine_tune="all", pretrained="msd", backbones=("msd-vgg",)),
            "fine_tune: expected head, with backbones; got 'all'",
        ),
        (lambda: TrainingPlan(epochs=0), "epochs: expected at least 1; got 0"),
        (lambda: TrainingPlan(epochs=1, loss="mse"), "loss: expected auto or mae or cross_entropy or kl; got 'mse'"),
        (lambda: TrainingPlan(epochs=1, class_weights="auto"), "class_weights: expected balanced or none; got 'auto'"),
        (lambda: PlannedTrack("t", "c", "dev", "sad"), r"role: expected train, valid or test; got 'dev' \(t\)"),
        (lambda: TaskPlan("g", ("a", "b"), loss="auto"), "loss: expected mae or cross_entropy or kl; got 'auto'"),
        (lambda: TaskPlan("g", ("a", "b"), class_weights="some"), "class_weights: expected balanced or none"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(TrainingError, match=message):
        make()


def test_networks_side_by_side_come_from_json():
    plan = NetworkPlan("vgg", pretrained="msd", backbones=["msd-vgg", "mtt-musicnn"], layers="deep")
    assert plan.backbones == ("msd-vgg", "mtt-musicnn")
    with pytest.raises(UnknownNameError, match="one of msd-musicnn"):
        NetworkPlan("vgg", pretrained="msd", backbones=["vgg"])
    with pytest.raises(RecipeError, match=r"network\.layers: expected embedding"):
        NetworkPlan("vgg", pretrained="msd", layers="shallow")


def test_auto_is_the_loss_that_the_labels_ask_for():
    assert choose_loss("auto", is_smoothed=True) == "mae"
    assert choose_loss("auto", is_smoothed=False) == "cross_entropy"
    assert choose_loss("kl", is_smoothed=True) == "kl"


def test_an_extractor_beside_networks_comes_from_json():
    known = {"name": "net-1", "size": 12, "sha256": "0", "input_name": "x", "node": "y", "link": "", "licence": "ISC"}
    plan = NetworkPlan("vgg", pretrained="msd", backbones=["msd-vgg", "net-1"], published=[known])
    assert plan.published == (Published(**known),)
    assert plan.networks == ("msd-vgg", place_extractor(Published(**known)))
    assert NetworkPlan(**json.loads(json.dumps(dataclasses.asdict(plan)))) == plan
    for change, message in (
        ({"size": "12"}, "size: expected a whole number"),
        ({"licence": None}, "licence: expected text"),
    ):
        with pytest.raises(TrainingError, match=message):
            NetworkPlan("vgg", pretrained="msd", backbones=["net-1"], published=[{**known, **change}])
    with pytest.raises(UnknownNameError, match="got 'net-1'"):
        NetworkPlan("vgg", pretrained="msd", backbones=["net-1"])
