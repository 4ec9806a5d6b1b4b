"""Several devices: a batch that two of them share takes the step that one takes, and trainings go on."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from essentia_ldl.nets.training.devices import find_devices, open_strategy
from essentia_ldl.runs.plan import read_plan

# Logical devices are made before TensorFlow is used, so in a process of their own; a dropout would draw other masks.
CHILD = """
import sys
from pathlib import Path
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from essentia_ldl.nets.backbones import dcnn
from essentia_ldl.nets.training import train, updates
from essentia_ldl.nets.training.devices import find_devices
dcnn.CHECKPOINT_SIZES = {None: {"factor": 0.125}}
build_model, train_epoch = train.build_model, updates.Run.train_epoch
def build(plan, **settings):
    model = build_model(plan, **settings)
    for layer in model.layers:
        layer.rate = 0
    return model
def stop(run, epoch):
    if epoch == 2:
        raise KeyboardInterrupt
    return train_epoch(run, epoch)
train.build_model = build
one, two = (Path(name) for name in sys.argv[1:])
pair = ("CPU:0", "CPU:1")
assert find_devices() == ()
train.train(one)
updates.Run.train_epoch = stop
try:
    train.train(two, devices=pair, checkpoint_every_s=0)
except KeyboardInterrupt:
    updates.Run.train_epoch = train_epoch
train.train(two, devices=pair)
"""


@pytest.mark.slow
def test_two_devices_learn_what_one_learns(make_dcnn):
    """Batches of 5 and 6: shares of 2 and 3 rows, and of 3 and 3; that of two devices is stopped and goes on."""
    changes = {"n_tracks": 11, "roles": ("train",), "training": {"epochs": 3, "batch_size": 5, "l2": 1e-3}}
    folders = [make_dcnn(name, **changes) for name in ("one", "two")]
    child = subprocess.run([sys.executable, "-c", CHILD, *folders], capture_output=True, text=True, timeout=500)
    assert child.returncode == 0, child.stderr
    one, two = (json.loads((folder / "history.json").read_text())["epochs"] for folder in folders)
    assert one[-1]["train_loss"] < 0.9 * one[0]["train_loss"]
    np.testing.assert_allclose([e["train_loss"] for e in two], [e["train_loss"] for e in one], rtol=1e-4)
    with np.load(folders[0] / "weights.npz") as a, np.load(folders[1] / "weights.npz") as b:
        assert any(name.endswith("moving_mean") for name in a.files)
        for name in a.files:
            # an offset that a normalisation takes away again has gradients of rounding alone, six of 0.001
            atol = 2e-4 if name.endswith(("kernel", "gamma")) else 12e-3
            np.testing.assert_allclose(b[name], a[name], rtol=1e-3, atol=atol, err_msg=name)


def test_one_device_and_small_heads_need_no_strategy(make_run):
    plan = read_plan(make_run())
    assert plan.network.fine_tune == "head"
    assert open_strategy(plan, ("CPU:0", "CPU:1")) is None
    assert open_strategy(plan, ("CPU:0",)) is None
    assert len(find_devices()) != 1
