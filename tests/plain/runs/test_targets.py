"""Label tables as CSV, targets in the order of a plan, and what damage is told."""

import dataclasses
import errno
import os

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.records import LabelTable
from essentia_ldl.runs.plan import TaskPlan
from essentia_ldl.runs.targets import (
    digest_training,
    read_report,
    read_table,
    read_targets,
    write_report,
    write_table,
)

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
    with pytest.raises(StoreError, match=r"labels\.csv could not be written: No space left on device\. Free space"):
        write_table(table, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["labels.csv"]


def test_write_below_a_file_is_a_store_error(table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="could not be written"):
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
    with pytest.raises(StoreError, match=r"none\.csv cannot be read: No such file or directory\. Check the path\.$"):
        read_table(tmp_path / "none.csv")


# --- targets of a plan


def test_targets_follow_the_tracks_of_the_plan(plan):
    rows = np.array([[0.1, 0.9], [0.2, 0.8], [1, 0], [0, 1]], dtype=np.float32)
    write_table(LabelTable(("t3", "t2", "t1", "t0"), plan.classes, rows), plan.folder / "labels.csv")
    (targets,) = read_targets(plan)
    np.testing.assert_array_equal(targets, rows[::-1])


def test_a_track_without_a_target_of_a_task_has_zeros(plan):
    shared = dataclasses.replace(plan, tasks=(TaskPlan("g", plan.classes), TaskPlan("m", ("m1", "m2", "m3"))))
    ids = tuple(track.id for track in plan.tracks)
    write_table(LabelTable(ids, plan.classes, np.eye(2)[[0, 1, 0, 1]]), plan.folder / "labels-g.csv")
    write_table(LabelTable(("t2",), ("m1", "m2", "m3"), np.array([[0.5, 0.5, 0]])), plan.folder / "labels-m.csv")
    genre, groups = read_targets(shared)
    assert genre.tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert groups.tolist() == [[0, 0, 0], [0, 0, 0], [0.5, 0.5, 0], [0, 0, 0]]
    write_table(LabelTable(("other",), ("m1", "m2", "m3"), np.array([[1, 0, 0]])), plan.folder / "labels-m.csv")
    with pytest.raises(DataError, match="track: expected an id of the plan; got 'other'"):
        read_targets(shared)


def test_a_table_of_other_classes_or_tracks_is_refused(plan):
    write_table(LabelTable(("t0",), ("sad", "non_sad"), np.array([[1, 0]])), plan.folder / "labels.csv")
    with pytest.raises(DataError, match=r"labels: expected the columns id, non_sad, sad; got .*labels\.csv"):
        read_targets(plan)
    write_table(LabelTable(("t0",), plan.classes, np.array([[1, 0]])), plan.folder / "labels.csv")
    with pytest.raises(DataError, match="got 't1'"):
        read_targets(plan)


def test_what_decides_an_epoch_is_in_the_digest(plan):
    rows = (np.eye(2, dtype=np.float32)[[0, 1, 0, 1]],)
    first = digest_training(plan, rows)
    longer = dataclasses.replace(plan, max_hours=1.0, training=dataclasses.replace(plan.training, epochs=9))
    assert digest_training(longer, rows) == first
    others = [dataclasses.replace(plan, seed=1), dataclasses.replace(plan, labels_source="sa")]
    others.append(dataclasses.replace(plan, training=dataclasses.replace(plan.training, l2=1.0)))
    found = {digest_training(other, rows) for other in others} | {digest_training(plan, (rows[0][::-1].copy(),))}
    assert len(found | {first}) == 5


def test_fields_that_came_later_change_a_digest_only_where_they_are_used(plan):
    rows = (np.eye(2, dtype=np.float32)[[0, 1, 0, 1]],)
    known = "3cc18abde7f6fc957f6b1861b9f7359bda130bd164acdd5d895e47423bac6cb1"
    assert digest_training(plan, rows) == known, "checkpoints of older versions have this digest"
    deep = dataclasses.replace(plan.network, backbones=("msd-musicnn",), layers="deep")
    solved = dataclasses.replace(plan.training, solver="solved")
    found = {digest_training(dataclasses.replace(plan, **c), rows) for c in ({"network": deep}, {"training": solved})}
    assert len(found | {known}) == 3


def test_reports_are_objects(plan):
    write_report(plan.folder, {"source": "sa"})
    assert read_report(plan.folder) == {"source": "sa"}
    (plan.folder / "labels.json").write_text("3")
    with pytest.raises(StoreError, match=r"file: expected a json object; got 'int' \(.*labels\.json\)"):
        read_report(plan.folder)
