"""A solved head: its weights, its history, and what does not fit it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from essentia_ldl.errors import StoreError, TrainingError
from essentia_ldl.nets.export.export import export
from essentia_ldl.nets.inputs.below_head import open_body
from essentia_ldl.nets.run import _describe_epochs
from essentia_ldl.nets.training.solved import pair_linear
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.outcome import read_history
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.runs.predictions import read_predictions
from essentia_ldl.runs.solution import RadialSolution, Solution, write_solution


@pytest.mark.parametrize("n_classes", [2, 3, 50])
def test_a_pair_of_layers_answers_as_the_linear_one(n_classes):
    random = np.random.default_rng(n_classes)
    kernel, bias = random.normal(size=(40, n_classes)), random.normal(size=n_classes)
    features = random.normal(0, 3, (30, 40))
    first, first_bias, second, second_bias = (a.astype(np.float32) for a in pair_linear(kernel, bias))
    assert (first.shape, first_bias.shape) == ((40, 100), (100,))
    assert (second.shape, second_bias.shape) == ((100, n_classes), (n_classes,))
    found = np.maximum(features @ first + first_bias, 0) @ second + second_bias
    expected = features @ kernel + bias
    assert np.max(np.abs(found - expected)) < 1e-6 * np.max(np.abs(expected))


def test_a_pair_needs_two_units_per_class():
    with pytest.raises(TrainingError, match="hidden: expected 102 for 51 classes, or 0; got 100"):
        pair_linear(np.zeros((4, 51)), np.zeros(51))


def solve(n_features: int) -> Solution:
    random = np.random.default_rng(5)
    kernel = random.normal(0, 0.1, (n_features, 2))
    return Solution(random.normal(size=n_features), random.uniform(0.5, 2, n_features), kernel, random.normal(size=2))


@pytest.mark.parametrize(
    ("network", "n_features"),
    [
        ({"hidden": 0}, 200),
        pytest.param({"hidden": 100}, 200, marks=pytest.mark.slow),
        pytest.param(
            *({"hidden": 0, "backbones": ["msd-musicnn", "mtt-musicnn"], "layers": "embedding"}, 400),
            marks=pytest.mark.slow,
        ),
        ({"hidden": 0, "backbones": ["msd-musicnn"], "layers": "deep"}, 634),
    ],
)
def test_what_was_solved_is_what_the_network_says(make_run, network, n_features):
    run = make_run(n_tracks=6, n_frames=190, network=network, training={"solver": "solved"})
    solution = solve(n_features)
    write_solution(run, solution)
    history = train(run, say=lambda _: None)
    plan, found = read_plan(run), read_predictions(run)
    features = np.concatenate(open_body(plan, {}).load([track.content for track in plan.tracks]))
    assert features.shape[1] == n_features
    expected = solution.score(features)
    assert np.max(np.abs(found.patch_logits - expected)) < 1e-4 * np.max(np.abs(expected))
    assert history["stopped"] == "solved"
    (epoch,) = read_history(run, curves=True)["epochs"]
    assert epoch["epoch"] == history["best_epoch"] == 1
    assert epoch["train_loss"] > 0
    assert _describe_epochs(history) == "a solved head"


def make_machine(n_features: int, n_vectors: int = 30) -> RadialSolution:
    random = np.random.default_rng(6)
    mean, scale = random.normal(size=n_features), np.full(n_features, 1.5)
    vectors, dual = random.normal(size=(n_vectors, n_features)), random.normal(0, 2, (n_vectors, 2))
    return RadialSolution(mean, scale, vectors, dual, random.normal(size=2), np.array(0.5 / n_features))


@pytest.mark.parametrize(
    ("layers", "n_features"), [("embedding", 200), pytest.param("135", 825, marks=pytest.mark.slow)]
)
def test_a_radial_machine_is_what_the_network_says_and_what_leaves(make_run, layers, n_features):
    """The graph answers within float32 what scikit-learn's formula says in float64."""
    network = {"hidden": 0, "backbones": ["msd-musicnn"], "layers": layers, "n_vectors": 30}
    stems = {"full": "mood_sad-joint-1", "head": None}
    run = make_run(n_tracks=6, n_frames=190, network=network, training={"solver": "solved"}, stems=stems)
    solution = make_machine(n_features)
    write_solution(run, solution)
    train(run, say=lambda _: None)
    plan, found = read_plan(run), read_predictions(run)
    features = np.concatenate(open_body(plan, {}).load([track.content for track in plan.tracks]))
    kernel = rbf_kernel((features - solution.mean) / solution.scale, solution.vectors, gamma=float(solution.gamma))
    expected = kernel @ solution.dual + solution.bias
    assert expected.std() > 0.05
    np.testing.assert_allclose(found.patch_logits, expected, atol=1e-4)
    (graph,) = export(run)
    with np.load(graph.with_name("mood_sad-joint-1.golden.npz")) as golden:
        assert str(golden["input"]) == "model/Placeholder"
        assert golden["model__dense__BiasAdd_1"].shape[1] == 2
    assert json.loads(graph.with_suffix(".json").read_text())["essentia_ldl"]["tensorflow_ops"] == ["1.15.0", "2.5.0"]


def test_a_machine_of_another_size_is_refused(make_run):
    network = {"hidden": 0, "n_vectors": 30}
    run = make_run(n_tracks=6, n_frames=190, network=network, training={"solver": "solved"})
    write_solution(run, make_machine(200, n_vectors=29))
    with pytest.raises(TrainingError, match="support vectors: expected 30; got 29"):
        train(run, say=lambda _: None)


def test_the_loss_is_that_of_the_training_tracks(make_run):
    run = make_run(n_tracks=6, n_frames=190, network={"hidden": 0}, training={"solver": "solved"})
    write_solution(run, solve(200))
    history = train(run, say=lambda _: None)
    found, plan = read_predictions(run), read_plan(run)
    rows = np.repeat([track.role for track in plan.tracks], found.n_patches) == "train"
    logits = found.patch_logits[rows].astype(np.float64)
    truth = np.repeat([plan.classes.index(track.label) for track in plan.tracks], found.n_patches)[rows]
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert history["epochs"][0]["train_loss"] == pytest.approx(-logs[np.arange(len(truth)), truth].mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"standardize": True}, "standardize: expected False, with a solved head; got True"),
        ({"activation": "elu"}, "activation: expected relu"),
        ({"backbones": ["msd-musicnn", "mtt-musicnn"], "hidden": 0}, "expected 400 features and 2 classes; got"),
        ({"hidden": 3}, "hidden: expected 4 for 2 classes"),
    ],
)
def test_a_network_that_does_not_fit(make_run, network, message):
    run = make_run(n_tracks=6, n_frames=190, network=network, training={"solver": "solved"})
    write_solution(run, solve(200))
    with pytest.raises(TrainingError, match=message):
        train(run, say=lambda _: None)


def test_without_a_solution(make_run):
    run = make_run(n_tracks=6, n_frames=190, training={"solver": "solved"})
    with pytest.raises(StoreError, match="solution: expected a readable file"):
        train(run, say=lambda _: None)


def test_an_unknown_solver(make_run):
    run = make_run(n_tracks=6, n_frames=190)
    plan = json.loads((run / "plan.json").read_text())
    (run / "plan.json").write_text(json.dumps({**plan, "training": {**plan["training"], "solver": "guessed"}}))
    with pytest.raises(TrainingError, match='solver: expected "" or solved'):
        read_plan(run)
