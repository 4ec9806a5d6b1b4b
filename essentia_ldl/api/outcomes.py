"""What the functions of the API return: the records of the commands, as plain values and as a notebook shows them.

In: a record of a command; out: the same fields, `as_dict` (texts, numbers, lists and dicts, ready for json) and
`_repr_html_`, which notebooks look for. Nothing is computed but what the files of a run say.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.api import pages
from essentia_ldl.files import replacing
from essentia_ldl.measure.crossval import Measured
from essentia_ldl.measure.evaluate import Evaluated
from essentia_ldl.predict.command import Predicted
from essentia_ldl.records import Failure, Prediction
from essentia_ldl.report.command import Reported
from essentia_ldl.search.describe import Described
from essentia_ldl.search.index import Indexed
from essentia_ldl.search.lists import describe_json, describe_words_json, write_playlist
from essentia_ldl.search.similar import Similar
from essentia_ldl.train.train import Trained


def as_plain(value: Any) -> Any:
    """Return a value as texts, numbers, lists and dicts, ready for json.

    Examples
    --------
    >>> as_plain({"shape": (2, np.float32(0.5)), "where": Path("runs")})
    {'shape': [2, 0.5], 'where': 'runs'}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes):
        return [as_plain(one) for one in value]
    return value


@dataclasses.dataclass(frozen=True)
class TrainedModel(Trained):
    """What `train` leaves.

    Parameters
    ----------
    run : Path
        The run folder.
    models : tuple[str, ...]
        Names of the models in graphs/.
    scores : Mapping[str, Any]
        What ``scores.json`` of the run holds.
    failures : tuple[Failure, ...]
        Files that were left out, each with its reason.
    repeated : bool
        True where the same training was done before, and nothing was trained again.

    Examples
    --------
    >>> done = TrainedModel(Path("runs/sad-1"), ("sad-musicnn-msd-1",), {}, ())
    >>> done.as_dict()["models"]
    ['sad-musicnn-msd-1']
    """

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, ready for json."""
        return as_plain(self)

    def _repr_html_(self) -> str:
        return pages.draw_training(self)


@dataclasses.dataclass(frozen=True)
class CrossValidated(Measured):
    """What `cross_validate` leaves.

    Parameters
    ----------
    run : Path
        The run folder.
    scores : Mapping[str, Any]
        What ``scores.json`` of the run holds: rows by label source, baselines, comparisons.
    collection : Collection
        All tracks, and the files that were left out.
    folds : tuple[Fold, ...]
        Of all repetitions.
    fingerprint : str
        Of everything that decides its numbers.
    refused : Path or None
        Table of the files that MusicExtractor refused, where it refused any.
    final : TrainedModel or None
        The model that was trained on all tracks, where it was asked for.
    """

    final: TrainedModel | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return run, scores, failures and the final model as plain values, ready for json."""
        failures = as_plain(self.collection.failures)
        kept = {"run": self.run, "scores": self.scores, "failures": failures, "final": self.final}
        return {name: as_plain(value) for name, value in kept.items()}

    def _repr_html_(self) -> str:
        return pages.draw_cross_validation(self)


@dataclasses.dataclass(frozen=True)
class EvaluatedModel(Evaluated):
    """What `evaluate` leaves.

    Parameters
    ----------
    folder : Path
        Where scores.json, predictions.csv and failures.csv are.
    scores : Mapping[str, Any]
        What ``scores.json`` holds.
    failures : tuple[Failure, ...]
        Files that could not be used, each with its reason.
    """

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, ready for json."""
        return as_plain(self)

    def _repr_html_(self) -> str:
        return pages.draw_evaluation(self)


@dataclasses.dataclass(frozen=True)
class WrittenPredictions(Predicted):
    """What `predict` did that wrote a file.

    Parameters
    ----------
    n_failures : int
        Files that could not be used; their reasons are in the table beside the file.
    n_kept : int
        Files that were done before, by the same call that was stopped.
    path : str
        The file.
    """

    path: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, ready for json."""
        return as_plain(self)

    def _repr_html_(self) -> str:
        rows = [(name, value) for name, value in self.as_dict().items() if name != "path"]
        return pages.frame(self.path, [pages.draw_facts(rows)])


@dataclasses.dataclass(frozen=True)
class PredictedFile:
    """What models say of one file.

    Parameters
    ----------
    path : str
        The file, as it was asked for.
    predictions : tuple[Prediction, ...]
        One per model; empty where the file could not be used.
    failure : str
        Why it could not be used; empty where it could.

    Examples
    --------
    >>> one = Prediction("a.mp3", "sad-1", ("non_sad", "sad"), np.array([0.2, 0.8]), np.array([[0.2, 0.8]]), 3.0)
    >>> PredictedFile("a.mp3", (one,)).probabilities
    {'sad-1': {'non_sad': 0.2, 'sad': 0.8}}
    """

    path: str
    predictions: tuple[Prediction, ...] = ()
    failure: str = ""

    @classmethod
    def of(cls, answer: Sequence[Prediction] | Failure) -> PredictedFile:
        """Make one of the predictions of a file, or of its failure."""
        if isinstance(answer, Failure):
            return cls(answer.path, (), answer.reason)
        return cls(answer[0].path, tuple(answer))

    @property
    def probabilities(self) -> dict[str, dict[str, float]]:
        """Probability of each class, by model and class: the mean over the patches."""
        return {
            one.model: dict(zip(one.classes, map(float, one.probabilities), strict=True)) for one in self.predictions
        }

    def as_dict(self) -> dict[str, Any]:
        """Return path, failure, seconds, notes and probabilities as plain values, ready for json."""
        first = next(iter(self.predictions), None)
        return {
            "path": self.path,
            "failure": self.failure,
            "duration_s": None if first is None else float(first.duration_s),
            "notes": [] if first is None else list(first.notes),
            "probabilities": self.probabilities,
            "uncertainty": {one.model: as_plain(one.uncertainty) for one in self.predictions if one.uncertainty},
        }

    def _repr_html_(self) -> str:
        return pages.draw_file(self)


@dataclasses.dataclass(frozen=True)
class WrittenReport(Reported):
    """What `report` leaves.

    Parameters
    ----------
    notes : tuple[str, ...]
        What is missing, in sentences.
    pictures : tuple[Path, ...]
        Reliability diagrams as PNG, where matplotlib is installed.
    page : Path
        The report.
    audit : Path or None
        The table of labels to listen to again; None of tags and numbers, which have none.
    """

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, ready for json."""
        return as_plain(self)

    def _repr_html_(self) -> str:
        return pages.frame("report", [pages.draw_facts([("page", self.page), ("audit", self.audit)])])


@dataclasses.dataclass(frozen=True)
class WrittenIndex(Indexed):
    """What `index` leaves.

    Parameters
    ----------
    path : str
        The index.
    model : str
        What made its vectors.
    n_tracks, n_artists, n_new, n_kept, n_dropped, n_failures : int
        Tracks and known artists of the index; what is new, was kept, is gone, and could not be used.
    has_graph : bool
        Whether there are so many vectors that a graph of neighbours was built.
    """

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, ready for json."""
        return as_plain(self)

    def _repr_html_(self) -> str:
        return pages.frame(self.path, [pages.draw_facts([(k, v) for k, v in self.as_dict().items() if k != "path"])])


@dataclasses.dataclass(frozen=True)
class FoundTracks(Similar):
    """What `similar` and `search` find.

    Parameters
    ----------
    query, kind : str
        What was asked, a "track", an "artist" or "words".
    model : str
        What made the vectors.
    neighbours : tuple[Neighbour, ...]
        The nearest first, with path, similarity (cosine), artist, label and columns.
    gone : tuple[str, ...]
        Tracks that would have been among them, whose files are gone.
    notes : tuple[str, ...]
        What the user should know, in sentences.

    Examples
    --------
    >>> FoundTracks("a.mp3", "track", "msd-musicnn-1", ()).as_dict()["tracks"]
    []
    """

    def as_dict(self) -> dict[str, Any]:
        """Return query, tracks and notes as plain values, ready for json."""
        return describe_json(self)

    def write_playlist(self, path: str | os.PathLike[str]) -> None:
        """Write the tracks as a playlist (extended M3U, UTF-8)."""
        with replacing(path) as file:
            file.write(write_playlist(self).encode("utf-8", "surrogateescape"))

    def _repr_html_(self) -> str:
        return pages.draw_found(self)


@dataclasses.dataclass(frozen=True)
class DescribedTracks(Described):
    """What `describe` finds.

    Parameters
    ----------
    tracks : tuple[Description, ...]
        In the order of the files, with path, model and words: pairs of a word and how well it fits, the best first.
    failures : tuple[Failure, ...]
        Files that could not be used, with path and reason.
    notes : tuple[str, ...]
        What the user should know, in sentences.

    Examples
    --------
    >>> DescribedTracks(()).as_dict()["tracks"]
    []
    """

    def as_dict(self) -> dict[str, Any]:
        """Return tracks, failures and notes as plain values, ready for json."""
        return describe_words_json(self)

    def _repr_html_(self) -> str:
        return pages.draw_words(self)
