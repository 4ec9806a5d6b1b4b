"""Spaces, embeddings and covers from Python: values in, records out, nothing on the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl.api import spaces as module
from essentia_ldl.api.learned import EvaluatedEmbeddings, LearnedSpace, LearnedWordSpace, MeasuredCovers
from essentia_ldl.api.spaces import compare_spaces, evaluate_embeddings, learn_space, learn_words, measure_covers
from essentia_ldl.choices import SPACE_LOSSES
from essentia_ldl.errors import DataError, DiskError, TrainingError, UnknownNameError
from essentia_ldl.files import Home
from essentia_ldl.runs.covers import CoversSettings
from essentia_ldl.runs.space import make_settings
from essentia_ldl.spaces.artists import Learned
from essentia_ldl.spaces.evaluate import MeasuredEmbeddings
from essentia_ldl.spaces.words import LearnedWords
from essentia_ldl.studies.covers.command import Covered


@pytest.fixture
def called(monkeypatch):
    """What the commands were called with; each says a line."""
    calls = []
    found = MeasuredEmbeddings("/d", 4, 2, 10, (), (), ())

    def play(place, name, done):
        def command(*given):
            calls.append(given)
            next(one for one in given if callable(one))("a line")
            return done

        monkeypatch.setattr(place, name, command)

    play(module.artists, "learn_space", Learned(Path("/r"), "m-1", "artist", 4, 2, 0, 0, {}, ()))
    play(module.words_module, "learn_words", LearnedWords(Path("/r"), "m-1", {}, {}, (), ()))
    play(module.compare, "compare_spaces", found)
    play(module.evaluate, "evaluate_embeddings", found)
    play(module.covers_module, "measure", Covered(Path("/r"), {}, (), ()))
    return calls


def test_what_is_wanted_of_a_space_reaches_the_command(called, tmp_path, capsys):
    said = []
    wanted = {"on": ["msd-vgg"], "margin": 0.3, "epochs": 0, "jobs": 2, "again": True, "layout": "folder"}
    done = learn_space(tmp_path, "triplet", tmp_path, said.append, **wanted)
    assert isinstance(done, LearnedSpace)
    asked, source, home, n_jobs, again, _ = called[0]
    assert (asked.on, asked.by) == (("msd-vgg",), "artist")
    assert asked.settings == make_settings("triplet", margin=0.3, epochs=0)
    assert (source.data, source.layout, home, n_jobs, again) == (str(tmp_path), "folder", Home(tmp_path), 2, True)
    assert said == ["a line"]
    learn_space(home=tmp_path, say=None, network="artists")
    assert (called[1][0].network, called[1][1].data) == ("artists", None)
    assert capsys.readouterr() == ("", "")


def test_words_come_from_the_labels_where_no_column_is_named(called, tmp_path):
    done = learn_words(tmp_path / "glove.txt", tmp_path, "devise", tmp_path, None, size=16)
    assert isinstance(done, LearnedWordSpace)
    asked, vectors, source, home, n_jobs, _ = called[0]
    assert (asked.by, asked.settings) == ("label", make_settings("devise", size=16))
    assert (vectors, source.data, home, n_jobs) == (str(tmp_path / "glove.txt"), str(tmp_path), Home(tmp_path), None)
    learn_words("glove.txt", home=tmp_path, say=None, by="genre")
    assert called[1][0].by == "genre"


def test_losses_are_compared_on_folds(called, tmp_path):
    done = compare_spaces(tmp_path, ["basic", "triplet"], tmp_path, None, folds=3, columns=["label"], rate=0.01)
    assert isinstance(done, EvaluatedEmbeddings)
    asked, contest, source, home, _, _ = called[0]
    assert (contest.losses, contest.n_folds, contest.terms.by) == (("basic", "triplet"), 3, ("label",))
    assert (dict(asked.told), source.data, home) == ({"rate": 0.01}, str(tmp_path), Home(tmp_path))
    compare_spaces(home=tmp_path, say=None)
    assert (called[1][1].losses, called[1][1].n_folds) == (SPACE_LOSSES, 5)
    compare_spaces(losses="basic", home=tmp_path, say=None)
    assert called[2][1].losses == ("basic",)


def test_models_are_measured(called, tmp_path):
    done = evaluate_embeddings("m-1", tmp_path, tmp_path, None, k=3, nearest=5, seed=1, pictures=tmp_path / "p", jobs=2)
    assert isinstance(done, EvaluatedEmbeddings)
    models, source, terms, home, _, workers = called[0]
    assert (models, source.data, home, workers.n_jobs) == (["m-1"], str(tmp_path), Home(tmp_path), 2)
    assert (terms.by, terms.k, terms.n_nearest, terms.seed, terms.pictures) == ((), 3, 5, 1, tmp_path / "p")
    evaluate_embeddings(["a", "b"], tmp_path, tmp_path, None, by=["genre"])
    assert (called[1][0], called[1][2].by) == (["a", "b"], ("genre",))


def test_covers_are_measured(called, tmp_path):
    weights = tmp_path / "r.keras"
    done = measure_covers(tmp_path, tmp_path, None, folds=3, size=16, seed=2, export=False, image_weights=weights)
    assert isinstance(done, MeasuredCovers)
    source, terms, home, n_jobs, _ = called[0]
    assert (source.data, home, n_jobs) == (str(tmp_path), Home(tmp_path), None)
    assert (terms.folds, terms.export, terms.again) == (3, False, False)
    assert (terms.settings, terms.image_weights) == (CoversSettings(size=16, seed=2), str(weights))
    measure_covers(home=tmp_path, say=None)
    assert (called[1][0].data, called[1][1]) == (None, module.covers_module.CoversTerms())


@pytest.mark.parametrize(
    ("function", "settings", "error", "told"),
    [
        (learn_space, {"marign": 1.0}, UnknownNameError, "Did you mean 'margin'"),
        (learn_space, {"on": "msd-vgg"}, DataError, "on: expected a list; got 'msd-vgg'"),
        (learn_space, {"rate": 1e30}, TrainingError, "rate: expected above 0, at most 10"),
        (learn_space, {"loss": "hinge"}, UnknownNameError, "loss: expected one of"),
        (learn_space, {"loss": "tags", "margin": 0.1}, TrainingError, "margin: expected none with the loss tags"),
        (compare_spaces, {"folds": 1}, DataError, "folds: expected 2 or more"),
        (compare_spaces, {"losses": ["tripet"]}, UnknownNameError, "Did you mean 'triplet'"),
        (measure_covers, {"size": 10**9}, TrainingError, "size: expected 1 to 2048"),
        (measure_covers, {"epochs": 0}, DataError, "epochs: expected 1 or more"),
        (measure_covers, {"export": 1}, DataError, "export: expected True or False"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_the_work(called, tmp_path, function, settings, error, told):
    with pytest.raises(error, match=told):
        function(tmp_path, home=tmp_path / "home", **settings)
    assert called == []
    assert not (tmp_path / "home").exists()


def test_numbers_of_the_measures_and_a_home_that_is_a_file(called, tmp_path):
    with pytest.raises(DataError, match="k: expected 1 or more; got 0"):
        evaluate_embeddings("m-1", tmp_path, tmp_path, None, k=0)
    (tmp_path / "file").touch()
    with pytest.raises(DiskError, match="cannot be written"):
        learn_space(tmp_path, home=tmp_path / "file", say=None)
    assert called == []
