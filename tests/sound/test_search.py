"""An index of real audio: its vectors are those of Essentia's own algorithm, and a copy of a track is found."""

from __future__ import annotations

import shutil

import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.predict.many import Workers
from essentia_ldl.predict.write import Output
from essentia_ldl.search.index import Embedding, index
from essentia_ldl.search.library import read_library
from essentia_ldl.search.similar import Limits, similar
from essentia_ldl.search.words import search
from essentia_ldl.tags import TAGS


@pytest.mark.slow
def test_vectors_are_those_of_essentia_and_a_copy_is_found(graphs, song, long_song, tmp_path):
    output = Output("text", str(tmp_path / "lib.index"))
    files = [str(song), str(long_song)]
    done = index(files, Embedding(engine="essentia", n_vectors=2), output, graphs, pytest.fail, Workers(1))
    assert (done.n_tracks, done.n_failures) == (2, 0)
    library = read_library(tmp_path / "lib.index")
    predict = es.TensorflowPredictMusiCNN(graphFilename=str(graphs / "msd-musicnn-1.pb"), output=library.maker.node)
    for row, path in enumerate(files):
        expected = predict(es.MonoLoader(filename=path, sampleRate=16000, resampleQuality=4)())
        parts = np.stack([part.mean(axis=0) for part in np.array_split(expected, 2)])
        parts /= np.linalg.norm(parts, axis=1, keepdims=True)
        assert library.rows(row) == pytest.approx(parts, abs=1e-4)
    tagger = es.TensorflowPredictMusiCNN(graphFilename=str(graphs / "msd-musicnn-1.pb"))  # its predictions
    assert library.tags == TAGS["msd"]
    for row, path in enumerate(files):
        expected = tagger(es.MonoLoader(filename=path, sampleRate=16000, resampleQuality=4)())
        assert library.activations[row] == pytest.approx(np.mean(expected, axis=0), abs=1e-5)
    best = search("ambient", str(tmp_path / "lib.index"), Limits(1), graphs).neighbours[0]
    assert best.path == files[int(np.argmax(library.activations[:, TAGS["msd"].index("ambient")]))]
    shutil.copy(song, tmp_path / "copy.wav")
    found = similar(str(tmp_path / "copy.wav"), str(tmp_path / "lib.index"), Limits(1, engine="essentia"), graphs)
    assert (found.neighbours[0].path, found.neighbours[0].similarity) == (str(song), pytest.approx(1, abs=1e-5))
