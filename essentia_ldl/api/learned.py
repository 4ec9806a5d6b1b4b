"""What the functions of the API on embedding spaces and covers return, as plain values and as a notebook shows them.

In: a record of a command; out: the same fields, `as_dict` and `_repr_html_`, as those of `outcomes` have them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from essentia_ldl.api.outcomes import as_plain
from essentia_ldl.api.pages import draw_cells, draw_facts, frame
from essentia_ldl.spaces.artists import Learned
from essentia_ldl.spaces.evaluate import MeasuredEmbeddings
from essentia_ldl.spaces.tables import list_cells
from essentia_ldl.spaces.words import LearnedWords
from essentia_ldl.studies.covers.command import Covered

_OF_WORDS = {
    **{"auc": "AUC of tracks", "tracks_map": "MAP of tracks", "tracks_precision": "P@10 of tracks", "chance": "chance"},
    **{"tags_map": "MAP of words", "tags_precision": "P@3 of words"},
}


@dataclasses.dataclass(frozen=True)
class LearnedSpace(Learned):
    """What `learn_space` leaves.

    Parameters
    ----------
    run : Path
        The run folder.
    model : str
        The extractor in graphs/.
    by : str
        Column of what tracks are alike in; of the loss "tags" the label.
    n_tracks, n_groups, n_single, n_unknown : int
        Tracks, groups such as artists, groups of one track, and tracks without a value, which were left out.
    history : Mapping[str, Any]
        What ``history.json`` of the run holds: the loss of every epoch, and the best one.
    failures : tuple[Failure, ...]
        Files that were left out, each with its reason.
    repeated : bool
        True where the same space was learned before.

    Examples
    --------
    >>> done = LearnedSpace(Path("runs/space-1"), "mine_artist-vgg-1", "artist", 8, 4, 0, 0, {"best_epoch": 3}, ())
    >>> done.as_dict()["history"]
    {'best_epoch': 3}
    """

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, ready for json."""
        return as_plain(self)

    def _repr_html_(self) -> str:
        facts = [("model", self.model), ("tracks", self.n_tracks), (f"values of {self.by}", self.n_groups)]
        facts += [("best epoch", self.history["best_epoch"]), ("run", self.run)]
        return frame(self.model, [draw_facts([*facts, *_count_failures(self)])])


@dataclasses.dataclass(frozen=True)
class LearnedWordSpace(LearnedWords):
    """What `learn_words` leaves.

    Parameters
    ----------
    run : Path
        The run folder.
    model : str
        The extractor in graphs/, whose word side lies beside it.
    measures : Mapping[str, Any]
        What ``words.json`` of the run holds: seen and unseen words, and how well either finds tracks.
    history : Mapping[str, Any]
        What ``history.json`` of the run holds.
    without_vector : tuple[str, ...]
        Words that were left out.
    failures : tuple[Failure, ...]
        Files that were left out, each with its reason.
    repeated : bool
        True where the same space was learned before.

    Examples
    --------
    >>> done = LearnedWordSpace(Path("runs/space-1"), "mine_words-musicnn-1", {}, {}, ("lo-fi",), ())
    >>> done.as_dict()["without_vector"]
    ['lo-fi']
    """

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, ready for json."""
        return as_plain(self)

    def _repr_html_(self) -> str:
        told = self.measures
        facts = [("words seen in training", len(told["seen"])), ("words not seen", ", ".join(told["unseen"]))]
        facts += [("words without a vector", len(self.without_vector)), ("run", self.run), *_count_failures(self)]
        rows = [
            [name, *(f"{found[key]:.3f}" if key in found else "–" for key in _OF_WORDS)]
            for name, found in told["measures"].items()
        ]
        return frame(self.model, [draw_facts(facts), draw_cells(["words", *_OF_WORDS.values()], rows)])


@dataclasses.dataclass(frozen=True)
class EvaluatedEmbeddings(MeasuredEmbeddings):
    """What `evaluate_embeddings` and `compare_spaces` find.

    Parameters
    ----------
    data : str
        The collection.
    n_tracks, n_artists : int
        That were compared, and how many known artists they have.
    k : int
        Length of the lists whose precision is told.
    rows : tuple[Standing, ...]
        With model (or loss), by, filtered (whether the artist filter is on) and scores.
    pictures : tuple[Path, ...]
        Pictures that were drawn.
    failures : tuple[Failure, ...]
        Files that could not be used, each with its reason.

    Examples
    --------
    >>> EvaluatedEmbeddings("music", 8, 4, 10, (), (), ()).as_dict()["n_artists"]
    4
    """

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, ready for json."""
        return as_plain(self)

    def _repr_html_(self) -> str:
        head, *rows = list_cells(self)
        facts = [("tracks", self.n_tracks), ("artists", self.n_artists or "not known"), *_count_failures(self)]
        return frame(self.data, [draw_facts(facts), draw_cells(head, rows)])


@dataclasses.dataclass(frozen=True)
class MeasuredCovers(Covered):
    """What `measure_covers` leaves.

    Parameters
    ----------
    folder : Path
        The run folder.
    found : Mapping[str, Any]
        What ``covers.json`` holds: systems with their scores and intervals.
    failures : tuple[Failure, ...]
        Files and pictures that were left out, each with its reason.
    models : tuple[str, ...]
        Names of the models in graphs/.

    Examples
    --------
    >>> MeasuredCovers(Path("runs/covers-1"), {"systems": {}}, (), ("mine-covers-1",)).as_dict()["models"]
    ['mine-covers-1']
    """

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, ready for json."""
        return as_plain(self)

    def _repr_html_(self) -> str:
        systems = self.found["systems"]
        names = list(dict.fromkeys(name for row in systems.values() for name in row["intervals"]))
        rows = [[system, *(_tell(row, name) for name in names)] for system, row in systems.items()]
        facts = [("tracks with pictures", self.found["n_tracks"]), ("models", ", ".join(self.models))]
        facts += [("run", self.folder), *_count_failures(self)]
        head = ["", *(name.replace("_", " ") for name in names)]
        return frame(self.folder.name, [draw_facts(facts), draw_cells(head, rows)])


def _tell(row: Any, name: str) -> str:
    """Write a score of a system with its interval; a dash where it has none."""
    value, interval = row.get(name), row["intervals"].get(name)
    if value is None:
        return "–"
    return f"{value:.3f}" if interval is None else f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _count_failures(done: Any) -> list[tuple[str, object]]:
    return [("files left out", len(done.failures))] if done.failures else []
