"""Dropout samples in Essentia: the proof accepts what is right, refuses what is not, and `predict` reads them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from essentia_ldl.errors import GraphError
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.differences import measure_difference
from essentia_ldl.scores.uncertainty import ENTROPIES, NAMES, node_name
from essentia_ldl.sound.predict import Predictor
from essentia_ldl.sound.request import Request
from essentia_ldl.sound.sampled import compare_runs
from essentia_ldl.sound.verify import verify_run

STEMS = ("mood_sad-msd-musicnn", "mood_sad-musicnn-msd")


@pytest.fixture(scope="module")
def report(sampled_run):
    return verify_run(sampled_run)


@pytest.mark.parametrize("stem", STEMS)
def test_many_runs_in_essentia_agree_with_keras(report, stem):
    assert set(report["samples"][stem]) == {node_name(name) for name in NAMES}
    assert all(0 <= value < 6 for value in report["samples"][stem].values())
    assert not any("uncertainty" in node for node in report["golden"][stem])


@pytest.mark.parametrize("name", NAMES)
def test_another_rate_is_refused(sampled_run, report, tmp_path, name):
    """What 0.1 more would mean: a reference that is some standard errors away."""
    shutil.copytree(sampled_run, tmp_path / "run")
    golden = tmp_path / "run" / "export" / f"{STEMS[0]}.golden.npz"
    with np.load(golden) as file:
        arrays = {key: file[key] for key in file.files}
    key = node_name(name).replace("/", "__")
    arrays[f"{key}__mean"] = arrays[f"{key}__mean"] + 2 * arrays[f"{key}__std"]
    np.savez(golden, **arrays)
    with pytest.raises(GraphError, match=f"{name}: expected the mean of the reference"):
        verify_run(tmp_path / "run")


def test_another_number_of_samples_is_refused(sampled_run, tmp_path):
    shutil.copytree(sampled_run, tmp_path / "run")
    golden = tmp_path / "run" / "export" / f"{STEMS[0]}.golden.npz"
    with np.load(golden) as file:
        arrays = {key: file[key] for key in file.files}
    arrays["model__uncertainty__mean_probabilities__std"] *= 4  # as if there were a sixteenth of the samples
    np.savez(golden, **arrays)
    with pytest.raises(GraphError, match="times the deviation of the reference"):
        verify_run(tmp_path / "run")


def draw(n_runs=64, seed=0, scale=1.0, shift=0.0):
    return np.random.default_rng(seed).normal(0.5 + shift, 0.02 * scale, size=(n_runs, 4, 2))


def reference(seed=1):
    values = draw(seed=seed)
    return values.mean(axis=0), values.std(axis=0, ddof=1)


@pytest.mark.parametrize("seed", range(20))
def test_the_same_distribution_is_accepted(seed):
    assert compare_runs(draw(seed=seed), *reference(seed + 100), 64, "n", "g") < 6


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (draw(shift=0.03), "expected the mean"),
        (draw(scale=3), "times the deviation"),
        (draw(scale=0.2), "times the deviation"),
        (np.repeat(draw(1), 64, axis=0), "expected other values in every run"),
        (np.full((64, 4, 2), np.nan), "expected finite numbers"),
        (draw()[:, :3], r"expected shape \(4, 2\)"),
    ],
)
def test_what_is_not_sampled_as_it_should_be_is_refused(values, message):
    with pytest.raises(GraphError, match=message):
        compare_runs(values, *reference(), 64, "n", "g")


def test_entropies_are_compared_absolutely():
    found = measure_difference(np.full((2, 1), 1e-7), np.full((2, 1), 2e-7), node_name("mutual_information"), "g")
    assert found == pytest.approx(1e-7)
    with pytest.raises(GraphError):
        measure_difference(np.full((2, 1), 0.5), np.full((2, 1), 0.5001), node_name("mutual_information"), "g")


@pytest.mark.parametrize("stem", STEMS)
def test_predict_reads_entropies_where_they_are_asked_for(sampled_run, load_request, song, stem):
    request = load_request(sampled_run / "export" / f"{stem}.pb")
    (plain,) = Predictor([request]).predict(str(song))
    predictor = Predictor([request], uncertainty=True)
    (first,), (second,) = predictor.predict(str(song)), predictor.predict(str(song))
    assert plain.uncertainty == {}
    assert set(first.uncertainty) == set(ENTROPIES)
    assert first.uncertainty != second.uncertainty
    assert first.probabilities.tobytes() == second.probabilities.tobytes() == plain.probabilities.tobytes()
    total = first.uncertainty["expected_entropy"] + first.uncertainty["mutual_information"]
    assert total == pytest.approx(first.uncertainty["predictive_entropy"], abs=1e-5)
    assert 0 < first.uncertainty["mutual_information"] < np.log(2)


def test_head_and_full_graph_agree_but_for_chance(sampled_run, load_request, song):
    requests = [load_request(sampled_run / "export" / f"{stem}.pb") for stem in STEMS]
    predictor = Predictor(requests, uncertainty=True)
    runs = [predictor.predict(str(song)) for _ in range(12)]
    for name in ENTROPIES:
        values = np.array([[prediction.uncertainty[name] for prediction in run] for run in runs])
        error = np.sqrt((values.var(axis=0, ddof=1) / len(runs)).sum())
        assert 0 < error < 0.05
        assert abs(values[:, 0].mean() - values[:, 1].mean()) < 6 * error


def test_a_graph_without_samples_is_asked_for_nothing(exported_run, load_request, song):
    request = load_request(exported_run / "export" / f"{STEMS[0]}.pb")
    (found,) = Predictor([request], uncertainty=True).predict(str(song))
    assert found.uncertainty == {}


def test_a_card_that_promises_nodes_which_are_not_there_is_an_error(exported_run, load_request):
    request = load_request(exported_run / "export" / f"{STEMS[0]}.pb")
    fields = json.loads(json.dumps(dict(request.card.fields)))
    fields["schema"]["outputs"].append({"name": node_name("mutual_information"), "output_purpose": ""})
    lying = Request(request.name, request.graph, GraphCard(fields), request.extractor)
    with pytest.raises(GraphError, match="expected a frozen graph with the nodes of its card"):
        Predictor([lying], uncertainty=True)
