"""UrbanSound8K: the table, its fixed folds, and the recordings that slices are of."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import urbansound8k
from essentia_ldl.errors import DataError
from essentia_ldl.measure.folds import leave_out_values

HEADER = "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
ROWS = [
    f"{100000 + fold}-{number}-0-0.wav,{100000 + fold}{number},0.0,0.317551,1,{fold},{number},{name}\n"
    for fold in range(1, 11)
    for number, name in ((2, "children_playing"), (3, "dog_bark"))
]


def write_urbansound(root: Path, rows: list[str] = ROWS, header: str = HEADER) -> Path:
    (root / "metadata").mkdir(parents=True)
    (root / "metadata" / "UrbanSound8K.csv").write_text(header + "".join(rows))
    for row in ROWS:
        name, *_, fold, _, _ = row.split(",")
        (root / "audio" / f"fold{fold}").mkdir(parents=True, exist_ok=True)
        (root / "audio" / f"fold{fold}" / name).write_bytes(b"x")
    return root


def test_slices_have_folds_and_recordings(tmp_path):
    root = write_urbansound(tmp_path / "UrbanSound8K")
    for path in (root, root / "metadata", root / "metadata" / "UrbanSound8K.csv"):
        assert datasets.find_layout(path) == "urbansound8k"
        tracks = datasets.read_tracks(path)
        assert len(tracks) == 20
        assert all(Path(track.path).is_file() for track in tracks)
    first = tracks[0]
    assert (first.id, first.label, first.artist) == ("fold1/100001-2-0-0.wav", "children_playing", "1000012")
    assert dict(first.columns) == {"fold": "1", "start": "0.0", "end": "0.317551", "salience": "1"}
    assert {track.split for track in tracks} == {None}


def test_the_ten_folds_are_those_of_the_authors(tmp_path):
    tracks = datasets.read_tracks(write_urbansound(tmp_path))
    folds = leave_out_values(tracks, "fold", 0.2, 0)
    assert sorted(folds) == sorted(urbansound8k.FOLDS)
    for fold, split in folds.items():
        assert {i.partition("/")[0] for i in split.test} == {f"fold{fold}"}


def test_one_fold_is_the_test_side(tmp_path):
    root = write_urbansound(tmp_path)
    for fold, valid in (("1", "2"), ("10", "1")):
        tracks = datasets.read_tracks(root, options={"test_fold": fold})
        sides = {side: {t.columns["fold"] for t in tracks if t.split == side} for side in ("train", "valid", "test")}
        assert (sides["test"], sides["valid"], len(sides["train"])) == ({fold}, {valid}, 8)


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (["a.wav,1,0,1,1,11,3,dog_bark\n"], HEADER, r"fold: expected 1 to 10; got '11' \(.*csv, row 2\)"),
        (["a.wav,,0,1,1,1,3,dog_bark\n"], HEADER, "fsID: expected a value; got ''"),
        (["a.wav,1,0,1,1,1,3\n"], HEADER, "row: expected 8 columns; got 7"),
        (ROWS[:1] * 2, HEADER, "each slice once; got 'fold1/100001-2-0-0.wav'.*row 3"),
        (["a.wav,7,0,1,1,1,3,dog\n", "b.wav,7,0,1,1,2,3,dog\n"], HEADER, "one fold for all slices.*got '1 and 2'"),
        (ROWS, HEADER.replace("fold,", "part,"), "header: expected columns .*; got 'no fold'"),
        ([], HEADER, "UrbanSound8K: expected at least one track; got 0"),
        (["a.wav,1,0,1,1,1,3,dog_bark\n"], HEADER, "files that exist; got .*a.wav"),
    ],
)
def test_broken_tables_are_refused(rows, header, message, tmp_path):
    with pytest.raises(DataError, match=message):
        urbansound8k.read_tracks(write_urbansound(tmp_path, rows, header))


def test_missing_audio_and_unknown_folds_are_refused(tmp_path):
    root = write_urbansound(tmp_path)
    with pytest.raises(DataError, match=r"option test_fold: expected 1 or 2 or .*; got '0'"):
        urbansound8k.read_tracks(root, test_fold="0")
    with pytest.raises(DataError, match="audio of UrbanSound8K: expected a folder; got 'nowhere'"):
        urbansound8k.read_tracks(root, audio="nowhere")
    (root / "audio").rename(root / "sounds")
    assert len(urbansound8k.read_tracks(root, audio=root / "sounds")) == 20
    with pytest.raises(DataError, match=r"a folder audio or fold1; got '2 folders \(metadata, sounds\)"):
        urbansound8k.read_tracks(root)
