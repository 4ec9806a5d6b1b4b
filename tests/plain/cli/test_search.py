"""The commands on the command line: what reaches them, what they show, and their status."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from essentia_ldl.cli.main import main
from essentia_ldl.records import Failure
from essentia_ldl.search import describe as describe_module
from essentia_ldl.search import index as index_module
from essentia_ldl.search import page as page_module
from essentia_ldl.search import similar as similar_module
from essentia_ldl.search import words as words_module
from essentia_ldl.search.describe import Described, Describing, Description
from essentia_ldl.search.index import Embedding, Indexed
from essentia_ldl.search.similar import Limits, Neighbour, Similar
from essentia_ldl.search.words import VectorFile

FOUND = Similar("q", "artist", "m-1", (Neighbour("/a.wav", 0.5, "Nina", "soul", 3.0, {}),), (), ("One note.",))


@pytest.fixture
def run(monkeypatch, tmp_path):
    """A function (arguments) -> the result of the command; `calls` has what the commands got."""
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    calls = []

    def index(*given):
        calls.append(given)
        return Indexed("lib.index", "m-1", 3, 2, 1, 2, 1, run_command.n_failures)

    monkeypatch.setattr(index_module, "index", index)
    monkeypatch.setattr(similar_module, "similar", lambda *given: calls.append(given) or FOUND)
    monkeypatch.setattr(words_module, "search", lambda *given: calls.append(given) or FOUND)
    monkeypatch.setattr(describe_module, "describe", lambda *given: calls.append(given) or run_command.described)

    def run_command(*arguments):
        return CliRunner().invoke(main, list(arguments))

    run_command.calls, run_command.n_failures = calls, 0
    run_command.described = Described((Description("/a.wav", "m-1", (("sad", 0.5),)),), (), ("One note.",))
    return run_command


def test_index_tells_what_is_in_it(run):
    done = run("index", "a", "b", "-o", "lib.index", "--vectors", "4", "--jobs", "2", "--model", "m-1", "--again")
    assert done.output == "lib.index: 3 tracks of 2 artists (1 new, 2 kept, 1 gone and dropped), m-1\n"
    music, embedding, output, _, _, workers = run.calls[0]
    assert (music, embedding, output.again, workers.n_jobs) == (("a", "b"), Embedding("m-1", n_vectors=4), True, 2)


def test_files_that_failed_are_the_status(run, tmp_path):
    run.n_failures = 2
    done = run("index", "a", "-o", str(tmp_path / "lib.index"))
    assert done.exit_code == 1
    assert f"2 files could not be used: see {tmp_path}/lib.failures.csv." in done.output


def test_similar_writes_text_json_and_playlists(run, tmp_path):
    done = run("similar", "q", "--index", "lib.index", "-n", "3", "--not-same-artist")
    assert done.stdout == "0.500  Nina - a  [soul]\n       /a.wav\n"
    assert done.stderr == "note: One note.\n"
    assert run.calls[0][:3] == ("q", "lib.index", Limits(3, True))
    assert json.loads(run("similar", "q", "--index", "lib.index", "--format", "json").stdout)["model"] == "m-1"
    path = tmp_path / "list.m3u8"
    assert run("similar", "q", "--index", "lib.index", "--format", "m3u8", "-o", str(path)).stdout == ""
    assert path.read_text().splitlines()[-1] == "/a.wav"


def test_the_index_is_not_written_over(run, tmp_path):
    path = tmp_path / "lib.index"
    path.write_text("an index")
    done = run("similar", "q", "--index", str(path), "-o", str(path))
    assert (done.exit_code, path.read_text()) == (1, "an index")
    assert "expected a file that is not read" in done.output


def test_a_page_asks_for_more_tracks_than_are_shown(run, monkeypatch, tmp_path):
    written = []
    monkeypatch.setattr(page_module, "write_page", lambda *given: written.append(given))
    done = run("similar", "q", "--index", "lib.index", "-n", "3", "--page", str(tmp_path / "map.html"))
    assert done.stdout.startswith("0.500  Nina")
    assert run.calls[0][2] == Limits(1000)
    assert written == [(str(tmp_path / "map.html"), FOUND, 3, "lib.index")]
    (tmp_path / "lib.index").write_text("an index")
    path = str(tmp_path / "lib.index")
    assert "expected a file that is not read" in run("similar", "q", "--index", path, "--page", path).output
    done = run("similar", "q", "--index", path, "--page", "new.html", "-o", "./new.html")
    assert (done.exit_code, "expected a file that is not read" in done.output) == (1, True)


def test_search_writes_what_similar_writes(run, tmp_path):
    done = run("search", "melancholic piano", "--index", "lib.index", "-n", "3", "--words", "glove.txt")
    assert done.stdout == "0.500  Nina - a  [soul]\n       /a.wav\n"
    assert done.stderr == "note: One note.\n"
    vectors = VectorFile("glove.txt", tmp_path / "store" / "words")
    assert run.calls[0] == ("melancholic piano", "lib.index", Limits(3), tmp_path / "graphs", vectors)
    assert run("search", "sad", "--index", "lib.index", "--format", "m3u8").stdout.startswith("#EXTM3U")
    assert run.calls[1][4].path is None
    (tmp_path / "glove.txt").write_text("sad 1 2")
    path = str(tmp_path / "glove.txt")
    assert "expected a file that is not read" in run("search", "s", "--index", "x", "--words", path, "-o", path).output


def test_describe_writes_words(run, tmp_path):
    (tmp_path / "list.txt").write_text("sad\n# no\nfemale  vocal\n")
    done = run("describe", "a.wav", "--words-list", str(tmp_path / "list.txt"), "-n", "3", "--model", "mtt-musicnn-1")
    assert (done.stdout, done.stderr, done.exit_code) == ("/a.wav\n  0.500  sad\n", "note: One note.\n", 0)
    vectors = VectorFile(None, tmp_path / "store" / "words")
    assert run.calls[0][:3] == (("a.wav",), ["sad", "female vocal"], Describing("mtt-musicnn-1", 3, vectors))
    assert json.loads(run("describe", "a.wav", "--format", "json").stdout)["tracks"][0]["words"] == {"sad": 0.5}
    assert run.calls[1][1:3] == ([], Describing(vectors=vectors))
    run.described = Described((), (Failure("b", "predict", "b is no audio."),))
    done = run("describe", "b")
    assert (done.exit_code, done.stderr) == (1, "error: b is no audio.\n")
