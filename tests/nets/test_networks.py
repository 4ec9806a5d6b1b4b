"""The network of a plan: as wide, as deep and as initialised as the plan says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from essentia_ldl.errors import TrainingError
from essentia_ldl.nets.backbones import dcnn, vgg
from essentia_ldl.nets.classifier import DenseLayers, build_head, build_network
from essentia_ldl.nets.networks import build_model, count_embedding, has_free_time
from essentia_ldl.nets.runtime import keras
from essentia_ldl.runs.plan import read_plan


def count(variables) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)


def whole(n_classes: int = 16, **size) -> keras.Model:
    return build_network(dcnn, n_classes, DenseLayers(0), fine_tune="none", size=size)


def test_a_plan_can_ask_for_a_wide_network(make_dcnn):
    plan = read_plan(make_dcnn(network={"n_networks": 3}))
    model = build_model(plan, pretrained=False)
    assert count(model.trainable_weights) == pytest.approx(3 * count(whole(2).trainable_weights), rel=0.01)


@pytest.mark.parametrize(
    ("network", "free", "n_features"),
    [
        ({}, True, 200),
        ({"backbone": "vgg"}, False, 256),
        ({"backbones": ["msd-musicnn", "mtt-musicnn"], "layers": "deep"}, True, 2 * 634),
        ({"backbones": ["msd-musicnn", "mtt-vgg"], "layers": "1"}, False, 561 + 128),
    ],
)
def test_what_a_head_reads_and_how_many_frames(network, free, n_features, make_run):
    plan = read_plan(make_run(network=network))
    assert has_free_time(plan) is free
    assert count_embedding(plan) == build_model(plan, pretrained=True).input_shape[-1] == n_features


def test_only_networks_that_can_grow_are_made_wider(make_dcnn, make_run):
    scratch = {"backbone": "vgg", "fine_tune": "none", "n_networks": 2}
    with pytest.raises(TrainingError, match=r"n_networks: expected 1; got 2 .*wider: dcnn"):
        build_model(read_plan(make_run("vgg", network=scratch)), pretrained=False)
    with pytest.raises(TrainingError, match="1 with pretrained weights"):
        build_model(read_plan(make_run("tuned", network={**scratch, "fine_tune": "all"})), pretrained=False)


@pytest.mark.parametrize(("layer", "n_trained"), [("", 2), ("pool_4", 1), ("pool_1", 4), ("embedding", 0)])
def test_a_network_is_frozen_up_to_the_layer_that_is_named(layer, n_trained, make_run):
    """Above it, convolutions with their normalisations train; its own choice leaves two of five blocks."""
    network = {"backbone": "vgg", "fine_tune": "top", "frozen_until": layer}
    trained = {
        v.path.split("/")[0]
        for v in build_model(read_plan(make_run(network=network)), pretrained=False).trainable_variables
    }
    blocks = [name for name in trained if name.startswith("convolution_") and not name.endswith("_norm")]
    assert sorted(blocks) == [f"convolution_{number}" for number in range(6 - n_trained, 6)]
    assert {"hidden", "logits"} <= trained


@pytest.mark.parametrize("backbone", ["musicnn", pytest.param("vgg", marks=pytest.mark.slow)])
def test_a_narrow_network_has_a_share_of_the_numbers(backbone, make_run):
    """A quarter of the width is about a sixteenth of what lies between two layers, and a quarter of the rest."""
    scratch = {"backbone": backbone, "fine_tune": "none", "hidden": 0}
    sizes = [
        count(build_model(read_plan(make_run(f"{n}", network=scratch | more)), pretrained=False).trainable_weights)
        for n, more in enumerate(({}, {"width": 0.25}))
    ]
    assert sizes[0] / 16 < sizes[1] < sizes[0] / 4


def test_a_network_that_cannot_be_narrower_is_told(make_dcnn):
    with pytest.raises(TrainingError, match=r"width: expected 1; got 0\.5 \(network dcnn\)"):
        build_model(read_plan(make_dcnn(network={"width": 0.5})), pretrained=False)


def test_scratch_initialisation_is_he(make_run):
    plan = read_plan(make_run(network={"fine_tune": "none", "backbone": "vgg"}))
    assert plan.network.pretrained is None
    keras.utils.set_random_seed(0)
    kernel = build_model(plan, pretrained=True).get_layer("convolution_2").kernel.numpy()
    assert kernel.std() == pytest.approx(math.sqrt(2 / (9 * 128)), rel=0.02)


def test_the_head_on_features_is_that_of_the_paper(make_run):
    """Dropout one half, dense 1024, ELU, dropout one half, dense: section 3.2.3 of Kim et al. (2018)."""
    network = {"hidden": 1024, "activation": "elu", "dropout": 0.5}
    model = build_model(read_plan(make_run(network=network)), pretrained=False)
    rows = [(type(layer).__name__, getattr(layer, "rate", getattr(layer, "units", None))) for layer in model.layers[1:]]
    assert rows == [("Dropout", 0.5), ("Dense", 1024), ("ELU", None), ("Dropout", 0.5), ("Dense", 2)]
    # five networks of 256 and sixteen classes
    head = build_head(5 * 256, 16, DenseLayers(1024, dropout=0.5, activation="elu"))
    assert sum(int(np.prod(v.shape)) for v in head.trainable_weights) == 1_328_144


def test_a_whole_network_has_it_too(make_run):
    network = {"backbone": "vgg", "fine_tune": "none", "activation": "elu"}
    model = build_model(read_plan(make_run(network=network)), pretrained=False)
    assert isinstance(model.get_layer("hidden_elu"), keras.layers.ELU)
    plain = build_network(vgg, 2)
    assert isinstance(plain.get_layer("hidden_relu"), keras.layers.ReLU)


def test_another_activation_is_refused(make_run):
    with pytest.raises(TrainingError, match="activation: expected relu or elu; got 'tanh'"):
        read_plan(make_run(network={"activation": "tanh"}))
