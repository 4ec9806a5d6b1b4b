"""Tracks and features become label distributions; one file per source.

In: `Track`s and their stored features. Out: `LabelTable`s, one distribution over the classes a track.

A file of this package is a source of labels when it has

- ``PRESETS: dict[str, dict]``: the names that recipes and the command line use, each with all its settings and their
  defaults; a name belongs to one file only;
- ``SUMMARIES: dict[str, str]``: what each preset is, a few words, for the recipe files;
- ``EXPLANATIONS: dict[str, str]``: what each setting means, one line, for the recipe files;
- ``build(classes, read_features, settings, seed=0, name=<preset>) -> LabelSource``, which refuses settings out of range
  with `RecipeError` and reads nothing; `settings` are all those of the preset `name`.

``read_features(track, front_end_name) -> np.ndarray`` returns the stored frames of a track: for "mfcc" the
(n_frames, 13) float32 coefficients of its 15 s segment, for `EMBEDDING` the (n_patches, d) float32 embeddings of the
recipe's frozen network, for "mfcc-frames-25" and "mfcc-frames-13" the (n_frames, 25 or 13) float32 coefficients of
the whole track, for `DESCRIPTORS` its (1, d) float32 descriptors, all NaN when it has none. It pickles, because a
source may read in worker processes. Sources learn from training tracks only; labels of validation
and test tracks stay one-hot when scores are computed. Files with a leading underscore are not sources.

A file that lists "multi_label" or "regression" in its ``KINDS`` makes targets of tags or numbers too, where its tracks
have such; see `takes_kind`.

A file with ``AUXILIARY = True`` makes targets that train features beside the classes: the columns of its tables,
`LabelSource.classes`, are its own, known when it is built; its ``covers(track) -> bool`` tells which tracks have a
target; and it raises `DataError` for a track whose artist did not train. Names joined by "+" are several sources at
once, and "agf" stands for the targets of the artist group factors paper, see `expand`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from essentia_ldl import discover
from essentia_ldl.choices import CHOSEN, SINGLE_LABEL
from essentia_ldl.errors import DataError, RecipeError, explain
from essentia_ldl.labels._descriptors import DESCRIPTORS, bag_descriptors
from essentia_ldl.labels._embedding import EMBEDDING
from essentia_ldl.labels._groups import LEAST_SHARE, N_SHOWN, fit_groups
from essentia_ldl.labels._histogram import EDGES, score_own_mass, score_own_masses, write_histogram
from essentia_ldl.labels._mfcc import summarize_frames
from essentia_ldl.labels._space import check_size, fit_space
from essentia_ldl.labels._words import split_words
from essentia_ldl.records import LabelTable, Track

__all__ = [
    "AGF",
    "DESCRIPTORS",
    "EDGES",
    "EMBEDDING",
    "LEAST_SHARE",
    "N_SHOWN",
    "LabelSource",
    "ReadFeatures",
    "bag_descriptors",
    "build",
    "check_size",
    "expand",
    "explanations",
    "fit_groups",
    "fit_space",
    "is_auxiliary",
    "presets",
    "resolve",
    "score_own_mass",
    "score_own_masses",
    "split_words",
    "summaries",
    "summarize_frames",
    "takes_kind",
    "write_histogram",
]

ReadFeatures = Callable[[Track, str], np.ndarray]
AGF = ("none", "agf-m", "agf-d", "agf-e", "agf-s")  # g, m, d, e, s: table 1 of Kim et al. (WWW 2018)


@runtime_checkable
class LabelSource(Protocol):
    """What makes label distributions: `fit` on the training tracks, then call on any tracks.

    Attributes
    ----------
    front_ends : tuple[str, ...]
        Names of the front-ends whose features it reads, or `EMBEDDING`; empty when it needs none.
    columns : tuple[str, ...]
        Columns of the collection that it reads, beside path, label and artist.
    report : dict[str, Any]
        What `fit` measured, ready for json; empty before `fit` and for sources that learn nothing.

    A source whose `fit` keeps one core busy for seconds says so by an attribute ``is_slow``, which is True: several
    fits then run at once, in worker processes.
    """

    front_ends: tuple[str, ...]
    columns: tuple[str, ...]
    report: dict[str, Any]

    def check(self, tracks: Sequence[Track]) -> None:
        """Raise `DataError` when these training tracks cannot be fitted; quick, for before the features are there."""
        ...

    def fit(self, tracks: Sequence[Track]) -> LabelSource:
        """Learn from the training tracks, and only from them; return the source itself."""
        ...

    def __call__(self, tracks: Sequence[Track]) -> LabelTable:
        """Return one distribution per track, in the order given; a row does not depend on the other tracks asked."""
        ...


def presets() -> dict[str, tuple[str, dict[str, Any]]]:
    """List every preset of every source.

    Returns
    -------
    dict[str, tuple[str, dict[str, Any]]]
        Preset name -> (name of its file, its settings with their defaults).
    """
    return {
        preset: (module_name, dict(settings))
        for module_name in discover.names(__name__)
        for preset, settings in discover.load(__name__, module_name).PRESETS.items()
    }


def summaries() -> dict[str, str]:
    """Return what each preset of every source is, in a few words, by preset."""
    modules = [discover.load(__name__, module_name) for module_name in discover.names(__name__)]
    return {preset: module.SUMMARIES[preset] for module in modules for preset in module.PRESETS}


def explanations(module_name: str) -> dict[str, str]:
    """Return what each setting of a source means, by setting."""
    return dict(discover.load(__name__, module_name).EXPLANATIONS)


def is_auxiliary(preset: str) -> bool:
    """Tell whether the columns of a preset are its own, and not the classes of a recipe.

    Raises
    ------
    UnknownNameError
        When no source has a preset of that name.
    """
    return getattr(discover.load(__name__, resolve(preset)[0]), "AUXILIARY", False)


def takes_kind(preset: str, kind: str) -> bool:
    """Tell whether a preset makes targets of a kind of `choices.KINDS`.

    All make those of "single_label"; the ``KINDS`` of a file list others, which LMNN, learned from classes, excludes.
    """
    module_name, settings = resolve(preset)
    module = discover.load(__name__, module_name)
    return kind == SINGLE_LABEL or (kind in getattr(module, "KINDS", ()) and not settings.get("lmnn", False))


def expand(text: str) -> tuple[str, ...]:
    """Return the presets that a text names: joined by "+", each once, in their order.

    Parameters
    ----------
    text : str
        "sb", "none+agf-m"; one of `choices.CHOSEN`, whose targets are the classes; or "agf", which stands for `AGF`,
        without "none" where another source of the classes is named: "sb+agf".

    Returns
    -------
    tuple[str, ...]
        Presets, one or more.

    Raises
    ------
    UnknownNameError
        When no source has a preset of one of these names.
    """
    if text in CHOSEN:
        return ("none",)
    known = presets()
    names = [part.strip() for part in text.split("+")]
    for name in names:
        if name != "agf" and name not in known:
            raise discover.unknown("label source", name, [*known, "agf"])
    # beside a source of the classes, such as "sa+agf", the groups alone
    named = any(name != "agf" and not is_auxiliary(name) for name in names)
    found: list[str] = []
    for name in names:
        found += AGF[named:] if name == "agf" else [name]
    return tuple(dict.fromkeys(found))


def resolve(name: str, overrides: Mapping[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
    """Merge the settings of a recipe into a preset; keys and types are checked, ranges by `build`.

    Parameters
    ----------
    name : str
        Preset, such as "sb".
    overrides : Mapping[str, Any] or None
        Settings that differ from the preset's.

    Returns
    -------
    tuple[str, dict[str, Any]]
        Name of the source's file and the full settings.

    Raises
    ------
    UnknownNameError
        When no source has a preset of that name.
    RecipeError
        When the preset has no setting of a name, or its type is another one.
    """
    known = presets()
    if name not in known:
        raise discover.unknown("labels", name, known)
    module_name, settings = known[name]
    for key, value in dict(overrides or {}).items():
        where = f"labels.{name}.{key}"
        if key not in settings:
            near = difflib.get_close_matches(key, settings, n=1, cutoff=0.4)
            remedy = f"Did you mean {near[0]!r}?" if near else "Remove the key."
            rule = "one of " + ", ".join(settings) if settings else "no settings"
            raise RecipeError(explain("label setting", rule, key, where, remedy))
        settings[key] = _cast(value, type(settings[key]), where)
    return module_name, settings


def build(
    name: str,
    classes: Sequence[str],
    read_features: ReadFeatures,
    overrides: Mapping[str, Any] | None = None,
    seed: int = 0,
    kind: str = SINGLE_LABEL,
) -> LabelSource:
    """Make a label source; nothing is read before `fit`, so this also checks a recipe.

    Parameters
    ----------
    name : str
        Preset: "none", "sa", "sb", …
    classes : Sequence[str]
        Class names in the order of the columns.
    read_features : Callable[[Track, str], np.ndarray]
        Stored frames of a track for a front-end, see the docstring of the package.
    overrides : Mapping[str, Any] or None
        Settings that differ from the preset's.
    seed : int
        Seed of every random choice.
    kind : str
        One of `choices.KINDS`; a source makes targets of the kind of the tracks that it is given.

    Returns
    -------
    LabelSource
        Not fitted yet.

    Raises
    ------
    UnknownNameError
        When no source has a preset of that name.
    RecipeError
        When a setting is unknown, of a wrong type or out of range.
    DataError
        When there is no class, one where tracks have one of them, or a class name repeats.
    """
    module_name, settings = resolve(name, overrides)
    classes = tuple(classes)
    least, rule = (2, "two or more names that differ") if kind == SINGLE_LABEL else (1, "names that differ")
    if len(classes) < least or len(set(classes)) != len(classes):
        raise DataError(explain("classes", rule, classes, name, "Correct the classes."))
    return discover.load(__name__, module_name).build(classes, read_features, settings, seed, name)


def _cast(value: Any, kind: type, where: str) -> Any:
    """Return a setting in the type of its default: a whole number may stand for a float, a bool for nothing else."""
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        raise RecipeError(
            explain("label setting", names.get(kind, kind.__name__), value, where, "Correct it in the recipe.")
        )
    return value
