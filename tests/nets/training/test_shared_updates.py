"""Training of networks with several targets: who trains when, and that nothing else moves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from essentia_ldl.errors import TrainingError
from essentia_ldl.nets.inputs.sources import BandSource
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.training import train as training
from essentia_ldl.nets.training.shared_updates import SharedRun, draw_tasks
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.plan import read_plan

G = {"name": "g", "classes": ["non_sad", "sad"]}
M = {"name": "m", "classes": ["m01", "m02", "m03"]}
SHARED = {"tasks": [G, M], "predictions": False, "export": False}
WHOLE = {"epochs": 5, "halvings": [2]}


def drop_targets(run, name: str, ids) -> None:
    path = run / f"labels-{name}.csv"
    lines = [line for line in path.read_text().splitlines() if line.partition(",")[0] not in ids]
    path.write_text("\n".join(lines) + "\n")


def open_run(folder) -> SharedRun:
    plan = read_plan(folder)
    keras.utils.set_random_seed(plan.seed)
    return SharedRun(plan, BandSource(plan), build_model(plan, pretrained=False))


def values_of(model) -> dict[str, bytes]:
    return {weight.path: weight.numpy().tobytes() for weight in model.weights}


def test_tasks_are_drawn_anew_for_every_batch_and_alike_for_the_same_epoch():
    drawn = draw_tasks(3, 7, 5000, 5)
    np.testing.assert_array_equal(drawn, draw_tasks(3, 7, 5000, 5))
    assert (drawn != draw_tasks(3, 8, 5000, 5)).mean() > 0.7
    assert (drawn != draw_tasks(4, 7, 5000, 5)).mean() > 0.7
    # 5000 draws of probability .2: standard deviation 28
    assert np.all(np.abs(np.bincount(drawn, minlength=5) - 1000) < 4 * math.sqrt(5000 * 0.2 * 0.8))
    assert (drawn[1:] == drawn[:-1]).mean() == pytest.approx(0.2, abs=0.03)


@pytest.mark.slow
def test_a_step_leaves_other_branches_alone(narrow, make_dcnn):
    run = open_run(make_dcnn(**SHARED))
    before = values_of(run.model)
    state = [variable.numpy() for variable in run.optimizers[0].variables]
    run.steps[1](*run._take_for(1, run.rows[1][:4], np.zeros(4, dtype=np.int64)))
    changed = {path for path, value in values_of(run.model).items() if value != before[path]}
    assert not {path for path in changed if path.startswith("g_")}
    assert "conv_1/kernel" in changed
    assert "m_conv_2/kernel" in changed
    assert "m_conv_2_norm/moving_mean" in changed
    assert not {path for path in changed if path.startswith("input_standardize")}
    # the other task's Adam has not moved either, and each has moments for the shared layers
    for variable, value in zip(run.optimizers[0].variables, state, strict=True):
        np.testing.assert_array_equal(variable, value)
    for optimizer in run.optimizers:
        assert sum("conv_1_kernel" in variable.path for variable in optimizer.variables) == 2


@pytest.mark.slow
def test_a_batch_has_only_tracks_with_a_target_of_its_task(narrow, make_dcnn):
    folder = make_dcnn(**SHARED, n_tracks=24)
    drop_targets(folder, "m", {f"t{i}" for i in range(19)})
    run = open_run(folder)
    seen: list[list[np.ndarray]] = [[], []]
    for number in range(2):

        def step(x, t, w, number=number):
            assert np.all(t.sum(axis=1) > 0.99)
            seen[number].append(t)
            return np.float32(1.0)

        run.steps[number] = step
    taken = []
    real = run.source.take
    run.source.take = lambda rows, choices: (taken.append(rows), real(rows, choices))[1]
    for epoch in range(30):
        run.train_epoch(epoch)
    assert len(taken) == 30 * 6
    sizes = [{len(t) for t in batches} for batches in seen]
    assert sizes == [{4}, {4}]  # the five tracks of a target begin again where they end
    assert set(np.concatenate(taken).tolist()) == set(range(24))
    assert abs(len(seen[0]) - 90) < 4 * math.sqrt(180 * 0.25)


@pytest.mark.slow
def test_fewer_tracks_than_a_batch_are_a_batch(narrow, make_dcnn):
    folder = make_dcnn(**SHARED)
    drop_targets(folder, "m", {f"t{i}" for i in range(3, 12)})
    run = open_run(folder)
    run.steps[:] = [lambda x, t, w: np.float32(len(t))] * 2
    seen = []
    for epoch in range(20):
        run.train_epoch(epoch)
        seen.append(run.describe_epoch()["task_losses"].get("m"))
    assert set(seen) - {None} == {3}  # a step on all it has


@pytest.mark.slow
def test_each_task_has_its_own_loss_and_weights(narrow, make_dcnn):
    """A smoothed class may be learned by another loss than groups, and only the class weighs its tracks."""
    g, m = {**G, "loss": "mae", "class_weights": "balanced"}, {**M, "loss": "cross_entropy", "class_weights": "none"}
    run = open_run(make_dcnn(tasks=[g, m], predictions=False, training={"class_weights": "balanced"}))
    run.weights = np.full_like(run.weights, 3.0)
    rows = run.rows[0][:4]
    choices = np.zeros(len(rows), dtype=np.int64)
    assert run._take_for(0, rows, choices)[2].tolist() == [3.0] * 4
    assert run._take_for(1, rows, choices)[2].tolist() == [1.0] * 4
    x, _, weights = run._take_for(0, rows, choices)
    even = np.full((4, 2), 0.5, np.float32)
    # of an even target mean absolute error is at most a half, cross-entropy at least log 2
    assert float(run.steps[0](x, even, weights)) <= 3 * 0.5 + 1e-6
    assert float(run.steps[1](x, np.full((4, 3), 1 / 3, np.float32), np.ones(4, np.float32))) >= np.log(3) - 1e-6


def test_every_track_of_a_task_comes_before_any_comes_again(narrow, make_dcnn):
    run = open_run(make_dcnn(tasks=[G], predictions=False, n_tracks=20, training={"batch_size": 6}))
    run.steps[0] = lambda x, t, w: np.float32(1.0)
    taken = []
    run.source.take = lambda rows, choices: (taken.append(rows), np.zeros(len(rows)))[1]
    orders = []
    for epoch in range(2):
        taken.clear()
        run.train_epoch(epoch)
        assert [len(rows) for rows in taken] == [6, 6, 6, 6]
        orders.append(np.concatenate(taken)[:20].tolist())
        assert sorted(orders[-1]) == list(range(20))
    assert orders[0] != orders[1]


@pytest.mark.slow
def test_both_tasks_are_learnt(narrow, make_dcnn):
    """The planted groups need the high bands, the classes the low ones."""
    run = make_dcnn(**SHARED, n_tracks=24, training={"epochs": 40, "batch_size": 6, "learning_rate": 0.003})
    said = []
    history = train(run, say=said.append)
    # a distribution of .9 and the rest; guessing the share of the groups costs more than twice its entropy
    floor = {k: -(0.9 * math.log(0.9) + 0.1 * math.log(0.1 / (k - 1))) for k in (2, 3)}
    last = {task: np.mean([e["task_losses"][task] for e in history["epochs"][-8:] if task in e["task_losses"]])
            for task in "gm"}  # fmt: skip
    assert last["g"] < 0.5 * (floor[2] + math.log(2))
    assert last["m"] < 0.5 * (floor[3] + math.log(3))
    assert history["valid_cost"] == "none"
    assert history["best_epoch"] == 40
    assert said == []
    assert not (run / "predictions.npz").exists()
    with np.load(run / "weights.npz") as weights:
        model = build_model(read_plan(run), pretrained=False)
        assert set(weights.files) == {weight.path for weight in model.weights}


@pytest.fixture(scope="module")
def kept() -> dict:
    """What `whole` keeps between tests."""
    return {}


@pytest.fixture
def whole(narrow, make_dcnn, kept) -> tuple[dict, dict[str, bytes]]:
    """The history and the weights of a training of `WHOLE`, made once for all tests."""
    if not kept:
        run = make_dcnn("whole", **SHARED, training=WHOLE)
        kept["history"] = train(run)
        with np.load(run / "weights.npz") as arrays:
            kept["weights"] = {name: arrays[name].tobytes() for name in arrays.files}
    return kept["history"], kept["weights"]


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_same_bits(narrow, make_dcnn, whole, monkeypatch):
    expected, wanted = whole
    run = make_dcnn("cut", **SHARED, training=WHOLE)
    real = SharedRun.train_epoch

    def train_epoch(self, epoch):
        if epoch >= 3:
            raise KeyboardInterrupt
        return real(self, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(SharedRun, "train_epoch", train_epoch)
        with pytest.raises(KeyboardInterrupt):
            train(run, checkpoint_every_s=0)
    assert train(run, say=lambda _: None) == expected
    np.testing.assert_allclose([e["learning_rate"] for e in expected["epochs"]], [1e-3, 1e-3, 5e-4, 5e-4, 5e-4])
    with np.load(run / "weights.npz") as found:
        for name, value in wanted.items():
            assert found[name].tobytes() == value, name


@pytest.mark.slow
def test_resume_after_sigkill(make_dcnn, kill_training):
    training = {"epochs": 120}
    expected = train(make_dcnn("whole", **SHARED, training=training))
    run = make_dcnn("killed", **SHARED, training=training)
    kill_training(run)
    said = []
    assert train(run, say=said.append) == expected
    assert "goes on after epoch" in said[0]


@pytest.mark.slow
def test_what_the_estimate_does_is_taken_back(narrow, make_dcnn, whole, monkeypatch):
    plain, _ = whole
    monkeypatch.setattr(training, "ESTIMATE_ABOVE_S", 0.0)
    said = []
    assert train(make_dcnn("said", **SHARED, training=WHOLE), say=said.append) == plain
    assert "5 epochs take about" in said[0]


def test_a_target_that_no_training_track_has_is_refused(narrow, make_dcnn):
    run = make_dcnn(**SHARED, roles=("train", "test"))
    drop_targets(run, "m", {f"t{i}" for i in range(6)})
    with pytest.raises(TrainingError, match="target m: expected a training track that has it; got 0"):
        train(run)


@pytest.mark.parametrize("changes", [{"predictions": True}, {"roles": ("train", "valid")}])
def test_validation_and_predictions_are_of_networks_with_one_target(narrow, make_dcnn, changes):
    run = make_dcnn(**{**SHARED, **changes})
    with pytest.raises(TrainingError, match="no validation tracks and no predictions"):
        train(run)
