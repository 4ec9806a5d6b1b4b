"""The recipe of a task: classes, label sources and the sections of its file, frozen, and checked when it is made.

In: values, from a file by `recipe.toml` or from code; out: a `Recipe`. The sections are those of `recipe.sections`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from essentia_ldl import frontends
from essentia_ldl import labels as label_sources
from essentia_ldl.choices import CHOSEN, KINDS, REGRESSION, SINGLE_LABEL, join_choices
from essentia_ldl.discover import unknown
from essentia_ldl.errors import SHOWN, DataError, RecipeError, explain, show
from essentia_ldl.files import Home
from essentia_ldl.recipe.checks import (
    check_augment,
    check_joint,
    check_kind,
    check_loss,
    check_precision,
    check_targets,
    check_tuning,
)
from essentia_ldl.recipe.sections import (
    ADDED,
    RENAMED,
    SECTIONS,
    AugmentSettings,
    CalibrationSettings,
    CardSettings,
    ChoiceSettings,
    DemoSettings,
    NetworkSettings,
    SplitSettings,
    TargetsSettings,
    TrainingSettings,
    UncertaintySettings,
    check_section,
)
from essentia_ldl.records import Track

LONGEST_TASK = 100  # characters: it begins the names of files, which have 255
TASK_RULE = f"letters, digits and hyphens, at most {LONGEST_TASK} of them"


def is_task_name(name: str) -> bool:
    """Tell whether a name can be that of a task or a model, by `TASK_RULE`."""
    return len(name) <= LONGEST_TASK and all(part.isalnum() for part in name.replace("_", "-").split("-"))


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One task, complete.

    Parameters
    ----------
    task : str
        Name with hyphens, such as "mood-sad".
    classes : tuple[str, ...]
        The column order of the graph: classes or tags in alphabetical order, or dimensions such as valence and arousal.
    description : str
        One line for the card.
    aliases : Mapping[str, str]
        Label in a collection -> class name.
    labels : str
        Label source: a preset of `essentia_ldl.labels`, such as "sb"; several joined by "+", or a name for several,
        such as "agf".
    label_settings : Mapping[str, Mapping[str, Any]]
        Settings that differ from a source's defaults, by source.
    split, network, training, augment, choice, targets, calibration, uncertainty, card, demo : record
        The sections of the file, each a frozen record of `recipe.sections`.
    kind : str
        "single_label", "multi_label" (any number of tags per track) or "regression" (numbers).

    Raises
    ------
    RecipeError
        When a value is out of range, the classes are not names in alphabetical order, two or more where a track has
        one of them, or something is asked for that the kind does not allow.

    Examples
    --------
    >>> recipe = Recipe("tension", ("calm", "tense"), labels="sa")
    >>> recipe.override(network__hidden=0).network.hidden
    0
    """

    task: str
    classes: tuple[str, ...]
    description: str = ""
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)
    labels: str = "auto"
    label_settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    split: SplitSettings = dataclasses.field(default_factory=SplitSettings)
    network: NetworkSettings = dataclasses.field(default_factory=NetworkSettings)
    training: TrainingSettings = dataclasses.field(default_factory=TrainingSettings)
    augment: AugmentSettings = dataclasses.field(default_factory=AugmentSettings)
    choice: ChoiceSettings = dataclasses.field(default_factory=ChoiceSettings)
    targets: TargetsSettings = dataclasses.field(default_factory=TargetsSettings)
    calibration: CalibrationSettings = dataclasses.field(default_factory=CalibrationSettings)
    uncertainty: UncertaintySettings = dataclasses.field(default_factory=UncertaintySettings)
    card: CardSettings = dataclasses.field(default_factory=CardSettings)
    demo: DemoSettings = dataclasses.field(default_factory=DemoSettings)
    kind: str = SINGLE_LABEL

    def __post_init__(self) -> None:
        if not isinstance(self.task, str) or not is_task_name(self.task):
            raise RecipeError(explain("task", TASK_RULE, self.task, "recipe", "Rename the task."))
        where = f"recipe {self.task}"
        if self.kind not in KINDS:
            raise RecipeError(explain("kind", join_choices(KINDS), self.kind, where, "Correct the kind."))
        if not isinstance(self.classes, tuple | list) or not all(isinstance(name, str) for name in self.classes):
            raise RecipeError(explain("classes", "a list of names", self.classes, where, "List the classes."))
        classes = list(self.classes)
        for text in (*classes, *self.aliases, self.description):
            if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
                raise RecipeError(explain("name", "UTF-8", text, where, "Rename the class folder or the label."))
        if len(classes) < (2 if self.kind == SINGLE_LABEL else 1) or len(set(classes)) != len(classes) or "" in classes:
            rule = "two or more different names" if self.kind == SINGLE_LABEL else "one or more different names"
            raise RecipeError(explain("classes", rule, classes, where, "List the classes."))
        if classes != sorted(classes) and self.kind != REGRESSION:
            rule, remedy = f"alphabetical order {show(sorted(classes))}", "Sort them, as Essentia does."
            raise RecipeError(explain("classes", rule, classes, where, remedy))
        for alias, name in self.aliases.items():
            if name not in classes:
                what, rule = f"aliases.{alias[:SHOWN]}", f"one of {show(classes)}"
                raise RecipeError(explain(what, rule, name, where, "Correct the alias."))
        known = label_sources.presets()
        for source in (*label_sources.expand(self.labels), *self.label_settings):
            if source not in known:
                raise unknown("label source", source, known)
            label_sources.build(source, self.classes, read_nothing, self.label_settings.get(source), kind=self.kind)
        if self.network.backbone not in frontends.NETWORKS:
            raise unknown("network", self.network.backbone, frontends.NETWORKS)
        check_loss(self.kind, self.training.loss, where)
        for section in SECTIONS:
            check_section(getattr(self, section), f"{where}, [{section}]")
        if self.network.fine_tune != "none" and not self.network.extractor:
            frontends.check_pretrained(self.network.backbone, self.network.pretrained)
        check_joint(self.network, self.target_networks, where)
        check_tuning(self.network, self.training, self.target_networks, where)
        check_precision(self.network, self.training, self.target_networks, where)
        check_augment(self.network, self.augment, self.target_networks, where)
        check_targets(self.sources, self.target_networks, self.network, where)
        asked = {
            "targets.networks": self.target_networks,
            "choice.leave_out": self.choice.leave_out,
            "uncertainty.samples": self.uncertainty.samples,
            "calibration.method": self.calibration.method,
            "aliases": ", ".join(self.aliases) if self.kind == REGRESSION else "",
        }
        check_kind(self.kind, self.sources, asked, where)

    @classmethod
    def read(cls, task: str, home: Home | None = None) -> Recipe:
        """Read the recipe of a task, or a recipe file.

        Parameters
        ----------
        task : str
            Name such as "mood-sad", or a path that ends in .toml.
        home : Home or None
            Whose own recipes go before those of the package.

        Returns
        -------
        Recipe

        Raises
        ------
        UnknownNameError
            When there is no such task; the nearest one is named.
        RecipeError
            When the file is not valid.

        Examples
        --------
        >>> import essentia_ldl as ldl
        >>> ldl.Recipe.read("mood-sad").classes
        ('non_sad', 'sad')
        """
        from essentia_ldl.recipe.toml import read_recipe  # which needs this class to be complete

        return read_recipe(task, None if home is None else home.recipes)

    @property
    def file_task(self) -> str:
        """The task as file names write it: "mood_sad"."""
        return self.task.replace("-", "_")

    @property
    def is_solved(self) -> bool:
        """Whether its classifier is solved on frozen features, with settings chosen by folds, and not descended."""
        return self.labels in CHOSEN

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
        return hashlib.sha256(json.dumps(self.as_identity(), sort_keys=True).encode()).hexdigest()[:16]

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
        if self.kind == SINGLE_LABEL:  # which is what a recipe without a kind is of
            del plain["kind"]
        return plain

    def as_identity(self) -> dict[str, Any]:
        """Return the plain values that digests and fingerprints are made of: they never change their names.

        A section that was renamed has its first name here, so that the cards and runs of an older version know their
        recipe again. Keys that came later are left out where they have their defaults, for the same reason.
        """
        plain = self.as_dict()
        for section, keys in ADDED.items():
            defaults = vars(SECTIONS[section]())
            for key in keys:
                if plain[section][key] == defaults[key]:
                    del plain[section][key]
            if not plain[section]:
                del plain[section]
        for old, new in RENAMED.items():
            plain[old] = plain.pop(new)
        return plain

    def override(self, **changes: Any) -> Recipe:
        """Return a copy with some values changed; None changes nothing.

        Parameters
        ----------
        **changes
            Fields of the recipe (``labels="sa"``) or section and key joined by two underscores
            (``network__backbone="vgg"``).

        Raises
        ------
        UnknownNameError
            When there is no such field, section or key; a LookupError.
        RecipeError
            When a value is out of range; a ValueError.
        """
        values: dict[str, Any] = {}
        fields: dict[str, dict[str, Any]] = {}
        for key, value in changes.items():
            if value is None:
                continue
            section, _, field = key.partition("__")
            known = vars(self) if not field else SECTIONS
            if section not in known:
                raise unknown("key of a recipe" if not field else "section of a recipe", section, known)
            if field:
                if field not in vars(getattr(self, section)):
                    raise unknown(f"key of [{section}]", field, vars(getattr(self, section)))
                fields.setdefault(section, {})[field] = value
            else:
                values[section] = value
        for section, changed in fields.items():
            values[section] = dataclasses.replace(values.get(section, getattr(self, section)), **changed)
        return dataclasses.replace(self, **values)  # at once: keys of a section are checked together


def read_nothing(track: Track, front_end: str) -> np.ndarray:
    """Stand in for the store where a label source is only checked."""
    raise DataError(explain("features", "a fitted collection", front_end, track.id, "Fit the source on a collection."))
