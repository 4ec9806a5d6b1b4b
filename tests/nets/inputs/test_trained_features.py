"""Classifiers on the penultimate layers of trained networks, from their plans to a frozen graph."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.errors import StoreError, TrainingError
from essentia_ldl.features.store import Store
from essentia_ldl.nets.classifier import join
from essentia_ldl.nets.export import nodes
from essentia_ldl.nets.export.freeze import find_unknown
from essentia_ldl.nets.inputs.below_head import open_body
from essentia_ldl.nets.inputs.patches import cut_grid
from essentia_ldl.nets.inputs.trained_features import EMBEDDING, TrainedFeatures, build_features
from essentia_ldl.nets.networks import build_model, count_embedding
from essentia_ldl.nets.run import main, run_all
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.trained_weights import count_features
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.plan import Plan, read_plan

G = {"name": "g", "classes": ["non_sad", "sad"]}
M = {"name": "m", "classes": ["m01", "m02", "m03"]}
QUIET = {"predictions": False, "export": False}
HEAD = {"fine_tune": "head", "pretrained": "features", "hidden": 12, "activation": "elu", "dropout": 0.5}
N_FEATURES = 32  # an eighth of 256

pytestmark = pytest.mark.usefixtures("narrow")


@pytest.fixture
def classifier(make_dcnn) -> Path:
    """A run folder of a classifier on two single networks and one with two targets, none of them trained."""
    make_dcnn("first", **QUIET)
    make_dcnn("second", seed=5, **QUIET)
    make_dcnn("shared", tasks=[G, M], **QUIET)
    roles = ("train", "train", "valid")
    return make_dcnn("run", roles=roles, network=HEAD, features=["../first", "../second", "../shared"])


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """Where the networks of `trained` are kept between tests."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def train_once(kept: Path) -> Callable[..., None]:
    """A function (folder, as_=name of the folder) that trains a network; those of one name are trained once."""

    def train_or_copy(folder: Path, as_: str = "") -> None:
        as_ = as_ or folder.name
        if not (kept / as_).is_dir():
            train(folder)
            shutil.copytree(folder, kept / as_)
        for name in ("weights.npz", "history.json"):
            shutil.copy(kept / as_ / name, folder / name)

    return train_or_copy


@pytest.fixture
def trained(classifier: Path, train_once: Callable[..., None]) -> Path:
    """The run folder of `classifier` with its three networks trained."""
    for folder in read_plan(classifier).features:
        train_once(folder)
    return classifier


def open_features(plan: Plan) -> TrainedFeatures:
    return TrainedFeatures(plan.store, plan.features, plan.front_end)


def read_patches(plan: Plan, row: int = 0) -> np.ndarray:
    bands = Store(plan.store).read(plan.tracks[row].content, plan.front_end)
    return np.ascontiguousarray(cut_grid(bands, plan.front_end))


@pytest.mark.slow
def test_features_are_what_the_last_dense_layers_read(trained):
    plan = read_plan(trained)
    assert [count_features(folder) for folder in plan.features] == [N_FEATURES, N_FEATURES, 2 * N_FEATURES]
    assert count_embedding(plan) == 4 * N_FEATURES
    features, patches = open_features(plan), read_patches(plan)
    found = features.model(patches, training=False).numpy()
    assert found.shape == (len(patches), 4 * N_FEATURES)
    # Through the last dense layer, features give the logits of each network.
    start = 0
    for folder in plan.features:
        network = read_plan(folder)
        model = build_model(network, pretrained=False)
        with np.load(folder / "weights.npz") as arrays:
            for weight in model.weights:
                weight.assign(arrays[weight.path])
        logits = model(patches, training=False)
        for layer, answer in zip(
            [f"{task.name}_logits" for task in network.tasks] or ["logits"],
            logits if network.tasks else [logits],
            strict=True,
        ):
            kernel, bias = model.get_layer(layer).get_weights()
            part = found[:, start : start + N_FEATURES]
            np.testing.assert_allclose(part @ kernel + bias, answer, atol=1e-4)
            start += N_FEATURES


@pytest.mark.slow
def test_features_are_computed_once_and_damage_is_repaired(trained, monkeypatch):
    plan = read_plan(trained)
    features = open_features(plan)
    contents = [track.content for track in plan.tracks]
    counts = features.count(contents)
    loaded = features.load(contents)
    assert counts.tolist() == [len(array) for array in loaded]
    np.testing.assert_allclose(loaded[0], features.model(read_patches(plan), training=False), atol=1e-5)
    assert features.read(contents[3]).shape == (counts[3], 4 * N_FEATURES)

    path = next((plan.features[1] / "embeddings-21").glob(f"*/{contents[2]}.npy"))
    path.write_bytes(b"damaged")
    computed = []
    with monkeypatch.context() as patched:
        patched.setattr(
            TrainedFeatures, "_compute", lambda _, folder, kept, missing: computed.append((folder, list(missing)))
        )
        with pytest.raises((StoreError, ValueError)):
            open_features(plan).load(contents)  # nothing is computed here, so the damage shows
    assert computed == [(plan.features[1], [contents[2]])]
    np.testing.assert_array_equal(open_features(plan).load(contents)[2], loaded[2])


@pytest.mark.slow
def test_another_hop_reads_the_same_bands(trained):
    plan = read_plan(trained)
    contents = [track.content for track in plan.tracks]
    own, coarse = open_body(plan, {}), open_body(plan, {}, 5)
    n_frames = len(Store(plan.store).read(contents[11], plan.front_end))
    assert coarse.count(contents)[11] == (n_frames - 43) // 5 + 1
    np.testing.assert_allclose(coarse.read(contents[0])[0], own.load(contents[:1])[0][0], atol=1e-5)


@pytest.mark.slow
def test_features_of_other_weights_are_forgotten(trained):
    plan = read_plan(trained)
    contents = [track.content for track in plan.tracks[:2]]
    before = open_features(plan).load(contents)
    with np.load(plan.features[0] / "weights.npz") as arrays:
        changed = {name: arrays[name] + (0.1 if name.endswith("kernel") else 0.0) for name in arrays.files}
    np.savez(plan.features[0] / "weights.npz", **changed)
    after = open_features(plan).load(contents)
    assert not np.allclose(after[0][:, :N_FEATURES], before[0][:, :N_FEATURES])
    np.testing.assert_array_equal(after[0][:, N_FEATURES:], before[0][:, N_FEATURES:])


@pytest.mark.slow
def test_a_run_trains_its_networks_first_and_once(classifier, capsys):
    assert main([str(classifier)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "trained" in line]
    assert len(lines) == 4
    assert "training loss" in lines[0]
    assert "validation mean recall" in lines[-1]
    stamps = [os.stat(classifier.parent / name / "weights.npz").st_mtime_ns for name in ("first", "second", "shared")]
    (classifier / "predictions.npz").unlink()
    run_all([classifier])
    again = [os.stat(classifier.parent / name / "weights.npz").st_mtime_ns for name in ("first", "second", "shared")]
    assert again == stamps
    with np.load(classifier / "predictions.npz") as arrays:
        assert arrays["probabilities"].shape == (12, 2)
    assert not (classifier.parent / "first" / "predictions.npz").exists()


@pytest.mark.slow
def test_networks_can_be_trained_alone(classifier, capsys):
    folders = [str(classifier.parent / name) for name in ("first", "second")]
    assert main(["--networks", *folders]) == 0
    assert all((Path(folder) / "history.json").is_file() for folder in folders)
    assert not (classifier / "history.json").exists()
    assert "trained 2 epochs" in capsys.readouterr().out


@pytest.mark.slow
def test_the_classifier_is_that_of_the_paper(trained):
    plan = read_plan(trained)
    head = build_model(plan, pretrained=False)
    kinds = [type(layer).__name__ for layer in head.layers if not isinstance(layer, keras.layers.InputLayer)]
    assert [kind for kind in kinds if kind in ("Dropout", "Dense")] == ["Dropout", "Dense", "Dropout", "Dense"]
    x = np.random.default_rng(0).normal(size=(3, count_embedding(plan))).astype(np.float32)
    (first, offset), (second, bias) = (head.get_layer(name).get_weights() for name in ("hidden", "logits"))
    hidden = x @ first + offset
    expected = np.where(hidden > 0, hidden, np.expm1(np.minimum(hidden, 0))) @ second + bias  # ELU
    np.testing.assert_allclose(head(x, training=False), expected, atol=1e-4)


@pytest.mark.slow
def test_a_classifier_on_features_is_one_graph_that_old_tensorflow_runs(trained):
    plan = json.loads((trained / "plan.json").read_text())
    made = {"networks": "separate", "targets": ["g", "m"], "fine_tune": "none", "pretrained": None}
    stems = {"full": "mood_sad-dcnn-agf", "head": None}
    (trained / "plan.json").write_text(json.dumps({**plan, "export": True, "stems": stems, "learned": made}))
    run_all([trained])
    graph = tf.compat.v1.GraphDef.FromString((trained / "export" / "mood_sad-dcnn-agf.pb").read_bytes())
    assert find_unknown(graph, "2.5.0") == find_unknown(graph, "1.15.0") == []
    assert [path.name for path in sorted((trained / "export").glob("*.pb"))] == ["mood_sad-dcnn-agf.pb"]
    card = json.loads((trained / "export" / "mood_sad-dcnn-agf.json").read_text())
    names = [output["name"] for output in card["schema"]["outputs"]]
    assert nodes.FEATURES in names
    assert card["essentia_ldl"]["transfer"] == {"networks": "separate", "targets": ["g", "m"]}
    assert (card["essentia_ldl"]["fine_tune"], card["essentia_ldl"]["pretrained"]) == ("none", None)
    assert "artist group factors" in card["citation"]

    plan = read_plan(trained)
    patches = read_patches(plan)
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(graph, name="")
        with tf.compat.v1.Session(graph=imported) as session:
            wanted = [f"{nodes.FEATURES}:0", "model/dense_1/BiasAdd:0"]
            features, logits = session.run(wanted, {f"{nodes.PLACEHOLDER}:0": patches})
    np.testing.assert_allclose(features, open_features(plan).load([plan.tracks[0].content])[0], atol=1e-4)
    with np.load(trained / "predictions.npz") as arrays:
        np.testing.assert_allclose(logits, arrays["patch_logits"][: len(patches)], atol=1e-4)


@pytest.mark.slow
def test_a_linear_classifier_on_features_is_exported(make_dcnn, train_once):
    train_once(make_dcnn("first", **QUIET))
    stems = {"full": "mood_sad-dcnn-agf", "head": None}
    made = {"networks": "separate", "targets": ["g"], "fine_tune": "none", "pretrained": None}
    folder = make_dcnn(
        *("run",), network=HEAD | {"hidden": 0}, features=["../first"], stems=stems, learned=made, calibration="none"
    )
    run_all([folder])
    card = json.loads((folder / "export" / "mood_sad-dcnn-agf.json").read_text())
    names = [output["name"] for output in card["schema"]["outputs"]]
    assert names == [nodes.SOFTMAX, nodes.SIGMOID, "model/dense/BiasAdd", nodes.FEATURES]
    assert card["citation"] == ""  # it has learned no artist groups


@pytest.mark.slow
def test_the_features_of_a_single_network_are_its_own(make_dcnn, train_once):
    train_once(make_dcnn("first", **QUIET))
    plan = read_plan(make_dcnn("run", network=HEAD, features=["../first"], calibration="none"))
    model = open_body(plan, {}).model
    assert model.output_shape == (None, N_FEATURES)
    assert join(model, build_model(plan, pretrained=False)).get_layer(EMBEDDING).output.shape == (None, N_FEATURES)


@pytest.mark.slow
def test_networks_under_one_name_are_one_in_a_process(trained):
    plan = read_plan(trained)
    known: dict = {}
    assert open_body(plan, known) is open_body(plan, known)
    assert open_body(plan, known, 43) is not open_body(plan, known)


@pytest.mark.slow
def test_a_frozen_networks_hidden_layer_is_a_feature(make_run):
    """Artist groups on a frozen MusiCNN: the features are those of its heads."""
    make_run("first", **QUIET, network={"hidden": 6})
    plan = read_plan(make_run("run", network=HEAD | {"hidden": 3}, features=["../first"]))
    train(plan.features[0])
    assert count_features(plan.features[0]) == 6
    model = build_features(read_plan(plan.features[0]), "network_of_first")
    assert (model.input_shape, model.output_shape) == ((None, 200), (None, 6))
    assert np.all(model(np.ones((2, 200), np.float32), training=False).numpy() >= 0)  # after the ReLU


@pytest.mark.slow
def test_heads_share_the_frozen_network_below_them(make_run):
    for number, name in enumerate(("first", "second", "third")):
        make_run(name, **QUIET, seed=number, network={"hidden": 6})
    names = ["../first", "../second", "../third"]
    plan = read_plan(make_run("run", network=HEAD | {"hidden": 3}, features=names))
    for folder in plan.features:
        train(folder)
    model = open_body(plan, {}).model
    bodies = [layer for layer in model.layers if layer.name.startswith("body_")]
    assert len(bodies) == 1
    assert model.input_shape[1:] == (None, 96)
    patches = read_patches(plan)
    np.testing.assert_allclose(
        model(patches, training=False), open_body(plan, {}).load([plan.tracks[0].content])[0], atol=1e-4
    )


@pytest.mark.slow
def test_lost_and_damaged_weights_are_made_again(classifier):
    plan = read_plan(classifier)
    folders = [str(folder) for folder in plan.features[:2]]
    assert main(["--networks", *folders]) == 0
    before = [np.load(folder / "weights.npz")["logits/kernel"] for folder in plan.features[:2]]
    (plan.features[0] / "weights.npz").write_bytes(b"damaged")
    (plan.features[1] / "weights.npz").unlink()
    assert main(["--networks", *folders]) == 0
    after = [np.load(folder / "weights.npz")["logits/kernel"] for folder in plan.features[:2]]
    for first, second in zip(before, after, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_features_that_nobody_else_reads_go_at_the_end(make_dcnn, train_once):
    folder = make_dcnn("run", network=HEAD, features=["features/g", "../shared-with-others"], calibration="none")
    for name in ("run/features/g", "shared-with-others"):
        train_once(make_dcnn(name, **QUIET), as_="first")
    run_all([folder])
    assert not list((folder / "features" / "g").glob("embeddings-*"))
    assert list((folder.parent / "shared-with-others").glob("embeddings-*"))


def test_what_is_missing_is_named(make_dcnn, tmp_path):
    with pytest.raises(StoreError, match="those of a trained network"):
        count_features(tmp_path)
    np.savez(tmp_path / "weights.npz", other=np.zeros(3))
    with pytest.raises(StoreError, match="a dense layer of logits"):
        count_features(tmp_path)
    make_dcnn("first", **QUIET)
    with pytest.raises(TrainingError, match="head, over features"):
        read_plan(make_dcnn("run", features=["../first"]))
