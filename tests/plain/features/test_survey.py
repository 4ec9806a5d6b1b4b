"""A collection looked over: counts, durations, copies, and files that will not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError
from essentia_ldl.features.survey import survey


def make_folder(root: Path, **files: str) -> Path:
    """Write files; a key ``sad__a`` is the file sad/a.wav, its value the content."""
    for name, content in files.items():
        path = root / (name.replace("__", "/") + ".wav")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_a_survey_counts_and_finds_what_will_not_do(tmp_path, home, asked):
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
    report = survey(Source(folder), home)
    assert report.classes == {"non_sad": 3, "sad": 4}
    assert report.artists == {"non_sad": 2}
    assert report.n_without_artist == 4
    assert report.durations_s == (1.0, 20.0, 20.0, 30.0, 60.0, 60.0)
    assert report.duplicates == (("sad/e.wav", "sad/f.wav"),)
    assert report.conflicts == (("non_sad/y/c.wav (non_sad)", "sad/d.wav (sad)"),)
    assert report.too_short == ("non_sad/y/b.wav",)
    assert [Path(failure.path).name for failure in report.failures] == ["g.wav"]
    assert report.has_problems


def test_a_collection_that_will_do_has_no_problems(tmp_path, home, asked):
    report = survey(
        Source(make_folder(tmp_path / "d", sad__a="a 30", non_sad__b="same 20", non_sad__c="same 20")), home
    )
    assert report.duplicates == (("non_sad/b.wav", "non_sad/c.wav"),)
    assert not report.has_problems, "of copies with one label one is kept"
    assert len(asked) == 3


def test_a_survey_of_no_data_is_one_sentence(home):
    with pytest.raises(DataError, match="data: expected a folder or a table; got None"):
        survey(Source(), home)


def test_a_split_column_that_a_training_refuses_is_a_problem_b7(tmp_path, home, asked):
    """B7: half filled; `data` says what `train` says."""
    make_folder(tmp_path, a="a 30", b="b 30", c="c 30")
    (tmp_path / "t.csv").write_text("path,label,split\na.wav,x,training\nb.wav,y,\nc.wav,y,validation\n")
    report = survey(Source(tmp_path / "t.csv"), home)
    assert report.has_problems
    assert "a side for every track or for none; got '1 of 3 without one'" in report.refusal
    (tmp_path / "t.csv").write_text("path,label,split\na.wav,x,training\nb.wav,y,TRAIN\nc.wav,y,validation\n")
    assert survey(Source(tmp_path / "t.csv"), home).refusal == ""


def test_a_survey_tells_how_folders_were_understood_and_what_was_passed_over_a3_a4(tmp_path, home, asked):
    files = {f"{side}__{name}__a": f"{side}{name} 30" for side in ("train", "test") for name in ("sad", "calm")}
    folder = make_folder(tmp_path / "d", **files)
    (folder / "train/sad/cover.jpg").touch()
    assert survey(Source(folder), home).notes == (
        "4 folders: 2 splits (test, train) of 2 classes (calm, sad)",
        "passed over: 1 file that is no audio (train/sad/cover.jpg)",
    )


def test_tags_and_numbers_are_surveyed_as_what_they_are(tmp_path, home, asked):
    make_folder(tmp_path, a="x 30", b="y 20", c="y 20")
    table = tmp_path / "tags.csv"
    table.write_text('path,artist,tags\na.wav,One,"rock,live"\nb.wav,Two,rock\nc.wav,Two,\n')
    report = survey(Source(table), home)
    assert (report.kind, report.n_tracks, report.classes) == ("multi_label", 3, {"live": 1, "rock": 2})
    assert report.artists == {"live": 1, "rock": 2}
    assert report.conflicts == (("b.wav (rock)", "c.wav (no tags)"),)
    table.write_text("path,valence\na.wav,1.5\nb.wav,2\nc.wav,2\n")
    report = survey(Source(table), home)
    assert (report.kind, report.dimensions, report.classes) == ("regression", ("valence",), {})
    assert report.duplicates == (("b.wav", "c.wav"),)
