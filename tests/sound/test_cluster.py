"""Real audio on a real cluster: two workers, one of which is killed, say what this machine says."""

from __future__ import annotations

import csv
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.errors import GraphError, StoreError
from essentia_ldl.features.extract import extract
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.frontends import MUSICNN
from essentia_ldl.predict import many
from essentia_ldl.predict.ask import Question
from essentia_ldl.predict.command import predict
from essentia_ldl.predict.many import Workers
from essentia_ldl.predict.write import Output
from essentia_ldl.records import Track
from essentia_ldl.search.index import Embedding, index

QUESTION = Question(("msd-musicnn-1",), engine="essentia")


@pytest.fixture
def library(tmp_path, monkeypatch, song) -> Path:
    """A folder with eight songs, of which one is silent, and the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("music").mkdir()
    for n in range(7):
        shutil.copy(song, f"music/{n}.wav")
    Path("music/silent.wav").write_bytes(b"")
    time.sleep(0.02)
    return tmp_path


def run(audio: list[str], output: str, graphs: Path, workers: Workers) -> tuple[int, list[str], list[list[str]]]:
    said: list[str] = []
    done = predict(audio, QUESTION, Output("csv", output), graphs, said.append, workers)
    with open(output, newline="") as file:
        return done.n_failures, said, list(csv.reader(file))


@pytest.mark.slow
def test_a_cluster_says_what_this_machine_says_though_a_worker_is_killed(library, graphs, cluster):
    n_failures, _, expected = run(["music"], "here.csv", graphs, Workers(1))
    assert n_failures == 1
    n_failures, _, two = run(["music"], "two.csv", graphs, Workers(2))
    assert (n_failures, two) == (1, expected)

    def kill_when_begun():
        while not (Path("there.csv.journal").exists() and Path("there.csv.journal").read_bytes().count(b"\n") > 2):
            time.sleep(0.01)
        cluster.kill(0)

    killer = threading.Thread(target=kill_when_begun)
    killer.start()
    n_failures, said, found = run(["music"], "there.csv", graphs, Workers(cluster=cluster.url))
    killer.join()
    assert cluster.workers[0].poll() is not None
    assert (n_failures, found) == (1, expected), "nothing lost, nothing twice, in the order of the files"
    assert said[0].startswith("error: audio: expected a file with content")
    assert "(music/silent.wav)" in said[0]


@pytest.mark.slow
def test_an_index_made_by_a_cluster_is_that_of_this_machine(library, graphs, cluster):
    for output, workers in (("here.index", Workers(1)), ("there.index", Workers(cluster=cluster.url))):
        done = index(["music"], Embedding(engine="essentia"), Output("text", output), graphs, str, workers)
        assert (done.n_tracks, done.n_failures) == (7, 1)
    assert Path("here.index").read_bytes() == Path("there.index").read_bytes()
    assert Path("here.failures.csv").read_bytes() == Path("there.failures.csv").read_bytes()


@pytest.mark.slow
def test_urls_are_read_where_they_are(library, graphs, cluster):
    url = (library / "music").as_uri()
    _, _, expected = run(["music/0.wav"], "file.csv", graphs, Workers(1))
    for output, workers in (("here.csv", Workers(1)), ("there.csv", Workers(cluster=cluster.url))):
        n_failures, said, found = run([f"{url}/0.wav", f"{url}/none.wav"], output, graphs, workers)
        assert n_failures == 1
        assert said == [
            f"error: audio: expected an existing file; got 'nothing there' ({url}/none.wav). Check the URL."
        ]
        assert [row[1:] for row in found] == [row[1:] for row in expected]
        assert {row[0] for row in found[1:]} == {f"{url}/0.wav"}


@pytest.mark.slow
def test_a_worker_without_the_graph_is_one_sentence_and_what_was_done_stays(library, graphs, cluster, monkeypatch):
    monkeypatch.setattr(many, "digest_graph", lambda graph: "00")
    with pytest.raises(GraphError, match=r"graph: expected the same one on every machine; got 'another graph'"):
        run(["music"], "out.csv", graphs, Workers(cluster=cluster.url))
    monkeypatch.undo()
    monkeypatch.chdir(library)
    assert run(["music"], "out.csv", graphs, Workers(cluster=cluster.url))[0] == 1


@pytest.mark.slow
@pytest.mark.parametrize("share", [None, "share", "url"])
def test_extraction_fills_the_store_of_this_machine(library, cluster, share):
    place = (library / "share").as_uri() if share == "url" else share and str(library / "share")
    tracks = [Track(str(n), str(library / f"music/{n}.wav"), "a") for n in range(2)]
    tracks.append(Track("none", str(library / "music/none.wav"), "a"))
    Path("music/1.wav").write_bytes(Path("music/0.wav").read_bytes()[:-400_000] + bytes(400_000))
    here = extract(tracks, Home(library / "here"), [MUSICNN])
    there = extract(tracks, Home(library / "there", cluster.url, place), [MUSICNN])
    assert there.contents == here.contents
    assert [failure.path for failure in there.failures] == [str(library / "music/none.wav")]
    assert "got 'nothing there'" in there.failures[0].reason
    for content in here.contents.values():
        expected = Store(library / "here/store").read(content, MUSICNN)
        np.testing.assert_array_equal(Store(library / "there/store").read(content, MUSICNN), expected)


@pytest.mark.slow
def test_a_store_that_workers_do_not_see_is_one_sentence(library, cluster, monkeypatch):
    monkeypatch.setattr("essentia_ldl.features.extract.Store.is_complete", lambda self, content, front_ends: False)
    tracks = [Track("0", str(library / "music/0.wav"), "a")]
    with pytest.raises(StoreError, match=r"cluster: expected workers that see this store.*--share"):
        extract(tracks, Home(library / "home", cluster.url), [MUSICNN])
