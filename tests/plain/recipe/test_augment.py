"""Augmentations by name: presets and lists give the keys of the section, and what does not exist is told."""

from __future__ import annotations

import dataclasses

import pytest

from essentia_ldl.errors import RecipeError
from essentia_ldl.recipe.augment import AUGMENTATIONS, PRESETS, read_augmentations
from essentia_ldl.recipe.sections import AugmentSettings, check_section


@pytest.mark.parametrize("name", [*AUGMENTATIONS, *PRESETS])
def test_a_name_stands_for_keys_in_range(name):
    section = AugmentSettings(**read_augmentations(name))
    check_section(section, "")
    assert (section == AugmentSettings()) == (name == "none")


def test_a_list_is_all_of_its_names_and_a_preset_may_be_among_them():
    assert read_augmentations("mp3, pitch,mp3")["audio"] == ("mp3", "pitch")
    assert AugmentSettings(**read_augmentations("bands,tempo")) == dataclasses.replace(
        AugmentSettings(**read_augmentations("bands")), audio=("tempo",)
    )
    assert set(PRESETS["both"]) == {*PRESETS["bands"], *PRESETS["audio"]}


@pytest.mark.parametrize("text", ["specaugment", "", "mixup,,gain", "mixup,Gain"])
def test_what_does_not_exist_is_told_with_what_does(text):
    with pytest.raises(
        RecipeError, match=r"augmentation: expected some of time-mask, .*tempo, or a preset: none, bands"
    ):
        read_augmentations(text)
