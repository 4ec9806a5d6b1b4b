"""Headers of files with the name of another container: what they say is read all the same."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from essentia_ldl.errors import AudioError
from essentia_ldl.frontends import MUSICNN
from essentia_ldl.sound.audio import open_audio, probe_audio
from essentia_ldl.sound.features import extract_features
from essentia_ldl.sound.metadata import SUFFIXES, read_metadata

CONTAINERS = {"flac": "flac", "mp3": "mp3", "mp4": "m4a", "ogg": "ogg"}


@pytest.fixture(scope="module")
def encoded(song, tmp_path_factory, needs_ffmpeg):
    """A song in every container, by its right suffix."""
    folder = tmp_path_factory.mktemp("encoded")
    for suffix in CONTAINERS.values():
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", str(song), "-ac", "1", str(folder / f"a.{suffix}")]
        subprocess.run(command, check=True)
    return folder


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("suffix", ["aiff", "flac", "mp3", "m4a", "ogg", "wav", "", "txt"])
def test_a_header_is_read_whatever_the_name(encoded, tmp_path, container, suffix):
    right = encoded / f"a.{CONTAINERS[container]}"
    expected = read_metadata(str(right), container)
    path = tmp_path / (f"wrong.{suffix}" if suffix else "wrong")
    shutil.copy(right, path)
    assert read_metadata(str(path), container) == expected
    assert expected[0] > 1
    assert expected[2] == 44100
    assert probe_audio(str(path)).container == container


def test_a_truncated_file_of_another_name_is_told(encoded, tmp_path):
    whole = (encoded / "a.flac").read_bytes()
    for suffix in ("aiff", "flac", "mp3", "dat"):
        path = tmp_path / f"cut.{suffix}"
        path.write_bytes(whole[: len(whole) // 3])
        with open_audio(str(path)) as (_, declared_s, _):
            assert declared_s == probe_audio(str(encoded / "a.flac")).duration_s
        with pytest.raises(AudioError, match="as its header says"):
            extract_features(str(path), (MUSICNN,))


def test_every_container_that_taglib_knows_has_a_suffix():
    assert set(CONTAINERS) < set(SUFFIXES)
