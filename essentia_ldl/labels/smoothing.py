"""Local k-NN label smoothing: a track takes the mean label of its nearest training tracks.

Preset "sa" compares tracks by the mean and standard deviation of their MFCC (MFCC-S, 26 numbers) with 10 neighbours;
"sb" by the means of 15 windows of one second (MFCC-P, 195 numbers), mapped by LMNN onto 32 dimensions, with 30
neighbours. For genres the paper takes 10 neighbours and 64 components in "sb": two keys of the recipe. Presets "emb"
and "emb-lmnn" are the same two with the mean embedding of the recipe's frozen network (footnote 4) in place of MFCC;
the paper gives no settings for these, so they take those of "sa" and "sb".

Settings are keys of a recipe, each explained in `EXPLANATIONS`; every preset takes every setting. `self_weight` keeps
a part of a training track's own label, from 0 (the paper) to 1 (one-hot). `lmnn_filter` is in `_editing`.

Neighbours are training tracks, for tracks that were not in `fit` too. Smoothed labels are not smoothed again. Equal
distances go by track id, so neither the order of the tracks nor that of the neighbours changes a row.

References
----------
Buisson, Alonso-Jiménez, Bogdanov, "Ambiguity modelling with label distribution learning for music classification"
(ICASSP 2022), sections 3.1 to 3.3, 4.2, 6 and footnote 4.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.choices import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from essentia_ldl.errors import DataError, RecipeError, explain
from essentia_ldl.frontends import MFCC
from essentia_ldl.labels._embedding import EMBEDDING, average_patches
from essentia_ldl.labels._lmnn import check_classes, check_components
from essentia_ldl.labels._mfcc import N_FEATURES, pool_frames, summarize_frames
from essentia_ldl.labels._space import Space, check_size, fit_space
from essentia_ldl.labels.one_hot import find_targets, make_rows
from essentia_ldl.records import LabelTable, Track

_LMNN = {
    "n_components": 32,
    "lmnn_neighbors": 3,
    "max_iter": 10000,
    "min_iter": 50,
    "learn_rate": 1e-7,
    "convergence_tol": 1e-3,
    "lambda_": 0.5,
    "init": "auto",
    "lmnn_filter": "none",
    "lmnn_filter_neighbors": 3,
}
_SMOOTHING = {"standardize": True, "include_self": False, "self_weight": 0.0}
PRESETS: dict[str, dict[str, Any]] = {
    "sa": {"features": "mfcc-s", "n_neighbors": 10, "lmnn": False, **_SMOOTHING, **_LMNN},
    "sb": {"features": "mfcc-p", "n_neighbors": 30, "lmnn": True, **_SMOOTHING, **_LMNN},
    "emb": {"features": EMBEDDING, "n_neighbors": 10, "lmnn": False, **_SMOOTHING, **_LMNN},
    "emb-lmnn": {"features": EMBEDDING, "n_neighbors": 30, "lmnn": True, **_SMOOTHING, **_LMNN},
}
KINDS = (MULTI_LABEL, REGRESSION)
SUMMARIES = {
    "sa": "MFCC-S and k-NN (Buisson et al. 2022, section 3)",
    "sb": "MFCC-P, LMNN and k-NN (section 3)",
    "emb": "mean embedding of the pretrained network and k-NN (footnote 4)",
    "emb-lmnn": "mean embedding, LMNN and k-NN (footnote 4)",
}
EXPLANATIONS = {
    "features": "mfcc-s: mean and deviation (26 numbers); mfcc-p: means of 15 windows of 1 s (195); embedding: mean",
    "n_neighbors": "neighbours that are averaged; the paper takes 10 for sa, 30 for moods and 10 for genres in sb",
    "lmnn": "learn the distance by LMNN; false: Euclidean",
    "standardize": "zero mean and unit deviation per feature, learned on training tracks (the paper is silent)",
    "include_self": "a track is its own first neighbour, its class keeps 1 / n_neighbors (the paper is silent)",
    "self_weight": "share of its own label that a training track keeps: 0 as the paper, 1 one-hot",
    "n_components": "LMNN: dimensions of the map; the paper takes 32 for moods and 64 for genres",
    "lmnn_neighbors": "LMNN: target neighbours (paper: 3)",
    "max_iter": "LMNN: most steps (paper: 10000)",
    "min_iter": "LMNN: fewest steps",
    "learn_rate": "LMNN: first step size (metric-learn's default)",
    "convergence_tol": "LMNN: stop when the objective changes less than this (metric-learn's default)",
    "lambda_": "LMNN: weight of pushing other classes away, against pulling the own closer (paper: 0.5)",
    "init": "LMNN: auto, pca, lda, identity or random; auto is pca where the sizes allow it",
    "lmnn_filter": "LMNN: none, or wilson: do not learn from tracks that most neighbours contradict (section 6)",
    "lmnn_filter_neighbors": "LMNN: neighbours that vote in the filter (Wilson 1972: 3)",
}
_INITS = ("auto", "pca", "lda", "identity", "random")
_FILTERS = ("none", "wilson")
# Kind of features -> front-end that is read, and how its frames become one vector.
_KINDS: dict[str, tuple[str, Callable[[np.ndarray, str], np.ndarray]]] = {
    "mfcc-s": (MFCC.name, summarize_frames),
    "mfcc-p": (MFCC.name, pool_frames),
    EMBEDDING: (EMBEDDING, average_patches),
}
_RULES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "n_neighbors": ("1 or more", lambda value: value >= 1),
    "n_components": ("1 or more", lambda value: value >= 1),
    "lmnn_neighbors": ("1 or more", lambda value: value >= 1),
    "max_iter": ("2 or more", lambda value: value >= 2),
    "min_iter": ("0 or more", lambda value: value >= 0),
    "learn_rate": ("a number above 0", lambda value: 0 < value < np.inf),
    "convergence_tol": ("a number not below 0", lambda value: 0 <= value < np.inf),
    "lambda_": ("a number from 0 to 1", lambda value: 0 <= value <= 1),
    "self_weight": ("a number from 0 to 1", lambda value: 0 <= value <= 1),
    "lmnn_filter_neighbors": ("1 or more", lambda value: value >= 1),
    "features": ("one of " + ", ".join(_KINDS), lambda value: value in _KINDS),
    "init": ("one of " + ", ".join(_INITS), lambda value: value in _INITS),
    "lmnn_filter": ("one of " + ", ".join(_FILTERS), lambda value: value in _FILTERS),
}


def build(
    classes: Sequence[str],
    read_features: Callable[[Track, str], np.ndarray],
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    name: str = "sb",
) -> Smoothing:
    """Make a smoothing source; settings that are not given take the defaults of the preset `name`.

    Raises
    ------
    RecipeError
        When a setting is unknown or out of range.
    """
    unknown = dict(settings or {}).keys() - PRESETS[name].keys()
    if unknown:
        raise RecipeError(
            explain("label setting", "one of " + ", ".join(PRESETS[name]), min(unknown), f"labels.{name}", "Remove it.")
        )
    settings = {**PRESETS[name], **(settings or {})}
    _check_settings(settings, len(classes), f"labels.{name}")
    return Smoothing(classes, read_features, settings, seed, f"labels.{name}")


class Smoothing:
    """Distributions over the classes of the nearest training tracks.

    Parameters
    ----------
    classes : Sequence[str]
        Class names in the order of the columns.
    read_features : Callable[[Track, str], np.ndarray]
        Stored frames of a track: "mfcc" gives shape (n_frames, 13), `EMBEDDING` (n_patches, d), float32.
    settings : Mapping[str, Any]
        All the settings of the module's docstring.
    seed : int
        Seed of LMNN's initial map.
    where : str
        Key of the settings in a recipe, for messages.

    Attributes
    ----------
    front_ends : tuple[str, ...]
        What it reads: "mfcc" or `EMBEDDING`.
    is_slow : bool
        Whether `fit` learns a distance by LMNN.
    report : dict[str, Any]
        After `fit`: n_tracks, seconds, own_mass_mean (mean mass of a training track on its own class),
        own_mass_ceiling (the most that a track of the smallest class can have), and with LMNN n_iter, converged,
        objective and lmnn_seconds, and with its filter n_filtered and n_put_back, both by class: tracks that LMNN did
        not learn from, and tracks voted out that it needed nevertheless.
    """

    columns: tuple[str, ...] = ()

    def __init__(
        self,
        classes: Sequence[str],
        read_features: Callable[[Track, str], np.ndarray],
        settings: Mapping[str, Any],
        seed: int = 0,
        where: str = "labels",
    ) -> None:
        self.classes = tuple(classes)
        self.settings = dict(settings)
        self.front_ends: tuple[str, ...] = (_KINDS[settings["features"]][0],)
        self.report: dict[str, Any] = {}
        self.is_slow: bool = settings["lmnn"]
        self._read_features = read_features
        self._seed = seed
        self._where = where
        self._row_of: dict[str, int] = {}
        self._space: Space | None = None
        self._kind = SINGLE_LABEL

    def fit(self, tracks: Sequence[Track]) -> Smoothing:
        """Learn standardisation, LMNN and the neighbours from the training tracks.

        Parameters
        ----------
        tracks : Sequence[Track]
            Training tracks only.

        Returns
        -------
        Smoothing
            Itself.

        Raises
        ------
        DataError
            When there are too few tracks for the neighbours or for LMNN, an id repeats, a label is not a class, or
            the features of a track are too short or not finite.
        """
        started = time.perf_counter()
        self._row_of, self.report = {}, {}
        self.check(tracks)
        tracks = sorted(tracks, key=lambda track: track.id)
        ids = [track.id for track in tracks]
        if len(set(ids)) != len(ids):
            raise DataError(explain("training tracks", "ids that differ", len(ids), self._where, "Drop the repeats."))
        values, self._kind = make_rows(tracks, self.classes)
        is_single = self._kind == SINGLE_LABEL
        targets = find_targets(tracks, self.classes) if is_single else np.zeros(len(tracks), dtype=np.int64)
        points = np.stack([self._describe(track) for track in tracks])

        self._space, report = fit_space(points, targets, self.classes, self.settings, self._seed, self._where)
        self._row_of = {track_id: row for row, track_id in enumerate(ids)}
        if not is_single:  # the mean of the neighbours' tags or numbers; no class has a mass of its own
            self._space = dataclasses.replace(self._space, one_hot=values)
            self.report = {"n_tracks": len(tracks), "seconds": time.perf_counter() - started}
            return self

        own = self(tracks).distributions[np.arange(len(tracks)), targets]
        k, include_self, self_weight = (self.settings[key] for key in ("n_neighbors", "include_self", "self_weight"))
        smallest = np.bincount(targets)[np.unique(targets)].min()
        ceiling = min(1.0, float(smallest - (not include_self)) / k)
        self.report = {
            "n_tracks": len(tracks),
            "seconds": time.perf_counter() - started,
            "own_mass_mean": float(own.mean()),
            "own_mass_ceiling": self_weight + (1 - self_weight) * ceiling,
            **report,
        }
        return self

    def check(self, tracks: Sequence[Track]) -> None:
        """Raise `DataError` when there are too few training tracks for the neighbours; reads no features."""
        if make_rows(tracks, self.classes)[1] == SINGLE_LABEL:
            targets = find_targets(tracks, self.classes)
        elif self.settings["lmnn"]:
            rule, remedy = "false where tracks have tags or numbers", "LMNN learns from classes: name sa, emb or none."
            raise DataError(explain("lmnn", rule, True, self._where, remedy))
        limit = len(tracks) - (not self.settings["include_self"])
        check_size(len(tracks), "n_neighbors", limit, self.settings, self._where)
        if self.settings["lmnn"]:
            check_classes(targets, self.classes, self.settings["lmnn_neighbors"], self._where)
            if self.settings["features"] in N_FEATURES:  # of an embedding only the network knows the size
                n_features = N_FEATURES[self.settings["features"]]
                check_components(len(tracks), n_features, len(self.classes), self.settings, self._where)
            if self.settings["lmnn_filter"] != "none":
                check_size(len(tracks), "lmnn_filter_neighbors", len(tracks) - 1, self.settings, self._where)

    def __call__(self, tracks: Sequence[Track]) -> LabelTable:
        """Return the distribution of each track over its nearest training tracks.

        Parameters
        ----------
        tracks : Sequence[Track]
            Training tracks (told by id) or others; labels of the others are not looked at.

        Returns
        -------
        LabelTable
            One row per track, in the order given.

        Raises
        ------
        DataError
            When `fit` was not called, or the features of a track are too short or not finite.

        References
        ----------
        Section 3.3, the equation of d; what `self_weight` adds is ours.
        """
        if not self._row_of:
            raise DataError(explain("label source", "fit before use", "no training tracks", self._where, "Call fit."))
        rows = np.zeros((len(tracks), len(self.classes)))
        for row, track in enumerate(tracks):
            own = self._row_of.get(track.id)
            rows[row] = self._space.smooth(self._describe(track)) if own is None else self._space.smooth_own(own)
        return LabelTable(tuple(track.id for track in tracks), self.classes, rows, self._kind)

    def locate(self, tracks: Sequence[Track]) -> np.ndarray:
        """Return where tracks lie in the smoothing space, shape (n_tracks, d), float64; after `fit`."""
        return np.stack([self._space.embed(self._describe(track)) for track in tracks])

    def _describe(self, track: Track) -> np.ndarray:
        front_end, describe = _KINDS[self.settings["features"]]
        return describe(self._read_features(track, front_end), track.id)


def _check_settings(settings: Mapping[str, Any], n_classes: int, where: str) -> None:
    for key, (rule, holds) in _RULES.items():
        if not holds(settings[key]):
            raise RecipeError(explain("label setting", rule, settings[key], f"{where}.{key}", "Correct the recipe."))
    limit, reason = N_FEATURES.get(settings["features"], np.inf), f"the size of {settings['features']}"
    if settings["init"] == "lda":
        limit, reason = min(limit, n_classes - 1), f"init lda with {n_classes} classes"
    if settings["lmnn"] and settings["n_components"] > limit:
        raise RecipeError(
            explain(
                "label setting",
                f"at most {limit} ({reason})",
                settings["n_components"],
                f"{where}.n_components",
                f"Lower {where}.n_components.",
            )
        )
