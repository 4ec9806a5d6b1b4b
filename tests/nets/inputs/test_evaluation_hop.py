"""Another distance between patches: scores change, the training does not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.errors import TrainingError
from essentia_ldl.nets.inputs.evaluation_hop import open_source
from essentia_ldl.nets.inputs.sources import BandSource
from essentia_ldl.nets.runtime import tf
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.plan import ExtractorPlan, read_plan


@pytest.mark.slow
@pytest.mark.parametrize("fine_tune", ["head", "none", "all"])
def test_another_hop_changes_what_is_scored_and_nothing_that_is_trained(narrow_vgg, make_run, fine_tune):
    found = {}
    for hop in (None, 187):
        folder = make_run(
            f"{fine_tune}-{hop}",
            n_tracks=24 if fine_tune == "head" else 6,
            n_frames=400,
            network={"fine_tune": fine_tune, "backbone": "vgg" if fine_tune == "none" else "musicnn"},
            training={"epochs": 1, "batch_size": 4},
            evaluation_hop_frames=hop,
        )
        train(folder)
        with np.load(folder / "weights.npz") as weights, np.load(folder / "predictions.npz") as arrays:
            found[hop] = ({name: weights[name] for name in weights.files}, dict(arrays))
    for name, value in found[None][0].items():
        np.testing.assert_array_equal(value, found[187][0][name])
    # 400 frames: starts 0, 93, 186 of 187 frames, and 0, 187
    assert set(found[None][1]["n_patches"]) == {3}
    assert set(found[187][1]["n_patches"]) == {2}
    np.testing.assert_array_equal(found[None][1]["ids"], found[187][1]["ids"])
    first = [found[hop][1]["patch_logits"][0] for hop in (None, 187)]
    np.testing.assert_allclose(*first, rtol=1e-4, atol=1e-5)  # both grids begin with the first patch
    np.testing.assert_allclose(
        found[187][1]["probabilities"][0],
        tf.nn.softmax(found[187][1]["patch_logits"][:2]).numpy().mean(axis=0),
        rtol=1e-5,
    )


def test_the_grid_has_the_other_hop_and_the_same_bands(make_run):
    plan = read_plan(make_run(n_tracks=6, n_frames=600, network={"fine_tune": "all"}, evaluation_hop_frames=187))
    own, other = BandSource(plan), open_source(plan)
    assert set(own.n_patches) == {5}
    assert set(other.n_patches) == {3}
    np.testing.assert_array_equal(other.grid(2)[0], own.grid(2)[0])
    np.testing.assert_array_equal(other.grid(2)[1], own._bands(2)[187:374])


def test_the_hop_of_an_extractor_is_its_own(make_run):
    plan = read_plan(make_run(n_tracks=6, n_frames=190, evaluation_hop_frames=187))
    extractor = ExtractorPlan(
        *("some-graph-1", "/nowhere/some-graph-1.pb", "TensorflowPredictMusiCNN", "", "0" * 64, "embeddings", 200),
        *("extractor-some-graph-1-00000000", 187, 93, 4),
    )
    with pytest.raises(TrainingError, match="patch hop: expected a network whose hop is free; got 'some-graph-1'"):
        open_source(dataclasses.replace(plan, extractor=extractor))
