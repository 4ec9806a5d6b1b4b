"""`make bench`: speed and memory as a table. Every ratio comes from runs that alternate on the same machine.

Not a test: machines are shared and noisy, so nothing here passes or fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

from essentia_ldl import models
from essentia_ldl.store import graphs_folder
from essentia_ldl.zones import zone_environment

REPEATS = int(os.environ.get("BENCH_REPEATS", "5"))
COMMAND = [sys.executable, "-m", "essentia_ldl"]
PUBLISHED = """
import essentia.standard as es, sys
audio = es.MonoLoader(filename=sys.argv[2], sampleRate=16000, resampleQuality=4)()
print(es.TensorflowPredictMusiCNN(graphFilename=sys.argv[1])(audio).mean(axis=0))
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


def write_audio(path: Path, seconds: int) -> str:
    """Write noise bursts over a chord, 44.1 kHz stereo, 16 bit, a second at a time."""
    rng = np.random.default_rng(0)
    time_s = np.arange(44100) / 44100
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        for second in range(seconds):
            root = 110 * 2 ** ((second * 5 % 12) / 12)
            chord = sum(np.sin(2 * np.pi * root * ratio * time_s) for ratio in (1, 1.25, 1.5)) * 0.15
            beat = rng.normal(0, 0.2, 44100) * np.exp(-12 * (time_s * 2 % 1))
            stereo = np.repeat((chord + beat)[:, None], 2, axis=1)
            file.writeframes((np.clip(stereo, -1, 1) * 32767).astype("<i2").tobytes())
    return str(path)


def measure(command: list[str], environment: dict[str, str] | None = None) -> tuple[float, float]:
    """Run a command; returns wall seconds and the peak memory of its largest process in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment or zone_environment()
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"bench: {' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def compare(first: list[str], second: list[str], plain_second: bool = False) -> tuple[float, float]:
    """Alternate two commands; returns the median seconds of each."""
    environment = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_OPTS"}
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        times[0].append(measure(first)[0])
        times[1].append(measure(second, environment if plain_second else None)[0])
    return float(np.median(times[0])), float(np.median(times[1]))


def main() -> None:
    """Print the table."""
    graphs = graphs_folder()
    heads = [model for model in models.list_models(graphs)[0] if model.card.embedding_model is not None]
    if not heads:
        subprocess.run([*COMMAND, "train", "mood-sad"], check=True, env=zone_environment())
        heads = [model for model in models.list_models(graphs)[0] if model.card.embedding_model is not None]
    head = heads[0]
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
        ten, one = compare(
            [*COMMAND, "predict", *copies, three_minutes],
            [*COMMAND, "predict", *copies[:2], three_minutes],
        )
        rows.append(("ten heads against one", f"{ten / one:.2f} times the time", f"{ten:.2f} s / {one:.2f} s"))
        seconds, peak_mb = measure([*COMMAND, "predict", "--model", full.graph, half_hour])
        rows.append(("peak memory, 30 minutes, full model", f"{peak_mb:.0f} MB", f"{seconds:.1f} s"))
        speeds = []
        for _ in range(REPEATS):
            found = subprocess.run(
                ["taskset", "-c", "0", sys.executable, "-c", EXTRACT, three_minutes],
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
