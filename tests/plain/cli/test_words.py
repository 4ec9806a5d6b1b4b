"""The command that learns from words: its options arrive, and bad input is one sentence."""

from __future__ import annotations


def test_options_arrive(run, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("essentia_ldl.spaces.words.learn_words", lambda *arguments: told.extend(arguments) or 1 / 0)
    run("space", "words", tmp_path, "--vectors", "glove.txt", "--way", "devise", "--by", "genre", "--size", "30")
    asked, vectors, source, home, jobs, _ = told
    assert (asked.settings.loss, asked.settings.size, asked.by) == ("devise", 30, "genre")
    assert (vectors, source.data, home.root, jobs) == ("glove.txt", str(tmp_path), tmp_path / "home", None)


def test_bad_vectors_and_too_few_words_are_one_sentence(run, tmp_path, write_table):
    table = write_table(tmp_path / "index.csv", ["Ann", "Bea"])
    (tmp_path / "glove.txt").write_text("sad 1 2\nhappy 3 4\n")
    done = run("space", "words", table, "--vectors", tmp_path / "glove.txt")
    assert done.exit_code == 1
    assert "error: words: expected 3 or more with a vector; got 'happy, sad'" in done.output
    done = run("space", "words", table, "--vectors", tmp_path / "0.wav")
    assert "error: file of word vectors: expected rows of a word and its numbers" in done.output
