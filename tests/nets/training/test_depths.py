"""Depth groups: the head learns at the full rate, each block below it more slowly, and nothing is in two groups."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.choices import ALL, TOP
from essentia_ldl.nets.backbones import musicnn, vgg
from essentia_ldl.nets.classifier import DenseLayers, build_network, split_model
from essentia_ldl.nets.inputs.sources import BandSource
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.training.depths import group_variables
from essentia_ldl.nets.training.train import train
from essentia_ldl.nets.training.updates import Run
from essentia_ldl.runs.plan import read_plan


def layers_of(group):
    return {variable.path.split("/")[0] for variable in group.variables}


def test_groups_are_the_blocks_of_a_network_from_the_head_down():
    model = build_network(vgg, 2, DenseLayers(8), fine_tune=ALL, size={"n_filters": 2})
    groups = group_variables(model, vgg.DEPTHS, 0.5)
    assert [group.factor for group in groups] == [1, 0.5, 0.25, 0.125, 0.0625, 0.03125]
    assert layers_of(groups[0]) == {"hidden", "logits"}
    assert layers_of(groups[1]) == {"convolution_5", "convolution_5_norm"}
    assert layers_of(groups[5]) == {"convolution_1", "convolution_1_norm"}
    paths = [variable.path for group in groups for variable in group.variables]
    assert sorted(paths) == sorted(variable.path for variable in model.trainable_variables)


def test_of_an_upper_part_alone_the_rates_are_those_of_the_whole():
    model = build_network(musicnn, 2, fine_tune=TOP, size={"n_midend": 4, "n_embedding": 8})
    whole = group_variables(model, musicnn.DEPTHS, 0.4)
    upper = group_variables(split_model(model, musicnn.FROZEN_UNTIL)[1], musicnn.DEPTHS, 0.4)
    assert [(group.factor, layers_of(group)) for group in upper] == [(g.factor, layers_of(g)) for g in whole]
    assert [layers_of(group) for group in upper] == [{"hidden", "logits", "tail_norm"}, {"embedding", "pool_norm"}]


SMALL = {"n_tracks": 6, "n_frames": 190, "network": {"fine_tune": "top"}}


def step_once(make_run, name, **training):
    """Return how far a first step, whose length is Adam's rate, moves the largest number of some kernels."""
    plan = read_plan(make_run(name, **SMALL, training={"epochs": 2, "batch_size": 4, "l2": 0.0, **training}))
    model = build_model(plan, pretrained=True)
    run = Run(plan, BandSource(plan), model)
    before = {v.path: v.numpy() for v in model.weights}
    run.train_epoch(0) if training.get("warmup_epochs") else run.step(*run.sample_batch())
    return run, {v.path: float(np.abs(v.numpy() - before[v.path]).max()) for v in model.weights}


@pytest.mark.slow
def test_each_depth_learns_at_its_rate(make_run):
    run, moved = step_once(make_run, "run", rate_factor=0.25)
    assert moved["logits/kernel"] == pytest.approx(1e-3, rel=1e-2)
    assert moved["embedding/kernel"] == pytest.approx(0.25e-3, rel=1e-2)
    assert moved["midend_3/kernel"] == 0
    run.rate = 5e-4
    assert [float(optimizer.learning_rate) for optimizer in run.optimizers] == pytest.approx([5e-4, 1.25e-4])


@pytest.mark.slow
def test_the_head_is_warmed_up_alone(make_run):
    run, moved = step_once(make_run, "run", warmup_epochs=1)
    assert moved["logits/kernel"] > 0
    assert moved["embedding/kernel"] == 0
    before = run.model.get_layer("embedding").get_weights()[0]
    run.train_epoch(1)
    assert not np.array_equal(run.model.get_layer("embedding").get_weights()[0], before)


@pytest.mark.slow
def test_a_training_with_rates_and_a_warm_up_goes_on_where_it_was(make_run, monkeypatch):
    changes = {**SMALL, "training": {"epochs": 3, "batch_size": 2, "rate_factor": 0.4, "warmup_epochs": 1}}
    whole = train(make_run("whole", **changes), say=lambda _: None)
    assert [epoch["learning_rate"] for epoch in whole["epochs"]] == pytest.approx([1e-3] * 3)
    cut, real = make_run("cut", **changes), Run.train_epoch

    def stop(run, epoch):
        if epoch > 1:
            raise KeyboardInterrupt
        return real(run, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "train_epoch", stop)
        with pytest.raises(KeyboardInterrupt):
            train(cut, checkpoint_every_s=0)
    assert train(cut, say=lambda _: None) == whole
    with np.load(cut / "weights.npz") as ours, np.load(cut.parent / "whole" / "weights.npz") as theirs:
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs.files)
