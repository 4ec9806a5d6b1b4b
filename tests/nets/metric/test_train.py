"""Trainings of embedding spaces: that they learn, keep the best, go on, and repeat to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.arrays import read_arrays
from essentia_ldl.choices import SPACE_LOSSES
from essentia_ldl.errors import DataError
from essentia_ldl.files import read_json
from essentia_ldl.nets.metric import train as train_module
from essentia_ldl.nets.metric.scatter import measure_scatter, solve_map
from essentia_ldl.nets.metric.train import learn
from essentia_ldl.runs.space import VECTORS
from essentia_ldl.scores.neighbours import rank_neighbours, summarise


def score(plan, vectors) -> float:
    rows = plan.rows("valid")
    return summarise(rank_neighbours(vectors[rows], plan.groups[rows]).average_precision)[0]


QUICK = ("siamese", "basic")  # one that compares, and one that answers


@pytest.mark.parametrize(
    "loss", [pytest.param(loss, marks=() if loss in QUICK else pytest.mark.slow) for loss in SPACE_LOSSES]
)
def test_artists_who_did_not_train_are_found_better_than_before(make_space, loss):
    tags = {f"{artist}-{number}.mp3": [f"{artist % 4}"] for artist in range(12) for number in range(4)}
    plan = make_space(settings={"loss": loss, "epochs": 3}, tags=tags if loss == "tags" else {})
    history = learn(plan.folder)
    assert [entry["epoch"] for entry in history["epochs"]] == [1, 2, 3]
    assert history == read_json(plan.folder / "history.json")
    found = read_arrays(plan.folder / VECTORS, "vectors")
    assert found["ids"].tolist() == [track.id for track in plan.tracks]
    before = train_module.open_source(plan)
    plain = np.array([before.grid(row).mean(axis=0) for row in range(len(plan.tracks))])
    assert score(plan, found["vectors"]) > score(plan, plain) + 0.05
    best = history["epochs"][history["best_epoch"] - 1]["valid_map"]
    assert best == max(entry["valid_map"] for entry in history["epochs"])
    assert best == pytest.approx(score(plan, found["vectors"]))


@pytest.mark.parametrize(("distance", "negatives", "margin"), [("l2", "random", 50.0), ("cosine", "semi-hard", 1.9)])
def test_distances_and_negatives(make_space, distance, negatives, margin):
    """Margins that no start meets: the scatter of few artists of many numbers keeps them all apart at once."""
    settings = {"distance": distance, "negatives": negatives, "margin": margin, "epochs": 2, "size": 8, "rate": 1e-2}
    plan = make_space(settings=settings)
    history = learn(plan.folder)
    assert history["n_trained"] == 200 * 8
    assert history["epochs"][1]["train_loss"] < history["epochs"][0]["train_loss"]
    assert read_arrays(plan.folder / VECTORS, "vectors")["vectors"].shape == (48, 8)


@pytest.mark.slow
def test_a_stopped_training_goes_on_to_the_same_bits(make_space, monkeypatch):
    settings = {"epochs": 4, "negatives": "semi-hard"}
    whole, cut = make_space("whole", settings=settings), make_space("cut", settings=settings)
    learn(whole.folder)
    passed = train_module._validate

    def stop(run):
        if run.optimizer.iterations.numpy() >= 2 * 1:
            raise KeyboardInterrupt
        return passed(run)

    monkeypatch.setattr(train_module, "_validate", stop)
    with pytest.raises(KeyboardInterrupt):
        learn(cut.folder, checkpoint_every_s=0.0)
    monkeypatch.setattr(train_module, "_validate", passed)
    said = []
    learn(cut.folder, say=said.append)
    assert said == ["artists of mine: goes on after epoch 1 of 4"]
    one, other = (read_arrays(plan.folder / VECTORS, "vectors")["vectors"] for plan in (whole, cut))
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_patience_ends_a_training(make_space):
    history = learn(make_space(settings={"epochs": 30, "patience": 1, "rate": 1.0}).folder)
    assert history["stopped"] == "patience"
    assert len(history["epochs"]) < 30


@pytest.mark.slow
def test_without_validation_the_last_epoch_is_kept(make_space):
    history = learn(make_space(roles=("train",), settings={"epochs": 2}).folder)
    assert (history["best_epoch"], history["epochs"][1]["valid_map"]) == (2, None)


@pytest.mark.slow
def test_a_whole_network_learns_from_patches(make_space):
    plan = make_space(network="artists", n_artists=4, roles=("train",), settings={"epochs": 3})
    history = learn(plan.folder)
    assert history["n_trained"] == 264448
    assert history["epochs"][-1]["train_loss"] < history["epochs"][0]["train_loss"]
    assert read_arrays(plan.folder / VECTORS, "vectors")["vectors"].shape == (16, 256)


def test_no_epoch_leaves_the_projection_as_it_begins(make_space):
    plan = make_space(settings={"epochs": 0, "loss": "basic"})
    history = learn(plan.folder)
    assert (history["best_epoch"], history["epochs"]) == (0, [])
    source, rows = train_module.open_source(plan), plan.rows("train")
    scatter = measure_scatter((source.grid(row) for row in rows), plan.groups[rows])
    kernel = read_arrays(plan.folder / "weights.npz", "weights")["space/kernel"]
    np.testing.assert_allclose(kernel, solve_map(scatter, 200), atol=1e-5)


def test_one_artist_alone_cannot_be_compared(make_space):
    with pytest.raises(DataError, match="groups: expected two or more; got 1"):
        learn(make_space(n_artists=1, roles=("train",)).folder)
