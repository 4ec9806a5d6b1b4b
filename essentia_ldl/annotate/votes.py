"""What raters said of tracks, and what follows from it: shares, labels and agreement.

In: events in the order in which they happened, each of them a vote, an "unsure" or an undo. Out: the latest vote of
each rater on each track; per track the mean of the votes as a distribution, whose largest class is the label.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from essentia_ldl.datasets import unify_labels
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Track
from essentia_ldl.scores.listeners import choose_class

RESERVED = ("path", "label", "artist", "title", "split", "tags", "n_raters")  # columns that no class may be called by
LONGEST_NAME = 60  # characters of a rater's name
MOST_SHARE = 100  # a vote may be in per cent
EVEN = 1e-9  # difference of two shares, below which neither is the larger


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that a rater did.

    Parameters
    ----------
    rater : str
        Who.
    path : str
        The track; empty for an undo.
    said : Mapping[str, float] or None
        A distribution over the classes, those that it leaves out being 0; None is "unsure".
    is_undo : bool
        Takes back the last vote of this rater that stands.
    at : str
        When, as ISO 8601.
    by : str
        "key", "click" or "slider".
    order : str
        What chose the track: "model", "random", or "list" when the rater did.
    took_s : float
        Seconds that the rater took.
    id : str
        What a browser calls it, so that an event that is sent twice counts once; may be empty.

    Raises
    ------
    DataError
        When a name is empty or long, or the shares are no distribution.
    """

    rater: str
    path: str = ""
    said: Mapping[str, float] | None = None
    is_undo: bool = False
    at: str = ""
    by: str = "key"
    order: str = "random"
    took_s: float = 0.0
    id: str = ""

    def __post_init__(self) -> None:
        name = self.rater if isinstance(self.rater, str) else ""
        if not 0 < len(name.strip()) <= LONGEST_NAME or not name.isprintable():
            rule = f"a name of 1 to {LONGEST_NAME} characters"
            raise DataError(explain("rater", rule, self.rater, "vote", "Write a name."))
        if not isinstance(self.path, str) or bool(self.path) == self.is_undo:
            raise DataError(explain("vote", "the path of a track", self.path, self.rater, "Name the track."))
        if self.said is not None:
            values = dict(self.said)
            fits = all(isinstance(x, int | float) and 0 <= x <= MOST_SHARE for x in values.values())
            if not fits or not sum(values.values()) > 0:
                rule = f"shares from 0 to {MOST_SHARE}, not all of them 0"
                raise DataError(explain("vote", rule, values, self.path, "Vote again."))
            total = sum(values.values())
            said = {name: value / total for name, value in values.items() if value > 0}
            object.__setattr__(self, "said", MappingProxyType(said))

    def as_json(self) -> dict[str, Any]:
        """Return what the journal keeps, without what has its default."""
        values = {**vars(self), "said": None if self.said is None else dict(self.said)}
        return {
            field.name: values[field.name]
            for field in dataclasses.fields(self)
            if field.default is dataclasses.MISSING or values[field.name] != field.default
        }


@dataclasses.dataclass(frozen=True)
class Tally:
    """What all raters together said of a track.

    Parameters
    ----------
    shares : np.ndarray [shape=(n_classes,), float64]
        Mean of the votes; zeros where nobody was sure.
    n_raters : int
        Who voted; those who were unsure do not count.
    n_unsure : int
        Who was unsure.
    column : int or None
        The class with the largest share; None where there is no vote, or two classes have it.
    """

    shares: np.ndarray
    n_raters: int
    n_unsure: int
    column: int | None


class Votes:
    """The votes that stand.

    Parameters
    ----------
    classes : Sequence[str]
        In the order of their keys.

    Raises
    ------
    DataError
        When they are no classes, see `check_classes`.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = check_classes(classes)
        self.stacks: dict[str, list[Event]] = {}  # by rater, in the order in which they voted
        self.latest: dict[str, dict[str, Event]] = {}  # by track, then by rater
        self.n_events = 0
        self.ids: set[str] = set()  # of events, also those that were taken back
        self._tallies: dict[str, Tally] = {}

    def add(self, event: Event) -> Event | None:
        """Take in an event; return the vote that an undo takes back, if there is one.

        Raises
        ------
        DataError
            When it names a class that is none.
        """
        self.check(event)
        stack = self.stacks.setdefault(event.rater, [])
        self.n_events += 1
        self.ids.add(event.id)
        if not event.is_undo:
            stack.append(event)
            self._tallies.pop(event.path, None)
            self.latest.setdefault(event.path, {})[event.rater] = event
            return None
        if not stack:
            return None
        taken = stack.pop()
        self._tallies.pop(taken.path, None)
        before = next((vote for vote in reversed(stack) if vote.path == taken.path), None)
        votes = self.latest[taken.path]
        del votes[event.rater]
        if before is not None:
            votes[event.rater] = before
        if not votes:
            del self.latest[taken.path]
        return taken

    def check(self, event: Event) -> None:
        """Raise `DataError` when an event names a class that is none."""
        strange = [name for name in event.said or () if name not in self.classes]
        if strange:
            rule = f"one of {', '.join(self.classes)}"
            raise DataError(explain("class", rule, strange[0], event.path, "Vote for one of them."))

    def tally(self, path: str) -> Tally:
        """Return what is said of a track; a `Tally` of nothing where nobody has voted."""
        if path not in self._tallies:
            votes = self.latest.get(path, {}).values()
            rows = [spread(vote.said, self.classes) for vote in votes if vote.said is not None]
            shares = np.mean(rows, axis=0) if rows else np.zeros(len(self.classes))
            self._tallies[path] = Tally(shares, len(rows), len(votes) - len(rows), find_largest(shares))
        return self._tallies[path]

    def list_of(self, rater: str) -> list[Event]:
        """List the votes of a rater that stand, the last one last, one per track."""
        return [vote for vote in self.stacks.get(rater, ()) if self.latest[vote.path].get(rater) is vote]

    def has_said(self, rater: str, path: str) -> bool:
        """Tell whether a rater has voted on a track, or was unsure of it."""
        return rater in self.latest.get(path, ())

    @property
    def raters(self) -> dict[str, int]:
        """Who has a vote that stands, or was unsure, in the order in which they came, and of how many tracks."""
        counts = Counter(rater for votes in self.latest.values() for rater in votes)
        return {rater: counts[rater] for rater in self.stacks if rater in counts}

    def count(self) -> dict[str, int]:
        """Count the tracks with each label, those whose votes are even, and those of which everybody is unsure."""
        columns = [self.tally(path) for path in self.latest]
        counts = {name: sum(one.column == k for one in columns) for k, name in enumerate(self.classes)}
        counts[EVEN_VOTES] = sum(one.n_raters > 0 and one.column is None for one in columns)
        counts[UNSURE] = sum(one.n_raters == 0 for one in columns)
        return counts


EVEN_VOTES, UNSURE = "", " "  # keys of `Votes.count` that no class can have


def check_classes(classes: Iterable[str]) -> tuple[str, ...]:
    """Check names of classes.

    Raises
    ------
    DataError
        When there are fewer than two, one is empty or stands twice, is the name of a column of the table, or no label
        that `train` would read in the table.

    Examples
    --------
    >>> check_classes(["sad", "non_sad"])
    ('sad', 'non_sad')
    """
    names = tuple(classes)
    remedy = "Give them with --classes, commas between them, such as --classes sad,non_sad."
    if any(not isinstance(name, str) or name != name.strip() or not name.isprintable() or not name for name in names):
        raise DataError(explain("class", "a name", list(names), "classes", remedy))
    if len(names) < 2 or len(set(names)) < len(names):
        raise DataError(explain("classes", "two or more, each once", list(names), "classes", remedy))
    reserved = [name for name in names if name.lower() in RESERVED]
    if reserved:
        rule = f"a name that is no column of the table ({', '.join(RESERVED)})"
        raise DataError(explain("class", rule, reserved[0], "classes", "Call it otherwise."))
    labels = set()
    with contextlib.suppress(DataError):
        tracks = [Track(id=name, path=name, label=name) for name in names]
        labels = {track.label for track in unify_labels(tracks, (), Path("classes"), None)}
    if len(labels) < len(names):
        rule = (
            "names that train tells apart, by more than case, spaces and hyphens, none of them for nothing, as is nan"
        )
        raise DataError(explain("classes", rule, list(names), "classes", "Call them otherwise."))
    return names


def spread(said: Mapping[str, float], classes: Sequence[str]) -> np.ndarray:
    """Return a vote as an array (n_classes,), float64."""
    return np.array([said.get(name, 0.0) for name in classes], dtype=np.float64)


def find_largest(shares: np.ndarray) -> int | None:
    """Return the column of the largest share; None where two are as large.

    Examples
    --------
    >>> find_largest(np.array([0.2, 0.8])), find_largest(np.array([0.5, 0.5]))
    (1, None)
    """
    ranked = np.sort(shares)[::-1]
    return None if ranked[0] - ranked[1] < EVEN else int(np.argmax(shares))


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How far raters agree.

    Parameters
    ----------
    alpha : float
        Krippendorff's: 1 is full agreement, 0 is chance, below 0 they contradict one another.
    n_tracks : int
        Tracks that two or more of them voted on.
    """

    alpha: float
    n_tracks: int


def measure_agreement(votes: Votes) -> Agreement | None:
    """Return how far raters agree beyond chance: Krippendorff's alpha, 1 where all say the same, 0 as by chance.

    With two classes it is alpha on the interval scale, of the shares of one class, which for plain votes is the nominal
    one; with more classes it is the nominal one, of the largest class of each vote. Tracks of a single vote do not
    count. Both are sums of squared distances, those of classes as corners of a simplex, so that the time grows with the
    number of votes alone.

    Parameters
    ----------
    votes : Votes
        "Unsure", and votes whose two largest classes are even where there are more than two, count as missing.

    Returns
    -------
    Agreement or None
        None where no track has two votes, or all votes are for one class, so that chance is not known.

    References
    ----------
    K. Krippendorff, "Content analysis", 4th edition, 2018, chapter 12.
    """
    places, tracks = [], []
    for number, given in enumerate(votes.latest.values()):
        found = [_place(vote.said, votes.classes) for vote in given.values() if vote.said is not None]
        found = [place for place in found if place is not None]
        if len(found) > 1:
            places += found
            tracks += [number] * len(found)
    _, tracks, n_votes = np.unique(np.array(tracks, dtype=int), return_inverse=True, return_counts=True)
    points = np.array(places) if len(votes.classes) == 2 else np.eye(len(votes.classes))[places]
    points = points.reshape(len(places), -1) - points.mean(axis=0) if places else np.zeros((0, 1))
    whole = np.sum(points**2)
    if whole < EVEN:
        return None
    sums = np.zeros((len(n_votes), points.shape[1]))
    np.add.at(sums, tracks, points)
    inside = np.bincount(tracks, np.sum(points**2, axis=1)) - np.sum(sums**2, axis=1) / n_votes
    # of observed in expected disagreement, but for the factor of the next line
    share = np.sum(inside * n_votes / (n_votes - 1)) / whole
    return Agreement(float(1 - share * (len(points) - 1) / len(points)), len(n_votes))


def _place(said: Mapping[str, float], classes: Sequence[str]) -> float | None:
    """Return where a vote stands: its share of the first of two classes, or else its largest class, None if even."""
    return said.get(classes[0], 0.0) if len(classes) == 2 else find_largest(spread(said, classes))


def find_positive(classes: Sequence[str]) -> int:
    """Return the column of the class that a slider is of: the one without non_ or not_, or else the first."""
    try:
        return choose_class(classes)
    except DataError:
        return 0
