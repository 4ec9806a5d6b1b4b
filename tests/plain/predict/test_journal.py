"""Answers that outlive their process: what is kept, what is asked again, and whose journal it is."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.errors import DiskError, GraphError, StoreError
from essentia_ldl.predict import journal as journal_module
from essentia_ldl.predict.ask import Question
from essentia_ldl.predict.journal import Journal, identify, list_parts
from essentia_ldl.records import Failure

ASKED = {"models": {"sad-1": ["a", "b"]}, "options": {"segments": False}, "format": "csv"}


@pytest.fixture
def files(tmp_path, monkeypatch) -> list[str]:
    """Three files of the working folder, a moment older than the journal."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "b.wav", "c.wav"):
        Path(name).write_text(name)
    time.sleep(0.02)  # the clock of a file system ticks some hundred times a second
    return ["a.wav", "b.wav", "c.wav"]


@pytest.fixture
def begin(files, make_prediction):
    """A function (answered) -> what stays after a process that answered for some files: a journal beside out.csv."""

    def run(*answered: str, asked=ASKED) -> Path:
        with Journal(os.path.realpath("out.csv"), asked, files) as journal:
            for path in answered:
                bad = path.startswith("bad")
                path = path.removeprefix("bad ")
                journal.add(path, Failure(path, "predict", "silence") if bad else [make_prediction(path)])
        return Path("out.csv.journal")

    return run


def resume(files, asked=ASKED, again=False) -> list[str]:
    with Journal(os.path.realpath("out.csv"), asked, files, again) as journal:
        return journal.list_missing()


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_answers_come_back_in_the_order_of_the_files_with_every_bit(files, make_prediction):
    random = np.random.default_rng(0)
    made = {
        path: [
            make_prediction(path, segments=random.dirichlet([1, 1], 4), notes=("padded",), uncertainty={"x": 1 / 3}),
            make_prediction(path, "b", classes=("ü", 'q"'), segments=random.random((2, 2))),
        ]
        for path in files
    }
    with Journal(os.path.realpath("out.csv"), ASKED, files) as journal:
        for path in reversed(files):
            journal.add(path, made[path], with_segments=True)
        found = list(journal.read())
    assert [answers[0].path for answers in found] == files
    for path, answers in zip(files, found, strict=True):
        for before, after in zip(made[path], answers, strict=True):
            assert before.probabilities.tobytes() == after.probabilities.tobytes()
            assert before.segments.tobytes() == after.segments.tobytes()
            assert (before.model, before.classes, before.notes) == (after.model, after.classes, after.notes)
            assert (before.duration_s, before.uncertainty) == (after.duration_s, after.uncertainty)


def test_a_failure_comes_back_and_is_tried_again(files, begin):
    begin("a.wav", "bad b.wav")
    with Journal(os.path.realpath("out.csv"), ASKED, files) as journal:
        assert journal.list_missing() == ["b.wav", "c.wav"]
        journal.add("b.wav", Failure("b.wav", "predict", "noise"))
        journal.add("c.wav", Failure("c.wav", "predict", "ü"))
        reasons = [one.reason if isinstance(one, Failure) else one[0].model for one in journal.read()]
        assert reasons == ["sad-1", "noise", "ü"]


def test_a_changed_file_is_asked_again(files, begin):
    begin(*files)
    assert resume(files) == []
    Path("a.wav").write_text("longer than before")
    os.utime("b.wav", ns=(1, 1))
    assert resume(files) == ["a.wav", "b.wav"]
    Path("c.wav").unlink()
    assert resume(files) == files


def test_a_file_that_changes_while_it_is_read_is_asked_again(files, make_prediction):
    with Journal(os.path.realpath("out.csv"), ASKED, files) as journal:
        before = os.stat("a.wav")
        time.sleep(0.02)
        Path("a.wav").write_text("A.wav")
        os.utime("a.wav", ns=(before.st_atime_ns, before.st_mtime_ns))
        journal.add("a.wav", [make_prediction("a.wav")])
        journal.add("b.wav", [make_prediction("b.wav")])
    assert resume(files) == ["a.wav", "c.wav"]


def test_a_name_that_is_not_utf8_is_kept(tmp_path, monkeypatch, make_prediction):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"caf\xe9\t\n.wav")
    Path(name).touch()
    time.sleep(0.02)
    with Journal(os.path.realpath("out.csv"), ASKED, [name]) as journal:
        journal.add(name, [make_prediction(name)])
    with Journal(os.path.realpath("out.csv"), ASKED, [name]) as journal:
        assert journal.list_missing() == []
        assert next(journal.read())[0].path == name


def test_again_starts_anew(files, begin):
    begin("a.wav", "b.wav")
    assert resume(files, again=True) == files


@pytest.mark.parametrize("n_cut", [1, 7, 60])
def test_a_torn_last_line_is_dropped_and_the_next_one_is_whole(files, begin, make_prediction, n_cut):
    path = begin("a.wav", "b.wav")
    whole = path.read_bytes()
    path.write_bytes(whole[:-n_cut])
    with Journal(os.path.realpath("out.csv"), ASKED, files) as journal:
        assert journal.list_missing() == ["b.wav", "c.wav"]
        journal.add("b.wav", [make_prediction("b.wav")])
    assert path.read_bytes() == whole


def test_a_line_that_a_power_failure_spoilt_is_asked_again(files, begin):
    path = begin(*files)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"0.625", b"0.626")
    lines[2] = bytes(len(lines[2]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    assert resume(files) == ["a.wav", "b.wav"]


@pytest.mark.parametrize("n_left", [0, 1, 20])
def test_a_journal_that_was_hardly_begun_is_begun_anew(files, begin, n_left):
    path = begin("a.wav")
    path.write_bytes(path.read_bytes()[:n_left])
    assert resume(files) == files


def test_a_journal_without_an_answer_does_not_stay(files):
    assert resume(files) == files
    assert not Path("out.csv.journal").exists()


def test_no_file_may_lack_its_answer(files, begin):
    begin("a.wav")
    with Journal(os.path.realpath("out.csv"), ASKED, files) as journal:
        answers = journal.read()
        next(answers)
        with pytest.raises(StoreError, match=r"an answer for every file; got 'none' \(b\.wav\)"):
            next(answers)


# --- whose journal ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"models": {"sad-1": ["a", "c"]}}, "models"),
        ({"options": {"segments": True}, "format": "json"}, "options and format"),
    ],
)
def test_the_journal_of_another_question_is_refused_and_stays(files, begin, other, named):
    path = begin("a.wav")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=rf"journal: expected the same .*; got 'other {named}'.*--again"):
        resume(files, ASKED | other)
    assert path.read_bytes() == before
    assert resume(files, ASKED | other, again=True) == files


@pytest.mark.parametrize("content", [b"my notes\n", b"notes", b"\0\0", b'{"kind": "another journal"}\n'])
@pytest.mark.parametrize("again", [False, True])
def test_a_file_of_that_name_which_is_no_journal_is_refused_and_stays(files, content, again):
    Path("out.csv.journal").write_bytes(content)
    with pytest.raises(StoreError, match="expected a journal of predict; got 'another file'"):
        resume(files, again=again)
    assert Path("out.csv.journal").read_bytes() == content


def test_a_folder_or_a_pipe_of_that_name_is_refused(files):
    os.mkfifo("out.csv.journal")
    with pytest.raises(StoreError, match="expected a journal of predict; got 'no file'"):
        resume(files)


def test_answers_for_files_that_are_not_named_any_more_are_not_lost(files, begin):
    path = begin("a.wav", "b.wav")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"answers for files of this command; got '1 others, .*b\.wav'"):
        resume(["a.wav", "c.wav"])
    assert path.read_bytes() == before
    Path("b.wav").unlink()
    assert resume(["a.wav", "c.wav"]) == ["c.wav"]


def test_the_same_name_in_another_folder_is_another_file(files, begin, monkeypatch, tmp_path):
    document = os.path.realpath("out.csv")
    begin("a.wav")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    with pytest.raises(StoreError, match="answers for files of this command"):
        Journal(document, ASKED, ["a.wav"])


def test_a_second_process_is_refused_until_the_first_has_died(files):
    code = f"""
import sys
from essentia_ldl.predict.journal import Journal
with Journal({os.path.realpath("out.csv")!r}, {ASKED!r}, ["a.wav"]):
    print("open", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(StoreError, match=r"out\.csv is being written by another process\. Wait for it"):
            resume(files)
        process.kill()
    assert resume(files) == files


def test_a_journal_that_was_taken_away_while_it_was_opened_is_made_anew(files, monkeypatch):
    Path("out.csv.journal").touch()
    real, removed = journal_module.is_at, []

    def is_at(file, path):
        if not removed:
            removed.append(path)
            os.unlink(path)
        return real(file, path)

    monkeypatch.setattr(journal_module, "is_at", is_at)
    assert resume(files) == files
    assert len(removed) == 1


# --- the disk --------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_one_sentence_and_what_was_written_stays(files, begin, monkeypatch, make_prediction):
    path = begin("a.wav")
    before, real, calls = path.read_bytes(), os.pwrite, []

    def pwrite(file, data, place):
        calls.append(place)
        if len(calls) == 1:
            return real(file, data[:10], place)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Journal(os.path.realpath("out.csv"), ASKED, files) as journal:
        monkeypatch.setattr(os, "pwrite", pwrite)
        with pytest.raises(DiskError, match=r"out\.csv could not be written: No space left on device\."):
            journal.add("b.wav", [make_prediction("b.wav")])
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(StoreError, match=r"^The output '.*out\.csv' cannot be written: No such file or directory\."):
        Journal(str(tmp_path / "nowhere" / "out.csv"), ASKED, [])


def test_lines_reach_the_disk_every_other_second(files, monkeypatch, make_prediction):
    synced = []
    with Journal(os.path.realpath("out.csv"), ASKED, files) as journal:
        monkeypatch.setattr(os, "fsync", synced.append)
        journal.add("a.wav", [make_prediction("a.wav")])
        assert synced == []
        monkeypatch.setattr(journal_module, "SYNC_S", -1)
        journal.add("b.wav", [make_prediction("b.wav")])
        assert len(synced) == 1


# --- what is asked ---------------------------------------------------------------------------------------------------


def test_models_are_told_apart_by_the_bytes_of_graph_and_card(tmp_path, make_model):
    model = make_model()
    graph, card = tmp_path / "sad-1.pb", tmp_path / "sad-1.json"
    graph.write_bytes(b"1")
    card.write_text("{}")
    model = type(model)(model.name, str(graph), model.card)
    first = identify(list_parts([model], tmp_path), Question(), "csv")
    assert json.loads(json.dumps(first)) == first
    assert identify(list_parts([model], tmp_path), Question(("sad-1",)), "csv") == first
    card.write_text("{ }")
    second = identify(list_parts([model], tmp_path), Question(), "csv")
    graph.write_bytes(b"22")
    third = identify(list_parts([model], tmp_path), Question(), "csv")
    assert len({str(one["models"]) for one in (first, second, third)}) == 3
    assert identify(list_parts([model], tmp_path), Question(patch_hop_frames=9), "csv")["options"] != first["options"]
    assert identify(list_parts([model], tmp_path), Question(), "json")["format"] == "json"


def test_the_extractor_of_a_head_belongs_to_it(tmp_path, make_model):
    head = make_model("head-1", needs={"algorithm": "TensorflowPredictMusiCNN", "model_name": "msd-musicnn-1"})
    with pytest.raises(GraphError, match=r"expected msd-musicnn-1\.pb"):
        list_parts([head], tmp_path)
    extractor = make_model("msd-musicnn-1")
    for name, model in (("msd-musicnn-1", extractor), ("head-1", head)):
        (tmp_path / f"{name}.pb").write_bytes(name.encode())
        (tmp_path / f"{name}.json").write_text(json.dumps(dict(model.card.fields)))
    head = type(head)(head.name, str(tmp_path / "head-1.pb"), head.card)
    parts = list_parts([head], tmp_path)
    assert [(name, part.name) for name, part in parts] == [("head-1", "head-1"), ("head-1", "msd-musicnn-1")]
    first = identify(parts, Question(), "csv")
    (tmp_path / "msd-musicnn-1.pb").write_bytes(b"another")
    assert identify(parts, Question(), "csv")["models"] != first["models"]


def test_files_at_urls_are_kept_while_they_do_not_change(tmp_path, make_prediction, monkeypatch):
    (tmp_path / "a.wav").write_text("a")
    urls = [f"{tmp_path.as_uri()}/{name}" for name in ("a.wav", "none.wav")]
    with Journal(str(tmp_path / "out.csv"), ASKED, urls) as journal:
        for url in urls:
            journal.add(url, [make_prediction(url)])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with Journal(str(tmp_path / "out.csv"), ASKED, urls) as journal:
        assert journal.list_missing() == urls[1:], "nobody knows whether the other one is still the same"
    (tmp_path / "a.wav").write_text("other")
    with Journal(str(tmp_path / "out.csv"), ASKED, urls) as journal:
        assert journal.list_missing() == urls
    with (
        pytest.raises(StoreError, match=r"1 others, file:///.*a\.wav"),
        Journal(str(tmp_path / "out.csv"), ASKED, urls[1:]),
    ):
        pass
