"""A session: what comes next, for whom, and what the page is told."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from essentia_ldl.annotate import session as module
from essentia_ldl.annotate.background import Embedder
from essentia_ldl.annotate.journal import CurvePoint, Known
from essentia_ldl.annotate.music import describe_track
from essentia_ldl.annotate.visitor import Visitor
from essentia_ldl.errors import DataError

ANN, BOB = Visitor("ann", "one", "random"), Visitor("bob", "two", "random")


def answer(session, asked, said="sad", **more):
    shown = session.next(asked)["track"]
    shares = {said: 1.0} if isinstance(said, str) else said
    return session.answer(asked, {"track": shown["number"], "said": shares, **more})


def test_every_track_comes_once_in_an_order_of_the_seed(open_session, music):
    orders = []
    for seed in (1, 1, 2):
        session = open_session(seed=seed)
        seen = []
        told = session.next(ANN)
        while told["track"] is not None:
            seen.append(told["track"]["title"])
            told = answer(session, ANN, ("sad", "non_sad")[len(seen) % 2])
        assert sorted(seen) == [f"t{k:02}" for k in range(12)]
        assert told["n_mine"] == told["n_tracks"] == 12
        assert told["counts"] == [6, 6]
        orders.append(seen)
        for _ in seen:
            session.undo(ANN)
        session.close()
    assert orders[0] == orders[1] != orders[2]


def test_a_page_that_is_loaded_again_shows_the_same_track(open_session):
    session = open_session()
    first = session.next(ANN)["track"]
    assert session.next(ANN)["track"] == first
    answer(session, ANN)
    assert session.next(ANN)["track"] != first


def test_two_browsers_are_not_asked_the_same_at_once(open_session):
    session = open_session()
    window = Visitor("ann", "other", "random")
    first, second = session.next(ANN)["track"], session.next(window)["track"]
    assert first["number"] != second["number"]
    assert session.next(BOB)["track"]["number"] not in (first["number"], second["number"])


def test_a_browser_that_was_closed_lets_go_of_its_track(open_session, monkeypatch):
    session = open_session()
    first = session.next(ANN)["track"]
    monkeypatch.setattr(module, "HOLD_S", -1.0)
    assert session.next(BOB)["track"]["number"] == first["number"]


def test_the_last_tracks_are_asked_although_a_window_that_was_closed_holds_one(open_session):
    session = open_session()
    first = session.next(ANN)["track"]  # and this window is closed
    window = Visitor("ann", "other", "random")
    while session.next(window)["track"] is not None:
        shown = session.next(window)["track"]
        answer(session, window)
    assert shown["number"] == first["number"]
    assert session.tell(window)["n_mine"] == 12


def test_undo_shows_the_track_again_with_what_was_said(open_session):
    session = open_session()
    first = session.next(ANN)["track"]
    answer(session, ANN, {"sad": 0.25, "non_sad": 0.75})
    answer(session, ANN)
    answer(session, ANN, None)
    assert session.undo(ANN)["track"]["order"] == "list"
    assert session.undo(ANN)["n_mine"] == 1
    told = session.take(ANN, first["number"])
    assert told["track"]["mine"] == {"said": {"sad": 0.25, "non_sad": 0.75}}
    assert session.next(ANN)["track"]["number"] == first["number"], "it stays until it is answered"
    left = session.next(ANN, leave=True)["track"]
    assert left["number"] != first["number"]
    assert session.tell(ANN)["said"][0]["said"] == {"sad": 0.25, "non_sad": 0.75}


def test_undo_of_nothing_changes_nothing(open_session):
    session = open_session()
    first = session.next(ANN)["track"]
    assert session.undo(ANN)["track"] == first


def test_an_answer_that_is_sent_twice_counts_once(open_session):
    session = open_session()
    shown = session.next(ANN)["track"]
    sent = {"track": shown["number"], "said": {"sad": 1.0}, "id": "x"}
    session.answer(ANN, sent)
    session.answer(ANN, sent)
    session.undo(ANN)
    assert session.tell(ANN)["n_mine"] == 0


def test_what_is_sent_again_after_a_restart_counts_once(open_session):
    """The server was killed when it had kept what was said, and the browser did not hear of it."""
    session = open_session()
    answer(session, ANN, id="first")
    shown = session.next(ANN)["track"]
    said = {"track": shown["number"], "key": shown["key"], "said": {"sad": 1.0}, "id": "second"}
    session.answer(ANN, said)
    session.close()
    session = open_session()
    assert session.answer(ANN, said)["n_mine"] == 2
    assert session.undo(ANN, "third")["n_mine"] == 1
    session.close()
    session = open_session()
    assert session.undo(ANN, "third")["n_mine"] == 1
    assert session.votes.n_events == 3


def test_a_page_of_other_music_does_not_answer_for_the_wrong_track(open_session, music):
    session = open_session()
    shown = session.take(ANN, 11)["track"]
    session.close()
    session = open_session(sources=music[6:])  # where it is number 5
    said = {"track": 11, "key": shown["key"], "said": {"sad": 1.0}}
    assert session.answer(ANN, said)["said"][0]["title"] == shown["title"] == "t11"
    with pytest.raises(DataError, match="of other music"):
        session.answer(ANN, {**said, "key": "0" * 16})
    assert session.votes.n_events == 1


def test_tracks_are_asked_of_as_many_raters_as_wanted(open_session):
    session = open_session(n_votes=2)
    shown = session.next(ANN)["track"]
    answer(session, ANN)
    assert session.next(BOB)["track"]["number"] == shown["number"], "what lacks a vote goes first"
    told = answer(session, BOB, "non_sad")
    assert told["n_even"] == 1
    assert [one["name"] for one in told["raters"]] == ["ann", "bob"]


def test_of_several_raters_some_tracks_are_shared_so_that_agreement_is_known(open_session):
    session = open_session()
    for said in ("sad", "non_sad", "sad", "non_sad", "sad"):
        answer(session, ANN, said)
    heard = {one["number"] for one in session.tell(ANN)["said"]}
    shown = []
    for _ in range(6):
        shown.append(session.next(BOB)["track"]["number"])
        answer(session, BOB)
    assert [number in heard for number in shown] == [False, False, False, False, True, False]
    assert session.tell(BOB)["agreement"] is None, "one track is shared, and one class alone was said of it"


def test_one_who_is_unsure_leaves_the_track_to_others(open_session):
    session = open_session()
    shown = session.next(ANN)["track"]["number"]
    assert answer(session, ANN, None)["n_unsure"] == 1
    seen = set()
    while (told := session.next(BOB))["track"] is not None:
        seen.add(told["track"]["number"])
        answer(session, BOB)
    assert shown in seen


def test_what_cannot_be_played_is_passed_over_and_told(open_session):
    session = open_session()
    shown = session.next(ANN)["track"]
    told = session.pass_over(ANN, shown["number"], "no codec")
    assert told["track"]["number"] != shown["number"]
    assert told["silent"] == [{"title": shown["title"], "reason": "no codec"}]


def test_labels_of_a_table_are_votes_of_the_table_once(open_session, music, tmp_path):
    table = tmp_path / "music.csv"
    table.write_text("path,label\nmusic/t00.wav,sad\nmusic/t01.wav,\n")
    session = open_session(sources=[str(table)])
    told = session.next(ANN)
    assert told["counts"] == [1, 0]
    assert told["track"]["title"] == "t01"
    session.close()
    session = open_session(sources=[str(table)])
    assert session.votes.n_events == 1
    session.close()
    table.write_text("path,label\nmusic/t00.wav,non_sad\nmusic/t01.wav,\n")
    session = open_session(sources=[str(table)])
    assert session.tell(ANN)["counts"] == [0, 1], "it was corrected"


def test_nobody_waits_while_the_tags_of_somebodys_track_are_read(open_session, monkeypatch, wait_until):
    session, is_read, told = open_session(), threading.Event(), []

    def read_slowly(path: str, known: Known | None) -> Known:
        is_read.wait(10)
        return describe_track(path, known)

    monkeypatch.setattr(module, "describe_track", read_slowly)
    thread = threading.Thread(target=lambda: told.append(session.next(ANN)))
    thread.start()
    wait_until(lambda: session._holds)
    assert session.tell(BOB)["n_tracks"] == 12
    assert told == []
    is_read.set()
    thread.join()
    assert told[0]["track"]["title"].startswith("t")


def test_artists_of_tags_take_turns_too(open_session, music, write_index, monkeypatch, wait_until):
    """Of twelve tracks ten are of one artist, as only their tags know."""
    artists = {path: "rare" if path in music[:2] else "common" for path in music}
    monkeypatch.setattr(module, "describe_track", lambda path, known: Known(artists[path]))
    index = write_index(music, np.eye(12))
    session = open_session(embedder=Embedder(index, index.parent, "x", is_given=True))
    wait_until(lambda: len(session.background.queue) == 12)
    assert [artists[path] for path in session.background.queue[:4]].count("rare") == 2


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"track": "x", "said": None},
        {"track": 99, "said": None},
        {"track": 0, "said": {"happy": 1}},
        {"track": 0, "said": 3},
        {"track": 0, "said": {"sad": "much"}},
        {"track": 0, "said": None, "took_s": "long"},
    ],
)
def test_an_answer_that_is_none_is_refused(open_session, sent):
    session = open_session()
    with pytest.raises(DataError):
        session.answer(ANN, sent)
    assert session.tell(ANN)["n_mine"] == 0


def test_a_nameless_rater_is_refused(open_session):
    session = open_session()
    with pytest.raises(DataError, match="a name"):
        answer(session, Visitor("", "one"))


def test_the_model_chooses_once_it_can(open_session, music, write_index, wait_until):
    units = np.eye(12)
    session = open_session(embedder=Embedder(write_index(music, units), music, "x", is_given=True))
    asked = Visitor("ann", "one")
    wait_until(lambda: session.tell(asked)["can_choose"])
    assert session.next(asked)["track"]["order"] == "model"
    answer(session, asked)
    assert session.journal.votes.stacks["ann"][0].order == "model"
    assert session.tell(asked)["n_embedded"] == 12
    session.next(asked, leave=True)
    assert session.next(Visitor("ann", "three", "random"))["track"]["order"] == "random"


def test_the_curve_is_told(open_session):
    session = open_session()
    session.journal.add_point(CurvePoint(10, 5, 0.75, 0.5, 1.0))
    assert session.tell(ANN)["curve"] == [(10, 5, 0.75, 0.5, 1.0)]
