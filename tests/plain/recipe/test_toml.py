"""Recipe files: what is shipped is valid, a slip of the pen is found, and a file says what the record says."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from pathlib import Path

import pytest

import essentia_ldl
from essentia_ldl import labels
from essentia_ldl.errors import RecipeError, UnknownNameError
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.sections import SECTIONS
from essentia_ldl.recipe.toml import (
    CHANGED,
    change_recipe,
    list_tasks,
    read_recipe,
    render_recipe,
    render_short,
    write_recipe,
)

SHIPPED_FOLDERS = [Path(essentia_ldl.__file__).parents[1] / "recipes", Path(essentia_ldl.__file__).parent / "recipes"]
SHIPPED = sorted(path for folder in SHIPPED_FOLDERS for path in folder.glob("*.toml"))
GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "recipes.json").read_text("utf-8"))
MINIMAL = 'task = "mine"\nclasses = ["a", "b"]\n'


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


# --- what is shipped ------------------------------------------------------------------------------------------------


def test_mood_sad_is_shipped():
    assert "mood-sad" in [path.stem for path in SHIPPED]
    assert "mood-sad" in list_tasks()
    shipped = read_recipe("mood-sad")
    assert shipped.classes == ("non_sad", "sad")
    assert shipped.file_task == "mood_sad"
    assert shipped.labels == "auto"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_recipe_is_valid_and_complete(path, tmp_path):
    shipped = read_recipe(str(path))
    assert shipped.task == path.stem
    assert list(shipped.classes) == sorted(shipped.classes)
    assert read_recipe(write(tmp_path, render_recipe(shipped))) == shipped
    text = path.read_text(encoding="utf-8")
    assert text == render_short(shipped), "written by hand: write it with render_short"
    assert len(text.splitlines()) <= 30
    assert read_recipe(write(tmp_path, render_short(shipped, CHANGED, explained=True))) == shipped
    for source in {*shipped.sources, *shipped.label_settings}:
        labels.resolve(source, shipped.label_settings.get(source))


# --- reading --------------------------------------------------------------------------------------------------------


def test_two_lines_are_a_recipe(tmp_path):
    assert read_recipe(write(tmp_path, MINIMAL)) == Recipe("mine", ("a", "b"))


def test_the_users_recipes_come_first(tmp_path):
    write_recipe(Recipe("mood-sad", ("x", "y")), tmp_path / "mood-sad.toml")
    write_recipe(Recipe("own", ("x", "y")), tmp_path / "own.toml")
    assert read_recipe("mood-sad", tmp_path).classes == ("x", "y")
    assert {"own", "mood-sad"} <= set(list_tasks(tmp_path))
    assert list_tasks(tmp_path) == sorted(set(list_tasks(tmp_path)))
    assert "own" not in list_tasks()


def test_an_unknown_task_gets_the_nearest():
    with pytest.raises(UnknownNameError, match=r"^task: .* got 'mood_sadd' .*Did you mean 'mood-sad'\?"):
        read_recipe("mood_sadd")


def test_the_recipe_of_an_older_run_calls_the_targets_transfer(tmp_path):
    new = read_recipe("genre-agf-demo").override(targets__hidden=7, targets__networks="shared")
    text = render_recipe(new)
    assert text.count("[targets]\n") == 1
    assert read_recipe(write(tmp_path, text.replace("[targets]", "[transfer]"))) == new
    assert change_recipe(new, {"transfer.hidden": "9"}).targets.hidden == 9
    older = Recipe("mood-x", ("a", "b"), labels="sb").override(training__class_weights="none")
    assert older.digest == "3894552411431db2", "cards of older versions have this hash"
    with pytest.raises(RecipeError, match=r"got 'transfer' .*Did you mean|got 'transfer' .*Remove it"):
        read_recipe(write(tmp_path, text + "\n[transfer]\nhidden = 3\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classses = []\n" + MINIMAL, r"got 'classses' .*Did you mean 'classes'\?"),
        (MINIMAL + "[trainning]\n", r"Did you mean 'training'\?"),
        (MINIMAL + "[training]\nepoch = 3\n", r"got 'epoch' .*\[training\].*Did you mean 'epochs'\?"),
        (MINIMAL + "[split]\nvalid_shares = 0.1\n", r"\[split\].*Did you mean 'valid_share'\?"),
        (MINIMAL + "[network]\nback_bone = 'vgg'\n", r"\[network\].*Did you mean 'backbone'\?"),
        (MINIMAL + "[card]\nauthors = 'me'\n", r"\[card\].*Did you mean 'author'\?"),
        (MINIMAL + "[labels]\nsources = 'sa'\n", r"\[labels\].*Did you mean 'source'\?"),
        (MINIMAL + "[labels.sb]\nn_neighbours = 3\n", r"\[labels\.sb\].*Did you mean 'n_neighbors'\?"),
        (MINIMAL + "[labels.sc]\nn_neighbors = 3\n", r"got 'sc' .*\[labels\]"),
        (MINIMAL + "zzzzzz = 3\n", r"got 'zzzzzz' .*Remove it\."),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest(tmp_path, text, message):
    with pytest.raises(RecipeError, match=message):
        read_recipe(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('classes = ["a", "b"]\n', "the key 'task'"),
        ('task = "x"\n', "the key 'classes'"),
        ('task = 3\nclasses = ["a", "b"]\n', "task"),
        ('task = ""\nclasses = ["a", "b"]\n', "letters, digits and hyphens"),
        ('task = "../x"\nclasses = ["a", "b"]\n', "letters, digits and hyphens"),
        ('task = "a b"\nclasses = ["a", "b"]\n', "letters, digits and hyphens"),
        ('task = "x"\nclasses = "ab"\n', "a list of names"),
        ('task = "x"\nclasses = [1, 2]\n', "a list of names"),
        ('task = "x"\nclasses = ["a"]\n', "two or more different names"),
        ('task = "x"\nclasses = ["a", "a"]\n', "two or more different names"),
        ('task = "x"\nclasses = ["", "a"]\n', "two or more different names"),
        ('task = "x"\nclasses = ["sad", "non_sad"]\n', r"alphabetical order \['non_sad', 'sad'\]"),
        (MINIMAL + "aliases = 3\n", r"a section \[aliases\]"),
        (MINIMAL + 'aliases = {c = "d"}\n', r"aliases\.c: expected one of \['a', 'b'\]; got 'd'"),
        (MINIMAL + "aliases = {c = 3}\n", r"aliases\.c: "),
        ("description = 3\n" + MINIMAL, "description"),
        (MINIMAL + "labels = 'sa'\n", r"a section \[labels\]"),
        (MINIMAL + "[labels]\nsource = 3\n", "source"),
        (MINIMAL + "[labels]\nsource = ['sa', 3]\n", "source"),
        (MINIMAL + "[labels]\nsb = 3\n", r"a section \[sb\]"),
        (MINIMAL + "split = 3\n", r"a section \[split\]"),
        (MINIMAL + "[split]\nseed = 1.5\n", "seed: expected a int; got 1.5"),
        (MINIMAL + "[split]\nseed = true\n", "seed: expected a int; got True"),
        (MINIMAL + "[split]\nvalid_share = 0.6\n", r"valid_share: expected 0 to 0\.5; got 0\.6"),
        (MINIMAL + "[split]\nvalid_share = -0.1\n", "valid_share"),
        (MINIMAL + "[split]\nvalid_share = nan\n", "valid_share"),
        (MINIMAL + "[network]\npretrained = 'fma'\n", "pretrained: expected msd, mtt or audioset; got 'fma'"),
        (MINIMAL + "[network]\nfine_tune = 'some'\n", "fine_tune: expected head, top, all or none"),
        (MINIMAL + "[network]\nhidden = -1\n", "hidden: expected 0 to 100000"),
        (MINIMAL + "[training]\nclass_weights = 'auto'\n", "class_weights: expected balanced or none; got 'auto'"),
        (MINIMAL + "[network]\ntrain_input_norm = 1\n", "train_input_norm: expected a bool"),
        (MINIMAL + "[training]\nepochs = '3'\n", "epochs: expected a int; got '3'"),
        (MINIMAL + "[training]\nepochs = 0\n", "epochs: expected at least 1"),
        (MINIMAL + "[training]\nlearning_rate = 0\n", "learning_rate: expected above 0"),
        (MINIMAL + "[training]\nlearning_rate = nan\n", "learning_rate"),
        (MINIMAL + "[training]\nlearning_rate = inf\n", "learning_rate"),
        (MINIMAL + "[training]\nl2 = -1e-5\n", "l2: expected at least 0"),
        (MINIMAL + "[training]\nloss = 'mse'\n", "loss: expected auto, mae, cross_entropy or kl"),
        (MINIMAL + "[labels.sb]\nn_neighbors = 'many'\n", "n_neighbors"),
        (MINIMAL + "[labels.sa]\nlmnn = 0\n", "lmnn"),
        ("task = \n", "readable TOML"),
    ],
)
def test_a_wrong_value_is_an_error_with_its_key(tmp_path, text, message):
    with pytest.raises(RecipeError, match=message):
        read_recipe(write(tmp_path, text))


def test_an_unknown_source_or_network_gets_the_nearest(tmp_path):
    with pytest.raises(
        UnknownNameError,
        match=r"label source: expected one of .*, none, sa, sb, sh.*; got 'sbb' .*Did you mean 'sb'",
    ):
        read_recipe(write(tmp_path, MINIMAL + "[labels]\nsource = 'sbb'\n"))
    with pytest.raises(UnknownNameError, match=r"network: .*Did you mean 'musicnn'"):
        read_recipe(write(tmp_path, MINIMAL + "[network]\nbackbone = 'musicn'\n"))


def test_what_is_no_file_or_no_text_is_an_error(tmp_path):
    with pytest.raises(RecipeError, match="an existing file"):
        read_recipe(str(tmp_path / "none.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"task = '\xff'")
    with pytest.raises(RecipeError, match="readable TOML"):
        read_recipe(str(tmp_path / "bytes.toml"))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(RecipeError, match="readable TOML"):
        read_recipe(str(tmp_path / "folder.toml"))


def test_a_whole_number_may_stand_for_a_float(tmp_path):
    read = read_recipe(write(tmp_path, MINIMAL + "[split]\nvalid_share = 0\n[training]\nl2 = 0\n"))
    assert (read.split.valid_share, type(read.training.l2)) == (0.0, float)


# --- writing --------------------------------------------------------------------------------------------------------


def test_a_rendered_recipe_reads_as_the_same(tmp_path, different, side_by_side, frozen, from_scratch):
    recipes = (different, side_by_side, frozen, from_scratch)
    for name, cls in SECTIONS.items():
        for field in dataclasses.fields(cls):
            values = [getattr(getattr(recipe, name), field.name) for recipe in recipes]
            assert any(value != field.default for value in values), "a key that this test forgot"
    for recipe in recipes:
        read = read_recipe(write(tmp_path, render_recipe(recipe)))
        assert read == recipe
        assert read.digest == recipe.digest


def test_a_list_of_networks_is_one_of_texts(tmp_path):
    for value in ("[1]", '"msd-vgg"', "1"):
        with pytest.raises(RecipeError, match="backbones: expected a list of texts"):
            read_recipe(write(tmp_path, MINIMAL + f"[network]\nbackbones = {value}\n"))


@pytest.mark.parametrize("text", ["🎵", "\x7f", "\u2028", "\x00", "\\u0041", "'''\"\"\"", "ÄÖÜ ß"])
def test_any_text_survives_writing(tmp_path, text):
    written = Recipe("x", ("a", "b"), description=text, aliases={text: "a"}).override(card__dataset=text)
    assert read_recipe(write(tmp_path, render_recipe(written))) == written


def test_every_key_is_there_with_its_explanation():
    lines = render_recipe(Recipe("x", ("a", "b"))).splitlines()
    for number, line in enumerate(lines):
        key = line.partition(" = ")[0]
        if " = " in line and not line.startswith("#") and key not in ("task", "description"):
            assert lines[number - 1].startswith("# "), f"{key} has no explanation"
            assert len(lines[number - 1]) > 8
    table = tomllib.loads("\n".join(lines))
    for name, cls in SECTIONS.items():
        assert set(table[name]) == {field.name for field in dataclasses.fields(cls)}
    for source, (module, defaults) in labels.presets().items():
        assert table["labels"].get(source, {}) == defaults
        assert set(defaults) <= set(labels.explanations(module))


@pytest.mark.parametrize("task", sorted(GOLDEN))
def test_a_shipped_recipe_means_what_the_long_file_meant(task):
    """Digests of the recipes when each file had every key: runs and cards of that time know their recipe again."""
    recipe = read_recipe(task, None)
    values, defaults = recipe.as_dict(), Recipe("x", ("a", "b")).as_dict()
    assert values.pop("augment") == defaults["augment"]  # what there was not yet
    later = {"training": ("stages", "rate_factor", "warmup_epochs", "mixed_precision")}
    later |= {"network": ("width", "frozen_until"), "choice": ("kernels",), "card": ("base_url",)}
    for section, keys in later.items():
        for key in keys:
            assert values[section].pop(key) == defaults[section][key]
    plain = json.dumps(values, sort_keys=True, ensure_ascii=False).encode()
    assert {"digest": recipe.digest, "values": hashlib.sha256(plain).hexdigest()} == GOLDEN[task]


def test_every_shipped_recipe_is_among_those():
    assert {path.stem for path in SHIPPED} >= set(GOLDEN)


def test_a_short_recipe_holds_what_is_its_own(different, side_by_side):
    lines = render_short(Recipe("x", ("a", "b"))).splitlines()
    assert lines[1:] == ['task = "x"', 'description = ""', 'classes = ["a", "b"]']
    for recipe in (different, side_by_side):
        table = tomllib.loads(render_short(recipe))
        for name in SECTIONS:
            section = getattr(recipe, name)
            defaults = vars(type(section)())
            assert set(table.get(name, {})) == {key for key, value in vars(section).items() if value != defaults[key]}


def test_a_written_recipe_has_the_keys_that_people_change(tmp_path):
    recipe = Recipe("x", ("a", "b"))
    write_recipe(recipe, tmp_path / "x.toml")
    text = (tmp_path / "x.toml").read_text()
    assert len(text.splitlines()) < 30
    table = tomllib.loads(text)
    for key in CHANGED:
        section, _, name = key.partition(".")
        assert name in table[section]
        lines = text.splitlines()
        row = next(n for n, line in enumerate(lines) if line.startswith(f"{name} = "))
        assert lines[row - 1].startswith("# ")
    assert read_recipe(str(tmp_path / "x.toml")) == recipe


def test_a_recipe_is_not_overwritten(tmp_path):
    path = tmp_path / "below" / "x.toml"
    write_recipe(Recipe("x", ("a", "b")), path)
    before = path.read_text()
    with pytest.raises(RecipeError, match=r"expected a new name; got 'x\.toml'"):
        write_recipe(Recipe("x", ("c", "d")), path)
    assert path.read_text() == before


# --- what a file may leave out --------------------------------------------------------------------------------------


def test_the_order_of_keys_in_a_file_does_not_matter(tmp_path):
    one = read_recipe(write(tmp_path, MINIMAL + "[split]\nseed = 3\n[network]\nhidden = 5\nbackbone = 'vgg'\n"))
    two = read_recipe(write(tmp_path, MINIMAL + "[network]\nbackbone = 'vgg'\nhidden = 5\n[split]\nseed = 3\n"))
    assert one.digest == two.digest


def test_a_default_that_is_written_out_is_the_default(tmp_path):
    written = read_recipe(write(tmp_path, MINIMAL + "[labels.sb]\nn_neighbors = 30\n[network]\nhidden = 100\n"))
    assert written == read_recipe(write(tmp_path, MINIMAL))


# --- single keys ------------------------------------------------------------------------------------------------------


def test_single_keys_are_changed_as_if_the_file_said_so():
    recipe = read_recipe("mood-sad")
    assert change_recipe(recipe, {}) == recipe
    changed = change_recipe(
        recipe,
        {
            "network.hidden": "0",
            "network.standardize": "true",
            "training.l2": "0.1",
            "training.loss": "kl",
            "labels.sb.n_neighbors": "7",
            "card.author": '"me, myself"',
        },
    )
    assert (changed.network.hidden, changed.network.standardize, changed.training.l2) == (0, True, 0.1)
    assert (changed.training.loss, changed.card.author) == ("kl", "me, myself")
    assert changed.label_settings["sb"] == {"n_neighbors": 7}
    assert (changed.task, changed.classes) == (recipe.task, recipe.classes)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("network.hiden", "0", r"recipe key: expected SECTION.KEY.*Did you mean 'network.hidden'"),
        ("hidden", "0", "recipe key: expected SECTION.KEY"),
        ("network", "0", "recipe key: expected SECTION.KEY"),
        ("labels.sb", "0", "recipe key: expected SECTION.KEY"),
        ("labels.nothing.lmnn", "true", "recipe key: expected SECTION.KEY"),
        ("network.hidden", "many", "hidden: expected a int"),
        ("network.hidden", "-1", "hidden: expected 0 to 100000"),
        ("labels.sb.n_neighbors", "0", "n_neighbors"),
    ],
)
def test_a_key_that_cannot_be_changed_is_told(name, value, message):
    with pytest.raises(RecipeError, match=message):
        change_recipe(read_recipe("mood-sad"), {name: value})


# --- what TOML does not allow, or a parser breaks at ----------------------------------------------------------------

BROKEN = {
    "brackets": "[" * 5000 + "]" * 5000,
    "open brackets": "[" * 100000,
    "tables": "{a = " * 3000 + "1" + "}" * 3000,
    "digits": "9" * 5000,
    "400 digits": "1" + "0" * 400,
    "65 bits": "9223372036854775808",
    "65 bits below": "-9223372036854775809",
    "text": '"' + "x" * 3000 + '"',
    "list": str(list(range(3000))),
    "deep list": "[" * 100 + "]" * 100,
    "hex": "0x" + "f" * 5000,
}


@pytest.mark.parametrize("key", ["network.hidden", "split.valid_share", "labels.sb.n_neighbors", "training.loss"])
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_value_is_one_short_sentence(tmp_path, key, kind):
    """Case C4, in a file and in `--set`; case C9: a huge value is not echoed."""
    section, _, name = key.rpartition(".")
    for read in (
        lambda: read_recipe(write(tmp_path, f"{MINIMAL}[{section}]\n{name} = {BROKEN[kind]}\n")),
        lambda: change_recipe(read_recipe("mood-sad"), {key: BROKEN[kind]}),
    ):
        with pytest.raises(RecipeError, match="expected") as caught:
            read()
        assert len(str(caught.value)) < 300 + len(str(tmp_path))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL + ".".join("a" * 5000) + " = 1\n",
        f'task = "{"x" * 5000}"\nclasses = ["a", "b"]\n',
        MINIMAL + f'aliases = {{{"c" * 5000} = "d"}}\n',
        MINIMAL + "x" * 5000 + " = 1\n",
        MINIMAL + f"[labels]\nsource = {list(range(3000))}\n",
        f'task = "x"\nclasses = {[str(n) for n in range(3000)]}\n',
    ],
)
def test_a_huge_name_is_not_echoed_whole(tmp_path, text):
    """Case C9: in the place of keys and names."""
    with pytest.raises(RecipeError) as caught:
        read_recipe(write(tmp_path, text))
    assert "x" * 100 not in str(caught.value)
    assert "c" * 100 not in str(caught.value)


def test_the_largest_integers_of_toml_are_read(tmp_path):
    with pytest.raises(RecipeError, match=r"seed: expected 0 to 2147483647; got 9223372036854775807 "):
        read_recipe(write(tmp_path, MINIMAL + f"[split]\nseed = {2**63 - 1}\n"))
    with pytest.raises(RecipeError, match=r"seed: expected 0 to 2147483647; got -9223372036854775808 "):
        change_recipe(read_recipe("mood-sad"), {"split.seed": str(-(2**63))})


@pytest.mark.parametrize("kind", ["multi_label", "regression"])
def test_a_kind_is_written_and_read_again(tmp_path, kind):
    recipe = Recipe("x", ("rock",), kind=kind)
    for text in (render_recipe(recipe), render_short(recipe), render_short(recipe, explained=True)):
        assert f'kind = "{kind}"' in text
        (tmp_path / "x.toml").write_text(text)
        assert read_recipe(str(tmp_path / "x.toml")) == recipe
    assert change_recipe(recipe, {"network.hidden": "0"}).kind == kind


def test_no_kind_is_written_for_classes():
    assert "kind" not in render_short(Recipe("x", ("jazz", "rock")))
    assert "\nkind" not in render_recipe(Recipe("x", ("jazz", "rock")))
