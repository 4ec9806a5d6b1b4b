"""The columns of a parquet file: those of the csv, as numbers, with the notes."""

from __future__ import annotations

import csv
import io
import os
import types

import numpy as np
import pytest

from essentia_ldl.predict import parquet as parquet_module
from essentia_ldl.predict.ask import Question
from essentia_ldl.predict.parquet import ParquetWriter
from essentia_ldl.predict.write import Output, Writer


class Played:
    """Stands for pyarrow where it is not installed: tables are dicts, a file is the list of its row groups."""

    def __init__(self) -> None:
        self.groups, self.closed = [], False

    def write_table(self, table) -> None:
        self.groups.append(table)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def played(monkeypatch) -> list[Played]:
    """The files that were written through the stand-in."""
    files: list[Played] = []

    def make_writer(stream, schema):
        files.append(Played())
        return files[-1]

    parquet = types.ModuleType("pyarrow.parquet")
    parquet.ParquetWriter = make_writer
    library = types.ModuleType("pyarrow")
    library.parquet, library.schema = parquet, dict
    library.table = lambda columns, schema: {name: list(columns[name]) for name in schema}
    library.string, library.float32, library.float64 = (lambda: "text"), (lambda: "float"), (lambda: "double")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", library)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", parquet)
    return files


SURE = {"predictive_entropy": 0.62, "expected_entropy": 0.5, "mutual_information": 0.12}
WANTED = [
    {},
    {"segments": True},
    {"segments": True, "min_confidence": 0.7, "uncertainty": True, "patch_hop_frames": 187},
]


@pytest.mark.parametrize("wanted", WANTED)
def test_the_columns_are_those_of_the_csv(wanted, played, make_model, make_prediction):
    question = Question(**wanted)
    files = [[make_prediction(notes=("padded", "mono"), uncertainty=SURE)], [make_prediction("ü.mp3")]]
    text = io.StringIO()
    writers = [
        Writer(text.write, "csv", [make_model()], Question(**wanted, notes=True)),
        ParquetWriter(io.BytesIO(), [make_model()], question),
    ]
    for writer in writers:
        for predictions in files:
            writer.add(predictions)
        writer.close()
    (file,) = played
    (table,) = file.groups
    rows = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert list(table) == list(rows[0])
    for number, row in enumerate(rows):
        for name, value in row.items():
            found = table[name][number]
            if isinstance(found, float):
                assert found == pytest.approx(float(value), abs=1e-3)
            else:
                assert ("" if found is None else found) == value
    assert file.closed


def test_row_groups_are_written_as_they_fill(played, monkeypatch, make_model, make_prediction):
    monkeypatch.setattr(parquet_module, "N_ROWS", 4)
    writer = ParquetWriter(io.BytesIO(), [make_model()], Question())
    for number in range(5):
        writer.add([make_prediction(f"{number}.wav")])
    writer.close()
    assert [len(group["path"]) for group in played[0].groups] == [4, 4, 2]


def test_a_file_is_read_back(tmp_path, make_model, make_prediction):
    """With the library itself, which `[dev]` and `[parquet]` install."""
    parquet = pytest.importorskip("pyarrow.parquet")
    output = Output("parquet", str(tmp_path / "out.parquet"))
    odd = os.fsdecode(b"caf\xe9.wav")
    with output.open() as stream:
        question = Question(segments=True, min_confidence=0.7, uncertainty=True)
        writer = ParquetWriter(stream.buffer, [make_model()], question)
        writer.add([make_prediction(odd, segments=[[1 / 3, 2 / 3]], notes=("padded",))])
        writer.close()
    columns = parquet.read_table(output.path).to_pydict()
    assert columns["path"] == ["caf\\xe9.wav"] * 2
    assert np.array(columns["probability"], np.float32).tolist() == np.float32([1 / 3, 2 / 3]).tolist()
    assert columns["mutual_information"] == [None, None]
    assert (columns["label"], columns["notes"]) == (["uncertain"] * 2, ["padded"] * 2)
    assert columns["end_s"] == pytest.approx([2.992, 2.992])
