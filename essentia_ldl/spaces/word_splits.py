"""Words that are seen in training and words that are not, and which tracks train and test them.

In: tracks with their words. Out: `WordSplit`. A fifth of the words is never seen. The paper sorts tracks into A, with
seen words alone, B, with both kinds, and C, with unseen words alone; those that train are of A. No artist is on two
sides: a track of an artist who trains does not test, and is left out where it is not of A.

References
----------
J. Choi, J. Lee, J. Park and J. Nam, "Zero-shot learning for audio-based music classification and tagging" (ISMIR 2019),
section 4: the split of words, 80 to 20, and of tracks.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from essentia_ldl.collection.parts import group_of
from essentia_ldl.collection.splits import split_tracks
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import ROLES, Track

UNSEEN_SHARE, VALID_SHARE, TEST_SHARE = 0.2, 0.15, 0.2
LEAST_WORDS = 3  # two that are seen, of which one can be wrong, and one that is not


@dataclasses.dataclass(frozen=True)
class WordSplit:
    """What trains and what tests.

    Parameters
    ----------
    seen, unseen : tuple[str, ...]
        Words, sorted.
    parts : Mapping[str, str]
        "A", "B" or "C", by id of a track that has a word.
    roles : Mapping[str, str]
        "train", "valid" or "test", by id; a track without a role is left out.

    Raises
    ------
    DataError
        When a track that trains has an unseen word, or nothing is left to train or to test on.
    """

    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    parts: Mapping[str, str]
    roles: Mapping[str, str]

    def __post_init__(self) -> None:
        wrong = [id_ for id_, role in self.roles.items() if role != "test" and self.parts[id_] != "A"]
        if wrong:
            rule = "seen words alone in training"
            raise DataError(explain("tracks of a word space", rule, wrong[0], "split", "Split them again."))
        for role in ("train", "test"):
            if role not in self.roles.values():
                remedy = "Give more tracks, of more artists, or another --seed."
                rule = f"a track or more to {role}"
                raise DataError(explain("tracks of a word space", rule, "none", "split", remedy))

    def list_ids(self, role: str) -> list[str]:
        """List the tracks of a role."""
        return [id_ for id_, one in self.roles.items() if one == role]

    def count_parts(self) -> dict[str, int]:
        """Count the tracks of A, B and C that test, and of A that train and validate."""
        counts = Counter(f"{role} {self.parts[id_]}" for id_, role in self.roles.items())
        return dict(sorted(counts.items()))


def split_words(tracks: Sequence[Track], told: Mapping[str, Sequence[str]], seed: int = 0) -> WordSplit:
    """Split words, and tracks by their words and artists.

    Parameters
    ----------
    tracks : sequence of Track
        The collection; a track whose artist is not known is an artist of its own.
    told : Mapping[str, sequence of str]
        Words by id of a track; tracks without a word are left out.
    seed : int
        Another seed is another split.

    Returns
    -------
    WordSplit
        An artist without a track of A tests with all of them: there is nothing to train on.

    Raises
    ------
    DataError
        When there are too few words, or tracks to train or test on.
    """
    tracks = [track for track in tracks if told.get(track.id)]
    words = sorted({word for track in tracks for word in told[track.id]})
    if len(words) < LEAST_WORDS:
        remedy = "Name a column of more words, or give music that has more of them."
        rule = f"{LEAST_WORDS} or more with a vector"
        raise DataError(explain("words", rule, ", ".join(words) or "none", "split", remedy))
    n_unseen = max(1, round(UNSEEN_SHARE * len(words)))
    drawn = np.random.default_rng([seed, len(words)]).permutation(len(words))[:n_unseen]
    unseen = {words[place] for place in drawn}
    parts = {track.id: _find_part(set(told[track.id]), unseen) for track in tracks}
    split = split_tracks(tracks, VALID_SHARE, TEST_SHARE, seed)
    sides = {id_: role for role in ROLES for id_ in getattr(split, role)}
    teaches = {group_of(track) for track in tracks if parts[track.id] == "A"}
    roles = {}
    for track in tracks:
        role = sides[track.id] if group_of(track) in teaches else "test"
        if role == "test" or parts[track.id] == "A":
            roles[track.id] = role
    return WordSplit(tuple(word for word in words if word not in unseen), tuple(sorted(unseen)), parts, roles)


def _find_part(words: set[str], unseen: set[str]) -> str:
    """Return "A" of seen words alone, "C" of unseen words alone, "B" of both."""
    return "C" if words <= unseen else "B" if words & unseen else "A"
