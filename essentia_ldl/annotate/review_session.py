"""The label audit of a run as the page sees it: the same calls as those of a labelling, answered from audit.csv.

A class is the right label, also where it is the one that the track has; `DROP` leaves the track out of training;
"unsure" leaves the row as it is, and the track is not shown again before the next start.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

from essentia_ldl.annotate.music import name_track, write_clean
from essentia_ldl.annotate.review import Audit, AuditItem
from essentia_ldl.annotate.session import N_LISTED, Hold
from essentia_ldl.annotate.visitor import LIST, Visitor, find_track, make_key, read_answer
from essentia_ldl.collection.corrections import DROP
from essentia_ldl.errors import DataError, explain

DOUBT = "doubt"  # what chooses the next track
N_NEAREST = 3


class ReviewSession:
    """A review that goes on; whoever asks, the decisions are those of one person.

    Parameters
    ----------
    audit : Audit
        Where the decisions go.
    """

    mode = "review"

    def __init__(self, audit: Audit) -> None:
        self.audit = audit
        self._ids = [item.id for item in audit.items]
        self._numbers = {track_id: number for number, track_id in enumerate(self._ids)}
        self._keys = {make_key(track_id): track_id for track_id in self._ids}
        self._paths = {item.id: item.path for item in audit.items}
        self._holds: dict[str, Hold] = {}
        self._left_open: dict[str, None] = {}
        self._decided: list[tuple[str, str | None]] = []  # what stood there before; None where it was left open
        self._sent: set[str] = set()
        self.silent: dict[str, str] = {}
        self._lock = threading.RLock()

    def close(self) -> None:
        """Nothing is open."""

    def path_of(self, number: int) -> str:
        """Return the file of a track; `DataError` where there is no such number, or the run does not tell its file."""
        path = self._paths[self._id_of(number)]
        if not path:
            remedy = "Run report again while the collection is where it was."
            raise DataError(explain("audio", "a file that the report tells", "none", self._ids[number], remedy))
        return path

    def next(self, visitor: Visitor, leave: bool = False) -> dict[str, Any]:
        """Return the track that a browser is to show, and how far the review is."""
        with self._lock:
            if leave:
                self._holds.pop(visitor.browser, None)
            items = self._list_items()
            hold = self._holds.get(visitor.browser)
            if hold is None or (hold.order != LIST and self._is_done(items.get(hold.path))):
                held = {other.path for browser, other in self._holds.items() if browser != visitor.browser}
                todo = [item.id for item in items.values() if not self._is_done(item)]
                # the last tracks may be held by a window that was closed
                free = [track_id for track_id in todo if track_id not in held] or todo
                hold = Hold(free[0], DOUBT, 0.0) if free else None
                self._holds.pop(visitor.browser, None)
                if hold is not None:
                    self._holds[visitor.browser] = hold
            track = None if hold is None or hold.path not in items else self._tell_track(items[hold.path], hold.order)
            return {"track": track, **self._tell_state(items)}

    def answer(self, visitor: Visitor, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Write a decision, and return what comes next; parameters and errors are those of `LabelSession.answer`."""
        with self._lock:
            name = str(answer.get("id", ""))
            if not name or name not in self._sent:
                number, said, _ = read_answer(answer)
                track_id = find_track(self._keys, answer, lambda: self._id_of(number))
                before = next((item.correction for item in self.audit.items if item.id == track_id), "")
                if said is None:
                    self._left_open[track_id] = None
                    self._decided.append((track_id, None))
                else:
                    self.audit.correct(track_id, max(said, key=lambda word: said[word]))
                    self._left_open.pop(track_id, None)
                    self._decided.append((track_id, before))
                self._sent.add(name)
                self._holds.pop(visitor.browser, None)
            return self.next(visitor)

    def undo(self, visitor: Visitor, name: str = "") -> dict[str, Any]:
        """Take back the last decision of this review, and return its track; `name` is the id of what is sent."""
        with self._lock:
            if self._decided and not (name and name in self._sent):
                self._sent.add(name)
                track_id, before = self._decided[-1]
                if before is None:
                    self._left_open.pop(track_id, None)
                else:
                    self.audit.correct(track_id, before)
                self._decided.pop()
                self._holds[visitor.browser] = Hold(track_id, LIST, 0.0)
            return self.next(visitor)

    def take(self, visitor: Visitor, number: int) -> dict[str, Any]:
        """Return a track that is to be heard again."""
        with self._lock:
            self._holds[visitor.browser] = Hold(self._id_of(number), LIST, 0.0)
            return self.next(visitor)

    def tell(self, visitor: Visitor) -> dict[str, Any]:
        """Return how far the review is."""
        with self._lock:
            return self._tell_state(self._list_items())

    def pass_over(self, visitor: Visitor, number: int, reason: str) -> dict[str, Any]:
        """Leave out a track that cannot be played, and return another."""
        with self._lock:
            self.silent[self._id_of(number)] = reason
            self._holds.pop(visitor.browser, None)
            return self.next(visitor)

    def count(self) -> dict[str, int]:
        """Count the tracks whose label was changed, confirmed, or left out of training."""
        words = [(item.label, item.correction) for item in self.audit.items if item.correction]
        dropped = sum(word == DROP for _, word in words)
        confirmed = sum(word == label for label, word in words)
        return {"changed": len(words) - dropped - confirmed, "confirmed": confirmed, "dropped": dropped}

    # --- inside -----------------------------------------------------------------------------------------------------

    def _id_of(self, number: int) -> str:
        if not 0 <= number < len(self._ids):
            raise DataError(explain("track", f"0 to {len(self._ids) - 1}", number, "page", "Load the page again."))
        return self._ids[number]

    def _is_done(self, item: AuditItem | None) -> bool:
        return item is None or bool(item.correction) or item.id in self._left_open or item.id in self.silent

    def _tell_track(self, item: AuditItem, order: str) -> dict[str, Any]:
        return {
            **self._tell_item(item),
            "key": make_key(item.id),
            "order": order,
            "mine": {"said": {item.correction: 1.0}} if item.correction else None,
            "given": item.label,
            "suggestion": item.suggestion,
            "opinions": dict(item.opinions),
            "nearest": [_name(track_id) for track_id in item.nearest[:N_NEAREST]],
        }

    def _tell_item(self, item: AuditItem) -> dict[str, Any]:
        return {"number": self._numbers[item.id], "title": _name(item.id), "artist": write_clean(item.artist)}

    def _list_items(self) -> dict[str, AuditItem]:
        """List the tracks that are there by id; those that somebody has added since come with the next start."""
        return {item.id: item for item in self.audit.items if item.id in self._numbers}

    def _tell_state(self, items: Mapping[str, AuditItem]) -> dict[str, Any]:
        here = list(dict.fromkeys(track_id for track_id, _ in reversed(self._decided) if track_id in items))
        earlier = [item.id for item in items.values() if item.correction and item.id not in here]
        said = [
            {**self._tell_item(items[one]), "said": {word: 1.0} if (word := items[one].correction) else None}
            for one in [*here, *earlier][:N_LISTED]
        ]
        corrected = [item.correction for item in items.values() if item.correction]
        open_ones = [track_id for track_id in self._left_open if track_id in items and not items[track_id].correction]
        return {
            "mode": self.mode,
            "classes": list(self.audit.classes),
            "positive": None,
            "counts": [corrected.count(name) for name in self.audit.classes],
            "n_dropped": corrected.count(DROP),
            "n_changed": self.count()["changed"],
            "n_even": 0,
            "n_unsure": len(open_ones),
            "n_tracks": len(items),
            "n_mine": len(corrected) + len(open_ones),
            "raters": [],
            "agreement": None,
            "curve": [],
            "n_chosen": 0,
            "n_embedded": 0,
            "has_model": False,
            "can_choose": False,
            "trouble": "",
            "said": said,
            "silent": [{"title": _name(track_id), "reason": reason} for track_id, reason in self.silent.items()],
            "notes": [],
            "table": os.path.basename(self.audit.path),
        }


def _name(track_id: str) -> str:
    return name_track(track_id, None)
