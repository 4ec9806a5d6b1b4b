"""Networks side by side below a head: what is computed, what is kept, and what is read instead."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl import taps
from essentia_ldl.errors import StoreError, WeightsError
from essentia_ldl.features.joint_store import FeaturePlaces, find_choice, find_folders, name_network
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import write_json
from essentia_ldl.nets.inputs.joint import JointNetwork, Wanted

CONTENTS = ["a" * 64, "b" * 64]
WANTED = Wanted(("mtt-vgg", "msd-musicnn"), "deep", 4)


@pytest.fixture
def bands(tmp_path):
    random, store = np.random.default_rng(0), Store(tmp_path / "store")
    arrays = {c: random.uniform(0, 4, (n, 96)).astype(np.float32) for c, n in zip(CONTENTS, (187, 400), strict=True)}
    for content, array in arrays.items():
        store.write(content, taps.FRONT_END, array)
    return store, arrays


def open_network(store, graphs, **changes):
    return JointNetwork(store.root, graphs, dataclasses.replace(WANTED, **changes))


@pytest.mark.slow
def test_features_are_those_of_the_grid_and_kept_for_each_network(bands, random_graphs):
    store, arrays = bands
    body = open_network(store, random_graphs)
    found = body.load(CONTENTS)
    assert [array.shape for array in found] == [(1, 818 + 634), (2, 818 + 634)]
    expected = body.model(
        np.stack([arrays[CONTENTS[1]][i : i + 187] for i in (0, taps.HOP_FRAMES)]), training=False
    ).numpy()
    np.testing.assert_allclose(found[1], expected, rtol=1e-4, atol=1e-4)
    folders = find_folders(WANTED.backbones, "deep", FeaturePlaces(store.root, random_graphs), 4)
    assert all(array_path(folder, content).is_file() for folder in folders.values() for content in CONTENTS)


@pytest.mark.slow
def test_another_choice_of_layers_computes_nothing_again(bands, random_graphs, monkeypatch):
    store, _ = bands
    deep = open_network(store, random_graphs).load(CONTENTS)
    monkeypatch.setattr("essentia_ldl.nets.inputs.joint.read_grid", None)
    single = open_network(store, random_graphs, backbones=("msd-musicnn",), layers="embedding")
    columns = taps.slice_joint(WANTED.backbones, "embedding", "deep")[256:]
    assert np.array_equal(single.read(CONTENTS[1]), deep[1][:, columns])
    assert single.count(CONTENTS) == [1, 2]
    assert single.lazy


def test_what_the_sound_zone_made_is_read(bands, random_graphs):
    store, _ = bands
    places = FeaturePlaces(store.root, random_graphs)
    wanted = {"backbones": ("msd-vgg",), "hop_frames": 50}
    write_json(
        find_choice(name_network("msd-vgg", "deep", random_graphs), store.root),
        {"engine": "openvino"},
    )
    folder = find_folders(("msd-vgg",), "deep", places, 4, 50)["msd-vgg"]
    path = array_path(folder, CONTENTS[0])
    path.parent.mkdir(parents=True)
    np.save(path, np.full((1, 818), 7, np.float32))
    found = open_network(store, random_graphs, **wanted).load(CONTENTS)
    assert np.all(found[0] == 7)
    assert len(found[1]) == 5  # computed here, and kept apart from what OpenVINO made
    assert not array_path(folder, CONTENTS[1]).exists()
    own = find_folders(("msd-vgg",), "deep", places, 4, 50, engine="tensorflow")["msd-vgg"]
    assert array_path(own, CONTENTS[1]).is_file()


@pytest.mark.slow
def test_damage_is_made_again_and_missing_bands_are_told(bands, random_graphs):
    store, _ = bands
    only = {"backbones": ("mtt-musicnn",)}
    before = open_network(store, random_graphs, **only).load(CONTENTS[:1])
    folder = find_folders(("mtt-musicnn",), "deep", FeaturePlaces(store.root, random_graphs), 4)["mtt-musicnn"]
    array_path(folder, CONTENTS[0]).write_bytes(b"no array")
    assert np.array_equal(open_network(store, random_graphs, **only).load(CONTENTS[:1])[0], before[0])
    with pytest.raises(StoreError, match="features: expected a readable array"):
        open_network(store, random_graphs, quality=1, **only).load(CONTENTS)


def test_missing_weights_are_told_at_once(bands, tmp_path):
    with pytest.raises(WeightsError, match="graphs build"):
        open_network(bands[0], tmp_path)


@pytest.mark.slow
def test_an_extractor_stands_beside_a_network(bands, random_graphs, write_published, tmp_path):
    store, arrays = bands
    (tmp_path / "msd-musicnn-1.weights.h5").symlink_to(random_graphs / "msd-musicnn-1.weights.h5")
    extractor = taps.place_extractor(write_published(tmp_path))
    body = open_network(store, tmp_path, backbones=("msd-musicnn", extractor), layers="deep")
    found = body.load(CONTENTS)
    assert [array.shape for array in found] == [(1, 634 + 12), (2, 634 + 12)]
    patches = np.stack([arrays[CONTENTS[1]][i : i + 187] for i in (0, taps.HOP_FRAMES)])
    np.testing.assert_allclose(found[1], body.model(patches, training=False).numpy(), rtol=1e-4, atol=1e-4)
    alone = open_network(store, tmp_path, backbones=(extractor,), layers="embedding")
    assert np.array_equal(alone.read(CONTENTS[1]), found[1][:, 634:])  # of the store: layers do not matter to it
    np.testing.assert_allclose(alone.model(patches).numpy(), found[1][:, 634:], rtol=1e-5)
