"""What is to be labelled, and what tables and tags say of it."""

from __future__ import annotations

import pytest

from essentia_ldl.annotate.journal import Known
from essentia_ldl.annotate.music import describe_track, name_track, read_artist_and_title, read_pool
from essentia_ldl.errors import AudioError, DataError

CLASSES = ("sad", "non_sad")


@pytest.fixture
def write_table(tmp_path, music):
    """A function: rows -> a table of the music."""

    def write(text: str) -> str:
        path = tmp_path / "music.csv"
        path.write_text(text)
        return str(path)

    return write


def read(source: str, said: list[str] | None = None):
    return read_pool([source], CLASSES, [].append if said is None else said.append)


def test_a_folder_gives_its_files(music, tmp_path):
    pool = read(str(tmp_path / "music"))
    assert sorted(pool.paths) == music
    assert (dict(pool.known), dict(pool.labels)) == ({}, {})


def test_a_table_tells_artists_titles_and_other_columns(music, write_table):
    rows = "music/t00.wav,Nina,Blue,soul,test\nmusic/t01.wav,,,,\n"
    pool = read(write_table(f"path,artist,title,genre,split\n{rows}"))
    assert pool.paths == tuple(music[:2])
    assert pool.known[music[0]] == Known("Nina", "Blue", {"genre": "soul", "split": "test"})
    assert pool.known[music[1]] == Known("", "", {"genre": ""})
    pool = read(write_table("Path,Artist,TITLE,Genre\nmusic/t00.wav,Nina,Blue,soul\n"))
    assert pool.known[music[0]] == Known("Nina", "Blue", {"Genre": "soul"})


def test_labels_of_a_table_count_where_they_are_classes(music, write_table):
    table = write_table("path,label\nmusic/t00.wav,sad\nmusic/t01.wav,\n")
    assert dict(read(table).labels) == {music[0]: "sad"}
    said = []
    assert dict(read(write_table("path,label\nmusic/t00.wav,rock\n"), said).labels) == {}
    assert said == ["labels of the table (rock) are none of the classes, and are not looked at"]
    with pytest.raises(DataError, match=r"one of sad, non_sad; got 'happy' \(.*t01.wav\)"):
        read(write_table("path,label\nmusic/t00.wav,sad\nmusic/t01.wav,happy\n"))


def test_what_is_no_music_here(music, tmp_path):
    with pytest.raises(AudioError, match=r"files that are there; got .*nothing"):
        read(str(tmp_path / "nothing"))
    table = tmp_path / "urls.csv"
    table.write_text(f"path\n{tmp_path}/music/t00.wav\nhttps://music.example/a.mp3\n")
    with pytest.raises(DataError, match=r"files of this computer; got 'https://music\.example/a\.mp3'"):
        read(str(table))


def test_files_that_are_not_there_are_left_out_and_counted(music, write_table):
    said = []
    pool = read(write_table("path,label\nmusic/t00.wav,sad\nmusic/gone.wav,sad\n"), said)
    assert pool.paths == (music[0],)
    assert dict(pool.labels) == {music[0]: "sad"}
    assert any("1 files are not there, and are left out" in line for line in said)


def test_tags_tell_what_tables_do_not(music, monkeypatch):
    import mutagen

    class Tagged(dict):
        pass

    monkeypatch.setattr(mutagen, "File", lambda path, easy: Tagged(artist=["Nina  Simone"], title=["Blue"]))
    assert describe_track(music[0], None) == Known("Nina Simone", "Blue")
    assert describe_track(music[0], Known("Bill", "", {"genre": "jazz"})) == Known("Bill", "Blue", {"genre": "jazz"})


def test_files_without_tags_or_with_damaged_ones_have_the_name_of_the_file(music, monkeypatch):
    import mutagen

    assert read_artist_and_title(music[0]) == ("", "")
    assert name_track(music[0], describe_track(music[0], None)) == "t00"

    def fail(path, easy):
        raise mutagen.MutagenError("damaged")

    monkeypatch.setattr(mutagen, "File", fail)
    assert read_artist_and_title(music[0]) == ("", "")
