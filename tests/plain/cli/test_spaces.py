"""Commands of embedding spaces: their options arrive, and bad input is one sentence."""

from __future__ import annotations

import pytest


def test_options_arrive(run, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("essentia_ldl.spaces.artists.learn_space", lambda *arguments: told.extend(arguments) or 1 / 0)
    run("space", "artists", tmp_path, "--loss", "triplet", "--on", "msd-vgg,mtt-vgg", "--distance", "l2", "--again")
    asked, source, _, jobs, again, _ = told
    assert (asked.settings.loss, asked.settings.distance, asked.on) == ("triplet", "l2", ("msd-vgg", "mtt-vgg"))
    assert (source.data, jobs, again) == (str(tmp_path), None, True)


@pytest.mark.parametrize(
    ("artists", "arguments", "told"),
    [
        (["", ""], [], "column 'artist': expected a value for some tracks; got 'none'"),
        (["Ann", "Ann"], [], "column 'artist': expected two or more values; got ['Ann']"),
        (["Ann", "Bea"], ["--by", "gener"], "column: expected one of artist, label; got 'gener'"),
        (["Ann", "Bea"], ["--network", "artits"], "Did you mean 'artists'?"),
    ],
)
def test_bad_input_is_one_sentence(run, tmp_path, artists, arguments, told, write_table):
    done = run("space", "artists", write_table(tmp_path / "index.csv", artists), *arguments)
    assert done.exit_code == 1
    assert told in done.output
    assert done.output.count("error:") == 1


def test_an_unknown_loss_is_told_with_those_that_exist(run, tmp_path):
    done = run("space", "artists", tmp_path, "--loss", "hinge")
    assert done.exit_code == 2
    assert "siamese" in done.output


def test_options_of_the_measures_arrive(run, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("essentia_ldl.spaces.evaluate.evaluate_embeddings", lambda *one: told.extend(one) or 1 / 0)
    run(
        "evaluate-embeddings", "a", "b", tmp_path, "--by", "genre", "-k", "5", "--pictures", tmp_path / "p", "--jobs", 1
    )
    models, source, terms, _, _, workers = told
    assert (models, source.data, workers.n_jobs) == (["a", "b"], str(tmp_path), 1)
    assert (terms.by, terms.k, terms.n_nearest, terms.pictures) == (("genre",), 5, 20, tmp_path / "p")


def test_options_of_the_comparison_arrive(run, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("essentia_ldl.spaces.compare.compare_spaces", lambda *one: told.extend(one) or 1 / 0)
    run("space", "compare", tmp_path, "--losses", "triplet", "--folds", "3", "--columns", "genre", "--size", "8")
    asked, contest, source, _, _, _ = told
    assert (contest.losses, contest.n_folds, contest.terms.by) == (("triplet",), 3, ("genre",))
    assert (asked.settings.size, source.data) == (8, str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["evaluate-embeddings", "msd-musicnn-1"], "arguments: expected a model and a collection; got 'msd-musicnn-1'"),
        (["space", "compare", "DATA", "--losses", "triplets"], "Did you mean 'triplet'?"),
        (["evaluate-embeddings", "m", "DATA", "--seed", "-1"], "seed: expected 0 to 2147483647; got -1"),
        (["space", "artists", "DATA", "--rate", "1e30"], "rate: expected above 0, at most 10; got 1e+30"),
        (["space", "artists", "DATA", "--loss", "tags", "--margin", "1"], "margin: expected none with the loss tags"),
        (["space", "compare", "DATA", "--losses", "basic", "--negatives", "semi-hard"], "negatives: expected none"),
        (["covers", "DATA", "--size", "999999999"], "size: expected 1 to 2048"),
        (["evaluate-embeddings", "m", "DATA", "--by", "gener"], "column: expected one of artist, label; got 'gener'"),
        (["evaluate-embeddings", "m", "DATA", "-o", "DATA"], "error:"),
    ],
)
def test_bad_input_of_the_measures_is_one_sentence(run, tmp_path, arguments, told, write_table):
    table = write_table(tmp_path / "index.csv", ["Ann", "Bea"])
    before = table.read_bytes()
    done = run(*(table if one == "DATA" else one for one in arguments))
    assert done.exit_code == 1
    assert told in done.output
    assert done.output.count("error:") == 1
    assert table.read_bytes() == before
