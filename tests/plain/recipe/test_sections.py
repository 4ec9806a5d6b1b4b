"""The sections of a recipe: every key explained, and in range by default."""

from __future__ import annotations

import dataclasses
import math

import pytest

from essentia_ldl.errors import RecipeError
from essentia_ldl.recipe.sections import (
    ADDED,
    RENAMED,
    SECTIONS,
    ChoiceSettings,
    NetworkSettings,
    SplitSettings,
    TrainingSettings,
    check_section,
)


def test_every_field_has_an_explanation_and_a_default_in_range():
    for cls in SECTIONS.values():
        for field in dataclasses.fields(cls):
            assert field.metadata["text"]
            check = field.metadata["check"]
            assert check is None or (check(field.default) and field.metadata["rule"])


@pytest.mark.parametrize("kind", SECTIONS.values(), ids=SECTIONS)
def test_a_section_is_valid_as_it_comes(kind):
    check_section(kind(), "recipe x")
    assert [field.name for field in dataclasses.fields(kind)] == list(dataclasses.asdict(kind()))


@pytest.mark.parametrize("kind", SECTIONS.values(), ids=SECTIONS)
def test_no_number_that_has_a_rule_may_be_nan_or_without_end(kind):
    for field in dataclasses.fields(kind):
        if isinstance(field.default, float):
            for value in (math.nan, math.inf, -math.inf, -1.0):
                with pytest.raises(RecipeError, match=f"^{field.name}: expected .*recipe x"):
                    check_section(dataclasses.replace(kind(), **{field.name: value}), "recipe x")


@pytest.mark.parametrize(
    ("section", "allowed", "refused"),
    [
        (SplitSettings(), {"valid_share": 0.5, "seed": 2**31 - 1}, {"valid_share": 0.51, "seed": 2**31}),
        (NetworkSettings(), {"hidden": 0, "dropout": 0.9}, {"hidden": -1, "dropout": 0.91}),
        (TrainingSettings(), {"epochs": 1, "l2": 0.0}, {"epochs": 0, "learning_rate": 0.0}),
    ],
)
def test_the_ends_of_a_range(section, allowed, refused):
    check_section(dataclasses.replace(section, **allowed), "")
    for name, value in refused.items():
        with pytest.raises(RecipeError, match=f"^{name}: "):
            check_section(dataclasses.replace(section, **{name: value}), "")


def test_the_first_network_stands_for_the_others_and_one_alone_is_the_backbone():
    several = NetworkSettings(backbones=("mtt-vgg", "msd-musicnn"))
    assert (several.backbone, several.pretrained) == ("vgg", "mtt")
    assert NetworkSettings(backbones=("msd-vgg",)) == NetworkSettings(backbone="vgg", pretrained="msd")
    assert NetworkSettings(backbones=("msd-vgg",), layers="deep").backbones == ("msd-vgg",)


def test_keys_that_came_later_are_keys():
    for section, keys in ADDED.items():
        assert set(keys) <= {field.name for field in dataclasses.fields(SECTIONS[section])}


def test_an_old_name_stands_for_a_section_and_is_none_itself():
    assert set(RENAMED.values()) <= set(SECTIONS)
    assert not set(RENAMED) & set(SECTIONS)


def test_an_extractor_may_stand_beside_the_networks_or_alone():
    beside = NetworkSettings(backbones=("my-net-1", "mtt-vgg"), backbone="dcnn")
    assert (beside.backbone, beside.pretrained) == ("vgg", "mtt")
    alone = NetworkSettings(backbones=("my-net-1",), backbone="dcnn")
    assert alone.backbones == ("my-net-1",)
    assert (alone.backbone, alone.pretrained) == ("musicnn", "msd")  # whose bands it reads
    assert ChoiceSettings(networks=["my-net-1", "msd-vgg"]).networks == ("my-net-1", "msd-vgg")
    for make in (NetworkSettings, ChoiceSettings):
        key = "backbones" if make is NetworkSettings else "networks"
        with pytest.raises(RecipeError, match=f"{key}: expected .*, or the name of an extractor in graphs/"):
            make(**{key: ("music/my-net-1.pb",)})
        with pytest.raises(RecipeError, match="each network once"):
            make(**{key: ("my-net-1", "my-net-1")})
