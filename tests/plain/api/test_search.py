"""Index and search from Python: values in, records out, nothing on the terminal."""

from __future__ import annotations

import pytest

from essentia_ldl.api import search as module
from essentia_ldl.api.outcomes import DescribedTracks, FoundTracks, WrittenIndex
from essentia_ldl.api.search import describe, index, search, similar
from essentia_ldl.errors import DataError, StoreError, UnknownNameError
from essentia_ldl.records import Failure
from essentia_ldl.search.describe import Described, Describing, Description
from essentia_ldl.search.index import Embedding, Indexed
from essentia_ldl.search.similar import Limits, Neighbour, Similar
from essentia_ldl.search.words import VectorFile


@pytest.fixture
def called(monkeypatch):
    """What the commands were called with."""
    calls = []
    done = Indexed("lib.index", "m-1", 3, 2, 1, 2, 0, 0)
    found = Similar("q", "artist", "m-1", (Neighbour("/a.wav", 0.5, "<Nina>", "soul", 3.0, {}),), (), ("One note.",))
    monkeypatch.setattr(module.index_module, "index", lambda *given: calls.append(given) or done)
    monkeypatch.setattr(module.similar_module, "similar", lambda *given: calls.append(given) or found)
    monkeypatch.setattr(module.words_module, "search", lambda *given: calls.append(given) or found)
    described = Described((Description("/a.wav", "m-1", (("<sad>", 0.5),)),), (Failure("b", "predict", "No audio."),))
    monkeypatch.setattr(module.describe_module, "describe", lambda *given: calls.append(given) or described)
    return calls


def test_what_is_wanted_reaches_the_commands(called, tmp_path):
    done = index(tmp_path, tmp_path / "lib.index", "m-1", tmp_path, None, vectors=4, again=True, jobs=2)
    assert isinstance(done, WrittenIndex)
    music, embedding, output, graphs, _, workers = called[0]
    assert (music, embedding) == ([str(tmp_path)], Embedding("m-1", n_vectors=4))
    assert (output.path, output.again, graphs, workers.n_jobs) == (
        str(tmp_path / "lib.index"),
        True,
        tmp_path / "graphs",
        2,
    )
    found = similar("Nina", "lib.index", 3, tmp_path, not_same_artist=True)
    assert isinstance(found, FoundTracks)
    assert called[1] == ("Nina", "lib.index", Limits(3, True), tmp_path / "graphs")


def test_a_notebook_shows_both(called, tmp_path, check_html):
    page = index(["a.wav", "b.wav"], "lib.index", home=tmp_path)._repr_html_()
    assert "n tracks" in page
    check_html(page)
    found = similar("q", "lib.index", home=tmp_path)
    assert "&lt;Nina&gt;" in found._repr_html_()
    assert "One note." in found._repr_html_()
    check_html(found._repr_html_())
    found.write_playlist(tmp_path / "list.m3u8")
    assert (tmp_path / "list.m3u8").read_text("utf-8").splitlines()[-1] == "/a.wav"
    assert found.as_dict()["tracks"][0]["artist"] == "<Nina>"


def test_words_reach_the_commands_and_a_notebook_shows_them(called, tmp_path, check_html):
    found = search("melancholic piano", tmp_path / "lib.index", 3, tmp_path / "glove.txt", home=tmp_path)
    assert isinstance(found, FoundTracks)
    vectors = VectorFile(str(tmp_path / "glove.txt"), tmp_path / "store" / "words")
    assert called[0] == ("melancholic piano", str(tmp_path / "lib.index"), Limits(3), tmp_path / "graphs", vectors)
    done = describe(tmp_path, ["sad"], tmp_path / "glove.txt", tmp_path, model="m-1", n=3)
    assert isinstance(done, DescribedTracks)
    assert called[1] == ([str(tmp_path)], ["sad"], Describing("m-1", 3, vectors), tmp_path / "graphs")
    assert done.as_dict()["tracks"][0]["words"] == {"<sad>": 0.5}
    check_html(done._repr_html_())
    assert "&lt;sad&gt;" in done._repr_html_()
    assert "No audio." in done._repr_html_()
    describe(["a.wav", "b.wav"], home=tmp_path)
    assert called[2][:3] == (["a.wav", "b.wav"], (), Describing(vectors=VectorFile(None, tmp_path / "store" / "words")))


def test_wrong_settings_are_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'not_same_artist'"):
        similar("q", "lib.index", home=tmp_path, not_artist=True)
    with pytest.raises(DataError, match="vectors"):
        index("a.wav", "lib.index", home=tmp_path, vectors=0)
    with pytest.raises(DataError, match="path: expected a text or a path; got 'int'"):
        index(3, "lib.index", home=tmp_path)
    with pytest.raises(StoreError, match="nothing there"):
        similar("q", tmp_path / "lib.index", home=tmp_path)
