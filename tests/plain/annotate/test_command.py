"""The command: what it serves, what it says at the end, and what it refuses before."""

from __future__ import annotations

import socket

import numpy as np
import pytest

from essentia_ldl.annotate import command as module
from essentia_ldl.annotate.command import Labelling, annotate
from essentia_ldl.annotate.server import Serving
from essentia_ldl.annotate.visitor import Visitor
from essentia_ldl.errors import AudioError, DataError, DiskError, StoreError
from essentia_ldl.files import Home

CLASSES = ("sad", "non_sad")
ANN, BOB = Visitor("ann", "one", "random"), Visitor("bob", "two", "random")


@pytest.fixture
def run(tmp_path, music, monkeypatch):
    """A function (answers, options) -> what the command says, and its lines; answers play the browser."""

    def run_it(play=lambda session: None, serving=None, source=None, **options):
        said = []
        monkeypatch.setattr(module, "serve", lambda session, token, serving, tell: play(session))
        labelling = Labelling(**{"classes": CLASSES, "output": str(tmp_path / "labels.csv"), **options})
        sources = [source or str(tmp_path / "music")]
        return annotate(sources, labelling, serving or Serving(opens=False), Home(tmp_path), said.append), said

    return run_it


def play(session) -> None:
    """Ann says sad of two tracks, Bob contradicts her once, and nobody is sure of a third."""
    for said in ({"sad": 1.0}, {"sad": 1.0}, None):
        session.answer(ANN, {"track": session.next(ANN)["track"]["number"], "said": said})
    session.answer(BOB, {"track": session.tell(ANN)["said"][-1]["number"], "said": {"non_sad": 1.0}})
    session.pass_over(BOB, session.next(BOB)["track"]["number"], "no codec")


def test_it_says_what_was_labelled(run, tmp_path, music):
    done, said = run(play, has_model=False)
    assert done.table == tmp_path / "labels.csv"
    assert done.counts == {"sad": 1, "non_sad": 0}
    assert (done.n_even, done.n_unsure) == (1, 1)
    assert done.agreement.n_tracks == 1
    assert done.agreement.alpha == pytest.approx(0)
    assert list(done.silent.values()) == ["no codec"]
    assert said == [f"12 tracks; answers go to {tmp_path / 'labels.csv'}"]
    again, _ = run(has_model=False)
    assert again.counts == done.counts


def test_the_embedding_is_made_beside_the_table_or_is_given(run, tmp_path, write_index, music):
    found = []
    run(lambda session: found.append(session.background._embedder), index=str(write_index(music, np.eye(12))))
    assert (found[0].index.name, found[0].is_given) == ("lib.index", True)
    run(lambda session: found.append(session.background), has_model=False)
    assert found[1] is None
    assert not (tmp_path / "labels.index").exists()


def test_what_is_refused_before_the_page_is_served(run, tmp_path, music):
    with pytest.raises(AudioError, match="files that are there"):
        run(source=str(tmp_path / "nothing"))
    with pytest.raises(DataError, match="two or more"):
        run(classes=("sad",))
    with pytest.raises(DataError, match="1 or more"):
        run(n_votes=0)
    with pytest.raises(DataError, match="seed: expected 0 to"):
        run(seed=-1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(StoreError, match="a free one"):
            run(serving=Serving(other.getsockname()[1], False))
    run(play, has_model=False)
    with pytest.raises(DataError, match="those of the table, sad,non_sad"):
        run(classes=("happy", "sad"), has_model=False)
    with pytest.raises(StoreError, match="a file that is not read; got 'an input'"):
        run(source=str(tmp_path / "labels.csv"))


def test_an_index_that_is_given_must_be_of_the_music(run, tmp_path, write_index):
    with pytest.raises(StoreError, match="nothing there"):
        run(index=str(tmp_path / "no.index"))
    other = str(write_index(["/elsewhere/a.wav"], np.eye(12)[:1]))
    with pytest.raises(StoreError, match=r"one of MUSIC; got '1 other tracks'.*Leave --index out"):
        run(index=other)
    assert not (tmp_path / "labels.votes.jsonl").exists()
    run(index=other, has_model=False)


def test_a_table_that_could_not_be_written_is_told_at_the_end(run, tmp_path, monkeypatch):
    def play_on_a_full_disk(session) -> None:
        monkeypatch.setattr(session.journal, "write_table", fail)
        play(session)
        assert session.tell(ANN)["notes"] == [f"full. {KEPT}"]

    def fail() -> None:
        raise DiskError("full.")

    with pytest.raises(StoreError, match=rf"full\. {KEPT}"):
        run(play_on_a_full_disk, has_model=False)
    assert not (tmp_path / "labels.csv").exists()
    assert run(has_model=False)[0].counts == {"sad": 1, "non_sad": 0}
    assert (tmp_path / "labels.csv").exists()


KEPT = "The answers are kept in labels.votes.jsonl, from which it is written later."
