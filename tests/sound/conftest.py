"""Sound made from a seed, in every format, and the graphs to run on it.

Signals are drawn with numpy and written with the standard library; ffmpeg makes the other formats when it is there.
The base graphs are built once by the nets zone in a process of its own and kept in ESSENTIA_LDL_TEST_CACHE
(default ``.cache/graphs`` in the repository); ESSENTIA_LDL_WHEEL names a local wheel of their weights.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.features.store import Store
from essentia_ldl.frontends import MUSICNN
from essentia_ldl.models.folder import find_extractor, find_model, read_model
from essentia_ldl.sound.features import extract_track
from essentia_ldl.sound.predict import Request

REPOSITORY = Path(__file__).resolve().parents[2]
STEMS = {"full": "mood_sad-musicnn-msd", "head": "mood_sad-msd-musicnn"}


def synthesise(duration_s: float, rate_hz: int = 44100, seed: int = 0, n_channels: int = 1) -> np.ndarray:
    """Make notes with harmonics over a bed of noise; (n_samples,) or (n_samples, n_channels) float64 within +-0.9."""
    random = np.random.default_rng([11, seed])
    n_samples = round(duration_s * rate_hz)
    time = np.arange(n_samples) / rate_hz
    channels = []
    for _ in range(n_channels):
        signal = 0.02 * random.standard_normal(n_samples)
        for start in np.arange(0.0, duration_s, 0.25):
            pitch_hz = 110.0 * 2 ** (random.integers(0, 36) / 12)
            first, last = round(start * rate_hz), min(n_samples, round((start + 0.5) * rate_hz))
            t = time[first:last] - start
            for harmonic in range(1, 5):
                signal[first:last] += 0.3 / harmonic * np.exp(-6 * t) * np.sin(2 * np.pi * harmonic * pitch_hz * t)
        channels.append(0.9 * signal / max(1.0, np.abs(signal).max()))
    return channels[0] if n_channels == 1 else np.stack(channels, axis=1)


def save_wav(path: Path, signal: np.ndarray, rate_hz: int = 44100, form: str = "s16") -> Path:
    """Write "u8", "s16", "s24" or "f32" samples; (n_samples,) is mono, (n_samples, n_channels) is interleaved."""
    n_channels = 1 if signal.ndim == 1 else signal.shape[1]
    if form == "f32":
        data = signal.astype("<f4").tobytes()
        fmt = struct.pack("<HHIIHH", 3, n_channels, rate_hz, rate_hz * n_channels * 4, n_channels * 4, 32)
        chunks = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", len(data)) + data
        path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
        return path
    with wave.open(str(path), "wb") as file:
        file.setnchannels(n_channels)
        file.setframerate(rate_hz)
        if form == "u8":
            file.setsampwidth(1)
            file.writeframes(np.round(signal * 127 + 128).astype("u1").tobytes())
        elif form == "s16":
            file.setsampwidth(2)
            file.writeframes(np.round(signal * 32767).astype("<i2").tobytes())
        else:
            file.setsampwidth(3)
            samples = np.round(signal * 8388607).astype("<i4").reshape(-1, 1).view("u1")[:, :3]
            file.writeframes(np.ascontiguousarray(samples).tobytes())
    return path


def save_aiff(path: Path, signal: np.ndarray, rate_hz: int = 44100) -> Path:
    """Write 16-bit mono samples as AIFF."""
    data = np.round(signal * 32767).astype(">i2").tobytes()
    exponent = rate_hz.bit_length() - 1  # the rate is an 80-bit float
    rate = struct.pack(">HQ", 16383 + exponent, rate_hz << (63 - exponent))
    common = b"COMM" + struct.pack(">IhIh", 18, 1, len(signal), 16) + rate
    sound = b"SSND" + struct.pack(">III", len(data) + 8, 0, 0) + data
    path.write_bytes(b"FORM" + struct.pack(">I", 4 + len(common) + len(sound)) + b"AIFF" + common + sound)
    return path


def run_ffmpeg(source: Path, target: Path, *options: str) -> Path:
    """Encode a file; skips the test when there is no ffmpeg or it lacks the encoder."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not on the PATH")
    command = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-i", str(source), *options, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Unknown encoder" in done.stderr:
        pytest.skip(f"ffmpeg: {done.stderr.strip().splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="session")
def make_signal() -> Callable[..., np.ndarray]:
    """The function `synthesise`."""
    return synthesise


@pytest.fixture(scope="session")
def write_wav() -> Callable[..., Path]:
    """The function `save_wav`."""
    return save_wav


@pytest.fixture(scope="session")
def write_aiff() -> Callable[..., Path]:
    """The function `save_aiff`."""
    return save_aiff


@pytest.fixture(scope="session")
def encode() -> Callable[..., Path]:
    """The function `run_ffmpeg`."""
    return run_ffmpeg


@pytest.fixture(scope="session")
def audio_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for files that several tests read."""
    return tmp_path_factory.mktemp("audio")


@pytest.fixture(scope="session")
def song(audio_folder: Path) -> Path:
    """Ten seconds of stereo at 44.1 kHz."""
    return save_wav(audio_folder / "song.wav", synthesise(10, seed=1, n_channels=2))


@pytest.fixture(scope="session")
def long_song(audio_folder: Path) -> Path:
    """Thirty seconds of stereo at 44.1 kHz."""
    return save_wav(audio_folder / "long.wav", synthesise(30, seed=2, n_channels=2))


@pytest.fixture(scope="session")
def run_python() -> Callable[..., subprocess.CompletedProcess]:
    """A function (arguments, **environment) -> a finished Python process that sees this repository."""

    def run(*arguments: str, timeout_s: float = 300, **environment: str) -> subprocess.CompletedProcess:
        paths = [environment.pop("PYTHONPATH", ""), str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment}
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=timeout_s)

    return run


@pytest.fixture(scope="session")
def run_command(run_python: Callable[..., subprocess.CompletedProcess]) -> Callable[..., str]:
    """A function (home, *arguments) -> what the command line prints; it has to end well."""

    def run(home: Path, *arguments: str) -> str:
        done = run_python("-m", "essentia_ldl", *arguments, timeout_s=1800, ESSENTIA_LDL_HOME=str(home))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def train_from_scratch(
    tmp_path_factory: pytest.TempPathFactory,
    make_signal: Callable[..., np.ndarray],
    write_wav: Callable[..., Path],
    run_python: Callable[..., subprocess.CompletedProcess],
) -> Callable[..., Path]:
    """A function (network, classes, training) -> run folder with its export: four tracks train, two validate."""

    def train(backbone: str, classes: tuple[str, str], training: dict[str, float]) -> Path:
        root = tmp_path_factory.mktemp(backbone)
        store, folder = Store(root / "store"), root / "run"
        paths = [write_wav(root / f"{i}.wav", make_signal(3.5, seed=60 + i)) for i in range(6)]
        job = {"store": str(store.root), "front_ends": [backbone]}
        contents = [extract_track({**job, "path": str(path)})["content"] for path in paths]
        tracks = [
            {"id": p.name, "content": c, "role": "train" if i < 4 else "valid", "label": classes[i % 2]}
            for i, (p, c) in enumerate(zip(paths, contents, strict=True))
        ]
        plan = {
            **{"run": "run", "task": "genre", "name": "genre", "description": "", "classes": classes},
            "training": training,
            **{"store": str(store.root), "graphs": str(root)},
            "network": {"backbone": backbone, "pretrained": None, "fine_tune": "none", "hidden": 0},
            "front_end": backbone,
            "stems": {"full": f"genre-{backbone}-scratch", "head": None},
            "tracks": tracks,
            "audio": [{"path": str(p), "content": c} for p, c in zip(paths[:2], contents[:2], strict=True)],
        }
        folder.mkdir()
        (folder / "plan.json").write_text(json.dumps(plan))
        rows = [f"{track['id']},{1.0 - i % 2},{float(i % 2)}" for i, track in enumerate(tracks)]
        (folder / "labels.csv").write_text("\n".join([",".join(["id", *classes]), *rows]) + "\n")
        done = run_python("-m", "essentia_ldl.nets", str(folder))
        assert done.returncode == 0, done.stderr
        return folder

    return train


@pytest.fixture(scope="session")
def graphs(run_python: Callable[..., subprocess.CompletedProcess]) -> Path:
    """The base graphs; skips when their weights cannot be downloaded."""
    folder = Path(os.environ.get("ESSENTIA_LDL_TEST_CACHE") or REPOSITORY / ".cache" / "graphs")
    wheel = os.environ.get("ESSENTIA_LDL_WHEEL")
    arguments = [str(folder), *(["--wheel", wheel] if wheel else [])]
    done = run_python("-m", "essentia_ldl.nets.base_graphs", *arguments)
    if done.returncode != 0:
        if wheel or "pip" not in done.stderr:
            pytest.fail(f"the base graphs cannot be built: {done.stderr}")
        reason = f"the released weights cannot be had: {done.stderr.strip()}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)  # a check that is skipped in CI checks nothing
    return folder


@pytest.fixture(scope="session")
def load_request(graphs: Path) -> Callable[..., Request]:
    """A function (name or path of a model) -> `Request`, with its extractor."""

    def load(name: str | Path) -> Request:
        model = read_model(name) if isinstance(name, Path) else find_model(name, graphs)
        extractor = find_extractor(model, graphs)
        inner = None if extractor is None else Request(extractor.name, extractor.graph, extractor.card)
        return Request(model.name, model.graph, model.card, inner)

    return load


@pytest.fixture(scope="session")
def exported_run(
    graphs: Path,
    tmp_path_factory: pytest.TempPathFactory,
    run_python: Callable[..., subprocess.CompletedProcess],
) -> Path:
    """A run of the nets zone on six synthetic tracks: a full graph and a head, exported and not yet verified."""
    root = tmp_path_factory.mktemp("trained")
    classes, tracks, audio, lines = ("non_sad", "sad"), [], [], ["id,non_sad,sad"]
    for index in range(6):
        path = save_wav(root / f"{index}.wav", synthesise(6 if index == 0 else 4, seed=20 + index))
        job = {"path": str(path), "store": str(root / "store"), "front_ends": [MUSICNN.name]}
        content = extract_track(job)["content"]
        label = index % 2
        role = "train" if index < 4 else "valid"
        tracks.append({"id": path.name, "content": content, "role": role, "label": classes[label]})
        audio.append({"path": str(path), "content": content})
        lines.append(f"{path.name},{1.0 - label},{float(label)}")
    plan = {
        "run": "run",
        "task": "mood-sad",
        "name": "mood sad",
        "description": "classification of music by mood (sad/non-sad)",
        "classes": classes,
        "front_end": MUSICNN.name,
        "network": {"backbone": "musicnn", "pretrained": "msd", "fine_tune": "head"},
        "training": {"epochs": 2, "batch_size": 4},
        "store": str(root / "store"),
        "graphs": str(graphs),
        "stems": STEMS,
        "card": {"demo": True},
        "tracks": tracks,
        "audio": audio[:2],
    }
    run = root / "run"
    run.mkdir()
    (run / "plan.json").write_text(json.dumps(plan))
    (run / "labels.csv").write_text("\n".join(lines) + "\n")
    done = run_python("-m", "essentia_ldl.nets.run", str(run))
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture
def copied_run(exported_run: Path, tmp_path: Path) -> Path:
    """A copy of the exported run that a test may damage."""
    shutil.copytree(exported_run, tmp_path / "run")
    return tmp_path / "run"
