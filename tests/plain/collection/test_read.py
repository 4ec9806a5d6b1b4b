"""A collection made ready: labels checked, copies dropped, and a reason for every file left out."""

from __future__ import annotations

import csv
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.collection import read as collection
from essentia_ldl.collection.read import Audit, audit, describe_audit, extract, read_labelled, write_failures
from essentia_ldl.errors import DataError
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.frontends import MFCC, MUSICNN
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Failure, Track

RECIPE = Recipe("mood-sad", ("non_sad", "sad"), aliases={"not_sad": "non_sad"})


def make_folder(root: Path, **files: str) -> Path:
    """Write files; a key ``sad__a`` is the file sad/a.wav, its value the content."""
    for name, content in files.items():
        path = root / (name.replace("__", "/") + ".wav")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def store(home):
    return Store(home.store)


@pytest.fixture
def asked(monkeypatch):
    """Replace the worker processes by a function that fills the store; gives the jobs that were asked for."""
    jobs_seen: list[dict] = []

    def run_jobs(function, jobs, step, n_jobs=None):
        for job in reversed(jobs):  # answers come in any order
            jobs_seen.append(job)
            text = Path(job["path"]).read_text() if os.path.exists(job["path"]) else ""
            if not text:
                yield job, Failure(job["path"], step, f"{job['path']} is empty.")
                continue
            content = Store(job["store"]).remember(job["path"])
            if function == "essentia_ldl.sound.features:probe_track":
                yield job, {"content": content, "duration_s": float(text.split()[-1])}
                continue
            assert function == "essentia_ldl.sound.features:extract_track"
            Store(job["store"]).write_info(content, {"duration_s": 10.0})
            for front_end in (MUSICNN, MFCC):
                if front_end.name in job["front_ends"]:
                    Store(job["store"]).write(content, front_end, np.zeros((200, front_end.n_bands)))
            yield job, {"content": content, "duration_s": 10.0}

    monkeypatch.setattr(collection, "run_jobs", run_jobs)
    return jobs_seen


# --- labels ---------------------------------------------------------------------------------------------------------


def test_aliases_become_classes(tmp_path):
    folder = make_folder(tmp_path, not_sad__a="1", sad__b="2", non_sad__c="3")
    tracks = read_labelled(folder, RECIPE)
    assert {track.id: track.label for track in tracks} == {
        "not_sad/a.wav": "non_sad",
        "sad/b.wav": "sad",
        "non_sad/c.wav": "non_sad",
    }


def test_a_label_that_is_no_class_gets_the_nearest_and_the_alias_as_a_way_out(tmp_path):
    folder = make_folder(tmp_path, nonsad__a="1", sad__b="2")
    with pytest.raises(DataError) as caught:
        read_labelled(folder, RECIPE)
    message = str(caught.value)
    assert message.startswith(
        "label: expected one of non_sad, sad, as the recipe mood-sad lists; got 'nonsad' (nonsad/a.wav)."
    )
    assert message.endswith("Did you mean 'non_sad'? Correct it, or map it under [aliases] in the recipe.")


def test_a_class_without_a_track_is_an_error(tmp_path):
    folder = make_folder(tmp_path, non_sad__a="1", not_sad__b="2")
    with pytest.raises(DataError, match=r"class: expected at least one track; got 0 \(sad in "):
        read_labelled(folder, RECIPE)


# --- extraction -----------------------------------------------------------------------------------------------------


def test_every_track_has_its_features_and_the_second_time_nothing_is_asked(tmp_path, home, store, asked):
    tracks = read_labelled(make_folder(tmp_path / "d", non_sad__a="1", non_sad__b="2", sad__c="3"), RECIPE)
    first = extract(tracks, home, [MUSICNN])
    assert [job["path"] for job in asked] == [track.path for track in reversed(tracks)]
    assert asked[0]["front_ends"] == ["musicnn"]
    assert [track.id for track in first.tracks] == ["non_sad/a.wav", "non_sad/b.wav", "sad/c.wav"]
    assert first.contents["sad/c.wav"] == digest("3")
    assert first.durations_s["sad/c.wav"] == 10.0
    assert first.failures == ()
    asked.clear()
    assert extract(tracks, home, [MUSICNN]) == first
    assert asked == []
    assert extract(tracks, home, [MUSICNN, MFCC]).tracks == first.tracks
    assert len(asked) == 3


def test_features_without_their_duration_are_made_again(tmp_path, home, store, asked):
    tracks = read_labelled(make_folder(tmp_path / "d", non_sad__a="1", sad__c="3"), RECIPE)
    first = extract(tracks, home, [MUSICNN])
    for info in (store.root / "audio").rglob("*.json"):
        info.unlink()
    asked.clear()
    assert extract(tracks, home, [MUSICNN]) == first
    assert len(asked) == 2


def test_a_file_that_fails_is_left_out_with_its_reason(tmp_path, home, store, asked):
    folder = make_folder(tmp_path / "d", non_sad__a="1", sad__c="3", sad__z="", non_sad__z="")
    done = extract(read_labelled(folder, RECIPE), home, [MUSICNN])
    assert [track.id for track in done.tracks] == ["non_sad/a.wav", "sad/c.wav"]
    assert [failure.path for failure in done.failures] == [str(folder / "non_sad/z.wav"), str(folder / "sad/z.wav")]
    assert {failure.step for failure in done.failures} == {"features"}


def test_of_copies_with_one_label_one_is_kept(tmp_path, home, store, asked):
    folder = make_folder(tmp_path / "d", non_sad__a="1", sad__b="same", sad__c="same", sad__d="same")
    done = extract(read_labelled(folder, RECIPE), home, [MUSICNN])
    assert [track.id for track in done.tracks] == ["non_sad/a.wav", "sad/b.wav"]
    assert [(Path(failure.path).name, failure.step) for failure in done.failures] == [
        ("c.wav", "duplicates"),
        ("d.wav", "duplicates"),
    ]
    assert "expected each recording once; got 'the same bytes as sad/b.wav (sad)'" in done.failures[0].reason


def test_of_copies_with_two_labels_none_is_kept(tmp_path, home, store, asked):
    folder = make_folder(tmp_path / "d", non_sad__a="same", non_sad__x="1", sad__b="same", sad__c="2", sad__d="same")
    done = extract(read_labelled(folder, RECIPE), home, [MUSICNN])
    assert [track.id for track in done.tracks] == ["non_sad/x.wav", "sad/c.wav"]
    assert sorted(Path(failure.path).name for failure in done.failures) == ["a.wav", "b.wav", "d.wav"]
    reasons = {Path(failure.path).name: failure.reason for failure in done.failures}
    assert "expected one label a recording; got 'the same bytes as sad/b.wav (sad)'" in reasons["a.wav"]
    assert reasons["b.wav"].endswith("(sad/b.wav (sad)). Decide which label is right.")


# --- audit ----------------------------------------------------------------------------------------------------------


def test_an_audit_counts_and_finds_what_will_not_do(tmp_path, home, store, asked):
    folder = make_folder(
        tmp_path / "d",
        non_sad__x__a="x 30",
        non_sad__y__b="y 1",
        non_sad__y__c="twice 20",
        sad__d="twice 20",
        sad__e="copy 60",
        sad__f="copy 60",
        sad__g="",
    )
    report = audit(read_labelled(folder, RECIPE), store)
    assert report.classes == {"non_sad": 3, "sad": 4}
    assert report.artists == {"non_sad": 2}
    assert report.n_without_artist == 4
    assert report.durations_s == (1.0, 20.0, 20.0, 30.0, 60.0, 60.0)
    assert report.duplicates == (("sad/e.wav", "sad/f.wav"),)
    assert report.conflicts == (("non_sad/y/c.wav (non_sad)", "sad/d.wav (sad)"),)
    assert report.too_short == ("non_sad/y/b.wav",)
    assert [Path(failure.path).name for failure in report.failures] == ["g.wav"]


def test_an_audit_as_text():
    report = Audit(
        classes={"non_sad": 3, "sad": 4},
        artists={"non_sad": 2},
        n_without_artist=4,
        durations_s=(1.0, 20.0, 7179.0),
        duplicates=(("e", "f"),),
        conflicts=(("c (non_sad)", "d (sad)"),),
        too_short=("b",),
        failures=(Failure("g", "files", "g is empty."),),
    )
    assert describe_audit(report) == [
        "7 tracks, 2 classes",
        "  non_sad       3 tracks, 2 artists",
        "  sad           4 tracks",
        "4 tracks without artist: folds cannot keep one artist on one side, and scores may come out too high",
        "2.0 hours: shortest 1 s, median 20 s, longest 7179 s",
        "same bytes: e, f",
        "same bytes, different labels: c (non_sad), d (sad)",
        "too short: b",
        "unusable: g is empty.",
    ]


def test_an_audit_without_a_problem_says_so():
    clean = Audit({"a": 1, "b": 1}, {"a": 1, "b": 1}, 0, (), (), (), (), ())
    assert describe_audit(clean) == [
        "2 tracks, 2 classes",
        "  a       1 tracks, 1 artists",
        "  b       1 tracks, 1 artists",
        "by their headers and bytes: nothing unreadable, too short or twice",
    ]


# --- failures.csv ---------------------------------------------------------------------------------------------------


def test_failures_are_a_table_that_reads_back(tmp_path):
    failures = [Failure("/a, b.wav", "features", 'a "reason"\nof two lines'), Failure("/ä.wav", "duplicates", "x")]
    write_failures(tmp_path / "run" / "failures.csv", failures)
    with open(tmp_path / "run" / "failures.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [["path", "step", "reason"], *([f.path, f.step, f.reason] for f in failures)]
    write_failures(tmp_path / "none.csv", [])
    assert (tmp_path / "none.csv").read_bytes() == b"path,step,reason\n"


def test_a_failure_of_a_file_whose_name_is_not_utf8_is_a_row_too(tmp_path):
    path = os.fsdecode(b"/music/caf\xe9.wav")
    write_failures(tmp_path / "failures.csv", [Failure(path, "features", f"audio: {path}")])
    assert "caf" in (tmp_path / "failures.csv").read_bytes().decode("utf-8", "surrogateescape")


def test_tracks_are_as_the_collection_wrote_them(tmp_path, home, store, asked):
    folder = make_folder(tmp_path / "d", non_sad__x__a="1", sad__c="3")
    done = extract(read_labelled(folder, RECIPE), home, [MUSICNN])
    assert done.tracks[0] == Track("non_sad/x/a.wav", str(folder / "non_sad/x/a.wav"), "non_sad", "x")
