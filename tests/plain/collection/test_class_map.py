"""Labels become classes: what the user maps, spellings that mean the same, and aliases of a recipe."""

from __future__ import annotations

import pytest

from essentia_ldl.collection import class_map
from essentia_ldl.errors import DataError, UnknownNameError
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import write_recipe

SAD = ("non_sad", "sad")
GENRES = ("blues", "jazz", "rock")


def make_model(classes=SAD, kind="multi-class classifier", **extra) -> Model:
    fields = {
        "name": "mood sad" if classes == SAD else "my genres",
        "type": kind,
        "classes": list(classes),
        "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
        "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN"},
        "essentia_ldl": extra,
    }
    return Model("m-1", "/graphs/m-1.pb", GraphCard(fields))


@pytest.mark.parametrize(
    ("label", "mapping", "aliases", "expected"),
    [
        ("sad", {}, {}, "sad"),
        ("not_sad", {}, {}, "non_sad"),
        ("Not Sad", {}, {}, "non_sad"),
        ("non-sad", {}, {}, "non_sad"),
        ("SAD", {}, {}, "sad"),
        ("triste", {}, {"triste": "sad"}, "sad"),
        ("Triste", {}, {"triste": "sad"}, "sad"),
        ("triste", {"triste": "non_sad"}, {"triste": "sad"}, "non_sad"),
        ("sad", {"sad": "ignore"}, {}, "ignore"),
    ],
)
def test_a_label_becomes_a_class(label, mapping, aliases, expected):
    assert class_map.map_labels([label, "sad"], SAD, mapping, aliases, "x")[label] == expected


@pytest.mark.parametrize("classes", [("aggressive", "not_aggressive"), ("happy", "non_happy")])
def test_both_negations_of_essentia_are_found(classes):
    for written in ("not", "non"):
        label = f"{written}_{classes[0]}"
        assert class_map.map_labels([label], classes, {}, {}, "x") == {label: classes[1]}


def test_labels_that_map_to_nothing_are_listed_with_their_counts():
    with pytest.raises(DataError, match=r"\{'calm': 2, 'unsad': 1\} \(music\).*--map 'calm=CLASS'.*ignore"):
        class_map.map_labels(["calm", "sad", "calm", "unsad"], SAD, {}, {}, "music")


def test_a_spelling_of_two_classes_is_not_guessed():
    with pytest.raises(DataError, match="Hip-Hop"):
        class_map.map_labels(["Hip-Hop"], ("hip hop", "hip_hop"), {}, {}, "x")


@pytest.mark.parametrize(
    ("mapping", "message"), [({"calmm": "sad"}, "Did you mean 'calm'"), ({"calm": "sadd"}, "Did you mean 'sad'")]
)
def test_a_mapping_with_a_wrong_name_is_refused(mapping, message):
    with pytest.raises(UnknownNameError, match=message):
        class_map.map_labels(["calm", "sad"], SAD, mapping, {}, "x")


def test_aliases_come_from_the_recipe_of_the_task():
    assert class_map.find_aliases(make_model().card)["not_sad"] == "non_sad"
    assert class_map.find_aliases(make_model(GENRES).card) == {}


def test_the_users_own_recipe_goes_before_the_shipped_one(tmp_path):
    write_recipe(Recipe("mood-sad", SAD, aliases={"triste": "sad"}), tmp_path / "mood-sad.toml")
    assert class_map.find_aliases(make_model().card, tmp_path) == {"triste": "sad"}
    write_recipe(Recipe("my-genres", GENRES, aliases={"be-bop": "jazz"}), tmp_path / "my-genres.toml")
    assert class_map.find_aliases(make_model(GENRES).card, tmp_path) == {"be-bop": "jazz"}
    assert class_map.find_aliases(make_model(GENRES[:2]).card, tmp_path) == {}, "a recipe of other classes"


@pytest.mark.parametrize("labels", [["sad"], ["sad", "not sad"], ["x", "sad", "x"]])
def test_every_label_is_in_the_table_once_in_order(labels):
    table = class_map.map_labels(labels, SAD, {"x": "ignore"} if "x" in labels else {}, {}, "x")
    assert list(table) == sorted(set(labels))
    assert set(table.values()) <= {*SAD, class_map.IGNORE}
