"""Updates: which tracks make a batch, what they weigh, and what a step is taken back to."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from essentia_ldl.errors import TrainingError
from essentia_ldl.features.store import array_path
from essentia_ldl.nets.inputs.embeddings import FrozenNetwork
from essentia_ldl.nets.inputs.sources import BandSource
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.training import updates
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.plan import read_plan


@pytest.mark.parametrize(("n_tracks", "sizes"), [(12, [4, 4, 4]), (13, [4, 4, 5]), (14, [4, 4, 4, 2]), (1, [1])])
def test_no_batch_is_of_one_track_where_statistics_are_learnt(narrow, make_dcnn, n_tracks, sizes):
    plan = read_plan(make_dcnn(n_tracks=n_tracks))
    run = updates.Run(plan, BandSource(plan), build_model(plan, pretrained=False))
    seen = []
    run.step = lambda x, t, w: (seen.append(len(x)), np.float32(1.0))[1]
    assert run.train_epoch(0) == 1.0
    assert seen == sizes


def test_batches_that_are_made_ahead_are_those_that_are_made_in_turn(narrow, make_dcnn, monkeypatch):
    plan = read_plan(make_dcnn(augment={"mixup": 0.4, "gain_db": 3.0}))
    source = BandSource(plan)
    run = updates.Run(plan, source, build_model(plan, pretrained=False), updates.Augmenter(plan, source, None))
    seen = []
    run.step = lambda *batch: (seen.append(batch), np.float32(1.0))[1]
    run.train_epoch(3)
    monkeypatch.setattr(updates, "make_ahead", lambda batches: batches)
    run.train_epoch(3)
    for ahead, in_turn in zip(seen[:3], seen[3:], strict=True):
        for one, other in zip(ahead, in_turn, strict=True):
            np.testing.assert_array_equal(one, other)


def unbalance(folder, n_rare: int, smooth: float = 0.0) -> None:
    """Leave `n_rare` sad tracks on the training side, and blur all labels."""
    plan = json.loads((folder / "plan.json").read_text())
    kept, seen = [], 0
    for track in plan["tracks"]:
        if track["role"] == "train" and track["label"] == "sad":
            seen += 1
            if seen > n_rare:
                continue
        kept.append(track)
    plan["tracks"] = kept
    (folder / "plan.json").write_text(json.dumps(plan))
    rows = list(csv.reader((folder / "labels.csv").open()))
    ids = {track["id"] for track in kept}
    lines = [",".join(rows[0])]
    for name, *values in rows[1:]:
        if name in ids:
            lines.append(",".join([name, *(str((1 - smooth) * float(v) + smooth / 2) for v in values)]))
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


def plant_embeddings(plan, extractor) -> None:
    """Store embeddings whose classes overlap in place of those of the network."""
    for number, track in enumerate(plan.tracks):
        array = np.random.default_rng([5, number]).normal(size=(1, 200)).astype(np.float32)
        array[:, :4] += 0.6 * (track.label == "sad")
        path = array_path(extractor._folder, track.content)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array)


@pytest.mark.parametrize("smooth", [0.0, 0.9])
def test_the_weight_of_a_track_is_that_of_its_own_class_and_the_mean_is_one(make_run, smooth):
    folder = make_run(training={"class_weights": "balanced"})
    unbalance(folder, 2, smooth)
    plan = read_plan(folder)
    train_rows = plan.rows("train")
    labels = np.array([track.label for track in plan.tracks])
    assert plan.weights.dtype == np.float32
    assert plan.weights[train_rows].mean() == pytest.approx(1)
    n_sad = (labels[train_rows] == "sad").sum()
    assert n_sad == 2
    np.testing.assert_allclose(plan.weights[labels == "sad"], len(train_rows) / (2 * 2))
    np.testing.assert_allclose(plan.weights[labels != "sad"], len(train_rows) / (2 * (len(train_rows) - 2)))


def test_without_class_weights_every_track_weighs_one(make_run):
    folder = make_run()
    unbalance(folder, 2)
    np.testing.assert_array_equal(read_plan(folder).weights, 1)


@pytest.mark.slow
@pytest.mark.parametrize("smooth", [0.0, 0.2])
def test_the_recall_of_a_rare_class_rises_with_class_weights(make_run, tmp_path, random_graphs, smooth):
    recall, losses = {}, {}
    for kind in ("none", "balanced"):
        folder = make_run(
            kind,
            store=tmp_path / "store",
            n_tracks=120,
            n_frames=187,
            training={"class_weights": kind, "epochs": 20, "loss": "cross_entropy"},
        )
        unbalance(folder, 8, smooth)
        plan = read_plan(folder)
        plant_embeddings(plan, FrozenNetwork(plan.store, random_graphs, "musicnn", "msd"))
        losses[kind] = train(folder)["epochs"][0]["valid_loss"]
        with np.load(folder / "predictions.npz") as arrays:
            guesses = arrays["probabilities"].argmax(axis=1)
            held_out = arrays["roles"] != "train"
            recall[kind] = [
                np.mean(guesses[held_out & (arrays["labels"] == name)] == n) for n, name in enumerate(plan.classes)
            ]
    assert recall["balanced"][1] > recall["none"][1] + 0.1
    assert recall["balanced"][0] < recall["none"][0], "nothing comes for nothing"
    assert losses["balanced"] != losses["none"], "validation is weighted too"


@pytest.mark.slow
def test_weights_of_balanced_classes_change_no_bit(make_run):
    found = []
    for kind in ("none", "balanced"):
        folder = make_run(kind, training={"class_weights": kind, "epochs": 3})
        train(folder)
        with np.load(folder / "predictions.npz") as arrays:
            found.append(arrays["patch_logits"])
    np.testing.assert_array_equal(*found)


def test_class_weights_of_another_name_are_refused(make_run):
    with pytest.raises(TrainingError, match="class_weights: expected balanced or none; got 'auto'"):
        read_plan(make_run(training={"class_weights": "auto"}))
