"""Training: it learns, it is deterministic, it goes on after a kill, and its rules are those of the recipe."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError, TrainingError, UnknownNameError, WeightsError
from essentia_ldl.nets.classifier import DenseLayers, build_head, set_statistics
from essentia_ldl.nets.inputs.embeddings import open_embeddings
from essentia_ldl.nets.inputs.lower import LowerPart
from essentia_ldl.nets.inputs.sources import BandSource, measure_frames
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.runtime import tf
from essentia_ldl.nets.trained_weights import read_weights
from essentia_ldl.nets.training import train as training
from essentia_ldl.nets.training import updates
from essentia_ldl.nets.training.losses import LOSSES
from essentia_ldl.nets.training.train import Plateau, step_plateau, train
from essentia_ldl.runs.plan import read_plan


def predictions(folder):
    with np.load(folder / "predictions.npz") as arrays:
        return dict(arrays)


def test_plateau_rule():
    """The counter is not reset by an improvement; it starts again after a halving."""
    state, events = Plateau(), []
    for cost in (5.0, 6.0, 4.0, 4.5, 4.5, 3.0, 3.5, 3.5, 3.0):
        state, improved, halve = step_plateau(state, cost, patience=3)
        events.append(("better" if improved else "worse") + (" halve" if halve else ""))
    assert events == [
        "better", "worse", "better", "worse", "worse halve", "better", "worse", "worse", "worse halve",
    ]  # fmt: skip
    assert state == Plateau(3.0, 0)
    assert not step_plateau(Plateau(), math.inf, 2)[1]


def test_head_learns_a_separable_problem(make_run):
    folder = make_run(training={"epochs": 60})
    history = train(folder)
    assert history["epochs"][-1]["train_loss"] < 0.5 * history["epochs"][0]["train_loss"]
    result = predictions(folder)
    test = result["roles"] == "test"
    assert np.all(result["probabilities"][test].argmax(1) == (result["labels"][test] == "sad"))
    np.testing.assert_allclose(result["probabilities"].sum(1), 1, atol=1e-5)
    assert len(result["patch_logits"]) == result["n_patches"].sum()
    first = tf.nn.softmax(result["patch_logits"][: result["n_patches"][0]]).numpy().mean(0)
    np.testing.assert_allclose(result["probabilities"][0], first, atol=1e-6)


def test_history_and_best_weights(make_run):
    folder = make_run(training={"epochs": 25, "learning_rate": 0.05, "patience": 2})
    history = train(folder)
    costs = [epoch["valid_loss"] for epoch in history["epochs"]]
    assert history["best_epoch"] == 1 + int(np.argmin(costs))
    assert json.loads((folder / "history.json").read_text()) == history
    state, rate = Plateau(), 0.05
    for epoch in history["epochs"]:
        assert epoch["learning_rate"] == pytest.approx(rate)
        state, _, halve = step_plateau(state, epoch["valid_loss"], 2)
        rate = rate / 2 if halve else rate
    result = predictions(folder)
    valid = result["roles"] == "valid"
    logits = np.split(result["patch_logits"], np.cumsum(result["n_patches"])[:-1])
    logits = np.concatenate([logits[row] for row in np.flatnonzero(valid)])
    targets = np.repeat(result["labels"][valid] == "sad", result["n_patches"][valid])
    targets = np.stack([~targets, targets], axis=1).astype(np.float32)
    assert float(np.mean(LOSSES["cross_entropy"](targets, logits))) == pytest.approx(min(costs), rel=1e-4)


@pytest.mark.slow
def test_same_seed_same_numbers(make_run, tmp_path):
    """Whether the embeddings were there before makes no difference, nor does the number of runs in the process."""
    settings = {"store": tmp_path / "new store", "n_frames": 190, "n_tracks": 12, "network": {"backbone": "vgg"}}
    cold = train(make_run("cold", **settings))
    warm = train(make_run("warm", **settings))
    other = train(make_run("other", **settings, seed=1))
    assert cold == warm
    assert cold["epochs"] != other["epochs"]
    for name in ("probabilities", "patch_logits"):
        assert np.array_equal(predictions(tmp_path / "cold")[name], predictions(tmp_path / "warm")[name])


def interrupt_after(monkeypatch, n_epochs):
    real = updates.Run.train_epoch

    def train_epoch(self, epoch):
        if epoch >= n_epochs:
            raise KeyboardInterrupt
        return real(self, epoch)

    monkeypatch.setattr(updates.Run, "train_epoch", train_epoch)


@pytest.mark.slow
def test_resume_gives_the_same_numbers(make_run, trained_head, monkeypatch):
    expected, whole = trained_head
    folder = make_run("cut")
    with monkeypatch.context() as patch:
        interrupt_after(patch, 7)
        with pytest.raises(KeyboardInterrupt):
            train(folder, checkpoint_every_s=0)
    said = []
    assert train(folder, say=said.append) == whole
    assert said == ["mood sad: goes on after epoch 7 of 20"]
    assert np.array_equal(predictions(folder)["patch_logits"], predictions(expected)["patch_logits"])


@pytest.mark.slow
def test_resume_of_a_whole_network(narrow_vgg, make_run, monkeypatch):
    """Dropout draws, statistics of batch normalisation and the optimiser go on where they were."""
    changes = {
        "n_tracks": 6,
        "n_frames": 190,
        "network": {"backbone": "vgg", "fine_tune": "none", "pretrained": None},
        "training": {"epochs": 3, "batch_size": 2},
    }
    whole = train(make_run("whole", **changes))
    folder = make_run("cut", **changes)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            train(folder, checkpoint_every_s=0)
    assert train(folder, say=lambda _: None) == whole


TOP = {
    "n_tracks": 6,
    "n_frames": 290,
    "network": {"fine_tune": "top"},
    "training": {"epochs": 3, "batch_size": 2},
    "stems": {"head": None},
}


@pytest.mark.slow
def test_fine_tune_top_trains_the_last_layers_alone_and_goes_on_where_it_was(make_run, monkeypatch):
    folder = make_run("whole", **TOP)
    plan = read_plan(folder)
    before = build_model(plan, pretrained=True)
    whole = train(folder, say=lambda _: None)
    with np.load(folder / "weights.npz") as after:
        changed = {v.path for v in before.weights if not np.array_equal(v.numpy(), after[v.path])}
        assert changed == {v.path for v in before.trainable_variables}
    assert {"pool_norm/gamma", "embedding/kernel", "tail_norm/gamma", "logits/kernel"} < changed
    model = build_model(plan, pretrained=False)
    read_weights(folder / "weights.npz", model)
    patches = np.concatenate([BandSource(plan).grid(row) for row in range(6)])
    np.testing.assert_allclose(predictions(folder)["patch_logits"], model(patches, training=False), atol=1e-5)
    cut = make_run("cut", **TOP)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            train(cut, checkpoint_every_s=0)
    assert train(cut, say=lambda _: None) == whole
    assert np.array_equal(predictions(cut)["patch_logits"], predictions(folder)["patch_logits"])


@pytest.mark.slow
def test_runs_of_one_process_share_what_frozen_layers_made(make_run, monkeypatch):
    known = {}
    first = train(make_run("first", **TOP), extractors=known, say=lambda _: None)
    monkeypatch.setattr(LowerPart, "compute", lambda *_: pytest.fail("computed again"))
    assert train(make_run("second", **TOP), extractors=known, say=lambda _: None) == first


@pytest.mark.slow
def test_fine_tune_top_is_scored_at_another_hop(make_run):
    folder = make_run(**{**TOP, "training": {"epochs": 1, "batch_size": 2}}, evaluation_hop_frames=40)
    train(folder, say=lambda _: None)
    assert predictions(folder)["n_patches"].tolist() == [3] * 6


@pytest.mark.slow
def test_resume_after_sigkill(make_run, kill_training):
    settings = {"training": {"epochs": 1500, "patience": 50}, "export": False}
    folder = make_run("killed", **settings)
    train(make_run("warm up", training={"epochs": 1}))  # embeddings
    kill_training(folder)
    said = []
    resumed = train(folder, say=said.append)
    assert "goes on after epoch" in said[0]
    assert resumed == train(make_run("whole", **settings))


def test_damaged_or_foreign_checkpoint_starts_anew(make_run, trained_head):
    _, whole = trained_head
    folder = make_run("damaged")
    (folder / "checkpoint.npz").write_bytes(b"PK\x03\x04 not a zip")
    assert train(folder) == whole
    foreign = make_run("foreign", seed=5)
    (foreign / "checkpoint.npz").write_bytes((folder / "checkpoint.npz").read_bytes())
    assert train(foreign)["epochs"] != whole["epochs"]


@pytest.mark.slow
def test_fine_tune_all_keeps_statistics_and_input_norm(make_run):
    folder = make_run(
        n_tracks=6,
        n_frames=190,
        network={"fine_tune": "all", "backbone": "vgg"},
        training={"epochs": 2, "batch_size": 2},
        stems={"head": None},
    )
    plan = read_plan(folder)
    before = build_model(plan, pretrained=True)
    train(folder)
    with np.load(folder / "weights.npz") as after:
        for layer in before.layers:
            for variable in layer.weights:
                fixed = "moving_" in variable.name or variable.path.startswith("input_norm/")
                assert np.array_equal(variable.numpy(), after[variable.path]) == fixed, variable.path


@pytest.mark.slow
def test_fine_tune_all_of_musicnn(make_run):
    folder = make_run(n_tracks=4, n_frames=190, network={"fine_tune": "all"}, training={"epochs": 1, "batch_size": 2})
    before = build_model(read_plan(folder), pretrained=True)
    train(folder)
    with np.load(folder / "weights.npz") as after:
        changed = {v.path for v in before.weights if not np.array_equal(v.numpy(), after[v.path])}
    assert "timbral_74/kernel" in changed
    assert "tail_norm/gamma" in changed
    assert not any("moving_" in path or path.startswith("input_norm/") for path in changed)


@pytest.mark.slow
def test_l2_shrinks_kernels_only(make_run):
    plain = make_run("plain", training={"l2": 0.0, "epochs": 40, "learning_rate": 0.01})
    decayed = make_run("decayed", training={"l2": 0.3, "epochs": 40, "learning_rate": 0.01})
    train(plain)
    train(decayed)
    with np.load(plain / "weights.npz") as a, np.load(decayed / "weights.npz") as b:
        assert np.linalg.norm(b["hidden/kernel"]) < 0.8 * np.linalg.norm(a["hidden/kernel"])


def test_loss_follows_the_labels(make_run):
    assert read_plan(make_run("a")).loss == "cross_entropy"
    assert read_plan(make_run("b", labels_source="sa")).loss == "mae"
    assert read_plan(make_run("c", labels_source="sa", training={"loss": "kl"})).loss == "kl"
    history = train(make_run("d", labels_source="sa", training={"epochs": 2}))
    assert history["loss"] == "mae"
    assert history["epochs"][0]["valid_loss"] <= 1


def test_no_validation_tracks(make_run):
    folder = make_run(training={"epochs": 3})
    plan = json.loads((folder / "plan.json").read_text())
    for track in plan["tracks"]:
        track["role"] = "train" if track["role"] == "valid" else track["role"]
    (folder / "plan.json").write_text(json.dumps(plan))
    said = []
    history = train(folder, say=said.append)
    assert "no validation tracks" in said[0]
    assert history["valid_cost"] == "train"
    assert history["epochs"][0]["valid_loss"] is None


def test_max_hours_stops_after_an_epoch(make_run):
    history = train(make_run(max_hours=0, training={"epochs": 50}))
    assert history["stopped"] == "max_hours"
    assert len(history["epochs"]) == 1
    assert history["best_epoch"] == 1


def test_estimate_changes_nothing(make_run, trained_head, monkeypatch):
    _, plain = trained_head
    monkeypatch.setattr(training, "ESTIMATE_ABOVE_S", 0.0)
    said = []
    assert train(make_run("said"), say=said.append) == plain
    assert "20 epochs take about" in said[0]


def test_nan_is_an_error(make_run):
    with pytest.raises(TrainingError, match=r"loss: expected a number.*learning_rate"):
        train(make_run(training={"learning_rate": math.inf}))


@pytest.mark.slow
def test_epochs_can_be_added(make_run, trained_head):
    folder = make_run("grown", training={"epochs": 5})
    train(folder)
    plan = json.loads((folder / "plan.json").read_text())
    plan["training"]["epochs"] = 20
    (folder / "plan.json").write_text(json.dumps(plan))
    assert train(folder, say=lambda _: None) == trained_head[1]


def test_broken_plans(make_run):
    with pytest.raises(TrainingError, match="fine_tune"):
        train(make_run("a", network={"fine_tune": "some"}))
    with pytest.raises(TrainingError, match="pretrained"):
        train(make_run("b", network={"pretrained": None}))
    with pytest.raises(UnknownNameError, match="Did you mean 'musicnn'"):
        train(make_run("c", network={"backbone": "musicn"}))
    with pytest.raises(TrainingError, match="unexpected keyword"):
        train(make_run("d", training={"epoch": 3}))
    with pytest.raises(WeightsError, match="graphs build"):
        train(make_run("e", graphs="/nowhere"))
    folder = make_run("f")
    (folder / "labels.csv").write_text("id,sad,non_sad\nt0,0,1\n")
    with pytest.raises(DataError, match="columns id, non_sad, sad"):
        train(folder)
    folder = make_run("g")
    (folder / "plan.json").unlink()
    with pytest.raises(StoreError, match=r"plan\.json"):
        train(folder)


@pytest.mark.slow
def test_missing_bands(make_run, tmp_path):
    folder = make_run(store=tmp_path / "s", n_tracks=6, n_frames=190)
    next((tmp_path / "s").rglob("*.npy")).unlink()
    with pytest.raises(StoreError, match="features"):
        train(folder)


def test_a_standardised_linear_head_does_not_care_about_the_scale_of_the_embeddings():
    embeddings = np.random.default_rng(0).normal(3.0, 2.0, (50, 6)).astype(np.float32)
    embeddings[:, 5] = 1.0  # never changes
    heads = [build_head(6, 2, DenseLayers(hidden=0, standardize=True)) for _ in range(2)]
    heads[1].get_layer("logits").set_weights(heads[0].get_layer("logits").get_weights())
    set_statistics(heads[0], *measure_frames([embeddings]))
    set_statistics(heads[1], *measure_frames([40 * embeddings - 7]))
    first, second = (
        head(x, training=True).numpy() for head, x in zip(heads, (embeddings, 40 * embeddings - 7), strict=True)
    )
    assert np.all(np.isfinite(first))
    np.testing.assert_allclose(first, second, atol=2e-3)
    kernel, bias = heads[0].get_layer("logits").get_weights()
    deviation = np.sqrt(embeddings.var(axis=0) + 1e-6)
    np.testing.assert_allclose(first, (embeddings - embeddings.mean(axis=0)) / deviation @ kernel + bias, atol=1e-4)
    assert {v.path for v in heads[0].trainable_variables} == {v.path for v in heads[0].get_layer("logits").weights}


def test_statistics_are_those_of_training_patches_alone(make_run):
    folder = make_run(network={"hidden": 0, "standardize": True}, training={"epochs": 1})
    train(folder, say=lambda _: None)
    weights = dict(np.load(folder / "weights.npz"))
    plan = read_plan(folder)
    embeddings = open_embeddings(plan, {}).load([plan.tracks[row].content for row in plan.rows("train")])
    [mean] = [value for name, value in weights.items() if name.endswith("standardize/moving_mean")]
    np.testing.assert_allclose(mean, np.concatenate(embeddings).mean(axis=0), rtol=1e-5)


def test_a_given_schedule_halves_where_it_says_and_ends_with_the_last_epoch(make_run):
    folder = make_run(training={"epochs": 6, "halvings": [2, 4], "patience": 1})
    plan = json.loads((folder / "plan.json").read_text())
    for track in plan["tracks"]:
        track["role"] = "train"
    (folder / "plan.json").write_text(json.dumps(plan))
    said = []
    history = train(folder, say=said.append)
    rates = [epoch["learning_rate"] for epoch in history["epochs"]]
    np.testing.assert_allclose(rates, [0.001, 0.001, 0.0005, 0.0005, 0.00025, 0.00025])
    assert (history["best_epoch"], history["valid_cost"]) == (6, "none")
    assert said == []


def test_a_schedule_without_halvings_is_not_the_plateau_rule(make_run):
    folder = make_run(training={"epochs": 4, "halvings": [], "patience": 1, "learning_rate": 1.0})
    history = train(folder)
    assert {epoch["learning_rate"] for epoch in history["epochs"]} == {1.0}
    assert history["best_epoch"] == 4


# --- tags and numbers -----------------------------------------------------------------------------------------------


def write_targets(folder, kind):
    """Give the tracks of a run tags, or numbers that are far from 0, which follow from what they sound like."""
    plan = json.loads((folder / "plan.json").read_text())
    lines = ["id," + ",".join(plan["classes"])]
    for number, track in enumerate(plan["tracks"]):
        is_sad = int(track["label"] == "sad")
        values = (number % 3 == 0, is_sad) if kind == "multi_label" else (300 + 50 * is_sad, -is_sad)
        lines.append(",".join([track["id"], *(str(float(value)) for value in values)]))
        track["label"] = ""
    (folder / "plan.json").write_text(json.dumps({**plan, "kind": kind}))
    for name in ("labels.csv", "truth.csv"):
        (folder / name).write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("kind", ["multi_label", pytest.param("regression", marks=pytest.mark.slow)])
def test_a_head_learns_tags_and_numbers(make_run, kind):
    folder = make_run(training={"epochs": 60, "learning_rate": 0.01})
    write_targets(folder, kind)
    history = train(folder)
    assert history["loss"] == {"multi_label": "cross_entropy", "regression": "squared_error"}[kind]
    assert history["epochs"][-1]["train_loss"] < 0.6 * history["epochs"][0]["train_loss"]
    found = predictions(folder)
    assert set(found["labels"]) == {""}
    test = found["roles"] == "test"
    truth, said = found["truth"][test], found["probabilities"][test]
    if kind == "multi_label":
        assert np.all((said[:, 1] > 0.5) == (truth[:, 1] == 1))
        first = tf.nn.sigmoid(found["patch_logits"][: found["n_patches"][0]]).numpy().mean(0)
    else:
        assert np.abs(said - truth).max(axis=0) == pytest.approx([0, 0], abs=25)  # half of what tells the tracks apart
        assert np.all((said[:, 0] > 325) == (truth[:, 0] == 350))
        first = found["patch_logits"][: found["n_patches"][0]].mean(0)
    np.testing.assert_allclose(found["probabilities"][0], first, rtol=1e-5)
    assert np.array_equal(predictions(folder)["patch_logits"], found["patch_logits"])


def test_stages_follow_one_another_from_the_best_weights(narrow_vgg, make_run, monkeypatch):
    """Rates are those of the stages; where one begins, what it finds are the best weights so far."""
    stages = ["adam 1e-2 3", "sgd 1e-3 2", "sgd 1e-4 1"]
    found = []
    begin = updates.Run.begin_epoch

    def look(run, epoch, best):
        begin(run, epoch, best)
        found.append(
            (epoch, run.step is run.staged["sgd"], [np.array_equal(*p) for p in zip(best, run.snapshot(), strict=True)])
        )

    monkeypatch.setattr(updates.Run, "begin_epoch", look)
    network = {"backbone": "vgg", "fine_tune": "none", "pretrained": None}
    changes = {"network": network, "training": {"epochs": 6, "stages": stages}, "export": False}
    history = train(make_run("staged", **changes), say=lambda _: None)
    np.testing.assert_allclose([e["learning_rate"] for e in history["epochs"]], [1e-2] * 3 + [1e-3] * 2 + [1e-4])
    assert [is_sgd for _, is_sgd, _ in found] == [False] * 3 + [True] * 3
    for epoch, _, same in found:
        if epoch in (3, 5):
            assert sum(not one for one in same) <= 2, "all but the two rates"


@pytest.mark.slow
def test_stages_go_on_where_a_training_was_stopped(narrow_vgg, make_run, monkeypatch):
    network = {"backbone": "vgg", "fine_tune": "none", "pretrained": None}
    stages = {"epochs": 5, "stages": ["adam 1e-2 2", "sgd 1e-3 2", "sgd 1e-4 1"]}
    whole = train(make_run("whole", network=network, training=stages, export=False), say=lambda _: None)
    folder = make_run("stopped", network=network, training={**stages, "epochs": 3}, export=False)
    train(folder, say=lambda _: None)
    path = folder / "plan.json"
    plan = json.loads(path.read_text())
    plan["training"]["epochs"] = 5
    path.write_text(json.dumps(plan))
    assert train(folder, say=lambda _: None) == whole
