"""External validation: labels become classes, scores agree with scikit-learn and scipy, failures stop nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.cli.text.evaluate import describe_evaluation
from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError, GraphError, StoreError, UnknownNameError
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home, write_json
from essentia_ldl.measure import evaluate as evaluate_module
from essentia_ldl.measure.rows import TruthColumn
from essentia_ldl.models import folder as models
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model
from essentia_ldl.records import Failure, Prediction

here = Home.from_environment  # the fixtures set the variable

SAD = ("non_sad", "sad")
GENRES = ("blues", "jazz", "rock")


def make_model(classes=SAD, kind="multi-class classifier", **extra) -> Model:
    fields = {
        "name": "mood sad" if classes == SAD else "my genres",
        "type": kind,
        "classes": list(classes),
        "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
        "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN"},
        "essentia_ldl": extra,
    }
    return Model("m-1", "/graphs/m-1.pb", GraphCard(fields))


def draw_rows(n_tracks: int, n_classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), n_tracks)


@pytest.fixture
def setting(tmp_path, monkeypatch):
    """Return a function that makes a table and a model whose probabilities are given by file name."""
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))

    def make(rows, probabilities, classes=SAD, broken=(), header=("path", "label", "artist", "share"), **card):
        model = make_model(classes, **card)
        monkeypatch.setattr(models, "find_model", lambda name, folder: model)

        def predict_files(chosen, files, graphs):
            assert list(chosen) == [model]
            for path in files:
                if Path(path).name in broken:
                    yield Failure(path, "predict", f"audio: expected a file that decodes; got noise ({path}). Drop it.")
                    continue
                segments = np.array([probabilities[Path(path).name]] * 2, dtype=np.float32)
                yield [Prediction(path, "m-1", tuple(classes), segments.mean(axis=0), segments, 4.5)]

        monkeypatch.setattr(evaluate_module, "predict_files", predict_files)
        table = tmp_path / "data" / "index.csv"
        table.parent.mkdir(exist_ok=True)
        for cells in rows:
            (table.parent / cells[0]).write_bytes(cells[0].encode())
        with open(table, "w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return str(table)

    return make


def make_many(setting, n_tracks=60, classes=SAD, **more):
    generator = np.random.default_rng(1)
    probabilities = draw_rows(n_tracks, len(classes))
    targets = np.where(
        generator.random(n_tracks) < 0.6, probabilities.argmax(1), generator.integers(0, len(classes), n_tracks)
    )
    shares = np.clip(probabilities[:, 1] + generator.normal(0, 0.2, n_tracks), 0, 1).round(2)
    names = [f"{i:03}.mp3" for i in range(n_tracks)]
    rows = [[names[i], classes[targets[i]], f"artist {i // 3}", str(shares[i])] for i in range(n_tracks)]
    data = setting(rows, dict(zip(names, probabilities, strict=True)), classes, **more)
    return data, targets, probabilities.astype(np.float32), shares


# --- scores ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [SAD, GENRES])
def test_scores_are_those_of_scikit_learn(setting, classes, tmp_path):
    from sklearn import metrics

    data, targets, probabilities, _ = make_many(setting, classes=classes)
    done = evaluate_module.evaluate("m-1", Source(data), here(), output=str(tmp_path / "out"))
    scores, predicted = json.loads((tmp_path / "out" / "scores.json").read_text()), probabilities.argmax(axis=1)
    assert scores == done.scores
    assert scores["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(targets, predicted))
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(targets, predicted))
    assert scores["confusion"] == metrics.confusion_matrix(targets, predicted).tolist()
    assert list(scores["recall"].values()) == pytest.approx(metrics.recall_score(targets, predicted, average=None))
    assert scores["n_tracks"] == sum(scores["n_by_class"].values()) == 60
    assert scores["n_failed"] == 0
    assert scores["intervals"]["n_groups"] == scores["intervals"]["n_artists"] == 20
    for key in ("balanced_accuracy", "accuracy"):
        low, high = scores["intervals"][key]
        assert low < scores[key] < high
    with open(tmp_path / "out" / "predictions.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["id", "label", "prediction", *classes]
    assert [row[1] for row in rows] == [classes[i] for i in targets]
    assert [row[2] for row in rows] == [classes[i] for i in predicted]
    assert np.allclose(np.array([row[3:] for row in rows], dtype=float), probabilities, atol=1e-6)
    assert (tmp_path / "out" / "failures.csv").read_text() == "path,step,reason\n"
    assert len(list((tmp_path / "out").iterdir())) == 3, "nothing temporary is left"


def test_calibration_errors_stand_beside_the_accuracy(setting, tmp_path):
    from sklearn import metrics

    data, targets, probabilities, _ = make_many(setting, classes=GENRES)
    done = evaluate_module.evaluate("m-1", Source(data), here(), output=str(tmp_path / "out"))
    found, rows = done.scores["calibration"], probabilities.astype(np.float64)
    rows /= rows.sum(axis=1, keepdims=True)
    assert found["nll"]["value"] == pytest.approx(metrics.log_loss(targets, rows), rel=1e-5)
    brier = ((probabilities - np.eye(3)[targets]) ** 2).sum(axis=1).mean()
    assert found["brier"]["value"] == pytest.approx(brier, rel=1e-5)
    assert set(found["class_ece"]) == set(GENRES)
    lines = describe_evaluation(done)
    for key, name in (("ece", "ECE, 10 bins"), ("ece_15", "ECE, 15 bins"), ("nll", "NLL"), ("brier", "Brier score")):
        low, high = found[key]["interval"]
        assert low < found[key]["value"] < high
        start = f"{name} {found[key]['value']:.3f} (95% {low:.3f} to {high:.3f})"
        assert any(line.startswith(start) for line in lines)


def test_probabilities_that_are_no_distribution_have_no_calibration(setting, tmp_path):
    rows = [[f"{i}.mp3", SAD[i % 2], f"artist {i}", "0"] for i in range(6)]
    data = setting(rows, {row[0]: [0.9, 0.8] for row in rows})
    done = evaluate_module.evaluate("m-1", Source(data), here(), output=str(tmp_path / "out"))
    assert "calibration" not in done.scores
    assert not any("ECE" in line for line in describe_evaluation(done))


def test_two_evaluations_give_the_same_numbers(setting, tmp_path):
    data, *_ = make_many(setting)
    first, second = (
        evaluate_module.evaluate("m-1", Source(data), here(), truth=TruthColumn("share"), output=str(tmp_path / n))
        for n in "ab"
    )
    assert first.scores == second.scores


def test_a_failure_is_reported_and_stops_nothing(setting, tmp_path):
    data, targets, probabilities, _ = make_many(setting, broken=("004.mp3", "001.mp3"))
    lines = describe_evaluation(evaluate_module.evaluate("m-1", Source(data), here(), output=str(tmp_path / "out")))
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    kept = np.delete(np.arange(60), [1, 4])
    assert (scores["n_tracks"], scores["n_failed"]) == (58, 2)
    assert scores["accuracy"] == pytest.approx(np.mean(targets[kept] == probabilities[kept].argmax(axis=1)))
    failed = [line for line in lines if line.startswith("failed: audio")]
    assert ["001.mp3" in failed[0], "004.mp3" in failed[1]] == [True, True]
    assert len((tmp_path / "out" / "failures.csv").read_text().splitlines()) == 3


def test_nothing_but_failures_is_an_error_that_leaves_their_list(setting, tmp_path):
    data = setting([["a.mp3", "sad", "", ""]], {}, broken=("a.mp3",))
    with pytest.raises(DataError, match=r"at least one that can be used.*First: audio"):
        evaluate_module.evaluate("m-1", Source(data), here(), output=str(tmp_path / "out"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["failures.csv"]


def test_an_interrupted_run_leaves_no_empty_folder(setting, tmp_path, monkeypatch):
    data, *_ = make_many(setting)

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluate_module, "predict_files", stop)
    with pytest.raises(KeyboardInterrupt):
        evaluate_module.evaluate("m-1", Source(data), here())
    assert list((tmp_path / "home" / "runs").iterdir()) == []


def test_the_default_folder_names_the_model(setting, tmp_path):
    data, *_ = make_many(setting)
    folder = evaluate_module.evaluate("m-1", Source(data), here()).folder
    assert folder.parent == tmp_path / "home" / "runs"
    assert folder.name.startswith("evaluate-m-1-20")


def test_an_output_that_is_a_file_is_refused(setting, tmp_path):
    data, *_ = make_many(setting)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"^The folder .*file cannot be made: File exists\."):
        evaluate_module.evaluate("m-1", Source(data), here(), output=str(tmp_path / "file"))


def test_a_base_network_is_refused(setting):
    data = setting([["a.mp3", "sad", "", ""]], {}, kind="auto-tagging")
    with pytest.raises(GraphError, match="a classifier"):
        evaluate_module.evaluate("m-1", Source(data), here())


def test_a_class_without_a_track_is_told(setting, tmp_path):
    data = setting([["a.mp3", "sad", "", ""], ["b.mp3", "sad", "", ""]], {"a.mp3": [0.2, 0.8], "b.mp3": [0.9, 0.1]})
    done = evaluate_module.evaluate("m-1", Source(data), here())
    text = "\n".join(describe_evaluation(done))
    assert done.scores["balanced_accuracy"] == 0.5
    assert done.scores["recall"] == {"non_sad": None, "sad": 0.5}
    assert "no track of non_sad" in text
    assert "2 tracks without artist" in text
    assert "recall: non_sad - (n 0), sad 0.500 (n 2)" in text


def test_tracks_of_the_models_own_training_are_told(setting, tmp_path):
    probabilities = {name: [0.2, 0.8] for name in ("a.mp3", "b.mp3", "c.mp3")}
    data = setting([[name, "sad", "", ""] for name in probabilities], probabilities, run="mood-sad-1")
    assert (
        evaluate_module.evaluate("m-1", Source(data), here(), output=str(tmp_path / "x")).scores["n_seen_in_training"]
        is None
    )
    store = Store(tmp_path / "home" / "store")
    roles = {"a.mp3": "train", "b.mp3": "test", "c.mp3": "valid"}
    tracks = [
        {"id": n, "content": store.remember(str(tmp_path / "data" / n)), "role": role, "label": "sad"}
        for n, role in roles.items()
    ]
    plan = {
        **{"task": "mood-sad", "name": "mood sad", "description": "", "front_end": "musicnn"},
        **{"training": {"epochs": 1}, "network": {"backbone": "musicnn", "pretrained": "msd"}},
        **{"classes": ["non_sad", "sad"], "store": "store", "graphs": "graphs", "tracks": tracks},
    }
    write_json(tmp_path / "home" / "runs" / "mood-sad-1" / "plan.json", plan)
    done = evaluate_module.evaluate("m-1", Source(data), here(), output=str(tmp_path / "x"))
    assert done.scores["n_seen_in_training"] == 2
    assert any("WARNING: the model was made with 2 of these" in line for line in describe_evaluation(done))


# --- labels ---------------------------------------------------------------------------------------------------------


def test_ignored_tracks_are_counted_and_not_run(setting, tmp_path):
    rows = [["a.mp3", "sad", "", ""], ["b.mp3", "calm", "", ""], ["c.mp3", "gai", "", ""], ["d.mp3", "x", "", ""]]
    data = setting(rows, {"a.mp3": [0.2, 0.8], "c.mp3": [0.9, 0.1]})  # b.mp3 and d.mp3 would be a KeyError
    done = evaluate_module.evaluate(
        "m-1", Source(data), here(), mapping={"calm": "ignore", "gai": "non_sad", "x": "ignore"}
    )
    assert done.scores["n_ignored"] == {"calm": 1, "x": 1}
    assert done.scores["mapping"] == {"calm": "ignore", "gai": "non_sad", "sad": "sad", "x": "ignore"}
    assert done.scores["n_tracks"] == 2
    lines = describe_evaluation(done)
    assert "ignored: 1 calm, 1 x" in lines
    assert "labels: gai as non_sad" in lines
    with pytest.raises(DataError, match="not ignored"):
        evaluate_module.evaluate(
            "m-1", Source(data), here(), mapping=dict.fromkeys(("calm", "gai", "x", "sad"), "ignore")
        )


# --- listeners ------------------------------------------------------------------------------------------------------


def test_listener_scores_are_those_of_scipy(setting, tmp_path):
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import spearmanr

    data, targets, probabilities, shares = make_many(setting)
    done = evaluate_module.evaluate(
        "m-1", Source(data), here(), truth=TruthColumn("share"), output=str(tmp_path / "out")
    )
    scores, truth = done.scores["listeners"], np.column_stack([1 - shares, shares])
    golden = jensenshannon(truth, probabilities, axis=1) ** 2
    prior = np.tile([1 - shares.mean(), shares.mean()], (60, 1))
    constant = jensenshannon(truth, prior, axis=1) ** 2
    divergence, spearman = scores["divergence"], scores["spearman"]
    assert divergence["model"] == pytest.approx(golden.mean(), abs=1e-6)
    assert divergence["constant"] == pytest.approx(constant.mean(), abs=1e-6)
    assert divergence["difference"] == pytest.approx(golden.mean() - constant.mean(), abs=1e-6)
    assert divergence["interval"][0] < divergence["difference"] < divergence["interval"][1]
    assert spearman["all"]["value"] == pytest.approx(spearmanr(shares, probabilities[:, 1]).statistic)
    for column, name in enumerate(SAD):
        rows = targets == column
        golden = spearmanr(shares[rows], probabilities[rows, 1]).statistic
        assert spearman["within"][name] == {"value": pytest.approx(golden), "n": rows.sum()}
    assert (scores["class"], scores["mean_share"]) == ("sad", pytest.approx(shares.mean()))
    lines = "\n".join(describe_evaluation(done))
    assert f"in nats: model {divergence['model']:.4f}" in lines
    header = (tmp_path / "out" / "predictions.csv").read_text().splitlines()[0]
    assert header == "id,label,prediction,non_sad,sad,share"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", r"expected a number; got ''.*row of b\.mp3"),
        ("high", r"expected a number; got 'high'.*row of b\.mp3"),
        ("1.2", r"from 0 to 1; got '1\.2'.*row of b\.mp3"),
        ("-0.1", r"from 0 to 1; got '-0\.1'.*row of b\.mp3"),
        ("nan", r"from 0 to 1; got 'nan'.*row of b\.mp3"),
        ("31", r"row of b\.mp3.*by 100"),
    ],
)
def test_a_share_that_is_none_is_told_with_its_row_before_the_model_runs(setting, cell, message):
    data = setting([["a.mp3", "sad", "", "0.5"], ["b.mp3", "sad", "", cell]], {})
    with pytest.raises(DataError, match=message):
        evaluate_module.evaluate("m-1", Source(data), here(), truth=TruthColumn("share"))


def test_a_truth_column_that_is_not_there_names_the_nearest(setting):
    data = setting([["a.mp3", "sad", "", "0.5"]], {})
    with pytest.raises(UnknownNameError, match="Did you mean 'share'"):
        evaluate_module.evaluate("m-1", Source(data), here(), truth=TruthColumn("shares"))


def test_an_evaluation_without_data_is_one_sentence(setting):
    make_many(setting)
    with pytest.raises(DataError, match="data: expected a folder or a table; got None"):
        evaluate_module.evaluate("m-1", Source(), here())
