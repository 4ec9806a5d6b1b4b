"""Features of several networks: what is asked of the zones, and what is left alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl import taps
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import RecipeError, StoreError, UnknownNameError, WeightsError
from essentia_ldl.features import joint
from essentia_ldl.features.joint import joint_folders, make_joint_features, read_joint
from essentia_ldl.features.store import array_path
from essentia_ldl.files import read_json
from essentia_ldl.models.folder import weights_file
from essentia_ldl.records import Failure, Track

NETWORKS = ("msd-musicnn", "mtt-vgg")


@pytest.fixture
def collection(home) -> Collection:
    tracks = [Track(f"t{n}", f"/{n}.mp3", ("non_sad", "sad")[n % 2]) for n in range(4)]
    contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in tracks}
    home.graphs.mkdir(parents=True)
    for backbone, dataset in taps.NETWORKS.values():
        weights_file(home.graphs, backbone, dataset).write_bytes(f"{backbone} {dataset}".encode())
    return Collection(tuple(tracks), contents, dict.fromkeys(contents, 20.0), (), home)


@pytest.fixture
def zones(monkeypatch):
    """Stand in for both zones: graphs of a few bytes, OpenVINO for VGG alone, and arrays of the right size."""
    seen: dict[str, list] = {"frozen": [], "engines": [], "tracks": []}

    def run_zone(module, job_file):
        assert module == "essentia_ldl.nets.tapped_graphs"
        job = read_json(job_file)
        seen["frozen"].append((sorted(job["networks"]), job["layers"]))
        for path in job["networks"].values():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_bytes(b"graph")

    def run_jobs(function, jobs, step, n_jobs=None, progress=True):
        for job in jobs:
            if function.endswith(":choose_engine"):
                seen["engines"].append(Path(job["path"]).stem)
                yield (
                    job,
                    {"engine": "openvino" if "vgg" in job["path"] else "tensorflow", "shared": "vgg" in job["path"]},
                )
                continue
            assert function == "essentia_ldl.sound.joint:compute_track"
            seen["tracks"].append(job)
            for network in job["networks"]:
                name = next(n for n in NETWORKS if "-".join(reversed(n.split("-"))) in network["graph"])
                path = array_path(network["folder"], job["content"])
                path.parent.mkdir(parents=True, exist_ok=True)
                stored = "all" if "-all-" in network["graph"] else "deep"
                value = job["front_end"]["resample_quality"]
                np.save(path, np.full((2, taps.count_columns(name, stored)), value, np.float32))
            yield job, job["content"]

    monkeypatch.setattr(joint, "run_zone", run_zone)
    monkeypatch.setattr(joint, "run_jobs", run_jobs)
    return seen


def test_both_qualities_are_computed_once(collection, zones, home):
    lines = []
    make_joint_features(collection, NETWORKS, "embedding", say=lines.append)
    assert zones["frozen"] == [(["msd-musicnn", "mtt-vgg"], "deep")]
    assert [name.partition("-")[0] for name in zones["engines"]] == ["musicnn", "vgg"]
    assert [job["front_end"]["resample_quality"] for job in zones["tracks"]] == [4] * 4 + [1] * 4
    told = {(network["engine"], network["shared"]) for network in zones["tracks"][0]["networks"]}
    assert told == {("openvino", True), ("tensorflow", False)}
    assert {job["hop_frames"] for job in zones["tracks"]} == {taps.HOP_FRAMES}
    assert [line for line in lines if "quality" in line] == [
        f"features of 2 networks for 4 tracks, resampling quality {quality}" for quality in (4, 1)
    ]
    for quality in (4, 1):
        folders = joint_folders(NETWORKS, "deep", home, quality)
        assert folders["mtt-vgg"].name.endswith("-openvino")
        for content in collection.contents.values():
            assert np.all(read_joint(folders, content) == quality)
    make_joint_features(collection, NETWORKS, "deep", say=lines.append)  # embedding is a part of it
    assert len(zones["tracks"]) == 8
    assert len(lines) == 4


def test_what_is_missing_alone_is_computed(collection, zones, home):
    make_joint_features(collection, NETWORKS[:1], "deep", (4,), say=lambda _: None)
    zones["tracks"].clear()
    lost = collection.contents["t1"]
    array_path(joint_folders(NETWORKS, "deep", home, 4)["msd-musicnn"], lost).unlink()
    make_joint_features(collection, NETWORKS, "deep", (4,), say=lambda _: None)
    asked = {
        job["content"]: [Path(n["graph"]).stem.partition("-deep")[0] for n in job["networks"]]
        for job in zones["tracks"]
    }
    assert asked.pop(lost) == ["musicnn-msd", "vgg-mtt"]
    assert list(asked.values()) == [["vgg-mtt"]] * 3


def test_all_layers_have_folders_of_their_own(collection, zones):
    for layers in ("deep", "135"):
        make_joint_features(collection, NETWORKS, layers, (4,), say=lambda _: None)
    assert [layers for _, layers in zones["frozen"]] == ["deep", "all"]
    assert len(zones["tracks"]) == 8


def test_copies_of_a_recording_are_computed_once(collection, zones):
    same = dict.fromkeys(collection.contents, "d" * 64)
    twice = Collection(collection.tracks, same, collection.durations_s, (), collection.home)
    make_joint_features(twice, NETWORKS, "deep", (4,), say=lambda _: None)
    assert len(zones["tracks"]) == 1


def test_workers_share_the_cores(collection, zones, monkeypatch):
    monkeypatch.setattr(joint, "count_workers", lambda n_jobs=None: n_jobs or 8)
    make_joint_features(collection, NETWORKS, "deep", (4,), 2, say=lambda _: None)
    assert {job["n_threads"] for job in zones["tracks"]} == {4}


def test_a_file_that_fails_is_told(collection, zones, monkeypatch):
    def run_jobs(function, jobs, step, n_jobs=None, progress=True):
        yield from ((job, Failure(job["path"], step, "audio: expected a file.")) for job in jobs[:1])

    monkeypatch.setattr(joint, "run_jobs", run_jobs)
    with pytest.raises(StoreError, match="audio: expected a file"):
        make_joint_features(collection, NETWORKS, "deep", (4,), say=lambda _: None)


def test_what_is_asked_for_in_vain(collection, zones):
    with pytest.raises(UnknownNameError, match="one of msd-musicnn"):
        make_joint_features(collection, ("resnet",), "deep")
    with pytest.raises(RecipeError, match=r"network\.layers"):
        make_joint_features(collection, NETWORKS, "shallow")
    weights_file(collection.home.graphs, "vgg", "mtt").unlink()
    with pytest.raises(WeightsError, match="graphs build"):
        make_joint_features(collection, NETWORKS, "deep")
    assert not zones["tracks"]
