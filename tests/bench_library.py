"""The part of `make bench` on libraries: ours per engine against a plain loop with Essentia's published usage.

``make bench OPTIONS="--only library"``, or ``python tests/bench_library.py --audio FOLDER --clips 60 --files 5000``.
Every ratio comes from runs that alternate; times are of whole processes, start included. The graph of the plain loop
has the form that Essentia publishes (batch normalisation before the maximum, temporal filters along time), built from
the released weights without our folding, so that no official file is needed; its answers must be ours.

Not a test: machines are shared and noisy, so nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import psutil

from essentia_ldl.datasets.folder import walk_audio
from essentia_ldl.files import Home, digest_file, read_json, write_json
from essentia_ldl.models import folder as models
from essentia_ldl.predict.engines import find_openvino, recall_comparisons
from essentia_ldl.zones import zone_environment

COMMAND = [sys.executable, "-m", "essentia_ldl"]
N_DISTINCT = 25  # generated files of the memory run; the others are links to them
SHORT_S, CLIP_S, TRACK_S = 4, 30, 180
PLAIN_LOOP = """
import sys
import essentia.standard as es
graphs, paths = sys.argv[1].split(","), sys.argv[2:]
predictors = [es.TensorflowPredictMusiCNN(graphFilename=graph) for graph in graphs]
for path in paths:
    audio = es.MonoLoader(filename=path, sampleRate=16000, resampleQuality=4)()
    for predict in predictors:
        print(path, predict(audio).mean(axis=0))
sys.stdout.flush()
import os; os._exit(0)
"""
BANDS = """
import sys
from essentia_ldl import frontends
from essentia_ldl.sound.decoder import Decoder
from essentia_ldl.sound.features import connect_bands
def connect(source):
    connect_bands(source, frontends.MUSICNN) >> (source.pool, "bands")
decoder = Decoder((16000,), connect)
for path in sys.argv[1:]:
    decoder.decode(path)
import os; os._exit(0)
"""
# The network as its authors wrote it (github.com/jordipons/musicnn), in TensorFlow 1's operations
PUBLISHED_FORM = """
import sys
from pathlib import Path
import numpy as np
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.runtime import tf
v1 = tf.compat.v1
tagger = load_tagger(Path(sys.argv[1]), "musicnn", "msd")
layers = {layer.name: [np.array(weight) for weight in layer.get_weights()] for layer in tagger.layers}
def normalise(x, name):
    gamma, beta, mean, variance = map(tf.constant, layers[name])
    x4 = x if x.shape.rank == 4 else x[:, None, None]
    y = v1.nn.fused_batch_norm(x4, gamma, beta, mean, variance, epsilon=1e-3, is_training=False)[0]
    return y if x.shape.rank == 4 else y[:, 0, 0]
def convolve(x, name, kernel, padding):
    y = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, tf.constant(kernel), 1, padding), tf.constant(layers[name][1])))
    return normalise(y, name + "_norm")
with tf.Graph().as_default() as graph:
    patches = v1.placeholder(tf.float32, (None, 187, 96), "model/Placeholder")
    x = normalise(patches[..., None], "input_norm")
    padded, front = tf.pad(x, [[0, 0], [3, 3], [0, 0], [0, 0]]), []
    for name in ("timbral_74", "timbral_77"):
        y = convolve(padded, name, layers[name][0], "VALID")
        front.append(tf.squeeze(tf.nn.max_pool2d(y, [1, y.shape[2]], [1, y.shape[2]], "VALID"), 2))
    for name in ("temporal_128", "temporal_64", "temporal_32"):
        y = convolve(x, name, layers[name][0].transpose(1, 0, 2, 3), "SAME")
        front.append(tf.squeeze(tf.nn.max_pool2d(y, [1, 96], [1, 96], "VALID"), 2))
    y = front = tf.concat(front, 2)
    middle = []
    for number in (1, 2, 3):
        name = f"midend_{number}"
        z = tf.pad(y, [[0, 0], [3, 3], [0, 0]])[..., None]
        z = tf.transpose(convolve(z, name, layers[name][0][:, :, None], "VALID"), (0, 1, 3, 2))[..., 0]
        y = z if number == 1 else z + y
        middle.append(y)
    features = tf.concat([front, *middle], 2)
    pairs = tf.stack([tf.reduce_max(features, 1), tf.reduce_mean(features, 1)], 2)
    pooled = normalise(tf.reshape(pairs, (-1, 2 * features.shape[2])), "pool_norm")
    dense = tf.nn.bias_add(tf.matmul(pooled, layers["embedding"][0]), layers["embedding"][1])
    tags = tf.matmul(normalise(tf.nn.relu(dense), "tail_norm"), layers["tags"][0])
    answers = tf.nn.sigmoid(tf.nn.bias_add(tags, layers["tags"][1]), name="model/Sigmoid")
    drawn = np.random.default_rng(0).uniform(0, 6, (3, 187, 96)).astype(np.float32)
    with v1.Session(graph=graph) as session:
        found = session.run(answers, {patches: drawn})
definition = graph.as_graph_def()
for node in definition.node:  # what TensorFlow 2.5 does not know, at its default
    for name in ("grad_a", "grad_b", "use_cudnn_on_gpu", "debug_name", "keep_dims"):
        if name in node.attr and node.op in ("MatMul", "BatchMatMulV2", "Placeholder"):
            del node.attr[name]
np.testing.assert_allclose(found, tf.sigmoid(tagger(drawn, training=False)), atol=1e-5)
Path(sys.argv[2]).write_bytes(definition.SerializeToString())
"""
# Full models of one frozen network: the weights of the last layer differ
VARIANTS = """
import sys
from pathlib import Path
import numpy as np
from essentia_ldl.nets.runtime import tf
definition = tf.compat.v1.GraphDef.FromString(Path(sys.argv[1]).read_bytes())
last = [n for n in definition.node if n.op == "Const" and n.attr["value"].tensor.tensor_shape.dim
        and [d.size for d in n.attr["value"].tensor.tensor_shape.dim][-2:] == [200, 50]]
assert len(last) == 1, [n.name for n in last]
kernel = tf.make_ndarray(last[0].attr["value"].tensor)
for number, target in enumerate(sys.argv[2:]):
    noise = np.random.default_rng(number).normal(0, kernel.std(), kernel.shape)
    last[0].attr["value"].tensor.CopyFrom(tf.make_tensor_proto((kernel + noise).astype(np.float32)))
    Path(target).write_bytes(definition.SerializeToString(deterministic=True))
"""


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Parameters
    ----------
    clips : int
        Clips of half a minute.
    files : int
        Files of 4 s in the memory run.
    models : int
        Full models of one network; they run on a tenth of the clips.
    repeats : int
        Runs of each command, in turns.
    audio : Path or None
        Folder with music; None generates clips.
    """

    clips: int = 60
    files: int = 5000
    models: int = 10
    repeats: int = 3
    audio: Path | None = None


def write_audio(path: Path, seconds: int, seed: int = 0) -> str:
    """Write noise bursts over a chord, 44.1 kHz stereo, 16 bit, a second at a time."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(44100) / 44100
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        for second in range(seconds):
            root = 110 * 2 ** (((second + seed) * 5 % 12) / 12)
            chord = sum(np.sin(2 * np.pi * root * ratio * time_s) for ratio in (1, 1.25, 1.5)) * 0.15
            beat = rng.normal(0, 0.2, 44100) * np.exp(-12 * (time_s * 2 % 1))
            stereo = np.repeat((chord + beat)[:, None], 2, axis=1)
            file.writeframes((np.clip(stereo, -1, 1) * 32767).astype("<i2").tobytes())
    return str(path)


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Run a command; returns wall seconds and the peak memory of its largest process in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment or zone_environment()
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"bench: {' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def alternate(commands: Mapping[str, Sequence[str]], repeats: int) -> dict[str, list[float]]:
    """Run commands in turns; returns the seconds of each. One that begins with "plain" gets the user's environment."""
    user = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_OPTS"}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            seconds[name].append(measure(command, user if name.startswith("plain") else None)[0])
    return seconds


def list_engines() -> dict[str, list[str]]:
    """Return the options of every engine that this machine has, by what it is called in the table."""
    found = {"essentia": ["--engine", "essentia"]}
    if find_openvino():
        found["openvino"] = ["--engine", "openvino"]
        asks = "from essentia_ldl.sound.compiled import require_precision; require_precision('bf16')"
        if subprocess.run([sys.executable, "-c", asks], capture_output=True, env=zone_environment()).returncode == 0:
            found["openvino, bf16"] = ["--precision", "bf16"]
    return found


def show(what: str, seconds: Mapping[str, Sequence[float]], reference: str, more: str = "") -> None:
    """Print how many times faster than the reference each one is: the median of ratios within a round."""
    theirs = seconds[reference]
    for name, own in seconds.items():
        if name != reference:
            ratio = statistics.median(b / a for a, b in zip(own, theirs, strict=True))
            times = f"{statistics.median(own):.2f} s / {statistics.median(theirs):.2f} s"
            print(f"{what}, {name}: {ratio:.2f} times faster ({times}){more}", flush=True)


def gather_clips(sizes: Sizes, folder: Path) -> list[str]:
    """Return paths of clips, the user's or generated ones."""
    if sizes.audio is not None:
        found = sorted(map(str, walk_audio(sizes.audio)))
        if len(found) < sizes.clips:
            raise SystemExit(f"bench: {sizes.audio} has {len(found)} audio files, {sizes.clips} are wanted.")
        return found[:: len(found) // sizes.clips][: sizes.clips]
    return [write_audio(folder / f"clip{number}.wav", CLIP_S, number) for number in range(sizes.clips)]


def measure_clips(sizes: Sizes, model: str, published: str, folder: Path) -> None:
    """Compare clips and one track of three minutes, per engine, with a plain loop on the published form."""
    clips, track = gather_clips(sizes, folder), write_audio(folder / "track.wav", TRACK_S)
    plain = [sys.executable, "-c", PLAIN_LOOP, published]
    for what, paths in ((f"{len(clips)} clips", clips), ("3 minutes", [track])):
        ours = {name: [*COMMAND, "predict", "-m", model, *how, *paths] for name, how in list_engines().items()}
        for command in ours.values():  # warms the disk, and settles what is compared once
            measure([*command[: -len(paths)], paths[0]])
        commands = {**ours, "plain loop": [*plain, *paths]}
        if paths is clips:
            commands["decoding and bands"] = [sys.executable, "-c", BANDS, *paths]
        seconds = alternate(commands, sizes.repeats)
        bands = seconds.pop("decoding and bands", None)
        show(what, seconds, "plain loop")
        if bands is None:
            continue
        for name in ours:
            share = statistics.median(b / a for a, b in zip(seconds[name], bands, strict=True))
            hourly = 3600 * len(clips) / statistics.median(seconds[name])
            told = f"decoding and bands {share:.0%} of the time, {hourly:.0f} tracks per hour"
            print(f"{what}, {name}: {told}", flush=True)


def measure_models(sizes: Sizes, model: Path, published: Path, folder: Path) -> None:
    """Compare full models of one frozen network with as many graphs of the published form."""
    variants = [folder / f"variant{number}.pb" for number in range(sizes.models)]
    copies = [folder / f"published{number}.pb" for number in range(sizes.models)]
    for source, targets in ((model, variants), (published, copies)):
        measure([sys.executable, "-c", VARIANTS, str(source), *map(str, targets)])
    for path in variants:
        card = read_json(model.with_suffix(".json"))
        card["essentia_ldl"]["sha256"] = digest_file(path)
        write_json(path.with_suffix(".json"), card)
    clips = gather_clips(dataclasses.replace(sizes, clips=max(1, sizes.clips // 10)), folder)
    engines = {name: how for name, how in list_engines().items() if "bf16" not in name}
    asked = [part for path in variants for part in ("-m", str(path))]
    ours = {}
    for name, how in engines.items():
        ours[f"{name}, {sizes.models} models"] = [*COMMAND, "predict", *asked, *how, *clips]
        ours[f"{name}, one"] = [*COMMAND, "predict", *asked[:2], *how, *clips]
    for command in ours.values():
        measure(command)
    plain = [sys.executable, "-c", PLAIN_LOOP, ",".join(map(str, copies)), *clips]
    seconds = alternate({**ours, "plain loop": plain}, sizes.repeats)
    many = {name: own for name, own in seconds.items() if not name.endswith("one")}
    show(f"{sizes.models} full models, {len(clips)} clips", many, "plain loop")
    for name in engines:
        rounds = zip(seconds[f"{name}, {sizes.models} models"], seconds[f"{name}, one"], strict=True)
        print(f"{name}: {sizes.models} models take {statistics.median(a / b for a, b in rounds):.2f} times one")


def measure_memory(sizes: Sizes, model: str, folder: Path) -> None:
    """Print the peak memory of the process that predicts, and how it grows over the second half of many files.

    What an engine is asked once per machine is asked before, as in every run but the first.
    """
    distinct = [Path(write_audio(folder / f"short{number}.wav", SHORT_S, number)) for number in range(N_DISTINCT)]
    for number in range(sizes.files):
        os.link(distinct[number % N_DISTINCT], folder / f"file{number:06d}.wav")
    paths = [str(folder / f"file{number:06d}.wav") for number in range(sizes.files)]
    read = models.read_model(model)
    for name, options in list_engines().items():
        if "bf16" in name:
            continue
        measure([*COMMAND, "predict", "-m", model, *options, paths[0]])
        job = {
            "models": [{"name": read.name, "graph": read.graph, "card": dict(read.card.fields), "proved": True}],
            "files": paths,
            "patch_hop_frames": None,
            "uncertainty": False,
            "engine": options[1],
            "precision": "f32",
            "remembered": recall_comparisons(),
            "onednn_accepted": True,
        }
        seen = follow_memory(job)
        half = seen[len(seen) // 2 :]
        slope = np.polyfit([n for n, _ in half], [mb for _, mb in half], 1)[0] * 1000 if len(half) > 1 else math.nan
        peak = max(mb for _, mb in seen)
        told = f"peak {peak:.0f} MB, slope {slope:.2f} MB per 1,000 files"
        print(f"{sizes.files} files of {SHORT_S} s, {name}: {told}", flush=True)


def follow_memory(job: dict[str, object]) -> list[tuple[int, float]]:
    """Run a job in the process that predicts; returns its resident memory in MB after so many files."""
    process = subprocess.Popen(
        [sys.executable, "-m", "essentia_ldl.sound.predict"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**zone_environment(), "ESSENTIA_LDL_ENGINE": str(job["engine"])},
    )
    json.dump(job, process.stdin)
    process.stdin.close()
    looked, seen, n_done, n_failed = psutil.Process(process.pid), [], 0, 0
    for line in process.stdout:
        answer = json.loads(line)
        if "error" in answer:
            raise SystemExit(f"bench: {answer['error']}")
        n_failed += "failure" in answer
        if "result" in answer:
            n_done += 1
            seen.append((n_done, looked.memory_info().rss / 2**20))
    process.wait()
    if n_failed or n_done < len(job["files"]):
        raise SystemExit(f"bench: {n_done} of {len(job['files'])} files were predicted, {n_failed} failed.")
    return seen


def measure_library(sizes: Sizes) -> None:
    """Print the lines of clips, models and memory."""
    graphs = Home.from_environment().graphs
    model = graphs / f"{models.BASE_MODEL}.pb"
    if not model.is_file():
        subprocess.run([*COMMAND, "graphs", "build"], check=True, env=zone_environment())
    print(f"library: medians of {sizes.repeats} runs in turns, {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-bench-") as name:
        folder = Path(name)
        published = folder / "published.pb"
        measure([sys.executable, "-c", PUBLISHED_FORM, str(graphs), str(published)])
        if sizes.clips:
            measure_clips(sizes, str(model), str(published), folder)
            if sizes.models:
                measure_models(sizes, model, published, folder)
        if sizes.files:
            measure_memory(sizes, str(model), folder)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what chooses the sizes."""
    parser.add_argument("--clips", type=int, default=Sizes.clips, help="Clips of 30 s; 0 leaves them out.")
    parser.add_argument("--files", type=int, default=Sizes.files, help="Files of 4 s; 0 leaves them out.")
    parser.add_argument("--models", type=int, default=Sizes.models, help="Full models at once; 0 leaves them out.")
    parser.add_argument("--repeats", type=int, default=Sizes.repeats, help="Runs of each command.")
    parser.add_argument("--audio", type=Path, help="Folder with music (default: generated).")


def read_sizes(options: argparse.Namespace) -> Sizes:
    """Return what the options say."""
    return Sizes(options.clips, options.files, options.models, options.repeats, options.audio)


if __name__ == "__main__":
    asking = argparse.ArgumentParser(description="Libraries: speed and memory against published usage.")
    add_options(asking)
    measure_library(read_sizes(asking.parse_args()))
