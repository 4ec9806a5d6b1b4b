"""Recipes: one TOML file a task becomes a frozen, checked `Recipe`. An unknown key is an error.

The sections of `recipe_sections` are the only list of keys, and the file that `essentia-ldl new` writes is rendered
from them.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import frontends
from essentia_ldl import labels as label_sources
from essentia_ldl.discover import names, unknown
from essentia_ldl.errors import DataError, RecipeError, explain
from essentia_ldl.files import home, replacing
from essentia_ldl.recipe.rules import check_targets
from essentia_ldl.recipe.sections import (
    RENAMED,
    SECTIONS,
    CalibrationSettings,
    CardSettings,
    DemoSettings,
    NetworkSettings,
    SplitSettings,
    TargetsSettings,
    TrainingSettings,
    UncertaintySettings,
)
from essentia_ldl.records import Track


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One task, complete.

    Parameters
    ----------
    task : str
        Name with hyphens, such as "mood-sad".
    classes : tuple[str, ...]
        In alphabetical order, which is the column order of the graph.
    description : str
        One line for the card.
    aliases : Mapping[str, str]
        Label in a collection -> class name.
    labels : str
        Label source: a preset of `essentia_ldl.labels`, such as "sb"; several joined by "+", or a name for several,
        such as "agf".
    label_settings : Mapping[str, Mapping[str, Any]]
        Settings that differ from a source's defaults, by source.
    split, network, training, targets, calibration, uncertainty, card, demo
        The sections of the file.

    Raises
    ------
    RecipeError
        When a value is out of range or the classes are not two or more names in alphabetical order.
    """

    task: str
    classes: tuple[str, ...]
    description: str = ""
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)
    labels: str = "sb"
    label_settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    split: SplitSettings = dataclasses.field(default_factory=SplitSettings)
    network: NetworkSettings = dataclasses.field(default_factory=NetworkSettings)
    training: TrainingSettings = dataclasses.field(default_factory=TrainingSettings)
    targets: TargetsSettings = dataclasses.field(default_factory=TargetsSettings)
    calibration: CalibrationSettings = dataclasses.field(default_factory=CalibrationSettings)
    uncertainty: UncertaintySettings = dataclasses.field(default_factory=UncertaintySettings)
    card: CardSettings = dataclasses.field(default_factory=CardSettings)
    demo: DemoSettings = dataclasses.field(default_factory=DemoSettings)

    def __post_init__(self) -> None:
        where = f"recipe {self.task}"
        if not self.task or not all(part.isalnum() for part in self.task.replace("_", "-").split("-")):
            raise RecipeError(explain("task", "letters, digits and hyphens", self.task, where, "Rename the task."))
        classes = list(self.classes)
        for text in (*classes, *self.aliases, self.description):
            if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
                raise RecipeError(explain("name", "UTF-8", text, where, "Rename the class folder or the label."))
        if len(classes) < 2 or len(set(classes)) != len(classes) or not all(classes):
            raise RecipeError(explain("classes", "two or more different names", classes, where, "List the classes."))
        if classes != sorted(classes):
            raise RecipeError(
                explain(
                    "classes", f"alphabetical order {sorted(classes)}", classes, where, "Sort them, as Essentia does."
                )
            )
        for alias, name in self.aliases.items():
            if name not in classes:
                raise RecipeError(explain(f"aliases.{alias}", f"one of {classes}", name, where, "Correct the alias."))
        known = label_sources.presets()
        for source in (*label_sources.expand(self.labels), *self.label_settings):
            if source not in known:
                raise unknown("label source", source, known)
            label_sources.build(source, self.classes, read_nothing, self.label_settings.get(source))
        known_backbones = names("essentia_ldl.nets.backbones")
        if self.network.backbone not in known_backbones:
            raise unknown("network", self.network.backbone, known_backbones)
        for section in SECTIONS:
            _check_section(getattr(self, section), f"{where}, [{section}]")
        if self.network.fine_tune != "none" and not self.network.extractor:
            frontends.check_pretrained(self.network.backbone, self.network.pretrained)
        check_targets(self.sources, self.target_networks, self.network, where)

    @property
    def file_task(self) -> str:
        """The task as file names write it: "mood_sad"."""
        return self.task.replace("-", "_")

    @property
    def sources(self) -> tuple[str, ...]:
        """Its label sources, each by its own name."""
        return label_sources.expand(self.labels)

    @property
    def learned(self) -> tuple[str, ...]:
        """The sources that its networks learn: all, but for wide networks, which learn the first."""
        return self.sources[:1] if self.target_networks == "wide" else self.sources

    @property
    def main_source(self) -> str:
        """The source of the task's own classes: the one among `sources`, or "none", the label as it is."""
        return next((source for source in self.sources if not label_sources.is_auxiliary(source)), "none")

    @property
    def target_networks(self) -> str:
        """How networks learn its targets before the classifier: separate, shared, wide; none: the task alone."""
        if self.targets.networks != "auto":
            return self.targets.networks
        return "separate" if any(label_sources.is_auxiliary(source) for source in self.sources) else "none"

    @property
    def digest(self) -> str:
        """Hash of every value, for the card and for resuming a run: 16 hexadecimal digits."""
        plain = self.as_dict()
        for old, new in RENAMED.items():  # so that cards and runs of an older version know their recipe again
            plain[old] = plain.pop(new)
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def n_epochs(self) -> int:
        """Epochs that this recipe trains."""
        return self.training.epochs_from_scratch if self.network.fine_tune == "none" else self.training.epochs

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for json."""
        plain = dataclasses.asdict(dataclasses.replace(self, aliases={}, label_settings={}))
        plain["aliases"] = dict(self.aliases)
        plain["label_settings"] = {source: dict(settings) for source, settings in self.label_settings.items()}
        plain["classes"] = list(self.classes)
        return plain

    def override(self, **changes: Any) -> Recipe:
        """Return a copy with some values changed; None changes nothing.

        Parameters
        ----------
        **changes
            Fields of the recipe (``labels="sa"``) or section and key joined by two underscores
            (``network__backbone="vgg"``).
        """
        values: dict[str, Any] = {}
        for key, value in changes.items():
            if value is None:
                continue
            section, _, field = key.partition("__")
            if field:
                value = dataclasses.replace(values.get(section, getattr(self, section)), **{field: value})
            values[section] = value
        return dataclasses.replace(self, **values)  # at once: keys of a section are checked together


def read_nothing(track: Track, front_end: str) -> np.ndarray:
    """Stand in for the store where a label source is only checked."""
    raise DataError(explain("features", "a fitted collection", front_end, track.id, "Fit the source on a collection."))


def folders() -> list[Path]:
    """Return the folders that hold recipes: the user's `recipes`, then those that came with the package."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "recipes" if (package / "recipes").is_dir() else package.parent / "recipes"
    return [home() / "recipes", shipped]


def list_tasks() -> list[str]:
    """List the tasks that have a recipe."""
    return sorted({path.stem for folder in folders() for path in folder.glob("*.toml")})


def read_recipe(task: str) -> Recipe:
    """Read the recipe of a task, or a recipe file.

    Parameters
    ----------
    task : str
        ``"mood-sad"`` or a path that ends in .toml.

    Raises
    ------
    UnknownNameError
        When there is no such task; the nearest one is named.
    RecipeError
        When the file is not valid.
    """
    if task.endswith(".toml"):
        return _read_file(Path(task))
    for folder in folders():
        if (folder / f"{task}.toml").is_file():
            return _read_file(folder / f"{task}.toml")
    raise unknown("task", task, list_tasks())


def _read_file(path: Path) -> Recipe:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(explain("recipe", "an existing file", "nothing there", path, "Check the path.")) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(explain("recipe", "readable TOML", str(error), path, "Correct the file.")) from None
    return _read_table(table, path)


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
            place[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            place[key] = text
    return _read_table(table, Path(recipe.task))


def _read_table(table: dict[str, Any], path: Path) -> Recipe:
    for old, new in RENAMED.items():
        if old in table and new not in table:
            table = {**table, new: table[old]}
            del table[old]
    known = {"task", "classes", "description", "aliases", "labels", *SECTIONS}
    _refuse_unknown(table, known, str(path))
    for key in ("task", "classes"):
        if key not in table:
            raise RecipeError(explain("recipe", f"the key {key!r}", sorted(table), path, "Add it."))
    labels = _table(table, "labels", path)
    for key in ("task", "description"):
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
        labels=_join(labels.get("source", "sb")),
        label_settings={name: values for name, values in settings.items() if values},
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
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            raise RecipeError(explain(key, f"a {wanted.__name__}", value, where, "Correct the value."))
        values[key] = value
    return cls(**values)


def _check_section(section: Any, where: str) -> None:
    for field in dataclasses.fields(section):
        value, check = getattr(section, field.name), field.metadata["check"]
        if check is not None and not check(value):
            raise RecipeError(explain(field.name, field.metadata["rule"], value, where, "Correct the value."))


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
        f"task = {_toml(recipe.task)}",
        f"description = {_toml(recipe.description)}",
        "# class names in alphabetical order: the column order of the exported graph",
        f"classes = {_toml(list(recipe.classes))}",
        "",
        '# labels of a collection that mean one of the classes, such as: not_sad = "non_sad"',
        "[aliases]",
        *(f"{_toml(alias)} = {_toml(name)}" for alias, name in recipe.aliases.items()),
        "",
        "[labels]",
        *(f"# {source}: {text}" for source, text in label_sources.summaries().items()),
        '# a list, such as ["none", "agf-m"]: several targets; agf: none and all four of the artist groups',
        f"source = {_toml(recipe.labels.split('+') if '+' in recipe.labels else recipe.labels)}",
    ]
    for source, (module, defaults) in sorted(label_sources.presets().items()):
        if defaults:
            values = {**defaults, **recipe.label_settings.get(source, {})}
            explained = label_sources.explanations(module)
            lines += ["", f"[labels.{source}]"]
            for key, value in values.items():
                lines += [f"# {explained[key]}", f"{key} = {_toml(value)}"]
    for name in SECTIONS:
        lines += ["", f"[{name}]"]
        section = getattr(recipe, name)
        for field in dataclasses.fields(section):
            lines += [f"# {field.metadata['text']}", f"{field.name} = {_toml(getattr(section, field.name))}"]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """Write a text, number, truth value or list as TOML, which is json but for two things."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe to a file that does not exist yet; raise `RecipeError` when it does."""
    if path.exists():
        raise RecipeError(explain("recipe", "a new name", path.name, path, "Choose another name, or delete the file."))
    with replacing(path) as file:
        file.write(render_recipe(recipe).encode())
