"""Options that several commands share, and what they make of a recipe."""

from __future__ import annotations

import click
import pytest

from essentia_ldl.cli.options import (
    SourceOption,
    read_names,
    read_pairs,
    resolve_home,
    resolve_looks,
    resolve_recipe,
    resolve_source,
    resolve_truth,
)
from essentia_ldl.collection.read import Source
from essentia_ldl.errors import RecipeError
from essentia_ldl.files import Home
from essentia_ldl.measure.rows import TruthColumn
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.sections import AugmentSettings
from essentia_ldl.recipe.toml import read_recipe, write_recipe
from essentia_ldl.report.looks import LookRequest

UNSET = (
    "paper",
    "speed",
    "music",
    "data",
    "layout",
    "network",
    "pretrained",
    "extractor",
    "extractor_output",
    "fine_tune",
    "epochs",
    "dropout",
)
NOTHING = {**dict.fromkeys((*UNSET, "samples", "seed", "corrections", "jobs")), "options": {}, "changes": {}}


@pytest.fixture
def context():
    return click.Context(click.Command("x")), click.Option(["--x"])


def test_pairs_are_split_at_the_first_sign(context):
    assert read_pairs(*context, ("a=1", "b=c=d", "e=")) == {"a": "1", "b": "c=d", "e": ""}


@pytest.mark.parametrize("value", ["a", "=b", ""])
def test_what_is_no_pair_is_refused(context, value):
    with pytest.raises(click.BadParameter, match="not of the form NAME=VALUE"):
        read_pairs(*context, (value,))


def test_names_may_be_joined_or_repeated_and_count_once(context):
    assert read_names(*context, ("a,b", " b , c")) == ("a", "b", "c")
    assert read_names(*context, ()) == ()
    with pytest.raises(click.BadParameter, match="names nothing"):
        read_names(*context, (" ,",))


def test_the_help_of_labels_names_the_sources(context):
    option, text = SourceOption(["--labels"], metavar="SOURCE", help="; may repeat.").get_help_record(context[0])
    assert option == "--labels SOURCE"
    assert text.startswith("auto, joint, joint-one-hot, svm, artist, agf-")
    assert text.endswith("agf, or several joined by +; may repeat.")


def test_without_options_the_recipe_is_as_it_is_written(tmp_path):
    assert resolve_recipe("mood-sad", NOTHING, tmp_path) == read_recipe("mood-sad")
    own = Recipe("mood-sad", ("x", "y"))
    write_recipe(own, tmp_path / "mood-sad.toml")
    assert resolve_recipe("mood-sad", NOTHING, tmp_path) == own


def test_options_change_the_recipe_and_an_extractor_asks_for_a_head(tmp_path):
    options = {**NOTHING, "network": "vgg", "epochs": 3, "seed": 9, "changes": {"network.hidden": "7"}, "labels": "sa"}
    recipe = resolve_recipe("mood-sad", options, tmp_path)
    assert (recipe.network.backbone, recipe.network.hidden, recipe.split.seed) == ("vgg", 7, 9)
    assert (recipe.training.epochs, recipe.training.epochs_from_scratch, recipe.labels) == (3, 3, "sa")
    recipe = resolve_recipe("mood-sad", {**NOTHING, "extractor": "effnet"}, tmp_path)
    assert (recipe.network.extractor, recipe.network.fine_tune) == ("effnet", "head")


def test_a_source_is_what_the_options_say():
    assert resolve_source(NOTHING) == Source()
    given = {**NOTHING, "data": "d", "layout": "fma", "options": {"subset": "small"}, "corrections": "c.csv"}
    assert resolve_source(given) == Source("d", "fma", {"subset": "small"}, "c.csv")


def test_a_truth_is_a_column_and_perhaps_a_class():
    assert resolve_truth({"truth_column": None, "truth_class": "sad"}) is None
    assert resolve_truth({"truth_column": "share", "truth_class": None}) == TruthColumn("share")
    assert resolve_truth({"truth_column": "share", "truth_class": "sad"}) == TruthColumn("share", "sad")


def test_the_home_has_the_cluster_that_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    assert resolve_home({"cluster": None, "share": None}) == Home(tmp_path)
    home = resolve_home({"cluster": "dask://host:8786", "share": "s3://bucket/share"})
    assert (home.root, home.cluster, home.share) == (tmp_path, "dask://host:8786", "s3://bucket/share")


# --- what an option leaves to choose --------------------------------------------------------------------------------


def resolve(tmp_path, **options):
    return resolve_recipe("mood-sad", {**NOTHING, **options}, tmp_path)


def test_without_options_everything_is_chosen(tmp_path):
    recipe = resolve(tmp_path)
    assert recipe.is_solved
    assert recipe.choice.networks == ()


def test_the_paper_chooses_nothing(tmp_path):
    recipe = resolve(tmp_path, paper=True)
    assert (recipe.labels, recipe.network.hidden) == ("sb", 100)
    assert resolve(tmp_path, paper=True, labels="sa").labels == "sa"
    with pytest.raises(click.UsageError, match="not of the paper"):
        resolve(tmp_path, paper=True, labels="joint")


@pytest.mark.parametrize(
    ("options", "networks"),
    [
        ({"network": "vgg"}, ("msd-vgg", "mtt-vgg")),
        ({"pretrained": "mtt"}, ("mtt-musicnn", "mtt-vgg")),
        ({"network": "musicnn", "pretrained": "msd"}, ("msd-musicnn",)),
    ],
)
def test_a_network_that_is_named_is_the_only_choice_of_networks(tmp_path, options, networks):
    recipe = resolve(tmp_path, **options)
    assert recipe.is_solved
    assert recipe.choice.networks == networks


@pytest.mark.parametrize(
    "options",
    [
        {"fine_tune": "top"},
        {"fine_tune": "all"},
        {"fine_tune": "none"},
        {"network": "resnet", "fine_tune": "none"},
        {"extractor": "effnet"},
        {"fine_tune": "top", "augment": "bands,mp3"},
        {"dropout": 0.3},
        {"epochs": 5},
        {"members": 3},
        {"changes": {"network.hidden": "0"}},
        {"changes": {"training.l2": "0.1"}},
    ],
)
def test_what_only_descent_can_train_is_trained_on_the_classes_as_they_are(tmp_path, options):
    assert resolve(tmp_path, **options).labels == "none"


def test_augmentations_by_name_are_keys_of_the_recipe(tmp_path):
    recipe = resolve(tmp_path, fine_tune="top", augment="mixup,mp3")
    assert (recipe.augment.mixup, recipe.augment.gain_db, recipe.augment.audio) == (0.2, 0, ("mp3",))
    assert resolve(tmp_path, fine_tune="top", augment="none").augment == AugmentSettings()
    with pytest.raises(RecipeError, match="augment: expected nothing unless layers of one network train"):
        resolve(tmp_path, augment="bands")


def test_a_recipe_whose_network_trains_is_no_choice_of_solved_heads(tmp_path):
    write_recipe(Recipe("own", ("x", "y")).override(network__fine_tune="top"), tmp_path / "own.toml")
    assert resolve_recipe("own", NOTHING, tmp_path).labels == "none"


@pytest.mark.parametrize("changes", [{"calibration.method": "none"}, {"split.seed": "3"}, {"choice.smoothing": "0.5"}])
def test_other_keys_leave_the_choice_as_it_is(tmp_path, changes):
    assert resolve(tmp_path, changes=changes).is_solved


def test_speed_and_music_are_handed_on(tmp_path):
    choice = resolve(tmp_path, speed="fast", music="other").choice
    assert (choice.speed, choice.music) == ("fast", "other")


def test_a_column_to_choose_by_is_handed_on_and_needs_something_to_choose(tmp_path):
    assert resolve(tmp_path, left_out="genre").choice.leave_out == "genre"
    assert resolve(tmp_path).choice.leave_out == ""
    for others in ({"paper": True}, {"labels": "sb"}, {"dropout": 0.3}):
        with pytest.raises(RecipeError, match="leave-out: expected none where labels do not choose; got 'genre'"):
            resolve(tmp_path, left_out="genre", **others)


def test_a_folder_to_adapt_to_is_part_of_the_source():
    assert resolve_source({**NOTHING, "data": "d", "adapt": "other"}) == Source("d", None, {}, None, "other")
    assert resolve_source({**NOTHING, "data": "d"}).adapt is None


# --- looks ------------------------------------------------------------------------------------------------------------


def test_looks_are_asked_for_and_layers_need_them():
    assert resolve_looks((), ()) is None
    assert resolve_looks(("all",), ("stem",)) == LookRequest((), ("stem",))
    with pytest.raises(click.UsageError, match="--layer needs --look"):
        resolve_looks((), ("stem",))
