"""What a notebook shows of spaces, embeddings and covers, and the same as plain values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from essentia_ldl.api.learned import EvaluatedEmbeddings, LearnedSpace, LearnedWordSpace, MeasuredCovers
from essentia_ldl.records import Failure
from essentia_ldl.spaces.measure import MeanScore, Standing

NASTY = "<script>alert(1)</script>"
FAILURE = Failure("x.mp3", "features", "x.mp3 is silent.")
SCORES = {"map": MeanScore(0.5, (0.25, 0.75), 8, 2), "precision": MeanScore(0.125, None, 8, 2)}


def make_space(name: str = "mine_artist-vgg-1") -> LearnedSpace:
    return LearnedSpace(Path("/r/space-1"), name, "artist", 8, 4, 1, 0, {"best_epoch": 3, "epochs": []}, (FAILURE,))


def make_words(name: str = "mine_words-vgg-1") -> LearnedWordSpace:
    found = {"seen": {"auc": 0.75, "tracks_map": 0.5, "chance": 0.125}, "unseen": {"auc": 0.625}}
    measures = {"seen": ["loud", "busy"], "unseen": [name], "measures": found}
    return LearnedWordSpace(Path("/r/space-2"), name, measures, {"best_epoch": 1}, ("lo-fi",), ())


def make_embeddings(name: str = "vgg-1") -> EvaluatedEmbeddings:
    rows = (Standing(name, "artist", False, SCORES), Standing(name, "label", True, {"map": SCORES["precision"]}))
    return EvaluatedEmbeddings(name, 10, 0, 7, rows, (Path("/p/a.png"),), (FAILURE,))


def make_covers(name: str = "mine-covers-1") -> MeasuredCovers:
    row = {
        "accuracy": 0.5,
        "balanced_accuracy": 0.375,
        "intervals": {"accuracy": (0.25, 0.75), "balanced_accuracy": None},
    }
    gain = {**row, "gain": 0.0625, "intervals": {**row["intervals"], "gain": (-0.125, 0.25)}}
    found = {"n_tracks": 12, "systems": {"audio": row, name: gain}}
    return MeasuredCovers(Path("/r/covers-1"), found, (FAILURE,), (name,))


MAKERS = [make_space, make_words, make_embeddings, make_covers]


@pytest.mark.parametrize("make", MAKERS)
def test_a_record_is_plain_and_no_name_becomes_markup(make, check_html):
    assert json.loads(json.dumps(make().as_dict())) == make().as_dict()
    text = make(NASTY)._repr_html_()
    check_html(text)
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_space, ("mine_artist-vgg-1", "values of artist", "best epoch", "/r/space-1", "files left out")),
        (make_words, ("AUC of tracks", "0.750", "0.125", "unseen", "0.625", "–", "words without a vector")),
        (make_embeddings, ("P@7", ".500 [.250, .750]", "8 of 10", "not known", "files left out", "on", "off")),
        (make_covers, ("audio", "0.500 [0.250, 0.750]", "0.375", "gain", "0.062 [-0.125, 0.250]", "mine-covers-1")),
    ],
)
def test_every_number_is_shown(make, words):
    text = make()._repr_html_()
    assert [word for word in words if word not in text] == []


def test_fields_are_as_the_commands_tell_them():
    assert make_space().as_dict()["failures"] == [{"path": "x.mp3", "step": "features", "reason": "x.mp3 is silent."}]
    assert make_embeddings().as_dict()["rows"][0]["scores"]["map"] == {
        **{"value": 0.5, "interval": [0.25, 0.75], "n_asked": 8, "n_without": 2}
    }
    assert make_covers().as_dict()["found"]["systems"]["audio"]["accuracy"] == 0.5
    assert make_words().as_dict()["without_vector"] == ["lo-fi"]
