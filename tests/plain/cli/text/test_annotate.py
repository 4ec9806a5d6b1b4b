"""What the terminal shows when a labelling ends."""

from __future__ import annotations

from essentia_ldl.annotate.command import Annotated, Reviewed
from essentia_ldl.annotate.votes import Agreement
from essentia_ldl.cli.text.annotate import describe_annotated, describe_reviewed


def build(path, **changes) -> Annotated:
    values = {"n_even": 0, "n_unsure": 0, "agreement": None, "silent": {}, "notes": ()}
    return Annotated(path, **{"counts": {"sad": 2, "non_sad": 3}, **values, **changes})


def test_it_tells_what_is_there_and_what_comes_next(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert describe_annotated(build(tmp_path / "labels.csv")) == [
        "labels.csv: 5 tracks (2 sad, 3 non_sad)",
        "train with it: essentia-ldl new my-task --data labels.csv, then essentia-ldl train my-task --data labels.csv",
    ]
    assert "--data 'my labels.csv'" in describe_annotated(build(tmp_path / "my labels.csv"))[-1]


def test_it_tells_what_is_missing_and_how_far_raters_agree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = {
        "n_even": 1,
        "n_unsure": 2,
        "agreement": Agreement(0.678, 12),
        "silent": {"/a.xm": "no codec"},
        "notes": ("kept",),
    }
    assert describe_annotated(build(tmp_path / "labels.csv", **changes))[1:-1] == [
        "not in it: 1 undecided, as votes are even, and 2 unsure",
        "agreement of the raters: 0.68 on 12 tracks (Krippendorff's alpha; 1 is full agreement, 0 is chance)",
        "not played: '/a.xm': no codec",
        "note: kept",
    ]


def test_nothing_can_be_trained_with_one_class_or_none(tmp_path):
    for counts in ({"sad": 0, "non_sad": 0}, {"sad": 3, "non_sad": 0}):
        assert len(describe_annotated(build(tmp_path / "labels.csv", counts=counts))) == 1


def test_a_review_says_what_became_of_the_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = Reviewed(tmp_path / "runs/x/audit.csv", 1, 2, 0, {"a.wav": "no codec"})
    assert describe_reviewed(done) == [
        "runs/x/audit.csv: 1 labels changed, 2 confirmed, 0 tracks left out",
        "not played: 'a.wav': no codec",
        "train with it: essentia-ldl train runs/x/recipe.toml --corrections runs/x/audit.csv, and the --data of before",
    ]
    assert len(describe_reviewed(Reviewed(tmp_path / "audit.csv", 0, 2, 0, {}))) == 1


def test_a_name_is_shown_so_that_no_terminal_obeys_it(tmp_path):
    lines = describe_reviewed(Reviewed(tmp_path / "audit.csv", 0, 0, 0, {"a\x1b[2J.wav": "no\ncodec"}))
    assert lines[1] == r"not played: 'a\x1b[2J.wav': no codec"
