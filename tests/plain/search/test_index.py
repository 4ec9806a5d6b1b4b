"""The command as a function: music in, an index out, which the same command adds to."""

from __future__ import annotations

import os

import numpy as np
import pytest

from essentia_ldl.errors import AudioError, CardError, DataError, StoreError
from essentia_ldl.predict import worker
from essentia_ldl.predict.many import Workers
from essentia_ldl.predict.write import Output
from essentia_ldl.search import nearest
from essentia_ldl.search.index import Embedding, Indexed, index
from essentia_ldl.search.library import read_library


@pytest.fixture
def run(tmp_path, graphs, asked):
    """A function (music, ...) -> what `index` did with ``lib.index``; `said` has the lines."""

    def index_music(*music, again=False, **embedding):
        output = Output("text", str(tmp_path / "lib.index"), again)
        names = [str(one) for one in music]
        return index(names, Embedding(**embedding), output, graphs, index_music.said.append, Workers(1))

    index_music.said = []
    return index_music


def test_vectors_are_means_over_patches_of_length_one(run, make_music, tmp_path):
    folder = make_music(a="3 0, 0 4", b="0 2")
    done = run(folder)
    path = str(tmp_path / "lib.index")
    assert done == Indexed(path, "msd-musicnn-1", 2, 0, n_new=2, n_kept=0, n_dropped=0, n_failures=0)
    library = read_library(path)
    assert library.units == pytest.approx(np.array([[0.6, 0.8], [0, 1]]))
    assert [entry.path for entry in library.entries] == [str(folder / "a.wav"), str(folder / "b.wav")]
    assert [entry.duration_s for entry in library.entries] == [30.4, 30.4]


def test_a_second_call_embeds_what_is_new_or_changed_and_drops_what_is_gone(run, make_music, asked, tmp_path):
    folder = make_music(a="1 0", b="0 1", c="1 1")
    run(folder)
    del asked[:]
    (folder / "a.wav").unlink()
    (folder / "b.wav").write_text("-1 0, 0 0")
    make_music(d="0 -1")
    done = run(folder)
    assert asked == [str(folder / name) for name in ("b.wav", "d.wav")]
    assert (done.n_tracks, done.n_new, done.n_kept, done.n_dropped) == (3, 2, 1, 1)
    library = read_library(tmp_path / "lib.index")
    found = {os.path.basename(entry.path): library.rows(row) for row, entry in enumerate(library.entries)}
    assert {name: rows.astype(float).round(3).tolist() for name, rows in found.items()} == {
        "c.wav": [[0.707, 0.707]],
        "b.wav": [[-1, 0]],
        "d.wav": [[0, -1]],
    }


def test_nothing_new_asks_for_nothing_and_other_folders_are_added(run, make_music, asked, tmp_path):
    run(make_music(a="1 0"))
    del asked[:]
    assert run(tmp_path / "music").n_kept == 1
    assert asked == []
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "z.wav").write_text("0 1")
    assert run(tmp_path / "more").n_tracks == 2


def test_several_vectors_are_the_means_of_parts(run, make_music, tmp_path):
    run(make_music(a="1 0, 1 0, 0 1, 0 3", b="0 1"), n_vectors=2)
    library = read_library(tmp_path / "lib.index")
    assert (library.units.tolist(), library.starts.tolist()) == ([[1, 0], [0, 1], [0, 1]], [0, 2])


def test_a_table_tells_artists_and_may_be_corrected_later(run, make_music, asked, tmp_path):
    make_music(a="1 0", b="0 1")
    table = tmp_path / "music.csv"
    table.write_text("path,label,artist,genre\nmusic/a.wav,sad,Nina,soul\nmusic/b.wav,calm,,jazz\n")
    assert run(table).n_artists == 1
    entries = read_library(tmp_path / "lib.index").entries
    assert [(entry.artist, entry.label, dict(entry.columns)) for entry in entries] == [
        ("Nina", "sad", {"genre": "soul"}),
        ("", "calm", {"genre": "jazz"}),
    ]
    table.write_text(table.read_text().replace("calm,,", "calm,Bill,"))
    del asked[:]
    assert run(table).n_artists == 2
    assert asked == []
    assert run(tmp_path / "music").n_artists == 2, "a folder says nothing of artists, so that they stay"


def test_the_music_of_a_table_need_not_be_labelled(run, make_music, tmp_path):
    make_music(a="1 0", b="0 1")
    table = tmp_path / "music.csv"
    table.write_text("path,artist\nmusic/a.wav,Nina\nmusic/b.wav,\n")
    assert run(table).n_artists == 1
    assert [entry.label for entry in read_library(tmp_path / "lib.index").entries] == ["", ""]


def test_bad_files_are_in_a_table_and_tried_again(run, make_music, asked, tmp_path):
    folder = make_music(a="1 0", bad="noise")
    done = run(folder)
    assert (done.n_tracks, done.n_failures) == (1, 1)
    reason = f"{folder}/bad.wav is no audio. Leave it out."
    assert run.said == [f"error: {reason}"]
    assert (tmp_path / "lib.failures.csv").read_text() == f"path,reason\n{folder}/bad.wav,{reason}\n"
    make_music(bad="0 1")
    assert run(folder).n_failures == 0
    assert not (tmp_path / "lib.failures.csv").exists()


def test_a_command_that_was_stopped_goes_on(run, make_music, asked, tmp_path, monkeypatch):
    folder = make_music(a="1 0", b="0 1")

    def stop(units):
        raise KeyboardInterrupt

    monkeypatch.setattr(nearest, "EXACT_UP_TO", 1)
    monkeypatch.setattr(nearest, "build_graph", stop)
    with pytest.raises(KeyboardInterrupt):
        run(folder)
    assert not (tmp_path / "lib.index").exists()
    monkeypatch.undo()
    monkeypatch.setattr(worker, "_converse", lambda *_: pytest.fail("all were done before"))
    assert run(folder).n_tracks == 2
    assert run.said == ["2 of 2 files were done before; going on with the others."]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("lib", "."))] == ["lib.index"]


def test_an_index_of_another_model_is_refused_and_begun_anew(run, make_music, write_model, tmp_path):
    folder = make_music(a="1 0")
    run(folder)
    write_model("other-1", content="another")
    rule = r"index: expected one of other-1 \(\w{8}\), emb; got 'msd-musicnn-1 \(\w{8}\), emb' .*--again\.$"
    with pytest.raises(StoreError, match=rule):
        run(folder, model="other-1")
    with pytest.raises(StoreError, match="2 vectors per track"):
        run(folder, n_vectors=2)
    assert run(folder, model="other-1", again=True).model == "other-1"
    assert run(folder).model == "other-1", "that of the index is the default"


def test_a_damaged_index_and_a_file_of_another_kind_stay_as_they_are(run, make_music, tmp_path):
    folder, path = make_music(a="1 0"), tmp_path / "lib.index"
    run(folder)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"my letter", b""):
        path.write_bytes(content)
        for again in (False, True):
            with pytest.raises(
                StoreError, match=r"index: expected a whole file of the command index; .*Name another file"
            ):
                run(folder, again=again)
        assert path.read_bytes() == content


def test_music_and_tables_that_are_indexed_are_no_output(run, make_music, tmp_path):
    song, table = make_music(a="1 0") / "a.wav", tmp_path / "lib.index"
    table.write_text("path,label\n")
    for music in (table, song):
        table.unlink()
        os.link(song, table) if music is song else table.write_text("path,label\n")
        with pytest.raises(StoreError, match="output: expected a file that is not read; got 'an input'"):
            run(music, again=True)


def test_no_music_and_no_usable_music_leave_no_index(run, make_music, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioError, match="expected at least one audio file; got 'none'"):
        run(tmp_path / "empty")
    with pytest.raises(AudioError, match="expected one track or more that can be used"):
        run(make_music(bad="noise"))
    assert not (tmp_path / "lib.index").exists()


def test_settings_out_of_range_are_refused(run, make_music, write_model, graphs):
    with pytest.raises(DataError, match="vectors per track: expected 1 to 100; got 0"):
        Embedding(n_vectors=0)
    with pytest.raises(StoreError, match="expected a file to write"):
        index(["a.wav"], Embedding(), Output("text", os.devnull), graphs, print)
    write_model("head-1", algorithm="TensorflowPredict2D")
    with pytest.raises(CardError, match="a head"):
        run(make_music(a="1 0"), model="head-1")


def test_many_vectors_get_a_graph(run, make_music, monkeypatch):
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 1)
    assert run(make_music(a="1 0", b="0 1")).has_graph


def test_the_tags_of_a_model_are_kept_beside_its_vectors(run, write_model, make_music, tmp_path):
    write_model(tags=("sad", "piano", "loud"))
    run(make_music(a="3 0, 0 4; .1 .2 .3, .5 .4 .3", b="0 2; .9 0 0"), n_vectors=2)
    library = read_library(tmp_path / "lib.index")
    assert library.tags == ("sad", "piano", "loud")
    assert library.activations == pytest.approx(np.array([[0.3, 0.3, 0.3], [0.9, 0, 0]]))
    assert library.units.tolist() == [[1, 0], [0, 1], [0, 1]]
    (tmp_path / "music" / "a.wav").unlink()
    make_music(c="1 1; 0 .5 0")
    assert run(tmp_path / "music", n_vectors=2).n_kept == 1
    assert read_library(tmp_path / "lib.index").activations == pytest.approx(np.array([[0.9, 0, 0], [0, 0.5, 0]]))


def test_an_index_without_the_tags_of_its_model_is_made_again(run, write_model, make_music, tmp_path):
    folder = make_music(a="1 0; .1 .2")
    run(make_music(a="1 0"))
    make_music(a="1 0; .1 .2")
    write_model(tags=("sad", "piano"))
    with pytest.raises(StoreError, match=r"the tags of msd-musicnn-1; got 'one without, of an earlier .*--again"):
        run(folder)
    assert run(folder, again=True).n_tracks == 1
    write_model(tags=("sad", "cello"))
    with pytest.raises(StoreError, match="got '2 other ones'"):
        run(folder)
