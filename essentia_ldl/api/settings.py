"""What the functions of the API take by name, as the options of the command line are called.

In: keyword arguments; out: the home, the recipe and the source that they mean. A name that no function takes is an
error that names the nearest.
"""

from __future__ import annotations

import contextlib
import math
import numbers
import os
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from essentia_ldl.collection.read import Source
from essentia_ldl.discover import unknown
from essentia_ldl.errors import DataError, DiskError, RecipeError, explain, show
from essentia_ldl.files import Home
from essentia_ldl.measure.rows import TruthColumn
from essentia_ldl.progress import Say, listening
from essentia_ldl.recipe.options import apply_options
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import read_recipe, write_value
from essentia_ldl.zones import StepFailed

_KINDS: dict[Any, tuple[str, tuple[type, ...]]] = {
    bool: ("True or False", (bool,)),
    int: ("a whole number", (numbers.Integral,)),
    float: ("a number", (numbers.Real,)),
    Mapping: ("a dict", (Mapping,)),
    Sequence: ("a list", (list, tuple)),
    str: ("a text", (str,)),
}
_LEAST = {"jobs": 1, "members": 2, "folds": 2, "repeats": 1, "epochs": 1, "patch_hop": 1, "vectors": 1}
Place = str | os.PathLike[str]


class HowToOpen(TypedDict, total=False):
    """How a collection is read: its layout, and options of the layout."""

    layout: str
    options: Mapping[str, object]


class HowToRead(HowToOpen, total=False):
    """How a collection is read, with a table of corrected labels."""

    corrections: str | os.PathLike[str]


class HowToFit(HowToRead, total=False):
    """What is trained; keys of a recipe that have no name here stand in `changes`."""

    network: str
    pretrained: str
    extractor: str
    extractor_output: str
    fine_tune: str
    augment: str
    epochs: int
    dropout: float
    samples: int
    seed: int
    speed: str
    music: str
    paper: bool
    changes: Mapping[str, object]
    jobs: int


class HowToTrain(HowToFit, total=False):
    """What a training chooses by and adapts to, and its effort."""

    leave_out: str
    adapt: str | os.PathLike[str]
    max_hours: float
    members: int
    again: bool


class HowToCompare(HowToFit, total=False):
    """On which folds a cross-validation trains, and what it compares with."""

    folds: int
    repeats: int
    leave_out: str
    patch_hop: int
    truth_column: str
    truth_class: str
    baselines: Sequence[str]
    refit: bool


class HowToEvaluate(HowToOpen, total=False):
    """How a collection is read, and what predictions are compared with beside its labels."""

    truth_column: str
    truth_class: str


class HowToPredict(TypedDict, total=False):
    """What is wanted of each file, and how it is computed."""

    segments: bool
    uncertainty: bool
    min_confidence: float
    patch_hop: int
    engine: str
    precision: str
    resample_quality: int
    notes: bool
    format: str
    again: bool
    jobs: int


class HowToIndex(TypedDict, total=False):
    """What is made of each track of an index, and how it is computed."""

    extractor_output: str
    vectors: int
    engine: str
    precision: str
    again: bool
    jobs: int


class HowToFind(TypedDict, total=False):
    """Which tracks of an index are left out, and what embeds a track that it does not have."""

    not_same_artist: bool
    engine: str


class HowToDescribe(TypedDict, total=False):
    """The model whose tags words go through, how many words there are per track, and what runs the model."""

    model: str
    n: int
    engine: str


class HowToProject(HowToOpen, total=False):
    """On what a space is learned, and how."""

    on: Sequence[str]
    layers: str
    network: str
    by: str
    size: int
    epochs: int
    rate: float
    seed: int
    jobs: int


class HowToLearnWords(HowToProject, total=False):
    """On what a space of words is learned, and how it is called."""

    name: str


class HowToSpread(HowToProject, total=False):
    """How tracks are compared where a space is learned from them."""

    distance: str
    negatives: str
    margin: float
    n_negatives: int


class HowToLearn(HowToSpread, total=False):
    """How a space is learned, and how it is called."""

    name: str
    again: bool


class HowToMatch(HowToSpread, total=False):
    """On which folds losses are compared, and by what."""

    folds: int
    columns: Sequence[str]


class HowToMeasure(HowToOpen, total=False):
    """By what embeddings are measured, and where pictures of them go."""

    by: Sequence[str]
    k: int
    nearest: int
    seed: int
    pictures: str | os.PathLike[str]
    jobs: int


class HowToCover(HowToOpen, total=False):
    """How networks of music and pictures are trained and compared, and what is exported."""

    folds: int
    image_weights: str | os.PathLike[str]
    epochs: int
    size: int
    seed: int
    name: str
    export: bool
    again: bool
    jobs: int


_MAY_STAY = (HowToLearnWords, HowToLearn, HowToMatch)  # whose projection is good as it begins: no epoch is as many


def name_path(path: object) -> str:
    """Return a path as text; `DataError` for what is none."""
    if isinstance(path, str | os.PathLike):
        return os.fspath(path)
    raise DataError(explain("path", "a text or a path", type(path).__name__, "predict", "Give the path of a file."))


def check_settings(settings: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """Return settings whose names a function takes and whose values are of the kinds that it takes.

    Parameters
    ----------
    settings : Mapping[str, Any]
        Keyword arguments; one that is None is as if it were not given.
    kind : type
        The `TypedDict` of the function.

    Returns
    -------
    dict[str, Any]
        Without those that are None; numbers of numpy are numbers of Python.

    Raises
    ------
    UnknownNameError
        When a name is another one; the nearest is named.
    DataError
        When a value is of another kind, or a number below its least.
    """
    known = typing.get_type_hints(kind)
    found = {}
    for name, value in settings.items():
        if name not in known:
            raise unknown("setting", name, known)
        if value is not None:
            least = 0 if name == "epochs" and kind in _MAY_STAY else _LEAST.get(name)
            found[name] = _check_value(name, value, known[name], least)
    return found


def _check_value(name: str, value: Any, hint: Any, least: int | None) -> Any:
    wanted = typing.get_origin(hint) if typing.get_origin(hint) in _KINDS else hint
    rule, kinds = _KINDS.get(wanted, ("a path", (str, os.PathLike)))
    if not isinstance(value, kinds) or (isinstance(value, bool) and wanted is not bool):
        raise DataError(explain(name, rule, value, "settings", "Correct it."))
    if wanted in (int, float):
        value = wanted(value)
        if not math.isfinite(value) or (least is not None and value < least) or (name == "max_hours" and value <= 0):
            rule = f"{least} or more" if least is not None else "a finite number above 0"
            raise DataError(explain(name, rule, value, "settings", "Correct it."))
    return value


def find_home(home: Home | Place | None) -> Home:
    """Return a home: itself, that of a folder, or that of the command line when there is none."""
    if home is None:
        return Home.from_environment()
    return home if isinstance(home, Home) else Home(home)


def check_writable(home: Home) -> Home:
    """Return a home whose folder is there and can be written.

    Raises
    ------
    DiskError
        When it cannot be made or written.
    """
    reason = ""
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        if not os.access(home.root, os.W_OK | os.X_OK):
            reason = "no permission to write"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        remedy = "Give another folder as home, or set ESSENTIA_LDL_HOME."
        raise DiskError(f"The home {home.root} cannot be written: {reason}. {remedy}")
    return home


def find_recipe(task: str | Recipe, labels: str | None, settings: Mapping[str, Any], home: Home) -> Recipe:
    """Return the recipe of a task with what the settings change in it.

    Parameters
    ----------
    task : str or Recipe
        Name of a recipe, path of a recipe file, or a recipe.
    labels : str or None
        Label source; None is the recipe's.
    settings : Mapping[str, Any]
        Options of a training or a comparison by name, those that `HowToTrain` and `HowToCompare` list.
    home : Home
        Whose recipes go before those of the package.

    Raises
    ------
    RecipeError
        When a value is out of range, or settings contradict one another.
    UnknownNameError
        When there is no such task, label source or network.
    """
    if not isinstance(task, str | os.PathLike | Recipe):
        rule, remedy = "the name of a task, or a Recipe", "Give one of them."
        raise RecipeError(explain("task", rule, task, "train", remedy))
    if labels is not None and not isinstance(labels, str):
        remedy = 'Join several targets by +, such as "none+agf-m".'
        raise RecipeError(explain("labels", "a text", labels, str(getattr(task, "task", task)), remedy))
    recipe = task if isinstance(task, Recipe) else read_recipe(os.fspath(task), home.recipes)
    given = settings.get("changes", {}).items()
    changes = {key: value if isinstance(value, str) else write_value(value) for key, value in given}
    return apply_options(recipe, {**settings, "labels": labels, "changes": changes})


def find_source(data: Place | None, settings: Mapping[str, Any]) -> Source:
    """Return where a collection is, and how it is read; without data it is the demo of the recipe.

    Raises
    ------
    DataError
        When the data is neither a path nor None.
    """
    if data is not None and not isinstance(data, str | os.PathLike):
        remedy = "Give the path of your data."
        raise DataError(explain("data", "the path of a folder or of a table", type(data).__name__, "data", remedy))
    corrections = settings.get("corrections")
    return Source(
        data,
        settings.get("layout"),
        settings.get("options") or {},
        None if corrections is None else os.fspath(corrections),
        settings.get("adapt"),
    )


def find_truth(settings: Mapping[str, Any]) -> TruthColumn | None:
    """Return the column with shares of listeners that settings name."""
    column = settings.get("truth_column")
    return None if column is None else TruthColumn(column, settings.get("truth_class"))


@contextlib.contextmanager
def telling(say: Say) -> Iterator[None]:
    """Hand on what steps in processes of their own print, show no bars, and raise the error of a step as itself.

    Parameters
    ----------
    say : callable
        Gets every line, and nothing goes to the terminal.

    Raises
    ------
    EssentiaLdlError
        That of the step.
    """
    try:
        with listening(say):
            yield
    except StepFailed as failed:
        if failed.error is not None:
            raise failed.error from None
        if str(failed):
            raise
        last = f", and said last {show(failed.said)}" if failed.said else ""
        remedy = "Run the same again with say=print, which shows all that it says."
        raise StepFailed(f"A step ended with exit status {failed.status}{last}. {remedy}", 1) from None
