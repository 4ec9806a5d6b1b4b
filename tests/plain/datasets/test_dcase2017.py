"""DCASE 2017 task 4: lists without a header, several rows per file, names with commas, files that vanished."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import dcase2017
from essentia_ldl.errors import DataError

LISTS = {
    "training": "-5QrBL6MzLg_60.000_70.000.wav\t60.000\t70.000\tTrain horn\n"
    "-5QrBL6MzLg_60.000_70.000.wav\t60.000\t70.000\tTrain\n"
    "a_b_30.000_40.000.wav\t30.000\t40.000\tFire engine, fire truck (siren)\n"
    "gone_0.000_10.000.wav\t0.000\t10.000\tBus\n",
    "testing": "test_10.000_20.000.wav\t10.000\t20.000\tScreaming\n",
    "evaluation": "eval_10.000_20.000.wav\t10.000\t20.000\tBicycle\n",
}


def write_dcase(root: Path, lists: dict[str, str] = LISTS) -> Path:
    names = ("Y-5QrBL6MzLg_60.000_70.000", "Ya_b_30.000_40.000", "test_10.000_20.000", "Yeval_10.000_20.000")
    for name in names:
        path = root / "audio" / name[:2] / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    for part, text in lists.items():
        (root / f"groundtruth_weak_label_{part}_set.csv").write_text(text)
    return root


def test_labels_of_several_rows_are_one_file(tmp_path):
    root, said = write_dcase(tmp_path / "dcase"), []
    for path in (root, root / "groundtruth_weak_label_testing_set.csv"):
        assert datasets.find_layout(path) == "dcase2017"
        said.clear()
        tracks = {track.id: track for track in datasets.read_tracks(path, say=said.append)}
        assert len(tracks) == 4
    first = tracks["-5QrBL6MzLg_60.000_70.000.wav"]
    assert (first.tags, first.split, first.artist) == (("Train", "Train horn"), "train", None)
    assert dict(first.columns) == {"video": "-5QrBL6MzLg", "start": "60.000", "end": "70.000"}
    assert Path(first.path).name == "Y-5QrBL6MzLg_60.000_70.000.wav"
    assert tracks["a_b_30.000_40.000.wav"].tags == ("Fire engine, fire truck (siren)",)
    assert tracks["a_b_30.000_40.000.wav"].columns["video"] == "a_b"
    assert tracks["test_10.000_20.000.wav"].split == "valid"
    assert tracks["eval_10.000_20.000.wav"].split == "test"
    assert said == ["left out: 1 of 5 files of the lists, which are not there, such as gone_0.000_10.000.wav"]


def test_without_the_evaluation_list_testing_tests(tmp_path):
    tracks = dcase2017.read_tracks(write_dcase(tmp_path, {k: v for k, v in LISTS.items() if k != "evaluation"}))
    assert {track.id: track.split for track in tracks}["test_10.000_20.000.wav"] == "test"
    assert len(dcase2017.CLASSES) == len(set(dcase2017.CLASSES)) == 17
    assert list(dcase2017.CLASSES) == sorted(dcase2017.CLASSES)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.wav\t0\t10\n", r"row: expected four cells.*; got 3 \(.*training_set.csv, row 1\)"),
        ("a.wav\t0\t10\tDog\n", "label: expected one of the 17 of the task; got 'Dog'"),
        ("a.wav\t0\tten\tBus\n", "end: expected a number; got 'ten'"),
        ("test_10.000_20.000.wav\t0\t10\tBus\n", "each file in one list; got 'test_10.*the training list too"),
    ],
)
def test_broken_lists_are_refused(line, message, tmp_path):
    with pytest.raises(DataError, match=message):
        dcase2017.read_tracks(write_dcase(tmp_path, {**LISTS, "training": line}))


def test_missing_lists_and_audio_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"DCASE 2017 task 4: expected .*got '0 folders and 0 files'"):
        dcase2017.read_tracks(tmp_path)
    root = write_dcase(tmp_path / "a", {"training": "gone_0.000_10.000.wav\t0\t10\tBus\n"})
    with pytest.raises(DataError, match=r"audio of DCASE 2017 task 4: expected files that exist; got '.*Ygone"):
        dcase2017.read_tracks(root)
