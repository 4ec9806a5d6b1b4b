"""Tags and numbers from a table to a graph in Essentia: the commands, one after another, on short clips."""

from __future__ import annotations

import json

import numpy as np
import pytest

from essentia_ldl.models.folder import read_model

N_CLIPS = 20


@pytest.fixture(scope="module")
def home(graphs, write_wav, tmp_path_factory):
    """A home with the pretrained networks, and tables of clips whose noise, tone and level are tags and numbers."""
    home = tmp_path_factory.mktemp("kinds")
    (home / "graphs").mkdir()
    for path in graphs.iterdir():
        (home / "graphs" / path.name).symlink_to(path)
    random, times = np.random.default_rng(0), np.arange(5 * 16000) / 16000
    tags, numbers = ["path,artist,noise,tone"], ["path,artist,pitch"]
    for number in range(N_CLIPS):
        noise, tone, pitch = number % 2, number % 3 == 0, 200 + 100 * (number % 5)
        signal = 0.02 * random.normal(size=len(times)) + 0.1 * np.sin(2 * np.pi * pitch * times)
        signal += 0.2 * noise * random.normal(size=len(times)) + 0.3 * tone * np.sin(2 * np.pi * 1000 * times)
        write_wav(home / f"{number}.wav", signal.astype(np.float32), 16000)
        tags.append(f"{number}.wav,a{number // 2},{noise},{int(tone)}")
        numbers.append(f"{number}.wav,a{number // 2},{pitch}")
    (home / "tags.csv").write_text("\n".join(tags) + "\n")
    (home / "numbers.csv").write_text("\n".join(numbers) + "\n")
    return home


def ask(run_command, home, model):
    answer = run_command(home, "predict", "-m", model, "--format", "json", str(home / "0.wav"))
    return json.loads(answer)[0]


@pytest.mark.slow
def test_tags_are_trained_by_descent_and_told_with_their_thresholds(home, run_command):
    table = str(home / "tags.csv")
    assert "2 classes (noise, tone)" in run_command(home, "new", "sound", "--data", table, "--kind", "multi_label")
    said = run_command(home, "train", "sound", "--data", table, "--labels", "none", "--epochs", "60")
    assert "verified in Essentia: 2 graphs" in said
    card = read_model(home / "graphs" / "sound-msd-musicnn-1.pb").card
    assert card.fields["type"] == "multi-label classifier"
    assert card.output("predictions") == "model/Sigmoid"
    found = ask(run_command, home, "sound-msd-musicnn-1")
    assert set(found["probabilities"]) == {"noise", "tone"}
    thresholds = card.extra["calibration"]["thresholds"]
    assert found["tags"] == [name for name, p in found["probabilities"].items() if p >= thresholds[name]]
    told = run_command(home, "evaluate", "sound-musicnn-msd-1", table)
    assert f"{N_CLIPS} tracks, 0 failed" in told
    assert f"made with {N_CLIPS} of these tracks" in told
    assert "ROC-AUC" in told
    told = run_command(home, "report", "--look", "all")  # the pretrained network below the head
    assert "report.html" in told
    assert "looks/msd-musicnn/bands-timbral_74.png" in told


@pytest.mark.slow
def test_numbers_are_solved_and_told_in_their_unit(home, run_command):
    table = str(home / "numbers.csv")
    run_command(home, "new", "height", "--data", table, "--kind", "regression")
    said = run_command(home, "train", "height", "--data", table, "--speed", "fast")
    assert "verified in Essentia" in said
    assert "on tracks that neither fit nor choice has seen (5 folds, grouped by artist)" in said
    model = read_model(next((home / "graphs").glob("height-*.pb")))
    assert model.card.fields["type"] == "regression model"
    assert model.card.output("predictions") == "model/Identity"
    found = ask(run_command, home, model.name)
    assert 0 < found["numbers"]["pitch"] < 1000
    low, high = found["intervals"]["pitch"]
    assert low < found["numbers"]["pitch"] < high
