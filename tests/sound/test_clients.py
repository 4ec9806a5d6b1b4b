"""Programs as people write them for Essentia's models run on installed ones, and say what `predict` says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.install.command import Allowed, Layout, install
from essentia_ldl.install.official import CLASSES
from essentia_ldl.models.folder import read_model
from essentia_ldl.predict.ask import Question, predict_files

pytestmark = pytest.mark.slow
CLIENTS = Path(__file__).parents[1] / "clients"
TASKS = ("mood_sad", "mood_party", "mood_happy", "mood_aggressive")
FULL, HEAD = "mood_sad-musicnn-msd-2", "mood_sad-msd-musicnn-1"


@pytest.fixture(scope="module")
def folder(exported_run, graphs, tmp_path_factory) -> Path:
    """The folder of a program: a full classifier, four heads, MusiCNN and its head of tags, all installed."""
    made, found = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("models")
    layout = Layout(str(found), is_official=True, with_extractor=True, base_url="https://models.example")
    sources = [exported_run / "export" / "mood_sad-musicnn-msd.pb"]
    for task in TASKS:  # one head under four names: what is asked is where its numbers arrive
        sources.append(made / f"{task}.pb")
        for suffix in (".pb", ".json", ".answers.npz"):
            shutil.copy(exported_run / "export" / f"mood_sad-msd-musicnn{suffix}", made / f"{task}{suffix}")
        card = json.loads((made / f"{task}.json").read_text())
        card |= {"name": task.replace("_", " "), "classes": list(CLASSES[task])}
        (made / f"{task}.json").write_text(json.dumps(card))
    install(list(map(str, sources)), layout, graphs, print, Allowed(demo=True))
    tags = Layout(str(found), base_url="https://models.example")
    install(["msd-msd-musicnn-1"], tags, graphs, print)
    return found


@pytest.fixture(scope="module")
def expected(folder, song):
    """A function (name of a model, quality of the loader) -> what `predict` says of the song."""

    def find(name: str, quality: int | None = None) -> np.ndarray:
        question = Question(engine="essentia", resample_quality=quality)
        [[answer]] = predict_files([read_model(folder / f"{name}.pb")], [str(song)], folder, question)
        return answer.probabilities

    return find


@pytest.fixture
def ask(run_python, folder):
    """A function (name of a program, file) -> what it prints."""

    def run(name: str, path: Path):
        done = run_python(str(CLIENTS / f"{name}.py"), str(folder), str(path), TF_CPP_MIN_LOG_LEVEL="3")
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_every_program_is_run(request):
    mine = Path(__file__).read_text("utf-8")
    assert all(f'ask("{path.stem}"' in mine for path in CLIENTS.glob("*.py"))


def test_defaults(ask, song, expected):
    found = ask("defaults", song)
    assert found["mean"] == pytest.approx(expected(FULL, 1), abs=1e-5)  # MonoLoader's own quality


def test_named_outputs(ask, song, expected):
    found = ask("named_outputs", song)
    assert {node: one["shape"][1] for node, one in found.items()} == {
        **{"model/Sigmoid": 2, "model/Softmax": 2, "model/dense_2/BiasAdd": 2},
        **{"model/dense_1/BiasAdd": 100, "model/dense/BiasAdd": 200},
    }
    for node in ("model/Sigmoid", "model/Softmax"):
        assert found[node]["mean"] == pytest.approx(expected(FULL), abs=1e-5)


def test_patches_of_64_frames(ask, song, folder):
    found = ask("real_time", song)
    bands = es.TensorflowInputMusiCNN()
    audio = es.MonoLoader(filename=str(song), sampleRate=16000, resampleQuality=4)()
    frames = np.array([bands(frame) for frame in es.FrameGenerator(audio, 512, 256)])
    assert found["patches"] == len(frames) // 64
    patches = frames[: len(frames) // 64 * 64].reshape(-1, 64, 96)
    network = es.TensorflowPredictMusiCNN(graphFilename=str(folder / f"{FULL}.pb"), patchSize=64, patchHopSize=64)
    assert len(patches) > 2
    assert found["mean"] == pytest.approx(network(audio).mean(axis=0), abs=1e-4)


def test_columns_in_the_code(ask, song, expected):
    found = ask("heads_on_one_pool", song)
    negative, positive = expected(HEAD)
    wanted = {"mood_sad": positive, "mood_party": positive, "mood_happy": negative, "mood_aggressive": negative}
    assert found == {task: pytest.approx(wanted[task], abs=1e-5) for task in TASKS}
    assert {task: CLASSES[task].index(task.removeprefix("mood_")) for task in TASKS} == {
        **{"mood_sad": 1, "mood_party": 1, "mood_happy": 0, "mood_aggressive": 0}
    }


def test_everything_from_the_card(ask, song, expected):
    found = ask("by_card", song)
    assert set(found) == {FULL, *(f"{task}-msd-musicnn-1" for task in TASKS)}
    for name, probabilities in found.items():
        assert list(probabilities.values()) == pytest.approx(expected(name), abs=1e-5)
        assert tuple(probabilities) == CLASSES[name.partition("-")[0]]


def test_tensorflow_itself(ask, folder, tmp_path):
    patches = np.random.default_rng(0).uniform(0, 3, (3, 187, 96)).astype(np.float32)
    np.save(tmp_path / "patches.npy", patches)
    found = ask("raw_tensorflow", tmp_path / "patches.npy")
    network = es.TensorflowPredict(
        graphFilename=str(folder / f"{FULL}.pb"), inputs=["model/Placeholder"], outputs=["model/Sigmoid"]
    )
    pool = es_pool("model/Placeholder", patches[:, None])
    assert found["mean"] == pytest.approx(network(pool)["model/Sigmoid"].reshape(3, 2).mean(axis=0), abs=1e-5)


def test_bands_of_librosa(ask, song, folder, expected, make_signal, write_wav, tmp_path):
    """They are Essentia's where nothing is resampled; librosa's filter is neither of Essentia's two.

    Measured: 1e-8 without resampling; beside quality 1 of the loader .002, beside quality 4 .018.
    """
    plain = write_wav(tmp_path / "plain.wav", make_signal(10, rate_hz=16000, seed=1), 16000)
    [[answer]] = predict_files([read_model(folder / f"{FULL}.pb")], [str(plain)], folder, Question(engine="essentia"))
    found = ask("librosa_bands", plain)
    assert found["patches"] == len(answer.segments)
    assert found["mean"] == pytest.approx(answer.probabilities, abs=1e-5)
    resampled = ask("librosa_bands", song)["mean"]
    assert resampled == pytest.approx(expected(FULL, 1), abs=0.01)
    assert resampled == pytest.approx(expected(FULL), abs=0.04)


def es_pool(name: str, tensor: np.ndarray):
    import essentia

    pool = essentia.Pool()
    pool.set(name, tensor)
    return pool


def test_spawned_workers(ask, song, expected):
    found = ask("spawn_pool", song)
    assert len(found) == 4
    assert all(one == pytest.approx(expected(FULL), abs=1e-5) for one in found)


def test_tags_of_a_served_head(ask, song, expected):
    first, second = ask("tags_by_served_nodes", song)
    assert first == second == pytest.approx(expected("msd-musicnn-1"), abs=1e-5)
    assert first == pytest.approx(expected("msd-msd-musicnn-1"), abs=1e-5)
