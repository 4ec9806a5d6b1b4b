"""`make bench`: speed and memory as a table. Every ratio comes from runs that alternate on the same machine.

``make bench OPTIONS="--only artist-groups"`` measures one section; that on libraries (`bench_library`) has sizes of its
own: ``--only library --audio FOLDER --clips 60 --files 5000 --models 10 --repeats 3``.

Not a test: machines are shared and noisy, so nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from bench_library import add_options, measure, measure_library, read_sizes, write_audio

from essentia_ldl.files import Home, digest_file, read_json, write_json
from essentia_ldl.models import folder as models
from essentia_ldl.zones import zone_environment

REPEATS = int(os.environ.get("BENCH_REPEATS", "5"))
COMMAND = [sys.executable, "-m", "essentia_ldl"]
PUBLISHED = """
import essentia.standard as es, sys
audio = es.MonoLoader(filename=sys.argv[2], sampleRate=16000, resampleQuality=4)()
print(es.TensorflowPredictMusiCNN(graphFilename=sys.argv[1])(audio).mean(axis=0))
"""
WITHOUT_CALIBRATION = """
import sys
from essentia_ldl.nets.runtime import tf
graph = tf.compat.v1.GraphDef.FromString(open(sys.argv[1], "rb").read())
nodes = {node.name: node for node in graph.node}
softmax, logits = nodes["model/Softmax"], nodes["model/Softmax"].input[0]
while nodes[logits].op != "BiasAdd":
    logits = nodes[logits].input[0]
softmax.input[0] = logits
open(sys.argv[2], "wb").write(graph.SerializeToString())
"""
ONE_SAMPLE = """
import sys
import numpy as np
from essentia_ldl.nets.runtime import tf
graph = tf.compat.v1.GraphDef.FromString(open(sys.argv[1], "rb").read())
for node in graph.node:
    if node.op == "Const" and node.name.endswith(("Tile/multiples", "Reshape/shape")):
        value = tf.make_ndarray(node.attr["value"].tensor)
        one = np.where(value == int(sys.argv[3]), 1, value).astype(value.dtype)
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(one))
open(sys.argv[2], "wb").write(graph.SerializeToString())
"""
SAMPLES = """
import sys, time
import numpy as np
import essentia.standard as es
from essentia_ldl.sound.graph import load_graph, run_graph
many, one, size, name = sys.argv[1], sys.argv[2], int(sys.argv[3]), "model/Placeholder"
rows = np.random.default_rng(0).normal(size=(18, size)).astype("float32")
def measure(graph, times):
    nodes = ["model/uncertainty/mean_probabilities"]
    network = load_graph(graph, name, nodes)
    run_graph(network, graph, name, rows, nodes)
    found = []
    for _ in range(50):
        started = time.perf_counter()
        for _ in range(times):
            run_graph(network, graph, name, rows, nodes)
        found.append(time.perf_counter() - started)
    return float(np.median(found)) * 1000
print(measure(many, 1), measure(one, int(sys.argv[4])), flush=True)
import os; os._exit(0)
"""
EXTRACT = """
import sys, time
from essentia_ldl import frontends
from essentia_ldl.sound.features import extract_features
started = time.perf_counter()
extract_features(sys.argv[1], (frontends.MUSICNN, frontends.MFCC))
print(time.perf_counter() - started, flush=True)
import os; os._exit(0)
"""

TRACKS_OF_GROUPS = (100, 300, 1000, 3000)
TRACKS_AN_ARTIST = 5
FRAMES = (1292, 25)  # of 30 s
ARTIST_GROUPS = """
import json, resource, sys
from pathlib import Path
import numpy as np
from essentia_ldl import labels
from essentia_ldl.records import Track
paths, n_groups = sorted(Path(sys.argv[1]).glob("*.npy"))[: int(sys.argv[2])], int(sys.argv[4])
def read(track, front_end):
    return np.load(track.path, mmap_mode="r")
tracks = [Track(p.stem, str(p), "a", artist=f"{i // int(sys.argv[3]):04d}") for i, p in enumerate(paths)]
peaks = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]
report = labels.build("agf-m", ("a", "b"), read, {"n_groups": n_groups}).fit(tracks).report
peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(json.dumps([report[f"{step}_seconds"] for step in ("dictionary", "counting", "lda")] + peaks))
"""


def compare(first: list[str], second: list[str], plain_second: bool = False) -> tuple[float, float]:
    """Alternate two commands; returns the median seconds of each."""
    environment = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_OPTS"}
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        times[0].append(measure(first)[0])
        times[1].append(measure(second, environment if plain_second else None)[0])
    return float(np.median(times[0])), float(np.median(times[1]))


def remove_calibration(graph: Path, target: Path) -> Path:
    """Copy a graph whose softmax reads the logits as they are; in a process of its own, as TensorFlow has to be."""
    measure([sys.executable, "-c", WITHOUT_CALIBRATION, str(graph), str(target)])
    card = read_json(graph.with_suffix(".json"))
    card["essentia_ldl"]["sha256"] = digest_file(target)
    write_json(target.with_suffix(".json"), card)
    return target


def find_head(method: str, *options: str) -> models.Model:
    """Return a head with uncertainty by "ensemble" or "dropout", or without any; train one where there is none."""
    for _ in range(2):
        for model in models.list_models(Home.from_environment().graphs)[0]:
            found = model.card.extra.get("uncertainty", {}).get("method", "")
            if model.card.embedding_model is not None and not model.is_base and found == method:
                return model
        subprocess.run([*COMMAND, "train", "mood-sad", *options], check=True, env=zone_environment())
    raise SystemExit(f"bench: no head with {method or 'one network'} in {Home.from_environment().graphs}")


def measure_uncertainty(audio: str, single: models.Model) -> list[tuple[str, str, str]]:
    """Compare five members with one network, and 30 dropout samples with 30 runs."""
    ensemble = find_head("ensemble", "--members", "5", "--epochs", "5")
    five, one = compare(
        [*COMMAND, "predict", "--uncertainty", "--model", ensemble.graph, audio],
        [*COMMAND, "predict", "--model", single.graph, audio],
    )
    n_members = len(ensemble.card.extra["uncertainty"]["members"])
    sampled = find_head("dropout", "--dropout", "0.3", "--samples", "30", "--epochs", "5")
    size = sampled.card.fields["schema"]["inputs"][0]["shape"][0]
    n_samples = sampled.card.extra["uncertainty"]["samples"]
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-bench-") as folder:
        one_sample = str(Path(folder, "one.pb"))
        measure([sys.executable, "-c", ONE_SAMPLE, sampled.graph, one_sample, str(n_samples)])
        command = [sys.executable, "-c", SAMPLES, sampled.graph, one_sample, str(size), str(n_samples)]
        told = subprocess.run(command, check=True, capture_output=True, text=True, env=zone_environment()).stdout
    batch_ms, runs_ms = map(float, told.split())
    return [
        (
            f"ensemble of {n_members} heads against one",
            f"{five / one:.2f} times the time",
            f"{five:.2f} s / {one:.2f} s",
        ),
        (
            f"{n_samples} dropout samples against 30 runs of the head",
            f"{batch_ms / runs_ms:.2f} times the time",
            f"{batch_ms:.1f} ms / {runs_ms:.1f} ms, 18 patches",
        ),
    ]


def write_frames(folder: Path, n_tracks: int) -> None:
    """Write frames of tracks, drawn from a mixture: an artist has eight sounds of 200."""
    rng = np.random.default_rng(0)
    sounds = rng.normal(0, 20, (200, FRAMES[1])).astype(np.float32)
    for number in range(n_tracks):
        if number % TRACKS_AN_ARTIST == 0:
            own = rng.choice(len(sounds), 8, replace=False)
        frames = rng.standard_normal(FRAMES, dtype=np.float32) * 8 + sounds[rng.choice(own, FRAMES[0])]
        np.save(folder / f"{number:05d}.npy", frames)


def measure_artist_groups() -> None:
    """Print how dictionary, counting and LDA of artist group factors grow with the tracks; each size in a process."""
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-bench-") as folder:
        write_frames(Path(folder), max(TRACKS_OF_GROUPS))
        print("artist groups, 2048 clusters: seconds (and growth), memory in MB before and at its peak")
        print("tracks  artists  groups      dictionary        counting             LDA  before   peak")
        first: list[float] = []
        for n_tracks in TRACKS_OF_GROUPS:
            n_artists = n_tracks // TRACKS_AN_ARTIST
            n_groups = min(40, n_artists)
            told = subprocess.run(
                [sys.executable, "-c", ARTIST_GROUPS, folder, *map(str, (n_tracks, TRACKS_AN_ARTIST, n_groups))],
                check=True,
                capture_output=True,
                text=True,
                env=zone_environment(),
            ).stdout
            *seconds, before, peak = json.loads(told)
            first = first or seconds
            steps = "  ".join(f"{s:7.1f} ({s / f:4.1f})" for s, f in zip(seconds, first, strict=True))
            memory = f"{before / 1024:6.0f}  {peak / 1024:5.0f}"
            print(f"{n_tracks:6}  {n_artists:7}  {n_groups:6}  {steps}  {memory}", flush=True)


def main() -> None:
    """Print the sections that are asked for."""
    parser = argparse.ArgumentParser(description="Speed and memory, as tables.")
    parser.add_argument("--only", choices=["predict", "library", "artist-groups"], help="One section (default: all).")
    add_options(parser)
    options = parser.parse_args()
    if options.only in (None, "predict"):
        measure_predict()
    if options.only in (None, "library"):
        measure_library(read_sizes(options))
    if options.only in (None, "artist-groups"):
        measure_artist_groups()


def measure_predict() -> None:
    """Print the table of prediction and extraction."""
    graphs = Home.from_environment().graphs
    head = find_head("")
    run = head.card.extra["run"]
    full = next(
        m for m in models.list_models(graphs)[0] if m.card.extra.get("run") == run and m.card.embedding_model is None
    )
    rows: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-bench-") as folder:
        three_minutes = write_audio(Path(folder, "three.wav"), 180)
        half_minute = write_audio(Path(folder, "half.wav"), 30)
        half_hour = write_audio(Path(folder, "long.wav"), 1800)
        copies = []
        for number in range(10):
            stem = f"copy{number}"
            shutil.copy(head.graph, Path(folder, f"{stem}.pb"))
            shutil.copy(Path(head.graph).with_suffix(".json"), Path(folder, f"{stem}.json"))
            copies += ["--model", str(Path(folder, f"{stem}.pb"))]

        measure([*COMMAND, "predict", "--model", full.graph, half_minute])  # warms the disk, settles oneDNN
        ours, theirs = compare(
            [*COMMAND, "predict", "--model", full.graph, three_minutes],
            [sys.executable, "-c", PUBLISHED, full.graph, three_minutes],
            plain_second=True,
        )
        rows.append(
            (
                "3 minutes, full model, start included",
                f"{theirs / ours:.2f} times faster",
                f"{ours:.2f} s / {theirs:.2f} s",
            )
        )
        plain = remove_calibration(Path(full.graph), Path(folder, "plain.pb"))
        with_it, without = compare(
            [*COMMAND, "predict", "--model", full.graph, three_minutes],
            [*COMMAND, "predict", "--model", str(plain), three_minutes],
        )
        rows.append(
            ("calibrated against not", f"{with_it / without:.2f} times the time", f"{with_it:.2f} s / {without:.2f} s")
        )
        ten, one = compare(
            [*COMMAND, "predict", *copies, three_minutes],
            [*COMMAND, "predict", *copies[:2], three_minutes],
        )
        rows += measure_uncertainty(three_minutes, head)
        rows.append(("ten heads against one", f"{ten / one:.2f} times the time", f"{ten:.2f} s / {one:.2f} s"))
        seconds, peak_mb = measure([*COMMAND, "predict", "--model", full.graph, half_hour])
        rows.append(("peak memory, 30 minutes, full model", f"{peak_mb:.0f} MB", f"{seconds:.1f} s"))
        speeds = []
        pinned = ["taskset", "-c", "0"] if shutil.which("taskset") else []  # Linux alone has it
        for _ in range(REPEATS):
            found = subprocess.run(
                [*pinned, sys.executable, "-c", EXTRACT, three_minutes],
                check=True,
                capture_output=True,
                text=True,
                env=zone_environment(),
            )
            speeds.append(180 / float(found.stdout))
        rows.append(
            ("features (mel and MFCC), one core", f"{np.median(speeds):.0f} times real time", "180 s of stereo")
        )
        help_s = np.median([measure([*COMMAND, "--help"])[0] for _ in range(REPEATS)])
        rows.append(("--help", f"{help_s:.2f} s", ""))
        short_s = np.median(
            [measure([*COMMAND, "predict", "--model", full.graph, half_minute])[0] for _ in range(REPEATS)]
        )
        rows.append(("30 seconds, full model, start included", f"{short_s:.2f} s", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    print(f"median of {REPEATS} runs, {os.cpu_count()} cores")
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
