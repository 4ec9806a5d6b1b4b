"""Room that decoded audio needs: from the headers of some tracks, told before it is made."""

from __future__ import annotations

import collections

import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.features import room
from essentia_ldl.files import Home
from essentia_ldl.frontends import MUSICNN, SAMPLECNN, WAVE_3S
from essentia_ldl.records import Failure

JOBS = [{"path": f"{i}.wav"} for i in range(100)]


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
    found = room.tell_room(JOBS, (MUSICNN, SAMPLECNN, WAVE_3S), Home(tmp_path), say=said.append)
    assert found == 100 * 30 * (22050 + 16000) * 2
    assert said == ["decoded audio of 100 tracks takes about 228 MB of the store"]
    assert len(probed) == room.N_PROBED
    assert {"0.wav", "99.wav"} <= set(probed)


@pytest.mark.parametrize(("jobs", "front_ends"), [(JOBS, (MUSICNN,)), ([], (SAMPLECNN,))])
def test_nothing_is_asked_where_nothing_is_decoded(jobs, front_ends, probed, tmp_path):
    assert room.tell_room(jobs, front_ends, Home(tmp_path), say=pytest.fail) == 0
    assert not probed


def test_a_disk_that_is_too_small_is_told_before(probed, tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: usage(1, 1, 5e6))
    rule = r"decoded audio: expected 132 MB of room; got '5 MB' \(.*\)\. Make room, or use fewer tracks\."
    with pytest.raises(StoreError, match=rule):
        room.tell_room(JOBS, (SAMPLECNN,), Home(tmp_path))


def test_headers_that_tell_nothing_stop_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(room, "run_jobs", lambda *a, **k: ((job, {"duration_s": 0.0}) for job in a[1]))
    assert room.tell_room(JOBS, (SAMPLECNN,), Home(tmp_path), say=pytest.fail) == 0
