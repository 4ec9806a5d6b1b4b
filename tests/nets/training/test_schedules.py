"""What cross-validation asks of a training: class weights, a given schedule, and scores at another hop."""

from __future__ import annotations

import csv
import dataclasses
import json

import numpy as np
import pytest

from essentia_ldl.errors import TrainingError
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import write_json
from essentia_ldl.frontends import MUSICNN
from essentia_ldl.nets import embed
from essentia_ldl.nets.inputs.batches import cut_grid
from essentia_ldl.nets.inputs.embeddings import Extractor
from essentia_ldl.nets.runtime import tf
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.plan import read_plan


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


# --- class weights --------------------------------------------------------------------------------------------------


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
        plant_embeddings(plan, Extractor(plan.store, random_graphs, "musicnn", "msd"))
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


def plant_embeddings(plan, extractor) -> None:
    """Store embeddings whose classes overlap in place of those of the network."""
    for number, track in enumerate(plan.tracks):
        array = np.random.default_rng([5, number]).normal(size=(1, 200)).astype(np.float32)
        array[:, :4] += 0.6 * (track.label == "sad")
        path = array_path(extractor._folder, track.content)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array)


def test_weights_of_balanced_classes_change_no_bit(make_run):
    found = []
    for kind in ("none", "balanced"):
        folder = make_run(kind, training={"class_weights": kind, "epochs": 3})
        train(folder)
        with np.load(folder / "predictions.npz") as arrays:
            found.append(arrays["patch_logits"])
    np.testing.assert_array_equal(*found)


def test_class_weights_of_another_name_are_refused(make_run):
    with pytest.raises(TrainingError, match="class_weights: expected none or balanced; got 'auto'"):
        read_plan(make_run(training={"class_weights": "auto"}))


# --- a given schedule -----------------------------------------------------------------------------------------------


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


# --- another hop ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fine_tune", ["head", "all"])
def test_another_hop_changes_what_is_scored_and_nothing_that_is_trained(make_run, fine_tune):
    found = {}
    for hop in (None, 187):
        folder = make_run(
            f"{fine_tune}-{hop}",
            n_tracks=6 if fine_tune == "all" else 24,
            n_frames=400,
            network={"fine_tune": fine_tune},
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


def test_embeddings_of_another_hop_are_those_of_its_patches_and_are_kept_apart(
    make_run, store, random_graphs, tmp_path
):
    plan = read_plan(make_run(n_frames=600))
    content = plan.tracks[0].content
    extractor = Extractor(store, random_graphs, "musicnn", "msd")
    own = extractor.load([content])[0]
    job = {"store": str(store), "graphs": str(random_graphs), "backbone": "musicnn", "dataset": "msd"}
    write_json(tmp_path / "job.json", {**job, "hop_frames": 187, "contents": [content]})
    assert embed.main([str(tmp_path / "job.json")]) == 0
    other = Extractor(store, random_graphs, "musicnn", "msd", 187)
    (found,) = other.load([content])
    grid = dataclasses.replace(MUSICNN, patch_hop_frames=187)
    patches = cut_grid(Store(store).read(content, MUSICNN), grid)
    np.testing.assert_allclose(found, extractor.model(patches, training=False).numpy(), rtol=1e-4, atol=1e-5)
    assert (len(own), len(found)) == (5, 3)
    np.testing.assert_array_equal(extractor.load([content])[0], own)
    path = next(store.glob(f"{grid.key}-musicnn-msd-*/{content[:2]}/{content}.npy"))
    path.write_bytes(b"damaged")
    again = Extractor(store, random_graphs, "musicnn", "msd", 187)  # the other one remembers what it has read
    np.testing.assert_array_equal(again.load([content])[0], found)


def test_a_job_that_cannot_be_done_is_one_line(tmp_path, capsys):
    assert embed.main([str(tmp_path / "nowhere.json")]) == 1
    assert capsys.readouterr().err.startswith("error: file: expected readable json")
