"""Recipe files. In: TOML, and changes to single keys; out: a checked `Recipe`, or TOML, short or with every key.

An unknown key is an error that names the nearest. The keys are those of `recipe.sections` and of the label sources.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import labels as label_sources
from essentia_ldl.choices import CHOSEN_IN_WORDS, REGRESSION, SINGLE_LABEL
from essentia_ldl.discover import unknown
from essentia_ldl.errors import RecipeError, explain
from essentia_ldl.files import replacing
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.sections import RENAMED, SECTIONS

CHANGED = ("labels.source", "choice.speed", "choice.music", "card.author", "card.dataset", "card.licence")
LARGEST = 2**63 - 1  # TOML 1.0: integers have 64 bits


def folders(recipes: Path | None = None) -> list[Path]:
    """Return the folders that hold recipes: the user's own, such as `Home.recipes`, then those of the package."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "recipes" if (package / "recipes").is_dir() else package.parent / "recipes"
    return [shipped] if recipes is None else [Path(recipes), shipped]


def list_tasks(recipes: Path | None = None) -> list[str]:
    """List the tasks that have a recipe, in the user's own folder of recipes or in that of the package."""
    return sorted({path.stem for folder in folders(recipes) for path in folder.glob("*.toml")})


def read_recipe(task: str, recipes: Path | None = None) -> Recipe:
    """Read the recipe of a task, or a recipe file.

    Parameters
    ----------
    task : str
        ``"mood-sad"`` or a path that ends in .toml.
    recipes : Path or None
        The user's own folder of recipes, such as `Home.recipes`, which goes before that of the package.

    Raises
    ------
    UnknownNameError
        When there is no such task; the nearest one is named.
    RecipeError
        When the file is not valid.
    """
    if task.endswith(".toml"):
        return _read_file(Path(task))
    for folder in folders(recipes):
        if (folder / f"{task}.toml").is_file():
            return _read_file(folder / f"{task}.toml")
    raise unknown("task", task, list_tasks(recipes))


def _read_file(path: Path) -> Recipe:
    try:
        table = _parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise RecipeError(explain("recipe", "an existing file", "nothing there", path, "Check the path.")) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(explain("recipe", "readable TOML", error, path, "Correct the file.")) from None
    return _read_table(table, path)


def _parse(text: str, where: str) -> dict[str, Any]:
    """Parse TOML; what Python's parser takes or breaks at beyond TOML is told as an error of the recipe."""
    remedy = "Correct the value."
    rule = f"{-LARGEST - 1} to {LARGEST}"
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise RecipeError(explain("recipe", "a few brackets in one another", "very many", where, remedy)) from None
    except ValueError:  # Python converts integers of 4300 digits at most
        raise RecipeError(explain("integer", rule, "thousands of digits", where, remedy)) from None
    values: list[Any] = [table]
    while values:  # not by recursion: dotted keys nest without a limit
        value = values.pop()
        if isinstance(value, dict):
            values += value.values()
        elif isinstance(value, list):
            values += value
        elif isinstance(value, int) and not -LARGEST - 1 <= value <= LARGEST:
            raise RecipeError(explain("integer", rule, value, where, remedy))
    return table


def change_recipe(recipe: Recipe, changes: Mapping[str, str]) -> Recipe:
    """Return a copy with some keys of its file changed.

    Parameters
    ----------
    recipe : Recipe
        What to change.
    changes : Mapping[str, str]
        Key with its sections, such as "network.hidden" or "labels.sb.n_neighbors" -> value as TOML writes it; a text
        may come without quotes.

    Raises
    ------
    RecipeError
        When there is no such key, or its value is of the wrong type or out of range.
    """
    if not changes:
        return recipe
    table = tomllib.loads(render_recipe(recipe))
    for name, text in changes.items():
        *sections, key = name.split(".")
        sections[:1] = [RENAMED.get(section, section) for section in sections[:1]]
        place = table
        for section in sections:
            place = place.get(section, {}) if isinstance(place, dict) else {}
        if not sections or not isinstance(place, dict) or key not in place or isinstance(place[key], dict):
            known = [f"{section}.{key}" for section in SECTIONS for key in table[section]]
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else "Look into the recipe file."
            raise RecipeError(explain("recipe key", "SECTION.KEY, such as network.hidden", name, recipe.task, remedy))
        try:
            place[key] = _parse(f"value = {text}", f"{recipe.task}, {name}")["value"]
        except tomllib.TOMLDecodeError:
            place[key] = text
    return _read_table(table, Path(recipe.task))


def _read_table(table: dict[str, Any], path: Path) -> Recipe:
    for old, new in RENAMED.items():
        if old in table and new not in table:
            table = {**table, new: table[old]}
            del table[old]
    known = {"task", "kind", "classes", "description", "aliases", "labels", *SECTIONS}
    _refuse_unknown(table, known, str(path))
    for key in ("task", "classes"):
        if key not in table:
            raise RecipeError(explain("recipe", f"the key {key!r}", sorted(table), path, "Add it."))
    labels = _table(table, "labels", path)
    for key in ("task", "description", "kind"):
        if not isinstance(table.get(key, ""), str):
            raise RecipeError(explain(key, "a text", table[key], path, "Put it in quotes."))
    if not isinstance(_join(labels.get("source", "")), str):
        rule = "a text, or a list of one or more"
        raise RecipeError(explain("source", rule, labels["source"], f"{path}, [labels]", "Name label sources."))
    if not isinstance(table["classes"], list) or not all(isinstance(name, str) for name in table["classes"]):
        raise RecipeError(explain("classes", "a list of names", table["classes"], path, "Correct it."))
    sources = label_sources.presets()
    _refuse_unknown(labels, {"source", *sources}, f"{path}, [labels]")
    settings = {name: _table(labels, name, path) for name in sources if name in labels}
    for name, values in settings.items():
        _refuse_unknown(values, set(sources[name][1]), f"{path}, [labels.{name}]")
        defaults = sources[name][1]
        settings[name] = {k: v for k, v in values.items() if (type(v), v) != (type(defaults[k]), defaults[k])}
    return Recipe(
        task=table["task"],
        classes=tuple(table["classes"]),
        description=table.get("description", ""),
        aliases=_table(table, "aliases", path),
        labels=_join(labels.get("source", "auto")),
        label_settings={name: values for name, values in settings.items() if values},
        kind=table.get("kind", SINGLE_LABEL),
        **{name: _read_section(cls, _table(table, name, path), f"{path}, [{name}]") for name, cls in SECTIONS.items()},
    )


def _join(value: Any) -> Any:
    """Return a list of label sources as one text; anything else as it is."""
    is_list = isinstance(value, list) and value and all(isinstance(name, str) for name in value)
    return "+".join(value) if is_list else value


def _table(table: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise RecipeError(explain(key, f"a section [{key}]", value, path, "Correct the file."))
    return value


def _read_section(cls: type, table: dict[str, Any], where: str) -> Any:
    fields = {field.name: field for field in dataclasses.fields(cls)}
    _refuse_unknown(table, set(fields), where)
    values = {}
    for key, value in table.items():
        wanted = type(fields[key].default)
        if wanted is tuple and isinstance(value, list) and all(isinstance(name, str) for name in value):
            value = tuple(value)
        if fields[key].metadata["may_be_number"] and type(value) in (int, float):
            value = f"{value:g}"
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            kind = "list of texts" if wanted is tuple else wanted.__name__
            raise RecipeError(explain(key, f"a {kind}", value, where, "Correct the value."))
        values[key] = value
    return cls(**values)


def _refuse_unknown(table: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else "Remove it."
            raise RecipeError(explain("recipe key", "one of " + ", ".join(sorted(known)), key, where, remedy))


def render_recipe(recipe: Recipe) -> str:
    """Write a recipe as TOML in which every key is explained."""
    lines = [
        f"# Recipe of the task {recipe.task}. Every key is here; a line that is removed takes its default.",
        f"task = {write_value(recipe.task)}",
        f"description = {write_value(recipe.description)}",
        *_render_kind(recipe),
        f"# {_describe_classes(recipe)}: the column order of the exported graph",
        f"classes = {write_value(list(recipe.classes))}",
        "",
        '# labels of a collection that mean one of the classes, such as: not_sad = "non_sad"',
        "[aliases]",
        *(f"{write_value(alias)} = {write_value(name)}" for alias, name in recipe.aliases.items()),
        "",
        "[labels]",
        *(f"# {source}: {text}" for source, text in {**CHOSEN_IN_WORDS, **label_sources.summaries()}.items()),
        '# a list, such as ["none", "agf-m"]: several targets; agf: none and all four of the artist groups',
        f"source = {write_value(recipe.labels.split('+') if '+' in recipe.labels else recipe.labels)}",
    ]
    for source, (module, defaults) in sorted(label_sources.presets().items()):
        if defaults:
            values = {**defaults, **recipe.label_settings.get(source, {})}
            explained = label_sources.explanations(module)
            lines += ["", f"[labels.{source}]"]
            for key, value in values.items():
                lines += [f"# {explained[key]}", f"{key} = {write_value(value)}"]
    for name in SECTIONS:
        lines += ["", f"[{name}]"]
        section = getattr(recipe, name)
        for field in dataclasses.fields(section):
            lines += [f"# {field.metadata['text']}", f"{field.name} = {write_value(getattr(section, field.name))}"]
    return "\n".join(lines) + "\n"


def render_short(recipe: Recipe, keys: Sequence[str] = (), *, explained: bool = False) -> str:
    """Write a recipe as TOML that holds what is its own; what is not there takes its default.

    Parameters
    ----------
    recipe : Recipe
        Its task, description and classes are always there.
    keys : sequence of str
        Keys with their sections, such as "choice.speed", that are there although they have their defaults.
    explained : bool
        Put what a key means above it.

    Returns
    -------
    str
        Some 15 lines.
    """
    lines = [
        f"# What is the task's own. All keys, explained: essentia-ldl recipe {recipe.task} --all",
        f"task = {write_value(recipe.task)}",
        f"description = {write_value(recipe.description)}",
        *_render_kind(recipe, explained),
        *([f"# {_describe_classes(recipe)}: the column order of the exported graph"] if explained else []),
        f"classes = {write_value(list(recipe.classes))}",
    ]
    if recipe.aliases:
        lines += ["", "[aliases]"]
        lines += [f"{write_value(alias)} = {write_value(name)}" for alias, name in recipe.aliases.items()]
    own: list[str] = []
    if recipe.labels != Recipe.labels or "labels.source" in keys:
        names = ", ".join((*CHOSEN_IN_WORDS, *label_sources.summaries(), "agf"))
        own += [f"# {names}"] if explained else []
        own.append(f"source = {write_value(recipe.labels.split('+') if '+' in recipe.labels else recipe.labels)}")
    for source, values in sorted(recipe.label_settings.items()):
        pairs = ", ".join(f"{key} = {write_value(value)}" for key, value in values.items())
        own.append(f"{source} = {{ {pairs} }}")
    lines += ["", "[labels]", *own] if own else []
    for name in SECTIONS:
        section, own = getattr(recipe, name), []
        for field in dataclasses.fields(section):
            value = getattr(section, field.name)
            if value != getattr(type(section)(), field.name) or f"{name}.{field.name}" in keys:
                own += [f"# {field.metadata['text']}"] if explained else []
                own.append(f"{field.name} = {write_value(value)}")
        lines += ["", f"[{name}]", *own] if own else []
    return "\n".join(lines) + "\n"


def _render_kind(recipe: Recipe, explained: bool = True) -> list[str]:
    """Write the kind of a task; nothing where a track has one class, as most have."""
    if recipe.kind == SINGLE_LABEL:
        return []
    text = "# single_label: one class per track; multi_label: any number of tags; regression: numbers"
    return [*([text] if explained else []), f"kind = {write_value(recipe.kind)}"]


def _describe_classes(recipe: Recipe) -> str:
    words = {SINGLE_LABEL: "class names in alphabetical order", REGRESSION: "names of the dimensions"}
    return words.get(recipe.kind, "tags in alphabetical order")


def write_value(value: Any) -> str:
    """Write a text, number, truth value or list as TOML, which is json but for two things.

    Raises
    ------
    RecipeError
        When it is of another kind.
    """
    try:
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    except (TypeError, ValueError):
        rule, remedy = "a text, a number, true or false, or a list", "Correct the value."
        raise RecipeError(explain("recipe value", rule, value, "TOML", remedy)) from None


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write what is a recipe's own, and the keys that people change, to a file.

    Parameters
    ----------
    recipe : Recipe
        What is written, explained.
    path : Path
        A file that does not exist yet.

    Raises
    ------
    RecipeError
        When it exists.
    """
    if path.exists():
        raise RecipeError(explain("recipe", "a new name", path.name, path, "Choose another name, or delete the file."))
    with replacing(path) as file:
        file.write(render_short(recipe, CHANGED, explained=True).encode())
