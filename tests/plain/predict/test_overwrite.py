"""What -o may not name (A1): an input in any spelling, audio, graphs and cards by their content."""

from __future__ import annotations

import json
import os
import wave
from pathlib import Path

import pytest

from essentia_ldl.content import begins_as_audio
from essentia_ldl.errors import StoreError
from essentia_ldl.predict import overwrite
from essentia_ldl.predict.overwrite import describe_content, refuse_overwriting

HEADS = {
    "wav": b"RIFF\x24\x08\x00\x00WAVEfmt ",
    "rf64": b"RF64\xff\xff\xff\xffWAVEds64\0",
    "avi": b"RIFF\x24\x08\x00\x00AVI LIST",
    "aiff": b"FORM\x00\x00\x08\x24AIFFCOMM",
    "flac": b"fLaC\x00\x00\x00\x22",
    "ogg": b"OggS\x00\x02\x00\x00",
    "id3": b"ID3\x04\x00\x00\x00\x00\x0f\x76",
    "mp3": b"\xff\xfb\x90\x64\x00",
    "adts": b"\xff\xf1\x50\x80\x00",
    "mp4": b"\x00\x00\x00\x20ftypM4A ",
    "webm": b"\x1aE\xdf\xa3\x01\x00",
    "wma": b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\x00",
    "ape": b"MAC \x96\x0f\x00\x00",
    "wavpack": b"wvpk\x00\x01\x00\x00",
    "au": b".snd\x00\x00\x00\x18",
    "caf": b"caff\x00\x01\x00\x00",
    "w64": b"riff.\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00",
    "tta": b"TTA1\x01\x00\x02\x00",
    "dsf": b"DSD \x1c\x00\x00\x00",
    "ac3": b"\x0bw\x00\x00",
    "ts": b"\x47" + bytes(187) + b"\x47" + bytes(187),
    "sphere": b"NIST_1A\n   1024\n" + bytes(9),
}
TEXTS = ["", "path,model,class,probability\n", "MAC address,ID3\n", "ID3,OggS\n", "[\n]\n", '{"path": "a"}\n' * 2]


@pytest.mark.parametrize("form", HEADS)
def test_audio_is_known_by_its_first_bytes(form, tmp_path):
    """Case A1: also audio that is not read, whatever its name."""
    assert begins_as_audio(HEADS[form] + bytes(32))
    (tmp_path / "out.csv").write_bytes(HEADS[form] + bytes(200))
    with pytest.raises(StoreError, match=r"a new file or an earlier document; got 'audio' \(.*out\.csv\)"):
        refuse_overwriting(str(tmp_path / "out.csv"), [], [])
    assert (tmp_path / "out.csv").read_bytes() == HEADS[form] + bytes(200)


@pytest.mark.parametrize(
    "text", [*TEXTS, "\ufeffpath;ü\n", json.dumps({"path": "a", "model": "b"}), "{broken", "\ufeff"]
)
def test_text_is_replaced(text, tmp_path):
    (tmp_path / "old.mp3").write_text(text, encoding="utf-8")
    assert describe_content(str(tmp_path / "old.mp3")) is None


def test_names_that_are_not_utf8_and_parquet_are_replaced(tmp_path):
    (tmp_path / "out.csv").write_bytes(b"path,model\ncaf\xe9.wav,sad-1\n" * 50)
    assert describe_content(str(tmp_path / "out.csv")) is None
    (tmp_path / "out.parquet").write_bytes(b"PAR1\x15\x04\x00\xff\xfe")
    assert describe_content(str(tmp_path / "out.parquet")) is None


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\n\x1d\n\x13model/Placeholder\x12\x00", "a graph"),
        (json.dumps({"name": "sad", "classes": ["a"], "inference": {}}).encode(), "a card"),
        (b"\xef\xbb\xbf  " + json.dumps({"essentia_ldl": {}}).encode(), "a card"),
        (b"\x89HDF\r\n\x1a\n\x00\x00", "a file of another program"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + bytes(100) + b"\xff\xfb\x90\x64", "a file of another program"),
        (bytes(range(128, 256)) * 40, "a file of another program"),
    ],
)
def test_graphs_cards_and_what_is_no_text_are_known(content, what, tmp_path):
    (tmp_path / "out.txt").write_bytes(content)
    assert describe_content(str(tmp_path / "out.txt")) == what


def test_nesting_beyond_reason_is_no_traceback(tmp_path):
    (tmp_path / "out.json").write_text('{"a":' + "[" * 200_000)
    assert describe_content(str(tmp_path / "out.json")) is None


# --- inputs ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def song(tmp_path, monkeypatch) -> Path:
    """A file that only its place makes an input: its content is text."""
    monkeypatch.chdir(tmp_path)
    Path("music").mkdir()
    path = tmp_path / "music" / "s.mp3"
    path.write_text("no audio")
    return path


@pytest.mark.parametrize(
    "name", ["music/s.mp3", "./music//s.mp3", "music/../music/s.mp3", "link", "hard", "folder/s.mp3"]
)
def test_an_input_is_known_in_every_spelling(song, name):
    """Case A1: `predict -o s.mp3 s.mp3` left 236 bytes of text in place of the audio."""
    os.symlink(song, "link")
    os.link(song, "hard")
    os.symlink(song.parent, "folder")
    with pytest.raises(StoreError, match="output: expected a file that is not read; got 'an input'"):
        refuse_overwriting(name, ["music"], ["missing.mp3", "music/s.mp3"])
    with pytest.raises(StoreError, match="got 'an input'"):
        refuse_overwriting("music/s.mp3", ["music"], ["missing.mp3", name])


def test_an_input_that_is_missing_is_not_made(song):
    with pytest.raises(StoreError, match="got 'an input'"):
        refuse_overwriting("./music/t.mp3", ["music/t.mp3"], ["music/t.mp3"])


def test_audio_below_a_folder_that_is_read_is_neither_replaced_nor_made(song):
    with wave.open("music/.hidden", "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(100))
    with pytest.raises(StoreError, match="got 'audio'"):
        refuse_overwriting("music/.hidden", ["music"], ["music/s.mp3"])
    with pytest.raises(StoreError, match="no audio of a folder that is read"):
        refuse_overwriting("music/new.WAV", ["music"], ["music/s.mp3"])
    refuse_overwriting("music/out.csv", ["music"], ["music/s.mp3"])
    refuse_overwriting("musical.wav", ["music"], ["music/s.mp3"])


def test_an_output_that_cannot_be_read_is_one_sentence(song, monkeypatch):
    def deny(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(overwrite, "describe_content", deny)
    told = r"^music/s\.mp3 is there already and cannot be read: Permission denied\. Choose another output\.$"
    with pytest.raises(StoreError, match=told):
        refuse_overwriting("music/s.mp3", ["music"], [])
