"""Votes: the latest of each rater counts, undo brings back what was before, and agreement is Krippendorff's."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest

from essentia_ldl.annotate.votes import EVEN_VOTES, UNSURE, Event, Votes, check_classes, measure_agreement
from essentia_ldl.errors import DataError

SAD = ("sad", "non_sad")


def vote(rater: str, path: str, said: str | float | None, classes: tuple[str, ...] = SAD) -> Event:
    if isinstance(said, float):
        return Event(rater, path, {classes[0]: said, classes[1]: 1 - said}, by="slider")
    return Event(rater, path, None if said is None else {said: 1.0})


def undo(rater: str) -> Event:
    return Event(rater, is_undo=True)


def gather(*events: Event, classes: tuple[str, ...] = SAD) -> Votes:
    votes = Votes(classes)
    for event in events:
        votes.add(event)
    return votes


def test_votes_of_several_raters_become_shares():
    votes = gather(vote("a", "1", "sad"), vote("b", "1", 0.25), vote("c", "1", None), vote("a", "2", None))
    one = votes.tally("1")
    assert one.shares.tolist() == [0.625, 0.375]
    assert (one.n_raters, one.n_unsure, one.column) == (2, 1, 0)
    assert (votes.tally("2").n_raters, votes.tally("2").column) == (0, None)
    assert votes.tally("3").shares.tolist() == [0, 0]
    assert votes.count() == {"sad": 1, "non_sad": 0, EVEN_VOTES: 0, UNSURE: 1}
    votes.add(vote("b", "1", "non_sad"))
    assert votes.tally("1").column is None, "votes are even"
    assert votes.count()[EVEN_VOTES] == 1


def test_weights_of_a_vote_are_made_a_distribution():
    assert dict(Event("a", "1", {"x": 2, "y": 6, "z": 0}).said) == {"x": 0.25, "y": 0.75}


def test_undo_takes_back_one_vote_of_that_rater_at_a_time():
    votes = gather(vote("a", "1", "sad"), vote("b", "2", "sad"), vote("a", "2", "sad"), vote("a", "1", "non_sad"))
    assert votes.add(undo("a")).path == "1"
    assert dict(votes.latest["1"]["a"].said) == {"sad": 1.0}, "the vote before counts again"
    assert votes.add(undo("a")).path == "2"
    assert list(votes.latest["2"]) == ["b"]
    assert votes.add(undo("a")).path == "1"
    assert "1" not in votes.latest
    assert votes.add(undo("a")) is None
    assert votes.add(undo("nobody")) is None
    assert votes.raters == {"b": 1}


def test_the_list_of_a_rater_has_each_track_once_the_last_one_last():
    votes = gather(vote("a", "1", "sad"), vote("a", "2", "sad"), vote("b", "3", "sad"), vote("a", "1", None))
    assert [one.path for one in votes.list_of("a")] == ["2", "1"]
    assert votes.list_of("nobody") == []
    assert votes.has_said("a", "1")
    assert not votes.has_said("b", "1")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rater": " ", "path": "1"}, "a name of 1 to 60"),
        ({"rater": "x" * 61, "path": "1"}, "a name of 1 to 60"),
        ({"rater": "a"}, "the path of a track"),
        ({"rater": "a", "path": "1", "is_undo": True}, "the path of a track"),
        ({"rater": "a", "path": "1", "said": {}}, "shares from 0 to 100"),
        ({"rater": "a", "path": "1", "said": {"sad": -1, "non_sad": 2}}, "shares from 0 to 100"),
        ({"rater": "a", "path": "1", "said": {"sad": float("nan")}}, "shares from 0 to 100"),
        ({"rater": "a", "path": "1", "said": {"sad": "1"}}, "shares from 0 to 100"),
        ({"rater": "a", "path": "1", "said": {"sad": 1e308, "non_sad": 1e308}}, "shares from 0 to 100"),
        ({"rater": "a", "path": "1", "said": {"sad": 10**400}}, "shares from 0 to 100"),
    ],
)
def test_an_event_that_is_none_is_refused(values, message):
    with pytest.raises(DataError, match=message):
        Event(**values)


def test_a_vote_for_another_class_is_refused_and_changes_nothing():
    votes = gather(vote("a", "1", "sad"))
    with pytest.raises(DataError, match="one of sad, non_sad; got 'happy'"):
        votes.add(Event("a", "1", {"happy": 1.0}))
    assert dict(votes.latest["1"]["a"].said) == {"sad": 1.0}


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["sad"], "two or more"),
        (["sad", "sad"], "two or more"),
        (["sad", ""], "a name"),
        (["sad", " x"], "a name"),
        (["Path", "x"], "no column of the table"),
        (["Sad", "sad"], "more than case"),
        (["non_sad", "Non-Sad", "sad"], "more than case"),
        (["none", "some"], "for nothing, as is nan"),
        (["sad", "happy", "sad/happy"], "names that train tells apart"),
    ],
)
def test_classes_that_are_none_are_refused(classes, message):
    with pytest.raises(DataError, match=message):
        check_classes(classes)


# Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), example C: four observers, twelve units, five
# categories, missing values; the nominal alpha is 0.743
OBSERVERS = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]


def test_agreement_is_that_of_the_published_example():
    names = ("1", "2", "3", "4", "5")
    events = [
        vote(str(rater), str(unit), None if said == "." else said, names)
        for rater, line in enumerate(OBSERVERS)
        for unit, said in enumerate(line.split())
    ]
    assert measure_agreement(gather(*events, classes=names)).alpha == pytest.approx(0.743, abs=5e-4)
    assert measure_agreement(gather(*events, classes=names)).n_tracks == 11, "one rater alone had the last unit"


def test_agreement_of_two_classes_is_of_shares_and_for_plain_votes_the_nominal_one():
    plain = [("1", "sad", "sad"), ("2", "sad", "non_sad"), ("3", "non_sad", "non_sad"), ("4", "sad", "sad")]
    events = [vote(rater, path, said) for path, *pair in plain for rater, said in zip("ab", pair, strict=True)]
    # eight values, five of them sad: observed disagreement 1/4, expected 2 * 5 * 3 / (8 * 7)
    assert measure_agreement(gather(*events)).alpha == pytest.approx(1 - 0.25 / (30 / 56))
    near = [vote("a", "1", 0.9), vote("b", "1", 0.8), vote("a", "2", 0.2), vote("b", "2", 0.1)]
    far = [vote("a", "1", 0.9), vote("b", "1", 0.5), vote("a", "2", 0.2), vote("b", "2", 0.5)]
    assert measure_agreement(gather(*near)).alpha > 0.9 > measure_agreement(gather(*far)).alpha


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_agreement_is_what_another_package_says(n_classes, seed):
    """Four raters of forty tracks, who leave out some, and in part agree."""
    rng = np.random.default_rng(seed)
    classes, events, table = tuple("abcde"[:n_classes]), [], np.full((4, 40), np.nan)
    for track in range(40):
        truth = rng.integers(n_classes)
        for rater in np.flatnonzero(rng.random(4) < 0.6):
            said = int(truth if rng.random() < 0.6 else rng.integers(n_classes))
            share = float(rng.integers(60, 101)) / 100
            other = classes[(said + 1) % n_classes]
            events.append(Event(f"r{rater}", str(track), {classes[said]: share, other: 1 - share}))
            first = share if said == 0 else 1 - share
            table[rater, track] = first if n_classes == 2 else said
    table = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    golden = krippendorff.alpha(table, level_of_measurement="interval" if n_classes == 2 else "nominal")
    found = measure_agreement(gather(*events, classes=classes))
    assert found.alpha == pytest.approx(golden, abs=1e-9)
    assert found.n_tracks == table.shape[1]


@pytest.mark.parametrize(
    "events",
    [
        [],
        [vote("a", "1", "sad"), vote("a", "2", "non_sad")],
        [vote("a", "1", "sad"), vote("b", "1", "sad")],
        [vote("a", "1", "sad"), vote("b", "1", None)],
    ],
    ids=["none", "one rater", "one class", "unsure"],
)
def test_agreement_that_cannot_be_told_is_none(events):
    assert measure_agreement(gather(*events)) is None


def test_shares_of_a_tally_are_an_array_of_the_classes():
    assert gather(vote("a", "1", "sad")).tally("1").shares.dtype == np.float64
