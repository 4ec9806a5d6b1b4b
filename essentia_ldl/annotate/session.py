"""A labelling as the page sees it: what comes next, what was said, and how far it is. In and out: values of json.

Raters and browsers are told apart by names that they give. A browser holds the track that it shows, so that no other
one is asked the same at the same time; the hold ends with the answer, or after `HOLD_S`.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.annotate.background import Answered, Background, Embedder
from essentia_ldl.annotate.choose import draw_tracks
from essentia_ldl.annotate.journal import CurvePoint, Known, VoteJournal
from essentia_ldl.annotate.music import TABLE, Music, describe_track, name_track, write_clean
from essentia_ldl.annotate.visitor import (
    LIST,
    LONGEST_ID,
    MEANS,
    MODEL,
    RANDOM,
    Visitor,
    find_track,
    make_key,
    read_answer,
)
from essentia_ldl.annotate.votes import EVEN_VOTES, UNSURE, Agreement, Event, find_positive, measure_agreement
from essentia_ldl.errors import DataError, explain

HOLD_S = 600.0  # a browser may have been closed
SHARED = 5  # with several raters, every so many tracks is one that somebody else has voted on: that measures agreement
REST = 20  # times as long as the agreement took to compute, until it is computed again
N_LISTED = 200  # votes that the page lists


@dataclasses.dataclass
class Hold:
    """A track that a browser shows.

    Parameters
    ----------
    path : str
        The track; of a review its id.
    order : str
        What chose it.
    since_s : float
        When, by the clock of `time.monotonic`.
    """

    path: str
    order: str
    since_s: float


class LabelSession:
    """A labelling that goes on.

    Parameters
    ----------
    journal : VoteJournal
        Where votes are kept.
    pool : Music
        The music.
    embedder : Embedder or None
        Where vectors come from; None leaves the model out.
    n_votes : int
        Votes that are wanted of each track.
    seed : int
        Of the random order.
    """

    mode = "label"

    def __init__(
        self, journal: VoteJournal, pool: Music, embedder: Embedder | None, n_votes: int = 1, seed: int = 0
    ) -> None:
        self.journal, self.pool, self._n_votes = journal, pool, n_votes
        self.votes = journal.votes
        self._numbers = {path: number for number, path in enumerate(pool.paths)}
        self._keys = {make_key(path): path for path in pool.paths}
        self._order = [pool.paths[row] for row in draw_tracks(len(pool.paths), [], len(pool.paths), seed)]
        self._holds: dict[str, Hold] = {}
        self._n_asked: dict[str, int] = {}
        self._agreement: tuple[int, Agreement | None, float] = (-1, None, 0.0)
        self._described: dict[str, Known] = {}
        self.silent: dict[str, str] = {}
        self._lock = threading.RLock()
        self._take_labels()
        self.background = None
        if embedder is not None:
            self.background = Background(pool.paths, self._read_artist, self._look, self._keep_point, embedder, seed)
            self.background.start(journal.points[-1].n if journal.points else 0)

    def close(self) -> None:
        """End what goes on in the background, and let others open the journal."""
        if self.background is not None:
            self.background.close()
        with self._lock:
            self.journal.close()

    def path_of(self, number: int) -> str:
        """Return the file of a track; `DataError` where there is no such number."""
        if not 0 <= number < len(self.pool.paths):
            rule = f"0 to {len(self.pool.paths) - 1}"
            raise DataError(explain("track", rule, number, "page", "Load the page again."))
        return self.pool.paths[number]

    # --- what the page asks for -------------------------------------------------------------------------------------

    def next(self, visitor: Visitor, leave: bool = False) -> dict[str, Any]:
        """Return the track that a browser is to show, and how far the labelling is.

        Parameters
        ----------
        visitor : Visitor
            Who asks; a browser that was loaded again is shown the same track.
        leave : bool
            Whether it lets go of the track that it shows, which stays as it was.
        """
        with self._lock:
            if leave:
                self._holds.pop(visitor.browser, None)
            hold = self._holds.get(visitor.browser)
            if hold is None or (hold.order != LIST and self._is_done(visitor.rater, hold.path)):
                hold = self._hold_next(visitor)
        if hold is not None:
            self._describe(hold.path)  # which may take a while: its tags are read
        with self._lock:
            return self._tell(visitor, hold)

    def answer(self, visitor: Visitor, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Keep an answer and return what comes next.

        Parameters
        ----------
        visitor : Visitor
            Who answers.
        answer : Mapping[str, Any]
            track (its number), key (by which a page that is older than this labelling is known), said (shares by
            class, or None for unsure), by, took_s, and id, by which one that is sent twice counts once.

        Raises
        ------
        DataError
            When it is no answer.
        DiskError
            When it cannot be kept.
        """
        name = str(answer.get("id", ""))[:LONGEST_ID]
        if not self._has(name):
            self._take(visitor, answer, name)
        return self.next(visitor)

    def undo(self, visitor: Visitor, name: str = "") -> dict[str, Any]:
        """Take back the last answer of a rater, and return its track; `name` is the id of what the browser sends."""
        with self._lock:
            last = next(reversed(self.votes.stacks.get(visitor.rater, ())), None)
            if last is not None and not self._has(name):
                self.journal.add(Event(visitor.rater, is_undo=True, at=_now(), id=name[:LONGEST_ID]))
                self._nudge()
                if last.path in self._numbers:
                    self._holds[visitor.browser] = Hold(last.path, LIST, time.monotonic())
        return self.next(visitor)

    def take(self, visitor: Visitor, number: int) -> dict[str, Any]:
        """Return a track that the rater wants to hear again."""
        with self._lock:
            self._holds[visitor.browser] = Hold(self.path_of(number), LIST, time.monotonic())
        return self.next(visitor)

    def tell(self, visitor: Visitor) -> dict[str, Any]:
        """Return how far the labelling is."""
        with self._lock:
            return self._tell_state(visitor)

    def pass_over(self, visitor: Visitor, number: int, reason: str) -> dict[str, Any]:
        """Leave out a track that cannot be played, and return another."""
        with self._lock:
            self.silent[self.path_of(number)] = reason
            self._holds.pop(visitor.browser, None)
        return self.next(visitor)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _take(self, visitor: Visitor, answer: Mapping[str, Any], name: str) -> None:
        number, said, took_s = read_answer(answer)
        path = find_track(self._keys, answer, lambda: self.path_of(number))
        known = self._describe(path)
        with self._lock:
            if not self._has(name):
                hold = self._holds.get(visitor.browser)
                order = hold.order if hold is not None and hold.path == path else LIST
                by = answer.get("by") if answer.get("by") in MEANS else MEANS[0]
                told = {"by": by, "order": order, "took_s": took_s, "id": name}
                self.journal.add(Event(visitor.rater, path, said, at=_now(), **told), known)
                self._holds.pop(visitor.browser, None)
                self._nudge()

    def _has(self, name: str) -> bool:
        return bool(name) and name[:LONGEST_ID] in self.votes.ids

    def _nudge(self) -> None:
        if self.background is not None:
            self.background.nudge()

    def _hold_next(self, visitor: Visitor) -> Hold | None:
        now = time.monotonic()
        for browser, hold in list(self._holds.items()):
            if now - hold.since_s > HOLD_S or browser == visitor.browser:
                del self._holds[browser]
        n = self._n_asked[visitor.rater] = self._n_asked.get(visitor.rater, 0) + 1
        held = {hold.path for hold in self._holds.values()}
        found = None
        for path, order in self._list_next(visitor, n):
            if path not in self.silent and not self._is_done(visitor.rater, path):
                found = found or Hold(path, order, now)  # the last tracks may be held by a window that was closed
                if path not in held:
                    found = Hold(path, order, now)
                    break
        if found is not None:
            self._holds[visitor.browser] = found
        return found

    def _list_next(self, visitor: Visitor, n: int) -> Iterator[tuple[str, str]]:
        """List tracks, the one to ask first: those that need more votes, what the model chose, random order."""
        heard = [path for path in self.votes.latest if path in self._numbers]
        others = [path for path in heard if not self.votes.has_said(visitor.rater, path)]
        yield from ((path, RANDOM) for path in others if 0 < self.votes.tally(path).n_raters < self._n_votes)
        if n % SHARED == 0:
            yield from ((path, RANDOM) for path in others if self._is_by_person(path))
        queue = self.background.queue if self.background is not None and visitor.order == MODEL else ()
        for order, paths in ((MODEL, queue), (RANDOM, self._order)):
            yield from ((path, order) for path in paths if path not in self.votes.latest)
        yield from ((path, RANDOM) for path in others if self.votes.tally(path).n_raters < self._n_votes)

    def _is_by_person(self, path: str) -> bool:
        return any(rater != TABLE and vote.said is not None for rater, vote in self.votes.latest[path].items())

    def _is_done(self, rater: str, path: str) -> bool:
        return self.votes.has_said(rater, path)

    def _tell(self, visitor: Visitor, hold: Hold | None) -> dict[str, Any]:
        return {"track": None if hold is None else self._tell_track(visitor, hold), **self._tell_state(visitor)}

    def _tell_track(self, visitor: Visitor, hold: Hold) -> dict[str, Any]:
        known = self._describe(hold.path)
        mine = self.votes.latest.get(hold.path, {}).get(visitor.rater)
        return {
            "number": self._numbers[hold.path],
            "key": make_key(hold.path),
            "title": name_track(hold.path, known),
            "artist": write_clean(known.artist),
            "order": hold.order,
            "mine": None if mine is None else {"said": None if mine.said is None else dict(mine.said)},
        }

    def _tell_state(self, visitor: Visitor) -> dict[str, Any]:
        classes, counts, raters = self.votes.classes, self.votes.count(), self.votes.raters
        background, mine = self.background, self.votes.list_of(visitor.rater)
        return {
            "mode": self.mode,
            "classes": list(classes),
            "positive": find_positive(classes) if len(classes) == 2 else None,
            "counts": [counts[name] for name in classes],
            "n_even": counts[EVEN_VOTES],
            "n_unsure": counts[UNSURE],
            "n_tracks": len(self.pool.paths),
            "n_mine": sum(vote.path in self._numbers for vote in mine),
            "raters": [{"name": name, "n": n} for name, n in raters.items()],
            "agreement": self._agree() if len(raters) > 1 else None,
            "curve": [dataclasses.astuple(point) for point in self.journal.points],
            "n_chosen": sum(vote.order == MODEL for vote in mine),
            "n_embedded": 0 if background is None else background.n_embedded,
            "has_model": background is not None,
            "can_choose": background is not None and bool(background.queue),
            "trouble": "" if background is None else background.trouble,
            "said": self._list_said(mine),
            "silent": [
                {"title": name_track(path, self._describe(path)), "reason": reason}
                for path, reason in self.silent.items()
            ],
            "notes": [*self.journal.notes, *filter(None, [self.journal.trouble])],
            "table": self.journal.table.name,
        }

    def _list_said(self, votes: Sequence[Event]) -> list[dict[str, Any]]:
        found = []
        for vote in reversed(votes[-N_LISTED:]):
            known = self.journal.known.get(vote.path, Known())
            said = None if vote.said is None else dict(vote.said)
            named = {"title": name_track(vote.path, known), "artist": write_clean(known.artist)}
            found.append({"number": self._numbers.get(vote.path), **named, "said": said})
        return found

    def _agree(self) -> dict[str, Any] | None:
        """Return the agreement, computed after every vote; where that takes long, it may be some votes old."""
        n, found, next_s = self._agreement
        if n != self.votes.n_events and time.monotonic() >= next_s:
            begun_s = time.monotonic()
            found = measure_agreement(self.votes)
            ended_s = time.monotonic()
            self._agreement = (self.votes.n_events, found, ended_s + REST * (ended_s - begun_s))
        return None if found is None else dataclasses.asdict(found)

    def _describe(self, path: str) -> Known:
        """Return what is known of a track; read once, without the lock: its disk may be slow."""
        if path not in self._described:
            told = self.pool.known.get(path) or self.journal.known.get(path)
            self._described[path] = describe_track(path, told)
        return self._described[path]

    def _read_artist(self, path: str) -> str:
        return self._describe(path).artist

    def _find_artist(self, path: str) -> str:
        known = self._described.get(path) or self.pool.known.get(path) or self.journal.known.get(path)
        return "" if known is None else known.artist

    def _look(self) -> Answered:
        with self._lock:
            tallies = {path: self.votes.tally(path) for path in self.votes.latest}
            heard = [path for path, tally in tallies.items() if tally.n_raters]
            targets = [tallies[path].shares for path in heard]
            artists = tuple(self._find_artist(path) for path in heard)
            rest = (*(path for path, tally in tallies.items() if not tally.n_raters), *self.silent)
            shape = (len(heard), len(self.votes.classes))
            return Answered(tuple(heard), np.reshape(targets, shape), artists, rest, self.votes.n_events)

    def _keep_point(self, point: CurvePoint) -> None:
        with self._lock:
            self.journal.add_point(point)

    def _take_labels(self) -> None:
        """Keep the labels of tables as the votes of who wrote them, those that are new or others than before."""
        now = {"at": _now(), "by": TABLE, "order": LIST}
        before = {path: self.votes.latest.get(path, {}).get(TABLE) for path in self.pool.labels}
        told = [
            (Event(TABLE, path, {label: 1.0}, **now), self._describe(path))
            for path, label in self.pool.labels.items()
            if before[path] is None or before[path].said != {label: 1.0}
        ]
        if told:
            self.journal.add_all(told)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
