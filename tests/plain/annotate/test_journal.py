"""The journal loses nothing, and the table is one that `train` reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from essentia_ldl.annotate.journal import FORMAT, CurvePoint, Known, VoteJournal
from essentia_ldl.annotate.votes import Event
from essentia_ldl.datasets.table import read_tracks
from essentia_ldl.errors import DataError, DiskError, StoreError

CLASSES = ("sad", "non_sad")


@pytest.fixture
def music(tmp_path):
    """Three files, one of them elsewhere."""
    paths = [tmp_path / "here/a.wav", tmp_path / "here/b.wav", tmp_path / "elsewhere/c.wav"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return [str(path) for path in paths]


@pytest.fixture
def table(tmp_path):
    return tmp_path / "here/labels.csv"


def say(journal: VoteJournal, rater: str, path: str, label: str | None, known: Known | None = None) -> None:
    journal.add(Event(rater, path, None if label is None else {label: 1.0}), known)


def test_the_table_is_read_by_train(music, table):
    journal = VoteJournal(table, CLASSES)
    say(journal, "ann", music[2], "sad", Known("Nina", "Blue", {"genre": "soul", "sad": "stays out", "split": "test"}))
    say(journal, "ann", music[0], "non_sad")
    say(journal, "bob", music[2], "non_sad")
    say(journal, "cyd", music[2], "sad")
    say(journal, "ann", music[1], None)
    assert table.read_text().splitlines() == [
        "path,label,artist,title,split,genre,sad,non_sad,n_raters",
        f"{music[2]},sad,Nina,Blue,test,soul,0.666667,0.333333,3",
        "a.wav,non_sad,,,,,0,1,1",
    ]
    tracks = {track.path: track for track in read_tracks(table)}
    assert tracks[music[2]].columns["sad"] == "0.666667"
    assert (tracks[music[2]].artist, tracks[music[2]].split) == ("Nina", "test")
    assert sorted(tracks) == sorted([music[0], music[2]])
    journal.close()


def test_another_process_goes_on_where_the_first_was(music, table):
    first = VoteJournal(table, CLASSES)
    say(first, "ann", music[0], "sad", Known("Nina"))
    say(first, "ann", music[1], "non_sad")
    first.add(Event("ann", is_undo=True))
    first.add_point(CurvePoint(1, 1, 0.5, 0.25, 0.75))
    text = table.read_text()
    first.close()
    table.unlink()
    second = VoteJournal(table, CLASSES)
    assert table.read_text() == text
    assert list(second.votes.latest) == [music[0]]
    assert second.known == {music[0]: Known("Nina")}
    assert second.points == [CurvePoint(1, 1, 0.5, 0.25, 0.75)]
    assert second.add(Event("ann", is_undo=True)).path == music[0]
    assert second.notes == []
    second.close()


def test_only_one_process_labels_a_table_at_a_time(table):
    journal = VoteJournal(table, CLASSES)
    with pytest.raises(StoreError, match="being labelled by another process"):
        VoteJournal(table, CLASSES)
    journal.close()
    VoteJournal(table, CLASSES).close()


KILLED = """
import os, sys
from essentia_ldl.annotate.journal import VoteJournal
from essentia_ldl.annotate.votes import Event
journal = VoteJournal(sys.argv[1], ("sad", "non_sad"))
journal.write_table = lambda: os._exit(9)
journal.add(Event("ann", "/music/b.wav", {"sad": 1.0}))
"""


def test_a_vote_whose_table_was_not_written_any_more_is_there(table):
    journal = VoteJournal(table, CLASSES)
    say(journal, "ann", "/music/a.wav", "sad")
    journal.close()
    assert subprocess.run([sys.executable, "-c", KILLED, table], check=False).returncode == 9
    assert "b.wav" not in table.read_text()
    journal = VoteJournal(table, CLASSES)
    assert "/music/b.wav,sad" in table.read_text()
    assert journal.notes == []
    journal.close()


def test_half_a_line_is_dropped(music, table):
    journal = VoteJournal(table, CLASSES)
    say(journal, "ann", music[0], "sad")
    journal.close()
    with open(journal.path, "ab") as file:
        file.write(b'{"rater": "ann", "pa')
    journal = VoteJournal(table, CLASSES)
    assert list(journal.votes.latest) == [music[0]]
    say(journal, "ann", music[1], "sad")
    journal.close()
    assert sorted(VoteJournal(table, CLASSES).votes.latest) == music[:2]


def test_a_table_that_somebody_changed_is_kept(music, table):
    journal = VoteJournal(table, CLASSES)
    say(journal, "ann", music[0], "sad")
    table.write_text("path,label\nmine,sad\n")
    say(journal, "ann", music[1], "sad")
    assert journal.notes == ["labels.csv was changed by another program; what it wrote is kept as labels-changed.csv."]
    assert table.with_name("labels-changed.csv").read_text() == "path,label\nmine,sad\n"
    journal.close()
    table.write_text("edited between two calls")
    journal = VoteJournal(table, CLASSES)
    assert "labels-changed-2.csv" in journal.notes[0]
    assert table.read_text().count("\n") == 3
    journal.close()


def test_a_disk_that_takes_nothing_takes_no_vote(music, table, monkeypatch):
    journal = VoteJournal(table, CLASSES)
    say(journal, "ann", music[0], "sad")
    before = journal.path.read_bytes()

    def write_half(file: int, data: bytes) -> int:
        return real(file, data[:5])

    real = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write_half)
        with pytest.raises(DiskError, match="Free space and vote again"):
            say(journal, "ann", music[1], "sad")
    assert journal.path.read_bytes() == before
    assert list(journal.votes.latest) == [music[0]]
    say(journal, "ann", music[1], "sad")
    journal.close()
    assert sorted(VoteJournal(table, CLASSES).votes.latest) == music[:2]


def test_classes_of_the_table_that_is_there_are_asked_for(table):
    VoteJournal(table, ("happy", "sad")).close()
    journal = VoteJournal(table, ("not sad", "sad"))  # nobody voted by the others
    say(journal, "ann", "/a.wav", "sad")
    journal.close()
    for classes in (("happy", "sad"), ("sad", "not sad")):
        with pytest.raises(DataError, match=r"those of the table, not sad,sad; got .*Give --classes 'not sad,sad'"):
            VoteJournal(table, classes)
    VoteJournal(table, ("not sad", "sad")).close()


def test_a_table_that_cannot_be_written_costs_no_vote(music, table, monkeypatch):
    journal = VoteJournal(table, CLASSES)
    say(journal, "ann", music[0], "sad")

    def fail() -> None:
        raise DiskError("full.")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "write_table", fail)
        say(journal, "ann", music[1], "sad")
    assert journal.trouble == "full. The answers are kept in labels.votes.jsonl, from which it is written later."
    assert table.read_text().count("\n") == 2
    say(journal, "ann", music[2], "sad")
    assert journal.trouble == ""
    assert table.read_text().count("\n") == 4
    journal.close()


def test_a_journal_that_is_moved_or_replaced_takes_no_vote(music, table):
    journal = VoteJournal(table, CLASSES)
    say(journal, "ann", music[0], "sad")
    moved = journal.path.rename(journal.path.with_name("elsewhere"))
    for write in (lambda: None, lambda: journal.path.write_bytes(moved.read_bytes())):
        write()
        with pytest.raises(StoreError, match=r"another one, or none.*start it again"):
            say(journal, "ann", music[1], "sad")
    moved.replace(journal.path)
    say(journal, "ann", music[1], "sad")
    assert list(journal.votes.latest) == music[:2]
    journal.close()


def test_the_curve_goes_back_with_answers_that_are_taken_back(table):
    journal = VoteJournal(table, CLASSES)
    for n in (5, 10, 15, 10):
        journal.add_point(CurvePoint(n, 3, 0.5, 0.25, 0.75))
    assert [point.n for point in journal.points] == [5, 10]
    journal.close()
    journal = VoteJournal(table, CLASSES)
    assert [point.n for point in journal.points] == [5, 10]
    journal.close()


def test_somebody_elses_table_is_not_written_over(table, tmp_path):
    table.parent.mkdir()
    table.write_text("path,label\n")
    with pytest.raises(StoreError, match=r"give it as MUSIC"):
        VoteJournal(table, CLASSES)
    assert table.read_text() == "path,label\n"
    with pytest.raises(StoreError, match=r"ends in \.csv"):
        VoteJournal(tmp_path / "labels.mp3", CLASSES)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DiskError, match="cannot be written"):
        VoteJournal(tmp_path / "labels.csv", CLASSES)


def test_a_user_who_does_not_exist_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal = VoteJournal("~nobody who is there/labels.csv", CLASSES)
    assert journal.table == tmp_path / "~nobody who is there/labels.csv"
    journal.close()


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="Name another table"):
        VoteJournal(tmp_path / "file/labels.csv", CLASSES)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("x", "Expecting value"),
        ("[]", "list"),
        ('{"rater": ""}', "a name"),
        ('{"strange": 1}', "strange"),
        ('{"track": "/a.wav", "artist": 3}', "texts"),
        ('{"track": "/a.wav", "columns": {"genre": null}}', "texts"),
        ('{"point": {"n": "x", "n_artists": 1, "balanced_accuracy": 1, "low": 1, "high": 1}}', "numbers from 0 on"),
    ],
)
def test_a_damaged_journal_is_told_with_its_line(table, line, found):
    journal = VoteJournal(table, CLASSES)
    journal.close()
    with open(journal.path, "a") as file:
        file.write(f"{line}\n")
    with pytest.raises(StoreError, match=f"{found}.*line 2"):
        VoteJournal(table, CLASSES)
    journal.path.write_text(json.dumps({"format": "other"}) + "\n")
    with pytest.raises(StoreError, match="essentia-ldl votes 1; got 'other'"):
        VoteJournal(table, CLASSES)
    journal.path.write_text(json.dumps({"format": FORMAT, "classes": 2}) + "\n")
    with pytest.raises(StoreError, match=r"what annotate wrote; got 2.*line 1"):
        VoteJournal(table, CLASSES)


def test_names_and_titles_may_have_any_characters(table):
    path, title = "/music/a\u2028b\x85c.wav", 'one\ntwo\u2029,"three"\x0b'
    journal = VoteJournal(table, CLASSES)
    say(journal, "ann", path, "sad", Known("\x1c", title, {"n\x0cote": "=1+1"}))
    journal.close()
    journal = VoteJournal(table, CLASSES)
    assert journal.known == {path: Known("\x1c", title, {"n\x0cote": "=1+1"})}
    assert list(journal.votes.latest) == [path]
    journal.close()


def test_a_table_of_strange_names_is_read_by_train(table):
    names = [b" first.wav", b"caf\xe9.wav", b'-a, "b".wav', b"#c?d%20e.wav", b"~f.wav", b"g\nh.wav", b"=1+1.wav"]
    table.parent.mkdir()
    paths = [os.path.join(table.parent, os.fsdecode(name)) for name in names]
    journal = VoteJournal(table, CLASSES)
    for path in paths:
        Path(path).write_bytes(b"x")
        say(journal, "ann", path, "sad")
    journal.close()
    assert sorted(track.path for track in read_tracks(table)) == sorted(paths)


def test_columns_of_music_do_not_stand_twice(music, table):
    journal = VoteJournal(table, ("Sad", "non_sad"))
    say(
        journal,
        "ann",
        music[0],
        "Sad",
        Known("Nina", "", {"Sad": "0.5", "N_RATERS": "3", "Title": "x", "Genre": "soul"}),
    )
    journal.close()
    assert table.read_text().splitlines()[0] == "path,label,artist,Genre,Sad,non_sad,n_raters"


def test_names_of_files_need_not_be_utf8(table):
    path = os.fsdecode(b"/music/caf\xe9.wav")
    journal = VoteJournal(table, CLASSES)
    say(journal, "ann", path, "sad", Known("Bj\u00f6rk"))
    journal.close()
    assert b"/music/caf\xe9.wav,sad,Bj\xc3\xb6rk" in table.read_bytes()
    journal = VoteJournal(table, CLASSES)
    assert list(journal.votes.latest) == [path]
    assert journal.notes == []
    journal.close()
