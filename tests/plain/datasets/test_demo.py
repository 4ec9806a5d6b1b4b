"""The demo: sane audio, the same for the same seed, not trivial, never half there."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import wave

import numpy as np
import pytest

from essentia_ldl import datasets
from essentia_ldl.collection.splits import fold_tracks
from essentia_ldl.datasets import _synth, demo
from essentia_ldl.datasets.demo import DemoSize
from essentia_ldl.errors import DataError, StoreError

SMALL = DemoSize(n_tracks=3, n_artists=3, duration_s=20.0)
TINY = DemoSize(n_tracks=1, n_artists=1, duration_s=20.0)


def read_wav(path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 44100)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def describe_sound(path) -> np.ndarray:
    return describe_signal(read_wav(path)[: 44100 * 20])


def describe_signal(signal) -> np.ndarray:
    """Mean and deviation of log band energies: a quick stand-in for MFCC."""
    frames = signal.reshape(-1, 2100)[::2]
    power = np.abs(np.fft.rfft(frames * np.hanning(2100))) ** 2
    edges = np.unique(np.geomspace(2, 524, 31).astype(int))
    bands = np.log10(np.add.reduceat(power, edges[:-1], axis=1) + 1e-6)
    return np.concatenate([bands.mean(0), bands.std(0)])


@pytest.fixture(scope="module")
def mood(tmp_path_factory):
    return demo.build_demo(tmp_path_factory.mktemp("demo") / "mood", ("sad", "non_sad"))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return demo.build_demo(tmp_path_factory.mktemp("demo") / "small", ("sad", "non_sad"), SMALL)


@pytest.mark.slow
def test_the_default_size_follows_the_task(mood):
    summary = datasets.summarise(datasets.read_tracks(mood))
    assert summary.classes == ("non_sad", "sad")
    assert min(summary.tracks.values()) >= 24
    assert min(summary.artists.values()) >= 6
    assert summary.n_artists < sum(summary.artists.values())  # some work for both classes
    assert summary.n_without_artist == 0
    assert len(fold_tracks(datasets.read_tracks(mood), 5)) == 5


@pytest.mark.slow
def test_the_audio_is_sane(mood):
    for track in datasets.read_tracks(mood):
        signal = read_wav(track.path)
        assert signal.size == 21 * 44100
        assert np.abs(signal).max() <= _synth.PEAK + 1e-3
        seconds = np.sqrt(np.mean(signal.reshape(21, -1) ** 2, axis=1))
        assert seconds.min() > 10 ** (-60 / 20)  # no silent second
        assert abs(signal.mean()) < 0.01


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(small, tmp_path):
    again = demo.build_demo(tmp_path / "again", ("non_sad", "sad"), SMALL)  # the order of the classes is nothing
    other = demo.build_demo(tmp_path / "other", ("sad", "non_sad"), SMALL, seed=1)
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


def test_a_complete_demo_is_reused_and_a_broken_or_other_one_is_made_again(tmp_path):
    root = tmp_path / "demo"
    demo.build_demo(root, ("sad", "happy"), TINY)
    first = next((root / "audio").iterdir())
    written = first.stat().st_mtime_ns
    assert demo.build_demo(root, ("sad", "happy"), TINY) == root
    assert first.stat().st_mtime_ns == written
    first.write_bytes(b"cut")
    demo.build_demo(root, ("sad", "happy"), TINY)
    assert first.stat().st_size > 44100
    demo.build_demo(root, ("sad", "happy"), TINY, seed=3)
    assert json.loads((root / "demo.json").read_text())["seed"] == 3
    assert os.listdir(tmp_path) == ["demo"]


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match=r"a new folder or an older demo.*Take another folder"):
        demo.build_demo(tmp_path, ("a", "b"), SMALL)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_build_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo._synth, "render_track", fail)
    with pytest.raises(StoreError, match=r"No space left on device.*Free some space"):
        demo.build_demo(tmp_path / "demo", ("a", "b"), SMALL)
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
    demo.build_demo(tmp_path / "demo", ("a", "b"), TINY)
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
        (("a", "b"), {"duration_s": 5, "n_substyles": 2}, "duration_s: expected 8 or more"),
        (("a", "b"), {"n_substyles": 17}, "n_substyles: expected 0 to 16; got 17"),
        (("a", "b"), {"n_substyles": -1}, "n_substyles: expected 0 to 16; got -1"),
        (("a", "b"), {"n_substyles": 4, "n_artists": 3}, "n_artists: expected 4 or more; got 3"),
    ],
)
def test_parameters_out_of_range_are_refused(classes, options, message, tmp_path):
    seed = options.get("seed", 0)
    size = DemoSize(**{key: value for key, value in options.items() if key != "seed"})
    with pytest.raises(DataError, match=message):
        demo.build_demo(tmp_path / "demo", classes, size, seed=seed)
    assert os.listdir(tmp_path) == []


# --- sub-styles -----------------------------------------------------------------------------------------------------

GENRES = ("Folk", "Hip Hop", "Rock")
ALBUMS = DemoSize(n_substyles=3, n_artists=6, n_tracks=8, duration_s=8.0)


@pytest.fixture(scope="module")
def albums(tmp_path_factory):
    return demo.build_demo(tmp_path_factory.mktemp("demo") / "albums", GENRES, ALBUMS)


@pytest.mark.slow
def test_without_substyles_the_demo_is_the_one_it_was(tmp_path):
    """Stores and scores of the other demos depend on every byte; the digests are those of before there were any."""
    root = demo.build_demo(tmp_path / "demo", ("b", "a", "c"), DemoSize(4, 2, duration_s=20.0), seed=3)
    assert hashlib.sha256((root / "index.csv").read_bytes()).hexdigest()[:16] == "7fbb920fffec1f69"
    assert hashlib.sha256((root / "demo.json").read_bytes()).hexdigest()[:16] == "6988aad3f0e72d09"
    level = np.sqrt(np.mean(read_wav(root / "audio" / "0005-b.wav") ** 2))
    assert level == pytest.approx(0.039009, rel=1e-4)  # not a digest: the last bits of an FFT belong to the machine


def test_a_demo_of_artist_groups_is_read_as_a_table(albums):
    tracks = datasets.read_tracks(albums)
    assert datasets.find_layout(albums) == "demo"
    assert {label: sum(t.label == label for t in tracks) for label in GENRES} == dict.fromkeys(GENRES, 8)
    assert len({track.artist for track in tracks}) == 18
    assert {"title", "album", "subgenres", "plays"} == set(tracks[0].columns)
    names = {name for track in tracks for name in track.columns["subgenres"].split(";")}
    assert len(names) == 9  # every sub-style is somebody's home
    assert not any(set(" |,") & set(name) for name in names)
    for track in tracks:
        assert track.columns["plays"] in track.columns["subgenres"].split(";")
        assert read_wav(track.path).size == 8 * 44100
    assert json.loads((albums / "demo.json").read_text())["n_substyles"] == 3
    assert demo.build_demo(albums, GENRES, ALBUMS) == albums


@pytest.mark.slow
def test_the_same_seed_gives_the_same_albums(albums, tmp_path):
    again = demo.build_demo(tmp_path / "again", GENRES[::-1], ALBUMS)
    other = demo.build_demo(tmp_path / "other", GENRES, ALBUMS, seed=1)
    assert (albums / "index.csv").read_bytes() == (again / "index.csv").read_bytes()
    assert (albums / "index.csv").read_bytes() != (other / "index.csv").read_bytes()
    for path in (albums / "audio").iterdir():
        assert path.read_bytes() == (again / "audio" / path.name).read_bytes()


def test_the_size_follows_the_substyles(tmp_path, monkeypatch):
    monkeypatch.setattr(demo._synth, "render_track", lambda *_: np.zeros(10))
    root = demo.build_demo(tmp_path / "demo", ("a", "b", "c", "d"), DemoSize(n_substyles=4))
    tracks = datasets.read_tracks(root)
    assert (len(tracks), len({track.artist for track in tracks})) == (720, 240)
    assert json.loads((root / "demo.json").read_text())["duration_s"] == 10
    few = demo.build_demo(tmp_path / "few", ("a", "b"), DemoSize(n_substyles=4, n_tracks=12))
    assert len({track.artist for track in datasets.read_tracks(few)}) == 8


# --- tags and dimensions --------------------------------------------------------------------------------------------

FEW = DemoSize(n_tracks=6, n_artists=3, duration_s=8.0)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo") / "tags"
    return demo.build_demo(root, ("quiet", "percussion"), FEW, kind="multi_label")


def test_a_demo_of_tags_has_tags_and_artists(tagged, tmp_path):
    tracks = datasets.read_tracks(tagged)
    assert datasets.find_layout(tagged) == "demo"
    assert len(tracks) == 6
    assert {track.label for track in tracks} == {""}
    counts = datasets.summarise(tracks)
    assert 0 < counts.tracks["quiet"] < 6
    assert counts.n_artists == 3
    loudness = {t.id: np.sqrt(np.mean(read_wav(t.path) ** 2)) for t in tracks}
    quiet = [loudness[t.id] for t in tracks if "quiet" in t.tags]
    assert np.mean(quiet) < 0.7 * np.mean([loudness[t.id] for t in tracks if "quiet" not in t.tags])
    assert json.loads((tagged / "demo.json").read_text())["kind"] == "multi_label"
    assert demo.build_demo(tagged, ("percussion", "quiet"), FEW, kind="multi_label") == tagged
    with pytest.raises(DataError, match="a demo of other parameters"):
        demo.build_demo(tagged, ("percussion", "quiet"), FEW, kind="regression", replace=False)


def test_a_demo_of_dimensions_has_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(demo._synth, "render_track", lambda *_: np.zeros(10))
    root = demo.build_demo(tmp_path / "demo", ("valence", "arousal"), kind="regression")
    tracks = datasets.read_tracks(root)
    assert (len(tracks), len({track.artist for track in tracks})) == (demo.N_TRACKS, demo.N_TRACKS // 5)
    assert all(1 <= number <= 9 for track in tracks for number in track.numbers.values())
    assert set(tracks[0].numbers) == {"arousal", "valence"}
    assert tracks[0].tags is None


@pytest.mark.parametrize(
    ("classes", "kind", "message"),
    [
        (("a", "b"), "ranking", "kind of a demo: expected single_label or multi_label or regression; got 'ranking'"),
        ((), "multi_label", "demo classes: expected different names; got"),
        (("artist",), "multi_label", "names that are no column of the index; got 'artist'"),
        (tuple("abcdefghi"), "regression", "names of the demo: expected at most 8"),
    ],
)
def test_tags_and_dimensions_that_cannot_be_made_are_refused(classes, kind, message, tmp_path):
    with pytest.raises(DataError, match=message):
        demo.build_demo(tmp_path / "demo", classes, kind=kind)


def test_a_changed_index_of_tags_is_refused(tagged, tmp_path):
    for name in ("demo.json", "index.csv", "audio/0001-track.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((tagged / name).read_bytes())
    text = (tmp_path / "index.csv").read_text().replace("track.wav,0", "track.wav,2", 1)
    (tmp_path / "index.csv").write_text(text)
    with pytest.raises(DataError, match=r"tag 'percussion': expected 1 or 0; got '2' \(.*index.csv, row \d\)"):
        datasets.read_tracks(tmp_path)
