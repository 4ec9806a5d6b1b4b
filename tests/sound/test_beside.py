"""Somebody's extractor beside the pretrained networks, the whole way: from audio to a graph that Essentia runs."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.files import digest_file
from essentia_ldl.models.answers import name_answers
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import BASE_MODELS, TAG_HEADS, read_model
from essentia_ldl.sound.graph import load_graph, run_graph

pytestmark = pytest.mark.slow

N_TRACKS = 16
COPY, PUBLISHED = "copy-1", "published-net-1"
LICENCE = "CC BY-NC-SA 4.0"


def place(graphs: Path, name: str, source: Path, **changes) -> None:
    """Copy a MusiCNN under another name, with a card that has the keys of Essentia's own and nothing of ours."""
    card = json.loads((graphs / "msd-musicnn-1.json").read_text())
    del card["essentia_ldl"]
    card |= {"link": f"https://example.org/feature-extractors/musicnn/{name}.pb", **changes}
    shutil.copy(source, graphs / f"{name}.pb")
    (graphs / f"{name}.json").write_text(json.dumps(card))


@pytest.fixture(scope="module")
def home(tmp_path_factory, graphs, published) -> Path:
    """A home with the base graphs, a copy of one of them, and one in the form of Essentia's published graphs."""
    home = tmp_path_factory.mktemp("home")
    (home / "graphs").mkdir()
    for stem in (*BASE_MODELS, *TAG_HEADS.values()):
        for path in graphs.glob(f"{stem}.*"):
            shutil.copy(path, home / "graphs")
    place(home / "graphs", COPY, graphs / "msd-musicnn-1.pb", license=LICENCE)
    place(home / "graphs", PUBLISHED, published)
    return home


@pytest.fixture(scope="module")
def data(tmp_path_factory, make_signal, write_wav) -> Path:
    """Short tracks of two classes, two by each artist; those of one class are noisier."""
    data = tmp_path_factory.mktemp("data")
    for number in range(N_TRACKS):
        label = ("non_sad", "sad")[number % 2]
        folder = data / label / f"artist {number // 4}{label}"
        folder.mkdir(parents=True, exist_ok=True)
        signal = make_signal(8, rate_hz=16000, seed=number)
        noise = np.random.default_rng(number).normal(size=len(signal)) * (0.2 if number % 2 else 0.0)
        write_wav(folder / f"{number}.wav", np.clip(0.7 * signal + noise, -0.9, 0.9), rate_hz=16000)
    return data


def ask(data: Path, *settings: str) -> list[str]:
    """Make the command that trains with some keys of the recipe changed."""
    changes = [part for setting in settings for part in ("--set", setting)]
    return ["train", "mood-sad", "--data", str(data), "--jobs", "1", *changes]


def choose_from(name: str) -> list[str]:
    """Return settings that leave a choice of the strength alone, on the embedding of one network."""
    return [f'choice.networks=["{name}"]', 'choice.layers="embedding"', "choice.smoothing=0.0"]


@pytest.fixture(scope="module")
def train(home, data, run_command):
    """A function (*settings) -> the run, and the first model that it leaves."""

    def run(*settings: str) -> tuple[Path, Path]:
        before = set((home / "runs").glob("*"))
        run_command(home, *ask(data, *settings))
        (made,) = set((home / "runs").glob("*")) - before
        (model, *_) = json.loads((made / "run.json").read_text())["models"]
        return made, home / "graphs" / f"{model}.pb"

    return run


@pytest.fixture(scope="module")
def copy(train):
    """The run and the model of the copy alone."""
    return train(*choose_from(COPY))


@pytest.fixture(scope="module")
def beside(train):
    """The run and the model of a published graph beside a VGG, settings chosen."""
    return train(f'network.backbones=["mtt-vgg", "{PUBLISHED}"]')


def answer(path: Path, patches: np.ndarray, nodes: list[str]) -> dict[str, np.ndarray]:
    return run_graph(load_graph(path, "model/Placeholder", nodes), path, "model/Placeholder", patches, nodes)


def read_extra(path: Path) -> dict:
    return dict(GraphCard(json.loads(path.with_suffix(".json").read_text())).extra)


def test_a_copy_of_a_network_makes_the_model_of_the_network(copy, train):
    run, model = copy
    ours, own = train(*choose_from("msd-musicnn"))
    assert (model.stem, own.stem) == ("mood_sad-joint-1-1", "mood_sad-musicnn-msd-1")
    patches = np.random.default_rng(0).uniform(0, 4, (5, 187, 96)).astype(np.float32)
    found = answer(model, patches, ["model/Softmax", "model/features"])
    expected = answer(own, patches, ["model/Softmax", "model/dense/BiasAdd"])
    np.testing.assert_allclose(found["model/features"], expected["model/dense/BiasAdd"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["model/Softmax"], expected["model/Softmax"], atol=1e-4)
    scores = [json.loads((folder / "scores.json").read_text())["crossval"] for folder in (run, ours)]
    assert scores[0]["balanced_accuracy_pooled"] == scores[1]["balanced_accuracy_pooled"] > 0.5


def test_every_node_is_verified_and_the_card_names_the_extractor(copy, beside, home):
    for (run, model), name, licence in ((copy, COPY, LICENCE), (beside, PUBLISHED, "unknown")):
        (golden,) = json.loads((run / "export" / "verify.json").read_text())["golden"].values()
        assert golden["model/Softmax"] < 1e-5
        extra = read_extra(model)
        (told,) = extra["extractors"]
        assert (told["name"], told["licence"]) == (name, licence)
        assert told["link"] == f"https://example.org/feature-extractors/musicnn/{name}.pb"
        assert told["sha256"] == digest_file(home / "graphs" / f"{name}.pb")
        assert any(name in note and licence in note for note in extra["notes"])
        assert read_model(model).card.input_name == "model/Placeholder"
    assert read_extra(beside[1])["backbones"] == ["mtt-vgg", PUBLISHED]


def test_the_features_are_in_the_store_at_both_qualities(copy, home):
    folders = [path for path in (home / "store").iterdir() if f"-extractor-{COPY}-" in path.name]
    assert len(folders) == 2
    for folder in folders:
        assert len(list(folder.rglob("*.npy"))) == N_TRACKS


def test_it_predicts_in_both_engines_without_the_extractor(beside, home, tmp_path, song, run_command):
    pytest.importorskip("openvino")
    (tmp_path / "graphs").mkdir()
    for path in home.glob(f"graphs/{beside[1].stem}.*"):
        shutil.copy(path, tmp_path / "graphs")
    rows = []
    for engine in ("essentia", "openvino"):
        text = run_command(tmp_path, "predict", "--engine", engine, "--format", "csv", str(song))
        rows.append([float(row["probability"]) for row in csv.DictReader(io.StringIO(text))])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-5)
    assert sum(rows[0]) == pytest.approx(1, abs=1e-5)


def test_a_run_that_stopped_goes_on_and_one_that_ended_is_not_repeated(copy, home, data, run_command):
    run, model = copy
    before = model.read_bytes()
    again = ask(data, *choose_from(COPY))
    state, runs = json.loads((run / "run.json").read_text()), set((home / "runs").glob("*"))
    run_command(home, *again)
    assert set((home / "graphs").glob("mood_sad-joint-1-*.pb")) == {model}
    for path in (model, model.with_suffix(".json"), name_answers(model)):
        path.unlink()
    shutil.rmtree(run / "export")  # as if it had been stopped before: the plan is there, and all that it needs
    (run / "run.json").write_text(json.dumps({"fingerprint": state["fingerprint"], "state": "running"}))
    run_command(home, *again)
    assert set((home / "runs").glob("*")) == runs
    assert model.read_bytes() == before


def test_it_is_measured_and_reported_like_the_others(beside, home, data, run_command):
    run_command(home, "report", beside[0].name)
    assert f"mtt-vgg, {PUBLISHED}" in (beside[0] / "report.html").read_text()
    shown = run_command(home, "evaluate", beside[1].stem, str(data))
    assert "balanced accuracy" in shown
    options = ["--labels", "joint-one-hot", "--folds", "2", "--jobs", "1"]
    options += ["--set", f'network.backbones=["mtt-vgg", "{PUBLISHED}"]']
    assert "joint-one-hot" in run_command(home, "crossval", "mood-sad", "--data", str(data), *options)
