"""Networks with several targets: what is shared, and what each target has for itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from essentia_ldl.errors import TrainingError
from essentia_ldl.nets.backbones import dcnn
from essentia_ldl.nets.classifier import DenseLayers, build_network, copy_weights, join
from essentia_ldl.nets.inputs.embeddings import open_embeddings
from essentia_ldl.nets.inputs.sources import BandSource
from essentia_ldl.nets.networks import build_model, find_size
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.plan import read_plan

G = {"name": "g", "classes": ["non_sad", "sad"]}
M = {"name": "m", "classes": ["m01", "m02", "m03"]}
S = {"name": "s", "classes": ["s01", "s02", "s03", "s04"]}
SHARED = {"tasks": [G, M], "predictions": False, "export": False}


def test_the_first_block_is_shared_and_the_rest_is_each_tasks_own(make_dcnn):
    plan = read_plan(make_dcnn(tasks=[G, M, S], predictions=False))
    model = build_model(plan, pretrained=False)
    own = {layer.name for layer in model.layers if layer.name[:2] in ("g_", "m_", "s_")}
    shared = [layer.name for layer in model.layers if layer.name not in own]
    assert shared == ["patches", "input_standardize", "expand", "conv_1", "conv_1_pool", "conv_1_elu"]
    single = build_network(dcnn, 2, DenseLayers(0), fine_tune="none")
    branch = [layer.name for layer in single.layers if layer.name not in shared]
    assert own == {f"{task}_{name}" for task in "gms" for name in branch}
    assert [output.shape[-1] for output in model.outputs] == [2, 3, 4]
    assert [model.get_layer(f"{task}_logits").input.shape[-1] for task in "gms"] == [256] * 3
    # trainable numbers: the convolution 5 x 5 once, all else once per task
    once = (5 * 5 + 1) * 16
    expected = once + sum(dcnn.count_parameters(1.0, n) - once for n in (2, 3, 4))
    assert sum(int(np.prod(v.shape)) for v in model.trainable_weights) == expected
    assert len({weight.path for weight in model.weights}) == len(model.weights)


@pytest.mark.slow
def test_a_branch_is_the_network_with_one_target(narrow, make_dcnn):
    """With the same weights, a branch answers as the single network does, and changing one changes no other."""
    plan = read_plan(make_dcnn(**SHARED))
    model = build_model(plan, pretrained=False)
    single = build_network(dcnn, 2, DenseLayers(0), fine_tune="none", size=find_size(plan))
    copy_weights(single, model, ("g",))
    patches = np.random.default_rng(0).normal(size=(3, 43, 128)).astype(np.float32)
    before = [output.numpy() for output in model(patches)]
    np.testing.assert_array_equal(before[0], single(patches))
    layer = model.get_layer("m_conv_4")
    layer.set_weights([value + 0.1 for value in layer.get_weights()])
    after = [output.numpy() for output in model(patches)]
    np.testing.assert_array_equal(after[0], before[0])
    assert np.abs(after[1] - before[1]).max() > 1e-4
    layer = model.get_layer("conv_1")
    layer.set_weights([value + 0.1 for value in layer.get_weights()])
    assert all(np.abs(a - b).max() > 1e-4 for a, b in zip(model(patches), after, strict=True))


def test_branches_begin_with_weights_of_their_own(narrow, make_dcnn):
    model = build_model(read_plan(make_dcnn(**SHARED)), pretrained=False)
    first, second = (model.get_layer(f"{task}_conv_2").kernel.numpy() for task in "gm")
    assert np.abs(first - second).max() > 0.01
    assert first.std() == pytest.approx(math.sqrt(2 / np.prod(first.shape[:3])), rel=0.3)


def shared_musicnn(make_run, name="run", fine_tune="all", hidden=8, **changes):
    network = {"fine_tune": fine_tune, "hidden": hidden, "dropout": 0.2, "activation": "elu"}
    settings = {"n_tracks": 4, "n_frames": 190, "training": {"epochs": 2, "batch_size": 2, "halvings": []}}
    run = make_run(name, network={**network, **changes.pop("network", {})}, **settings, **SHARED, **changes)
    for task in SHARED["tasks"]:
        row = ",".join(["0.5", "0.5", *["0"] * (len(task["classes"]) - 2)])
        rows = [f"t{i},{row}" for i in range(4)]
        (run / f"labels-{task['name']}.csv").write_text("\n".join([",".join(["id", *task["classes"]]), *rows]) + "\n")
    plan = (run / "plan.json").read_text().replace('"valid"', '"train"').replace('"test"', '"train"')
    (run / "plan.json").write_text(plan)
    return run


@pytest.mark.slow
def test_a_backbone_without_a_cut_shares_all_before_its_embedding(make_run):
    plan = read_plan(shared_musicnn(make_run))
    model = build_model(plan, pretrained=True)
    names = {layer.name for layer in model.layers}
    assert {"midend_1", "embedding", "g_tail_norm", "m_hidden", "m_hidden_elu", "m_logits"} <= names
    assert not names & {"tail_norm", "hidden", "g_embedding"}
    assert model.get_layer("m_logits").input.shape[-1] == 8
    # pretrained weights are in the shared layers and in the tail of every branch
    single = build_model(read_plan(make_run("single", network={"fine_tune": "all"})), pretrained=True)
    for name in ("timbral_74", "embedding"):
        np.testing.assert_array_equal(model.get_layer(name).kernel, single.get_layer(name).kernel)
    for task in "gm":
        for ours, theirs in zip(
            model.get_layer(f"{task}_tail_norm").weights, single.get_layer("tail_norm").weights, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        norm = model.get_layer(f"{task}_tail_norm")
        moving = norm.moving_mean.numpy()
        norm(np.ones((2, norm.moving_mean.shape[0]), np.float32), training=True)
        np.testing.assert_array_equal(norm.moving_mean, moving)  # fine-tuning keeps statistics


@pytest.mark.slow
@pytest.mark.parametrize("standardize", [False, True])
def test_a_frozen_network_has_one_hidden_layer_a_task(make_run, standardize):
    run = shared_musicnn(make_run, fine_tune="head", network={"standardize": standardize})
    train(run, say=lambda _: None)
    plan = read_plan(run)
    model = build_model(plan, pretrained=False)
    names = [layer.name for layer in model.layers if layer.weights]
    shared = ["standardize"] if standardize else []
    assert sorted(names) == sorted([*shared, "g_hidden", "m_hidden", "g_logits", "m_logits"])
    with np.load(run / "weights.npz") as weights:
        assert set(weights.files) == {weight.path for weight in model.weights}
        for weight in model.weights:
            weight.assign(weights[weight.path])
    extractor = open_embeddings(plan, {})
    whole = join(extractor.model, model)
    [embeddings] = extractor.load([plan.tracks[0].content])
    patches = BandSource(plan).grid(0)
    for ours, expected in zip(whole(patches), model(embeddings), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("fine_tune", ["head", "all"])
def test_without_a_layer_of_its_own_a_task_is_refused(make_run, fine_tune):
    run = shared_musicnn(make_run, fine_tune=fine_tune, hidden=0)
    with pytest.raises(TrainingError, match=r"hidden: expected at least 1 .*got 0.*Set network\.hidden"):
        build_model(read_plan(run), pretrained=False)
