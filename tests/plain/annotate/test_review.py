"""The label audit as it is opened for listening: what others write into its file is kept, whoever they are."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import threading
from pathlib import Path

import pytest

from essentia_ldl.annotate import review
from essentia_ldl.annotate.review import Audit, open_audit
from essentia_ldl.collection.corrections import read_corrections
from essentia_ldl.errors import DataError, DiskError, StoreError, UnknownNameError
from essentia_ldl.files import Home
from essentia_ldl.report.kinds import NO_AUDIT

_spec = importlib.util.spec_from_file_location(
    "review_report_writer", Path(__file__).parents[1] / "report" / "conftest.py"
)
_report = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_report)
home, make_writer = _report.home, _report.make_writer  # runs as the tests of the report write them
judge_run, read_audit = _report.judge_run, _report.read_audit

CLASSES = ("non_sad", "sad")
HEADER = "rank,id,path,artist,label,suggestion,disagreement,neighbours_of_label,model_of_label,nearest,correction"
ROWS = (
    '1,"a, b.wav","/m/a, b.wav",Nina,sad,non_sad,0.9000,0.1000,,c.wav | d.wav,',
    "2,c.wav,/m/c.wav,,non_sad,non_sad,0.5000,0.7000,0.3000,,sad",
    "3,caf\udce9.wav,/m/caf\udce9.wav,,sad,sad,0.1000,0.9000,0.9000,c.wav,",
    ",gone.wav,,,sad,,,,,,drop",
)
TEXT = "\n".join([HEADER, *ROWS, ""])


@pytest.fixture
def audit(tmp_path) -> Audit:
    """An audit of three tracks, and of one that was left out."""
    (tmp_path / "audit.csv").write_bytes(os.fsencode(TEXT))
    return Audit(tmp_path, CLASSES)


def read_said(audit: Audit) -> dict[str, str]:
    """What `train --corrections` would read."""
    return {name: value for name, (_, value) in read_corrections(audit.path).values.items()}


# --- what is there --------------------------------------------------------------------------------------------------


def test_tracks_come_in_order_of_doubt_with_all_that_is_known(audit):
    first, second, third = audit.items
    assert (first.id, first.path, first.artist) == ("a, b.wav", "/m/a, b.wav", "Nina")
    assert (first.label, first.suggestion, first.disagreement, first.correction) == ("sad", "non_sad", 0.9, "")
    assert first.opinions == {"neighbours": 0.1}
    assert first.nearest == ("c.wav", "d.wav")
    assert second.opinions == {"neighbours": 0.7, "model": 0.3}
    assert (second.correction, second.nearest) == ("sad", ())
    assert third.id == "caf\udce9.wav"


def test_the_order_is_that_of_the_report_when_a_spreadsheet_has_sorted(audit):
    text = "\n".join([HEADER, *reversed(ROWS), ""])
    audit.path.write_bytes(os.fsencode(text))
    assert [item.disagreement for item in audit.items] == [0.9, 0.5, 0.1]


def test_a_report_is_opened_by_the_name_of_its_run(home, make_writer, judge_run, read_audit):
    writer = make_writer()
    folder = writer.train()
    judge_run(folder)
    found = open_audit("mood-sad-1", Home(home))
    assert found.classes == writer.classes
    assert [item.id for item in found.items] == [row["id"] for row in read_audit(folder)]
    assert {item.path for item in found.items} == set(writer.paths().values())
    assert open_audit(str(folder), Home(home)).items == found.items
    for item, word in zip(found.items, ("sad", "drop", "non_sad"), strict=False):
        found.correct(item.id, word)
    _, notes = judge_run(folder)  # the report is written again, where answered tracks come last
    assert notes == []
    assert [item.correction for item in found.items[-3:]].count("drop") == 1
    assert sorted(item.correction for item in found.items if item.correction) == ["drop", "non_sad", "sad"]


# --- what is written ------------------------------------------------------------------------------------------------


def test_one_answer_changes_one_row(audit):
    audit.correct("caf\udce9.wav", "non_sad")
    audit.correct("a, b.wav", "drop")
    text = os.fsdecode(audit.path.read_bytes())
    before, after = list(csv.reader(io.StringIO(TEXT))), list(csv.reader(io.StringIO(text)))
    changed = [(old[1], new[-1]) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [("a, b.wav", "drop"), ("caf\udce9.wav", "non_sad")]
    assert [row[:-1] for row in before] == [row[:-1] for row in after]
    assert [item.correction for item in audit.items] == ["drop", "sad", "non_sad"]
    audit.correct("a, b.wav", "")
    audit.correct("caf\udce9.wav", "")
    assert audit.path.read_bytes() == os.fsencode(TEXT)


def test_a_word_that_somebody_wrote_can_be_put_back(audit):
    """Another name of a class, as the recipe lists them, or a slip that `train` tells of."""
    audit.path.write_bytes(audit.path.read_bytes().replace(b"0.3000,,sad", b"0.3000,,gloomy"))
    before = audit.path.read_bytes()
    assert audit.items[1].correction == "gloomy"
    audit.correct("c.wav", "drop")
    audit.correct("c.wav", "gloomy")
    assert audit.path.read_bytes() == before


def test_an_answer_that_stands_already_writes_nothing(audit):
    before = os.stat(audit.path)
    audit.correct("c.wav", "sad")
    assert os.stat(audit.path) == before


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_a_spreadsheet_has_saved_stays_as_the_spreadsheet_writes(audit, separator, encoding):
    rows = [row for row in csv.reader(io.StringIO(TEXT)) if "\udce9" not in row[1]]
    rows = [[cell.replace("0.", "0,") if cell[:2] == "0." else cell for cell in row] for row in rows]
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\r\n").writerows(rows)
    audit.path.write_bytes(text.getvalue().encode(encoding))
    assert audit.items[0].disagreement == 0.9
    audit.correct("a, b.wav", "non_sad")
    rows[1][-1] = "non_sad"
    expected = io.StringIO()
    csv.writer(expected, delimiter=separator, lineterminator="\r\n").writerows(rows)
    assert audit.path.read_bytes() == expected.getvalue().encode(encoding)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there.csv").write_bytes(os.fsencode(TEXT))
    (tmp_path / "audit.csv").symlink_to("there.csv")
    Audit(tmp_path, CLASSES).correct("a, b.wav", "drop")
    assert (tmp_path / "audit.csv").is_symlink()
    assert b"drop\n2,c.wav" in (tmp_path / "there.csv").read_bytes()


# --- others write too -----------------------------------------------------------------------------------------------


def test_what_somebody_saved_in_between_is_kept_and_seen(audit):
    audit.path.write_bytes(audit.path.read_bytes().replace(b"c.wav | d.wav,", b"c.wav | d.wav,drop"))
    assert audit.items[0].correction == "drop"
    audit.path.write_bytes(audit.path.read_bytes().replace(b",,,sad\n", b",,,\n").replace(b"0.3000,,sad", b"0.3000,,"))
    audit.correct("caf\udce9.wav", "non_sad")
    assert read_said(audit) == {"a, b.wav": "drop", "caf\udce9.wav": "non_sad", "gone.wav": "drop"}


def test_what_somebody_saves_while_an_answer_is_written_is_kept(audit, monkeypatch):
    """The other one saves after the file was read and before it is replaced, once."""
    fsync, saved = os.fsync, []

    def save_first(file):
        if not saved:
            saved.append(audit.path.write_bytes(audit.path.read_bytes().replace(b"0.3000,,sad", b"0.3000,,drop")))
        fsync(file)

    monkeypatch.setattr(review.os, "fsync", save_first)
    audit.correct("a, b.wav", "non_sad")
    assert saved
    assert read_said(audit) == {"a, b.wav": "non_sad", "c.wav": "drop", "gone.wav": "drop"}
    assert os.listdir(audit.folder) == ["audit.csv"]


def test_a_track_that_a_new_report_does_not_have_keeps_its_answer(audit):
    track_id = audit.items[0].id
    rows = [HEADER, *ROWS[1:3]]
    audit.path.write_bytes(os.fsencode("\n".join(rows)))
    audit.correct(track_id, "")
    assert audit.path.read_bytes() == os.fsencode("\n".join(rows))
    audit.correct(track_id, "drop")
    assert audit.path.read_bytes() == os.fsencode("\n".join([*rows, ',"a, b.wav",,,sad,,,,,,drop', ""]))
    audit.correct(track_id, "sad")
    assert read_said(audit) == {"a, b.wav": "sad", "c.wav": "sad"}
    assert [item.id for item in audit.items] == ["c.wav", "caf\udce9.wav"]


def test_many_answers_at_once_are_all_kept(tmp_path):
    """Two servers with two browsers each, and a spreadsheet that answers rows of its own."""
    names = [f"{n:02}.wav" for n in range(40)]
    rows = [f"{n + 1},{name},/m/{name},,sad,sad,0.1000,0.9000,0.9000,," for n, name in enumerate(names)]
    (tmp_path / "audit.csv").write_text("\n".join([HEADER, *rows, ""]))
    audits = [Audit(tmp_path, CLASSES), Audit(tmp_path, CLASSES)]
    said = {name: ("sad", "non_sad", "drop")[n % 3] for n, name in enumerate(names)}

    def answer(number: int) -> None:
        for name in names[number::4]:
            audits[number % 2].correct(name, said[name])

    threads = [threading.Thread(target=answer, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_said(audits[0]) == said
    assert {item.id: item.correction for item in audits[1].items} == said


# --- what is wrong --------------------------------------------------------------------------------------------------


def test_what_is_no_class_or_no_track_is_one_sentence(audit):
    with pytest.raises(
        UnknownNameError, match=r"one of non_sad, sad, drop, or nothing; got 'sadd' .*Did you mean 'sad'"
    ):
        audit.correct("c.wav", "sadd")
    with pytest.raises(UnknownNameError, match=r"id: expected a track of the audit; got 'x'"):
        audit.correct("x", "sad")
    assert audit.path.read_bytes() == os.fsencode(TEXT)


def test_a_run_without_a_report_says_what_to_do(home, make_writer):
    make_writer(n_tracks=6).train()
    with pytest.raises(StoreError, match=r"Write it first: essentia-ldl report mood-sad-1"):
        open_audit("mood-sad-1", Home(home))
    with pytest.raises(UnknownNameError, match=r"There are: mood-sad-1"):
        open_audit("other", Home(home))


def test_a_run_of_tags_has_none(home, make_writer):
    folder = make_writer(n_tracks=6).train()
    scores = json.loads((folder / "scores.json").read_text())
    (folder / "scores.json").write_text(json.dumps({**scores, "kind": "multi-label"}))
    with pytest.raises(DataError, match="is of multi-label targets") as caught:
        open_audit("mood-sad-1", Home(home))
    assert NO_AUDIT in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (HEADER, "rank,id", r"header: expected one column 'correction'"),
        ("path,", "place,", r"header: expected a column 'path'; .*Run report again"),
        ("0.9000,0.1000", "high,0.1000", r"disagreement: expected a number; got 'high' .*row 2, a, b.wav"),
        ("0.9000,0.1000", "nan,0.1000", r"disagreement: expected a number"),
        (",sad\n3", ",sad,x\n3", r"row: expected 11 cells; got 12 .*row 3"),
        ('b.wav",', "b.wav,", r"row: expected comma-separated values; got 'a quote that is not closed' .*row 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence_and_stays(audit, old, new, message):
    damaged = os.fsencode(TEXT.replace(old, new, 1))
    assert damaged != os.fsencode(TEXT)
    audit.path.write_bytes(damaged)
    assert len(audit.items) == 3  # as they were
    with pytest.raises(DataError, match=message):
        audit.correct("c.wav", "drop")
    with pytest.raises(DataError, match=message):
        Audit(audit.folder, CLASSES)
    assert audit.path.read_bytes() == damaged


def test_a_file_that_is_gone_is_one_sentence(audit):
    audit.path.unlink()
    with pytest.raises(StoreError, match=r"a report with audit\.csv; got 'none'"):
        audit.correct("c.wav", "drop")


def test_a_disk_that_is_full_leaves_what_was_there(audit, monkeypatch):
    def fail(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(review.os, "fsync", fail)
    with pytest.raises(DiskError, match="No space left"):
        audit.correct("c.wav", "drop")
    assert audit.path.read_bytes() == os.fsencode(TEXT)
    assert os.listdir(audit.folder) == ["audit.csv"]
