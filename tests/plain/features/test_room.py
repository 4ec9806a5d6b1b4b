"""Room that decoded audio needs: from the headers of some tracks, told before it is made."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.features import room
from essentia_ldl.features.store import Store, find_variant
from essentia_ldl.files import Home
from essentia_ldl.frontends import MUSICNN, SAMPLECNN, WAVE_3S
from essentia_ldl.records import Failure, Track

PATHS = [f"{i}.wav" for i in range(100)]
LACKING = dict.fromkeys(PATHS, SAMPLECNN.sample_rate_hz)


@pytest.fixture
def probed(monkeypatch) -> list[str]:
    """Headers that tell 30 s of every other file; the paths that were asked."""
    asked: list[str] = []

    def run_jobs(function, jobs, step, n_jobs=None, progress=True, home=None):
        assert function == "essentia_ldl.sound.features:probe_track"
        for number, job in enumerate(jobs):
            asked.append(job["path"])
            yield job, {"duration_s": 30.0} if number % 2 else Failure(job["path"], step, "no audio")

    monkeypatch.setattr(room, "run_jobs", run_jobs)
    return asked


def test_it_is_told_from_some_of_the_headers(probed, tmp_path):
    said = []
    tracks = [Track(path, path, "sad") for path in PATHS]
    lacking = room.count_lacking(tracks, [(one, "") for one in (MUSICNN, SAMPLECNN, WAVE_3S)], Store(tmp_path / "s"))
    found = room.tell_room(lacking, Home(tmp_path), say=said.append)
    assert found == 100 * 30 * (22050 + 16000) * 2
    assert said == ["decoded audio of 100 tracks takes about 228 MB of the store"]
    assert len(probed) == room.N_PROBED
    assert {"0.wav", "99.wav"} <= set(probed)


@pytest.mark.parametrize(("paths", "front_end"), [(PATHS, MUSICNN), ([], SAMPLECNN)])
def test_nothing_is_asked_where_nothing_is_decoded(paths, front_end, probed, tmp_path):
    lacking = room.count_lacking([Track(path, path, "sad") for path in paths], [(front_end, "")], Store(tmp_path))
    assert room.tell_room(lacking, Home(tmp_path), say=pytest.fail) == 0
    assert not probed


def test_a_disk_that_is_too_small_is_told_before(probed, tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: usage(1, 1, 5e6))
    rule = r"decoded audio: expected 132 MB of room; got '5 MB' \(.*\)\. Make room, or use fewer tracks\."
    with pytest.raises(StoreError, match=rule):
        room.tell_room(LACKING, Home(tmp_path))


def test_headers_that_tell_nothing_stop_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(room, "run_jobs", lambda *a, **k: ((job, {"duration_s": 0.0}) for job in a[1]))
    assert room.tell_room(LACKING, Home(tmp_path), say=pytest.fail) == 0


def test_what_is_stored_is_not_counted_and_variants_are(tmp_path):
    """Each variant is as large as the track; another quality is a front-end of its own."""
    store, paths = Store(tmp_path / "store"), [tmp_path / f"{name}.wav" for name in "abcd"]
    for path, text in zip(paths, ("a", "b", "c", "c"), strict=True):
        path.write_text(text)
    tracks = [Track(path.name, str(path), "sad") for path in paths]
    plain, rate_hz = [(SAMPLECNN, ""), (MUSICNN, "")], SAMPLECNN.sample_rate_hz
    assert room.count_lacking(tracks, plain, store) == dict.fromkeys(map(str, paths), rate_hz)
    contents = [store.remember(str(path)) for path in paths]
    store.write(contents[0], SAMPLECNN, np.zeros((5, 1), np.int16))
    assert room.count_lacking(tracks, plain, store) == dict.fromkeys(map(str, paths[1:3]), rate_hz), "d is a copy of c"
    variants = [find_variant(SAMPLECNN, name) for name in ("quality-1", "tempo-94", "tempo-106")]
    assert room.count_lacking(tracks[:1], variants, store) == {str(paths[0]): 3 * rate_hz}
    store.write(contents[0], SAMPLECNN, np.zeros((5, 1), np.int16), "tempo-94")
    assert room.count_lacking(tracks[:1], variants, store) == {str(paths[0]): 2 * rate_hz}
