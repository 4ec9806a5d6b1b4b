"""The demo: sane audio, the same for the same seed, not trivial, never half there."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import wave

import numpy as np
import pytest

from essentia_ldl import datasets
from essentia_ldl.datasets import _styles, _synth, demo
from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.splits import fold_tracks

MOODS = ("acoustic", "electronic", "aggressive", "relaxed", "happy", "sad", "party")
DORTMUND = ("alternative", "blues", "electronic", "folkcountry", "funksoulrnb", "jazz", "pop", "raphiphop", "rock")
SMALL = {"n_tracks": 3, "n_artists": 3, "duration_s": 20.0}


def read_wav(path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 44100)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def describe_sound(path) -> np.ndarray:
    """Mean and deviation of 30 log band energies: a quick stand-in for MFCC."""
    frames = read_wav(path)[: 44100 * 20].reshape(-1, 2100)[::2]
    power = np.abs(np.fft.rfft(frames * np.hanning(2100))) ** 2
    edges = np.unique(np.geomspace(2, 524, 31).astype(int))
    bands = np.log10(np.add.reduceat(power, edges[:-1], axis=1) + 1e-6)
    return np.concatenate([bands.mean(0), bands.std(0)])


@pytest.fixture(scope="module")
def mood(tmp_path_factory):
    return demo.build_demo(tmp_path_factory.mktemp("demo") / "mood", ("sad", "non_sad"))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return demo.build_demo(tmp_path_factory.mktemp("demo") / "small", ("sad", "non_sad"), **SMALL)


def test_the_default_size_follows_the_task(mood):
    summary = datasets.summarise(datasets.read_tracks(mood))
    assert summary.classes == ("non_sad", "sad")
    assert min(summary.tracks.values()) >= 24
    assert min(summary.artists.values()) >= 6
    assert summary.n_artists < sum(summary.artists.values())  # some work for both classes
    assert summary.n_without_artist == 0
    assert len(fold_tracks(datasets.read_tracks(mood), 5)) == 5


def test_the_audio_is_sane(mood):
    for track in datasets.read_tracks(mood):
        signal = read_wav(track.path)
        assert signal.size == 21 * 44100
        assert np.abs(signal).max() <= _synth.PEAK + 1e-3
        seconds = np.sqrt(np.mean(signal.reshape(21, -1) ** 2, axis=1))
        assert seconds.min() > 10 ** (-60 / 20)  # no silent second
        assert abs(signal.mean()) < 0.01


def test_the_task_is_neither_trivial_nor_hopeless(mood, tmp_path):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    tracks = datasets.read_tracks(mood)
    labels = np.array([track.label for track in tracks])
    features = np.array([describe_sound(track.path) for track in tracks])
    estimates = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)),
        features,
        labels,
        groups=[track.artist for track in tracks],
        cv=StratifiedGroupKFold(5),
    )
    assert 0.75 <= balanced_accuracy_score(labels, estimates) <= 0.95


def test_the_same_seed_gives_the_same_bytes(small, tmp_path):
    again = demo.build_demo(tmp_path / "again", ("non_sad", "sad"), **SMALL)  # the order of the classes is nothing
    other = demo.build_demo(tmp_path / "other", ("sad", "non_sad"), **SMALL, seed=1)
    names = sorted(path.name for path in (small / "audio").iterdir())
    assert len(names) == 6
    for name in names:
        assert (small / "audio" / name).read_bytes() == (again / "audio" / name).read_bytes()
        assert (small / "audio" / name).read_bytes() != (other / "audio" / name).read_bytes()
    assert (small / "index.csv").read_bytes() == (again / "index.csv").read_bytes()


def test_the_index_is_a_table_of_its_own(small):
    with open(small / "index.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "label", "artist", "split", "title"]
    assert {row["split"] for row in rows} == {""}
    assert datasets.find_layout(small) == "demo"
    assert datasets.read_tracks(small) == datasets.read_tracks(small / "index.csv")
    assert datasets.read_tracks(small)[0].columns["title"]


def test_artists_differ_in_sound():
    style = _styles.KNOWN_STYLES["happy"]
    spectra = []
    for seed in range(4):
        artist = _synth.build_artist("x", np.random.default_rng(seed))
        signal = _synth.render_track(style, artist, np.random.default_rng(9), 20.0)
        power = np.abs(np.fft.rfft(signal.reshape(-1, 2100))).mean(axis=0)
        spectra.append(np.log(power[1:400] + 1e-9))
    for i in range(4):
        for j in range(i):
            assert np.abs(spectra[i] - spectra[j]).mean() > 0.1


def test_styles_sound_as_they_are_named():
    def render(name: str) -> tuple[float, float]:
        artist = _synth.build_artist("x", np.random.default_rng(0))
        signal = _synth.render_track(_styles.read_styles([name])[0], artist, np.random.default_rng(1), 20.0)
        power = np.abs(np.fft.rfft(signal)) ** 2
        centroid_hz = (power * np.fft.rfftfreq(signal.size, 1 / 44100)).sum() / power.sum()
        return float(np.sqrt(np.mean(signal**2))), float(centroid_hz)

    for soft, loud in (("sad", "happy"), ("sad", "non_sad"), ("relaxed", "aggressive"), ("acoustic", "electronic")):
        assert all(low < high for low, high in zip(render(soft), render(loud), strict=True))


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("negation", ["non_", "not_"])
def test_a_negation_is_the_mirror(mood, negation):
    style, opposite = _styles.read_styles([mood, negation + mood])
    np.testing.assert_allclose(style.values + opposite.values, 1)
    assert np.abs(style.values - opposite.values).max() > 0.5


@pytest.mark.parametrize("classes", [DORTMUND, tuple("abcdefghij"), ("voice", "instrumental"), ("female", "male")])
def test_unknown_names_are_spread(classes):
    values = np.array([style.values for style in _styles.read_styles(classes)])
    distances = np.linalg.norm(values[:, None] - values[None], axis=-1)[np.triu_indices(len(classes), 1)]
    assert distances.min() > 0.5
    assert values.min() >= 0
    assert values.max() <= 1


def test_a_style_out_of_range_is_refused():
    with pytest.raises(DataError, match="style tempo: expected a number from 0 to 1; got 2"):
        _styles.Style(0, 2, 0, 0, 0, 0, 0, 0)


def test_a_complete_demo_is_reused_and_a_broken_or_other_one_is_made_again(small, tmp_path):
    root = tmp_path / "demo"
    demo.build_demo(root, ("sad", "happy"), **SMALL)
    first = next((root / "audio").iterdir())
    written = first.stat().st_mtime_ns
    assert demo.build_demo(root, ("sad", "happy"), **SMALL) == root
    assert first.stat().st_mtime_ns == written
    first.write_bytes(b"cut")
    demo.build_demo(root, ("sad", "happy"), **SMALL)
    assert first.stat().st_size > 44100
    demo.build_demo(root, ("sad", "happy"), **SMALL, seed=3)
    assert json.loads((root / "demo.json").read_text())["seed"] == 3
    assert os.listdir(tmp_path) == ["demo"]


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match=r"a new folder or an older demo.*Take another folder"):
        demo.build_demo(tmp_path, ("a", "b"), **SMALL)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_build_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo._synth, "render_track", fail)
    with pytest.raises(StoreError, match=r"No space left on device.*Free some space"):
        demo.build_demo(tmp_path / "demo", ("a", "b"), **SMALL)
    assert os.listdir(tmp_path) == []


def test_a_killed_build_leaves_nothing_under_the_final_name_and_the_next_cleans_up(tmp_path):
    script = (
        "import os, pathlib, sys\n"
        "from essentia_ldl.datasets import demo\n"
        "def die(*_): os.kill(os.getpid(), 9)\n"
        "demo._synth.render_track = die\n"
        "demo.build_demo(pathlib.Path(sys.argv[1]), ('a', 'b'))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "demo")], capture_output=True, check=False)
    assert done.returncode == -9
    (left,) = os.listdir(tmp_path)
    assert left.endswith(".building")
    demo.build_demo(tmp_path / "demo", ("a", "b"), **SMALL)
    assert os.listdir(tmp_path) == ["demo"]


@pytest.mark.parametrize(
    ("classes", "options", "message"),
    [
        (("a",), {}, "two different names or more"),
        (("a", "a"), {}, "two different names or more"),
        (("a", " "), {}, "two different names or more"),
        (("a", "b"), {"n_artists": 0}, "n_artists: expected 1 or more; got 0"),
        (("a", "b"), {"n_tracks": 3, "n_artists": 4}, r"n_tracks: expected n_artists \(4\) or more; got 3"),
        (("a", "b"), {"seed": -1}, "seed: expected 0 or more"),
        (("a", "b"), {"duration_s": 5}, "duration_s: expected 20 or more"),
    ],
)
def test_parameters_out_of_range_are_refused(classes, options, message, tmp_path):
    with pytest.raises(DataError, match=message):
        demo.build_demo(tmp_path / "demo", classes, **options)
    assert os.listdir(tmp_path) == []
