"""What named values make of a recipe, from the command line or from Python."""

from __future__ import annotations

import pytest

from essentia_ldl.errors import RecipeError, UnknownNameError
from essentia_ldl.recipe.options import apply_options, check_options, is_descended, list_networks
from essentia_ldl.recipe.recipe import Recipe

RECIPE = Recipe("tension", ("calm", "tense"))


def test_nothing_changes_nothing():
    assert apply_options(RECIPE, {}) == RECIPE
    assert apply_options(RECIPE, {"labels": None, "changes": {}, "network": None}) == RECIPE


def test_values_stand_where_they_belong():
    options = {"labels": "sa", "seed": 4, "epochs": 2, "dropout": 0.25, "changes": {"network.hidden": "9"}}
    recipe = apply_options(RECIPE, options)
    assert (recipe.labels, recipe.split.seed, recipe.network.hidden, recipe.network.dropout) == ("sa", 4, 9, 0.25)
    assert (recipe.training.epochs, recipe.training.epochs_from_scratch) == (2, 2)


@pytest.mark.parametrize(
    ("options", "pretrained"),
    [
        ({"network": "vggish"}, "audioset"),
        ({"network": "vggish", "fine_tune": "all"}, "audioset"),
        ({"network": "vgg"}, "msd"),
        ({"network": "musicnn", "pretrained": "mtt"}, "mtt"),
        ({"network": "vggish", "fine_tune": "none"}, "msd"),
    ],
)
def test_a_network_that_is_named_starts_from_weights_that_it_has(options, pretrained):
    assert apply_options(RECIPE, {"labels": "none", **options}).network.pretrained == pretrained


def test_weights_that_a_network_does_not_have_are_refused_where_they_are_named():
    with pytest.raises(RecipeError, match="pretrained: expected audioset; got 'msd'"):
        apply_options(RECIPE, {"labels": "none", "network": "vggish", "pretrained": "msd"})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, False),
        ({"network": "vgg"}, False),
        ({"fine_tune": "all"}, True),
        ({"changes": {"network.layers": "deep"}}, False),
        ({"changes": {"training.l2": "1"}}, True),
        ({"members": 2}, True),
    ],
)
def test_what_only_descent_can_train_is_told(options, expected):
    assert is_descended(options) is expected


def test_what_only_descent_can_train_takes_the_classes_as_they_are():
    assert apply_options(RECIPE, {"epochs": 3}).labels == "none"
    assert apply_options(RECIPE, {"epochs": 3, "labels": "auto"}).labels == "auto"
    assert apply_options(RECIPE, {"network": "vgg"}).labels == "auto"


def test_a_network_that_is_named_leaves_fewer_to_choose_among():
    assert list_networks({}) == ()
    assert list_networks({"network": "vgg"}) == ("msd-vgg", "mtt-vgg")
    assert apply_options(RECIPE, {"pretrained": "mtt"}).choice.networks == ("mtt-musicnn", "mtt-vgg")


def test_a_layer_that_stays_frozen_is_one_of_the_network_that_is_named():
    options = {"network": "vgg", "fine_tune": "top", "changes": {"network.frozen_until": "pool_4"}}
    network = apply_options(RECIPE, options).network
    assert (network.backbone, network.fine_tune, network.frozen_until) == ("vgg", "top", "pool_4")
    with pytest.raises(UnknownNameError, match="layer of vgg: expected one of embedding, pool_1, pool_2"):
        apply_options(RECIPE, {**options, "changes": {"network.frozen_until": "pooled"}})
    large = {"network": "vggish", "pretrained": "audioset", "fine_tune": "top"}
    assert apply_options(RECIPE, {**large, "changes": {"network.frozen_until": "pool4"}}).network.backbone == "vggish"


def test_the_paper_names_its_labels():
    assert apply_options(RECIPE, {"paper": True}).labels == "sb"
    assert apply_options(RECIPE.override(labels="sa"), {"paper": True}).labels == "sa"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"extractor_output": "x"}, "extractor_output: expected an extractor beside it"),
        ({"extractor": "e", "network": "vgg"}, "network: expected none beside an extractor"),
        ({"extractor": "e", "pretrained": "mtt"}, "pretrained: expected none beside an extractor"),
        ({"paper": True, "labels": "auto"}, "labels: expected labels of the paper"),
    ],
)
def test_options_that_contradict_one_another_are_refused(options, message):
    with pytest.raises(RecipeError, match=message):
        check_options(options, RECIPE)
    with pytest.raises(RecipeError, match=message):
        apply_options(RECIPE, options)


def test_keys_that_only_a_network_from_scratch_has_go_with_the_option_that_trains_it():
    changes = {"network.width": "0.25", "training.stages": '["adam 1e-3 2"]'}
    options = {"network": "samplecnn-se", "fine_tune": "none", "changes": changes}
    found = apply_options(RECIPE, options)
    assert (found.network.backbone, found.network.width, found.training.stages) == (
        "samplecnn-se",
        0.25,
        ("adam 1e-3 2",),
    )


@pytest.mark.parametrize("fine_tune", ["top", "all"])
def test_keys_that_only_a_tuned_network_has_go_with_the_option_that_tunes_it(fine_tune):
    options = {"fine_tune": fine_tune, "changes": {"training.rate_factor": "0.4", "training.warmup_epochs": "1"}}
    found = apply_options(RECIPE, options)
    assert (found.network.fine_tune, found.labels) == (fine_tune, "none")
    assert (found.training.rate_factor, found.training.warmup_epochs) == (0.4, 1)
    with pytest.raises(RecipeError, match="rate_factor"):
        apply_options(RECIPE, {"changes": options["changes"]})
