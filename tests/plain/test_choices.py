"""The lists of names that recipes and plans choose among."""

from __future__ import annotations

import dataclasses

import pytest

from essentia_ldl import choices
from essentia_ldl.errors import TrainingError
from essentia_ldl.recipe.sections import ChoiceSettings, NetworkSettings, TrainingSettings
from essentia_ldl.records import TABLE_KINDS
from essentia_ldl.runs.plan_parts import NetworkPlan, TrainingPlan


@pytest.mark.parametrize(("names", "text"), [(("a",), "a"), (("a", "b"), "a or b"), (("a", "b", "c"), "a, b or c")])
def test_a_rule_reads_as_english(names, text):
    assert choices.join_choices(names) == text


def test_a_list_names_nothing_twice_and_its_first_is_the_default_of_recipes():
    found = {name: value for name, value in vars(choices).items() if isinstance(value, tuple)}
    lists = {"FINE_TUNE", "LOSSES", "CLASS_WEIGHTS", "ACTIVATIONS", "PRETRAINED", "TARGET_NETWORKS"}
    lists |= {"SPACE_LOSSES", "WORD_LOSSES", "DISTANCES", "NEGATIVES"}
    others = {"LAYERS", "SOLVERS", "CHOSEN", "SPEEDS", "MUSIC", "KINDS", "KERNELS", "LOOKS"}
    assert lists | others | {"BASELINES", "LAYER_BASELINES"} == set(found)
    assert all(len(set(value)) == len(value) for value in found.values())
    network, training = NetworkSettings(), TrainingSettings()
    assert (network.fine_tune, network.pretrained) == (choices.FINE_TUNE[0], choices.PRETRAINED[0])
    assert (training.loss, training.class_weights) == (choices.LOSSES[0], choices.CLASS_WEIGHTS[0])
    choice = ChoiceSettings()
    assert (choice.speed, choice.music) == (choices.SPEEDS[0], choices.MUSIC[0])
    assert set(choices.CHOSEN_IN_WORDS) == set(choices.CHOSEN)
    assert choices.KINDS == (choices.SINGLE_LABEL, choices.MULTI_LABEL, choices.REGRESSION) == TABLE_KINDS


def test_a_plan_takes_every_choice_of_a_recipe_and_no_other():
    rules = {
        field.name: field.metadata["check"]
        for kind in (NetworkSettings, TrainingSettings)
        for field in dataclasses.fields(kind)
    }
    for loss in choices.LOSSES:
        assert rules["loss"](loss)
        assert TrainingPlan(epochs=1, loss=loss).loss == loss
    for weights in choices.CLASS_WEIGHTS:
        assert rules["class_weights"](weights)
        assert TrainingPlan(epochs=1, class_weights=weights).class_weights == weights
    for fine_tune in choices.FINE_TUNE:
        assert rules["fine_tune"](fine_tune)
        assert NetworkPlan("vgg", fine_tune=fine_tune, pretrained="msd").fine_tune == fine_tune
    for values in ({"loss": "mse"}, {"class_weights": "some"}):
        assert not any(rules[key](value) for key, value in values.items())
        with pytest.raises(TrainingError, match="expected"):
            TrainingPlan(epochs=1, **values)
