"""What is below a head: opened as the plan says, and once in a process."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.errors import StoreError, WeightsError
from essentia_ldl.nets.classifier import DenseLayers, build_head
from essentia_ldl.nets.inputs.below_head import open_body
from essentia_ldl.nets.inputs.embeddings import FrozenNetwork, StoredEmbeddings
from essentia_ldl.nets.inputs.joint import JointNetwork, Wanted
from essentia_ldl.nets.inputs.trained_features import TrainedFeatures
from essentia_ldl.nets.trained_weights import write_weights
from essentia_ldl.runs.plan import ExtractorPlan, read_plan

EXTRACTOR = ExtractorPlan(
    name="some-graph-1",
    graph="/nowhere/some-graph-1.pb",
    algorithm="TensorflowPredictMusiCNN",
    link="",
    sha256="0" * 64,
    node="embeddings",
    size=200,
    folder="extractor-some-graph-1-00000000",
    patch_frames=187,
    patch_hop_frames=93,
    resample_quality=4,
)


@pytest.fixture
def plan(make_run):
    return read_plan(make_run(n_tracks=6, n_frames=190))


def test_a_pretrained_network_is_opened_once_and_anew_for_another_hop(plan):
    known: dict = {}
    body = open_body(plan, known)
    assert isinstance(body, FrozenNetwork)
    assert open_body(plan, known) is body
    assert open_body(dataclasses.replace(plan, name="another run"), known) is body
    assert open_body(plan, known, 187) is not body
    assert open_body(plan, {}) is not body


def test_networks_side_by_side_are_opened_once_per_choice(plan):
    known: dict = {}
    joint = dataclasses.replace(plan, network=dataclasses.replace(plan.network, backbones=("mtt-vgg", "msd-musicnn")))
    body = open_body(joint, known)
    assert isinstance(body, JointNetwork)
    assert body.wanted == Wanted(("mtt-vgg", "msd-musicnn"), "embedding", 4)
    assert open_body(joint, known) is body
    assert open_body(joint, known, 187).wanted.hop_frames == 187
    deep = dataclasses.replace(joint, network=dataclasses.replace(joint.network, layers="deep"))
    assert open_body(deep, known) is not body


def test_the_embeddings_of_an_extractor_are_those_that_were_stored(plan, tmp_path):
    body = open_body(
        dataclasses.replace(plan, places=dataclasses.replace(plan.places, store=tmp_path), extractor=EXTRACTOR), {}
    )
    assert isinstance(body, StoredEmbeddings)
    content = plan.tracks[0].content
    path = tmp_path / EXTRACTOR.folder / content[:2] / f"{content}.npy"
    path.parent.mkdir(parents=True)
    np.save(path, np.full((2, 200), 0.5, np.float32))
    np.testing.assert_array_equal(body.load([content, content]), np.full((2, 2, 200), 0.5))


def test_trained_networks_are_opened_with_their_weights(plan, make_run):
    below = make_run("below", n_tracks=6, n_frames=190, network={"hidden": 4})
    with pytest.raises(StoreError, match="those of a trained network"):
        open_body(dataclasses.replace(plan, features=(below,)), {})
    write_weights(below / "weights.npz", build_head(200, 2, DenseLayers(4)))
    known: dict = {}
    body = open_body(dataclasses.replace(plan, features=(below,)), known)
    assert isinstance(body, TrainedFeatures)
    assert open_body(dataclasses.replace(plan, features=(below,)), known) is body
    assert body.load([plan.tracks[0].content])[0].shape == (1, 4)


def test_missing_weights_say_how_they_get_there(plan, tmp_path):
    with pytest.raises(WeightsError, match="graphs build"):
        open_body(dataclasses.replace(plan, places=dataclasses.replace(plan.places, graphs=tmp_path)), {})
