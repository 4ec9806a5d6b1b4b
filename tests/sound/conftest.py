"""Sound made from a seed, in every format, and the graphs to run on it.

Signals are drawn with numpy and written with the standard library; ffmpeg makes the other formats when it is there.
The base graphs are built once by the nets zone in a process of its own and kept in ESSENTIA_LDL_TEST_CACHE
(default ``.cache/graphs`` in the repository); ESSENTIA_LDL_WHEEL names a local wheel of their weights.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import struct
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.features.extractors import describe_extractor, plan_extractor
from essentia_ldl.features.store import Store
from essentia_ldl.files import digest_file
from essentia_ldl.frontends import MUSICNN, of_network
from essentia_ldl.models.folder import find_extractor, find_model, read_model
from essentia_ldl.models.pretrained import are_built
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.sound.features import extract_track
from essentia_ldl.sound.request import Request
from essentia_ldl.train.prepare import make_demo

REPOSITORY = Path(__file__).resolve().parents[2]
EXTRACTOR_RUNS = ("fake-effnet-bs64-1", "fake-maest-5s-1", "vggish")
LONG_TO_TRAIN = {"sampled_run", "cqt_run", "dcnn_run", "resnet_run", "extractor_runs", "openl3_run"}
OPENL3_NAME = "openl3-music-mel128-emb512-3"
GENRES = ("Folk", "Rock")
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


_ENCODED: dict[tuple[str, ...], bytes] = {}  # what `run_ffmpeg` made, by source, options and suffix


def run_ffmpeg(source: Path, target: Path, *options: str) -> Path:
    """Encode a file, once in a session; skips the test when there is no ffmpeg or it lacks the encoder."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not on the PATH")
    key = (digest_file(source), target.suffix, *options)
    if key in _ENCODED:
        target.write_bytes(_ENCODED[key])
        return target
    command = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-i", str(source), *options, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Unknown encoder" in done.stderr:
        pytest.skip(f"ffmpeg: {done.stderr.strip().splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    _ENCODED[key] = target.read_bytes()
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
def cut_wavs() -> Callable[[Path, float], None]:
    """A function (folder, seconds) that keeps the beginning of every WAV file: a demo cannot be made so short."""

    def cut(folder: Path, seconds: float) -> None:
        for path in folder.glob("*.wav"):
            with wave.open(str(path)) as file:
                parameters, frames = file.getparams(), file.readframes(round(seconds * file.getframerate()))
            with wave.open(str(path), "wb") as file:
                file.setparams(parameters)
                file.writeframes(frames)

    return cut


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
def measure_growth(run_python: Callable[..., subprocess.CompletedProcess]) -> Callable[..., int]:
    """A function (script, *arguments) -> kB of resident memory by which a process grew between two of its measurements.

    The script calls ``rss()`` and prints what it found as a json list. The least growth counts: what a file leaves
    grows in every stretch, what an allocator keeps for later in some.
    """

    def measure(script: str, *arguments: str) -> int:
        rss = "rss = lambda: int(open('/proc/self/statm').read().split()[1]) * 4\n"
        done = run_python("-c", rss + script, *arguments)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        assert len(found) > 2
        return min(after - before for before, after in itertools.pairwise(found))

    return measure


@pytest.fixture(scope="session")
def run_command(run_python: Callable[..., subprocess.CompletedProcess]) -> Callable[..., str]:
    """A function (home, *arguments) -> what the command line prints; it has to end well."""

    def run(home: Path, *arguments: str) -> str:
        done = run_python("-m", "essentia_ldl", *arguments, timeout_s=1800, ESSENTIA_LDL_HOME=str(home))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


NETS_SERVER = """
import contextlib, io, json, runpy, sys, traceback
answers = sys.stdout
for line in sys.stdin:
    (name, *sys.argv[1:]), said, status = json.loads(line), io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            (runpy.run_path if name.endswith(".py") else runpy.run_module)(name, run_name="__main__")
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            traceback.print_exc()
            status = 1
    print(json.dumps([status, said.getvalue()]), file=answers, flush=True)
"""


@pytest.fixture(scope="session")
def run_nets() -> Iterator[Callable[..., tuple[int, str]]]:
    """A function (module or script, *arguments) -> status and what was printed, in a process of the nets zone.

    TensorFlow takes seconds to load, so that one process, started when it is first needed, runs them all.
    """
    process = None

    def run(name: str, *arguments: object) -> tuple[int, str]:
        nonlocal process
        if process is None:
            paths = filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
            variables = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            process = subprocess.Popen([sys.executable, "-c", NETS_SERVER], env=variables, text=True, **pipes)
        process.stdin.write(json.dumps([str(name), *map(str, arguments)]) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, f"the process ended in {name}"
        status, said = json.loads(answer)
        return status, said

    yield run
    if process is not None:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def graphs(run_nets: Callable[..., tuple[int, str]]) -> Path:
    """The base graphs; skips when their weights cannot be downloaded."""
    folder = Path(os.environ.get("ESSENTIA_LDL_TEST_CACHE") or REPOSITORY / ".cache" / "graphs")
    wheel = os.environ.get("ESSENTIA_LDL_WHEEL")
    if are_built(folder):
        return folder
    status, said = run_nets("essentia_ldl.nets.base_graphs", folder, *(["--wheel", wheel] if wheel else []))
    if status != 0:
        if wheel or "pip" not in said:
            pytest.fail(f"the base graphs cannot be built: {said}")
        reason = f"the released weights cannot be had: {said.strip()}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)  # a check that is skipped in CI checks nothing
    return folder


@pytest.fixture(scope="session")
def demo_home(graphs: Path, tmp_path_factory: pytest.TempPathFactory, cut_wavs) -> Callable[[Path], Path]:
    """A function (folder) -> a new home there with the base graphs and the demo of mood-sad, 12 tracks per class.

    Seven seconds of a track are left, three patches, where the whole has thirteen; and all homes have one store, where
    a test finds what another one has extracted.
    """
    store = tmp_path_factory.mktemp("demo") / "store"
    recipe = read_recipe("mood-sad").override(demo__tracks=12, demo__artists=6)
    cut_wavs(make_demo(store / "demo" / recipe.task, recipe) / "audio", 7.0)

    def make(home: Path) -> Path:
        (home / "graphs").mkdir(parents=True)
        for path in graphs.iterdir():
            (home / "graphs" / path.name).symlink_to(path)
        (home / "store").symlink_to(store)
        return home

    return make


@pytest.fixture(scope="session")
def published(graphs: Path, tmp_path_factory: pytest.TempPathFactory, run_nets) -> Path:
    """MusiCNN in the form of Essentia's published graph, made by `make_published.py`."""
    path = tmp_path_factory.mktemp("published") / "msd-musicnn.pb"
    status, said = run_nets(REPOSITORY / "tests" / "make_published.py", graphs / "msd-musicnn-1.weights.h5", path)
    assert status == 0, said
    return path


@pytest.fixture(scope="session")
def load_request(graphs: Path) -> Callable[..., Request]:
    """A function (name or path of a model) -> `Request`, with its extractor."""

    def load(name: str | Path) -> Request:
        model = read_model(name) if isinstance(name, Path) else find_model(name, graphs)
        extractor = find_extractor(model, graphs)
        inner = None if extractor is None else Request(extractor.name, extractor.graph, extractor.card)
        return Request(model.name, model.graph, model.card, inner)

    return load


# --- trained runs: all that the collected tests need at once ----------------------------------------------------------


def plan_run(folder: Path, wavs: list[Path], contents: list[str], plan: dict) -> Path:
    """Write a run folder: four tracks train, two validate, and the first two are heard when it is verified."""
    classes = plan["classes"]
    tracks = [
        {"id": path.name, "content": content, "role": "train" if i < 4 else "valid", "label": classes[i % 2]}
        for i, (path, content) in enumerate(zip(wavs, contents, strict=True))
    ]
    heard = [{"path": str(p), "content": c} for p, c in zip(wavs[:2], contents[:2], strict=True)]
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps({"run": "run", **plan, "tracks": tracks, "audio": heard}))
    rows = [f"{track['id']},{1.0 - i % 2},{float(i % 2)}" for i, track in enumerate(tracks)]
    (folder / "labels.csv").write_text("\n".join([",".join(["id", *classes]), *rows]) + "\n")
    return folder


def write_clips(root: Path, durations_s: list[float], seed: int) -> list[Path]:
    """Write one file per duration."""
    return [
        save_wav(root / f"{i}.wav", synthesise(duration_s, seed=seed + i)) for i, duration_s in enumerate(durations_s)
    ]


def fill_store(store: Store, wavs: list[Path], **wanted: object) -> list[str]:
    """Fill a store; return the contents of the files."""
    job = {"store": str(store.root), "front_ends": [], **wanted}
    return [extract_track({**job, "path": str(path)})["content"] for path in wavs]


def plan_musicnn(root: Path, graphs: Path) -> dict[str, Path]:
    """Plan a full graph and a head, once plain and once with dropout and 20 samples."""
    store = Store(root / "store")
    wavs = write_clips(root, [6, 4, 4, 4, 4, 4], seed=20)
    contents = fill_store(store, wavs, front_ends=[MUSICNN.name])
    network = {"backbone": "musicnn", "pretrained": "msd", "fine_tune": "head"}
    plan = {
        "task": "mood-sad",
        "name": "mood sad",
        "description": "classification of music by mood (sad/non-sad)",
        "classes": ("non_sad", "sad"),
        "front_end": MUSICNN.name,
        "network": network,
        "training": {"epochs": 2, "batch_size": 4},
        "store": str(store.root),
        "graphs": str(graphs),
        "stems": STEMS,
        "card": {"demo": True},
    }
    sampled = {**plan, "network": {**network, "dropout": 0.4}, "samples": 20}
    return {
        "exported_run": plan_run(root / "run", wavs, contents, plan),
        "sampled_run": plan_run(root / "sampled", wavs, contents, sampled),
    }


def plan_from_scratch(root: Path, backbone: str, classes: tuple[str, str], training: dict) -> Path:
    """Plan a network without pretrained weights."""
    store = Store(root / f"store-{backbone}")
    (root / backbone).mkdir()
    front_end = of_network(backbone)
    duration_s = max(3.5, 0.5 + front_end.patch_samples / front_end.sample_rate_hz)
    wavs = write_clips(root / backbone, [duration_s] * 6, seed=60)
    plan = {
        **{"task": "genre", "name": "genre", "description": "", "classes": classes, "training": training},
        **{"store": str(store.root), "graphs": str(root), "front_end": of_network(backbone).name},
        "network": {"backbone": backbone, "pretrained": None, "fine_tune": "none", "hidden": 0},
        "stems": {"full": f"genre-{backbone}-scratch", "head": None},
    }
    return plan_run(
        root / backbone / "run", wavs, fill_store(store, wavs, front_ends=[of_network(backbone).name]), plan
    )


def plan_on_extractor(folder: Path, graphs: Path, name: str, wavs: list[Path], **network: object) -> Path:
    """Plan a head on a published extractor; a VGGish is planned whole as well, from the weights of its file."""
    store = Store(folder.parent / "store")
    plan = {
        **{"task": "mood-sad", "name": "mood sad", "description": "", "classes": ("non_sad", "sad")},
        **{"training": {"epochs": 2, "batch_size": 4}, "store": str(store.root), "graphs": str(graphs)},
    }
    if name == "vggish":
        contents = fill_store(store, wavs, front_ends=["vggish"])
        plan |= {"network": {"backbone": "vggish", "pretrained": "audioset"}, "front_end": "vggish"}
        plan["stems"] = {"full": "mood_sad-vggish-audioset", "head": "mood_sad-audioset-vggish"}
        return plan_run(folder, wavs, contents, plan)
    extractor = describe_extractor(read_model(graphs / f"{name}.pb"))
    contents = fill_store(store, wavs, extractor=extractor.as_job(store))
    plan |= {"network": {"backbone": "musicnn", "pretrained": "msd", "extractor": name, **network}}
    plan |= {"front_end": extractor.front_end.name, "extractor": plan_extractor(extractor, store, contents[0])}
    plan["stems"] = {"full": None, "head": f"mood_sad-{extractor.stem}"}
    return plan_run(folder, wavs, contents, plan)


@pytest.fixture(scope="session")
def extractor_graphs(tmp_path_factory: pytest.TempPathFactory, run_nets) -> Path:
    """graphs/ with extractors of the interfaces of published ones, made by `make_extractors.py`."""
    target = tmp_path_factory.mktemp("extractors") / "graphs"
    status, said = run_nets(REPOSITORY / "tests" / "make_extractors.py", target)
    assert status == 0, said
    return target


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need another network than the MusiCNN trained: that takes a minute."""
    for item in items:
        if LONG_TO_TRAIN & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def trained_runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, run_nets) -> dict[str, Path]:
    """Run folders with their exports, not yet verified, by the name of the fixture or of the extractor.

    All that the collected tests ask for are trained together, because runs of one process share embeddings.
    """
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    root, found = tmp_path_factory.mktemp("trained"), {}
    if wanted & {"exported_run", "sampled_run"}:
        planned = plan_musicnn(root, request.getfixturevalue("graphs"))
        found |= {name: folder for name, folder in planned.items() if name in wanted}
    if "cqt_run" in wanted:
        training = {"epochs": 2, "batch_size": 2, "learning_rate": 1e-3}
        found["cqt_run"] = plan_from_scratch(root, "cqtcnn", GENRES, training)
    if "dcnn_run" in wanted:
        training = {"epochs": 6, "batch_size": 2, "learning_rate": 1e-3}
        found["dcnn_run"] = plan_from_scratch(root, "dcnn", GENRES, training)
    if "wave_run" in wanted:
        training = {"epochs": 3, "batch_size": 2, "learning_rate": 1e-3}
        found["wave_run"] = plan_from_scratch(root, "framecnn", GENRES, training)
    if "resnet_run" in wanted:
        training = {"epochs": 12, "batch_size": 1, "learning_rate": 1e-4}
        found["resnet_run"] = plan_from_scratch(root, "resnet", GENRES, training)
    if wanted & {"extractor_runs", "openl3_run"}:
        graphs, heads = request.getfixturevalue("extractor_graphs"), root / "heads"
        heads.mkdir()
        wavs = write_clips(heads, [8, 6, 6, 6, 6, 6], seed=20)
        if "extractor_runs" in wanted:
            for name in EXTRACTOR_RUNS:
                found[name] = plan_on_extractor(heads / name, graphs, name, wavs)
        if "openl3_run" in wanted:
            (root / "openl3").mkdir()
            wavs = write_clips(root / "openl3", [5, 4, 4, 4, 4, 4], seed=40)
            folder = root / "openl3" / "run"
            found["openl3_run"] = plan_on_extractor(folder, graphs, OPENL3_NAME, wavs, hidden=16)
    status, said = run_nets("essentia_ldl.nets", *found.values())
    assert status == 0, said
    return found


@pytest.fixture(scope="session")
def exported_run(trained_runs: dict[str, Path]) -> Path:
    """A full graph and a head on the MusiCNN."""
    return trained_runs["exported_run"]


@pytest.fixture(scope="session")
def sampled_run(trained_runs: dict[str, Path]) -> Path:
    """The exported run once more, trained with dropout and with 20 samples."""
    return trained_runs["sampled_run"]


@pytest.fixture(scope="session")
def cqt_run(trained_runs: dict[str, Path]) -> Path:
    """A CNN on constant-Q transforms, trained on four tracks."""
    return trained_runs["cqt_run"]


@pytest.fixture(scope="session")
def dcnn_run(trained_runs: dict[str, Path]) -> Path:
    """A DCNN, trained on four tracks."""
    return trained_runs["dcnn_run"]


@pytest.fixture(scope="session")
def resnet_run(trained_runs: dict[str, Path]) -> Path:
    """A ResNet, trained on four tracks."""
    return trained_runs["resnet_run"]


@pytest.fixture(scope="session")
def wave_run(trained_runs: dict[str, Path]) -> Path:
    """A frame-level CNN on samples, trained on four tracks."""
    return trained_runs["wave_run"]


@pytest.fixture(scope="session")
def extractor_runs(trained_runs: dict[str, Path]) -> dict[str, Path]:
    """Heads by name of the extractor, and "vggish" for head and full graph from the weights of its file."""
    return {name: trained_runs[name] for name in EXTRACTOR_RUNS}


@pytest.fixture(scope="session")
def openl3_run(trained_runs: dict[str, Path]) -> Path:
    """An MLP on an OpenL3."""
    return trained_runs["openl3_run"]


@pytest.fixture
def copied_run(exported_run: Path, tmp_path: Path) -> Path:
    """A copy of the exported run that a test may damage."""
    shutil.copytree(exported_run, tmp_path / "run")
    return tmp_path / "run"
