"""From tags to a network to machines on its layers, the whole way: every graph is verified in Essentia on it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from essentia_ldl.frontends import SAMPLECNN
from essentia_ldl.models.folder import BASE_MODELS, TAG_HEADS, read_model

pytestmark = pytest.mark.slow
DEMO = ("--set", "demo.seconds=31", "--set", "demo.tracks=16", "--set", "demo.artists=8", "--jobs", "1")


@pytest.fixture(scope="module")
def home(tmp_path_factory, graphs, run_command) -> Path:
    """A home in which the network has learned the tags of the demo, for one epoch."""
    home = tmp_path_factory.mktemp("home")
    (home / "graphs").mkdir()
    for stem in (*BASE_MODELS, *TAG_HEADS.values()):
        for path in graphs.glob(f"{stem}.*"):
            (home / "graphs" / path.name).symlink_to(path)
    scratch = ("--labels", "none", "--network", "choi", "--fine-tune", "none", "--set", "network.hidden=0")
    run_command(home, "train", "tags-demo", *scratch, "--epochs", "1", *DEMO)
    return home


def train(home: Path, run_command, *settings: str, network: str = "choi") -> Path:
    own = f'network.backbones=["demo-tags_demo-{network}-scratch-1"]'
    changes = [part for setting in (own, *settings) for part in ("--set", setting)]
    before = set((home / "runs").glob("*"))
    run_command(home, "train", "tags-demo", "--labels", "svm", *DEMO, *changes)
    (made,) = set((home / "runs").glob("*")) - before
    (model, *_) = json.loads((made / "run.json").read_text())["models"]
    return home / "graphs" / f"{model}.pb"


def test_its_card_lists_the_layers_that_other_tasks_read(home):
    card = read_model(home / "graphs" / "demo-tags_demo-choi-scratch-1.pb").card
    assert [size for _, size in card.extra["layer_sizes"]] == [32] * 5
    assert {"model/Sigmoid", "model/flatten/Reshape", "model/layers"} <= {
        output["name"] for output in card.fields["schema"]["outputs"]
    }
    assert card.extra["front_end"] == "choi"


@pytest.mark.parametrize(("kernel", "layers", "n_features"), [("rbf", "12345", 160), ("linear", "24", 64)])
def test_machines_on_its_layers_are_a_graph_that_hears_short_files_too(
    kernel, layers, n_features, home, run_command, make_signal, write_wav, tmp_path
):
    model = train(home, run_command, f'choice.kernels=["{kernel}"]', f"network.layers={layers}")
    card = read_model(model).card
    features = next(one for one in card.fields["schema"]["outputs"] if one["name"] == "model/features")
    assert features["shape"] == [n_features]
    assert card.extra["layers"] == layers
    assert card.sample_rate_hz == 12000
    path = write_wav(tmp_path / "short.wav", make_signal(4, 44100), 44100)
    said = tmp_path / "said.csv"
    run_command(home, "predict", "--model", model.stem, "-o", str(said), "--notes", str(path))
    with said.open() as file:
        notes = {row["notes"] for row in csv.DictReader(file)}
    assert notes == {"padded: 4.0 s repeated to one patch of 28.99 s"}


def test_machines_on_layers_of_a_network_that_hears_samples(home, run_command, make_signal, write_wav, tmp_path):
    scratch = ("--labels", "none", "--network", "samplecnn", "--fine-tune", "none", "--set", "network.hidden=0")
    run_command(home, "train", "tags-demo", *scratch, "--set", "network.width=0.125", "--epochs", "1", *DEMO)
    own = read_model(home / "graphs" / "demo-tags_demo-samplecnn-scratch-1.pb").card
    assert [size for _, size in own.extra["layer_sizes"]] == [16, 32, 32, 64, 64]
    settings = ('choice.kernels=["linear"]', "network.layers=135")
    model = train(home, run_command, *settings, network="samplecnn")
    card = read_model(model).card
    features = next(one for one in card.fields["schema"]["outputs"] if one["name"] == "model/features")
    assert features["shape"] == [16 + 32 + 64]
    assert card.fields["schema"]["inputs"][0]["shape"] == [SAMPLECNN.patch_frames]
    assert (card.sample_rate_hz, card.algorithm) == (SAMPLECNN.sample_rate_hz, "TensorflowPredict")
    notes = " ".join(card.extra["notes"])
    assert "Reads samples, not bands" in notes
    assert "frames" not in notes
    path, told = write_wav(tmp_path / "a.wav", make_signal(12, 44100), 44100), []
    for engine in ("essentia", "openvino"):
        said = tmp_path / f"{engine}.csv"
        run_command(home, "predict", "--model", model.stem, "--engine", engine, "-o", str(said), str(path))
        with said.open() as file:
            told.append({row["class"]: float(row["probability"]) for row in csv.DictReader(file)})
    assert tuple(told[0]) == card.classes
    assert told[1] == pytest.approx(told[0], abs=1e-4)
