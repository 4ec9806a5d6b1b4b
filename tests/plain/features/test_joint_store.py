"""Folders of networks side by side: what is in their names, and what is read from them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl import frontends, taps
from essentia_ldl.errors import StoreError, WeightsError
from essentia_ldl.features.beside import find_networks
from essentia_ldl.features.joint_store import (
    FeaturePlaces,
    find_choice,
    find_engine,
    find_folders,
    name_network,
    read_front_end,
    read_joint,
)
from essentia_ldl.features.store import array_path
from essentia_ldl.files import write_json
from essentia_ldl.models.folder import weights_file

CONTENT = "c" * 64
NETWORKS = ("msd-vgg", "mtt-musicnn")


@pytest.fixture
def places(tmp_path):
    found = FeaturePlaces(tmp_path / "store", tmp_path / "graphs")
    found.graphs.mkdir()
    for backbone, dataset in taps.NETWORKS.values():
        weights_file(found.graphs, backbone, dataset).write_bytes(f"{backbone} {dataset}".encode())
    return found


def _write(folder, array):
    path = array_path(folder, CONTENT)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)
    return path


def test_the_front_end_at_quality_4_is_that_of_every_store():
    assert read_front_end(4) == frontends.MUSICNN
    assert len({read_front_end(quality, hop).key for quality in (1, 4) for hop in (None, 187)}) == 4


def test_folders_differ_by_all_that_decides_numbers(places):
    choices = [("deep", 4, None), ("deep", 1, None), ("all", 4, None), ("deep", 4, 187)]
    found = {path for choice in choices for path in find_folders(NETWORKS, choice[0], places, *choice[1:]).values()}
    assert len(found) == 8
    assert find_folders(NETWORKS, "embedding", places, 4) == find_folders(NETWORKS, "deep", places, 4)
    before = find_folders(NETWORKS, "deep", places, 4)
    weights_file(places.graphs, "vgg", "msd").write_bytes(b"others")
    after = find_folders(NETWORKS, "deep", places, 4)
    assert before["msd-vgg"] != after["msd-vgg"]
    assert before["mtt-musicnn"] == after["mtt-musicnn"]


def test_the_engine_that_was_chosen_is_in_the_name(places):
    name = name_network("msd-vgg", "deep", places.graphs)
    assert find_engine(name, places.store) == "tensorflow"
    plain = find_folders(["msd-vgg"], "deep", places, 4)["msd-vgg"]
    grid = dataclasses.replace(frontends.MUSICNN, patch_hop_frames=taps.HOP_FRAMES)
    assert plain.name == f"{grid.key}-{name}"
    write_json(find_choice(name, places.store), {"engine": "openvino"})
    assert find_folders(["msd-vgg"], "deep", places, 4)["msd-vgg"].name == f"{plain.name}-openvino"
    assert find_folders(["msd-vgg"], "deep", places, 4, engine="tensorflow")["msd-vgg"] == plain
    write_json(find_choice(name, places.store), {"engine": "abacus"})
    assert find_engine(name, places.store) == "tensorflow"


def test_weights_that_are_missing(tmp_path):
    with pytest.raises(WeightsError, match="graphs build"):
        find_folders(["msd-vgg"], "deep", FeaturePlaces(tmp_path, tmp_path), 4)


def test_networks_are_read_side_by_side(places):
    folders = find_folders(NETWORKS, "deep", places, 4)
    random = np.random.default_rng(0)
    arrays = {name: random.normal(size=(3, taps.count_columns(name, "deep"))).astype(np.float32) for name in NETWORKS}
    for name, array in arrays.items():
        _write(folders[name], array)
    joint = read_joint(folders, CONTENT)
    assert np.array_equal(joint, np.concatenate([arrays["msd-vgg"], arrays["mtt-musicnn"]], axis=1))
    chosen = read_joint(folders, CONTENT, "embedding")
    assert np.array_equal(chosen, joint[:, taps.slice_joint(NETWORKS, "embedding", "deep")])


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 5), np.float32),
        np.zeros((0, 818), np.float32),
        np.zeros((2, 818)),
        np.full((2, 818), np.nan, np.float32),
        np.zeros(818, np.float32),
    ],
)
def test_what_is_damaged_is_removed(places, array):
    folders = find_folders(["msd-vgg"], "deep", places, 4)
    path = _write(folders["msd-vgg"], array)
    with pytest.raises(StoreError, match="features: expected finite float32"):
        read_joint(folders, CONTENT)
    assert not path.exists()


def test_what_is_missing_or_does_not_fit(places):
    folders = find_folders(NETWORKS, "deep", places, 4)
    with pytest.raises(StoreError, match="features: expected a readable array"):
        read_joint(folders, CONTENT)
    _write(folders["msd-vgg"], np.zeros((2, 818), np.float32))
    _write(folders["mtt-musicnn"], np.zeros((3, 634), np.float32))
    with pytest.raises(StoreError, match=r"as many patches of every network; got \[2, 3\]"):
        read_joint(folders, CONTENT)


def write_extractor(places, name="net-1", data=b"graph", size=5):
    shape = {"inputs": [{"name": "x", "shape": [187, 96]}]}
    shape["outputs"] = [{"name": "y", "shape": [size], "output_purpose": "embeddings"}]
    inference = {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN"}
    write_json(places.graphs / f"{name}.json", {"name": name, "type": "x", "schema": shape, "inference": inference})
    (places.graphs / f"{name}.pb").write_bytes(data)


def test_the_folder_of_an_extractor_differs_by_its_bytes_and_the_quality_and_not_by_layers(places):
    write_extractor(places)
    both = ("net-1", "msd-vgg")
    deep, everything, other = (
        find_folders(both, layers, places, quality) for layers, quality in (("deep", 4), ("all", 4), ("deep", 1))
    )
    assert deep["net-1"] == everything["net-1"] != other["net-1"]
    assert deep["msd-vgg"] != everything["msd-vgg"]
    name = name_network("net-1", "deep", places.graphs)
    assert name.startswith("extractor-net-1-")
    assert deep["net-1"].name == f"{deep['msd-vgg'].name.partition('-vgg')[0]}-{name}"
    (network,) = find_networks(("net-1",), places.graphs)
    assert find_folders((network,), "deep", places, 4) == {network: deep["net-1"]}
    write_json(find_choice(name, places.store), {"engine": "openvino"})
    assert find_folders((network,), "deep", places, 4)[network].name == f"{deep['net-1'].name}-openvino"
    write_extractor(places, data=b"another")
    assert find_folders(("net-1",), "deep", places, 4)["net-1"] not in (deep["net-1"], other["net-1"])


def test_an_extractor_is_read_beside_the_others_and_checked(places):
    write_extractor(places)
    networks = find_networks(("msd-vgg", "net-1"), places.graphs)
    folders = find_folders(networks, "deep", places, 4)
    random = np.random.default_rng(0)
    deep, own = (random.normal(size=(3, size)).astype(np.float32) for size in (818, 5))
    _write(folders[networks[0]], deep)
    _write(folders[networks[1]], own)
    assert np.array_equal(read_joint(folders, CONTENT), np.concatenate([deep, own], axis=1))
    embeddings = read_joint(folders, CONTENT, "embedding")
    assert np.array_equal(embeddings[:, -5:], own)
    assert embeddings.shape == (3, 256 + 5)
    path = _write(folders[networks[1]], np.zeros((3, 4), np.float32))
    with pytest.raises(StoreError, match=r"features: expected finite float32 \(n_patches, 5\); got"):
        read_joint(folders, CONTENT)
    assert not path.exists()
