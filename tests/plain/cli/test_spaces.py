"""Commands of embedding spaces: their options arrive, and bad input is one sentence."""

from __future__ import annotations

import csv

import pytest
from click.testing import CliRunner

from essentia_ldl.cli.main import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    return lambda *arguments: CliRunner().invoke(main, [str(one) for one in arguments])


def write_table(path, artists):
    with open(path, "w", newline="") as file:
        rows = [[f"{n}.wav", "sad" if n % 2 else "happy", artist] for n, artist in enumerate(artists)]
        csv.writer(file).writerows([["path", "label", "artist"], *rows])
    for n in range(len(artists)):
        (path.parent / f"{n}.wav").touch()
    return path


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
def test_bad_input_is_one_sentence(run, tmp_path, artists, arguments, told):
    done = run("space", "artists", write_table(tmp_path / "index.csv", artists), *arguments)
    assert done.exit_code == 1
    assert told in done.output
    assert done.output.count("error:") == 1


def test_an_unknown_loss_is_told_with_those_that_exist(run, tmp_path):
    done = run("space", "artists", tmp_path, "--loss", "hinge")
    assert done.exit_code == 2
    assert "siamese" in done.output
