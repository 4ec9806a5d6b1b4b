"""What sections of a recipe must have together, each in one sentence."""

from __future__ import annotations

import dataclasses

import pytest

from essentia_ldl import frontends
from essentia_ldl.errors import RecipeError, UnknownNameError
from essentia_ldl.recipe.checks import (
    check_augment,
    check_joint,
    check_precision,
    check_stages,
    check_targets,
    check_tuning,
    check_width,
)
from essentia_ldl.recipe.sections import AugmentSettings, NetworkSettings, TrainingSettings


@pytest.mark.parametrize(
    ("changes", "networks", "message"),
    [
        ({"layers": "deep"}, "none", r"network\.layers: expected embedding without network\.backbones; got 'deep'"),
        ({"backbones": ("msd-vgg", "mtt-vgg"), "fine_tune": "all"}, "none", r"network\.fine_tune: expected head, with"),
        ({"backbones": ("msd-vgg", "mtt-vgg"), "extractor": "x"}, "none", r"network\.extractor: expected none, with"),
        ({"backbones": ("msd-vgg", "mtt-vgg")}, "separate", r"targets\.networks: expected none, with"),
    ],
)
def test_networks_side_by_side_where_they_cannot_be(changes, networks, message):
    with pytest.raises(RecipeError, match=message):
        check_joint(NetworkSettings(**changes), networks, "recipe x")


def test_networks_side_by_side_that_can_be():
    check_joint(NetworkSettings(), "separate", "recipe x")
    check_joint(NetworkSettings(backbones=("msd-vgg", "mtt-vgg"), layers="135"), "none", "recipe x")


@pytest.mark.parametrize("backbone", frontends.NETWORKS)
def test_networks_that_cannot_be_cut_or_widened_are_refused(backbone):
    """Separate networks are for all; the last layer is hidden, so a network without one has nothing to share."""
    network, row = NetworkSettings(backbone=backbone, fine_tune="none", hidden=0), frontends.NETWORKS[backbone]
    several = ("none", "agf-m")
    check_targets(several, "separate", network, "x")
    for kind, able in (("shared", row.is_cut), ("wide", row.is_widened)):
        if able:
            check_targets(several, kind, network, "x")
        else:
            with pytest.raises(RecipeError, match=r"network\.(hidden|backbone): expected"):
                check_targets(several, kind, network, "x")


@pytest.mark.parametrize(
    ("sources", "networks", "values", "message"),
    [
        (("none", "sb"), "separate", {}, "one source of the task's own classes"),
        (("none", "agf-m"), "none", {}, r"targets\.networks: expected separate, shared or wide"),
        (("none", "agf-m"), "shared", {"fine_tune": "top"}, r"network\.fine_tune: expected all or none where targets"),
        (("agf-m",), "none", {}, r"targets\.networks"),
        (("none", "agf-m"), "separate", {"extractor": "msd-musicnn-1"}, "targets: expected a network of ours"),
        (("none", "agf-m"), "separate", {"hidden": 0}, r"network\.hidden: expected at least 1"),
    ],
)
def test_what_sections_must_have_together(sources, networks, values, message):
    with pytest.raises(RecipeError, match=message):
        check_targets(sources, networks, NetworkSettings(**values), "recipe x")


@pytest.mark.parametrize(
    ("network", "training", "networks", "message"),
    [
        ({}, {"rate_factor": 0.4}, "none", r"training\.rate_factor: expected 1 unless one pretrained network is tuned"),
        ({"fine_tune": "none"}, {"warmup_epochs": 2}, "none", r"training\.warmup_epochs: expected 0 unless"),
        ({"fine_tune": "all"}, {"rate_factor": 0.4}, "shared", r"training\.rate_factor"),
    ],
)
def test_rates_of_depths_where_there_are_none(network, training, networks, message):
    with pytest.raises(RecipeError, match=message):
        check_tuning(NetworkSettings(**network), TrainingSettings(**training), networks, "recipe x")


@pytest.mark.parametrize("fine_tune", ["top", "all"])
def test_depths_of_a_pretrained_network_have_rates(fine_tune):
    training = TrainingSettings(rate_factor=0.4, warmup_epochs=3)
    check_tuning(NetworkSettings(fine_tune=fine_tune), training, "none", "recipe x")


@pytest.mark.parametrize("layer", frontends.NETWORKS["vgg"].depths)
def test_a_network_is_frozen_up_to_a_layer_that_it_has(layer):
    network = NetworkSettings(backbone="vgg", fine_tune="top", frozen_until=layer)
    check_tuning(network, TrainingSettings(), "none", "recipe x")
    with pytest.raises(RecipeError, match=r"network\.frozen_until: expected none unless network\.fine_tune is top"):
        check_tuning(dataclasses.replace(network, fine_tune="all"), TrainingSettings(), "none", "recipe x")


def test_a_layer_that_does_not_exist_lists_those_that_do():
    network = NetworkSettings(backbone="vgg", fine_tune="top", frozen_until="pool_7")
    listed = "embedding, pool_1, pool_2, pool_3, pool_4"
    with pytest.raises(UnknownNameError, match=rf"layer of vgg: expected one of {listed}; got 'pool_7'"):
        check_tuning(network, TrainingSettings(), "none", "recipe x")


@pytest.mark.parametrize(("fine_tune", "networks"), [("head", "none"), ("top", "none"), ("all", "shared")])
def test_16_bits_where_no_whole_network_trains(fine_tune, networks):
    training = TrainingSettings(mixed_precision=True)
    with pytest.raises(RecipeError, match=r"training\.mixed_precision: expected false unless one whole.*solved or not"):
        check_precision(NetworkSettings(fine_tune=fine_tune), training, networks, "recipe x")
    for able in ("all", "none"):
        check_precision(NetworkSettings(fine_tune=able), training, "none", "recipe x")


def test_patches_that_no_network_learns_cannot_be_changed():
    changed, message = (
        AugmentSettings(mixup=0.2, audio=("mp3",)),
        "augment: expected nothing unless.*got 'mixup, audio'",
    )
    for network, networks in ((NetworkSettings(), "none"), (NetworkSettings(fine_tune="none"), "separate")):
        with pytest.raises(RecipeError, match=message):
            check_augment(network, changed, networks, "recipe x")
    for fine_tune in ("top", "all", "none"):
        check_augment(NetworkSettings(fine_tune=fine_tune), changed, "none", "recipe x")
    check_augment(NetworkSettings(), AugmentSettings(), "separate", "recipe x")


@pytest.mark.parametrize("backbone", frontends.NETWORKS)
def test_networks_that_cannot_be_narrower_are_refused(backbone):
    network = NetworkSettings(backbone=backbone, fine_tune="none", width=0.5)
    if frontends.NETWORKS[backbone].is_narrowed:
        check_width(network, "none", "recipe x")
    else:
        with pytest.raises(RecipeError, match=rf"network\.width: expected 1 with {backbone}; got 0\.5"):
            check_width(network, "none", "recipe x")


def test_pretrained_weights_keep_their_width():
    check_width(NetworkSettings(), "separate", "recipe x")
    for fine_tune, networks in (("all", "none"), ("none", "separate")):
        with pytest.raises(RecipeError, match=r"network\.width: expected 1 unless one network is trained from scratch"):
            check_width(NetworkSettings(fine_tune=fine_tune, width=0.5), networks, "recipe x")


@pytest.mark.parametrize(
    ("network", "training", "networks"),
    [
        ({"fine_tune": "head"}, {}, "none"),
        ({"fine_tune": "top"}, {}, "none"),
        ({"fine_tune": "none"}, {}, "shared"),
        ({"fine_tune": "all"}, {"rate_factor": 0.5}, "none"),
        ({"fine_tune": "all"}, {"warmup_epochs": 1}, "none"),
    ],
)
def test_stages_are_those_of_one_whole_network(network, training, networks):
    settings = TrainingSettings(stages=("adam 1e-4 2",), **training)
    with pytest.raises(RecipeError, match=r"training\.stages: expected none unless one whole network trains"):
        check_stages(NetworkSettings(**network), settings, networks, "recipe x")
    check_stages(NetworkSettings(**network), TrainingSettings(**training), networks, "recipe x")
    for fine_tune in ("all", "none"):
        check_stages(NetworkSettings(fine_tune=fine_tune), TrainingSettings(stages=("adam 1 2",)), "none", "recipe x")
