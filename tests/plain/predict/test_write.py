"""Text, json and csv, and the file that appears when it is whole."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.errors import DataError, DiskError, StoreError
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model
from essentia_ldl.predict.ask import Question
from essentia_ldl.predict.write import Output, Writer, choose_form, open_document, sweep_parts


@pytest.fixture
def write(make_model) -> Callable[..., str]:
    """A function (form, predictions of each file) -> the document."""

    def run(form, *files, models=None, hop=None, **wanted):
        text = io.StringIO()
        named = dict.fromkeys(one.model for predictions in files for one in predictions)
        models = models or [make_model(name) for name in named] or [make_model()]
        writer = Writer(text.write, form, models, Question(patch_hop_frames=hop, **wanted))
        for predictions in files:
            writer.add(list(predictions))
        writer.close()
        return text.getvalue()

    return run


# --- formats ---------------------------------------------------------------------------------------------------------


def test_text(make_prediction, write):
    two = make_prediction(model="other-model-1", classes=("x", "y"), segments=[[0.5, 0.5]])
    text = write("text", [make_prediction(notes=("padded", "mono")), two], [make_prediction("b.mp3")])
    assert text.splitlines() == [
        "a.mp3  (4.5 s)  [padded]  [mono]",
        "  sad-1           sad 0.62   non_sad 0.38",
        "  other-model-1   x 0.50   y 0.50",
        "b.mp3  (4.5 s)",
        "  sad-1   sad 0.62   non_sad 0.38",
    ]


def test_text_of_segments(make_prediction, write):
    text = write("text", [make_prediction()], segments=True)
    assert text.splitlines()[2:] == [
        "        0.00 -     2.99 s   sad 0.75   non_sad 0.25",
        "        1.49 -     4.48 s   non_sad 0.50   sad 0.50",
    ]


def test_text_of_many_classes_is_the_ten_best(make_prediction, write):
    classes = [f"tag{n:02}" for n in range(50)]
    values = np.linspace(0, 0.98, 50)
    lines = write("text", [make_prediction(classes=classes, segments=[values])]).splitlines()
    assert lines[1] == "  sad-1"
    assert len(lines) == 2 + 10
    assert lines[2] == "    0.98  tag49"
    assert lines[-1] == "    0.80  tag40"


def test_json(make_prediction, write):
    text = write(
        "json", [make_prediction(), make_prediction(model="n", notes=("padded",))], [make_prediction("ü, b.mp3")]
    )
    value = json.loads(text)
    assert value[0] == {
        "path": "a.mp3",
        "model": "sad-1",
        "duration_s": 4.5,
        "notes": [],
        "probabilities": {"non_sad": 0.375, "sad": 0.625},
    }
    assert [(row["path"], row["model"]) for row in value] == [("a.mp3", "sad-1"), ("a.mp3", "n"), ("ü, b.mp3", "sad-1")]
    assert value[1]["notes"] == ["padded"]
    assert "ü" in text
    assert json.loads(write("json")) == []


def test_json_of_segments(make_prediction, write):
    (value,) = json.loads(write("json", [make_prediction()], segments=True))
    assert value["segments"] == [
        {"start_s": 0.0, "end_s": 2.992, "non_sad": 0.25, "sad": 0.75},
        {"start_s": 1.488, "end_s": 4.48, "non_sad": 0.5, "sad": 0.5},
    ]
    (value,) = json.loads(write("json", [make_prediction()], segments=True, hop=187))
    assert value["segments"][1]["start_s"] == 2.992


def test_csv(make_prediction, write):
    text = write("csv", [make_prediction('a, "b".mp3')])
    assert list(csv.reader(io.StringIO(text))) == [
        ["path", "model", "class", "probability"],
        ['a, "b".mp3', "sad-1", "non_sad", "0.375000"],
        ['a, "b".mp3', "sad-1", "sad", "0.625000"],
    ]
    assert write("csv") == "path,model,class,probability\n"


def test_csv_of_segments(make_prediction, write):
    rows = list(csv.reader(io.StringIO(write("csv", [make_prediction()], segments=True))))
    assert rows[0] == ["path", "model", "start_s", "end_s", "class", "probability"]
    assert rows[1:] == [
        ["a.mp3", "sad-1", "0.000", "2.992", "non_sad", "0.250000"],
        ["a.mp3", "sad-1", "0.000", "2.992", "sad", "0.750000"],
        ["a.mp3", "sad-1", "1.488", "4.480", "non_sad", "0.500000"],
        ["a.mp3", "sad-1", "1.488", "4.480", "sad", "0.500000"],
    ]


def test_jsonl_is_the_objects_of_json_one_per_line(make_model, make_prediction, write):
    files = [[make_prediction("ü.mp3", notes=("padded",)), make_prediction("ü.mp3", "n")], [make_prediction("b\n.mp3")]]
    lines = write("jsonl", *files, min_confidence=0.9, models=[make_model(name) for name in ("sad-1", "n")])
    assert [json.loads(line) for line in lines.splitlines()] == json.loads(
        write("json", *files, min_confidence=0.9, models=[make_model(name) for name in ("sad-1", "n")])
    )
    assert "ü" in lines
    assert write("jsonl") == ""


@pytest.mark.parametrize("segments", [False, True])
def test_notes_are_the_last_column_of_a_csv_that_asks_for_them(make_prediction, write, segments):
    files = [[make_prediction(notes=("padded", "mono"))], [make_prediction("b.mp3")]]
    plain = write("csv", *files, segments=segments).splitlines()
    lines = write("csv", *files, segments=segments, notes=True).splitlines()
    n_first = (len(plain) - 1) // 2
    notes = ["notes", *["padded; mono"] * n_first, *[""] * n_first]
    assert lines == [f"{line},{note}" for line, note in zip(plain, notes, strict=True)]


def test_json_and_csv_say_the_same(make_prediction, write):
    random = np.random.default_rng(0)
    made = [[make_prediction(f"{n}.mp3", segments=random.dirichlet([1, 1], size=4))] for n in range(5)]
    from_json = {
        (row["path"], name): value
        for row in json.loads(write("json", *made))
        for name, value in row["probabilities"].items()
    }
    rows = csv.DictReader(io.StringIO(write("csv", *made)))
    from_csv = {(row["path"], row["class"]): float(row["probability"]) for row in rows}
    assert from_csv == pytest.approx(from_json, abs=1e-6)


# --- how sure --------------------------------------------------------------------------------------------------------


SURE = {"predictive_entropy": 0.62, "expected_entropy": 0.5, "mutual_information": 0.12}


def test_uncertainty_in_text_says_what_the_model_does_not_know(make_model, make_prediction, write):
    sampled, single = make_prediction(uncertainty=SURE), make_prediction(model="other-1")
    text = write("text", [sampled, single], models=[make_model(), make_model("other-1")], uncertainty=True)
    lines = text.splitlines()
    expected = "    entropy 0.66 nats; of the patches: predictive 0.62, expected 0.50, mutual information 0.12"
    assert lines[2] == expected
    assert lines[4] == "    entropy 0.66 nats; no samples or members, so nothing about what the model does not know"


def test_uncertainty_in_json_is_null_where_the_graph_says_nothing(make_model, make_prediction, write):
    sampled, single = make_prediction(uncertainty=SURE), make_prediction(model="other-1")
    models = [make_model(), make_model("other-1")]
    first, second = json.loads(write("json", [sampled, single], models=models, uncertainty=True))
    assert first["uncertainty"] == {"entropy": pytest.approx(0.661563, abs=1e-6), **SURE}
    assert second["uncertainty"]["mutual_information"] is None
    assert "label" not in first


@pytest.mark.parametrize("segments", [False, True])
def test_csv_rows_carry_label_and_entropies_of_the_track(make_model, make_prediction, write, segments):
    settings = {"segments": segments, "uncertainty": True, "min_confidence": 0.7}
    text = write("csv", [make_prediction(uncertainty=SURE)], models=[make_model()], **settings)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == (4 if segments else 2)
    assert {row["label"] for row in rows} == {"uncertain"}  # 0.625
    assert {row["mutual_information"] for row in rows} == {"0.120000"}
    assert None not in rows[0]


@pytest.mark.parametrize(("threshold", "label"), [(0.625, "sad"), (0.63, "uncertain")])
def test_a_label_below_the_confidence_is_uncertain(make_model, make_prediction, write, threshold, label):
    models = [make_model()]
    (value,) = json.loads(write("json", [make_prediction()], models=models, min_confidence=threshold))
    assert value["label"] == label
    text = write("text", [make_prediction()], models=models, min_confidence=threshold)
    assert ("uncertain" in text) == (label == "uncertain")


def test_tags_have_no_label(make_model, make_prediction, write):
    fields = {**make_model().card.fields, "type": "auto-tagging"}
    tagger = Model("sad-1", "/graphs/sad-1.pb", GraphCard(fields))
    (value,) = json.loads(write("json", [make_prediction()], models=[tagger], min_confidence=0.99))
    assert value["label"] is None


@pytest.mark.parametrize(
    ("wanted", "document"),
    [
        (
            {},
            b"path,model,class,probability\n"
            b'"a, ""b"".mp3",sad-1,non_sad,0.333333\n"a, ""b"".mp3",sad-1,sad,0.666667\n'
            b"\xc3\xbc.mp3,sad-1,non_sad,0.375000\n\xc3\xbc.mp3,sad-1,sad,0.625000\n",
        ),
        (
            {"segments": True, "min_confidence": 0.65, "uncertainty": True},
            b"path,model,start_s,end_s,class,probability,"
            b"label,entropy,predictive_entropy,expected_entropy,mutual_information\n"
            b'"a, ""b"".mp3",sad-1,0.000,2.992,non_sad,0.333333,sad,0.636514,0.620000,0.500000,0.120000\n'
            b'"a, ""b"".mp3",sad-1,0.000,2.992,sad,0.666667,sad,0.636514,0.620000,0.500000,0.120000\n'
            b"\xc3\xbc.mp3,sad-1,0.000,2.992,non_sad,0.250000,uncertain,0.661563,,,\n"
            b"\xc3\xbc.mp3,sad-1,0.000,2.992,sad,0.750000,uncertain,0.661563,,,\n"
            b"\xc3\xbc.mp3,sad-1,1.488,4.480,non_sad,0.500000,uncertain,0.661563,,,\n"
            b"\xc3\xbc.mp3,sad-1,1.488,4.480,sad,0.500000,uncertain,0.661563,,,\n",
        ),
    ],
)
def test_the_bytes_of_a_csv_are_these(wanted, document, tmp_path, make_model, make_prediction):
    """Other programs read them: not a byte changes."""
    output = Output("csv", str(tmp_path / "out.csv"))
    with output.open() as stream:
        writer = Writer(stream.write, output.form, [make_model()], Question(**wanted))
        writer.add([make_prediction('a, "b".mp3', segments=[[1 / 3, 2 / 3]], uncertainty=SURE)])
        writer.add([make_prediction("ü.mp3")])
        writer.close()
    assert (tmp_path / "out.csv").read_bytes() == document


# --- the output ------------------------------------------------------------------------------------------------------


def test_a_form_that_is_not_known_is_refused():
    with pytest.raises(DataError, match=r"format: expected text, json, jsonl, csv or parquet; got 'xml'"):
        Output("xml")


@pytest.mark.parametrize(
    ("path", "form"),
    [("a.csv", "csv"), ("a.b/c.JSON", "json"), ("x.jsonl", "jsonl"), ("x.ndjson", "jsonl"), ("x.parquet", "parquet")]
    + [(other, "text") for other in ("out.txt", "out", "csv", ".csv", "a.csv/out", "", None)],
)
def test_a_suffix_means_a_form(path, form):
    assert choose_form(path) == form


def test_parquet_needs_a_file_and_a_library(tmp_path, monkeypatch):
    for path in (None, os.devnull, str(tmp_path)):
        with pytest.raises(DataError, match="parquet: expected a file to write"):
            Output("parquet", path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"parquet: expected the library pyarrow; got 'none'.*pip install pyarrow"):
        Output("parquet", str(tmp_path / "out.parquet"))


def test_a_full_device_is_named():
    """Case C8: ENOSPC on `-o` was told as one of the standard output."""

    def write() -> None:
        with Output(path="/dev/full").open() as stream:
            stream.write("x" * 100_000)

    with pytest.raises(DiskError, match=r"^/dev/full could not be written: No space left on device\."):
        write()


def test_a_full_disk_leaves_what_was_there_and_no_half_file(tmp_path, monkeypatch):
    """Case C8: nothing is lost to a full disk."""
    path = tmp_path / "out.txt"
    path.write_text("before")

    def full(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write() -> None:
        with open_document(str(path)) as stream:
            stream.write("after")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match=rf"{re.escape(str(path))} could not be written: No space left on device"):
        write()
    assert path.read_text() == "before"
    assert [child.name for child in tmp_path.iterdir() if child.is_file()] == ["out.txt"]


def test_a_reader_that_goes_away_is_no_full_disk(tmp_path):
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: os.close(os.open(pipe, os.O_RDONLY)))
    reader.start()

    def write() -> None:
        with Output(path=pipe).open() as stream:
            reader.join(timeout=10)
            stream.write("x" * 100_000)

    with pytest.raises(BrokenPipeError):
        write()


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    """A2: each has a temporary name of its own."""
    path = str(tmp_path / "out.txt")
    with open_document(path) as first, open_document(path) as second:
        first.write("first")
        second.write("second")
    assert Path(path).read_text() == "first"
    assert os.stat(path).st_mode & 0o777 == 0o666 & ~read_umask()


def test_what_a_killed_writer_left_is_swept_and_nothing_else(tmp_path):
    kept = {".part-mine", "out.txt.part", ".part-"}
    for name in kept:
        (tmp_path / name).touch()
    with open_document(str(tmp_path / "other.txt")) as other:
        other.write("still here")
        with open_document(str(tmp_path / "out.txt")):
            (left,) = {path.name for path in tmp_path.glob(".part-*-*")} - {Path(other.name).name}
            os.link(tmp_path / left, tmp_path / f"{left}0")
        sweep_parts(str(tmp_path / "out.txt"))
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {*kept, "out.txt", "other.txt"}


def read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("before")
    with Output(path=str(path)).open() as stream:
        stream.write("after")
        stream.flush()
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert [child.name for child in tmp_path.iterdir() if child.is_file()] == ["out.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_unfinished_file_does_not_appear(tmp_path, error):
    path = tmp_path / "out.txt"

    def fail() -> None:
        with Output(path=str(path)).open() as stream:
            stream.write("half")
            raise error

    with pytest.raises(error):
        fail()
    assert [child.name for child in tmp_path.iterdir() if child.is_file()] == []


def test_a_pipe_is_written_to_directly(tmp_path):
    pipe, read = str(tmp_path / "pipe"), []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(Path(pipe).read_text()))
    reader.start()
    with Output(path=pipe).open() as stream:
        stream.write("here")
    reader.join(timeout=10)
    assert read == ["here"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", r"^output: expected a file to write; got 'a folder' \(.+\)\. Choose another\.$"),
        (
            "nowhere/out.txt",
            r"^The output '.+out\.txt' cannot be written: No such file or directory\. Choose another\.$",
        ),
    ],
)
def test_a_file_that_cannot_be_opened_is_one_sentence(tmp_path, name, told):
    with (
        pytest.raises(StoreError, match=told),
        Output(path=str(tmp_path / name)).open(),
    ):
        pytest.fail("it was opened")


def test_nothing_named_is_the_standard_output(capsys):
    with Output().open() as stream:
        stream.write("here")
    assert capsys.readouterr().out == "here"


def test_a_precision_other_than_f32_is_written(make_prediction, write):
    prediction = make_prediction()
    document = json.loads(write("json", [prediction], precision="bf16"))
    assert document[0]["precision"] == "bf16"
    assert "precision" not in json.loads(write("json", [prediction]))[0]
    header, *rows = write("csv", [prediction], precision="bf16").splitlines()
    assert header == "path,model,class,probability,precision"
    assert all(row.endswith(",bf16") for row in rows)
    segments = write("csv", [prediction], precision="bf16", segments=True)
    assert all(row.endswith(",bf16") for row in segments.splitlines()[1:])
