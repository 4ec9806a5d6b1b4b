"""The command that measures embeddings, with vectors drawn from a seed in place of models."""

from __future__ import annotations

import csv

import pytest

from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError
from essentia_ldl.files import Home
from essentia_ldl.records import Failure
from essentia_ldl.spaces import evaluate
from essentia_ldl.spaces.evaluate import evaluate_embeddings
from essentia_ldl.spaces.measure import MeasureTerms


@pytest.fixture
def table(music, tmp_path, monkeypatch):
    """A table of the tracks; every model embeds all but the file that its name ends in."""
    tracks, vectors = music
    path = tmp_path / "index.csv"
    with open(path, "w", newline="") as file:
        rows = [[track.id, track.label, track.artist, track.columns["genre"]] for track in tracks]
        csv.writer(file).writerows([["path", "label", "artist", "genre"], *rows])
    for track in tracks:
        (tmp_path / track.id).touch()

    def embed(name, read, home, workers, warn):
        found = {track.id: vectors[n] for n, track in enumerate(read) if track.id != f"{name[-2:]}.wav"}
        return found, [Failure(f"{name[-2:]}.wav", "features", "silent")]

    monkeypatch.setattr(evaluate, "embed_tracks", embed)
    return path


def test_all_models_answer_for_the_same_tracks(table, tmp_path):
    done = evaluate_embeddings(["one-03", "two-07"], Source(table), MeasureTerms(("artist",)), Home(tmp_path))
    assert (done.n_tracks, done.n_artists) == (22, 12)
    assert [row.model for row in done.rows] == ["one-03", "two-07"]
    assert done.rows[0].scores["map"] == done.rows[1].scores["map"]
    assert [one.path for one in done.failures] == ["03.wav", "07.wav"]


def test_a_column_that_is_not_there_is_told_before_the_long_work(table, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "embed_tracks", None)
    with pytest.raises(DataError, match="column: expected one of artist, genre, label"):
        evaluate_embeddings(["m"], Source(table), MeasureTerms(("gener",)), Home(tmp_path))


def test_pictures_are_drawn_where_they_are_asked_for(table, tmp_path):
    done = evaluate_embeddings(
        ["m-99"], Source(table), MeasureTerms(("artist",), pictures=tmp_path / "p"), Home(tmp_path)
    )
    assert [path.name for path in done.pictures] == ["m-99-artist.png"]
    assert done.pictures[0].read_bytes()[:4] == b"\x89PNG"
