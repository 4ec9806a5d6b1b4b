"""Corrections of labels: what a person said reaches the collection, and what makes no sense is told with its row."""

from __future__ import annotations

import hashlib

import pytest

from essentia_ldl.collection.corrections import apply_corrections, describe_corrections, read_corrections
from essentia_ldl.collection.read import Source, read_corrected, read_labelled
from essentia_ldl.errors import DataError
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Track

CLASSES = ("non_sad", "sad")
ALIASES = {"not_sad": "non_sad"}
TRACKS = [Track(name, f"/{name}", label) for name, label in (("a", "sad"), ("b", "sad"), ("c", "non_sad"), ("d", "x"))]


def write(tmp_path, text: str | bytes, name: str = "c.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_labels_change_stay_are_confirmed_or_leave(tmp_path):
    path = write(tmp_path, "rank,id,correction\n1,a,non_sad\n2,b,\n3,c,non_sad\n4,d,drop\n")
    kept, record = apply_corrections(TRACKS, read_corrections(path), CLASSES, ALIASES)
    assert [(track.id, track.label) for track in kept] == [("a", "non_sad"), ("b", "sad"), ("c", "non_sad")]
    assert (record["n_changed"], record["n_confirmed"], record["n_dropped"]) == (1, 1, 1)
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["changes"][0] == {"id": "a", "from": "sad", "to": "non_sad"}
    assert record["changes"][2] == {"id": "d", "from": "x", "to": None}
    assert describe_corrections(record) == "corrections: 1 labels changed, 1 confirmed, 1 tracks left out (c.csv)"


@pytest.mark.parametrize(
    "text",
    [
        "id;correction\na;not_sad\n",
        "id\tcorrection\na\t non_sad \n",
        b"\xef\xbb\xbfID,Correction\r\na,non_sad\r\n\r\n",
        'correction,id,nearest\nnon_sad,a,"x, y | z"\n',
    ],
)
def test_what_spreadsheets_write_is_read(tmp_path, text):
    kept, record = apply_corrections(TRACKS, read_corrections(write(tmp_path, text)), CLASSES, ALIASES)
    assert kept[0].label == "non_sad"
    assert record["n_changed"] == 1


def test_a_class_that_is_called_drop_is_a_class(tmp_path):
    path = write(tmp_path, "id,correction\na,drop\n")
    kept, _ = apply_corrections(TRACKS[:1], read_corrections(path), ("drop", "sad"), {})
    assert kept[0].label == "drop"


def test_names_that_are_not_utf8_come_back(tmp_path):
    name = b"caf\xe9.mp3".decode("utf-8", "surrogateescape")
    path = write(tmp_path, b"id,correction\ncaf\xe9.mp3,sad\n")
    kept, _ = apply_corrections([Track(name, "/x", "non_sad")], read_corrections(path), CLASSES, {})
    assert kept[0].label == "sad"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a header with id and correction; got 'an empty file'"),
        ("id,label\na,sad\n", r"expected one column 'correction'; got \['id', 'label'\] \(.*row 1\)"),
        ("id,correction,id\na,sad,a\n", "expected one column 'id'"),
        ("id,correction\na\n", r"row: expected 2 cells; got 1 \(.*row 2\)"),
        ("id,correction\n,sad\n", r"id: expected the id of a track; got '' \(.*row 2\)"),
        ("id,correction\na,sad\na,drop\n", r"got \"'drop' here and 'sad' in row 2\" \(.*row 3, a\)"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_its_row(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_corrections(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,correction\nb,\nzz,sad\n", r"id: expected a track of the collection; got 'zz' \(.*row 3\)"),
        (
            "id,correction\nb,sadd\n",
            r"expected one of non_sad, sad, drop or nothing; got 'sadd' .*row 2, b\)\. Did you",
        ),
    ],
)
def test_what_the_collection_does_not_know_is_refused_with_its_row(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        apply_corrections(TRACKS, read_corrections(write(tmp_path, text)), CLASSES, ALIASES)


def test_a_missing_file_says_what_to_take(tmp_path):
    with pytest.raises(DataError, match=r"No such file.*Take audit\.csv"):
        read_corrections(tmp_path / "none.csv")


def test_rows_without_a_correction_may_name_anything(tmp_path):
    kept, record = apply_corrections(TRACKS, read_corrections(write(tmp_path, "id,correction\nzz,\n")), CLASSES, {})
    assert len(kept) == len(TRACKS)
    assert record["changes"] == []


def test_a_collection_is_read_with_corrections(tmp_path):
    for name in ("sad/a.wav", "sadd/b.wav", "non_sad/c.wav", "non_sad/d.wav"):
        (tmp_path / "music" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "music" / name).write_text(name)
    recipe = Recipe("mood-sad", CLASSES)
    with pytest.raises(DataError, match="sadd"):
        read_labelled(Source(tmp_path / "music"), recipe)
    path = write(tmp_path, "id,correction\nsadd/b.wav,sad\nnon_sad/d.wav,drop\n")
    tracks, record = read_corrected(Source(tmp_path / "music", corrections=str(path)), recipe)
    assert {track.id: track.label for track in tracks} == {
        "non_sad/c.wav": "non_sad",
        "sad/a.wav": "sad",
        "sadd/b.wav": "sad",
    }
    assert record["n_dropped"] == 1
    path = write(tmp_path, "id,correction\nsadd/b.wav,sad\nnon_sad/d.wav,drop\nnon_sad/c.wav,sad\n")
    with pytest.raises(DataError, match="class: expected at least one track; got 0"):
        read_corrected(Source(tmp_path / "music", corrections=str(path)), recipe)


def test_the_commands_hand_the_file_on_and_the_run_keeps_the_record(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from essentia_ldl.cli.main import main
    from essentia_ldl.collection.read import Collection
    from essentia_ldl.files import Home, read_json
    from essentia_ldl.measure import crossval
    from essentia_ldl.train import train

    seen = []
    for module in (train, crossval):
        monkeypatch.setattr(module, "prepare", lambda recipe, source, *_: seen.append(source.corrections) or 1 / 0)
    for command in ("train", "crossval"):
        done = CliRunner().invoke(main, [command, "mood-sad", "--corrections", "c.csv"])
        assert isinstance(done.exception, ZeroDivisionError)
    assert seen == ["c.csv", "c.csv"]

    monkeypatch.setattr(train, "require_network", lambda network, graphs: None)
    record = {"file": "c.csv", "n_changed": 1}
    train.open_folder(
        tmp_path, Recipe("mood-sad", CLASSES), Collection((), {}, {}, (), Home.from_environment(), record)
    )
    assert read_json(tmp_path / "corrections.json") == record


def test_a_changed_label_is_another_run(tmp_path):
    from essentia_ldl.runs import folder as runs

    path = write(tmp_path, "id,correction\na,non_sad\n")
    kept, _ = apply_corrections(TRACKS, read_corrections(path), CLASSES, ALIASES)
    before, after = ([(track.id, track.label) for track in tracks] for tracks in (TRACKS, kept))
    assert runs.fingerprint(before) != runs.fingerprint(after)
