"""A space of words and audio from music to an extractor that Essentia runs, and that words are searched in."""

from __future__ import annotations

import json

import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.collection.read import Source
from essentia_ldl.files import Home
from essentia_ldl.predict.many import Workers
from essentia_ldl.predict.write import Output
from essentia_ldl.search.describe import Describing, describe
from essentia_ldl.search.index import Embedding, index
from essentia_ldl.search.similar import Limits
from essentia_ldl.search.words import VectorFile, search
from essentia_ldl.spaces.artists import make_asked
from essentia_ldl.spaces.words import learn_words
from essentia_ldl.words.side import read_side

GLOVE = "rock 1 0 .2\njazz 0 1 .1\nambient -1 .2 0\nmetal .9 -.1 .4\n"
GENRES = ("rock", "jazz", "ambient")


@pytest.fixture(scope="module")
def learned(demo_home, tmp_path_factory):
    """A home with a space of words of the demo of mood-sad, whose artists are given genres, and its file of vectors."""
    home = Home(demo_home(tmp_path_factory.mktemp("words") / "home"))
    music = home.demos / "mood-sad"
    lines = (music / "index.csv").read_text().splitlines()
    column = lines[0].split(",").index("artist")
    artists = sorted({line.split(",")[column] for line in lines[1:]})
    told = [f"{line},{GENRES[artists.index(line.split(',')[column]) % 3]}" for line in lines[1:]]
    table = music / "genres.csv"
    table.write_text("\n".join([f"{lines[0]},genre", *told]))
    (home.root / "glove.txt").write_text(GLOVE)
    asked = make_asked("words", by="genre", epochs=2, size=16, name="mine")
    vectors = str(home.root / "glove.txt")
    return home, learn_words(asked, vectors, Source(str(table)), home, say=lambda line: None), vectors


@pytest.mark.slow
def test_it_is_verified_and_says_what_it_knows(learned):
    home, done, _ = learned
    report = json.loads((done.run / "export" / "verify.json").read_text())
    assert all(value <= 1e-4 for value in report["golden"]["mine_words-musicnn"].values())
    card = json.loads((home.graphs / f"{done.model}.json").read_text())
    assert "choi2019zero" in card["citation"]
    assert card["essentia_ldl"]["words"]["vectors"] == {"file": "glove.txt", "dimensions": 3, "words": 3}
    assert sorted(read_side(home.graphs / f"{done.model}.words.npz").words) == sorted(GENRES)
    assert (len(done.measures["seen"]), len(done.measures["unseen"])) == (2, 1)
    assert done.measures["measures"]["unseen"]["n_words"] == 1


@pytest.mark.slow
def test_words_are_searched_in_it_and_describe_tracks(learned, song, long_song):
    home, done, vectors = learned
    path, files = str(home.root / "lib.index"), [str(song), str(long_song)]
    index(files, Embedding(done.model), Output("text", path), home.graphs, pytest.fail, Workers(1))
    graph = str(home.graphs / f"{done.model}.pb")
    predict = es.TensorflowPredictMusiCNN(graphFilename=graph, output="model/embeddings")
    side = read_side(home.graphs / f"{done.model}.words.npz")
    metal = VectorFile(vectors).read(["metal"]).find("metal").unit
    for word, unit in (("jazz", side.units[side.words.index("jazz")]), ("metal", side.place(metal[None])[0])):
        found = search(word, path, Limits(), home.graphs, VectorFile(vectors))
        for one in found.neighbours:
            mean = predict(es.MonoLoader(filename=one.path, sampleRate=16000, resampleQuality=4)()).mean(axis=0)
            assert one.similarity == pytest.approx(float(mean @ unit / np.linalg.norm(mean)), abs=1e-4)
    [told] = describe(
        [str(song)], ["jazz", "metal"], Describing(done.model, vectors=VectorFile(vectors)), home.graphs
    ).tracks
    similarity = {one.path: one.similarity for one in search("jazz", path, Limits(), home.graphs).neighbours}
    assert dict(told.words)["jazz"] == pytest.approx(similarity[str(song)], abs=1e-4)
