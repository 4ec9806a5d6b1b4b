"""Label tables as CSV, targets in the order of a plan, and what damage is told."""

import errno
import os

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.records import LabelTable
from essentia_ldl.runs.targets import read_table, write_table

IDS = ("a.mp3", 'odd, "name"\n.mp3', "größe/ü.flac", "bytes\udcff.wav", " leading", "")


@pytest.fixture
def table():
    raw = np.random.default_rng(1).dirichlet([0.3] * 3, size=len(IDS)).astype(np.float32)
    raw[0] = [0, 1, 0]
    return LabelTable(IDS, ("blues", "hip hop", "rock, hard"), raw)


def test_table_reads_back_to_the_last_bit(table, tmp_path):
    path = write_table(table, tmp_path / "deep" / "labels.csv")
    again = read_table(path)
    assert again.ids == table.ids
    assert again.classes == table.classes
    np.testing.assert_array_equal(again.distributions, table.distributions)
    assert os.listdir(path.parent) == ["labels.csv"]


def test_table_is_plain_csv(tmp_path):
    table = LabelTable(("x.mp3",), ("non_sad", "sad"), np.array([[0.1, 0.9]]))
    path = write_table(table, tmp_path / "labels.csv")
    assert path.read_bytes() == b"id,non_sad,sad\nx.mp3,0.1,0.9\n"


def test_table_without_tracks(tmp_path):
    table = LabelTable((), ("non_sad", "sad"), np.zeros((0, 2)))
    assert read_table(write_table(table, tmp_path / "labels.csv")).ids == ()


def test_failed_write_keeps_the_old_file_and_leaves_no_other(table, tmp_path, monkeypatch):
    path = write_table(table, tmp_path / "labels.csv")
    before = path.read_bytes()

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StoreError, match=r"got 'No space left on device' .*labels\.csv.*Free space"):
        write_table(table, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["labels.csv"]


def test_write_below_a_file_is_a_store_error(table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="space and permission to write"):
        write_table(table, tmp_path / "file" / "labels.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the header id,<classes"),
        ("path,a,b\n", "the header id,<classes"),
        ("id\n", "the header id,<classes"),
        ("id,a,a\n", "the header id,<classes"),
        ("id,a,b\nx,0.5\n", r"expected 3 cells; got 2 \(.*labels\.csv, row 2\)"),
        ("id,a,b\nx,1,0\ny,half,0.5\n", r"expected numbers; got \['half', '0.5'\] \(.*row 3\)"),
        ("id,a,b\nx,0.5,0.6\n", r"labels\.csv: label row: expected probabilities that sum to 1"),
        ("id,a,b\nx,nan,0.6\n", "probabilities that sum to 1"),
        ("id,a,b\nx,1,0\nx,1,0\n", "ids that differ"),
    ],
)
def test_broken_table_names_file_and_row(tmp_path, text, message):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_table(path)


def test_missing_table(tmp_path):
    with pytest.raises(StoreError, match=r"got 'No such file or directory' .*none\.csv"):
        read_table(tmp_path / "none.csv")
