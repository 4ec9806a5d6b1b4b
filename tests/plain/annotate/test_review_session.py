"""A review: the most doubtful track first, and every decision goes into audit.csv."""

from __future__ import annotations

import json

import pytest

from essentia_ldl.annotate.review import Audit
from essentia_ldl.annotate.review_session import ReviewSession
from essentia_ldl.annotate.visitor import Visitor, make_key
from essentia_ldl.collection.corrections import read_corrections
from essentia_ldl.errors import DataError, UnknownNameError

ANN, BOB = Visitor("ann", "one"), Visitor("bob", "two")
HEADER = "rank,id,path,artist,label,suggestion,disagreement,neighbours_of_label,model_of_label,nearest,correction"


@pytest.fixture
def session(tmp_path) -> ReviewSession:
    """Four tracks, the third of which was decided before, and a fourth whose file is not known."""
    rows = [
        "1,a.wav,/m/a.wav,Nina,sad,non_sad,0.9,0.1,0.2,b.wav | c.wav,",
        "2,b.wav,/m/b.wav,,non_sad,non_sad,0.5,0.7,,,",
        "3,c.wav,/m/c.wav,,sad,sad,0.1,0.9,0.9,,sad",
        "4,caf\udce9.wav,,,sad,sad,0.1,0.9,0.9,,",
    ]
    (tmp_path / "audit.csv").write_bytes("\n".join([HEADER, *rows, ""]).encode("utf-8", "surrogateescape"))
    return ReviewSession(Audit(tmp_path, ("non_sad", "sad")))


def decide(session, said, visitor=ANN, **more):
    shown = session.next(visitor)["track"]
    shares = {said: 1.0} if isinstance(said, str) else said
    return session.answer(visitor, {"track": shown["number"], "said": shares, **more})


def read_said(session) -> dict[str, str]:
    return {name: value for name, (_, value) in read_corrections(session.audit.path).values.items()}


def test_the_most_doubtful_track_comes_first_with_what_is_known(session):
    told = session.next(ANN)
    assert told["track"] == {
        "number": 0,
        "key": make_key("a.wav"),
        "title": "a",
        "artist": "Nina",
        "order": "doubt",
        "mine": None,
        "given": "sad",
        "suggestion": "non_sad",
        "opinions": {"neighbours": 0.1, "model": 0.2},
        "nearest": ["b", "c"],
    }
    assert (told["mode"], told["n_mine"], told["n_tracks"]) == ("review", 1, 4)
    assert told["said"] == [{"number": 2, "title": "c", "artist": "", "said": {"sad": 1.0}}]
    json.dumps(told).encode()


def test_decisions_go_into_the_file(session):
    decide(session, "non_sad")
    decide(session, "drop")
    told = decide(session, None)
    assert told["track"] is None
    assert read_said(session) == {"a.wav": "non_sad", "b.wav": "drop", "c.wav": "sad"}
    assert session.count() == {"changed": 1, "confirmed": 1, "dropped": 1}
    assert (told["counts"], told["n_dropped"], told["n_unsure"], told["n_mine"]) == ([1, 1], 1, 1, 4)
    assert [one["title"] for one in told["said"]] == ["caf\N{REPLACEMENT CHARACTER}", "b", "a", "c"]
    assert told["said"][0]["said"] is None
    again = ReviewSession(Audit(session.audit.folder, session.audit.classes))
    assert again.next(ANN)["track"]["number"] == 3, "what was left open comes again"


def test_undo_takes_back_one_decision_at_a_time(session):
    decide(session, "non_sad")
    decide(session, None)
    assert session.undo(ANN)["track"]["number"] == 1
    assert session.undo(ANN)["track"]["number"] == 0
    assert read_said(session) == {"c.wav": "sad"}
    assert session.undo(ANN)["track"]["number"] == 0
    session.take(ANN, 2)
    session.answer(ANN, {"track": 2, "said": {"non_sad": 1.0}})
    assert session.undo(ANN)["track"]["mine"] == {"said": {"sad": 1.0}}, "as it was before"
    assert session.next(ANN, leave=True)["track"]["number"] == 0


def test_two_windows_hear_different_tracks_and_an_answer_counts_once(session):
    assert session.next(ANN)["track"]["number"] != session.next(BOB)["track"]["number"]
    sent = {"track": 0, "said": {"non_sad": 1.0}, "id": "x"}
    session.answer(ANN, sent)
    session.undo(ANN)
    session.answer(ANN, sent)
    assert "a.wav" not in read_said(session)


def test_what_cannot_be_played_is_told(session):
    assert session.path_of(0) == "/m/a.wav"
    with pytest.raises(DataError, match="a file that the report tells"):
        session.path_of(3)
    told = session.pass_over(ANN, 0, "gone")
    assert told["silent"] == [{"title": "a", "reason": "gone"}]
    assert told["track"]["number"] == 1


def test_what_is_no_decision_is_refused(session):
    for sent, error in (({"track": 9, "said": None}, DataError), ({"track": 0, "said": {}}, DataError)):
        with pytest.raises(error):
            session.answer(ANN, sent)
    with pytest.raises(UnknownNameError, match="non_sad, sad, drop"):
        session.answer(ANN, {"track": 0, "said": {"happy": 1.0}})
    assert read_said(session) == {"c.wav": "sad"}


def test_what_is_sent_twice_counts_once(session):
    decide(session, "non_sad", id="first")
    decide(session, "non_sad", id="second")
    session.undo(ANN, "third")
    session.undo(ANN, "third")
    assert read_said(session) == {"a.wav": "non_sad", "c.wav": "sad"}


def test_a_page_of_another_run_does_not_decide_on_the_wrong_track(session):
    session.answer(ANN, {"track": 0, "key": make_key("b.wav"), "said": {"drop": 1.0}})
    assert read_said(session) == {"b.wav": "drop", "c.wav": "sad"}
    with pytest.raises(DataError, match="of other music"):
        session.answer(ANN, {"track": 0, "key": make_key("x.wav"), "said": {"drop": 1.0}})


def test_rows_that_come_and_go_meanwhile_stop_nothing(session):
    decide(session, None)
    lines = session.audit.path.read_bytes().split(b"\n")
    added = b"5,new.wav,/m/new.wav,,sad,sad,0.1,0.9,0.9,,drop"
    session.audit.path.write_bytes(b"\n".join([lines[0], *lines[2:5], added, b""]))
    told = session.next(ANN)
    assert told["n_tracks"] == 3
    assert told["track"]["title"] == "b"
    assert [one["title"] for one in told["said"]] == ["c"]


def test_the_last_track_is_asked_although_a_window_that_was_closed_holds_it(session):
    assert session.next(ANN)["track"]["title"] == "a"  # and this window is closed
    while (shown := session.next(BOB)["track"]) is not None:
        last = shown
        decide(session, None, BOB)
    assert last["title"] == "a"
