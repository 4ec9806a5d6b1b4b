"""The record of a recipe: what it refuses, what follows from its values, and its digest."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pytest

from essentia_ldl import frontends, labels
from essentia_ldl.errors import DataError, RecipeError, UnknownNameError
from essentia_ldl.recipe.recipe import LONGEST_TASK, Recipe, read_nothing
from essentia_ldl.recipe.sections import SECTIONS
from essentia_ldl.recipe.toml import folders, read_recipe
from essentia_ldl.records import Track

# --- override and digest --------------------------------------------------------------------------------------------


def test_override_changes_copies_and_checks():
    plain = Recipe("x", ("a", "b"))
    assert plain.override() == plain
    assert plain.override(labels=None, network__backbone=None) == plain
    changed = plain.override(labels="none", network__backbone="vgg", split__seed=3)
    assert (changed.labels, changed.network.backbone, changed.split.seed) == ("none", "vgg", 3)
    assert plain.labels == "auto"
    with pytest.raises(UnknownNameError, match="Did you mean 'vgg'"):
        plain.override(network__backbone="vggg")
    with pytest.raises(RecipeError, match="fine_tune: expected head, top, all or none"):
        plain.override(network__fine_tune="both")
    with pytest.raises(RecipeError, match="pretrained: expected none: there are no weights of this network"):
        plain.override(network__fine_tune="top", network__backbone="resnet")
    with pytest.raises(UnknownNameError, match="label source"):
        plain.override(labels="sx")


@pytest.mark.parametrize("name", frontends.NETWORKS)
def test_every_row_of_the_networks_trains_from_a_recipe(name):
    """Also those whose row names the file of another: `load_backbone` finds all of them."""
    made = Recipe("x", ("a", "b")).override(labels="none", network__backbone=name, network__fine_tune="none")
    assert made.network.backbone == name


def test_the_epochs_are_those_of_the_mode():
    plain = Recipe("x", ("a", "b")).override(training__epochs=3, training__epochs_from_scratch=4)
    assert [plain.override(network__fine_tune=mode).n_epochs for mode in ("head", "all", "none")] == [3, 3, 4]


def test_the_digest_changes_with_any_value_and_not_with_the_order(different, side_by_side):
    plain = Recipe("genre-5", ("blues", "jazz", "rock'n'roll"))
    digests = {plain.digest, different.digest}
    n_values = 0
    for name, cls in SECTIONS.items():
        for field in dataclasses.fields(cls):
            is_joint = name == "network" and field.name in ("backbones", "layers")
            value = getattr(getattr(side_by_side if is_joint else different, name), field.name)
            start = (
                plain.override(network__backbones=("msd-vgg", "mtt-vgg"))
                if is_joint and field.name == "layers"
                else plain
            )
            whole = ("rate_factor", "warmup_epochs", "mixed_precision")  # of a network that is tuned
            if name == "augment" or field.name in whole:
                start = plain.override(network__fine_tune="all")
            digests.add(start.override(**{f"{name}__{field.name}": value}).digest)
            n_values += 1
    for name in ("description", "aliases", "labels", "label_settings"):
        digests.add(dataclasses.replace(plain, **{name: getattr(different, name)}).digest)
        n_values += 1
    digests |= {dataclasses.replace(plain, task="y").digest, dataclasses.replace(plain, classes=("a", "b")).digest}
    assert len(digests) == 2 + n_values + 2
    assert all(len(digest) == 16 and int(digest, 16) >= 0 for digest in digests)
    forth, back = {"p": "blues", "q": "jazz"}, {"q": "jazz", "p": "blues"}
    assert dataclasses.replace(plain, aliases=forth).digest == dataclasses.replace(plain, aliases=back).digest


@pytest.mark.parametrize(
    ("task", "known"),
    [
        ("mood-sad", "62bf7702df5e7f6a"),
        ("genre-fma", "93e0bede40437fc0"),
    ],
)
def test_what_identifies_the_recipe_of_an_older_version_is_the_same(task, known):
    """Values from the version whose recipes called the section of targets "transfer"; they change with the file."""
    recipe = read_recipe(str(folders()[-1] / f"{task}.toml"))
    if recipe.is_solved:
        recipe = recipe.override(labels="sb")  # what the file said then, and --paper says now
    recipe = recipe.override(training__class_weights="none")  # which classes of equal size do not tell apart
    text = json.dumps([recipe.as_identity()], sort_keys=True, default=str)  # what a fingerprint holds of a recipe
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == known
    assert set(recipe.as_dict()) - set(recipe.as_identity()) == {"targets", "choice", "augment"}


# --- what is refused, and what follows ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"task": "a/b"}, "task: expected letters, digits and hyphens"),
        ({"task": "-"}, "task: "),
        ({"task": "x" * (LONGEST_TASK + 1)}, f"at most {LONGEST_TASK} of them"),
        ({"classes": ("b", "a")}, "alphabetical order"),
        ({"classes": ("a", "a")}, "two or more different names"),
        ({"classes": "ab"}, "classes: expected a list of names; got 'ab'"),
        ({"classes": 2}, "classes: expected a list of names; got 2"),
        ({"classes": ("a", 2)}, "classes: expected a list of names"),
        ({"task": 3}, "task: expected"),
        ({"classes": ("a", "\udcff")}, "name: expected UTF-8"),
        ({"description": "\udcff"}, "name: expected UTF-8"),
        ({"aliases": {"\udcff": "a"}}, "name: expected UTF-8"),
        ({"aliases": {"c": "d"}}, r"aliases\.c: expected one of"),
        ({"label_settings": {"sb": {"n_neighbors": 0}}}, "n_neighbors"),
    ],
)
def test_a_recipe_that_exists_is_valid(values, message):
    assert Recipe("x" * LONGEST_TASK, ("a", "b"))
    with pytest.raises((RecipeError, DataError), match=message):
        Recipe(**{"task": "x", "classes": ("a", "b"), **values})


@pytest.mark.parametrize("source", ["none", "sa", "sb", "agf-m", "none+agf-m", "agf"])
def test_what_follows_from_the_label_sources(source):
    made = Recipe("a-b_c", ("a", "b"), labels=source)
    auxiliary = [name for name in made.sources if labels.is_auxiliary(name)]
    assert made.file_task == "a_b_c"
    assert made.main_source == ("none" if set(auxiliary) == set(made.sources) else made.sources[0])
    assert made.target_networks == ("separate" if auxiliary else "none")
    assert made.learned == made.sources
    if auxiliary:
        wide = made.override(targets__networks="wide", network__backbone="dcnn", network__fine_tune="none")
        assert wide.learned == made.sources[:1]


def test_plain_values_are_json_and_no_one_elses(different):
    plain = different.as_dict()
    plain["aliases"]["new"] = "a"
    plain["label_settings"]["sb"]["n_components"] = 1
    assert "new" not in different.aliases
    assert different.label_settings["sb"]["n_components"] == 64
    assert set(SECTIONS) < set(plain)


def test_a_source_that_is_only_checked_reads_nothing():
    with pytest.raises(DataError, match="features: expected a fitted collection; got 'musicnn'"):
        read_nothing(Track("t", "/t", "a"), "musicnn")


# --- kinds ----------------------------------------------------------------------------------------------------------


def test_a_recipe_of_tags_or_numbers_takes_one_column_and_keeps_the_order_of_dimensions():
    assert Recipe("x", ("rock",), kind="multi_label").classes == ("rock",)
    assert Recipe("x", ("valence", "arousal"), kind="regression").classes == ("valence", "arousal")
    with pytest.raises(RecipeError, match="alphabetical order"):
        Recipe("x", ("rock", "jazz"), kind="multi_label")
    with pytest.raises(RecipeError, match="two or more different names"):
        Recipe("x", ("rock",))
    with pytest.raises(RecipeError, match="kind: expected single_label, multi_label or regression; got 'tags'"):
        Recipe("x", ("rock",), kind="tags")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": "sb"}, "label source: expected auto, none, sa or emb where the kind is multi_label; got 'sb'"),
        ({"labels": "none+agf-m"}, "label source: expected .* got 'agf-m'"),
        (
            {"training__loss": "huber"},
            "training.loss: expected auto, mae or cross_entropy where the kind is multi_label",
        ),
        ({"training__loss": "mse"}, "training.loss: expected auto, mae or cross_entropy where"),
        ({"calibration__method": "vector"}, "calibration.method: expected temperature or none where the kind"),
        ({"uncertainty__samples": 5, "network__dropout": 0.3}, "uncertainty.samples: expected 0 where the kind"),
        ({"choice__leave_out": "genre"}, "choice.leave_out: expected none where the kind"),
        ({"kind": "regression", "aliases": {"a": "rock"}}, "aliases: expected .* where the kind is regression"),
    ],
)
def test_what_tags_do_not_allow_is_refused_in_one_sentence(changes, message):
    with pytest.raises(RecipeError, match=message):
        Recipe("x", ("jazz", "rock"), kind="multi_label").override(**changes)


def test_classes_take_no_loss_of_numbers():
    with pytest.raises(RecipeError, match=r"training.loss: expected auto, mae, cross_entropy or kl where the kind"):
        Recipe("x", ("jazz", "rock")).override(training__loss="huber")


def test_a_kind_identifies_a_recipe_and_one_without_is_what_it_was():
    single, tags = Recipe("x", ("jazz", "rock")), Recipe("x", ("jazz", "rock"), kind="multi_label")
    assert "kind" not in single.as_identity()
    assert tags.as_identity()["kind"] == "multi_label"
    assert single.digest != tags.digest
